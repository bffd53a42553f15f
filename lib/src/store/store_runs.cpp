#include "store/store_runs.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace runlog {
namespace {

constexpr std::string_view kScheme_end = "://";

bool is_literal(const std::string& glob) {
  return glob.find_first_of("*?[\\") == std::string::npos;
}

// The last component of a path, and the path without it.
std::pair<std::string_view, std::string_view> split_last(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {path, {}};
  return {path.substr(slash + 1), path.substr(0, slash)};
}

// The names of runs and projects one level below `prefix`, without it and the slash at the end.
Result<std::vector<std::string>> list_prefixes(ObjectStore& store, const std::string& prefix) {
  std::vector<std::string> names;
  bool has_too_many = false;
  auto listed = store.list(prefix, false, [&](const ObjectInfo& info) {
    if (!info.is_prefix || !info.name.starts_with(prefix) || !info.name.ends_with('/')) return;
    std::string name = info.name.substr(prefix.size(), info.name.size() - prefix.size() - 1);
    if (!format::id_in_component(name, "project") && !format::id_in_component(name, "run_id")) {
      return;
    }
    if (names.size() >= kRuns_listed_max) {
      has_too_many = true;
      return;
    }
    names.push_back(std::move(name));
  });
  if (!listed) return std::move(listed).error();
  if (has_too_many) {
    return Error{Errc::too_large, 0,
                 url_of_object(store.url(), prefix) + " has more than " +
                     std::to_string(kRuns_listed_max) + " entries; name a project or a run"};
  }
  return names;
}

class RunSearch {
 public:
  RunSearch(ObjectStore& store, const JournalSelection& selection,
            const std::function<Result<void>(const StoreRun&)>& visit)
      : store_(store), selection_(selection), visit_(visit) {}

  Result<void> visit_run(const std::string& project, const std::string& run_id) {
    const std::string above = project.empty() ? "" : "project=" + project + "/";
    return visit_(
        {.prefix = above + "run_id=" + run_id + "/", .project = project, .run_id = run_id});
  }

  Result<void> visit_project(const std::string& project) {
    const auto& globs = selection_.runs;
    if (!globs.empty() && std::all_of(globs.begin(), globs.end(), is_literal)) {
      for (const std::string& run_id : globs) {
        if (auto visited = visit_run(project, run_id); !visited) return visited;
      }
      return {};
    }
    auto names = list_prefixes(store_, "project=" + project + "/");
    if (!names) return std::move(names).error();
    return visit_listed(project, *names);
  }

  Result<void> visit_listed(const std::string& project, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      const auto run_id = format::id_in_component(name, "run_id");
      if (!run_id || !selection_.has_run(std::string(*run_id))) continue;
      if (auto visited = visit_run(project, std::string(*run_id)); !visited) return visited;
    }
    return {};
  }

 private:
  ObjectStore& store_;
  const JournalSelection& selection_;
  const std::function<Result<void>(const StoreRun&)>& visit_;
};

}  // namespace

bool JournalSelection::has_run(const std::string& run_id) const {
  return runs.empty() || std::any_of(runs.begin(), runs.end(), [&](const std::string& glob) {
           return ::fnmatch(glob.c_str(), run_id.c_str(), 0) == 0;
         });
}

bool JournalSelection::has_rank(std::int64_t rank) const {
  return ranks.empty() || std::find(ranks.begin(), ranks.end(), rank) != ranks.end();
}

