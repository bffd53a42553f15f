#include "platform/file_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <new>
#include <optional>
#include <utility>

#include "base/json_read.hpp"
#include "base/json_text.hpp"
#include "platform/fork.hpp"

namespace runlog {
namespace {

constexpr std::size_t kIdentity_bytes_max = 4096;
constexpr std::int64_t kWriter = 0;
constexpr std::int64_t kAdopter = 1;

struct flock range_of(short type, std::int64_t begin, std::int64_t bytes) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = begin;
  range.l_len = bytes;
  return range;
}

Error busy(const std::filesystem::path& path) {
  return Error{Errc::busy, 0, path.native() + " is held by a live process"};
}

bool has_no_locks(int os_errno) {
  return os_errno == ENOLCK || os_errno == EOPNOTSUPP || os_errno == ENOSYS;
}

// Who has `byte`: F_UNLCK, F_RDLCK, F_WRLCK; nothing where that cannot be asked, with errno.
std::optional<struct flock> holder_of(int fd, std::int64_t byte) {
  struct flock range = range_of(F_WRLCK, byte, 1);
  if (::fcntl(fd, F_OFD_GETLK, &range) != 0) return {};
  return range;
}

std::string read_identity(int fd, const std::filesystem::path& path) {
  std::string text(kIdentity_bytes_max, '\0');
  const auto got = read_at(fd, 0, std::as_writable_bytes(std::span(text)), path);
  text.resize(got ? *got : 0);
  return text;
}

// What became of the process that wrote `text` into the file `inode`, and not into one that this is
// a copy of. What is not whole is not believed.
Life life_of_writer(const std::string& text, std::uint64_t inode,
                    const std::filesystem::path& path) {
  if (!text.ends_with("}\n")) return Life::unknown;
  const auto json = JsonText::parse(text, path.native(), kIdentity_bytes_max);
  if (!json) return Life::unknown;
  ProcessIdentity writer;
  writer.boot_id = json->text("boot_id");
  writer.pid = json->integer("pid", 0);
  writer.start_ticks = json->integer("start_ticks", 0);
  writer.pid_namespace = json->integer("pid_namespace", 0);
  writer.time_namespace = json->integer("time_namespace", 0);
  writer.stack = static_cast<std::uint64_t>(json->integer("stack", 0));
  const Life life = life_of(writer);
  const bool is_original = static_cast<std::uint64_t>(json->integer("inode", 0)) == inode;
  return life == Life::alive && !is_original ? Life::unknown : life;
}

std::atomic<std::uint32_t> next_ticket = 1;

}  // namespace

// Never freed, used again. A child's duty walks them without a lock. `value` is 0: free; else a
// ticket above the descriptor, so that nobody takes a later one with the same number for his own.
struct FileLock::Kept {
  std::atomic<std::uint64_t> value = 0;
  // Of the file, set behind `value`. A child that is made in between does not know its copy.
  std::atomic<std::uint64_t> inode = 0;
  std::atomic<std::uint64_t> device = 0;
  Kept* next = nullptr;  // set before it is published

  static constinit std::atomic<Kept*> first;
  static Kept* keep(std::uint64_t value) noexcept {
    for (Kept* one = first.load(std::memory_order_acquire); one != nullptr; one = one->next) {
      std::uint64_t free = 0;
      if (one->value.compare_exchange_strong(free, value, std::memory_order_acq_rel)) return one;
    }
    Kept* const made = new (std::nothrow) Kept;
    if (made == nullptr) return nullptr;
    made->value.store(value, std::memory_order_relaxed);
    made->next = first.load(std::memory_order_relaxed);
    while (!first.compare_exchange_weak(made->next, made, std::memory_order_acq_rel)) {
    }
    return made;
  }
};
constinit std::atomic<FileLock::Kept*> FileLock::Kept::first = nullptr;

