// Random damage, and every single bit: whatever is read was written.
#include <algorithm>
#include <cstring>

#include "support/catch.hpp"
#include "support/segment_image.hpp"

using test::SegmentImage;
using test::walk_anything;

namespace {

constexpr std::uint64_t kSeed = 20240229;

using Bytes = std::vector<std::byte>;

// One act of damage; `other` is a segment of another number.
void damage(Bytes& bytes, const Bytes& other, std::mt19937_64& random) {
  const auto at_most = [&](std::size_t size) { return random() % size; };
  const auto page = [&] {
    return static_cast<std::ptrdiff_t>(4096 * at_most(bytes.size() / 4096));
  };
  switch (random() % 9) {
    case 0:
    case 1:
    case 2:  // bit
      bytes[at_most(bytes.size())] ^= static_cast<std::byte>(1u << random() % 8);
      break;
    case 3: {  // garbage
      const std::size_t begin = at_most(bytes.size());
      const std::size_t end = std::min(bytes.size(), begin + 1 + at_most(200));
      for (std::size_t at = begin; at < end; ++at) bytes[at] = static_cast<std::byte>(random());
      break;
    }
    case 4:  // sector
      std::memset(bytes.data() + 512 * at_most(bytes.size() / 512), 0, 512);
      break;
    case 5:  // page
      std::memset(bytes.data() + page(), 0, 4096);
      break;
    case 6: {  // a page where another one belongs
      const auto source = page();
      const auto target = page();
      const Bytes copy(bytes.begin() + source, bytes.begin() + source + 4096);
      std::copy(copy.begin(), copy.end(), bytes.begin() + target);
      break;
    }
    case 7: {  // a page of another segment
      const auto target = page();
      std::copy_n(other.begin() + target, 4096, bytes.begin() + target);
      break;
    }
    default: {  // bytes moved by a little
      const std::size_t source = at_most(bytes.size() - 256);
      const std::size_t target = at_most(bytes.size() - 256);
      std::memmove(bytes.data() + target, bytes.data() + source, 24 * (1 + at_most(8)));
    }
  }
}

}  // namespace

TEST_CASE("with any number of corruptions, what is read was written, and the counts add up") {
  std::mt19937_64 random(kSeed);
  std::size_t sealed_rounds = 0;
  std::size_t strict_rounds = 0;
  for (int image_index = 0; image_index < 12; ++image_index) {
    SegmentImage image(32768, 7, 100);
    SegmentImage other(32768, 8, 100);
    test::fill(image, random);
    test::fill(other, random);
    const bool is_sealed = image_index % 3 != 0;
    if (is_sealed) image.seal();
    const auto pieces = test::outline(image.bytes());
    const auto total = image.records().size();
    const auto end_seq = 100 + static_cast<std::int64_t>(total);
    for (int round = 0; round < 60; ++round) {
      auto bytes = image.bytes();
      const auto corruptions = 1 + random() % 6;
      for (std::uint64_t i = 0; i < corruptions; ++i) damage(bytes, other.bytes(), random);
      INFO("seed " << kSeed << ", image " << image_index << ", round " << round);

      // By itself, then with the next segment's first number known.
      for (const bool is_known : {false, true}) {
        runlog::format::WalkOptions options;
        if (is_known) options.end_seq = end_seq;
        const auto read = walk_anything(bytes, image.header(), options);
        const auto header = runlog::format::parse_header(bytes);
        const bool has_header = header && header->number == 7;
        REQUIRE(test::is_subsequence(image.records(), read));
        if (!test::is_ambiguous(pieces, read)) {
          REQUIRE(test::is_each_an_original(image.records(), read));
          ++strict_rounds;
        }
        // A rebuilt header begins with its first whole block: what was before is not counted.
        if (!has_header) continue;
        // Without an anchor the count goes by what the damaged bytes hint at. That is a lower bound
        // unless they are some other block's, and never off by more than a block.
        REQUIRE(read.end_seq <= end_seq + 170);
        if (read.is_sealed || is_known) {
          REQUIRE(read.is_exact());
          REQUIRE(read.records.size() + read.lost() == total);
          REQUIRE(read.end_seq == end_seq);
          sealed_rounds += read.is_sealed ? 1 : 0;
        }
      }
    }
  }
  CHECK(sealed_rounds > 300);
  CHECK(strict_rounds > 300);
}

