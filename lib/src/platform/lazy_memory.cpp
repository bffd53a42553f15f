#include "platform/lazy_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

namespace runlog {

LazyMemory::~LazyMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

LazyMemory::LazyMemory(LazyMemory&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

LazyMemory& LazyMemory::operator=(LazyMemory&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

Result<LazyMemory> LazyMemory::reserve(std::uint64_t bytes) {
  LazyMemory memory;
  if (bytes == 0) return memory;
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    return os_error(errno, "cannot map", std::to_string(bytes) + " bytes");
  }
  memory.bytes_ = {static_cast<std::byte*>(mapped), bytes};
  return memory;
}

void LazyMemory::forget(std::uint64_t begin, std::uint64_t end) noexcept {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  begin = (begin + page - 1) / page * page;
  // The last page is whole in memory even where the bytes end within it.
  end = end >= bytes_.size() ? bytes_.size() : end / page * page;
  if (begin < end) (void)::madvise(bytes_.data() + begin, end - begin, MADV_DONTNEED);
}

}  // namespace runlog