// In a child. The parent's lock stays: it goes when the last copy of the descriptor does.
void FileLock::forget_parents() noexcept {
  for (Kept* one = Kept::first.load(std::memory_order_acquire); one != nullptr; one = one->next) {
    const std::uint64_t value = one->value.exchange(0, std::memory_order_acq_rel);
    if (value == 0) continue;
    // A child that runs this late may have closed the number and have a file of its own there.
    const int fd = static_cast<int>(value & UINT32_MAX);
    struct stat now {};
    if (::fstat(fd, &now) == 0 && now.st_ino == one->inode.load(std::memory_order_relaxed) &&
        now.st_dev == one->device.load(std::memory_order_relaxed)) {
      ::close(fd);
    }
  }
}

FileLock::FileLock(FileLock&& other) noexcept = default;

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  if (this != &other) {
    release();
    file_ = std::move(other.file_);
    path_ = std::move(other.path_);
    kept_ = other.kept_;
    ticket_ = other.ticket_;
    device_ = other.device_;
    inode_ = other.inode_;
    has_identity_ = other.has_identity_;
  }
  return *this;
}

Result<FileLock> FileLock::open(const std::filesystem::path& path) {
  add_child_duty(&forget_parents);
  settle_child();
  // Only the owner may open it: whoever can read a file can put a read lock on it.
  auto file = OpenFile::open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, Rights::own);
  if (!file) return std::move(file).error();
  auto info = stat_file(file->fd(), path);
  if (!info) return std::move(info).error();
  if (!info->is_regular) {
    return Error{Errc::invalid_argument, 0, path.native() + " is not a regular file"};
  }
  FileLock lock;
  const std::uint64_t ticket = next_ticket.fetch_add(1, std::memory_order_relaxed);
  lock.ticket_ = ticket << 32 | static_cast<std::uint32_t>(file->fd());
  // Before it is locked. A fork between open() and this line leaves the child a copy that it does
  // not know of; the identity is for that one too.
  lock.kept_ = Kept::keep(lock.ticket_);
  if (lock.kept_ == nullptr) return os_error(ENOMEM, "cannot lock", path.native());
  lock.kept_->inode.store(info->inode, std::memory_order_relaxed);
  lock.kept_->device.store(info->device, std::memory_order_relaxed);
  lock.file_ = std::move(*file);
  lock.path_ = path;
  lock.device_ = info->device;
  lock.inode_ = info->inode;
  return lock;
}

Result<bool> FileLock::take(std::int64_t begin, std::int64_t bytes) {
  struct flock range = range_of(F_WRLCK, begin, bytes);
  if (::fcntl(file_.fd(), F_OFD_SETLK, &range) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  Error error = os_error(errno, "cannot lock", path_.native());
  if (has_no_locks(errno)) {
    error.code = Errc::unsupported;
    error.message += "; this file system has no locks: use a directory on a local disk";
  }
  return error;
}

Result<FileLock> FileLock::acquire(const std::filesystem::path& path) {
  auto lock = open(path);
  if (!lock) return lock;
  const auto taken = lock->take(kWriter, 2);
  if (!taken) return taken.error();
  if (!*taken) return busy(path);
  return lock;
}

Result<FileLock> FileLock::adopt(const std::filesystem::path& path) {
  auto lock = open(path);
  if (!lock) return lock;
  const auto alone = lock->take(kAdopter, 1);
  if (!alone) return alone.error();
  const int fd = lock->file_.fd();
  if (!*alone) {
    const auto holder = holder_of(fd, kAdopter);
    if (holder && holder->l_type == F_RDLCK) {
      return Error{Errc::busy, 0,
                   path.native() + " is read-locked by a program" +
                       (holder->l_pid > 0 ? " (pid " + std::to_string(holder->l_pid) + ")" : "") +
                       " that is no writer; end it, then recover again"};
    }
    return busy(path);
  }
  // Twice: its holder may go between the two questions.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto taken = lock->take(kWriter, 1);
    if (!taken) return taken.error();
    const auto life = [&] { return life_of_writer(read_identity(fd, path), lock->inode_, path); };
    if (*taken) {
      // A writer that has lost its lock takes it anew: not from us.
      if (life() == Life::alive) break;
      return lock;
    }
    const auto holder = holder_of(fd, kWriter);
    if (!holder) return os_error(errno, "cannot ask who holds", path.native());
    if (holder->l_type == F_UNLCK) continue;
    // No writer has it where somebody can have a read lock.
    if (holder->l_type == F_RDLCK) return lock;
    // The lock of an orphan: its writer has ended.
    if (life() == Life::gone) return lock;
    break;
  }
  return busy(path);
}

