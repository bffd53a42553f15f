#include "pack/pack.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/crc32.hpp"
#include "pack/pack_info.hpp"
#include "pack/parquet/chunk_reader.hpp"
#include "pack/parquet/lz4_codec.hpp"
#include "pack/parquet/parquet_encodings.hpp"
#include "pack/parquet/parquet_footer.hpp"
#include "pack/parquet/parquet_page_header.hpp"
#include "pack/parquet/thrift.hpp"
#include "support/catch.hpp"

namespace {

using namespace runlog;
using namespace runlog::format;

// A record that owns its strings.
struct Row {
  Record record = {};
  std::string name = {};
  std::optional<std::string> text = {}, payload = {};

  [[nodiscard]] Record view() const {
    Record view = record;
    view.name = name;
    view.text = text;
    view.payload = payload;
    return view;
  }
};

// Equal to the last bit: NaN equals itself, 0.0 does not equal -0.0.
bool is_same(const Record& a, const Record& b) {
  const auto bits = [](const std::optional<double>& value) {
    return value ? std::optional(std::bit_cast<std::uint64_t>(*value)) : std::nullopt;
  };
  return a.seq == b.seq && a.lane == b.lane && a.time_ns == b.time_ns && a.kind == b.kind &&
         a.name == b.name && a.step == b.step && bits(a.value) == bits(b.value) &&
         a.int_value == b.int_value && a.text == b.text && a.payload == b.payload;
}

PackInfo sample_info() {
  return {.run_id = "demo",
          .project = "gpt2",
          .session = "0123456789abcdef",
          .rank = 7,
          .segments = {{3, 0, 0, 10}, {4, -1, 1'000'000'000'000, 0}},
          .damage = {{"torn/00-3.seg", 100, 164, 2, true, "checksum"}},
          .records_dropped = 5};
}

Bytes pack_of(const std::vector<Row>& rows, const PackInfo& info = sample_info()) {
  Bytes bytes;
  PackWriter writer([&](std::span<const std::byte> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return Result<void>{};
  });
  for (const Row& row : rows) REQUIRE(writer.append(row.view()));
  REQUIRE(writer.finish(info));
  CHECK(writer.rows() == rows.size());
  CHECK(writer.bytes_written() == bytes.size());
  return bytes;
}

// Reads all row groups and compares; the first difference fails the test.
void check_holds(const Bytes& bytes, const std::vector<Row>& rows) {
  auto reader = PackReader::open(bytes);
  REQUIRE(reader);
  CHECK(reader->rows() == rows.size());
  std::size_t at = 0;
  for (std::size_t i = 0; i < reader->row_groups().size(); ++i) {
    const auto read = reader->read(i, [&](const Record& record) {
      if (at >= rows.size() || !is_same(record, rows[at].view())) FAIL("row " << at << " differs");
      ++at;
    });
    INFO((read ? "" : read.error().message));
    REQUIRE(read);
  }
  CHECK(at == rows.size());
}

Row metric(std::int64_t seq, std::string name, double value) {
  return {.record = {.seq = seq,
                     .time_ns = 1'700'000'000'000'000'000 + seq * 1'000,
                     .kind = Kind::metric,
                     .step = seq,
                     .value = value},
          .name = std::move(name)};
}

// Small, with dictionaries, nulls, text and several kinds.
std::vector<Row> small_rows() {
  std::vector<Row> rows;
  for (std::int64_t i = 0; i < 40; ++i) {
    rows.push_back(metric(i, i % 2 == 0 ? "loss" : "accuracy", 1.0 / static_cast<double>(i + 1)));
    if (i % 5 == 0) rows.back().record.step.reset();
    if (i % 7 == 0) {
      rows.back().record.kind = Kind::text;
      rows.back().record.value.reset();
      rows.back().text = "step " + std::to_string(i);
    }
    if (i == 11) rows.back().payload = "\xFF raw";
    if (i == 12) rows.back().record.int_value = -12;
  }
  return rows;
}

template <typename T>
Errc code_of(const Result<T>& result) {
  REQUIRE(!result);
  return result.error().code;
}

// What a reader of `bytes` gets: false when it is told of damage, true when it gets everything as
// it was written. Anything else fails the test.
bool is_intact(const Bytes& bytes, const std::vector<Row>& rows) {
  auto reader = PackReader::open(bytes);
  if (!reader) return false;
  if (encode_info(reader->info()).size() != encode_info(sample_info()).size()) FAIL("other info");
  for (std::size_t i = 0; i < encode_info(sample_info()).size(); ++i) {
    if (encode_info(reader->info())[i].value != encode_info(sample_info())[i].value) {
      FAIL("the metadata changed unnoticed");
    }
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < reader->row_groups().size(); ++i) {
    const auto records = reader->load(i);
    if (!records) return false;
    for (const Record& record : *records) {
      if (at >= rows.size() || !is_same(record, rows[at].view())) FAIL("wrong rows unnoticed");
      ++at;
    }
  }
  if (at != rows.size()) FAIL("missing rows unnoticed");
  return true;
}

}  // namespace

