// Segments of one journal, merged by time.
#include "segment/segment_merge.hpp"

#include <algorithm>
#include <cstring>

#include "support/catch.hpp"
#include "support/segment_image.hpp"

using runlog::SegmentInput;
using runlog::SegmentMerge;
using runlog::format::SegmentHeader;
using runlog::format::SegmentWriter;
using runlog::format::Tag;

namespace {

// A segment of metrics "m" whose value is their seq and whose time is given.
struct Segment {
  Segment(std::int32_t lane, std::uint32_t number, std::int64_t first_seq, std::size_t size = 16384)
      : bytes(size) {
    header.session.bytes[0] = 9;
    header.number = number;
    header.lane = lane;
    header.first_seq = first_seq;
    header.created_ns = first_seq;
    header.segment_bytes = static_cast<std::uint32_t>(size);
    writer.begin(bytes, header, first_seq);
    REQUIRE(writer.append_series(0, "m", first_seq));
  }
  void add(std::int64_t time_ns) {
    const auto seq = static_cast<std::uint64_t>(writer.next_seq());
    REQUIRE(writer.append_metric(Tag::metric_int, 0, seq, true, 0, time_ns));
  }
  void add_until(std::int64_t end_seq) {
    while (writer.next_seq() < end_seq) add(writer.next_seq());
  }
  [[nodiscard]] SegmentInput input(std::string path = "a.seg") const {
    return {.bytes = bytes, .header = header, .path = std::move(path)};
  }

  std::vector<std::byte> bytes;
  SegmentHeader header;
  SegmentWriter writer;
};

struct Read {
  std::vector<test::OwnedRecord> records;
  std::vector<runlog::Damage> damage;
  std::vector<SegmentMerge::Count> counts;
  [[nodiscard]] std::uint64_t lost() const {
    std::uint64_t sum = 0;
    for (const auto& one : damage) sum += one.records_lost;
    return sum;
  }
};

Read merge(std::vector<SegmentInput> inputs, runlog::FindName find_name = {}) {
  SegmentMerge merged(std::move(inputs), std::move(find_name));
  Read read;
  runlog::Record record;
  while (const runlog::Record* const head = merged.peek()) {
    const auto peeked = test::own(*head);
    REQUIRE(merged.next(record));
    REQUIRE(test::own(record) == peeked);
    read.records.push_back(peeked);
  }
  REQUIRE_FALSE(merged.next(record));
  read.damage = merged.damage();
  read.counts = merged.counts();
  return read;
}

bool is_seq_the_value(const Read& read) {
  return std::all_of(read.records.begin(), read.records.end(),
                     [](const auto& record) { return record.int_value == record.seq; });
}

}  // namespace

