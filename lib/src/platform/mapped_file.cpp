#include "platform/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <boost/interprocess/mapped_region.hpp>
#include <cerrno>

#include "platform/in_call.hpp"

namespace runlog {
namespace {

namespace ipc = boost::interprocess;

// What mapped_region asks of a mappable. Ours instead of file_mapping, which opens the path again
// and without O_CLOEXEC: a program exec'd by another thread at that moment would inherit it.
class Mappable {
 public:
  Mappable(int fd, ipc::mode_t mode) : fd_(fd), mode_(mode) {}
  [[nodiscard]] ipc::mapping_handle_t get_mapping_handle() const {
    return ipc::ipcdetail::mapping_handle_from_file_handle(fd_);
  }
  [[nodiscard]] ipc::mode_t get_mode() const { return mode_; }

 private:
  int fd_;
  ipc::mode_t mode_;
};

constexpr std::uint64_t kPage_bytes = 4096;  // the smallest there is; a larger one is no harm
constexpr int kPopulate_write =
    23;  // MADV_POPULATE_WRITE, Linux 5.14; newer than some libc headers

}  // namespace

struct MappedFile::Region {
  ipc::mapped_region region;
};

MappedFile::MappedFile() = default;
MappedFile::~MappedFile() = default;
MappedFile::MappedFile(MappedFile&&) noexcept = default;
MappedFile& MappedFile::operator=(MappedFile&&) noexcept = default;

Result<MappedFile> MappedFile::map(const OpenFile& file, std::filesystem::path path,
                                   std::uint64_t bytes, bool writable) {
  MappedFile mapped;
  const auto info = stat_file(file.fd(), path);
  if (!info) return info.error();
  mapped.path_ = std::move(path);
  mapped.device_ = info->device;
  mapped.inode_ = info->inode;
  if (bytes == 0) return mapped;
  const ipc::mode_t mode = writable ? ipc::read_write : ipc::read_only;
  try {
    mapped.region_ = std::make_unique<Region>(
        Region{ipc::mapped_region(Mappable(file.fd(), mode), mode, 0, bytes)});
  } catch (const ipc::interprocess_exception& error) {
    return os_error(error.get_native_error(), "cannot map", mapped.path_.native());
  } catch (const std::bad_alloc&) {
    return os_error(ENOMEM, "cannot map", mapped.path_.native());
  }
  mapped.bytes_ = {static_cast<std::byte*>(mapped.region_->region.get_address()), bytes};
  return mapped;
}

Result<MappedFile> MappedFile::create(const std::filesystem::path& path, std::uint64_t bytes) {
  auto file = OpenFile::open(path, O_RDWR | O_CREAT | O_EXCL);
  if (!file) return std::move(file).error();
  if (auto allocated = allocate_zeroed(file->fd(), bytes, path); !allocated) {
    (void)remove_file(path);
    return std::move(allocated).error();
  }
  auto mapped = map(*file, path, bytes, true);
  if (!mapped) {
    (void)remove_file(path);
    return mapped;
  }
  const std::span<std::byte> memory = mapped->bytes();
  // Only this process writes here, and no child of it, whatever it was doing when that was made.
  (void)::madvise(memory.data(), memory.size(), MADV_DONTFORK);
  // A child that was made before that line, and goes on here, has the map all the same.
  if (is_parents_call()) {
    return Error{Errc::finished, 0, path.native() + " is the parent's of this process"};
  }
  const bool is_populated = ::madvise(memory.data(), memory.size(), kPopulate_write) == 0;
  if (!is_populated && errno != EINVAL) {
    // EFAULT: a page that cannot be had, because the file shrank, the disk failed meanwhile, or the
    // file system copies on write and is full. Better an error here than a SIGBUS in the writer.
    const int os_errno = errno;
    (void)remove_file(path);
    return os_error(os_errno, "cannot touch the pages (is the disk or the quota full?) of",
                    path.native());
  }
  if (!is_populated) {
    // A kernel before 5.14: touch one byte per page. The volatile access is a read and a write of
    // zero.
    for (std::size_t at = 0; at < memory.size(); at += 4096) {
      auto* const byte = reinterpret_cast<volatile unsigned char*>(memory.data() + at);
      *byte = *byte;
    }
  }
  return mapped;
}

bool MappedFile::is_at(const std::filesystem::path& path) const {
  const auto info = stat_file(path);
  return info && info->device == device_ && info->inode == inode_;
}

bool MappedFile::has_left() const {
  const auto info = stat_file(path_);
  if (!info) return info.error().code == Errc::not_found;
  return info->device != device_ || info->inode != inode_ || info->bytes < bytes_.size();
}

Result<OpenFile> MappedFile::open_again() const {
  auto file = OpenFile::open(path_, O_RDWR | O_NOFOLLOW);
  if (!file) return file;
  const auto info = stat_file(file->fd(), path_);
  if (!info) return info.error();
  if (info->device != device_ || info->inode != inode_) {
    return Error{Errc::not_found, 0, path_.native() + " is another file than was mapped"};
  }
  return file;
}

Result<void> MappedFile::sync(std::uint64_t begin, std::uint64_t end) const {
  const std::span<std::byte> pages = whole_pages(begin, end);
  // MS_SYNC is fdatasync for a range (vfs_fsync_range). mapped_region::flush would do the same, but
  // tells no errno.
  if (!pages.empty() && ::msync(pages.data(), pages.size(), MS_SYNC) != 0) {
    return os_error(errno, "cannot sync", path_.native());
  }
  return {};
}

void MappedFile::unmap_behind(std::uint64_t begin, std::uint64_t end) const noexcept {
  const std::span<std::byte> pages = whole_pages(begin, end / kPage_bytes * kPage_bytes);
  if (!pages.empty()) (void)::madvise(pages.data(), pages.size(), MADV_DONTNEED);
}

bool MappedFile::share_with_children(std::uint64_t begin, std::uint64_t end) const noexcept {
  const std::span<std::byte> range = bytes().subspan(begin, end - begin);
  return ::madvise(range.data(), range.size(), MADV_DOFORK) == 0;
}

void MappedFile::touch(std::uint64_t begin, std::uint64_t end) const noexcept {
  const std::span<std::byte> pages = whole_pages(begin, end);
  if (!pages.empty()) (void)::madvise(pages.data(), pages.size(), kPopulate_write);
}

std::span<std::byte> MappedFile::whole_pages(std::uint64_t begin,
                                             std::uint64_t end) const noexcept {
  begin = begin / kPage_bytes * kPage_bytes;
  end = std::min<std::uint64_t>((end + kPage_bytes - 1) / kPage_bytes * kPage_bytes, bytes_.size());
  return begin < end ? bytes_.subspan(begin, end - begin) : std::span<std::byte>{};
}

Result<MappedFile> MappedFile::open_read_only(const std::filesystem::path& path) {
  auto file = OpenFile::open(path, O_RDONLY);
  if (!file) return std::move(file).error();
  auto info = stat_file(file->fd(), path);
  if (!info) return std::move(info).error();
  if (!info->is_regular) {
    return Error{Errc::invalid_argument, 0, path.native() + " is not a regular file"};
  }
  return map(*file, path, info->bytes, false);
}

}  // namespace runlog
