#include "base/crc32c.hpp"

#include <array>

#include "base/bytes.hpp"

namespace runlog {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t state = i;
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82F63B78u : 0u);
    table[i] = state;
  }
  return table;
}
constexpr auto kTable = make_table();

std::uint32_t bytes_hw(std::uint32_t state, std::span<const std::byte> bytes) noexcept {
  std::uint64_t wide = state;
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    wide = detail::crc32c_step(wide, load<std::uint64_t>(bytes.data() + at));
  }
  return crc32c_bytes_table(static_cast<std::uint32_t>(wide), bytes.subspan(at));
}

}  // namespace

#if defined(__x86_64__)
const bool detail::kCrc32c_hardware = __builtin_cpu_supports("sse4.2") != 0;
#else
const bool detail::kCrc32c_hardware = false;
#endif

bool crc32c_is_hardware() noexcept {
  return detail::kCrc32c_hardware;
}

std::uint32_t crc32c_bytes_table(std::uint32_t state, std::span<const std::byte> bytes) noexcept {
  for (const std::byte byte : bytes) {
    state = (state >> 8) ^ kTable[(state ^ static_cast<std::uint32_t>(byte)) & 0xFFu];
  }
  return state;
}

std::uint32_t crc32c_word_table(std::uint32_t state, std::uint64_t word) noexcept {
  return crc32c_bytes_table(state, std::as_bytes(std::span(&word, 1)));
}

std::uint32_t crc32c_bytes(std::uint32_t state, std::span<const std::byte> bytes) noexcept {
  if (detail::kCrc32c_hardware) [[likely]]
    return bytes_hw(state, bytes);
  return crc32c_bytes_table(state, bytes);
}

std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept {
  return ~crc32c_bytes(0xFFFFFFFFu, bytes);
}

}  // namespace runlog
