#include "recover/store_trust.hpp"

#include <algorithm>

#include "journal/journal_dir.hpp"
#include "runlog/shown.hpp"
#include "store/object_store.hpp"

namespace runlog {
namespace {

struct Cut {
  std::string_view place;
  std::string_view query;  // with its '?'
};
Cut cut(std::string_view url) {
  if (!is_remote_store(url)) return {url, {}};
  const std::size_t query = std::min(url.find('?'), url.size());
  std::string_view place = url.substr(0, query);
  while (place.ends_with('/')) place.remove_suffix(1);
  return {place, url.substr(query)};
}

// What leads up again, however it is written, is below nothing.
bool leads_down(std::string_view path) {
  if (path.find_first_of("%\\") != std::string_view::npos) return false;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    if (name == "." || name == "..") return false;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return true;
}

}  // namespace

std::string normal_url(std::string_view url) {
  std::string text = without_secrets(url);
  if (!is_remote_store(text)) {
    if (auto directory = directory_of_store(text)) text = directory->lexically_normal().native();
  }
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

std::optional<std::string> listed_store(std::string_view url,
                                        const std::vector<std::string>& stores) {
  const std::string wanted = normal_url(url);
  const auto [place, query] = cut(wanted);
  for (const std::string& store : stores) {
    const std::string shown = normal_url(store);
    const auto [allowed, allowed_query] = cut(shown);
    if (allowed.empty() || query != allowed_query || !place.starts_with(allowed)) continue;
    const std::string_view below = place.substr(allowed.size());
    if (below.empty()) return store;
    // In a directory links may lead anywhere.
    if (!is_remote_store(store) || below.front() != '/' || !leads_down(below)) continue;
    const auto [full, full_query] = cut(store);
    return std::string(full) + std::string(below) + std::string(full_query);
  }
  return {};
}

Result<std::string> store_for(const std::filesystem::path& journal, const std::string& found,
                              const RecoverOptions& options) {
  if (!options.store.empty()) return options.store;
  if (found.empty()) return std::string();
  if (auto listed = listed_store(found, options.trusted_stores)) return std::move(*listed);
  if (options.believes_own && is_own_journal(journal)) return found;
  return Error{Errc::invalid_argument, 0,
               "its meta.json names the store " + found +
                   ", which is not believed, because another user wrote it; nothing was done: say "
                   "where to ship with --store, or list that store in RUNLOG_STORES"};
}

}  // namespace runlog
