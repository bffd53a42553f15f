// LazyMemory: a range of addresses that takes memory only where it is written to. It is private and
// anonymous, a kind of map that Boost.Interprocess does not offer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runlog/result.hpp"

namespace runlog {

class LazyMemory {
 public:
  LazyMemory() noexcept = default;
  ~LazyMemory();
  LazyMemory(LazyMemory&& other) noexcept;
  LazyMemory& operator=(LazyMemory&& other) noexcept;

  /// `bytes` zeros. Errors: io (no addresses are left; ulimit -v).
  static Result<LazyMemory> reserve(std::uint64_t bytes);
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  /// Gives back what the whole pages in [begin, end) take: they are zeros again.
  void forget(std::uint64_t begin, std::uint64_t end) noexcept;

 private:
  std::span<std::byte> bytes_;
};

}  // namespace runlog