StorePlace split_store_url(std::string_view url) {
  const std::size_t scheme = url.find(kScheme_end);
  const bool has_scheme = scheme != std::string_view::npos;
  const std::string_view query =
      has_scheme && url.find('?') != std::string_view::npos ? url.substr(url.find('?')) : "";
  const std::size_t path_begin = has_scheme ? scheme + kScheme_end.size() : 0;
  std::string_view rest = url.substr(path_begin, url.size() - path_begin - query.size());

  StorePlace place;
  auto [last, above] = split_last(rest);
  const bool is_file = last.ends_with(".parquet") && !above.empty();
  if (is_file) {
    rest = above;
    std::tie(last, above) = split_last(rest);
  }
  if (const auto rank = format::parse_rank(last); rank && !above.empty()) {
    place.rank = *rank;
    rest = above;
    std::tie(last, above) = split_last(rest);
  }
  if (const auto run_id = format::id_in_component(last, "run_id"); run_id && !above.empty()) {
    place.run_id = *run_id;
    rest = above;
    std::tie(last, above) = split_last(rest);
  } else if (place.rank) {  // a rank of no run is a name like any other
    place.rank.reset();
    rest = url.substr(path_begin, url.size() - path_begin - query.size());
    if (is_file) rest = split_last(rest).second;
  }
  if (const auto project = format::id_in_component(last, "project"); project && !above.empty()) {
    place.project = *project;
    rest = above;
  }
  place.store_url = std::string(url.substr(0, path_begin)) + std::string(rest) + std::string(query);
  if (is_file) {
    const std::string_view whole = url.substr(path_begin, url.size() - path_begin - query.size());
    place = {.store_url = std::move(place.store_url),
             .object = std::string(whole.substr(rest.size() + 1))};
  }
  return place;
}

std::string url_of_object(std::string_view url, std::string_view name) {
  const std::size_t query =
      url.find(kScheme_end) == std::string_view::npos ? std::string_view::npos : url.find('?');
  std::string joined(url.substr(0, query));
  if (!joined.ends_with('/')) joined += '/';
  joined += name;
  return joined;
}

Result<void> visit_runs(ObjectStore& store, const StorePlace& place,
                        const JournalSelection& selection,
                        const std::function<Result<void>(const StoreRun&)>& visit) {
  RunSearch search(store, selection, visit);
  if (!place.run_id.empty()) {
    if (!selection.has_run(place.run_id)) return {};
    return search.visit_run(place.project, place.run_id);
  }
  if (!place.project.empty()) return search.visit_project(place.project);
  auto names = list_prefixes(store, "");
  if (!names) return std::move(names).error();
  for (const std::string& name : *names) {
    const auto project = format::id_in_component(name, "project");
    if (!project) continue;
    if (auto visited = search.visit_project(std::string(*project)); !visited) return visited;
  }
  return search.visit_listed("", *names);
}

Result<std::vector<StoreObject>> list_run(ObjectStore& store, const StoreRun& run,
                                          const JournalSelection& selection) {
  std::vector<StoreObject> objects;
  bool has_too_many = false;
  const auto take = [&](const ObjectInfo& info) {
    if (info.is_prefix || !info.name.starts_with(run.prefix)) return;
    const auto parsed =
        format::parse_run_object(std::string_view(info.name).substr(run.prefix.size()));
    if (!parsed) return;
    if (parsed->what == format::RunObject::What::pack && !selection.has_rank(parsed->rank)) return;
    if (objects.size() >= kObjects_listed_max) {
      has_too_many = true;
      return;
    }
    StoreObject object{.name = info.name, .bytes = info.bytes, .parsed = *parsed};
    object.id = parsed->session.empty() ? parsed->sha256 : parsed->session;
    object.parsed.session = object.parsed.sha256 = {};
    objects.push_back(std::move(object));
  };
  Result<void> listed;
  if (selection.ranks.empty()) {
    listed = store.list(run.prefix, true, take);
  } else {
    for (const std::int64_t rank : selection.ranks) {
      if (listed) listed = store.list(run.prefix + format::rank_component(rank) + "/", true, take);
    }
    if (listed) listed = store.list(run.prefix + "_runlog/", false, take);
  }
  if (!listed) return std::move(listed).error();
  if (has_too_many) {
    return Error{Errc::too_large, 0,
                 url_of_object(store.url(), run.prefix) + " has more than " +
                     std::to_string(kObjects_listed_max) + " objects; choose a rank"};
  }
  std::sort(objects.begin(), objects.end(),
            [](const StoreObject& a, const StoreObject& b) { return a.name < b.name; });
  const auto repeated =
      std::unique(objects.begin(), objects.end(),
                  [](const StoreObject& a, const StoreObject& b) { return a.name == b.name; });
  objects.erase(repeated, objects.end());
  return objects;
}

}  // namespace runlog
