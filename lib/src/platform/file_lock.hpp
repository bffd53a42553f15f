// FileLock: the lock of one process on one journal. It is an open-file-description lock
// (F_OFD_SETLK): it stays whatever this process opens and closes, also other descriptors of LOCK,
// and ends with the last copy of its descriptor. Forked children have copies that may outlive the
// writer. fork()'s handler closes the copy in the child. For a child that runs no handler (_Fork,
// clone), LOCK contains the identity of its writer, so that others see that this process has ended.
// The identity also shows that a process lives when the job has closed the descriptor (closefrom):
// a process that gives the lock up empties LOCK.
//
// Byte 0 of LOCK is the writer's. Byte 1 is locked by an adopter of a dead writer's journal, and by
// the writer until its identity is written: so an identity that is read is the holder's. Decision
// 0002.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "platform/file_system.hpp"
#include "platform/process.hpp"
#include "runlog/result.hpp"

namespace runlog {

class FileLock {
 public:
  /// unreadable: LOCK may be read by its owner only. Nobody can tell; take it for held.
  enum class State : std::uint8_t { free, held, unreadable };

  FileLock() noexcept = default;
  ~FileLock() { release(); }
  FileLock(FileLock&&) noexcept;
  FileLock& operator=(FileLock&&) noexcept;

  /// For a writer. Creates `path` when missing (0600) and takes the lock without waiting. Errors:
  /// busy (held, by whomever), io, read_only; unsupported where the file system has no locks.
  static Result<FileLock> acquire(const std::filesystem::path& path);

  /// For who goes on with what a dead writer left. As acquire(), and also when the lock is held by
  /// orphans of a writer that is gone, but not when it is free and its writer is alive. At most one
  /// adopts at a time; a live writer is never adopted. Errors as acquire().
  static Result<FileLock> adopt(const std::filesystem::path& path);

  /// Whether a live writer, or an adopter, holds the lock of `path` now, or its writer lives and
  /// has lost it. No effect on them. An absent file is free, and so is one on which somebody has a
  /// read lock only.
  static State state(const std::filesystem::path& path);
  static bool is_held(const std::filesystem::path& path) { return state(path) != State::free; }

  /// Replaces the content: who holds it. From now on its end can be seen.
  Result<void> write_identity(const ProcessIdentity& identity);

  /// Whether this is the lock of the file that has that name now, and is still held: nobody has
  /// closed its descriptor behind our back.
  [[nodiscard]] bool is_lock_of(const std::filesystem::path& path) const;
  /// The name that the file has now, if it has one and the descriptor is still ours.
  [[nodiscard]] std::optional<std::filesystem::path> current_path() const;

  /// Where the job has closed the descriptor behind our back: forgets the lock, and says so. To be
  /// asked before it is taken anew, for the new descriptor may get the old one's number.
  bool forget_if_lost() noexcept;

  [[nodiscard]] bool is_locked() const noexcept { return file_.is_open(); }
  /// In a child of the process that took it: forgets it, and leaves the parent's alone.
  void release() noexcept;

 private:
  struct Kept;
  static Result<FileLock> open(const std::filesystem::path& path);
  static void forget_parents() noexcept;
  Result<bool> take(std::int64_t begin, std::int64_t bytes);
  [[nodiscard]] bool has_descriptor() const noexcept;

  OpenFile file_;
  std::filesystem::path path_;
  Kept* kept_ = nullptr;      // where a child finds the descriptor
  std::uint64_t ticket_ = 0;  // what is there as long as this process has it
  std::uint64_t device_ = 0, inode_ = 0;
  bool has_identity_ = false;  // and empties the file when it gives the lock up
};

}  // namespace runlog
