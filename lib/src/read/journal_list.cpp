// Finding journals, wherever they are: what a given path or URL names, and what both ways of
// finding (read/local_list, read/store_list) share.
#include "read/journal_list.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "base/out_of_memory.hpp"
#include "journal/meta.hpp"
#include "platform/crash_report.hpp"
#include "platform/in_call.hpp"
#include "read/attempts.hpp"
#include "store/object_store.hpp"

namespace runlog {

JournalState journal_state_of(RunEnd end) noexcept {
  switch (end) {
    case RunEnd::complete:
      return JournalState::complete;
    case RunEnd::failed:
      return JournalState::failed;
    case RunEnd::cancelled:
      return JournalState::cancelled;
    case RunEnd::crashed:
      return JournalState::crashed;
    case RunEnd::open:
    case RunEnd::moved:
    case RunEnd::unknown:
      break;
  }
  return JournalState::unknown;
}

void take_meta(JournalInfo& info, const Meta& meta) {
  info.run_id = meta.run_id;
  info.project = meta.project;
  info.experiment = meta.experiment;
  info.name = meta.name;
  info.group = meta.group;
  info.parent_run = meta.parent_run;
  info.parent_session = meta.parent_session;
  info.session = meta.session;
  info.follows = meta.follows;
  info.rank = meta.rank;
  info.world = meta.world;
  info.host = meta.host;
  info.pid = meta.pid;
  info.command_line = meta.command_line;
  info.store_url = meta.store_url;
  info.created_unix_ns = meta.created_unix_ns;
}

bool take_end(JournalFiles& files, std::string_view json, std::string_view where) {
  const auto end = parse_end(json, where);
  if (!end) return false;
  JournalInfo& info = files.info;
  files.lost_at_end = end->records_lost;
  files.is_part = files.is_part || end->continues || end->state == RunEnd::moved;
  info.state = journal_state_of(end->state);
  info.end_reason = end->reason;
  info.end_signal = end->signal;
  return true;
}

bool take_death_after_exit(JournalInfo& info) {
  const auto crash = read_crash_file(JournalDir(info.path).crash());
  if (!died_after_exit(crash)) return false;
  info.state = JournalState::failed;
  info.end_signal = crash->signal;
  info.end_reason = crash->reason;
  return true;
}

void number_attempts(std::vector<JournalFiles>& found) {
  std::vector<Attempt> all;
  for (const JournalFiles& files : found) {
    const JournalInfo& info = files.info;
    const bool is_child = !info.parent_session.empty();
    all.push_back(
        {info.session, is_child ? info.parent_session : info.follows, info.created_unix_ns});
  }
  const auto begins = begins_of(all);
  std::sort(found.begin(), found.end(), [&](const JournalFiles& a, const JournalFiles& b) {
    const auto key = [&](const JournalInfo& info) {
      return std::tie(info.run_id, info.rank, begins.at(info.session), info.session);
    };
    return key(a.info) < key(b.info);
  });
  std::map<std::pair<std::string, std::int64_t>, int> attempts;
  std::map<std::string, int> attempt_of;
  for (JournalFiles& files : found) {
    JournalInfo& info = files.info;
    if (!info.parent_session.empty()) continue;
    info.attempt = ++attempts[{info.run_id, info.rank}];
    attempt_of[info.session] = info.attempt;
  }
  for (JournalFiles& files : found) {
    const auto parent = attempt_of.find(files.info.parent_session);
    if (parent != attempt_of.end()) files.info.attempt = parent->second;
  }
}

Result<std::vector<JournalFiles>> find_journal_files(const std::filesystem::path& given,
                                                     const JournalSelection& selection,
                                                     std::vector<Error>* unread,
                                                     std::vector<std::filesystem::path>* others) {
  std::filesystem::path path = given;
  if (is_remote_store(given.native())) {
    const StorePlace place = split_store_url(given.native());
    auto store = open_store(place.store_url);
    if (!store) return std::move(store).error();
    auto reading = std::make_shared<StoreReading>();
    reading->store = std::move(*store);
    return find_journal_files(std::move(reading), place, selection);
  }
  if (given.native().starts_with("file://")) {
    auto directory = directory_of_store(given.native());
    if (!directory) return std::move(directory).error();
    path = std::move(*directory);
  }
  return find_local_journals(path, unread, others);
}

Result<std::vector<JournalInfo>> find_infos(const std::filesystem::path& path,
                                            std::vector<Error>& unread,
                                            std::vector<std::filesystem::path>* others) {
  auto found = find_journal_files(path, {}, &unread, others);
  if (!found) return std::move(found).error();
  std::vector<JournalInfo> infos;
  for (JournalFiles& files : *found) {
    infos.push_back(std::move(files.info));
    unread.insert(unread.end(), files.unread.begin(), files.unread.end());
  }
  return infos;
}

Result<std::vector<JournalInfo>> list_journals(const std::filesystem::path& path,
                                               std::vector<Error>* failures) {
  const InCall in_call;
  return catch_no_memory([&]() -> Result<std::vector<JournalInfo>> {
    std::vector<Error> unread;
    auto infos = find_infos(path, unread);
    if (!infos) return infos;
    if (failures == nullptr && !unread.empty()) return unread.front();
    if (failures != nullptr) failures->insert(failures->end(), unread.begin(), unread.end());
    return infos;
  });
}

std::string_view journal_state_name(JournalState state) noexcept {
  switch (state) {
    case JournalState::live:
      return "live";
    case JournalState::complete:
      return "complete";
    case JournalState::failed:
      return "failed";
    case JournalState::cancelled:
      return "cancelled";
    case JournalState::crashed:
      return "crashed";
    case JournalState::unknown:
      return "unknown";
  }
  return "unknown";
}

}  // namespace runlog
