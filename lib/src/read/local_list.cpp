// Finding journals in directories: in a root, a run, a journal directory, a store directory, or a
// single file.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include "base/sha256.hpp"
#include "platform/crash_report.hpp"
#include "platform/directories.hpp"
#include "platform/file_lock.hpp"
#include "platform/file_system.hpp"
#include "read/crash_tally.hpp"
#include "read/dead_segments.hpp"
#include "read/journal_list.hpp"
#include "ship/uploader.hpp"

namespace runlog {
namespace {

bool take_end(JournalFiles& files, const std::filesystem::path& path) {
  const auto json = read_file(path, kMeta_bytes_max);
  return json && take_end(files, *json, path.native());
}

Error no_folder(const std::filesystem::path& path) {
  return {Errc::io, 0, path.native() + ": it is no directory, and leads to none"};
}

// The names in a folder of the journal. One that is not there is empty; one that does not let us
// look is noted.
std::vector<std::string> part_names(const std::filesystem::path& folder, JournalFiles& files) {
  auto names = list_if_there(folder);
  if (names) return std::move(*names);
  files.unread.push_back(std::move(names).error());
  return {};
}

// What stands in the place of a file or folder and is none says nothing of what that would say.
void note_odd_file(JournalFiles& files, const std::filesystem::path& file) {
  const char* const what = wrong_kind_of_file(file);
  if (what != nullptr) files.unread.push_back({Errc::io, 0, file.native() + ": " + what});
}

void note_odd_files(JournalFiles& files, const JournalDir& directory) {
  for (const auto& file :
       {directory.meta(), directory.end(), directory.crash(), directory.refused(),
        directory.moved(), directory.shipped() / "meta.json", directory.shipped() / "end.json"}) {
    note_odd_file(files, file);
  }
  for (const auto& folder : {directory.lanes(), directory.packs(), directory.shipped(),
                             directory.blobs(), directory.torn()}) {
    // Others are listed, and that tells.
    if (!is_absent(folder) && !stat_file(folder)) files.unread.push_back(no_folder(folder));
  }
}

// Names that runs and journals have, of what is neither a folder nor a file that somebody put
// there.
void note_odd_names(const std::filesystem::path& root, bool leaves_others,
                    std::vector<Error>& unread) {
  // What another user has put there is his trouble.
  const auto is_left = [&](const FileStat& name) { return leaves_others && !is_trusted(name); };
  const auto note = [&](const std::filesystem::path& path) {
    const auto name = stat_name(path);
    if (!name || name->is_regular || name->is_directory || is_left(*name)) return;
    if (const auto target = stat_file(path); target && target->is_directory) return;
    unread.push_back(no_folder(path));
  };
  for (const std::string& name : names_in_directory(root)) {
    if (parse_journal_name(name)) note(root / name);
    if (!is_valid_id(name)) continue;
    note(root / name);
    if (const auto run = stat_name(root / name); run && is_left(*run)) continue;
    for (const std::string& inner : names_in_directory(root / name)) {
      if (parse_journal_name(inner)) note(root / name / inner);
    }
  }
}

// How far a segment is written, in whole blocks. Valid records form a prefix and the rest is zeros,
// so a binary search over blocks finds the end with a dozen reads, whatever the segment's size. A
// record with a block of zeros in its payload can mislead it: this number is for people.
std::uint64_t used_bytes(const OpenFile& file, const std::filesystem::path& path) {
  const auto size = stat_file(file.fd(), path);
  if (!size) return 0;
  const auto is_used = [&](std::uint64_t block) {
    std::array<std::byte, format::kBlock_bytes> bytes{};
    const auto got = read_at(file.fd(), block * format::kBlock_bytes, bytes, path);
    return got &&
           std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{}; });
  };
  std::uint64_t used = 0;
  std::uint64_t unused = (size->bytes + format::kBlock_bytes - 1) / format::kBlock_bytes;
  while (used < unused) {
    const std::uint64_t middle = used + (unused - used) / 2;
    if (is_used(middle)) {
      used = middle + 1;
    } else {
      unused = middle;
    }
  }
  return std::min(used * format::kBlock_bytes, size->bytes);
}

