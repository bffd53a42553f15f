// Finding journals in a store that is not a directory.
#include <map>
#include <utility>

#include "read/journal_list.hpp"
#include "store/object_window.hpp"

namespace runlog {
namespace {

// meta.json or end.json. Nothing where it is gone, too large or not for us to read: the journal is
// then listed with what its name tells. A store that does not answer is an error.
Result<std::optional<std::string>> fetch_text(ObjectStore& store, const std::string& name) {
  auto text = get_small(store, name, kMeta_bytes_max);
  if (text) return std::optional(std::move(*text));
  if (text.error().code == Errc::unavailable) return std::move(text).error();
  return std::optional<std::string>();
}

class RunListing {
 public:
  RunListing(std::shared_ptr<StoreReading> reading, const StoreRun& run)
      : reading_(std::move(reading)), run_(run) {}

  Result<void> add(const std::vector<StoreObject>& objects) {
    using What = format::RunObject::What;
    for (const StoreObject& object : objects) {
      if (object.parsed.what == What::blob) continue;
      JournalFiles& files = journal(object.id);
      if (object.parsed.what == What::pack) {
        files.info.rank = object.parsed.rank;
        files.remote_packs.push_back({object.name, object.bytes});
        ++files.info.packs_shipped;
        continue;
      }
      auto text = fetch_text(*reading_->store, object.name);
      if (!text) return std::move(text).error();
      if (!*text) continue;
      if (object.parsed.what == What::end) {
        files.is_finished_in_store = take_end(files, **text, object.name);
      } else if (const auto meta = parse_meta(**text, object.name)) {
        // Its name is what it is known by; meta.json only adds to that.
        const JournalInfo known = files.info;
        take_meta(files.info, *meta);
        files.info.session = known.session;
        files.info.run_id = known.run_id;
        if (!known.project.empty()) files.info.project = known.project;
        files.evicts_unshipped = meta->evicts_unshipped;
      }
    }
    return {};
  }

  void finish(const JournalSelection& selection, std::vector<JournalFiles>& found) {
    for (auto& [session, files] : by_session_) {
      if (selection.has_rank(files.info.rank)) found.push_back(std::move(files));
    }
  }

 private:
  JournalFiles& journal(const std::string& session) {
    auto [at, is_new] = by_session_.try_emplace(session);
    JournalFiles& files = at->second;
    if (is_new) {
      files.reading = reading_;
      files.info.session = session;
      files.info.run_id = run_.run_id;
      files.info.project = run_.project;
      std::string url = url_of_object(reading_->store->url(), run_.prefix);
      while (url.ends_with('/')) url.pop_back();
      files.info.path = std::move(url);
    }
    return files;
  }

  std::shared_ptr<StoreReading> reading_;
  const StoreRun& run_;
  std::map<std::string, JournalFiles> by_session_;
};

Result<JournalFiles> single_object(const std::shared_ptr<StoreReading>& reading,
                                   const std::string& name) {
  auto object = reading->head(name);
  if (!object) return std::move(object).error();
  JournalFiles files;
  files.reading = reading;
  files.info.path = url_of_object(reading->store->url(), name);
  files.remote_packs.push_back({name, object->bytes});
  auto pack = PackCursor::open(
      {.path = files.info.path, .reading = reading, .object = name, .object_bytes = object->bytes},
      {});
  if (!pack) return std::move(pack).error();
  const format::PackInfo& info = (*pack)->info();
  files.info.run_id = info.run_id;
  files.info.project = info.project;
  files.info.session = info.session;
  files.info.rank = info.rank;
  return files;
}

}  // namespace

Result<std::vector<JournalFiles>> find_journal_files(std::shared_ptr<StoreReading> reading,
                                                     const StorePlace& place,
                                                     const JournalSelection& given) {
  std::vector<JournalFiles> found;
  if (!place.object.empty()) {
    auto file = single_object(reading, place.object);
    if (!file) return std::move(file).error();
    found.push_back(std::move(*file));
    return found;
  }
  JournalSelection selection = given;
  if (place.rank) {
    if (!given.has_rank(*place.rank)) return found;
    selection.ranks = {*place.rank};
  }
  auto visited =
      visit_runs(*reading->store, place, selection, [&](const StoreRun& run) -> Result<void> {
        auto objects = list_run(*reading->store, run, selection);
        if (!objects) return std::move(objects).error();
        RunListing listing(reading, run);
        if (auto added = listing.add(*objects); !added) return added;
        listing.finish(selection, found);
        return {};
      });
  if (!visited) {
    // A listing or a small file that cannot be understood tells nothing about any record.
    Error error = std::move(visited).error();
    if (error.code == Errc::corrupt) error.code = Errc::unavailable;
    return error;
  }
  if (found.empty() && given.runs.empty() && given.ranks.empty()) {
    // A store has no empty directories: what nobody wrote cannot be told from a name mistyped.
    std::string where = place.project.empty() ? "" : "project=" + place.project + "/";
    if (!place.run_id.empty()) where += "run_id=" + place.run_id + "/";
    if (place.rank) where += format::rank_component(*place.rank) + "/";
    std::string shown = url_of_object(reading->store->url(), where);
    while (shown.ends_with('/')) shown.pop_back();
    return Error{Errc::not_found, 0,
                 shown +
                     " holds no run; check bucket, prefix and spelling, or whether anything has "
                     "been shipped yet"};
  }
  number_attempts(found);
  return found;
}

}  // namespace runlog
