// Writing a segment and reading it back, undamaged.
#include <cstring>
#include <limits>

#include "support/catch.hpp"
#include "support/segment_image.hpp"

using runlog::Kind;
using runlog::format::Tag;
using test::SegmentImage;
using test::walk;

namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::size_t count(const SegmentImage& image, Tag tag) {
  std::size_t found = 0;
  for (const test::Piece& piece : test::outline(image.bytes())) found += piece.tag == tag ? 1 : 0;
  return found;
}

}  // namespace

TEST_CASE("what is appended is read back, in order, numbered from the segment's first") {
  SegmentImage image(16384, 7, 1000);
  image.metric("train/loss", 1, 0.5);
  image.metric_int("epoch", 1, -3);
  image.metric("no step", {}, 0.25);
  image.event({.kind = Kind::param, .name = "lr", .value = 3e-4});
  image.event({.kind = Kind::row,
               .name = "r",
               .step = 9,
               .int_value = 12,
               .text = "{}",
               .payload = std::string_view("\0x", 2)});
  image.text("");
  image.seal();
  const auto read = walk(image.bytes(), image.header());
  CHECK(read.records == image.records());
  CHECK(read.records.front().seq == 1000);
  CHECK(read.end_seq == 1006);
  CHECK(read.is_sealed);
  CHECK(read.damage.empty());
}

TEST_CASE("NaN, the infinities, -0.0 and the ends of int64 survive") {
  SegmentImage image;
  const double nan = std::bit_cast<double>(0x7FF8'0000'0000'BEEFu);
  for (const double value : {nan, -nan, kInfinity, -kInfinity, -0.0, 5e-324})
    image.metric("v", 1, value);
  for (const std::int64_t value : {kMin, kMax, std::int64_t{0}}) image.metric_int("i", 1, value);
  CHECK(walk(image.bytes(), image.header()).records == image.records());
}

TEST_CASE("steps may be any numbers in any order") {
  SegmentImage image;
  for (const std::int64_t step :
       {std::int64_t{0}, kMax, kMin, std::int64_t{-1}, kMax, kMax - 1, std::int64_t{0x7FFFFF},
        std::int64_t{0}, std::int64_t{-0x7FFFFF}, std::int64_t{0x800000}, std::int64_t{-0x800000},
        kMin, kMin + 5}) {
    REQUIRE(image.metric("s", step, 1));
    REQUIRE(image.metric("s", {}, 2));
  }
  const auto read = walk(image.bytes(), image.header());
  CHECK(read.records == image.records());
  CHECK(read.damage.empty());
}

TEST_CASE("time may stand still, leap and go back") {
  SegmentImage image;
  for (const std::int64_t ns :
       {0LL, -1000LL, 4'294'966'295LL, 4'294'967'296LL, -10'000'000'000LL, 1LL}) {
    image.advance_ns(ns);
    REQUIRE(image.metric("t", 1, 1));
  }
  CHECK(walk(image.bytes(), image.header()).records == image.records());
}

TEST_CASE("a metric costs 24 bytes while its step and time are near the mark's") {
  SegmentImage image;
  image.metric("a", 1, 1);
  const auto before = image.writer().at();
  for (int i = 0; i < 10; ++i) image.metric("a", i, 1);
  CHECK(image.writer().at() - before == 240);
  CHECK(count(image, Tag::mark) == 0);
  image.metric("a", 10'000'000, 1);
  CHECK(count(image, Tag::mark) == 1);
}

TEST_CASE("a segment filled to the last byte is read back and can still be sealed") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    SegmentImage image(seed % 2 == 0 ? 8192 : 32768);
    test::fill(image, random);
    const auto open = walk(image.bytes(), image.header());
    CHECK(open.records == image.records());
    CHECK(open.damage.empty());
    CHECK_FALSE(open.is_sealed);
    image.seal();
    const auto sealed = walk(image.bytes(), image.header());
    CHECK(sealed.records == image.records());
    CHECK(sealed.damage.empty());
    CHECK(sealed.is_sealed);
    CHECK(sealed.end_seq == static_cast<std::int64_t>(image.records().size()));
  }
}

TEST_CASE("a seal fits behind a last record of any length") {
  for (std::size_t length = 0; length < 4200; length += 8) {
    SegmentImage image(8192);
    image.text(std::string(length, 'x'));
    while (image.metric("m", 1, 1)) {
    }
    image.seal();
    const auto read = walk(image.bytes(), image.header());
    INFO("length " << length);
    REQUIRE(read.is_sealed);
    REQUIRE(read.records == image.records());
    REQUIRE(read.damage.empty());
  }
}

