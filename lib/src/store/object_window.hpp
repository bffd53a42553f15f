// ObjectWindow: an object of a store as a sparse file in memory. Each byte has the address of its
// offset, but takes memory only between fetch() and forget(): a pack of any size is read in the
// memory of its largest row group. It knows nothing of what the bytes mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "platform/lazy_memory.hpp"
#include "runlog/result.hpp"
#include "store/http/peer_limits.hpp"
#include "store/object_store.hpp"

namespace runlog {

class ObjectWindow {
 public:
  /// `bytes`: the size that the store told. Nothing is fetched. Errors: too_large, io.
  static Result<ObjectWindow> open(ObjectStore& store, std::string name, std::uint64_t bytes);
  ObjectWindow() noexcept = default;

  /// All of the object; what has not been fetched reads as zeros.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return memory_.bytes(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Brings these bytes. Exactly these: an object that has become shorter, or a store that sends
  /// more or less than was asked for, is an error. Errors: corrupt, too_large, and those of get().
  Result<void> fetch(ByteRange range);
  /// Gives the memory of whole pages in the range back; they read as zeros again.
  void forget(ByteRange range) noexcept;
  /// Writes into the window what the caller knows without asking.
  void place(std::uint64_t offset, std::span<const std::byte> bytes) noexcept;

 private:
  ObjectStore* store_ = nullptr;
  std::string name_;
  LazyMemory memory_;
};

/// The whole of a small object. Errors: too_large beyond `bytes_max`, and those of get().
Result<std::string> get_small(ObjectStore& store, const std::string& name, std::size_t bytes_max);

}  // namespace runlog
