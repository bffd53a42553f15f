// What a power loss leaves: the bytes of the last sync, and any of the pages written since.
#include <algorithm>

#include "support/catch.hpp"
#include "support/segment_image.hpp"

using test::SegmentImage;
using test::walk_anything;

namespace {

constexpr std::uint64_t kSeed = 4711;

using Bytes = std::vector<std::byte>;

struct Synced {
  Bytes bytes;
  std::size_t records;
};

// The image of a file after a power loss: each unit that differs between the last sync and now is
// there in one version or the other.
Bytes crash_image(const Bytes& synced, const Bytes& now, std::size_t unit_bytes,
                  std::mt19937_64& random) {
  Bytes image = synced;
  for (std::size_t at = 0; at < now.size(); at += unit_bytes) {
    const auto offset = static_cast<std::ptrdiff_t>(at);
    if (random() % 2 == 0) {
      std::copy_n(now.begin() + offset, unit_bytes, image.begin() + offset);
    }
  }
  return image;
}

void check(const SegmentImage& image, const Synced& synced, const Bytes& crashed) {
  const auto read = walk_anything(crashed, image.header());
  const auto kept = static_cast<std::ptrdiff_t>(synced.records);
  REQUIRE(read.records.size() >= synced.records);
  REQUIRE(std::equal(read.records.begin(), read.records.begin() + kept, image.records().begin()));
  REQUIRE(test::is_subsequence(image.records(), read));  // none invented
}

void crash_often(bool moves_on_after_sync, std::size_t unit_bytes) {
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 60; ++round) {
    INFO("seed " << kSeed << ", round " << round << ", units of " << unit_bytes);
    SegmentImage image(65536);
    Synced synced{image.bytes(), 0};
    const std::size_t steps = 1 + random() % 12;
    for (std::size_t step = 0; step < steps; ++step) {
      test::fill(image, random, image.records().size() + 1 + random() % 200);
      check(image, synced, crash_image(synced.bytes, image.bytes(), unit_bytes, random));
      check(image, synced, crash_image(synced.bytes, image.bytes(), unit_bytes, random));
      synced = {image.bytes(), image.records().size()};
      if (moves_on_after_sync) (void)image.next_block();
    }
    image.seal();
    check(image, synced, crash_image(synced.bytes, image.bytes(), unit_bytes, random));
    synced = {image.bytes(), image.records().size()};
    check(image, synced, crash_image(synced.bytes, image.bytes(), unit_bytes, random));
  }
}

}  // namespace

TEST_CASE("after a power loss every synced record is there, in order, and none is invented") {
  crash_often(true, 4096);
}

TEST_CASE("the same where the writer stays in the page that was synced") {
  crash_often(false, 4096);
}

TEST_CASE("the same where the disk tears pages into sectors") {
  crash_often(true, 512);
}

TEST_CASE("a segment that was never synced is empty, unused or a part of what was written") {
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 100; ++round) {
    SegmentImage image(32768);
    test::fill(image, random);
    const Bytes zeros(image.bytes().size());
    const auto read =
        walk_anything(crash_image(zeros, image.bytes(), 4096, random), image.header());
    INFO("seed " << kSeed << ", round " << round);
    REQUIRE(test::is_subsequence(image.records(), read));
  }
}

TEST_CASE("a recycled segment whose zeroing was lost shows none of its old records") {
  std::mt19937_64 random(kSeed);
  SegmentImage old(32768, 3);
  test::fill(old, random);
  old.seal();
  for (int round = 0; round < 100; ++round) {
    SegmentImage image(32768, 9);
    test::fill(image, random, 1 + random() % 600);
    const auto read =
        walk_anything(crash_image(old.bytes(), image.bytes(), 4096, random), image.header());
    INFO("seed " << kSeed << ", round " << round);
    REQUIRE(test::is_subsequence(image.records(), read));
  }
}
