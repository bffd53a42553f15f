// Little-endian loads and stores on raw bytes, and alignment. Journals are little-endian; so is
// every machine we build for, which the static_assert keeps true.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace runlog {

static_assert(std::endian::native == std::endian::little, "the journal is written in host order");

template <typename T>
[[nodiscard]] inline T load(const std::byte* source) noexcept {
  T value;
  std::memcpy(&value, source, sizeof value);
  return value;
}

template <typename T>
inline void store(std::byte* target, T value) noexcept {
  std::memcpy(target, &value, sizeof value);
}

/// `alignment` is a power of two.
[[nodiscard]] constexpr std::uint64_t align_up(std::uint64_t value,
                                               std::uint64_t alignment) noexcept {
  return (value + alignment - 1) & ~(alignment - 1);
}

[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace runlog
