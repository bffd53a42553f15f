// The summary in a pack's footer is what its rows come to, and any bytes in its place do no harm.
#include "pack/pack_summary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "pack/pack.hpp"
#include "pack/pack_info.hpp"
#include "pack/parquet/parquet_footer.hpp"
#include "support/catch.hpp"
#include "support/pack_patch.hpp"

using namespace runlog;
using namespace runlog::format;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string pack_of(const std::vector<Record>& records) {
  std::string pack;
  PackWriter writer([&](std::span<const std::byte> bytes) -> Result<void> {
    pack += as_text(bytes);
    return {};
  });
  for (const Record& record : records) REQUIRE(writer.append(record));
  REQUIRE(writer.finish({.run_id = "r", .project = "p", .session = "s"}));
  return pack;
}

std::optional<std::string> summary_of(const std::string& pack) {
  const auto reader = PackReader::open(as_bytes(pack));
  REQUIRE(reader);
  const auto text = reader->summary_text();
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

std::string sums_of(const std::vector<Record>& records) {
  RecordSums sums;
  for (const Record& record : records) sums.add(record);
  return encode_summary(sums.summary());
}

// As simple as can be: the whole list again for each series.
void check_series(const SeriesSummary& series, const std::vector<Record>& records) {
  INFO(kind_name(series.kind) << " " << series.name);
  std::vector<std::pair<double, std::int64_t>> numbers;
  std::vector<std::pair<std::int64_t, std::int64_t>> steps;
  std::uint64_t count = 0;
  std::int64_t turn_ns = INT64_MIN;
  for (const Record& record : records) {
    turn_ns = std::max(turn_ns, record.time_ns);
    if (record.kind != series.kind || record.name != series.name) continue;
    ++count;
    if (record.step) steps.emplace_back(*record.step, turn_ns);
    if (record.kind != Kind::metric) continue;
    if (record.value) {
      numbers.emplace_back(*record.value, turn_ns);
    } else if (record.int_value) {
      numbers.emplace_back(static_cast<double>(*record.int_value), turn_ns);
    }
  }
  CHECK(series.records == count);
  REQUIRE(series.last_step.has_value() == !steps.empty());
  if (!steps.empty()) {
    CHECK(series.last_step->step == steps.back().first);
    CHECK(series.last_step->time_ns == steps.back().second);
  }
  REQUIRE(series.numbers.has_value() == !numbers.empty());
  if (numbers.empty()) return;
  const auto is_same = [](double a, double b) {
    return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
  };
  CHECK(is_same(series.numbers->first, numbers.front().first));
  CHECK(is_same(series.numbers->last, numbers.back().first));
  CHECK(series.numbers->first_time_ns == numbers.front().second);
  CHECK(series.numbers->last_time_ns == numbers.back().second);
  double min = kNan;
  double max = kNan;
  for (const auto& [value, time_ns] : numbers) {
    if (!(value >= min)) min = std::isnan(value) ? min : value;
    if (!(value <= max)) max = std::isnan(value) ? max : value;
  }
  CHECK(is_same(series.numbers->min, min));
  CHECK(is_same(series.numbers->max, max));
}

struct RandomRecords {
  explicit RandomRecords(unsigned seed) : random(seed) {}
  std::uint64_t below(std::uint64_t end) { return random() % end; }

  // One journal's, as two lanes and their clocks may bring them.
  std::vector<Record> make(std::size_t count) {
    std::vector<Record> records;
    std::int64_t time_ns = 1'700'000'000'000'000'000;
    for (std::size_t i = 0; i < count; ++i) {
      time_ns += static_cast<std::int64_t>(below(5)) * 1000 - (below(50) == 0 ? 7000 : 0);
      Record record{.seq = static_cast<std::int64_t>(i), .time_ns = time_ns};
      record.lane = static_cast<std::int32_t>(below(2));
      record.kind = below(8) != 0 ? Kind::metric : kKinds[below(kKinds.size())];
      // Of these all are kept, and the summary is to stay below its limit.
      const bool is_kept =
          record.kind == Kind::file || record.kind == Kind::child || record.kind == Kind::status;
      if (is_kept && below(20) != 0) record.kind = Kind::text;
      record.name = kNames[below(kNames.size())];
      if (below(4) != 0) record.step = static_cast<std::int64_t>(below(1000)) - 500;
      const auto shape = below(10);
      if (shape < 6) record.value = kValues[below(kValues.size())];
      if (shape == 5 || shape == 6) record.int_value = static_cast<std::int64_t>(random());
      if (record.kind != Kind::metric && below(3) != 0) record.text = kNames[below(kNames.size())];
      records.push_back(record);
    }
    return records;
  }

  static inline const std::vector<Kind> kKinds = {
      Kind::unknown, Kind::text,  Kind::param, Kind::tag,  Kind::tag_removed, Kind::property,
      Kind::list,    Kind::row,   Kind::table, Kind::json, Kind::histogram,   Kind::image,
      Kind::file,    Kind::spill, Kind::child, Kind::gap,  Kind::rewind,      Kind::status};
  static inline const std::vector<std::string> kNames = {
      "loss", "a:b", "100%", "line\nbreak", "", "\xC3\xA4", "=", "\x7F\x01", "accuracy", "x y,z"};
  static inline const std::vector<double> kValues = {
      kNan, -kNan, kInfinity, -kInfinity, 0.0, -0.0, 0.1, 1e300, 5e-324, -3, 1.0 / 3};
  std::mt19937_64 random;
};

}  // namespace