void take_state(JournalFiles& files, const JournalDir& directory) {
  JournalInfo& info = files.info;
  const FileLock::State lock = FileLock::state(directory.lock());
  if (auto kind = check_kind_of_file(directory.lock()); !kind) {
    files.unread.push_back(std::move(kind).error());
    files.unread.back().message += "; when the journal's writer is gone, remove it";
  }
  if (lock == FileLock::State::held) {
    info.state = JournalState::live;
  } else if (take_end(files, directory.end()) ||
             take_end(files, directory.shipped() / "end.json")) {
    if (info.state != JournalState::crashed) (void)take_death_after_exit(info);
  } else {
    // Nobody but its owner can tell: read as carefully as a live one.
    const bool may_live = lock == FileLock::State::unreadable;
    info.state = may_live ? JournalState::live : JournalState::crashed;
    if (may_live) {
      info.end_reason = "taken for live: its LOCK cannot be read; ask as its owner or as root";
    } else if (const auto crash = read_crash_file(directory.crash())) {
      info.end_signal = crash->signal;
      info.end_reason = crash->reason;
    }
  }
}

// What is in its folders.
void count_files(JournalFiles& files, const JournalDir& directory) {
  JournalInfo& info = files.info;
  const auto add_waiting = [&](const std::filesystem::path& file) {
    const auto size = stat_file(file);
    info.bytes_waiting += size ? size->bytes : 0;
  };
  for (const std::string& name : part_names(directory.packs(), files)) {
    if (!parse_numbered_name(name, kPack_suffix)) continue;
    ++info.packs_waiting;
    add_waiting(directory.packs() / name);
  }
  for (const std::string& name : part_names(directory.blobs(), files)) {
    if (!is_sha256_hex(name)) continue;
    ++info.blobs_waiting;
    add_waiting(directory.blobs() / name);
  }
  add_waiting(directory.end());
  const auto refused = read_file(directory.refused(), kRefused_bytes_max);
  if (refused && info.bytes_waiting > 0) info.refused = *refused;
  for (const std::string& name : part_names(directory.shipped(), files)) {
    if (parse_numbered_name(name, kPack_suffix)) ++info.packs_shipped;
  }
  for (const std::string& name : part_names(directory.lanes(), files)) {
    if (!parse_numbered_name(name, kSegment_suffix)) continue;
    const std::filesystem::path path = directory.lanes() / name;
    const auto file = OpenFile::open(path, Access::read);
    if (!file) continue;
    const auto seen = format::look_at_segment(*file, path, segment_identity(path));
    if (!seen || !seen->has_records()) continue;
    ++info.segments_waiting;
    info.bytes_waiting += used_bytes(*file, path);
  }
}

JournalFiles journal_files(const std::filesystem::path& path) {
  const JournalDir directory(path);
  JournalFiles files;
  files.directory = path;
  files.info.path = path;
  const Meta meta = read_meta(directory);
  take_meta(files.info, meta);
  files.evicts_unshipped = meta.evicts_unshipped;
  files.is_part = is_part_of_moved(directory);
  take_state(files, directory);
  note_odd_files(files, directory);
  count_files(files, directory);
  return files;
}

// "project=p/run_id=r/rank=00007/<session>-00000042.parquet", wherever the prefix ends.
void add_store_run(const std::filesystem::path& run, std::vector<JournalFiles>& found) {
  std::map<std::string, JournalFiles> by_session;
  const auto entry = [&](const std::string& session) -> JournalFiles& {
    auto [at, is_new] = by_session.try_emplace(session);
    if (is_new) {
      JournalInfo& info = at->second.info;
      info.session = session;
      info.path = run;
      info.run_id = run.filename().native().substr(std::string_view("run_id=").size());
      const std::string parent = run.parent_path().filename().native();
      if (parent.starts_with("project=")) info.project = parent.substr(8);
      const auto json = read_file(run / "_runlog" / (session + ".json"), kMeta_bytes_max);
      const auto meta = json ? parse_meta(*json, run.native()) : Error{};
      if (meta) {
        take_meta(info, *meta);
        at->second.evicts_unshipped = meta->evicts_unshipped;
      }
      info.state = JournalState::unknown;
      const std::filesystem::path end = run / "_runlog" / (session + ".end.json");
      at->second.is_finished_in_store = take_end(at->second, end);
      note_odd_file(at->second, run / "_runlog" / (session + ".json"));
      note_odd_file(at->second, end);
    }
    return at->second;
  };
  for (const std::string& name : names_in_directory(run)) {
    if (!name.starts_with("rank=")) continue;
    for (const std::string& pack : names_in_directory(run / name)) {
      const std::size_t dash = pack.rfind('-');
      if (dash == std::string::npos || !parse_session(std::string_view(pack).substr(0, dash)) ||
          !parse_numbered_name(std::string_view(pack).substr(dash + 1), kPack_suffix)) {
        continue;
      }
      JournalFiles& files = entry(pack.substr(0, dash));
      files.info.rank = std::strtoll(name.c_str() + 5, nullptr, 10);
      files.packs.push_back(run / name / pack);
      ++files.info.packs_shipped;
    }
  }
  for (const std::string& name : names_in_directory(run / "_runlog")) {
    if (name.size() == 32 + 5 && name.ends_with(".json") && parse_session(name.substr(0, 32))) {
      (void)entry(name.substr(0, 32));
    }
  }
  for (auto& [session, files] : by_session) found.push_back(std::move(files));
}

