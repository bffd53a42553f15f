// One kind of damage at a time: what is lost, and what the reader says about it.
#include <algorithm>
#include <cstring>

#include "support/catch.hpp"
#include "support/segment_image.hpp"

using runlog::Kind;
using runlog::format::Tag;
using test::SegmentImage;
using test::walk;
using test::walk_anything;

namespace {

constexpr Tag kText = static_cast<Tag>(0x40 + static_cast<int>(Kind::text));

// 400 metrics over three blocks, with an event now and then; sealed.
void write_usual(SegmentImage& image) {
  for (int i = 0; i < 400; ++i) {
    REQUIRE(image.metric(i % 2 == 0 ? "loss" : "lr", i, i / 8.0));
    if (i % 50 == 49) REQUIRE(image.text("epoch " + std::to_string(i / 50)));
  }
  image.seal();
}

void flip(std::vector<std::byte>& bytes, std::uint64_t at, int bit = 3) {
  bytes[at] ^= static_cast<std::byte>(1 << bit);
}

// The records behind `at` in the same block, which a lost mark takes along.
std::size_t metrics_until_next_mark(const SegmentImage& image, std::uint64_t at) {
  std::size_t metrics = 0;
  for (const test::Piece& piece : test::outline(image.bytes())) {
    if (piece.at <= at) continue;
    if (piece.tag == Tag::mark || piece.tag == Tag::block) break;
    metrics += piece.tag == Tag::metric_real ? 1 : 0;
  }
  return metrics;
}

void check_exact(const SegmentImage& image, const test::Walked& read, std::uint64_t lost) {
  CHECK(test::is_each_an_original(image.records(), read));
  CHECK(read.lost() == lost);
  CHECK(read.is_exact());
  CHECK(read.records.size() + lost == image.records().size());
}

}  // namespace

TEST_CASE("a flipped bit in a metric costs that metric and nothing else") {
  SegmentImage image;
  write_usual(image);
  for (const std::uint64_t offset : {0u, 3u, 4u, 5u, 7u, 8u, 15u, 16u, 23u}) {
    for (const std::size_t nth : {0u, 17u, 150u, 399u}) {
      const auto piece = image.piece(Tag::metric_real, nth);
      auto bytes = image.bytes();
      flip(bytes, piece.at + offset);
      const auto read = walk(bytes, image.header());
      INFO("metric " << nth << ", byte " << offset);
      check_exact(image, read, 1);
      REQUIRE(read.damage.size() == 1);
      CHECK(read.damage[0].begin == piece.at);
      CHECK(read.damage[0].end == piece.at + 24);
    }
  }
}

TEST_CASE("two damaged metrics in one block are two stretches, and all other numbers stay right") {
  SegmentImage image;
  write_usual(image);
  auto bytes = image.bytes();
  flip(bytes, image.piece(Tag::metric_real, 10).at + 16);
  flip(bytes, image.piece(Tag::metric_real, 20).at + 16);
  const auto read = walk(bytes, image.header());
  CHECK(read.damage.size() == 2);
  check_exact(image, read, 2);
}

TEST_CASE("a damaged event beside a damaged metric: each stretch is counted as what it held") {
  SegmentImage image;
  REQUIRE(image.metric("m", 1, 1));
  REQUIRE(image.text(std::string(1000, 'x')));
  REQUIRE(image.metric("m", 2, 2));
  REQUIRE(image.metric("m", 3, 3));
  REQUIRE(image.metric("m", 4, 4));
  image.seal();
  auto bytes = image.bytes();
  flip(bytes, image.piece(kText).at + 500);
  flip(bytes, image.piece(Tag::metric_real, 2).at + 16);
  const auto read = walk(bytes, image.header());
  check_exact(image, read, 2);
  REQUIRE(read.damage.size() == 2);
  CHECK(read.damage[0].records_lost == 1);
  CHECK(read.damage[1].records_lost == 1);
}