TEST_CASE("a pack's summary is what its records come to") {
  const auto seed = GENERATE(range(1u, 13u));
  CAPTURE(seed);
  RandomRecords random(seed);
  // Of several row groups, too.
  const auto records = random.make(seed == 1 ? 150'000 : 20'000 + seed);
  const auto text = summary_of(pack_of(records));
  REQUIRE(text);
  CHECK(*text == sums_of(records));
  const auto summary = parse_summary(*text, records.size());
  REQUIRE(summary);
  CHECK(encode_summary(*summary) == *text);
  std::uint64_t counted = 0;
  for (const auto& [key, series] : summary->series) {
    CHECK(key == PackSummary::Key(series.kind, series.name));
    check_series(series, records);
    counted += series.records;
  }
  CHECK(counted == static_cast<std::uint64_t>(
                       std::count_if(records.begin(), records.end(),
                                     [](const Record& record) { return is_series(record.kind); })));
  CHECK(std::all_of(text->begin(), text->end(),
                    [](char c) { return c == '\n' || (c >= ' ' && c < '\x7F'); }));
}

TEST_CASE("a series of NaN only has no lowest and no highest value") {
  const auto text =
      summary_of(pack_of({{.time_ns = 5, .kind = Kind::metric, .name = "n", .value = kNan},
                          {.time_ns = 6, .kind = Kind::metric, .name = "n", .value = kNan}}));
  CHECK(text == "series:metric:n:2:::nan:5:nan:6:nan:nan\n");
}

TEST_CASE("where a clock was set back, the times in the summary do not go back") {
  const std::vector<Record> records = {
      {.time_ns = 50, .kind = Kind::metric, .name = "a", .step = 1, .value = 1},
      {.time_ns = 40, .kind = Kind::metric, .name = "b", .step = 2, .value = 2},
      {.time_ns = 45, .kind = Kind::tag, .name = "t", .text = "x"}};
  CHECK(summary_of(pack_of(records)) ==
        "series:metric:a:1:1:50:1:50:1:50:1:1\n"
        "series:metric:b:1:2:50:2:50:2:50:2:2\n"
        "fact:tag:t:50:::=x\n");
}