TEST_CASE("any single flipped bit: no crash, no wrong record, an exact count") {
  SegmentImage image(8192, 7, 5);
  for (int i = 0; i < 8; ++i) image.metric(i % 2 == 0 ? "loss" : "lr", i, i);
  image.advance_ns(5'000'000'000);
  for (int i = 0; i < 4; ++i) image.metric("loss", i, i);
  image.text("a text");
  for (int i = 0; i < 4; ++i) image.metric_int("count", i, i);
  REQUIRE(image.next_block());
  for (int i = 0; i < 4; ++i) image.metric("loss", i, i);
  image.seal();
  const auto pieces = test::outline(image.bytes());
  const auto total = image.records().size();
  const auto seal = pieces.back();
  auto bytes = image.bytes();
  for (std::uint64_t at = 0; at < bytes.size(); ++at) {
    // What is behind the seal, and between the pad and the next block, nobody reads.
    const bool is_read =
        at < 128 || std::any_of(pieces.begin(), pieces.end(), [&](const auto& piece) {
          return at >= piece.at && at < piece.at + piece.bytes;
        });
    for (int bit = 0; bit < 8; ++bit) {
      if (!is_read && (at % 64 != 0 || bit != 0)) continue;
      bytes[at] ^= static_cast<std::byte>(1 << bit);
      const auto read = walk_anything(bytes, image.header());
      bytes[at] ^= static_cast<std::byte>(1 << bit);
      const bool is_in_seal = at >= seal.at && at < seal.at + seal.bytes;
      const bool is_right =
          test::is_subsequence(image.records(), read) &&
          (test::is_ambiguous(pieces, read) || test::is_each_an_original(image.records(), read));
      const bool is_counted = is_in_seal ? read.records.size() == total
                                         : read.is_exact() && read.is_sealed &&
                                               read.records.size() + read.lost() == total;
      const bool is_cheap = total - read.records.size() <= 12;  // one group
      if (!is_right || !is_counted || !is_cheap) FAIL("byte " << at << ", bit " << bit);
      if (!is_read && !read.damage.empty()) FAIL("byte " << at << " is not in use");
    }
  }
}

TEST_CASE("any single flipped bit in an unsealed segment: no crash, no wrong record") {
  SegmentImage image(8192);
  for (int i = 0; i < 6; ++i) image.metric(i % 2 == 0 ? "loss" : "lr", i, i);
  image.text("a text");
  image.metric("loss", 100'000'000, 1);
  image.metric("loss", 100'000'001, 1);
  const auto pieces = test::outline(image.bytes());
  auto bytes = image.bytes();
  for (std::uint64_t at = 0; at < image.writer().at() + 64; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[at] ^= static_cast<std::byte>(1 << bit);
      const auto read = walk_anything(bytes, image.header());
      bytes[at] ^= static_cast<std::byte>(1 << bit);
      if (!test::is_subsequence(image.records(), read) ||
          read.records.size() + 5 < image.records().size()) {
        // A damaged first head costs the first group of six; everything else costs less.
        if (at >= 168 || at < 128) FAIL("byte " << at << ", bit " << bit);
      }
    }
  }
}

TEST_CASE("random bytes behind a valid header are never read as records") {
  std::mt19937_64 random(kSeed);
  SegmentImage image(16384);
  for (int round = 0; round < 100; ++round) {
    auto bytes = image.bytes();
    for (std::size_t at = 168; at < bytes.size(); ++at) {
      // Bytes of small value make plausible lengths and kinds.
      bytes[at] = static_cast<std::byte>(round % 2 == 0 ? random() : random() % 3);
    }
    INFO("seed " << kSeed << ", round " << round);
    CHECK(walk_anything(bytes, image.header()).records.empty());
  }
}
