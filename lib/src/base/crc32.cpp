#include "base/crc32.hpp"

#include <array>

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

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes) noexcept {
  std::uint32_t state = 0xFFFFFFFFu;
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
  return ~state;
}

}  // namespace runlog
