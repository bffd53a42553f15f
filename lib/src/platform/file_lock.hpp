// FileLock: the claim of one process on one journal. A POSIX record lock (fcntl), because it is
// gone the moment its process is, even when forked workers live on with the descriptor.
//
// Its trap: the lock is lost when the process closes any descriptor of the file. So LOCK is opened
// here and nowhere else, and a process that holds a lock never opens that file again: probe() and
// acquire() first look in a table of the locks this process holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "platform/file_system.hpp"
#include "runlog/result.hpp"

namespace runlog {

class FileLock {
 public:
  FileLock() noexcept = default;
  ~FileLock() { release(); }
  FileLock(FileLock&&) noexcept;
  FileLock& operator=(FileLock&&) noexcept;

  /// Creates `path` when missing and takes the lock without waiting. Errors: busy (held by another
  /// process, or by this one), io, read_only.
  static Result<FileLock> acquire(const std::filesystem::path& path);

  /// Whether some process holds the lock of `path` now. Opens it read-only; no effect on holders.
  static bool is_held(const std::filesystem::path& path);

  /// Replaces the content: who holds it, for people and for diagnostics. Not a condition of the
  /// lock.
  Result<void> write_identity(std::string_view text);

  /// Whether this is the lock of the file that has that name now.
  [[nodiscard]] bool is_lock_of(const std::filesystem::path& path) const;
  /// Has the table of held locks unlocked in forked children. Called before other fork handlers are
  /// registered whose locks are held while a FileLock is taken: prepare handlers run last first.
  static void make_fork_safe();

  [[nodiscard]] bool is_locked() const noexcept { return file_.is_open(); }
  void release() noexcept;

 private:
  OpenFile file_;
  std::filesystem::path path_;
  std::uint64_t device_ = 0, inode_ = 0;
  std::int64_t owner_pid_ = 0;
};

}  // namespace runlog