TEST_CASE("records do not cross a block's end unless they are longer than a block") {
  std::mt19937_64 random(5);
  SegmentImage image(65536);
  test::fill(image, random);
  image.seal();
  bool saw_large = false;
  for (const test::Piece& piece : test::outline(image.bytes())) {
    const bool crosses = piece.at / 4096 != (piece.at + piece.bytes - 1) / 4096;
    if (!crosses) continue;
    saw_large = true;
    CHECK(piece.bytes > 4096 - 40);
    CHECK(piece.at % 4096 == 40);
  }
  CHECK(saw_large);
}

TEST_CASE("an event fits exactly when fits() says so") {
  for (std::size_t payload = 3900; payload < 4200; ++payload) {
    SegmentImage image(8192);
    const std::string message(payload - runlog::format::kEvent_fixed_bytes - 4,
                              'x');  // name "info"
    INFO("payload " << payload);
    REQUIRE(image.metric("m", 1, 1));  // so that the record starts in the second block
    const bool fits = runlog::format::SegmentWriter::fits(payload, 8192);
    if (fits) {
      REQUIRE(image.text(message));
    }
    REQUIRE(walk(image.bytes(), image.header()).records == image.records());
  }
  CHECK_FALSE(runlog::format::SegmentWriter::fits(1u << 24, 64u << 20));
  CHECK(runlog::format::SegmentWriter::fits((1u << 24) - 1, 64u << 20));
}

