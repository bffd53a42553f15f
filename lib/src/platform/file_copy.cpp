#include "platform/file_copy.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <vector>

#include "base/errno_text.hpp"
#include "base/sha256.hpp"
#include "platform/crash_point.hpp"

namespace runlog {
namespace {

constexpr std::size_t kChunk_bytes = 1u << 20;

Result<void> check_kind(mode_t mode, const std::filesystem::path& path) {
  if (S_ISREG(mode)) return {};
  const char* what = " is not a regular file";
  if (S_ISDIR(mode)) what = " is a directory; upload_folder takes those";
  if (S_ISLNK(mode)) what = " is a symbolic link, and is not followed here";
  if (S_ISFIFO(mode)) what = " is a FIFO; copy what comes out of it to a file first";
  if (S_ISSOCK(mode)) what = " is a socket, not a regular file";
  if (S_ISCHR(mode) || S_ISBLK(mode)) what = " is a device, not a regular file";
  return Error{Errc::invalid_argument, 0, path.native() + what};
}

// Where the data at or behind `at` lie, within [at, end).
struct DataRange {
  std::uint64_t begin = 0, end = 0;
};
DataRange data_from(int fd, std::uint64_t at, std::uint64_t end) {
  const off_t begin = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
  if (begin < 0) {
    // ENXIO: a hole up to the end of the file, wherever that is now. Else: not known here.
    if (errno != ENXIO) return {at, end};
    struct stat raw {};
    const bool is_known = ::fstat(fd, &raw) == 0;
    const std::uint64_t size = is_known ? static_cast<std::uint64_t>(raw.st_size) : at;
    end = std::clamp(size, at, end);
    return {end, end};
  }
  const off_t hole = ::lseek(fd, begin, SEEK_HOLE);
  const std::uint64_t data_end = hole < 0 ? end : static_cast<std::uint64_t>(hole);
  return {std::min(static_cast<std::uint64_t>(begin), end), std::min(data_end, end)};
}

}  // namespace

// Asked by name before it is opened: opening some devices does something, and a socket cannot be.
// Asked again of the descriptor, because the name may mean another file by then.
Result<OpenFile> open_source(const std::filesystem::path& path, Links links) {
  struct stat raw {};
  const bool follows = links == Links::follow;
  if ((follows ? ::stat(path.c_str(), &raw) : ::lstat(path.c_str(), &raw)) != 0) {
    return os_error(errno, "cannot stat", path.native());
  }
  if (auto checked = check_kind(raw.st_mode, path); !checked) return std::move(checked).error();
  // O_NONBLOCK: a FIFO must not block the job.
  return OpenFile::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | (follows ? 0 : O_NOFOLLOW));
}

// The kernel says 0 of files that it makes when they are read (/proc): nobody knows where they end.
Result<void> check_size_is_told(int fd, const std::filesystem::path& path) {
  std::array<std::byte, 1> first{};
  const auto got = read_at(fd, 0, first, path);
  if (!got) {  // of a file that were empty there would be nothing to fail
    return Error{
        Errc::invalid_argument, got.error().os_errno,
        path.native() + " has no size and is not read from its beginning (" +
            errno_text(got.error().os_errno) +
            "), as files of the kernel (/proc) are; copy what you need of it to a file first"};
  }
  if (*got == 0) return {};
  const auto now = stat_file(fd, path);
  if (!now) return now.error();
  if (now->bytes > 0) return {};  // something was written to it since
  return Error{Errc::invalid_argument, 0,
               path.native() +
                   " has content but no size, as files of the kernel (/proc) have; copy it to a "
                   "file first"};
}

Result<void> check_is_regular(const FileStat& file, const std::filesystem::path& path) {
  return check_kind(file.mode, path);
}

bool clone_file(int source, int target) noexcept {
  return ::ioctl(target, FICLONE, source) == 0;
}

Result<FileDigest> copy_file(int source, const std::filesystem::path& source_path,
                             std::uint64_t bytes, bool has_holes, int target,
                             const std::filesystem::path& target_path) {
  static constexpr std::array<std::byte, std::size_t{64} * 1024> kZeros{};
  Sha256 digest;
  FileDigest copied;
  std::uint64_t& at = copied.bytes;
  std::vector<std::byte> chunk(
      std::min<std::uint64_t>(kChunk_bytes, std::max<std::uint64_t>(bytes, 1)));
  for (bool is_at_end = false; at < bytes && !is_at_end;) {
    const DataRange data = has_holes ? data_from(source, at, bytes) : DataRange{at, bytes};
    const bool is_only_hole = data.begin == data.end;
    while (at < data.begin) {
      const auto part = std::min<std::uint64_t>(kZeros.size(), data.begin - at);
      digest.update(std::span(kZeros).first(part));
      at += part;
    }
    if (is_only_hole) break;
    while (at < data.end && !is_at_end) {
      const auto wanted = std::min<std::uint64_t>(chunk.size(), data.end - at);
      auto got = read_at(source, at, std::span(chunk).first(wanted), source_path);
      if (!got) return std::move(got).error();
      is_at_end = *got < wanted;
      const auto part = std::span(chunk).first(*got);
      digest.update(part);
      if (auto written = write_at(target, at, part, target_path); !written) {
        return std::move(written).error();
      }
      crash_point("in_blob_copy");
      at += *got;
    }
  }
  if (has_holes) {
    if (auto sized = set_file_bytes(target, at, target_path); !sized) {
      return std::move(sized).error();
    }
  }
  copied.sha256 = digest.finish_hex();
  return copied;
}

}  // namespace runlog
