// The work that tests/bench/instructions.sh counts under callgrind: `instructions <part> <n>` does
// a part n times. The script counts two values of n and takes the difference, so that what
// surrounds the part does not matter. No clock and no thread: the counts must be the same each
// time.
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "journal/lane.hpp"
#include "pack/pack.hpp"
#include "segment/segment_merge.hpp"
#include "segment/segment_walker.hpp"
#include "segment/segment_writer.hpp"

namespace {

using namespace runlog;

constexpr std::uint32_t kSegment_bytes = 1u << 20;
constexpr std::int64_t kTime_ns = 1'790'000'000'000'000'000;
constexpr std::uint32_t kSeries = 8;

std::uint64_t bits_of(std::int64_t step) {
  const std::uint64_t mixed = static_cast<std::uint64_t>(step) * 0x9E3779B97F4A7C15u;
  return std::bit_cast<std::uint64_t>(std::bit_cast<double>((mixed >> 12) | 0x3FF0000000000000u) -
                                      1.0);
}

// Fills `memory` from the start; returns how many records fitted.
std::int64_t fill(std::vector<std::byte>& memory, std::int64_t records_max) {
  std::fill(memory.begin(), memory.end(), std::byte{});
  const format::SegmentHeader header{.segment_bytes = kSegment_bytes};
  format::SegmentWriter writer;
  writer.begin(memory, header, kTime_ns);
  for (std::uint32_t i = 0; i < kSeries; ++i) {
    writer.append_series(i, "train/metric-" + std::to_string(i), kTime_ns);
  }
  std::int64_t done = 0;
  for (; done < records_max; ++done) {
    const auto series = static_cast<std::uint32_t>(done) % kSeries;
    if (!writer.append_metric(format::Tag::metric_real, series, bits_of(done), true, done / 8,
                              kTime_ns + done * 5000)) {
      break;
    }
  }
  return done;
}

// A lane over a pool in a temporary directory: the way of a metric behind Metric::log.
int append(std::int64_t records) {
  const char* const scratch = std::getenv("TMPDIR");
  const std::filesystem::path path =
      std::filesystem::path(scratch != nullptr ? scratch : "/tmp") / "runlog-instructions";
  std::filesystem::remove_all(path);
  const JournalDir directory(path);
  if (!directory.create()) return 1;
  SeriesTable series;
  (void)series.find_or_add("train/loss");
  SegmentPool pool(directory, {.segment_bytes = kSegment_bytes, .guard_sigbus = false});
  ShownTally tally;
  LaneShared shared{.pool = pool, .series = series, .tally = tally, .asymmetric_gate = true};
  {
    Lane lane(1, shared);
    for (std::int64_t i = 0; i < records; ++i) {
      const Scalar scalar{bits_of(i), 0, format::Tag::metric_real};
      const std::int64_t time_ns = kTime_ns + i * 5000;
      if (!lane.append_fast(scalar, true, i, time_ns) &&
          !lane.append_in_block_order(scalar, true, i, time_ns)) {
        lane.append_any({&scalar, 1}, true, i, time_ns);
      }
    }
    if (lane.drops().total() != 0) return 1;
  }
  for (OpenSegment* one = shared.opened.load(); one != nullptr;) {
    OpenSegment* const next = one->next_opened;
    one->release();
    one = next;
  }
  std::filesystem::remove_all(path);
  return 0;
}

int verify(std::int64_t records) {
  std::vector<std::byte> memory(kSegment_bytes);
  const std::int64_t held = fill(memory, records);
  format::SegmentWalker walker(memory, {.segment_bytes = kSegment_bytes}, {});
  format::SegmentBatch batch;
  std::int64_t found = 0;
  while (walker.next(batch)) found += static_cast<std::int64_t>(batch.records);
  return found == held ? 0 : 1;
}

int walk(std::int64_t records) {
  std::vector<std::byte> memory(kSegment_bytes);
  const std::int64_t held = fill(memory, records);
  format::SegmentWalker walker(memory, {.segment_bytes = kSegment_bytes}, {});
  std::vector<Record> batch;
  std::int64_t found = 0;
  while (walker.next(batch)) found += static_cast<std::int64_t>(batch.size());
  return found == held ? 0 : 1;
}

int pack(std::int64_t records) {
  std::vector<std::byte> memory(kSegment_bytes);
  const std::int64_t held = fill(memory, records);
  SegmentMerge merge({SegmentInput{.bytes = memory, .header = {.segment_bytes = kSegment_bytes}}});
  format::PackWriter writer([](std::span<const std::byte>) -> Result<void> { return {}; });
  for (auto run = merge.next_run(); !run.is_end(); run = merge.next_run()) {
    if (!writer.append(run.metrics, run.names, *run.entries)) return 1;
  }
  if (!writer.finish({})) return 1;
  return writer.rows() == static_cast<std::uint64_t>(held) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: instructions fill|append|verify|walk|pack <records>\n", stderr);
    return 2;
  }
  const std::string part = argv[1];
  const std::int64_t records = std::atoll(argv[2]);
  if (part == "append") return append(records);
  if (part == "verify") return verify(records);
  if (part == "walk") return walk(records);
  if (part == "pack") return pack(records);
  if (part == "fill") {
    std::vector<std::byte> memory(kSegment_bytes);
    return fill(memory, records) > 0 ? 0 : 1;
  }
  return 2;
}
