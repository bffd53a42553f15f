#include "store/object_window.hpp"

#include <algorithm>
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
  auto memory = LazyMemory::reserve(bytes);
  if (!memory) {
    Error error = std::move(memory).error();
    error.message += " for " + window.name_;
    return error;
  }
  window.memory_ = std::move(*memory);
  return window;
}

Result<void> ObjectWindow::fetch(ByteRange range) {
  if (range.begin >= range.end) return {};
  if (range.end > memory_.bytes().size() || range.end - range.begin > kFetch_bytes_max) {
    return Error{Errc::too_large, 0,
                 name_ + ": bytes [" + std::to_string(range.begin) + ", " +
                     std::to_string(range.end) + ") are too many to read at once"};
  }
  std::uint64_t at = range.begin;
  auto got = store_->get(name_, range, [&](std::span<const std::byte> chunk) -> Result<void> {
    if (chunk.size() > range.end - at) {
      return Error{Errc::corrupt, 0, name_ + ": the store sent more bytes than were asked for"};
    }
    std::copy(chunk.begin(), chunk.end(),
              memory_.bytes().begin() + static_cast<std::ptrdiff_t>(at));
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
  memory_.forget(range.begin, range.end);
}

void ObjectWindow::place(std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
  if (bytes.empty() || offset > memory_.bytes().size() ||
      bytes.size() > memory_.bytes().size() - offset)
    return;
  std::memcpy(memory_.bytes().data() + offset, bytes.data(), bytes.size());
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
