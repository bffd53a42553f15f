#include "base/crc32.hpp"

#include <array>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/bytes.hpp"

namespace runlog {
namespace {

using Table = std::array<std::uint32_t, 256>;

// Slicing by 8: table k advances a byte past k further bytes, so that eight look-ups, none of which
// waits for another, take eight bytes at once.
constexpr std::array<Table, 8> make_tables() {
  std::array<Table, 8> tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t state = i;
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0xEDB88320u : 0u);
    tables[0][i] = state;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t state = tables[k - 1][i];
      tables[k][i] = (state >> 8) ^ tables[0][state & 0xFFu];
    }
  }
  return tables;
}
constexpr auto kTables = make_tables();

// Takes and returns the register, without the inversion at either end.
std::uint32_t update_by_table(std::uint32_t state, std::span<const std::byte> bytes) noexcept {
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    const auto word = load<std::uint64_t>(bytes.data() + at) ^ state;
    state = kTables[7][word & 0xFFu] ^ kTables[6][(word >> 8) & 0xFFu] ^
            kTables[5][(word >> 16) & 0xFFu] ^ kTables[4][(word >> 24) & 0xFFu] ^
            kTables[3][(word >> 32) & 0xFFu] ^ kTables[2][(word >> 40) & 0xFFu] ^
            kTables[1][(word >> 48) & 0xFFu] ^ kTables[0][word >> 56];
  }
  for (; at < bytes.size(); ++at) {
    state = (state >> 8) ^ kTables[0][(state ^ static_cast<std::uint32_t>(bytes[at])) & 0xFFu];
  }
  return state;
}

#if defined(__x86_64__)
#define RUNLOG_CRC32_FOLDS 1

// Folding (V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ",
// Intel 2009): a block of 16 bytes is multiplied, without carries, by the power of x that lies
// between it and a later block, modulo the polynomial, and added to that. What is left of all of
// them is 16 bytes with the same remainder, and for those the table is good enough. Four blocks are
// under way at a time, since one multiplication takes longer than starting the next.
constexpr std::size_t kBlock_bytes = 16;
constexpr std::size_t kStride_bytes = 4 * kBlock_bytes;

__attribute__((target("pclmul"))) inline __m128i fold(__m128i block, __m128i powers,
                                                      __m128i later) noexcept {
  const __m128i low = _mm_clmulepi64_si128(block, powers, 0x00);
  const __m128i high = _mm_clmulepi64_si128(block, powers, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), later);
}

__m128i load_block(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data() + at));
}

// At least kStride_bytes of them.
__attribute__((target("pclmul"))) std::uint32_t update_by_folding(
    std::uint32_t state, std::span<const std::byte> bytes) noexcept {
  // Reflected x^n mod P for n = 4·128+32, 4·128−32 and 128+32, 128−32.
  const __m128i by_stride = _mm_set_epi64x(0x01C6E41596, 0x0154442BD4);
  const __m128i by_block = _mm_set_epi64x(0x00CCAA009E, 0x01751997D0);
  __m128i blocks[4];
  for (std::size_t i = 0; i < 4; ++i) blocks[i] = load_block(bytes, i * kBlock_bytes);
  blocks[0] = _mm_xor_si128(blocks[0], _mm_cvtsi32_si128(static_cast<int>(state)));
  std::size_t at = kStride_bytes;
  for (; at + kStride_bytes <= bytes.size(); at += kStride_bytes) {
    for (std::size_t i = 0; i < 4; ++i) {
      blocks[i] = fold(blocks[i], by_stride, load_block(bytes, at + i * kBlock_bytes));
    }
  }
  __m128i rest = blocks[0];
  for (std::size_t i = 1; i < 4; ++i) rest = fold(rest, by_block, blocks[i]);
  for (; at + kBlock_bytes <= bytes.size(); at += kBlock_bytes) {
    rest = fold(rest, by_block, load_block(bytes, at));
  }
  std::array<std::byte, kBlock_bytes> last;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(last.data()), rest);
  return update_by_table(update_by_table(0, last), bytes.subspan(at));
}

const bool kCan_fold = __builtin_cpu_supports("pclmul") != 0;
#endif

}  // namespace

std::uint32_t crc32_by_table(std::span<const std::byte> bytes) noexcept {
  return ~update_by_table(0xFFFFFFFFu, bytes);
}

std::uint32_t crc32(std::span<const std::byte> bytes) noexcept {
#if defined(RUNLOG_CRC32_FOLDS)
  if (kCan_fold && bytes.size() >= kStride_bytes) return ~update_by_folding(0xFFFFFFFFu, bytes);
#endif
  return crc32_by_table(bytes);
}

}  // namespace runlog
