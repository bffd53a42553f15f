// The parts, with Google Benchmark: checksum, append, segment walk, merge, pack. `compare` measures
// the whole; this tells where a change of it comes from.
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "base/crc32.hpp"
#include "base/crc32c.hpp"
#include "pack/pack.hpp"
#include "platform/clock.hpp"
#include "segment/segment_merge.hpp"
#include "segment/segment_walker.hpp"
#include "segment/segment_writer.hpp"

namespace {

using namespace runlog;

constexpr std::uint32_t kSegment_bytes = 4u << 20;
constexpr int kSeries = 8;
constexpr std::int64_t kTime_ns = 1'790'000'000'000'000'000;

// In [0, 1), with all bits as good as random (splitmix64): the measured part of a metric is noise.
double value_of(std::int64_t step) {
  std::uint64_t mixed = static_cast<std::uint64_t>(step) * 0x9E3779B97F4A7C15u;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  mixed ^= mixed >> 31;
  return std::bit_cast<double>((mixed >> 12) | 0x3FF0000000000000u) - 1.0;
}

// A segment full of metrics, as a training loop writes it: rows of eight series.
struct FullSegment {
  explicit FullSegment(std::uint32_t number = 0, bool is_float32 = false)
      : bytes(kSegment_bytes), header{.number = number, .segment_bytes = kSegment_bytes} {
    header.first_seq = std::int64_t{number} * 1'000'000;
    format::SegmentWriter writer;
    writer.begin(bytes, header, kTime_ns);
    format::Declarations declarations;
    // An hour for each segment, and a lane's segments follow each other.
    std::int64_t time_ns = kTime_ns + number * std::int64_t{3'600'000'000'000};
    for (std::int64_t step = 0;; ++step, time_ns += 44'000) {
      if (writer.stretch_is_over()) {
        writer.begin_stretch();
        declarations.begin_stretch();
      }
      for (std::uint32_t series = 0; series < kSeries; ++series) {
        if (declarations.is_declared(series)) continue;
        writer.append_series(series, "train/metric-" + std::to_string(series), time_ns);
        declarations.set_declared(series);
      }
      for (std::uint32_t series = 0; series < kSeries; ++series) {
        double value = value_of(step * kSeries + series);
        if (is_float32) value = static_cast<float>(value);
        if (!writer.append_metric(format::Tag::metric_real, series,
                                  std::bit_cast<std::uint64_t>(value), true, step, time_ns)) {
          writer.seal();
          records = writer.next_seq() - header.first_seq;
          return;
        }
      }
    }
  }
  std::vector<std::byte> bytes;
  format::SegmentHeader header;
  std::int64_t records = 0;
};

void crc32c_3_words(benchmark::State& state) {
  std::uint64_t word = 1;
  for (auto _ : state) benchmark::DoNotOptimize(word = crc32c_words3(1, word, 2, 3));
}
BENCHMARK(crc32c_3_words);

void crc32c_4_kib(benchmark::State& state) {
  const std::vector<std::byte> bytes(4096, std::byte{7});
  for (auto _ : state) benchmark::DoNotOptimize(crc32c(bytes));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * 4096);
}
BENCHMARK(crc32c_4_kib);

void crc32_of_a_page(benchmark::State& state) {
  const std::vector<std::byte> bytes(65536, std::byte{7});
  for (auto _ : state) benchmark::DoNotOptimize(crc32(bytes));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * 65536);
}
BENCHMARK(crc32_of_a_page);

void clock_now(benchmark::State& state) {
  const Clock clock;
  for (auto _ : state) benchmark::DoNotOptimize(clock.now_ns());
}
BENCHMARK(clock_now);

// Metrics into memory that the caches know: what the CPU has to do, without pages.
void append(benchmark::State& state) {
  std::vector<std::byte> memory(64u << 10);
  const format::SegmentHeader header{.segment_bytes = 64u << 10};
  format::SegmentWriter writer;
  writer.begin(memory, header, kTime_ns);
  std::int64_t step = 0;
  for (auto _ : state) {
    ++step;
    if (!writer.append_metric(format::Tag::metric_real, 1, 7, true, step, kTime_ns + step)) {
      writer.begin(memory, header, kTime_ns);
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(append);

// As packing and recovery read: checked, and left where it is.
void verify_segment(benchmark::State& state) {
  const FullSegment segment;
  format::SegmentBatch batch;
  for (auto _ : state) {
    format::SegmentWalker walker(segment.bytes, segment.header, {});
    while (walker.next(batch)) benchmark::DoNotOptimize(batch.records);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * kSegment_bytes);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * segment.records);
}
BENCHMARK(verify_segment);

// As readers read: with a Record made of each.
void walk_segment(benchmark::State& state) {
  const FullSegment segment;
  std::vector<Record> batch;
  for (auto _ : state) {
    format::SegmentWalker walker(segment.bytes, segment.header, {});
    while (walker.next(batch)) benchmark::DoNotOptimize(batch.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * kSegment_bytes);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * segment.records);
}
BENCHMARK(walk_segment);

std::vector<SegmentInput> inputs_of(const std::vector<FullSegment>& segments) {
  std::vector<SegmentInput> inputs;
  for (const FullSegment& segment : segments) {
    inputs.push_back({.bytes = segment.bytes, .header = segment.header});
  }
  return inputs;
}

void merge_lanes(benchmark::State& state) {
  std::vector<FullSegment> segments;
  for (std::int64_t lane = 0; lane < state.range(0); ++lane) {
    segments.emplace_back(static_cast<std::uint32_t>(lane));
    segments.back().header.lane = static_cast<std::int32_t>(lane);
  }
  std::int64_t records = 0;
  for (auto _ : state) {
    SegmentMerge merge(inputs_of(segments));
    for (Record record; merge.next(record); ++records) benchmark::DoNotOptimize(record);
  }
  state.SetItemsProcessed(records);
}
BENCHMARK(merge_lanes)->Arg(1)->Arg(4);

// The bytes are those of the segments, so that the rate is that of recovery.
void pack(benchmark::State& state) {
  std::vector<FullSegment> segments;
  for (std::uint32_t i = 0; i < 4; ++i) segments.emplace_back(i, state.range(0) == 32);
  std::int64_t records = 0;
  std::uint64_t packed_bytes = 0;
  for (auto _ : state) {
    format::PackWriter writer([&](std::span<const std::byte> bytes) -> Result<void> {
      packed_bytes += bytes.size();
      return {};
    });
    SegmentMerge merge(inputs_of(segments));
    for (auto run = merge.next_run(); !run.is_end(); run = merge.next_run()) {
      (void)writer.append(run.metrics, run.names, *run.entries);
      records += static_cast<std::int64_t>(run.metrics.count);
    }
    (void)writer.finish({});
  }
  state.SetItemsProcessed(records);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * kSegment_bytes * 4);
  state.counters["bytes_per_record"] =
      static_cast<double>(packed_bytes) / static_cast<double>(records);
}
BENCHMARK(pack)->Arg(64)->Arg(32)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
