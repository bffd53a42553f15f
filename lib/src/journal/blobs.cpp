#include "journal/blobs.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <vector>

#include "base/bytes.hpp"
#include "base/sha256.hpp"
#include "platform/crash_point.hpp"
#include "platform/file_copy.hpp"
#include "platform/file_digest.hpp"
#include "platform/file_system.hpp"
#include "platform/process.hpp"

namespace runlog {
namespace {

constexpr int kAttempts_max = 2;

constinit std::atomic<std::uint64_t> next_temporary = 0;

// A name nobody else uses: uploads may run in several threads and in forked children.
std::filesystem::path temporary_name(const JournalDir& directory) {
  return directory.blobs() /
         ("tmp-" + std::to_string(own_pid()) + "-" + std::to_string(next_temporary.fetch_add(1)));
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

Result<void> check_room(const JournalDir& directory, DiskRoom& copies, std::uint64_t bytes,
                        const std::filesystem::path& source) {
  // What does not tell is found out by writing.
  auto free = free_bytes(directory.blobs());
  if (free && bytes > *free && copies.drop_copies_below_root(bytes - *free) > 0) {
    free = free_bytes(directory.blobs());
  }
  if (!free || bytes <= *free) return {};
  return Error{Errc::no_space, ENOSPC,
               "cannot stage " + source.native() + ": it takes " + std::to_string(bytes) +
                   " bytes, and " + std::to_string(*free) + " are free at " +
                   directory.blobs().native() + "; make room there, or choose another root"};
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
  auto file = OpenFile::open(path, Access::read_new);
  if (!file && file.error().code == Errc::not_found && directory.create()) {
    file = OpenFile::open(path, Access::read_new);
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
    auto copied = copy_file(source, source_path, before.bytes, has_holes, target, target_path);
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
  const bool is_clone = clone_file(input.fd(), output->fd());
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
  if (auto checked = check_is_regular(*before, source); !checked) return std::move(checked).error();
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
