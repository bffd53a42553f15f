#include "pack/lost_gap.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace runlog::format {
namespace {

// By lane, the numbers of records: [first, second), as they come.
using Ranges = std::map<std::int32_t, std::vector<std::pair<std::int64_t, std::int64_t>>>;

void add(Ranges& ranges, const Record& record) {
  auto& of_lane = ranges[record.lane];
  if (!of_lane.empty() && of_lane.back().second == record.seq) {
    ++of_lane.back().second;
  } else {
    of_lane.emplace_back(record.seq, record.seq + 1);
  }
}

// The first number of this segment that no row has; its end where all have come.
std::int64_t first_missing(const PackSegment& segment, Ranges& ranges) {
  auto& of_lane = ranges[segment.lane];
  std::sort(of_lane.begin(), of_lane.end());
  std::int64_t next = segment.first_seq;
  for (const auto& [begin, end] : of_lane) {
    if (begin <= next) next = std::max(next, end);
  }
  return std::min(next, segment.first_seq + segment.records);
}

}  // namespace

std::optional<Record> find_lost_gap(PackReader& reader) {
  Ranges ranges;
  std::uint64_t told = 0;
  std::optional<std::int64_t> lost_at_ns;
  for (std::size_t i = 0; i < reader.row_groups().size(); ++i) {
    const auto read = reader.read(i, [&](const Record& record) {
      add(ranges, record);
      if (record.kind != Kind::gap || record.int_value.value_or(0) <= 0) return;
      told += static_cast<std::uint64_t>(*record.int_value);
    });
    if (!read && !lost_at_ns) lost_at_ns = reader.row_groups()[i].time_min_ns;
  }
  const PackInfo& info = reader.info();
  if (!lost_at_ns || info.records_dropped <= told) return {};
  for (const PackSegment& segment : info.segments) {
    const std::int64_t seq = first_missing(segment, ranges);
    if (seq == segment.first_seq + segment.records) continue;
    return Record{.seq = seq,
                  .lane = segment.lane,
                  .time_ns = *lost_at_ns,
                  .kind = Kind::gap,
                  .name = "dropped",
                  .int_value = static_cast<std::int64_t>(info.records_dropped - told),
                  .text = "the records that told why are damaged; their sum is known"};
  }
  return {};
}

}  // namespace runlog::format