TEST_CASE("a pack gives every field back to the last bit", "[unit][pack]") {
  using Int = std::numeric_limits<std::int64_t>;
  const auto nan = [](std::uint64_t bits) { return std::bit_cast<double>(bits); };
  std::vector<Row> rows;
  for (const double value :
       {nan(0x7FF8'0000'DEAD'BEEF), nan(0xFFF0'0000'0000'0001), -0.0, 0.0, 5e-324, 1.0 / 3,
        std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::max()}) {
    rows.push_back(metric(static_cast<std::int64_t>(rows.size()), "edge", value));
  }
  for (const std::int64_t value : {Int::min(), Int::max(), std::int64_t{0}, std::int64_t{-1}}) {
    rows.push_back({.record = {.seq = value,
                               .lane = value < 0 ? INT32_MIN : INT32_MAX,
                               .time_ns = value,
                               .kind = Kind::param,
                               .step = value,
                               .int_value = value}});
  }
  const std::string with_zero("a\0b", 3);
  for (const std::string& text : {std::string(), with_zero, std::string("\xC3\xA4"),
                                  std::string(1u << 20, 'x'), std::string("\xFF\xFE")}) {
    rows.push_back({.record = {.kind = Kind::text}, .name = text, .text = text, .payload = text});
  }
  for (int kind = 0; kind <= 18; ++kind) {
    rows.push_back({.record = {.kind = static_cast<Kind>(kind)}, .name = "kind"});
  }
  check_holds(pack_of(rows), rows);
}

