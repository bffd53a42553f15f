#include "read/attempts.hpp"

#include <algorithm>
#include <limits>

#include "journal/journal_dir.hpp"
#include "journal/meta.hpp"
#include "platform/file_lock.hpp"

namespace runlog {

std::map<std::string, std::int64_t> begins_of(const std::vector<Attempt>& attempts) {
  std::map<std::string, const Attempt*> by_session;
  for (const Attempt& one : attempts) by_session.emplace(one.session, &one);
  std::map<std::string, std::int64_t> begins;
  for (const Attempt& one : attempts) {
    // Back to one whose begin is known, or that follows none; then forth. A forged circle ends
    // where it closes.
    std::vector<const Attempt*> chain;
    const Attempt* at = &one;
    std::map<std::string, bool> is_in_chain;
    while (at != nullptr && !begins.contains(at->session) && !is_in_chain[at->session]) {
      is_in_chain[at->session] = true;
      chain.push_back(at);
      const auto before = by_session.find(at->follows);
      at = before == by_session.end() ? nullptr : before->second;
    }
    for (auto next = chain.rbegin(); next != chain.rend(); ++next) {
      const auto before = begins.find((*next)->follows);
      std::int64_t begin = (*next)->created_ns;
      if (before != begins.end() && before->second < std::numeric_limits<std::int64_t>::max()) {
        begin = std::max(begin, before->second + 1);
      }
      begins.emplace((*next)->session, begin);
    }
  }
  return begins;
}

std::string last_attempt(const std::filesystem::path& run_path, std::int64_t rank) {
  const auto journals = find_journals(run_path);
  if (!journals) return {};
  std::vector<Attempt> attempts;
  for (const auto& path : *journals) {
    const JournalDir directory(path);
    const auto name = parse_journal_name(path.filename().native());
    if (!name || name->rank != rank || FileLock::is_held(directory.lock())) continue;
    const Meta meta = read_meta(directory);
    if (!meta.parent_session.empty()) continue;
    attempts.push_back({meta.session, meta.follows, meta.created_unix_ns});
  }
  const auto begins = begins_of(attempts);
  const auto last =
      std::max_element(begins.begin(), begins.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return last == begins.end() ? std::string() : last->first;
}

}  // namespace runlog