void add_store(const std::filesystem::path& path, std::vector<JournalFiles>& found, int depth) {
  for (const std::string& name : names_in_directory(path)) {
    if (name.starts_with("run_id=")) {
      add_store_run(path / name, found);
    } else if (name.starts_with("project=") && depth > 0) {
      add_store(path / name, found, depth - 1);
    }
  }
}

Result<JournalFiles> single_file(const std::filesystem::path& path) {
  JournalFiles files;
  files.info.path = path;
  const std::string name = path.filename().native();
  if (name.ends_with(kSegment_suffix)) {
    files.segments.push_back(path);
    const auto file = OpenFile::open(path, Access::read);
    if (!file) return file.error();
    const auto seen = format::look_at_segment(*file, path, segment_identity(path));
    if (seen && seen->has_records()) files.info.session = to_hex(seen->header.session);
    return files;
  }
  auto reader = format::PackReader::open_file(path);
  if (!reader) {
    Error error = std::move(reader).error();
    if (error.message.find(path.native()) == std::string::npos) {
      error.message.insert(0, path.native() + ": ");
    }
    return error;
  }
  const format::PackInfo& pack = reader->info();
  files.info.run_id = pack.run_id;
  files.info.project = pack.project;
  files.info.session = pack.session;
  files.info.rank = pack.rank;
  files.packs.push_back(path);
  return files;
}

// A root that is its own store shows a journal twice. What the store has goes to the journal
// itself.
void merge_stored(std::vector<JournalFiles>& found, std::size_t local_count) {
  std::map<std::string, std::size_t> local;  // session → place
  for (std::size_t i = 0; i < local_count; ++i) local.emplace(found[i].info.session, i);
  for (std::size_t i = local_count; i < found.size();) {
    const auto same = local.find(found[i].info.session);
    if (same == local.end() || found[same->second].info.run_id != found[i].info.run_id) {
      ++i;
      continue;
    }
    auto& packs = found[same->second].packs;
    packs.insert(packs.end(), found[i].packs.begin(), found[i].packs.end());
    found.erase(found.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace

Result<std::vector<JournalFiles>> find_local_journals(const std::filesystem::path& path,
                                                      std::vector<Error>* unread,
                                                      std::vector<std::filesystem::path>* others) {
  const auto info = stat_file(path);
  if (!info) return info.error();
  std::vector<JournalFiles> found;
  if (info->is_regular) {
    auto file = single_file(path);
    if (!file) return std::move(file).error();
    found.push_back(std::move(*file));
    return found;
  }
  auto journals = find_journals(path, unread, others);
  if (!journals) return std::move(journals).error();
  if (unread != nullptr) note_odd_names(path, others != nullptr, *unread);
  for (const auto& journal : *journals) found.push_back(journal_files(journal));
  const std::size_t local_count = found.size();
  std::error_code ignored;
  std::filesystem::path whole = std::filesystem::absolute(path, ignored).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  if (whole.filename().native().starts_with("run_id=")) {
    add_store_run(whole, found);
  } else {
    add_store(whole, found, 1);
  }
  merge_stored(found, local_count);
  number_attempts(found);
  return found;
}

std::optional<CrashReport> read_crash(const std::filesystem::path& journal) {
  const JournalDir directory(journal);
  if (FileLock::is_held(directory.lock())) return {};
  JournalFiles files;
  const bool has_end =
      take_end(files, directory.end()) || take_end(files, directory.shipped() / "end.json");
  auto crash = read_crash_file(directory.crash());
  if (has_end && files.info.state != JournalState::crashed && !died_after_exit(crash)) return {};
  return crash;
}

}  // namespace runlog