TEST_CASE("a segment of nothing but damage: bounded stretches, the sum of the lost still exact") {
  SegmentImage image(1 << 20);
  while (image.metric("m", 1, 1)) {
  }
  image.seal();
  auto bytes = image.bytes();
  std::uint64_t flipped = 0;
  for (const test::Piece& piece : test::outline(bytes)) {
    if (piece.tag == Tag::metric_real && piece.at % 48 == 0) {
      flip(bytes, piece.at + 16);
      ++flipped;
    }
  }
  REQUIRE(flipped > 5 * runlog::format::kDamage_stretches_max);
  const auto read = walk(bytes, image.header());
  CHECK(read.damage.size() == runlog::format::kDamage_stretches_max);
  check_exact(image, read, flipped);
  CHECK(read.damage.back().end > image.bytes().size() - 8192);
}

TEST_CASE("between two anchors, too, the stretches are bounded and their sum is exact") {
  SegmentImage image(1 << 20);
  while (image.text("t")) {
  }
  image.seal();
  // Every block head but the first is gone, and every other text.
  auto bytes = image.bytes();
  std::size_t nth = 0;
  for (const test::Piece& piece : test::outline(bytes)) {
    if (piece.tag == Tag::block && piece.at > 4000) flip(bytes, piece.at + 20);
    if (piece.tag == kText && ++nth % 2 == 0) flip(bytes, piece.at + 20);
  }
  const auto read = walk(bytes, image.header());
  CHECK(read.damage.size() == runlog::format::kDamage_stretches_max);
  CHECK(read.is_exact());
  CHECK(test::is_subsequence(image.records(), read));
  CHECK(read.records.size() + read.lost() == image.records().size());
}