TEST_CASE(
    "records of one time come in the order of lane and number, whatever order they are given in") {
  Segment one(1, 0, 0);
  Segment two(2, 1, 0);
  Segment three(3, 2, 0);
  for (int i = 0; i < 3; ++i) {
    for (Segment* const segment : {&three, &one, &two}) segment->add(100);
  }
  std::vector<Segment*> order = {&one, &two, &three};
  do {
    std::vector<SegmentInput> inputs;
    for (const Segment* const segment : order) inputs.push_back(segment->input());
    std::vector<std::int32_t> lanes;
    for (const auto& record : merge(std::move(inputs)).records) lanes.push_back(record.lane);
    CHECK(lanes == std::vector<std::int32_t>{1, 1, 1, 2, 2, 2, 3, 3, 3});
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("no segments are no records") {
  CHECK(merge({}).records.empty());
}

TEST_CASE("lanes are merged by time, and within a lane the order of appending stands") {
  Segment one(1, 0, 0);
  Segment two(2, 1, 0);
  for (const std::int64_t time : {10, 30, 20, 50}) one.add(time);  // the clock went back once
  for (const std::int64_t time : {15, 25, 60}) two.add(time);
  const auto read = merge({two.input(), one.input()});
  std::vector<std::pair<std::int32_t, std::int64_t>> order;
  for (const auto& record : read.records) order.emplace_back(record.lane, record.time_ns);
  CHECK(order == std::vector<std::pair<std::int32_t, std::int64_t>>{
                     {1, 10}, {2, 15}, {2, 25}, {1, 30}, {1, 20}, {1, 50}, {2, 60}});
  CHECK(read.damage.empty());
}

TEST_CASE("the segments of a lane follow each other by first seq, whatever their numbers") {
  Segment first(1, 9, 0);
  Segment second(1, 2, 100);
  Segment third(1, 5, 200);
  first.add_until(100);
  first.writer.seal();
  second.add_until(200);
  second.writer.seal();
  third.add_until(250);
  const auto read = merge({third.input(), first.input(), second.input()});
  REQUIRE(read.records.size() == 250);
  CHECK(is_seq_the_value(read));
  CHECK(read.damage.empty());
  CHECK(read.counts[1].first_seq == 0);
  CHECK(read.counts[1].end_seq == 100);
  CHECK(read.counts[0].end_seq == 250);
}

TEST_CASE("an empty segment beside its successor of the same first seq takes nothing from it") {
  Segment empty(1, 9, 100);
  Segment full(1, 2, 100);
  full.header.created_ns = empty.header.created_ns + 5;
  full.add_until(150);
  const auto read = merge({full.input(), empty.input()});
  CHECK(read.records.size() == 50);
  CHECK(read.damage.empty());
}

TEST_CASE("where the next segment begins tells what a torn, unsealed one has lost") {
  Segment first(1, 1, 0);
  Segment second(1, 2, 300);
  first.add_until(300);
  second.add_until(310);
  second.writer.seal();
  std::memset(first.bytes.data() + 4096, 0, first.bytes.size() - 4096);  // and no seal
  const auto read = merge({first.input("first"), second.input("second")});
  CHECK(is_seq_the_value(read));
  CHECK(read.records.size() + read.lost() == 310);
  REQUIRE(read.damage.size() == 1);
  CHECK(read.damage[0].path == "first");
  CHECK(read.damage[0].exact);
  CHECK(read.counts[0].records_lost == read.lost());
  CHECK(read.counts[0].end_seq == 300);
  CHECK(read.counts[1].damage_stretches == 0);
}

TEST_CASE("a first page lost behind a sealed segment is counted exactly") {
  Segment first(1, 1, 0);
  Segment second(1, 2, 100);
  first.add_until(100);
  first.writer.seal();
  second.add_until(500);
  second.writer.seal();
  std::memset(second.bytes.data(), 0, 4096);
  auto input = second.input("second");
  const auto rebuilt =
      runlog::format::rebuild_header(second.bytes, second.header.session, second.header.number);
  REQUIRE(rebuilt);
  REQUIRE(rebuilt->first_seq > 100);
  input.header = *rebuilt;
  const auto read = merge({first.input("first"), input});
  CHECK(is_seq_the_value(read));
  CHECK(read.lost() == static_cast<std::uint64_t>(rebuilt->first_seq - 100));
  CHECK(read.records.size() + read.lost() == 500);
  CHECK(read.counts[1].first_seq == 100);
  REQUIRE_FALSE(read.damage.empty());
  CHECK(read.damage[0].path == "second");
}

TEST_CASE("a segment that is elsewhere, in a pack or not given, is not called lost") {
  Segment first(1, 1, 0);
  Segment third(1, 3, 200);
  first.add_until(100);
  first.writer.seal();
  third.add_until(250);
  const auto read = merge({first.input(), third.input()});
  CHECK(read.records.size() == 150);
  CHECK(read.damage.empty());
}

TEST_CASE("names that damage took are found in other segments of the journal") {
  Segment first(1, 1, 0);
  Segment second(2, 2, 0);
  first.add_until(10);
  second.add_until(10);
  first.bytes[128 + 40 + 9] ^= std::byte{1};  // its declaration
  const std::vector<SegmentInput> inputs = {first.input("first"), second.input()};
  const auto read = merge(inputs, runlog::names_in(inputs));
  REQUIRE(read.records.size() == 20);
  CHECK(std::all_of(read.records.begin(), read.records.end(),
                    [](const auto& record) { return record.name == "m"; }));
  CHECK(read.lost() == 0);
  const auto alone = merge({first.input()}, runlog::names_in({first.input()}));
  CHECK(alone.records.size() == 10);
  CHECK(alone.records[0].name == "series-0?");
}

TEST_CASE("a live copy older than the lane's next segment ends the lane there, without damage") {
  // The copy of the first segment was made before the writer's last records in it; the copy of the
  // second one after them. A follower that got the second's records would never ask for the others.
  Segment first(1, 1, 0);
  first.add_until(50);
  auto copy = first;
  first.add_until(100);
  first.writer.seal();
  Segment second(1, 2, 100);
  second.add_until(120);
  Segment other(2, 3, 0);
  other.add_until(7);
  auto stale = copy.input();
  auto newer = second.input();
  auto beside = other.input();
  stale.settled_end = newer.settled_end = beside.settled_end = 0;
  const auto read = merge({stale, newer, beside});
  CHECK(read.records.size() == 57);
  CHECK(is_seq_the_value(read));
  CHECK(read.damage.empty());
  // Once the copy has the end, the lane goes on.
  auto whole = first.input();
  whole.settled_end = 0;
  CHECK(merge({whole, newer, beside}).records.size() == 127);
}

TEST_CASE("random damage in random segments: records and losses add up to what was written") {
  std::mt19937_64 random(99);
  for (int round = 0; round < 60; ++round) {
    INFO("seed 99, round " << round);
    std::vector<std::unique_ptr<Segment>> segments;
    std::int64_t next_seq = 0;
    for (std::uint32_t number = 0; number < 4; ++number) {
      segments.push_back(std::make_unique<Segment>(1, number, next_seq));
      next_seq += 100 + static_cast<std::int64_t>(random() % 500);
      segments.back()->add_until(next_seq);
      segments.back()->writer.seal();
    }
    for (std::uint64_t i = 0; i < 1 + random() % 4; ++i) {
      auto& bytes = segments[random() % 3]->bytes;  // the last one's end is nobody's to tell
      if (random() % 2 == 0) {
        bytes[128 + random() % (bytes.size() - 128)] ^= std::byte{4};
      } else {
        std::memset(bytes.data() + 4096 + 512 * (random() % 24), 0, 512);
      }
    }
    std::vector<SegmentInput> inputs;
    for (const auto& segment : segments) inputs.push_back(segment->input());
    const auto read = merge(inputs, runlog::names_in(inputs));
    REQUIRE(read.records.size() + read.lost() == static_cast<std::size_t>(next_seq));
    std::int64_t last_value = -1;
    for (const auto& record : read.records) {
      REQUIRE(*record.int_value > last_value);
      last_value = *record.int_value;
    }
  }
}