TEST_CASE("random records survive a pack", "[unit][pack]") {
  const std::uint64_t seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u);
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t end) { return random() % end; };
  const auto number = [&] { return static_cast<std::int64_t>(random() >> below(64)); };
  const std::uint64_t names = 1 + below(300);
  const bool has_few_values = below(2) == 0;
  std::vector<Row> rows(1 + below(40'000));
  for (Row& row : rows) {
    row.record = {.seq = number(),
                  .lane = static_cast<std::int32_t>(number()),
                  .time_ns = number(),
                  .kind = static_cast<Kind>(below(19))};
    row.name = "name/" + std::to_string(below(names));
    if (below(4) != 0) row.record.step = number();
    if (below(8) != 0) {
      row.record.value = std::bit_cast<double>(has_few_values ? below(9) : random());
    }
    if (below(16) == 0) row.record.int_value = number();
    if (below(8) == 0) row.text = std::string(below(200), static_cast<char>('a' + below(26)));
    if (below(64) == 0) row.payload = std::string(below(3000), static_cast<char>(below(256)));
  }
  check_holds(pack_of(rows), rows);
}

TEST_CASE("a pack of many row groups knows the rows and times of each", "[unit][pack]") {
  std::vector<Row> rows;
  for (std::int64_t i = 0; i < 150'000; ++i) rows.push_back(metric(i, "loss", 0.5));
  const Bytes bytes = pack_of(rows);
  check_holds(bytes, rows);
  const auto reader = PackReader::open(bytes);
  REQUIRE(reader);
  REQUIRE(reader->row_groups().size() == 3);
  std::size_t first = 0;
  std::uint64_t end = reader->row_groups().front().begin;
  for (const PackReader::RowGroup& group : reader->row_groups()) {
    CHECK(group.rows <= kRow_group_rows_max);
    CHECK(group.begin == end);
    CHECK(group.time_min_ns == rows[first].record.time_ns);
    CHECK(group.time_max_ns == rows[first + group.rows - 1].record.time_ns);
    first += group.rows;
    end = group.end;
  }
}

TEST_CASE("sequence numbers and lanes that change in, at and before a page's end come back",
          "[unit][pack]") {
  const std::int64_t change = GENERATE(1, 19'999, 20'000, 20'001, 39'999, 40'000);
  std::vector<Row> rows;
  for (std::int64_t i = 0; i < 45'000; ++i) {
    rows.push_back(metric(i, "loss", 0.5));
    if (i < change) continue;
    rows.back().record.seq += 1000;
    rows.back().record.lane = 3;
  }
  check_holds(pack_of(rows), rows);
}

TEST_CASE("the bounds of a row group are its lowest and highest, wherever they are",
          "[unit][pack]") {
  const auto numbers =
      GENERATE(as<std::vector<std::int64_t>>{}, std::vector<std::int64_t>{3},
               std::vector<std::int64_t>{1, 2, 2, 9}, std::vector<std::int64_t>{9, 2, 5},
               std::vector<std::int64_t>{2, 9, 5, 2}, std::vector<std::int64_t>{-5, -7, -6},
               std::vector<std::int64_t>{INT64_MAX, INT64_MIN},
               std::vector<std::int64_t>{INT64_MIN, 0, INT64_MAX, 1},
               std::vector<std::int64_t>{0, INT64_MAX, INT64_MIN, 5});
  std::vector<Row> rows;
  for (const std::int64_t number : numbers) {
    rows.push_back(metric(0, "n", 1));
    rows.back().record.time_ns = number;
    rows.back().record.step = number;
  }
  const Bytes bytes = pack_of(rows);
  const auto reader = PackReader::open(bytes);
  REQUIRE(reader);
  const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
  CHECK(reader->row_groups()[0].time_min_ns == *low);
  CHECK(reader->row_groups()[0].time_max_ns == *high);
  CHECK(reader->row_groups()[0].step_max == *high);
}

// Half a highest name is lower than the name: an engine would skip its rows.
TEST_CASE("a bound that is too long is left out, not cut", "[unit][pack]") {
  const std::size_t length = GENERATE(1u, 64u, 65u, 200u, 512u);
  const std::string highest(length, 'z');
  const Bytes bytes = pack_of({metric(0, "a", 1), metric(1, highest, 2)});
  constexpr std::size_t kTail_bytes = 8;  // the footer's length, and "PAR1"
  const auto footer_bytes = load<std::uint32_t>(bytes.data() + bytes.size() - kTail_bytes);
  const auto footer =
      decode_footer(std::span(bytes).last(footer_bytes + kTail_bytes).first(footer_bytes));
  REQUIRE(footer);
  REQUIRE(footer->row_groups.size() == 1);
  const auto& chunks = footer->row_groups[0].chunks;
  const auto name = std::find_if(chunks.begin(), chunks.end(),
                                 [](const ChunkMeta& chunk) { return chunk.name == "name"; });
  REQUIRE(name != chunks.end());
  if (length <= 64) {
    CHECK(name->value_min == "a");
    CHECK(name->value_max == highest);
  } else {
    CHECK_FALSE(name->value_min);
    CHECK_FALSE(name->value_max);
  }
}

TEST_CASE("100 000 names fit into a pack", "[unit][pack]") {
  std::vector<Row> rows;
  for (std::int64_t i = 0; i < 100'000; ++i) {
    rows.push_back(metric(i, "layer/" + std::to_string(i) + "/gradient/norm", 1.0));
  }
  check_holds(pack_of(rows), rows);
}

TEST_CASE("row groups stay small however large the texts are", "[unit][pack]") {
  std::vector<Row> rows;
  for (std::int64_t i = 0; i < 40; ++i) {
    rows.push_back(metric(i, "table", 1.0));
    rows.back().text = std::string(1u << 20, static_cast<char>('a' + i % 3));
  }
  const Bytes bytes = pack_of(rows);
  check_holds(bytes, rows);
  const auto reader = PackReader::open(bytes);
  REQUIRE(reader);
  // The same three texts again and again: it is what a reader must hold that counts.
  CHECK(reader->row_groups().size() == 5);
}

TEST_CASE("metric rows take 5 bytes in a pack, 10 with full mantissas", "[unit][pack]") {
  const bool is_float32 = GENERATE(true, false);
  std::mt19937_64 random(42);
  std::vector<Row> rows;
  std::int64_t time_ns = 1'700'000'000'000'000'000;
  for (std::int64_t i = 0; i < 65'536; ++i) {
    const double noise = std::uniform_real_distribution<double>(0, 0.1)(random);
    const double value = std::exp(-static_cast<double>(i) / 20'000) * (1 + noise);
    rows.push_back(metric(i, "train/series_" + std::to_string(i % 20),
                          is_float32 ? static_cast<float>(value) : value));
    rows.back().record.step = i / 20;
    rows.back().record.time_ns = time_ns += 5'000 + static_cast<std::int64_t>(random() % 1'000);
  }
  CHECK(static_cast<double>(pack_of(rows).size()) / 65'536 <= (is_float32 ? 5.0 : 10.0));
}

TEST_CASE("a pack without rows still carries its metadata", "[unit][pack]") {
  const Bytes bytes = pack_of({});
  const auto reader = PackReader::open(bytes);
  REQUIRE(reader);
  CHECK(reader->rows() == 0);
  CHECK(reader->row_groups().empty());
  CHECK(reader->info().run_id == "demo");
}

TEST_CASE("a pack's metadata comes back exactly", "[unit][pack]") {
  PackInfo info = sample_info();
  info.damage.push_back(
      {"a:b%\n\xFF/\xC3\xA4,", 0, UINT64_MAX, UINT64_MAX, false, "why: 100%\r\n"});
  info.damage.push_back({});
  info.rank = INT64_MIN;
  info.records_dropped = UINT64_MAX;
  const Bytes bytes = pack_of({}, info);
  const auto reader = PackReader::open(bytes);
  REQUIRE(reader);
  const PackInfo& found = reader->info();
  CHECK(found.project == info.project);
  CHECK(found.session == info.session);
  CHECK(found.rank == info.rank);
  CHECK(found.records_dropped == info.records_dropped);
  REQUIRE(found.segments.size() == 2);
  CHECK(found.segments[1].number == 4);
  CHECK(found.segments[1].lane == -1);
  CHECK(found.segments[1].first_seq == 1'000'000'000'000);
  CHECK(found.segments[0].records == 10);
  REQUIRE(found.damage.size() == info.damage.size());
  for (std::size_t i = 0; i < info.damage.size(); ++i) {
    CHECK(found.damage[i].path == info.damage[i].path);
    CHECK(found.damage[i].begin == info.damage[i].begin);
    CHECK(found.damage[i].end == info.damage[i].end);
    CHECK(found.damage[i].records_lost == info.damage[i].records_lost);
    CHECK(found.damage[i].exact == info.damage[i].exact);
    CHECK(found.damage[i].why == info.damage[i].why);
  }
}

TEST_CASE("malformed metadata is corrupt, a newer format is unsupported", "[unit][pack]") {
  const auto code_with = [](std::string_view key, std::string_view value) {
    auto pairs = encode_info(sample_info());
    for (KeyValue& pair : pairs) {
      if (pair.key == key) pair.value = value;
    }
    return code_of(decode_info(pairs));
  };
  CHECK(code_with("runlog.format", "2") == Errc::unsupported);
  const auto message_with = [](std::string_view version) {
    auto pairs = encode_info(sample_info());
    for (KeyValue& pair : pairs) {
      if (pair.key == "runlog.format") pair.value = version;
    }
    return decode_info(pairs).error().message;
  };
  CHECK(message_with("2").find("use a newer runlog") != std::string::npos);
  CHECK(message_with("0").find("use a newer runlog") == std::string::npos);
  CHECK(code_with("runlog.format", "one") == Errc::corrupt);
  CHECK(code_with("runlog.rank", "") == Errc::corrupt);
  CHECK(code_with("runlog.rank", "7 ") == Errc::corrupt);
  CHECK(code_with("runlog.dropped", "-1") == Errc::corrupt);
  CHECK(code_with("runlog.dropped", "18446744073709551616") == Errc::corrupt);
  CHECK(code_with("runlog.segments", "1:2:3") == Errc::corrupt);
  CHECK(code_with("runlog.segments", "1:2:3:4:5") == Errc::corrupt);
  CHECK(code_with("runlog.segments", "1:2:3:4,") == Errc::corrupt);
  CHECK(code_with("runlog.segments", ",") == Errc::corrupt);
  CHECK(code_with("runlog.damage", "1:2:3:exact:path:why") == Errc::corrupt);
  CHECK(code_with("runlog.damage", "1:2:3:exact:path\n") == Errc::corrupt);
  CHECK(code_with("runlog.damage", "1:2:3:perhaps:path:why\n") == Errc::corrupt);
  CHECK(code_with("runlog.damage", "1:2:3:exact:path:%4\n") == Errc::corrupt);
  CHECK(code_with("runlog.damage", "1:2:3:exact:path:%GG\n") == Errc::corrupt);
  auto twice = encode_info(sample_info());
  twice.push_back({"runlog.rank", "7"});
  CHECK(code_of(decode_info(twice)) == Errc::corrupt);
  auto missing = encode_info(sample_info());
  missing.pop_back();
  CHECK(code_of(decode_info(missing)) == Errc::corrupt);
}

TEST_CASE("no flipped byte of a pack yields other rows or crashes the reader", "[unit][pack]") {
  const std::vector<Row> rows = small_rows();
  const Bytes intact = pack_of(rows);
  REQUIRE(is_intact(intact, rows));
  // A flip may go unnoticed where it changes nothing: a page header's field given its number in
  // full, or what is behind the footer's checksum for other readers only.
  Bytes bytes = intact;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const unsigned flip : {0x01u, 0x02u, 0x10u, 0x80u, 0xFFu}) {
      INFO("byte " << at << " ^ " << flip);
      bytes[at] = intact[at] ^ static_cast<std::byte>(flip);
      (void)is_intact(bytes, rows);
      bytes[at] = intact[at];
    }
  }
}

TEST_CASE("no piece of a pack passes for a whole one", "[unit][pack]") {
  const std::vector<Row> rows = small_rows();
  const Bytes intact = pack_of(rows);
  for (std::size_t size = 0; size < intact.size(); ++size) {
    // Copied to its exact size, so that a sanitizer sees a read behind the end.
    const Bytes bytes(intact.begin(), intact.begin() + static_cast<std::ptrdiff_t>(size));
    if (PackReader::open(bytes)) FAIL("the first " << size << " bytes were taken for a pack");
  }
}

TEST_CASE("a damaged row group leaves the others readable", "[unit][pack]") {
  std::vector<Row> rows;
  for (std::int64_t i = 0; i < 140'000; ++i) rows.push_back(metric(i, "loss", 0.5));
  Bytes bytes = pack_of(rows);
  auto reader = PackReader::open(bytes);
  REQUIRE(reader);
  REQUIRE(reader->row_groups().size() == 3);
  const PackReader::RowGroup& middle = reader->row_groups()[1];
  bytes[(middle.begin + middle.end) / 2] ^= std::byte{1};
  bool has_rows = false;
  const auto damaged = reader->read(1, [&](const Record&) { has_rows = true; });
  CHECK(code_of(damaged) == Errc::corrupt);
  CHECK(damaged.error().message.find("row group 1: column ") == 0);
  CHECK(!has_rows);
  for (const std::size_t index : {std::size_t{2}, std::size_t{0}}) {
    std::size_t at = index * kRow_group_rows_max;
    CHECK(reader->read(index, [&](const Record& record) {
      if (!is_same(record, rows[at++].view())) FAIL("row " << at - 1);
    }));
  }
  CHECK(code_of(reader->load(3)) == Errc::invalid_argument);
}

TEST_CASE("a file that is no pack is unsupported, not corrupt", "[unit][pack]") {
  const auto open = [](std::string_view text) { return code_of(PackReader::open(as_bytes(text))); };
  CHECK(open("") == Errc::unsupported);
  CHECK(open("PK\x03\x04 a zip file, or any other") == Errc::unsupported);
  CHECK(open("PAR1 and then nothing that belongs there") == Errc::corrupt);
  CHECK(open("PAR1PAR1") == Errc::corrupt);

  // Parquet, with a footer that describes someone else's columns.
  Bytes footer;
  ThriftWriter writer(footer);
  writer.begin_struct();
  writer.i32(1, 1);
  writer.begin_list(2, ThriftType::structure, 2);
  writer.begin_struct();
  writer.binary(4, "schema");
  writer.i32(5, 1);
  writer.end_struct();
  writer.begin_struct();
  writer.i32(1, 2);
  writer.i32(3, 0);
  writer.binary(4, "theirs");
  writer.end_struct();
  writer.i64(3, 0);
  writer.begin_list(4, ThriftType::structure, 0);
  writer.end_struct();
  std::string file = "PAR1";
  file += as_text(footer);
  const auto length = static_cast<std::uint32_t>(footer.size());
  file.append(reinterpret_cast<const char*>(&length), sizeof length);
  file += "PAR1";
  CHECK(open(file) == Errc::unsupported);
}

TEST_CASE("what the sink answers reaches the caller, now and ever after", "[unit][pack]") {
  int calls_left = GENERATE(0, 1, 5, 11);
  PackWriter writer([&](std::span<const std::byte>) -> Result<void> {
    if (calls_left-- > 0) return {};
    return Error{Errc::no_space, 28, "disk full"};
  });
  REQUIRE(writer.append(metric(0, "loss", 1).view()));
  CHECK(code_of(writer.finish(sample_info())) == Errc::no_space);
  CHECK(code_of(writer.append(metric(1, "loss", 1).view())) == Errc::no_space);
  CHECK(code_of(writer.finish(sample_info())) == Errc::no_space);
}

TEST_CASE("a finished pack takes no more, a text over the limit is refused alone", "[unit][pack]") {
  PackWriter writer([](std::span<const std::byte>) { return Result<void>{}; });
  Row large = metric(0, "text", 1);
  large.text = std::string(kCell_bytes_max + 1, 'x');
  CHECK(code_of(writer.append(large.view())) == Errc::too_large);
  REQUIRE(writer.append(metric(1, "loss", 1).view()));
  REQUIRE(writer.finish({}));
  CHECK(writer.rows() == 1);
  CHECK(code_of(writer.append(metric(2, "loss", 1).view())) == Errc::invalid_argument);
  CHECK(code_of(writer.finish({})) == Errc::invalid_argument);
}

TEST_CASE("the page checksum is the CRC-32 of zip", "[unit][pack]") {
  CHECK(crc32(as_bytes("123456789")) == 0xCBF43926u);
  CHECK(crc32({}) == 0);
}

TEST_CASE("pages with sound checksums and hostile contents are errors, not crashes",
          "[unit][pack]") {
  const std::uint64_t seed = 11;
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t end) { return random() % end; };
  for (int round = 0; round < 20'000; ++round) {
    const Column& column = kColumns[below(kColumns.size())];
    const std::size_t rows = 1 + below(300);
    ChunkMeta chunk{.type = column.type,
                    .encodings = {Encoding::plain, Encoding::delta_binary_packed,
                                  Encoding::rle_dictionary, Encoding::byte_stream_split},
                    .data_page_offset = 4};
    Bytes file(4);
    const auto add_page = [&](PageType type, Encoding encoding, const Bytes& body) {
      Bytes room;
      const auto compressed = lz4_compress(body, room);
      const auto values = static_cast<std::int32_t>(below(10) == 0 ? random() >> 33 : rows);
      encode_page_header({.type = type,
                          .uncompressed_bytes = static_cast<std::int32_t>(
                              below(20) == 0 ? random() >> 33 : body.size()),
                          .compressed_bytes = static_cast<std::int32_t>(compressed.size()),
                          .crc = crc32(compressed),
                          .values = values,
                          .encoding = encoding},
                         file);
      file.insert(file.end(), compressed.begin(), compressed.end());
    };
    // Sound pages with a few bytes changed reach further than random ones.
    std::vector<std::int64_t> numbers(rows);
    for (auto& number : numbers) number = static_cast<std::int64_t>(random() >> below(64));
    Bytes body;
    if (column.repetition == Repetition::optional) {
      Bytes levels;
      encode_hybrid(std::span<const std::uint8_t>(std::vector<std::uint8_t>(rows, 1)), 1, levels);
      body.resize(4);
      store(body.data(), static_cast<std::uint32_t>(levels.size()));
      body.insert(body.end(), levels.begin(), levels.end());
    }
    const Encoding encoding = chunk.encodings[below(chunk.encodings.size())];
    if (encoding == Encoding::rle_dictionary) {
      Bytes dictionary;
      const std::size_t entries = below(rows + 2);
      for (std::size_t i = 0; i < entries; ++i) {
        if (column.type == PhysicalType::byte_array) encode_plain("entry", dictionary);
      }
      if (dictionary.empty()) encode_plain(numbers, dictionary);
      add_page(PageType::dictionary, Encoding::plain, dictionary);
      body.push_back(std::byte{9});
      std::vector<std::uint32_t> indices(rows);
      for (auto& index : indices) index = static_cast<std::uint32_t>(below(rows));
      encode_hybrid(std::span<const std::uint32_t>(indices), 9, body);
    } else if (column.type == PhysicalType::byte_array) {
      for (std::size_t i = 0; i < rows; ++i) encode_plain("some text", body);
    } else if (encoding == Encoding::delta_binary_packed) {
      encode_delta(numbers, column.type == PhysicalType::int32 ? 32 : 64, body);
    } else {
      encode_plain(numbers, body);
    }
    for (auto changes = below(4); changes > 0; --changes) {
      body[below(body.size())] = static_cast<std::byte>(random());
    }
    if (below(10) == 0) body.resize(below(body.size() + 1));
    add_page(PageType::data, encoding, body);

    chunk.compressed_bytes = static_cast<std::int64_t>(file.size() - 4);
    std::size_t budget_bytes = 1u << 20;
    DecodedColumn decoded;
    PackBytes bytes(file);
    const auto done = decode_chunk(bytes, chunk, column, rows, budget_bytes, decoded);
    if (done && column.type == PhysicalType::byte_array && decoded.strings.size() != rows) {
      FAIL("strings are missing, seed " << seed << " round " << round);
    }
    if (done && column.type != PhysicalType::byte_array && decoded.numbers.size() != rows) {
      FAIL("numbers are missing, seed " << seed << " round " << round);
    }
  }
}

TEST_CASE("nesting and lengths in a footer are bounded", "[unit][pack]") {
  CHECK(code_of(decode_footer(Bytes(1'000'000, std::byte{0x1C}))) == Errc::corrupt);  // structs
  CHECK(code_of(decode_footer(Bytes(1'000'000, std::byte{0x19}))) == Errc::corrupt);  // lists
  std::mt19937_64 random(3);
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes(random() % 64);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    (void)decode_footer(bytes);
    std::size_t header_bytes = 0;
    (void)decode_page_header(bytes, header_bytes);
  }
}
