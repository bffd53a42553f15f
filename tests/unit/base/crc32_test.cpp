#include "base/crc32.hpp"

#include <random>
#include <vector>

#include "base/bytes.hpp"
#include "support/catch.hpp"

TEST_CASE("CRC-32 has the published check value") {
  CHECK(runlog::crc32({}) == 0);
  CHECK(runlog::crc32(runlog::as_bytes("123456789")) == 0xCBF43926);
  CHECK(runlog::crc32_by_table(runlog::as_bytes("123456789")) == 0xCBF43926);
}

TEST_CASE("CRC-32 by folding and by table agree on every length and start") {
  std::mt19937_64 random(3);
  std::vector<std::byte> bytes(700);
  for (std::byte& one : bytes) one = static_cast<std::byte>(random());
  for (std::size_t begin = 0; begin < 17; ++begin) {
    for (std::size_t size = 0; begin + size <= bytes.size(); ++size) {
      const auto part = std::span(bytes).subspan(begin, size);
      if (runlog::crc32(part) != runlog::crc32_by_table(part)) {
        FAIL("begin " << begin << ", size " << size);
      }
    }
  }
}

TEST_CASE("CRC-32 of a long piece agrees with the table") {
  std::mt19937_64 random(4);
  std::vector<std::byte> bytes(100'003);
  for (std::byte& one : bytes) one = static_cast<std::byte>(random());
  CHECK(runlog::crc32(bytes) == runlog::crc32_by_table(bytes));
}