TEST_CASE("facts that others make void are not in the summary") {
  const auto text =
      summary_of(pack_of({{.time_ns = 1, .kind = Kind::param, .name = "lr", .value = 1},
                          {.time_ns = 2, .kind = Kind::tag, .name = "t", .text = "x"},
                          {.time_ns = 3, .kind = Kind::param, .name = "lr", .int_value = 2},
                          {.time_ns = 4, .kind = Kind::tag_removed, .name = "t"},
                          {.time_ns = 5, .kind = Kind::property, .name = "p", .text = ""},
                          {.time_ns = 6, .kind = Kind::property, .name = "p", .text = "y"},
                          {.time_ns = 7, .kind = Kind::file, .name = "f", .text = "1"},
                          {.time_ns = 8, .kind = Kind::file, .name = "f", .text = "2"}}));
  CHECK(text ==
        "fact:param:lr:3::2:\n"
        "fact:tag_removed:t:4:::\n"
        "fact:property:p:5:::=\n"
        "fact:file:f:7:::=1\n"
        "fact:file:f:8:::=2\n");
}

TEST_CASE("a summary that would be larger than it is worth is left out") {
  std::vector<std::string> names;
  for (int i = 0; i < 20'000; ++i) names.push_back("layer" + std::to_string(i) + "/gradient");
  const auto pack_with = [&](std::size_t series, std::size_t rows) {
    std::vector<Record> records;
    std::mt19937_64 random(1);  // NOLINT: the same each time
    for (std::size_t i = 0; i < rows; ++i) {
      records.push_back({.seq = static_cast<std::int64_t>(i),
                         .time_ns = static_cast<std::int64_t>(i),
                         .kind = Kind::metric,
                         .name = names[i % series],
                         .value = std::generate_canonical<double, 53>(random)});
    }
    return pack_of(records);
  };
  CHECK(summary_of(pack_with(500, 100'000)));
  // As large as the rows themselves.
  CHECK_FALSE(summary_of(pack_with(1000, 1000)));
  CHECK(summary_of(pack_with(20, 20)));
  // Above the limit in all.
  CHECK_FALSE(summary_of(pack_with(20'000, 300'000)));
  const std::string long_text(kSummary_bytes_max, 'x');
  CHECK_FALSE(summary_of(pack_of({{.kind = Kind::param, .name = "p", .text = long_text}})));
}

TEST_CASE("what is no summary is taken for none") {
  const auto is_one = [](std::string_view text, std::uint64_t rows = 10) {
    return parse_summary(text, rows).has_value();
  };
  CHECK(is_one("", 0));
  CHECK_FALSE(is_one("", 1));
  CHECK(is_one("series:metric:n:2:1:5:1:5:nan:6:-inf:1e300\n"));
  CHECK(is_one("series:metric:n:2::::::::\n"));
  CHECK(is_one("series:unknown:n:2::::::::\n"));
  CHECK(is_one("fact:param:n:5:1::\n"));
  CHECK(is_one("fact:param:n:5:::=%3A\n"));
  for (const char* const text : {"\n",
                                 ":",
                                 "series\n",
                                 "series:metric:n:2::::::::",
                                 "series:metric:n:2:::::::\n",
                                 "series:metric:n:2:::::::::\n",
                                 "series:metric:n:2:1:::::::\n",
                                 "series:metric:n:2::1::::::\n",
                                 "series:metric:n:2:1:5:1:5:1:5:1:\n",
                                 "series:metric:n:2:1:5:1:5:1:5:1:1 \n",
                                 "series:metric:n:0::::::::\n",
                                 "series:metric:n:0:::1:5:1:5:1:1\n",
                                 "series:text:n:1:::1:5:1:5:1:1\n",
                                 "series:later_kind:n:2::::::::\n",
                                 "series:metric:n:-1::::::::\n",
                                 "series:metric:n:11::::::::\n",
                                 "series:metric:n:6::::::::\nseries:metric:m:6::::::::\n",
                                 "series:metric:n:18446744073709551616::::::::\n",
                                 "series:metric:%4:1::::::::\n",
                                 "series:metric:\x80:1::::::::\n",
                                 "series:metric:n:1:9223372036854775808:5::::::\n",
                                 "series:param:n:1::::::::\n",
                                 "fact:metric:n:5:1::\n",
                                 "fact:param:n:5:1:x:\n",
                                 "fact:param:n:::1:\n",
                                 "fact:param:n:5:1::text\n",
                                 "fact:param:n:5:1::=:\n",
                                 "later:x\n",
                                 "fact:param:n:5:1\n",
                                 "series:metric:n:2::::::::\nfact"}) {
    INFO(text);
    CHECK_FALSE(is_one(text));
  }
  CHECK_FALSE(is_one("fact:param:n:5:1::\n", 0));
  std::string long_text;
  const std::string line = "fact:param:n:5:1::\n";
  while (long_text.size() + line.size() <= kSummary_bytes_max) long_text += line;
  CHECK(is_one(long_text, UINT64_MAX));
  CHECK_FALSE(is_one(long_text + line, UINT64_MAX));

  // Every piece of one, and every byte of it another one.
  const std::string whole = sums_of(RandomRecords(5).make(200));
  REQUIRE(is_one(whole, 200));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // Copied to its exact size, so that a sanitizer sees a read behind the end.
    const std::vector<char> piece(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    (void)is_one({piece.data(), piece.size()}, 200);
  }
  std::string text = whole;
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char other : {'\0', '\n', ':', '%', '-', '9', '=', '\xFF'}) {
      text[at] = other;
      if (const auto parsed = parse_summary(text, 200)) {
        std::uint64_t records = 0;
        for (const auto& [key, series] : parsed->series) records += series.records;
        CHECK(records <= 200);
      }
    }
    text[at] = whole[at];
  }
}

TEST_CASE("merging packs gives what their records give in the order of time") {
  const auto seed = GENERATE(range(1u, 9u));
  CAPTURE(seed);
  RandomRecords random(seed);
  auto records = random.make(400);
  std::stable_sort(records.begin(), records.end(),
                   [](const Record& a, const Record& b) { return a.time_ns < b.time_ns; });
  // Dealt out to packs that overlap; records of equal time stay together, as ties are another
  // matter.
  std::vector<std::vector<Record>> packs(4);
  for (const Record& record : records) {
    packs[static_cast<std::size_t>(record.time_ns / 1000) % packs.size()].push_back(record);
  }
  PackSummary all;
  for (const auto& pack : packs) {
    const auto summary = parse_summary(sums_of(pack), pack.size());
    REQUIRE(summary);
    for (const auto& [key, series] : summary->series) all.merge(series);
  }
  for (const auto& [key, series] : all.series) {
    auto sorted = series;
    // Which of two zeros is the lowest depends on the order of the packs.
    if (sorted.numbers && sorted.numbers->min == 0) continue;
    if (sorted.numbers && sorted.numbers->max == 0) continue;
    check_series(sorted, records);
  }
  CHECK(all.series.size() > 20);
}

TEST_CASE("a summary that is there twice is none, and a pack without one is whole") {
  std::string pack = pack_of({{.kind = Kind::metric, .name = "n", .value = 1}});
  REQUIRE(summary_of(pack));
  REQUIRE(test::remove_summary(pack));
  CHECK_FALSE(summary_of(pack));
  const auto empty_pack = [](int summaries) {
    Footer footer{.key_values = encode_info({.run_id = "r", .project = "p", .session = "s"})};
    for (; summaries > 0; --summaries) footer.key_values.push_back({std::string(kSummary_key), ""});
    const Bytes bytes = encode_footer(footer);
    const auto size = static_cast<std::uint32_t>(bytes.size());
    return "PAR1" + std::string(as_text(bytes)) +
           std::string(reinterpret_cast<const char*>(&size), sizeof size) + "PAR1";
  };
  CHECK(summary_of(empty_pack(1)) == "");
  CHECK_FALSE(summary_of(empty_pack(2)));
}