FileLock::State FileLock::state(const std::filesystem::path& path) {
  const auto file = OpenFile::open(path, O_RDONLY | O_NOFOLLOW);
  if (!file) return file.error().code == Errc::not_found ? State::free : State::unreadable;
  const auto holder = holder_of(file->fd(), kWriter);
  if (!holder) return has_no_locks(errno) ? State::free : State::unreadable;
  const auto is_adopted = [&] {
    const auto adopter = holder_of(file->fd(), kAdopter);
    return adopter && adopter->l_type == F_WRLCK;
  };
  const auto info = stat_file(file->fd(), path);
  if (!info) return State::unreadable;
  const std::string identity = read_identity(file->fd(), path);
  const Life life = life_of_writer(identity, info->inode, path);
  if (is_adopted()) return State::held;
  if (holder->l_type != F_WRLCK) return life == Life::alive ? State::held : State::free;
  if (life != Life::gone) return State::held;
  // Not that of a writer who came just now, either.
  return read_identity(file->fd(), path) == identity ? State::free : State::held;
}

Result<void> FileLock::write_identity(const ProcessIdentity& identity) {
  std::string text;
  JsonObject(text)
      .add("host", identity.host)
      .add("boot_id", identity.boot_id)
      .add("pid", identity.pid)
      .add("start_ticks", identity.start_ticks)
      .add("pid_namespace", identity.pid_namespace)
      .add("time_namespace", identity.time_namespace)
      .add("stack", static_cast<std::int64_t>(identity.stack))
      .add("inode", static_cast<std::int64_t>(inode_))
      .end();
  text += '\n';
  has_identity_ = true;
  if (::ftruncate(file_.fd(), 0) != 0) return os_error(errno, "cannot truncate", path_.native());
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  if (auto written = write_at(file_.fd(), 0, bytes, path_); !written) return written;
  struct flock adopter = range_of(F_UNLCK, kAdopter, 1);
  (void)::fcntl(file_.fd(), F_OFD_SETLK, &adopter);  // held on, it would only keep others off
  return {};
}

bool FileLock::is_lock_of(const std::filesystem::path& path) const {
  const auto info = stat_file(path);
  return has_descriptor() && info && info->device == device_ && info->inode == inode_;
}

bool FileLock::has_descriptor() const noexcept {
  struct stat now {};
  return file_.is_open() && ::fstat(file_.fd(), &now) == 0 && now.st_dev == device_ &&
         now.st_ino == inode_;
}

std::optional<std::filesystem::path> FileLock::current_path() const {
  if (!has_descriptor()) return {};
  std::error_code failed;
  auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file_.fd()), failed);
  if (failed || !is_lock_of(path)) return {};
  return path;
}

bool FileLock::forget_if_lost() noexcept {
  if (!file_.is_open() || has_descriptor()) return false;
  std::uint64_t mine = ticket_;
  (void)kept_->value.compare_exchange_strong(mine, 0, std::memory_order_acq_rel);
  (void)file_.release();
  return true;
}

void FileLock::release() noexcept {
  if (!file_.is_open()) return;
  settle_child();
  std::uint64_t mine = ticket_;
  const bool is_ours = kept_->value.compare_exchange_strong(mine, 0, std::memory_order_acq_rel);
  if (!is_ours || !has_descriptor()) {
    (void)file_.release();  // closed by a child's duty or by the job: the number may be another's
    return;
  }
  if (has_identity_) (void)!::ftruncate(file_.fd(), 0);
  // Closing it is not enough: orphans may have copies.
  struct flock all = range_of(F_UNLCK, 0, 0);
  (void)::fcntl(file_.fd(), F_OFD_SETLK, &all);
  file_.close();
}

}  // namespace runlog
