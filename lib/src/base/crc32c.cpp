#include "base/crc32c.hpp"

#include <array>

#include "base/bytes.hpp"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

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

#if defined(__x86_64__)
const bool kHardware = __builtin_cpu_supports("sse4.2") != 0;

__attribute__((target("sse4.2"))) std::uint32_t word_hw(std::uint32_t state, std::uint64_t word) {
  return static_cast<std::uint32_t>(_mm_crc32_u64(state, word));
}
__attribute__((target("sse4.2"))) std::uint32_t words3_hw(std::uint32_t state, std::uint64_t first,
                                                          std::uint64_t second,
                                                          std::uint64_t third) {
  std::uint64_t wide = _mm_crc32_u64(state, first);
  wide = _mm_crc32_u64(wide, second);
  return static_cast<std::uint32_t>(_mm_crc32_u64(wide, third));
}
__attribute__((target("sse4.2"))) std::uint32_t bytes_hw(std::uint32_t state,
                                                         std::span<const std::byte> bytes) {
  std::uint64_t wide = state;
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    wide = _mm_crc32_u64(wide, load<std::uint64_t>(bytes.data() + at));
  }
  auto narrow = static_cast<std::uint32_t>(wide);
  for (; at < bytes.size(); ++at) {
    narrow = _mm_crc32_u8(narrow, static_cast<std::uint8_t>(bytes[at]));
  }
  return narrow;
}
#else
constexpr bool kHardware = false;
std::uint32_t word_hw(std::uint32_t state, std::uint64_t) {
  return state;
}
std::uint32_t words3_hw(std::uint32_t state, std::uint64_t, std::uint64_t, std::uint64_t) {
  return state;
}
std::uint32_t bytes_hw(std::uint32_t state, std::span<const std::byte>) {
  return state;
}
#endif

}  // namespace

bool crc32c_is_hardware() noexcept {
  return kHardware;
}

std::uint32_t crc32c_bytes_table(std::uint32_t state, std::span<const std::byte> bytes) noexcept {
  for (const std::byte byte : bytes) {
    state = (state >> 8) ^ kTable[(state ^ static_cast<std::uint32_t>(byte)) & 0xFFu];
  }
  return state;
}

std::uint32_t crc32c_word(std::uint32_t state, std::uint64_t word) noexcept {
  if (kHardware) [[likely]]
    return word_hw(state, word);
  return crc32c_bytes_table(state, std::as_bytes(std::span(&word, 1)));
}

std::uint32_t crc32c_words3(std::uint32_t state, std::uint64_t first, std::uint64_t second,
                            std::uint64_t third) noexcept {
  if (kHardware) [[likely]]
    return words3_hw(state, first, second, third);
  return crc32c_word(crc32c_word(crc32c_word(state, first), second), third);
}

std::uint32_t crc32c_bytes(std::uint32_t state, std::span<const std::byte> bytes) noexcept {
  if (kHardware) [[likely]]
    return bytes_hw(state, bytes);
  return crc32c_bytes_table(state, bytes);
}

std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept {
  return ~crc32c_bytes(0xFFFFFFFFu, bytes);
}

}  // namespace runlog
