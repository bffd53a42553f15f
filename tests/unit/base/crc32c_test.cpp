#include "base/crc32c.hpp"

#include <random>
#include <vector>

#include "base/bytes.hpp"
#include "support/catch.hpp"

using runlog::crc32c;

namespace {

std::vector<std::byte> random_bytes(std::size_t size, std::mt19937_64& random) {
  std::vector<std::byte> bytes(size);
  for (std::byte& one : bytes) one = static_cast<std::byte>(random());
  return bytes;
}

}  // namespace

TEST_CASE("CRC-32C has the published check values") {
  CHECK(crc32c({}) == 0);
  CHECK(crc32c(runlog::as_bytes("123456789")) == 0xE3069283);
  // RFC 3720, B.4.
  std::vector<std::byte> bytes(32);
  CHECK(crc32c(bytes) == 0x8A9136AA);
  std::fill(bytes.begin(), bytes.end(), std::byte{0xFF});
  CHECK(crc32c(bytes) == 0x62A8AB43);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  CHECK(crc32c(bytes) == 0x46DD794E);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(31 - i);
  CHECK(crc32c(bytes) == 0x113FDB5C);
}

TEST_CASE("the instruction and the table agree on every length, start and state") {
  std::mt19937_64 random(1);
  const auto bytes = random_bytes(300, random);
  for (std::size_t begin = 0; begin < 9; ++begin) {
    for (std::size_t size = 0; begin + size <= bytes.size(); ++size) {
      const auto part = std::span(bytes).subspan(begin, size);
      const auto state = static_cast<std::uint32_t>(random());
      if (runlog::crc32c_bytes(state, part) != runlog::crc32c_bytes_table(state, part)) {
        FAIL("begin " << begin << ", size " << size);
      }
    }
  }
}

TEST_CASE("words are their eight bytes, lowest first") {
  std::mt19937_64 random(2);
  for (int round = 0; round < 100; ++round) {
    const auto bytes = random_bytes(24, random);
    const auto state = static_cast<std::uint32_t>(random());
    const auto word = [&](std::size_t i) {
      return runlog::load<std::uint64_t>(bytes.data() + 8 * i);
    };
    const auto all = runlog::crc32c_bytes_table(state, bytes);
    CHECK(runlog::crc32c_words3(state, word(0), word(1), word(2)) == all);
    auto one_by_one = state;
    for (std::size_t i = 0; i < 3; ++i) one_by_one = runlog::crc32c_word(one_by_one, word(i));
    CHECK(one_by_one == all);
  }
}

TEST_CASE("every flipped bit of a metric changes its CRC") {
  std::mt19937_64 random(3);
  auto bytes = random_bytes(24, random);
  const auto before = crc32c(bytes);
  for (std::size_t bit = 0; bit < 24 * 8; ++bit) {
    const auto mask = static_cast<std::byte>(1u << bit % 8);
    bytes[bit / 8] ^= mask;
    CHECK(crc32c(bytes) != before);
    bytes[bit / 8] ^= mask;
  }
}
