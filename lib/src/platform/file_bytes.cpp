#include "platform/file_bytes.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "platform/crash_point.hpp"
#include "platform/memory_probe.hpp"

namespace runlog {
namespace {

constexpr std::size_t kPage_bytes = 4096;  // the smallest there is; a larger one is no harm

std::size_t bytes_to_page_end(const std::byte* at) noexcept {
  return kPage_bytes - (reinterpret_cast<std::uintptr_t>(at) & (kPage_bytes - 1));
}

// Where a sandbox forbids process_vm_readv. A file that is cut between the look and the copy of a
// page still raises the signal.
std::size_t copy_by_pages(const std::byte* source, std::span<std::byte> target) noexcept {
  std::size_t done = 0;
  while (done < target.size()) {
    const std::size_t bytes = std::min(bytes_to_page_end(source + done), target.size() - done);
    if (!is_readable(source + done, bytes)) break;
    std::memcpy(target.data() + done, source + done, bytes);
    done += bytes;
  }
  return done;
}

// Copies up to the first page that cannot be read; returns how many bytes.
std::size_t copy_readable(const std::byte* source, std::span<std::byte> target) noexcept {
  const iovec to{.iov_base = target.data(), .iov_len = target.size()};
  const iovec from{.iov_base = const_cast<std::byte*>(source), .iov_len = target.size()};
  const ssize_t copied = ::process_vm_readv(::getpid(), &to, 1, &from, 1, 0);
  if (copied >= 0) return static_cast<std::size_t>(copied);
  return errno == EFAULT ? 0 : copy_by_pages(source, target);
}

}  // namespace

Result<FileBytes> FileBytes::open(const std::filesystem::path& path) {
  auto map = MappedFile::open_read_only(path);
  if (!map) return std::move(map).error();
  return FileBytes(std::move(*map));
}

FileBytes::Part FileBytes::read(std::uint64_t begin, std::span<std::byte> target) const noexcept {
  crash_point("file_read");
  const std::byte* const source = map_.bytes().data() + begin;
  Part part;
  bool is_whole = true;
  for (std::size_t done = 0; done < target.size();) {
    const std::size_t copied = copy_readable(source + done, target.subspan(done));
    done += copied;
    if (copied != 0) {
      part.end = done;
      if (is_whole) part.whole = done;
      continue;
    }
    is_whole = false;
    const std::size_t bytes = std::min(bytes_to_page_end(source + done), target.size() - done);
    std::memset(target.data() + done, 0, bytes);
    done += bytes;
  }
  return part;
}

// Nothing: it has moved.
std::optional<std::uint64_t> FileBytes::bytes_now() const {
  const auto now = stat_file(path());
  return now && map_.is_at(path()) ? std::optional(now->bytes) : std::nullopt;
}

bool FileBytes::was_cut() const {
  const auto now = bytes_now();
  return now && *now < size();
}

FileCopy FileBytes::copy(std::uint64_t bytes_max) const {
  const auto bytes = static_cast<std::size_t>(std::min(size(), bytes_max));
  FileCopy copy;
  if (bytes == 0) return copy;
  copy.memory = std::make_unique_for_overwrite<std::byte[]>(bytes);
  std::size_t end = read(0, {copy.memory.get(), bytes}).end;
  // Behind a new end of the file the rest of its page is zeros.
  if (const auto now = bytes_now())
    end = static_cast<std::size_t>(std::min<std::uint64_t>(*now, end));
  copy.bytes = {copy.memory.get(), end};
  return copy;
}

}  // namespace runlog