TEST_CASE("a damaged mark costs its group, and no metric shows up with another's step or time") {
  SegmentImage image;
  for (int i = 0; i < 20; ++i) image.metric("m", i, i);
  image.advance_ns(10'000'000'000);  // a new mark
  for (int i = 0; i < 20; ++i) image.metric("m", 100 + i, i);
  image.text("in the group, with a time of its own");
  for (int i = 0; i < 20; ++i) image.metric("m", 200 + i, i);
  image.advance_ns(10'000'000'000);
  for (int i = 0; i < 20; ++i) image.metric("m", 300 + i, i);
  image.seal();
  const auto mark = image.piece(Tag::mark);
  REQUIRE(metrics_until_next_mark(image, mark.at) == 40);
  for (std::uint64_t offset = 0; offset < 24; ++offset) {
    auto bytes = image.bytes();
    flip(bytes, mark.at + offset);
    const auto read = walk(bytes, image.header());
    INFO("byte " << offset);
    CHECK(test::is_subsequence(image.records(), read));
    CHECK(read.is_exact());
    CHECK(read.lost() == 40);
    CHECK(read.records.size() == 41);
    if (offset >= 8) CHECK(test::is_each_an_original(image.records(), read));
  }
}

TEST_CASE("a damaged declaration costs no record: the name is found further on") {
  SegmentImage image;
  image.metric("loss", 1, 1);
  image.metric("lr", 1, 2);
  image.seal();
  // A segment that declares a series twice is what a lane writes behind 64 KiB; here by hand.
  runlog::format::SegmentWriter writer;
  std::vector<std::byte> bytes(8192);
  auto header = image.header();
  header.segment_bytes = 8192;
  writer.begin(bytes, header, SegmentImage::kTime_ns);
  REQUIRE(writer.append_series(0, "loss", SegmentImage::kTime_ns));
  const auto first_end = writer.at();
  REQUIRE(writer.append_metric(Tag::metric_real, 0, 1, true, 1, SegmentImage::kTime_ns));
  REQUIRE(writer.append_series(0, "loss", SegmentImage::kTime_ns));
  REQUIRE(writer.append_metric(Tag::metric_real, 0, 2, true, 2, SegmentImage::kTime_ns));
  writer.seal();
  flip(bytes, first_end - 4);
  const auto read = walk(bytes, header);
  REQUIRE(read.records.size() == 2);
  CHECK(read.records[0].name == "loss");
  CHECK(read.records[1].name == "loss");
  CHECK(read.lost() == 0);
  CHECK(read.is_exact());
  CHECK(read.damage.size() == 1);  // the declaration's bytes
}

TEST_CASE("a damaged declaration costs no record: the name is found elsewhere in the journal") {
  SegmentImage image;
  write_usual(image);
  flip(image.bytes(), image.piece(Tag::series, 1).at + 12);
  const auto read = walk(image.bytes(), image.header(), {.find_name = [](std::uint32_t series) {
                           return std::optional<std::string>(series == 1 ? "lr" : "wrong");
                         }});
  CHECK(read.records == image.records());
  CHECK(read.lost() == 0);
}

TEST_CASE("a name that is lost everywhere is replaced by a placeholder, and the reader says so") {
  SegmentImage image;
  write_usual(image);
  flip(image.bytes(), image.piece(Tag::series, 1).at + 12);
  const auto read = walk(image.bytes(), image.header());
  REQUIRE(read.records.size() == image.records().size());
  CHECK(test::is_each_an_original(image.records(), read));
  CHECK(read.records[1].name == "series-1?");
  CHECK(read.records[2].name == "loss");
  const auto notes = std::count_if(read.damage.begin(), read.damage.end(), [](const auto& one) {
    return one.why.find("declaration of series 1") != std::string::npos && one.records_lost == 0;
  });
  CHECK(notes == 1);  // once, not once per record
}

TEST_CASE("a damaged block head costs the metrics up to the next mark; events behind it are kept") {
  SegmentImage image;
  write_usual(image);
  const auto head = image.piece(Tag::block, 1);
  REQUIRE(head.at == 4096);
  for (std::uint64_t offset = 0; offset < 40; ++offset) {
    auto bytes = image.bytes();
    flip(bytes, head.at + offset);
    const auto read = walk(bytes, image.header());
    INFO("byte " << offset);
    check_exact(image, read, metrics_until_next_mark(image, head.at));
    CHECK(read.damage.front().begin == 4096);
  }
}

TEST_CASE("a record longer than a block survives the loss of the head before it") {
  SegmentImage image(65536);
  image.metric("m", 1, 1);
  image.text(std::string(9000, 'x'));
  image.metric("m", 2, 2);
  image.seal();
  auto bytes = image.bytes();
  flip(bytes, 4096 + 20);
  const auto read = walk(bytes, image.header());
  check_exact(image, read, 0);
  CHECK(read.records == image.records());
}

TEST_CASE("a damaged header is rebuilt from the first block head") {
  SegmentImage image(16384, 7, 50);
  write_usual(image);
  for (std::uint64_t offset = 0; offset < 128; ++offset) {
    auto bytes = image.bytes();
    flip(bytes, offset);
    REQUIRE_FALSE(runlog::format::parse_header(bytes));
    const auto read = walk_anything(bytes, image.header());
    REQUIRE(read.records == image.records());
    REQUIRE(read.damage.empty());
  }
}

TEST_CASE("a lost first page: the header is rebuilt and everything behind the page is read") {
  SegmentImage image;
  write_usual(image);
  auto bytes = image.bytes();
  std::memset(bytes.data(), 0, 4096);
  const auto read = walk_anything(bytes, image.header());
  CHECK(test::is_each_an_original(image.records(), read));
  CHECK(read.records.size() > 200);
  CHECK(read.records.back().seq == image.records().back().seq);
  CHECK(read.is_sealed);
}

TEST_CASE(
    "a lost first sector: what its page still holds keeps its numbers, and so does the rest") {
  SegmentImage image(16384, 7, 1000);
  write_usual(image);
  auto bytes = image.bytes();
  std::memset(bytes.data(), 0, 512);
  auto read = walk_anything(bytes, image.header());
  CHECK(test::is_subsequence(image.records(), read));
  CHECK(read.records.back() == image.records().back());
  CHECK(read.records.front().text == "epoch 0");  // an event of the first page
  CHECK_FALSE(read.is_exact());                   // how many there were before, nobody here knows
  // With the number the segment before it ended at, everything is known.
  auto header = *runlog::format::rebuild_header(bytes, image.header().session, 7);
  REQUIRE(header.first_seq > 1000);
  header.first_seq = 1000;
  read = walk(bytes, header);
  CHECK(read.is_exact());
  CHECK(read.records.size() + read.lost() == image.records().size());
}

TEST_CASE("a damaged pad costs nothing") {
  SegmentImage image;
  for (int i = 0; i < 10; ++i) image.metric("m", i, i);
  REQUIRE(image.next_block());
  for (int i = 0; i < 10; ++i) image.metric("m", i, i);
  image.seal();
  const auto pad = image.piece(Tag::pad);
  for (std::uint64_t offset = 0; offset < 8; ++offset) {
    auto bytes = image.bytes();
    flip(bytes, pad.at + offset);
    const auto read = walk(bytes, image.header());
    check_exact(image, read, 0);
    CHECK(read.records == image.records());
  }
}

TEST_CASE("a damaged seal costs nothing") {
  SegmentImage image;
  write_usual(image);
  const auto seal = image.piece(Tag::seal);
  const auto total = static_cast<std::int64_t>(image.records().size());
  for (std::uint64_t offset = 0; offset < 16; ++offset) {
    auto bytes = image.bytes();
    flip(bytes, seal.at + offset);
    INFO("byte " << offset);
    const auto alone = walk(bytes, image.header());
    CHECK(alone.records == image.records());
    CHECK_FALSE(alone.is_sealed);
    if (offset != 4) CHECK(alone.lost() == 0);  // byte 4 says what it was
    const auto known = walk(bytes, image.header(), {.end_seq = total});
    check_exact(image, known, 0);
  }
}

TEST_CASE("a zeroed page is a hole, counted exactly by the next block's head") {
  SegmentImage image(32768);
  for (int i = 0; i < 800; ++i) image.metric("m", i, i);
  image.seal();
  for (const std::uint64_t page : {4096u, 8192u}) {
    auto bytes = image.bytes();
    std::memset(bytes.data() + page, 0, 4096);
    const auto read = walk(bytes, image.header());
    check_exact(image, read, metrics_until_next_mark(image, page));
    REQUIRE(read.damage.size() == 1);
    CHECK(read.damage[0].begin == page);
    CHECK(read.damage[0].end == page + 4096);
    CHECK(read.damage[0].why == "a hole: zeros where records were");
  }
}

TEST_CASE("a zeroed sector costs the records in it, and the group only when it takes the mark") {
  SegmentImage image;
  write_usual(image);
  for (std::uint64_t sector = 512; sector + 512 < image.piece(Tag::seal).at; sector += 512) {
    auto bytes = image.bytes();
    std::memset(bytes.data() + sector, 0, 512);
    const auto read = walk(bytes, image.header());
    INFO("sector at " << sector);
    CHECK(test::is_subsequence(image.records(), read));
    CHECK(read.is_exact());
    CHECK(read.records.size() + read.lost() == image.records().size());
    if (sector % 4096 != 0) {
      CHECK(test::is_each_an_original(image.records(), read));
      CHECK(read.lost() <= 512 / 24 + 2);
    }
  }
}

TEST_CASE("a half-written last record is the end of the log, not a record") {
  SegmentImage image;
  for (int i = 0; i < 5; ++i) image.metric("m", i, i);
  // Payload there, commit word not: what a kill leaves. No damage.
  auto bytes = image.bytes();
  const auto last = image.piece(Tag::metric_real, 4);
  std::memset(bytes.data() + last.at, 0, 8);
  auto read = walk(bytes, image.header());
  CHECK(read.records.size() == 4);
  CHECK(read.damage.empty());
  // Commit word there, payload not: only a power loss tears a record like that. It was never
  // synced, but it was there, and the reader says so.
  bytes = image.bytes();
  std::memset(bytes.data() + last.at + 8, 0, 16);
  read = walk(bytes, image.header());
  CHECK(read.records.size() == 4);
  REQUIRE(read.damage.size() == 1);
  CHECK(read.damage[0].records_lost == 1);
  CHECK_FALSE(read.damage[0].exact);
}

TEST_CASE("a file truncated at any length yields the whole records before the cut") {
  SegmentImage image(8192);
  for (int i = 0; i < 60; ++i) image.metric(i % 2 == 0 ? "loss" : "lr", i, i / 8.0);
  image.text("before the pad");
  REQUIRE(image.next_block());
  for (int i = 0; i < 60; ++i) image.metric(i % 2 == 0 ? "loss" : "lr", i, i / 8.0);
  image.seal();
  const auto total = static_cast<std::int64_t>(image.records().size());
  const auto pieces = test::outline(image.bytes());
  const std::uint64_t used = pieces.back().at + pieces.back().bytes;
  for (std::uint64_t length = 0; length <= image.bytes().size(); ++length) {
    const std::vector<std::byte> bytes(image.bytes().begin(),
                                       image.bytes().begin() + static_cast<std::ptrdiff_t>(length));
    const auto read = walk_anything(bytes, image.header());
    const bool is_prefix =
        read.records.size() <= image.records().size() &&
        std::equal(read.records.begin(), read.records.end(), image.records().begin());
    if (!is_prefix) FAIL("length " << length);
    if (length < 128 + 40) {
      if (!read.records.empty()) FAIL("length " << length);
      continue;
    }
    const bool is_whole = length >= used;
    if (is_whole != read.damage.empty()) FAIL("length " << length << ": damage");
    if (is_whole != (read.records.size() == image.records().size() && read.is_sealed) &&
        length < used - 16) {
      FAIL("length " << length << ": records");
    }
    if (length % 101 == 0) {
      const auto known = walk_anything(bytes, image.header(), {.end_seq = total});
      CHECK(known.is_exact());
      CHECK(known.records.size() + known.lost() == image.records().size());
    }
  }
}

TEST_CASE("stale bytes of another segment or number never validate") {
  SegmentImage image(16384, 7);
  SegmentImage other(16384, 8);
  write_usual(image);
  write_usual(other);
  // Copied to the same offset: only the seed tells them apart.
  for (const std::uint64_t page : {4096u, 8192u}) {
    auto bytes = image.bytes();
    std::copy_n(other.bytes().begin() + static_cast<std::ptrdiff_t>(page), 4096,
                bytes.begin() + static_cast<std::ptrdiff_t>(page));
    const auto read =
        walk(bytes, image.header(), {.end_seq = static_cast<std::int64_t>(image.records().size())});
    CHECK(test::is_each_an_original(image.records(), read));
    CHECK(read.is_exact());
    CHECK(read.records.size() + read.lost() == image.records().size());
    CHECK(read.lost() > 50);
  }
  // A recycled file whose new header is there and whose old records were never zeroed.
  auto bytes = other.bytes();
  std::copy_n(image.bytes().begin(), 128, bytes.begin());
  const auto read = walk_anything(bytes, image.header());
  CHECK(read.records.empty());
  // One whose old header is there: it does not bear the name's number.
  CHECK(walk_anything(other.bytes(), image.header()).records.empty());
  CHECK_FALSE(runlog::format::rebuild_header(other.bytes(), image.header().session, 7));
}

TEST_CASE("stale bytes behind the last record never validate") {
  SegmentImage image(16384, 7);
  SegmentImage other(16384, 8);
  write_usual(other);
  for (int i = 0; i < 100; ++i) image.metric("loss", i, i);
  auto bytes = image.bytes();
  const auto end = static_cast<std::ptrdiff_t>(image.writer().at());
  std::copy(other.bytes().begin() + end, other.bytes().end(), bytes.begin() + end);
  CHECK(walk(bytes, image.header()).records == image.records());
}

TEST_CASE("two pages swapped: both are lost, counted, and nothing is shown out of order") {
  SegmentImage image(32768);
  for (int i = 0; i < 1000; ++i) image.metric("m", i, i);
  image.seal();
  auto bytes = image.bytes();
  std::swap_ranges(bytes.begin() + 4096, bytes.begin() + 8192, bytes.begin() + 12288);
  const auto read = walk(bytes, image.header());
  check_exact(image, read,
              metrics_until_next_mark(image, 4096) + metrics_until_next_mark(image, 12288));
}

TEST_CASE("a large record damaged in the middle is the only one lost") {
  SegmentImage image(65536);
  for (int i = 0; i < 10; ++i) image.metric("m", i, i);
  image.text(std::string(20'000, 'x'));
  for (int i = 0; i < 10; ++i) image.metric("m", i, i);
  image.seal();
  const auto large = image.piece(kText);
  for (const std::uint64_t offset : {8u, 100u, 4056u, 8192u, 12'000u, 20'000u}) {
    auto bytes = image.bytes();
    flip(bytes, large.at + offset);
    check_exact(image, walk(bytes, image.header()), 1);
  }
  auto bytes = image.bytes();
  std::memset(bytes.data() + 8192, 0, 4096);
  check_exact(image, walk(bytes, image.header()), 1);
}

TEST_CASE("a large record damaged right before the seal is counted exactly") {
  SegmentImage image(65536);
  image.metric("m", 1, 1);
  image.text(std::string(20'000, 'x'));
  image.seal();
  auto bytes = image.bytes();
  flip(bytes, image.piece(kText).at + 9000);
  const auto read = walk(bytes, image.header());
  CHECK(read.is_sealed);
  check_exact(image, read, 1);
}

TEST_CASE("garbage in place of everything is no segment, and no record") {
  std::mt19937_64 random(3);
  SegmentImage image;
  write_usual(image);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::byte> bytes(16384);
    for (std::byte& one : bytes) one = static_cast<std::byte>(random());
    CHECK_FALSE(runlog::format::parse_header(bytes));
    CHECK_FALSE(runlog::format::rebuild_header(bytes, image.header().session, 7));
    CHECK(walk(bytes, image.header()).records.empty());
    CHECK(walk(bytes, image.header()).lost() <= 1);
    std::copy_n(image.bytes().begin(), 128, bytes.begin());
    CHECK(walk_anything(bytes, image.header()).records.empty());
  }
  for (const std::byte fill : {std::byte{0}, std::byte{0xFF}, std::byte{1}, std::byte{0x40}}) {
    const std::vector<std::byte> bytes(16384, fill);
    CHECK(walk(bytes, image.header()).records.empty());
  }
}

TEST_CASE("damage in the last block of an unsealed segment is a lower bound, and marked so") {
  SegmentImage image;
  for (int i = 0; i < 100; ++i) image.metric("m", i, i);
  auto bytes = image.bytes();
  flip(bytes, image.piece(Tag::metric_real, 50).at + 16);
  const auto read = walk(bytes, image.header());
  CHECK(test::is_each_an_original(image.records(), read));
  CHECK(read.lost() == 1);
  CHECK_FALSE(read.is_exact());
  const auto known = walk(bytes, image.header(), {.end_seq = 100});
  check_exact(image, known, 1);
}

TEST_CASE("a lower bound does not exceed what a damaged large record can have held") {
  SegmentImage image(65536);
  image.text(std::string(20'000, 'x'));
  auto bytes = image.bytes();
  flip(bytes, 4096 + 40 + 100);
  const auto read = walk(bytes, image.header());
  CHECK(read.records.empty());
  CHECK(read.lost() == 1);
}
