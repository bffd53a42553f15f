// tests/conformance: segments and packs whose reading is fixed for ever, and the example in
// docs/format.md.
//
// NAME.seg is a segment, NAME.jsonl what a reader must make of it: one line per record, then one
// per stretch of damage, then one about the end. NAME.parquet is the pack made of it, and
// NAME.pack.jsonl its reading: one line per record, then one per key of its metadata. Written anew,
// when the format changes, by
//   RUNLOG_WRITE_CONFORMANCE=1 runlog_unit_tests "[.generate]"
// but for the packs of kPacked: they are as a version wrote them that knew no summaries.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>

#include "base/json_text.hpp"
#include "pack/pack.hpp"
#include "pack/pack_info.hpp"
#include "pack/pack_summary.hpp"
#include "segment/segment_merge.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/segment_image.hpp"

using runlog::Kind;
using runlog::format::Tag;
using test::SegmentImage;

namespace {

using Bytes = std::vector<std::byte>;

std::string path_of(const std::string& file) {
  return test::source("tests/conformance/" + file);
}

std::string read_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  REQUIRE(stream);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Bytes read_bytes(const std::string& path) {
  const std::string text = read_text(path);
  const auto bytes = runlog::as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

std::string hex(std::string_view bytes) {
  return runlog::to_hex(
      std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

// Strings are given as hex where they are bytes, numbers as numbers, a double by its bits.
std::string line_of(const test::OwnedRecord& record) {
  std::string line;
  runlog::JsonObject object(line);
  object.add("seq", record.seq)
      .add("lane", std::int64_t{record.lane})
      .add("time_ns", record.time_ns)
      .add("kind", runlog::kind_name(record.kind))
      .add("name", record.name);
  if (record.step) object.add("step", *record.step);
  if (record.value_bits) {
    object.add_real("value", std::bit_cast<double>(*record.value_bits));
    const auto bits = *record.value_bits;
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(bits));
    object.add("value_bits", digits);
  }
  if (record.int_value) object.add("int_value", *record.int_value);
  if (record.text && record.text->size() > 256) {
    object.add("text_bytes", static_cast<std::int64_t>(record.text->size()));
  } else if (record.text) {
    object.add("text", *record.text);
  }
  if (record.payload) object.add("payload_hex", hex(*record.payload));
  object.end();
  return line + "\n";
}

std::string reading_of(const Bytes& bytes, const runlog::format::SegmentHeader& identity) {
  const auto read = test::walk_anything(bytes, identity);
  std::string text;
  for (const auto& record : read.records) text += line_of(record);
  for (const auto& one : read.damage) {
    runlog::JsonObject(text)
        .add("damage_begin", static_cast<std::int64_t>(one.begin))
        .add("damage_end", static_cast<std::int64_t>(one.end))
        .add("records_lost", static_cast<std::int64_t>(one.records_lost))
        .add_bool("exact", one.exact)
        .end();
    text += '\n';
  }
  runlog::JsonObject(text).add("end_seq", read.end_seq).add_bool("sealed", read.is_sealed).end();
  return text + "\n";
}

// Another kind for a record that is there, with the checksum to match.
void set_tag(Bytes& bytes, const SegmentImage& image, const test::Piece& piece, std::uint8_t tag) {
  std::byte* const record = bytes.data() + piece.at;
  const auto word = runlog::load<std::uint64_t>(record);
  const std::uint64_t upper =
      runlog::format::commit_upper(tag, runlog::format::commit_argument(word));
  std::uint32_t crc = runlog::format::segment_seed(image.header().session, image.header().number);
  crc = runlog::crc32c_word(crc, piece.at << 32 | upper);
  crc = runlog::crc32c_bytes(crc, std::span(record + 8, piece.bytes - 8));
  runlog::store(record, upper << 32 | crc);
}

struct Example {
  std::string name;
  runlog::format::SegmentHeader header;
  Bytes bytes;
};

Example make_first() {
  SegmentImage image(8192, 7, 1000);
  image.metric("train/loss", 1, 0.5);
  image.metric_int("epoch", 1, 1);
  image.metric("train/loss", {}, 0.25);
  image.event({.kind = Kind::text, .name = "info", .text = "hello"});
  image.seal();
  return {"first", image.header(), image.bytes()};
}

Example make_everything() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  SegmentImage image(20480, 7, 0);
  for (std::uint8_t kind = 2; kind <= static_cast<std::uint8_t>(Kind::spill); ++kind) {
    image.event({.kind = static_cast<Kind>(kind), .name = "n", .step = kind, .text = "t"});
  }
  image.event({.kind = Kind::param, .name = "lr", .value = 3e-4});
  image.event({.kind = Kind::param, .name = "layers", .int_value = -12});
  image.event(
      {.kind = Kind::text, .name = "", .text = "", .payload = std::string_view("\0\xFF", 2)});
  image.event({.kind = Kind::tag, .name = "\xE2\x82\xAC"});
  for (const double value : {std::nan(""), kInfinity, -kInfinity, -0.0, 5e-324}) {
    image.metric("value", 0, value);
  }
  for (const std::int64_t step :
       {std::int64_t{8'388'607}, std::int64_t{8'388'608}, INT64_MAX, INT64_MIN, std::int64_t{-1}}) {
    image.metric_int("step", step, step);
  }
  image.advance_ns(4'294'967'295);
  image.metric("late", 0, 1);
  image.advance_ns(-60'000'000'000);
  image.metric("early", 0, 1);
  image.text(std::string(5000, 'L'));
  image.metric("behind the large one", {}, 2);
  image.next_block();
  image.metric("unsealed", 1, 3);
  return {"everything_unsealed", image.header(), image.bytes()};
}

SegmentImage& usual(SegmentImage& image) {
  for (int i = 0; i < 200; ++i) {
    image.metric("m", i, i);
    if (i % 60 == 59) image.text("mark");
  }
  image.seal();
  return image;
}

Example make_damaged() {
  SegmentImage image(12288, 7, 0);
  usual(image);
  Bytes bytes = image.bytes();
  bytes[image.piece(Tag::metric_real, 3).at + 16] ^= std::byte{1};
  std::memset(bytes.data() + 1024, 0, 512);
  bytes[4096 + 12] ^= std::byte{0x20};  // the second block's head
  return {"damaged", image.header(), bytes};
}

Example make_headless() {
  SegmentImage image(12288, 7, 0);
  usual(image);
  Bytes bytes = image.bytes();
  std::memset(bytes.data(), 0, 128);
  return {"header_lost", image.header(), bytes};
}

Example make_unknown() {
  SegmentImage image(8192, 7, 0);
  for (const char* const text : {"one", "two", "three", "four", "five"}) image.text(text);
  Bytes bytes = image.bytes();
  const Tag text = static_cast<Tag>(0x42);
  set_tag(bytes, image, image.piece(text, 1), 0x70);  // an event of a later version: kept
  set_tag(bytes, image, image.piece(text, 2), 0x20);  // structural: skipped, not counted
  set_tag(bytes, image, image.piece(text, 4), 0x81);  // incompatible: the reader stops
  return {"unknown_kinds", image.header(), bytes};
}

std::vector<Example> examples() {
  return {make_first(), make_everything(), make_damaged(), make_headless(), make_unknown()};
}

// Packs of these segments, as the packer made them before packs had summaries.
const std::vector<std::string> kPacked = {"everything_unsealed", "damaged"};
// The first of them as it makes it now.
const std::string kSummed = "everything_summed";

Bytes pack_of(const Example& example) {
  Bytes bytes;
  runlog::format::PackWriter writer([&](std::span<const std::byte> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return runlog::Result<void>{};
  });
  runlog::SegmentMerge merge(
      {{.bytes = example.bytes, .header = example.header, .path = "lanes/00000007.seg"}});
  std::uint64_t dropped = 0;
  runlog::Record record;
  while (merge.next(record)) {
    if (record.kind == Kind::gap)
      dropped += static_cast<std::uint64_t>(record.int_value.value_or(0));
    REQUIRE(writer.append(record));
  }
  const auto& count = merge.counts().at(0);
  REQUIRE(writer.finish({.run_id = "golden",
                         .project = "conformance",
                         .session = runlog::to_hex(example.header.session),
                         .rank = 3,
                         .segments = {{example.header.number, example.header.lane, count.first_seq,
                                       count.end_seq - count.first_seq}},
                         .damage = merge.damage(),
                         .records_dropped = dropped}));
  return bytes;
}

std::string reading_of_pack(const Bytes& bytes, bool with_summary = true) {
  auto reader = runlog::format::PackReader::open(bytes);
  REQUIRE(reader);
  std::string text;
  for (std::size_t i = 0; i < reader->row_groups().size(); ++i) {
    REQUIRE(
        reader->read(i, [&](const runlog::Record& record) { text += line_of(test::own(record)); }));
  }
  for (const auto& [key, value] : runlog::format::encode_info(reader->info())) {
    runlog::JsonObject(text).add("key", key).add("metadata", value).end();
    text += '\n';
  }
  if (const auto summary = reader->summary_text(); summary && with_summary) {
    const std::string key(runlog::format::kSummary_key);
    runlog::JsonObject(text).add("key", key).add("metadata", *summary).end();
    text += '\n';
  }
  return text;
}

// The bytes that the lines "00000040  52 4c …" of a hex dump give.
std::vector<std::pair<std::size_t, Bytes>> hex_lines(const std::string& text) {
  std::vector<std::pair<std::size_t, Bytes>> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    const bool is_dump = line.size() > 10 && line[8] == ' ' && line[9] == ' ' &&
                         line.find_first_not_of("0123456789abcdef") == 8;
    if (!is_dump) continue;
    Bytes bytes;
    std::istringstream digits(line.substr(
        8, line.find('|') == std::string::npos ? std::string::npos : line.find('|') - 8));
    for (std::string byte; digits >> byte;) {
      bytes.push_back(static_cast<std::byte>(std::stoul(byte, nullptr, 16)));
    }
    lines.emplace_back(std::stoul(line.substr(0, 8), nullptr, 16), std::move(bytes));
  }
  return lines;
}

std::string hex_number(std::uint32_t value) {
  char digits[11];
  std::snprintf(digits, sizeof digits, "0x%08X", value);
  return digits;
}

}  // namespace

TEST_CASE("the conformance segments are read as their expectations say") {
  for (const Example& example : examples()) {
    INFO(example.name);
    const Bytes bytes = read_bytes(path_of(example.name + ".seg"));
    CHECK(reading_of(bytes, example.header) == read_text(path_of(example.name + ".jsonl")));
  }
}

TEST_CASE("this build writes the conformance segments byte for byte") {
  for (const Example& example : examples()) {
    INFO(example.name);
    CHECK(read_bytes(path_of(example.name + ".seg")) == example.bytes);
  }
}

TEST_CASE("the conformance packs are read as their expectations say") {
  std::vector<std::string> names = kPacked;
  names.push_back(kSummed);
  for (const std::string& name : names) {
    INFO(name);
    CHECK(reading_of_pack(read_bytes(path_of(name + ".parquet"))) ==
          read_text(path_of(name + ".pack.jsonl")));
  }
}

// Not byte for byte: how well LZ4 compresses is its own affair.
TEST_CASE("a pack that this build writes reads as the conformance packs do") {
  for (const Example& example : examples()) {
    if (std::find(kPacked.begin(), kPacked.end(), example.name) == kPacked.end()) continue;
    INFO(example.name);
    CHECK(reading_of_pack(pack_of(example), false) ==
          read_text(path_of(example.name + ".pack.jsonl")));
    if (example.name != kPacked.front()) continue;
    CHECK(reading_of_pack(pack_of(example)) == read_text(path_of(kSummed + ".pack.jsonl")));
  }
}

TEST_CASE("the example in docs/format.md is the first bytes of tests/conformance/first.seg") {
  const std::string document = read_text(test::source("docs/format.md"));
  const Bytes file = read_bytes(path_of("first.seg"));
  std::size_t next = 0;
  for (const auto& [offset, bytes] : hex_lines(document)) {
    INFO("offset " << offset);
    REQUIRE(offset == next);
    REQUIRE(offset + bytes.size() <= file.size());
    REQUIRE(
        std::equal(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(offset)));
    next = offset + bytes.size();
  }
  CHECK(next >= 256);
}

TEST_CASE("the test vectors in docs/format.md are right") {
  const std::string document = read_text(test::source("docs/format.md"));
  const Example first = make_first();
  const auto seed = runlog::format::segment_seed(first.header.session, first.header.number);
  const auto has = [&](const std::string& text) {
    INFO(text);
    CHECK(document.find(text) != std::string::npos);
  };
  has(hex_number(runlog::crc32c(runlog::as_bytes("123456789"))));
  has(hex_number(seed));
  has(hex_number(runlog::format::group_seed(seed, SegmentImage::kTime_ns, 0)));
  has(hex_number(runlog::load<std::uint32_t>(first.bytes.data() + 124)));
  for (const test::Piece& piece : test::outline(first.bytes)) {
    has(hex_number(runlog::load<std::uint32_t>(first.bytes.data() + piece.at)));
  }
}

TEST_CASE("write the conformance files anew", "[.generate]") {
  // A build that fails would bless itself when the case is run with others.
  if (std::getenv("RUNLOG_WRITE_CONFORMANCE") == nullptr) {
    FAIL("set RUNLOG_WRITE_CONFORMANCE=1 if that is what you want");
  }
  const auto write = [](const std::string& name, const Bytes& bytes) {
    std::ofstream(path_of(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  };
  for (const Example& example : examples()) {
    if (example.name == kPacked.front()) {
      const Bytes pack = pack_of(example);
      write(kSummed + ".parquet", pack);
      std::ofstream(path_of(kSummed + ".pack.jsonl"), std::ios::binary) << reading_of_pack(pack);
    }
    write(example.name + ".seg", example.bytes);
    std::ofstream(path_of(example.name + ".jsonl"), std::ios::binary)
        << reading_of(example.bytes, example.header);
  }
}
