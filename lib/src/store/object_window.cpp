#include "store/object_window.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace runlog {

Result<ObjectWindow> ObjectWindow::open(ObjectStore& store, std::string name, std::uint64_t bytes) {
  ObjectWindow window;
  window.store_ = &store;
  window.name_ = std::move(name);
  if (bytes > kWindow_bytes_max) {
    return Error{Errc::too_large, 0,
                 window.name_ + ": the store says it has " + std::to_string(bytes) +
                     " bytes; up to " + std::to_string(kWindow_bytes_max) + " are read"};
  }
  if (bytes == 0) return window;
  // Without reserve: only what is fetched will ever take memory.
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return os_error(errno, "cannot map " + std::to_string(bytes) + " bytes for", window.name_);
  }
  window.memory_ = {static_cast<std::byte*>(memory), bytes};
  return window;
}

ObjectWindow::~ObjectWindow() {
  if (!memory_.empty()) ::munmap(memory_.data(), memory_.size());
}

ObjectWindow::ObjectWindow(ObjectWindow&& other) noexcept
    : store_(other.store_),
      name_(std::move(other.name_)),
      memory_(std::exchange(other.memory_, {})) {}

ObjectWindow& ObjectWindow::operator=(ObjectWindow&& other) noexcept {
  std::swap(store_, other.store_);
  std::swap(name_, other.name_);
  std::swap(memory_, other.memory_);
  return *this;
}

Result<void> ObjectWindow::fetch(ByteRange range) {
  if (range.begin >= range.end) return {};
  if (range.end > memory_.size() || range.end - range.begin > kFetch_bytes_max) {
    return Error{Errc::too_large, 0,
                 name_ + ": bytes [" + std::to_string(range.begin) + ", " +
                     std::to_string(range.end) + ") are too many to read at once"};
  }
  std::uint64_t at = range.begin;
  auto got = store_->get(name_, range, [&](std::span<const std::byte> chunk) -> Result<void> {
    if (chunk.size() > range.end - at) {
      return Error{Errc::corrupt, 0, name_ + ": the store sent more bytes than were asked for"};
    }
    std::copy(chunk.begin(), chunk.end(), memory_.begin() + static_cast<std::ptrdiff_t>(at));
    at += chunk.size();
    return {};
  });
  if (!got) return got;
  if (at != range.end) {
    return Error{Errc::corrupt, 0,
                 name_ + ": the store sent " + std::to_string(at - range.begin) + " bytes of " +
                     std::to_string(range.end - range.begin) +
                     "; the object has become shorter, or the answer was cut off"};
  }
  return {};
}

void ObjectWindow::forget(ByteRange range) noexcept {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t begin = (range.begin + page - 1) / page * page;
  // The last page is whole in memory even where the object ends within it.
  const std::uint64_t end = range.end >= memory_.size() ? memory_.size() : range.end / page * page;
  if (begin < end) (void)::madvise(memory_.data() + begin, end - begin, MADV_DONTNEED);
}

void ObjectWindow::place(std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
  if (bytes.empty() || offset > memory_.size() || bytes.size() > memory_.size() - offset) return;
  std::memcpy(memory_.data() + offset, bytes.data(), bytes.size());
}

Result<std::string> get_small(ObjectStore& store, const std::string& name, std::size_t bytes_max) {
  std::string text;
  // One byte more than is allowed shows that there is more.
  auto got =
      store.get(name, {0, bytes_max + 1}, [&](std::span<const std::byte> chunk) -> Result<void> {
        if (chunk.size() > bytes_max - text.size()) {
          return Error{Errc::too_large, 0,
                       name + " is larger than " + std::to_string(bytes_max) + " bytes"};
        }
        text.append(reinterpret_cast<const char*>(chunk.data()), chunk.size());
        return {};
      });
  if (!got) return std::move(got).error();
  return text;
}

}  // namespace runlog
