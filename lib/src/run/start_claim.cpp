#include "run/start_claim.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "journal/journal_dir.hpp"
#include "platform/crash_point.hpp"
#include "platform/directories.hpp"
#include "platform/process.hpp"
#include "run/run_settings.hpp"

namespace runlog {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kWait_max{10};
constexpr std::chrono::milliseconds kLook_interval{1};

// Whether anything was ever logged to it. A start logs its own record before it returns, so one
// that holds none is what a killed start left.
bool holds_records(const JournalDir& directory) {
  if (stat_file(directory.end())) return true;
  for (const auto& place : {directory.packs(), directory.shipped(), directory.torn()}) {
    if (!names_in_directory(place).empty()) return true;
  }
  for (const std::string& name : names_in_directory(directory.lanes())) {
    const auto file = OpenFile::open(directory.lanes() / name, Access::read);
    if (!file) return true;
    std::array<std::byte, 8> head{};  // a segment that was never used begins with zeros
    const auto got = read_at(file->fd(), 0, head, directory.lanes() / name);
    if (!got || std::any_of(head.begin(), head.end(), [](std::byte b) { return b != std::byte{}; }))
      return true;
  }
  return false;
}

bool has_journal_of(const std::filesystem::path& run_path, std::int64_t rank) {
  const auto journals = find_journals(run_path);
  return journals && std::any_of(journals->begin(), journals->end(), [&](const auto& path) {
           const JournalDir directory(path);
           const auto name = parse_journal_name(path.filename().native());
           return name && name->rank == rank &&
                  (FileLock::is_held(directory.lock()) || holds_records(directory));
         });
}

bool has_journal_to_resume(const std::filesystem::path& run_path) {
  const auto journals = find_journals(run_path);
  return journals && std::any_of(journals->begin(), journals->end(),
                                 [](const auto& path) { return holds_records(JournalDir(path)); });
}

Error exists_already(const std::filesystem::path& run_path, std::int64_t rank) {
  return Error{Errc::already_exists, 0,
               run_path.native() + " has a journal of rank " + std::to_string(rank) +
                   " already; choose another run_id, or resume=allow"};
}

}  // namespace

Result<StartClaim> StartClaim::take(const Options& options) {
  const std::filesystem::path run_path = options.root / options.run_id;
  const std::int64_t rank = *options.rank;
  if (*options.resume == Resume::must && !has_journal_to_resume(run_path)) {
    return Error{Errc::not_found, 0,
                 run_path.native() + " has no journal to resume; check run_id and root"};
  }
  StartClaim claim;
  if (!stat_file(run_path)) claim.made_ = run_path;
  if (*options.resume != Resume::never) return claim;
  const std::filesystem::path path = run_path / (".r" + std::to_string(rank) + ".start");
  const auto deadline = steady_clock::now() + kWait_max;
  for (;;) {
    auto made = make_run_directory(run_path, rights_of(options));
    if (!made) return std::move(made).error();
    auto lock = FileLock::acquire(path);
    if (lock) {
      if (!lock->is_lock_of(path)) continue;  // whose it was has removed it meanwhile
      claim.lock_ = std::move(*lock);
      claim.path_ = path;
      break;
    }
    // not_found: who made the run's directory has failed, and removed it.
    if (lock.error().code != Errc::busy && lock.error().code != Errc::not_found) {
      // Where nothing can be written, nobody else can start either.
      if (has_journal_of(run_path, rank)) return exists_already(run_path, rank);
      return std::move(lock).error();
    }
    if (steady_clock::now() >= deadline) {
      if (has_journal_of(run_path, rank)) return exists_already(run_path, rank);
      return Error{Errc::busy, 0,
                   path.native() +
                       ": another process is still starting this rank of the run; end "
                       "it, or choose another run_id"};
    }
    std::this_thread::sleep_for(kLook_interval);
  }
  crash_point("in_start_claim");
  if (has_journal_of(run_path, rank)) return exists_already(run_path, rank);
  return claim;
}

StartClaim::~StartClaim() {
  if (lock_.is_locked()) {
    (void)remove_file(path_);
    lock_.release();
  }
  if (!made_.empty()) try_remove_directory(made_);  // another's journal in it keeps it
}

}  // namespace runlog
