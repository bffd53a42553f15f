// Metrics reach a pack in two ways: as records, or in runs straight from their segment. Nobody who
// reads the pack may be able to tell which.
#include <functional>
#include <random>

#include "pack/pack.hpp"
#include "segment/segment_merge.hpp"
#include "segment/segment_writer.hpp"
#include "support/catch.hpp"
#include "support/segment_image.hpp"

using runlog::Kind;
using runlog::Record;
using runlog::Result;
using runlog::SegmentInput;
using runlog::SegmentMerge;
using runlog::format::PackReader;
using runlog::format::PackWriter;
using runlog::format::SegmentHeader;
using runlog::format::SegmentWriter;
using runlog::format::Tag;

namespace {

using Bytes = std::vector<std::byte>;
constexpr std::int64_t kTime_ns = 1'700'000'000'000'000'000;

struct Segment {
  explicit Segment(std::int32_t lane, std::size_t size = 256u << 10) : bytes(size) {
    header.session.bytes[3] = 5;
    header.number = static_cast<std::uint32_t>(lane);
    header.lane = lane;
    header.first_seq = 100 * lane;
    header.segment_bytes = static_cast<std::uint32_t>(size);
    writer.begin(bytes, header, kTime_ns);
  }
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  [[nodiscard]] SegmentInput input() const { return {.bytes = bytes, .header = header}; }

  Bytes bytes;
  SegmentHeader header;
  SegmentWriter writer;
};

Bytes pack(const std::function<void(PackWriter&)>& fill) {
  Bytes bytes;
  PackWriter writer([&](std::span<const std::byte> piece) -> Result<void> {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return {};
  });
  fill(writer);
  REQUIRE(writer.finish({.run_id = "r", .project = "p", .session = "s"}));
  return bytes;
}

Bytes pack_records(const std::vector<SegmentInput>& inputs) {
  return pack([&](PackWriter& writer) {
    SegmentMerge merge(inputs);
    while (const Record* const record = merge.next()) REQUIRE(writer.append(*record));
  });
}

// `longest` is set to the metrics of the longest run.
Bytes pack_runs(const std::vector<SegmentInput>& inputs, std::size_t* longest = nullptr) {
  return pack([&](PackWriter& writer) {
    SegmentMerge merge(inputs);
    for (auto run = merge.next_run(); !run.is_end(); run = merge.next_run()) {
      if (run.record != nullptr) {
        REQUIRE(writer.append(*run.record));
      } else {
        REQUIRE(writer.append(run.metrics, run.names, *run.entries));
      }
      if (longest != nullptr) *longest = std::max(*longest, run.metrics.count);
    }
  });
}

}  // namespace

TEST_CASE("runs of any shape pack as their records do") {
  const auto seed = GENERATE(range(1u, 9u));
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t end) { return random() % end; };
  Segment one(1), two(2), three(3);
  std::int64_t time_ns = kTime_ns;
  for (Segment* segment : {&one, &two, &three}) {
    // Numbers mean something else in each segment, and are not without gaps.
    for (std::uint32_t series = 0; series < 40; series += 3) {
      const std::string name = "m" + std::to_string((series * 7 + segment->header.number) % 11);
      REQUIRE(segment->writer.append_series(series, name, time_ns));
    }
  }
  bool has_room = true;
  while (has_room) {
    SegmentWriter& writer = (below(2) == 0 ? one : below(2) == 0 ? two : three).writer;
    const Tag tag = below(3) == 0 ? Tag::metric_int : Tag::metric_real;
    const bool has_step = below(4) != 0;
    for (auto count = below(below(4) == 0 ? 400 : 4); count > 0 && has_room; --count) {
      // The clock of a lane may run backwards for a moment.
      time_ns += static_cast<std::int64_t>(below(3000)) - 300;
      has_room = writer.append_metric(tag, static_cast<std::uint32_t>(below(14) * 3), random(),
                                      has_step, static_cast<std::int64_t>(below(1 << 20)), time_ns);
    }
    if (below(5) == 0) {
      has_room =
          has_room &&
          writer.append_event(
              {.kind = Kind::text, .time_ns = time_ns, .name = "info", .text = "between metrics"});
    }
  }
  std::vector<SegmentInput> inputs = {one.input(), two.input(), three.input()};
  CHECK(pack_runs(inputs) == pack_records(inputs));

  // Damage, which may take declarations, marks and heads with it.
  for (int i = 0; i < 30; ++i) {
    one.bytes[below(one.bytes.size())] ^= std::byte{1};
    two.bytes[below(8192)] ^= std::byte{16};
  }
  CHECK(pack_runs(inputs) == pack_records(inputs));
}

TEST_CASE("a run that is longer than a row group is cut where records are") {
  Segment segment(1, 4u << 20);
  REQUIRE(segment.writer.append_series(0, "loss", kTime_ns));
  // Of names so long that the group's bytes are used up before its rows.
  const std::string long_name(500, 'n');
  REQUIRE(segment.writer.append_series(1, long_name, kTime_ns));
  std::int64_t rows = 0;
  const auto add = [&](std::uint32_t series) {
    ++rows;
    return segment.writer.append_metric(Tag::metric_real, series, 7, true, rows, kTime_ns + rows);
  };
  for (int i = 0; i < 70'000; ++i) REQUIRE(add(0));
  for (int i = 0; i < 40'000; ++i) REQUIRE(add(1));
  std::size_t longest = 0;
  const Bytes packed = pack_runs({segment.input()}, &longest);
  CHECK(longest > 100);
  CHECK(packed == pack_records({segment.input()}));
  const auto reader = PackReader::open(packed);
  REQUIRE(reader);
  std::vector<std::uint64_t> sizes;
  for (const auto& group : reader->row_groups()) sizes.push_back(group.rows);
  REQUIRE(sizes.size() == 4);
  CHECK(sizes[0] == runlog::format::kRow_group_rows_max);
  CHECK(sizes[1] < 25'000);
  CHECK(sizes[0] + sizes[1] + sizes[2] + sizes[3] == 110'000);
}

TEST_CASE("a number that is declared with another name keeps the old one for what came before") {
  Segment segment(1);
  for (const char* const name : {"first", "second", "third"}) {
    REQUIRE(segment.writer.append_series(0, name, kTime_ns));
    for (int i = 0; i < 3; ++i) {
      REQUIRE(segment.writer.append_metric(Tag::metric_real, 0, 7, true, i, kTime_ns + i));
    }
  }
  std::vector<std::string> names;
  for (const auto& record : test::walk(segment.bytes, segment.header).records) {
    names.push_back(record.name);
  }
  const std::vector<std::string> expected = {"first",  "first", "first", "second", "second",
                                             "second", "third", "third", "third"};
  CHECK(names == expected);
  CHECK(pack_runs({segment.input()}) == pack_records({segment.input()}));

  // And where the blocks between make it another batch.
  Segment longer(2);
  for (const char* const name : {"first", "second", "first"}) {
    REQUIRE(longer.writer.append_series(0, name, kTime_ns));
    for (int i = 0; i < 1000; ++i) {
      REQUIRE(longer.writer.append_metric(Tag::metric_real, 0, 7, true, i, kTime_ns + i));
    }
  }
  CHECK(pack_runs({longer.input()}) == pack_records({longer.input()}));
}
