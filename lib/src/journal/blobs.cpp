#include "journal/blobs.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "base/sha256.hpp"
#include "platform/crash_point.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

constexpr std::size_t kChunk_bytes = 1u << 20;
constexpr int kAttempts_max = 2;

// A name nobody else uses: uploads may run in several threads and in forked children.
std::filesystem::path temporary_name(const JournalDir& directory) {
  static std::atomic<std::uint64_t> counter = 0;
  return directory.blobs() /
         ("tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1)));
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

struct Copied {
  std::string sha256;
  std::uint64_t bytes = 0;
};

// Reads `source` to its end; writes it to `target` as well, unless that is -1.
Result<Copied> digest_and_copy(int source, const std::filesystem::path& source_path, int target,
                               const std::filesystem::path& target_path) {
  Sha256 digest;
  Copied copied;
  std::vector<std::byte> chunk(kChunk_bytes);
  for (;;) {
    auto got = read_at(source, copied.bytes, chunk, source_path);
    if (!got) return std::move(got).error();
    if (*got == 0) break;
    const auto part = std::span(chunk).first(*got);
    digest.update(part);
    if (target >= 0) {
      if (auto written = write_at(target, copied.bytes, part, target_path); !written) {
        return std::move(written).error();
      }
    }
    copied.bytes += *got;
  }
  copied.sha256 = digest.finish_hex();
  return copied;
}

Result<void> publish(const JournalDir& directory, Temporary& temporary, int fd,
                     const std::string& sha256) {
  if (auto synced = sync_data(fd, temporary.path()); !synced) return synced;
  const std::filesystem::path final_path = directory.blobs() / sha256;
  crash_point("before_blob_rename");
  if (auto renamed = rename_file(temporary.path(), final_path, true); !renamed) return renamed;
  crash_point("after_blob_rename");
  temporary.keep();
  return sync_directory(directory.blobs());
}

bool is_there(const JournalDir& directory, const std::string& sha256) {
  return stat_file(directory.blobs() / sha256).has_value() ||
         stat_file(directory.shipped() / sha256).has_value();
}

}  // namespace

Result<Blob> stage_file(const JournalDir& directory, const std::filesystem::path& source) {
  auto input = OpenFile::open(source, O_RDONLY | O_NONBLOCK);  // a FIFO must not block the job
  if (!input) return std::move(input).error();
  auto before = stat_file(input->fd(), source);
  if (!before) return std::move(before).error();
  if (!before->is_regular) {
    return Error{Errc::invalid_argument, 0,
                 source.native() + " is not a regular file; upload_folder takes directories"};
  }
  Temporary temporary(temporary_name(directory));
  auto output = OpenFile::open(temporary.path(), O_RDWR | O_CREAT | O_EXCL);
  if (!output && output.error().code == Errc::not_found && directory.create()) {
    output = OpenFile::open(temporary.path(), O_RDWR | O_CREAT | O_EXCL);
  }
  if (!output) return std::move(output).error();

  Blob blob;
  // A clone is a snapshot: whatever happens to the source afterwards, its bytes are one version.
  const bool is_clone = ::ioctl(output->fd(), FICLONE, input->fd()) == 0;
  for (int attempt = 1;; ++attempt) {
    auto copied = is_clone ? digest_and_copy(output->fd(), temporary.path(), -1, {})
                           : digest_and_copy(input->fd(), source, output->fd(), temporary.path());
    if (!copied) return std::move(copied).error();
    blob.sha256 = copied->sha256;
    blob.bytes = copied->bytes;
    if (is_clone) break;
    auto after = stat_file(input->fd(), source);
    if (!after) return std::move(after).error();
    const bool changed = after->bytes != before->bytes || after->mtime_ns != before->mtime_ns ||
                         after->bytes != copied->bytes;
    if (!changed) break;
    if (attempt == kAttempts_max) {
      blob.is_torn = true;
      break;
    }
    before = after;
    if (::ftruncate(output->fd(), 0) != 0) {
      return os_error(errno, "cannot truncate", temporary.path().native());
    }
  }
  if (is_there(directory, blob.sha256)) return blob;
  if (auto published = publish(directory, temporary, output->fd(), blob.sha256); !published) {
    return std::move(published).error();
  }
  return blob;
}

Result<Blob> stage_bytes(const JournalDir& directory, std::span<const std::byte> bytes) {
  Sha256 digest;
  digest.update(bytes);
  Blob blob{digest.finish_hex(), bytes.size(), false};
  if (is_there(directory, blob.sha256)) return blob;
  Temporary temporary(temporary_name(directory));
  auto output = OpenFile::open(temporary.path(), O_RDWR | O_CREAT | O_EXCL);
  if (!output) return std::move(output).error();
  if (auto written = write_all(output->fd(), bytes, temporary.path()); !written) {
    return std::move(written).error();
  }
  if (auto published = publish(directory, temporary, output->fd(), blob.sha256); !published) {
    return std::move(published).error();
  }
  return blob;
}

Result<std::string> sha256_of_file(const std::filesystem::path& path) {
  auto input = OpenFile::open(path, O_RDONLY);
  if (!input) return std::move(input).error();
  auto copied = digest_and_copy(input->fd(), path, -1, {});
  if (!copied) return std::move(copied).error();
  return std::move(copied->sha256);
}

}  // namespace runlog
