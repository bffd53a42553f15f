#include "journal/blobs.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <vector>

#include "base/bytes.hpp"
#include "base/errno_text.hpp"
#include "base/sha256.hpp"
#include "platform/crash_point.hpp"
#include "platform/file_digest.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

constexpr std::size_t kChunk_bytes = 1u << 20;
constexpr int kAttempts_max = 2;

constinit std::atomic<std::uint64_t> next_temporary = 0;

// A name nobody else uses: uploads may run in several threads and in forked children.
std::filesystem::path temporary_name(const JournalDir& directory) {
  return directory.blobs() /
         ("tmp-" + std::to_string(::getpid()) + "-" + std::to_string(next_temporary.fetch_add(1)));
}

// Removes the temporary file unless it has become a blob.
class Temporary {
 public:
  explicit Temporary(std::filesystem::path path) : path_(std::move(path)) {}
  ~Temporary() {
    if (!path_.empty()) (void)remove_file(path_);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  void keep() noexcept { path_.clear(); }

 private:
  std::filesystem::path path_;
};

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

Result<void> check_room(const JournalDir& directory, DiskRoom& copies, std::uint64_t bytes,
                        const std::filesystem::path& source) {
  struct statvfs room {};
  // What does not tell its size (some FUSE) is found out by writing.
  if (::statvfs(directory.blobs().c_str(), &room) != 0 || room.f_blocks == 0) return {};
  std::uint64_t free_bytes = std::uint64_t{room.f_bavail} * room.f_frsize;
  if (bytes > free_bytes && copies.drop_copies_below_root(bytes - free_bytes) > 0 &&
      ::statvfs(directory.blobs().c_str(), &room) == 0) {
    free_bytes = std::uint64_t{room.f_bavail} * room.f_frsize;
  }
  if (bytes <= free_bytes) return {};
  return Error{Errc::no_space, ENOSPC,
               "cannot stage " + source.native() + ": it takes " + std::to_string(bytes) +
                   " bytes, and " + std::to_string(free_bytes) + " are free at " +
                   directory.blobs().native() + "; make room there, or choose another root"};
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

// Copies the first `bytes` bytes, or as many as there are, and their digest. Holes are not written.
Result<FileDigest> copy(int source, const std::filesystem::path& source_path, std::uint64_t bytes,
                        bool has_holes, int target, const std::filesystem::path& target_path) {
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

Result<void> publish(const JournalDir& directory, Temporary& temporary, int fd,
                     const std::string& sha256, ArtifactRoom& reserved) {
  if (auto synced = sync_data(fd, temporary.path()); !synced) return synced;
  const std::filesystem::path final_path = directory.blobs() / sha256;
  crash_point("before_blob_rename");
  auto renamed = reserved.publish([&] { return rename_file(temporary.path(), final_path, true); });
  if (!renamed) return renamed;
  crash_point("after_blob_rename");
  temporary.keep();
  return sync_directory(directory.blobs());
}

// Under its name already, in this process or another, and its name as durable as ours would be.
Result<bool> is_there(const JournalDir& directory, const std::string& sha256) {
  if (stat_file(directory.shipped() / sha256)) return true;
  if (!stat_file(directory.blobs() / sha256)) return false;
  if (auto synced = sync_directory(directory.blobs()); !synced) return std::move(synced).error();
  return true;
}

Result<OpenFile> create_temporary(const JournalDir& directory, const std::filesystem::path& path) {
  auto file = OpenFile::open(path, O_RDWR | O_CREAT | O_EXCL);
  if (!file && file.error().code == Errc::not_found && directory.create()) {
    file = OpenFile::open(path, O_RDWR | O_CREAT | O_EXCL);
  }
  return file;
}

// A clone is a snapshot: whatever happens to the source afterwards, its bytes are one version, and
// reading the clone gives the digest of just these.
Result<Blob> take_clone(int clone, const std::filesystem::path& path, std::uint64_t bytes_max) {
  Blob blob;
  auto size = stat_file(clone, path);
  if (!size) return std::move(size).error();
  if (size->bytes > bytes_max) {
    if (auto cut = set_file_bytes(clone, bytes_max, path); !cut) return std::move(cut).error();
    blob.source = Blob::Source::grew;
  }
  auto digest = digest_of_file(clone, path);
  if (!digest) return std::move(digest).error();
  blob.sha256 = std::move(digest->sha256);
  blob.bytes = digest->bytes;
  return blob;
}

// `before`: the source when it was opened. No more than it had then is copied, however fast it
// grows; what is behind that is another call's.
Result<Blob> take_copy(int source, const std::filesystem::path& source_path, FileStat before,
                       int target, const std::filesystem::path& target_path) {
  Blob blob;
  for (int attempt = 1;; ++attempt) {
    const bool has_holes = before.disk_bytes < before.bytes;
    auto copied = copy(source, source_path, before.bytes, has_holes, target, target_path);
    if (!copied) return std::move(copied).error();
    blob.sha256 = std::move(copied->sha256);
    blob.bytes = copied->bytes;
    auto after = stat_file(source, source_path);
    if (!after) return std::move(after).error();
    const bool is_whole = copied->bytes == before.bytes;
    if (is_whole && after->bytes > before.bytes) {
      // The second time it had changed before, and what grew may be what was cut off.
      blob.source = attempt == 1 ? Blob::Source::grew : Blob::Source::torn;
      return blob;
    }
    if (is_whole && after->bytes == before.bytes && after->mtime_ns == before.mtime_ns) return blob;
    if (attempt == kAttempts_max) {
      blob.source = Blob::Source::torn;
      return blob;
    }
    after->bytes = std::min(after->bytes, before.bytes);  // the first size stays the bound
    before = *after;
    if (auto emptied = set_file_bytes(target, 0, target_path); !emptied) {
      return std::move(emptied).error();
    }
  }
}

}  // namespace

namespace {

// What a disk said that has no room was not foreseen (a quota, say): copies go, and it is tried
// once more.
template <typename Stage>
Result<Blob> stage_with_room(DiskRoom& room, std::uint64_t bytes, Stage&& stage) {
  auto blob = stage();
  if (!blob && blob.error().code == Errc::no_space && blob.error().os_errno != 0 &&
      room.drop_copies_below_root(bytes) > 0) {
    blob = stage();
  }
  return blob;
}

Result<Blob> stage_once(const JournalDir& directory, DiskRoom& room, const OpenFile& input,
                        const FileStat& before, const std::filesystem::path& source) {
  const std::uint64_t needed = std::min(before.disk_bytes, align_up(before.bytes, 4096));
  auto reserved = room.reserve_artifact(needed, source.native());
  if (!reserved) return std::move(reserved).error();
  Temporary temporary(temporary_name(directory));
  auto output = create_temporary(directory, temporary.path());
  if (!output) return std::move(output).error();
  const bool is_clone = ::ioctl(output->fd(), FICLONE, input.fd()) == 0;
  if (!is_clone) {
    if (auto free = check_room(directory, room, needed, source); !free) return free.error();
  }
  auto blob = is_clone ? take_clone(output->fd(), temporary.path(), before.bytes)
                       : take_copy(input.fd(), source, before, output->fd(), temporary.path());
  if (!blob) return blob;
  auto known = is_there(directory, blob->sha256);
  if (!known) return std::move(known).error();
  if (*known) return blob;
  auto published = publish(directory, temporary, output->fd(), blob->sha256, *reserved);
  if (!published) {
    return std::move(published).error();
  }
  return blob;
}

}  // namespace

Result<Blob> stage_file(const JournalDir& directory, DiskRoom& room,
                        const std::filesystem::path& source, Links links) {
  auto input = open_source(source, links);
  if (!input) return std::move(input).error();
  auto before = stat_file(input->fd(), source);
  if (!before) return std::move(before).error();
  if (auto checked = check_kind(before->mode, source); !checked) return std::move(checked).error();
  if (before->bytes == 0) {
    if (auto told = check_size_is_told(input->fd(), source); !told) return std::move(told).error();
  }
  return stage_with_room(room, before->bytes,
                         [&] { return stage_once(directory, room, *input, *before, source); });
}

namespace {

Result<Blob> stage_bytes_once(const JournalDir& directory, DiskRoom& room,
                              std::span<const std::byte> bytes) {
  Sha256 digest;
  digest.update(bytes);
  Blob blob{.sha256 = digest.finish_hex(), .bytes = bytes.size()};
  auto known = is_there(directory, blob.sha256);
  if (!known) return std::move(known).error();
  if (*known) return blob;
  auto reserved = room.reserve_artifact(align_up(bytes.size(), 4096), "a value or image");
  if (!reserved) return std::move(reserved).error();
  Temporary temporary(temporary_name(directory));
  auto output = create_temporary(directory, temporary.path());
  if (!output) return std::move(output).error();
  if (auto written = write_all(output->fd(), bytes, temporary.path()); !written) {
    return std::move(written).error();
  }
  auto published = publish(directory, temporary, output->fd(), blob.sha256, *reserved);
  if (!published) {
    return std::move(published).error();
  }
  return blob;
}

}  // namespace

Result<Blob> stage_bytes(const JournalDir& directory, DiskRoom& room,
                         std::span<const std::byte> bytes) {
  return stage_with_room(room, bytes.size(),
                         [&] { return stage_bytes_once(directory, room, bytes); });
}

}  // namespace runlog
