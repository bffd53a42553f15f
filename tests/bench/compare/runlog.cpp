// runlog, through its public headers, with default options except root, store and disk budget:
// through a handle, by name, a row of eight, and through a handle of the C interface.
#include "runlog/runlog.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>

#include "bench/compare/writer.hpp"
#include "runlog/reader.hpp"
#include "runlog/run.hpp"

namespace bench {
namespace {

struct Base {
  runlog::Run run;

  void open(const std::filesystem::path& directory) {
    runlog::Options options;
    options.root = directory / "journal";
    options.run_id = "bench";
    options.store = (directory / "store").native();
    options.disk_budget = std::uint64_t{8} << 30;
    options.finish_deadline = std::chrono::minutes(5);
    if (const char* const interval = std::getenv("BENCH_SYNC_INTERVAL_MS")) {
      options.sync_interval = std::chrono::milliseconds(std::atoi(interval));
    }
    auto started = runlog::start_logging(std::move(options));
    if (!started) throw std::runtime_error(started.error().message);
    run = std::move(*started);
  }
  void close() {
    run.complete();
    if (const auto stats = run.stats(); stats.dropped != 0 || std::getenv("BENCH_STATS")) {
      std::fprintf(stderr, "runlog: records %lu dropped %lu late %lu packs %lu sealed %lu\n",
                   stats.records, stats.dropped, stats.segments_late, stats.packs_made,
                   stats.segments_sealed);
    }
  }
  void text(std::int64_t step, double value) {
    std::array<char, 160> message;
    const int bytes = std::snprintf(message.data(), message.size(), "%s %ld %g", kText,
                                    static_cast<long>(step), value);
    run.text(runlog::Level::info, {message.data(), static_cast<std::size_t>(bytes)});
  }
};

struct Handle : Base {
  runlog::Metric loss;
  void open(const std::filesystem::path& directory) {
    Base::open(directory);
    loss = run.metric(kSeries);
  }
  void metric(std::int64_t step, double value) { loss.log(value, step); }
};

// What the C interface adds to Handle: its run is the process's one.
struct HandleInC : Base {
  runlog_metric* loss = nullptr;
  void open(const std::filesystem::path& directory) {
    Base::open(directory);
    runlog_run* const current = runlog_run_current();
    loss = runlog_metric_create(current, kSeries.data(), kSeries.size());
    runlog_run_release(current);
  }
  void close() {
    runlog_metric_release(loss);
    Base::close();
  }
  void metric(std::int64_t step, double value) {
    runlog_metric_log_step(loss, runlog_real(value), step);
  }
};

struct ByName : Base {
  void metric(std::int64_t step, double value) { run.log(kSeries, value, step); }
};

struct Row : Base {
  void metric(std::int64_t, double) {}
  void row(std::int64_t step) {
    run.log(step, {{"train/loss", value_of(step)},
                   {"train/accuracy", value_of(step + 1)},
                   {"train/lr", value_of(step + 2)},
                   {"train/grad_norm", value_of(step + 3)},
                   {"train/tokens", value_of(step + 4)},
                   {"time/forward", value_of(step + 5)},
                   {"time/backward", value_of(step + 6)},
                   {"time/data", value_of(step + 7)}});
  }
};

struct StepScope : Base {
  std::array<runlog::Metric, kRow_metrics> metrics;
  void open(const std::filesystem::path& directory) {
    Base::open(directory);
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      metrics[i] = run.metric("train/metric-" + std::to_string(i));
    }
  }
  void metric(std::int64_t, double) {}
  void row(std::int64_t step) {
    auto now = run.step(step);
    for (std::int64_t i = 0; i < kRow_metrics; ++i) {
      now.log(metrics[static_cast<std::size_t>(i)], value_of(step + i));
    }
  }
};

std::int64_t count_runlog(const std::filesystem::path& directory) {
  auto reader = runlog::Reader::open(directory / "journal");
  if (!reader) return -1;
  std::int64_t records = 0;
  for (runlog::Reader::Entry entry; reader->next(entry);) {
    if (entry.record.kind == runlog::Kind::metric) ++records;
  }
  return records;
}

std::int64_t shipped_runlog(const std::filesystem::path& directory) {
  return bytes_below(directory / "store");
}

std::int64_t journal_runlog(const std::filesystem::path& directory) {
  return bytes_below(directory / "journal");
}

}  // namespace

void add_runlog(std::vector<Peer>& peers) {
  const auto add = [&](const char* name, std::unique_ptr<Writer> (*make)(), bool has_text,
                       bool is_row) {
    peers.push_back({.name = name,
                     .promise = "nothing",
                     .make = make,
                     .count = count_runlog,
                     .log_bytes = journal_runlog,
                     .shipped_bytes = shipped_runlog,
                     .has_text = has_text,
                     .is_row = is_row});
  };
  add("runlog", make_writer<Handle>, true, false);
  add("runlog-c", make_writer<HandleInC>, false, false);
  add("runlog-name", make_writer<ByName>, false, false);
  add("runlog-row", make_writer<Row>, false, true);
  add("runlog-step", make_writer<StepScope>, false, true);
}

}  // namespace bench