TEST_CASE("an append that does not fit changes nothing that a reader sees") {
  SegmentImage image(8192);
  while (image.metric("m", 1, 1)) {
  }
  const auto full = image.bytes();
  CHECK_FALSE(image.metric("m", 2, 2));
  CHECK_FALSE(image.text(std::string(100'000, 'x')));
  CHECK(image.bytes() == full);
}

TEST_CASE("a segment decodes alone: every name is declared in it") {
  std::mt19937_64 random(9);
  SegmentImage image(65536);
  test::fill(image, random);
  bool asked = false;
  const auto read = walk(image.bytes(), image.header(), {.find_name = [&](std::uint32_t) {
                           asked = true;
                           return std::optional<std::string>();
                         }});
  CHECK_FALSE(asked);
  CHECK(read.records == image.records());
}

TEST_CASE("an empty segment is empty, open and sealed") {
  SegmentImage image(8192);
  CHECK(walk(image.bytes(), image.header()).records.empty());
  image.seal();
  const auto read = walk(image.bytes(), image.header());
  CHECK(read.records.empty());
  CHECK(read.is_sealed);
  CHECK(read.damage.empty());
  CHECK(runlog::format::parse_header(image.bytes())->number == 7);
}

TEST_CASE("payload bytes behind a zero commit word are not a record: a kill in mid-append") {
  SegmentImage image(8192);
  image.metric("m", 1, 1);
  image.text("half");
  // The last record's commit word was never stored.
  const auto last = image.piece(static_cast<Tag>(0x40 + static_cast<int>(Kind::text)));
  std::memset(image.bytes().data() + last.at, 0, 8);
  const auto read = walk(image.bytes(), image.header());
  CHECK(read.records.size() == 1);
  CHECK(read.damage.empty());
}

TEST_CASE("a kill between any two stores leaves a prefix and no damage") {
  // Records land one by one; each prefix of the image with the following commit word still zero is
  // what a SIGKILL leaves.
  std::mt19937_64 random(11);
  SegmentImage image(32768);
  test::fill(image, random);
  const auto pieces = test::outline(image.bytes());
  auto bytes = image.bytes();
  for (std::size_t i = pieces.size(); i-- > 0;) {
    const auto& piece = pieces[i];
    std::memset(bytes.data() + piece.at, 0, 8);  // killed before the commit
    const auto read = walk(bytes, image.header());
    REQUIRE(read.damage.empty());
    REQUIRE(read.records.size() <= image.records().size());
    REQUIRE(std::equal(read.records.begin(), read.records.end(), image.records().begin()));
    std::memset(bytes.data() + piece.at, 0, piece.bytes);  // killed before the payload
    REQUIRE(walk(bytes, image.header()).records == read.records);
  }
}

TEST_CASE("a live reader takes what is final and calls the rest not yet written") {
  SegmentImage image(32768);
  while (image.writer().at() < 3 * 4096 + 1000) image.metric("m", 1, 1);
  // The copy caught block 3 half-way: a commit word whose payload had not arrived.
  auto bytes = image.bytes();
  bytes[image.writer().at() - 1] ^= std::byte{1};
  const auto live = walk(bytes, image.header(), {.settled_end = 3 * 4096});
  CHECK(live.damage.empty());
  CHECK(live.records.size() == image.records().size() - 1);
  const auto dead = walk(bytes, image.header());
  CHECK(dead.damage.size() == 1);
}

TEST_CASE("a live reader does not take a large record that is being written for a hole") {
  SegmentImage image(65536);
  image.metric("m", 1, 1);
  image.text(std::string(20'000, 'x'));
  image.metric("m", 2, 2);
  // The copy of the first block is older than that of the later ones.
  auto bytes = image.bytes();
  const auto large = image.piece(static_cast<Tag>(0x40 + static_cast<int>(Kind::text)));
  std::memset(bytes.data() + large.at, 0, 8192 - large.at);
  const auto live = walk(bytes, image.header(), {.settled_end = 4 * 4096});
  CHECK(live.damage.empty());
  CHECK(live.records.size() == 1);
}

TEST_CASE(
    "unknown kinds are skipped or kept as unknown, and stop the reader only where they must") {
  struct Case {
    std::uint8_t tag;
    std::size_t records;  // of three, the unknown one in the middle
    std::size_t damage;
  };
  for (const Case& one : {Case{0x03, 2, 1}, Case{0x15, 2, 1}, Case{0x3F, 2, 1}, Case{0x40, 2, 1},
                          Case{0x60, 3, 0}, Case{0x7F, 3, 0}, Case{0x80, 1, 1}, Case{0xFF, 1, 1}}) {
    SegmentImage image(8192);
    image.text("first");
    image.text("second");
    image.text("third");
    image.seal();
    auto bytes = image.bytes();
    const auto piece = image.piece(static_cast<Tag>(0x42), 1);
    std::byte* const record = bytes.data() + piece.at;
    const auto word = runlog::load<std::uint64_t>(record);
    const std::uint64_t upper =
        runlog::format::commit_upper(one.tag, runlog::format::commit_argument(word));
    std::uint32_t crc = runlog::format::segment_seed(image.header().session, 7);
    crc = runlog::crc32c_word(crc, piece.at << 32 | upper);
    crc = runlog::crc32c_bytes(crc, std::span(record + 8, piece.bytes - 8));
    runlog::store(record, upper << 32 | crc);
    const auto read = walk(bytes, image.header());
    INFO("tag " << static_cast<int>(one.tag));
    CHECK(read.records.size() == one.records);
    // A structural record holds no logged one: the seal's number then differs from what was read,
    // which is right, because here the writer had counted it.
    CHECK(read.damage.size() == one.damage);
    if (one.records == 3) {
      CHECK(read.records[1].kind == Kind::unknown);
      CHECK(read.records[1].text == "second");
    }
  }
}

TEST_CASE("a header of another version, with an unknown incompatible flag or size is refused") {
  SegmentImage image(8192);
  const auto with = [&](std::size_t at, std::uint32_t value) {
    auto bytes = image.bytes();
    runlog::store(bytes.data() + at, value);
    runlog::store(bytes.data() + 124, runlog::crc32c(std::span(bytes).first(124)));
    return runlog::format::parse_header(bytes).has_value();
  };
  CHECK(with(8, 1));
  CHECK_FALSE(with(8, 2));
  CHECK_FALSE(with(12, 0));
  CHECK_FALSE(with(12, 0xFFFFFFFF));
  CHECK_FALSE(with(56, 1));
  CHECK(with(60, 1));   // a compatible flag is ignored
  CHECK(with(100, 1));  // so is what is reserved
}

TEST_CASE("a series is declared again behind 64 KiB") {
  runlog::format::Declarations declarations;
  CHECK_FALSE(declarations.is_declared(5));
  REQUIRE(declarations.set_declared(5));
  CHECK(declarations.is_declared(5));
  CHECK_FALSE(declarations.is_declared(4));
  declarations.begin_stretch();
  CHECK_FALSE(declarations.is_declared(5));
  SegmentImage image(1u << 17);
  CHECK_FALSE(image.writer().stretch_is_over());
  while (image.writer().at() < 128 + (64u << 10)) image.metric("m", 1, 1);
  CHECK(image.writer().stretch_is_over());
}
