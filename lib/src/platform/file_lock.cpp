#include "platform/file_lock.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <vector>

namespace runlog {
namespace {

struct Held {
  std::uint64_t device, inode;
  std::int64_t pid;
};

// A table per process is the one place where "this process already holds it" can be known: fcntl
// itself grants a process its own lock again. Function-local, so that no start-up order matters;
// never destroyed, so that a lock released during exit still finds it.
struct HeldTable {
  std::mutex mutex;
  std::vector<Held> entries;  // guarded by mutex
};
HeldTable& held_table() {
  static auto* const table = [] {
    // A forked child must not inherit the mutex locked by a thread it has not got.
    ::pthread_atfork([] { held_table().mutex.lock(); }, [] { held_table().mutex.unlock(); },
                     [] { held_table().mutex.unlock(); });
    return new HeldTable;
  }();
  return *table;
}

// Entries of a parent are copied by fork but its locks are not: the pid tells them apart.
bool is_ours(const FileStat& info) {
  HeldTable& table = held_table();
  const std::lock_guard lock(table.mutex);
  return std::any_of(table.entries.begin(), table.entries.end(), [&](const Held& held) {
    return held.device == info.device && held.inode == info.inode && held.pid == ::getpid();
  });
}

struct flock whole_file(short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  return range;
}

}  // namespace

FileLock::FileLock(FileLock&& other) noexcept = default;

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  if (this != &other) {
    release();
    file_ = std::move(other.file_);
    path_ = std::move(other.path_);
    device_ = other.device_;
    inode_ = other.inode_;
    owner_pid_ = other.owner_pid_;
  }
  return *this;
}

Result<FileLock> FileLock::acquire(const std::filesystem::path& path) {
  const auto busy = [&] {
    return Error{Errc::busy, 0, path.native() + " is held by a live process"};
  };
  if (const auto before = stat_file(path); before && is_ours(*before)) return busy();
  auto file = OpenFile::open(path, O_RDWR | O_CREAT);
  if (!file) return std::move(file).error();
  auto info = stat_file(file->fd(), path);
  if (!info) return std::move(info).error();
  struct flock range = whole_file(F_WRLCK);
  if (::fcntl(file->fd(), F_SETLK, &range) != 0) {
    if (errno == EAGAIN || errno == EACCES) return busy();
    return os_error(errno, "cannot lock", path.native());
  }
  FileLock lock;
  lock.file_ = std::move(*file);
  lock.path_ = path;
  lock.device_ = info->device;
  lock.inode_ = info->inode;
  lock.owner_pid_ = ::getpid();
  HeldTable& table = held_table();
  const std::lock_guard guard(table.mutex);
  table.entries.push_back({lock.device_, lock.inode_, lock.owner_pid_});
  return lock;
}

bool FileLock::is_held(const std::filesystem::path& path) {
  const auto info = stat_file(path);
  if (!info) return false;
  if (is_ours(*info)) return true;
  auto file = OpenFile::open(path, O_RDONLY);
  if (!file) return false;
  struct flock range = whole_file(F_WRLCK);
  return ::fcntl(file->fd(), F_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

Result<void> FileLock::write_identity(std::string_view text) {
  if (::ftruncate(file_.fd(), 0) != 0) return os_error(errno, "cannot truncate", path_.native());
  return write_at(file_.fd(), 0, std::as_bytes(std::span(text.data(), text.size())), path_);
}

bool FileLock::is_lock_of(const std::filesystem::path& path) const {
  const auto info = stat_file(path);
  return file_.is_open() && info && info->device == device_ && info->inode == inode_;
}

void FileLock::make_fork_safe() {
  (void)held_table();
}

void FileLock::release() noexcept {
  if (!file_.is_open()) return;
  if (owner_pid_ == ::getpid()) {
    HeldTable& table = held_table();
    const std::lock_guard guard(table.mutex);
    std::erase_if(table.entries, [&](const Held& held) {
      return held.device == device_ && held.inode == inode_ && held.pid == owner_pid_;
    });
  }
  file_.close();
}

}  // namespace runlog
