// Writer: what is compared. Each peer is one .cpp with a small class that knows how to log one
// metric and one text; WriterOf puts the loops around it, so that no virtual call is in what is
// timed. Every measurement runs in a process of its own (see measure.cpp).
#pragma once

#include <x86intrin.h>

#include <atomic>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// The record everybody logs: this name, an int64 step, a double, a time stamp.
inline constexpr std::string_view kSeries = "train/loss";
/// The other one: a text of 64 bytes and two arguments.
inline constexpr const char* kText =
    "checkpoint of the model was written, validation goes on as usual";
inline constexpr int kBurst_calls = 64;
inline constexpr int kRow_metrics = 8;

enum class Shape : std::uint8_t { metric, text };

class Writer {
 public:
  virtual ~Writer() = default;
  /// Opens below `directory`, which exists and is empty. Throws std::runtime_error.
  virtual void open(const std::filesystem::path& directory) = 0;
  /// Everything is delivered as far as this writer delivers.
  virtual void close() = 0;

  /// `count` calls back to back; a multiple of kRow_metrics.
  virtual void burst(Shape shape, std::int64_t step, std::int64_t count) = 0;
  /// Single calls, each after a pause of `pauses[i]` ticks; its own ticks go to `taken[i]`.
  virtual void singles(Shape shape, std::span<const std::uint32_t> pauses,
                       std::span<std::uint32_t> taken) = 0;
  /// For ever, until the process is killed: `returned` counts the calls that returned; at least
  /// `ticks_per_call` go by from call to call.
  virtual void until_killed(std::atomic<std::uint64_t>& returned, std::uint64_t ticks_per_call) = 0;
};

/// One kind of writer, as the driver sees it.
struct Peer {
  std::string name;
  /// Its class, for the table: what a SIGKILL may take.
  std::string promise;
  std::unique_ptr<Writer> (*make)() = nullptr;
  /// Records found below `directory` when the process is gone; -1: it cannot be said.
  std::int64_t (*count)(const std::filesystem::path& directory) = nullptr;
  /// A daemon that must run beside it, in the driver's process; both may be null.
  void (*before)(const std::filesystem::path& directory) = nullptr;
  void (*after)() = nullptr;
  /// Bytes below `directory` that are the log: everything unless it knows better.
  std::int64_t (*log_bytes)(const std::filesystem::path& directory) = nullptr;
  /// Bytes that went to the store, where there is one.
  std::int64_t (*shipped_bytes)(const std::filesystem::path& directory) = nullptr;
  bool has_text = true;
  bool is_row = false;  // one call of its log() is a row of kRow_metrics metrics
  /// So slow that the tight loop gets a tenth or a hundredth of the records.
  int tight_divisor = 1;
};

/// All that this build has, floor and runlog first.
std::vector<Peer> all_peers();

/// A value per step, in [0, 1), with a full mantissa; cheap to make. Its low bits have a pattern
/// that compression finds: what a shipped record takes is for `goals` to tell.
inline double value_of(std::int64_t step) noexcept {
  const std::uint64_t mixed = static_cast<std::uint64_t>(step) * 0x9E3779B97F4A7C15u;
  return std::bit_cast<double>((mixed >> 12) | 0x3FF0000000000000u) - 1.0;
}

/// `Log` has: void open(path), void close(), void metric(int64 step, double value) and
/// void text(int64 step, double value). Each is called from any thread.
template <typename Log>
class WriterOf : public Writer {
 public:
  void open(const std::filesystem::path& directory) override { log_.open(directory); }
  void close() override { log_.close(); }

  void burst(Shape shape, std::int64_t step, std::int64_t count) override {
    if (shape == Shape::metric) {
      if constexpr (requires { log_.row(step); }) {
        for (std::int64_t i = 0; i < count; i += kRow_metrics) log_.row(step + i);
      } else {
        for (std::int64_t i = 0; i < count; ++i) log_.metric(step + i, value_of(step + i));
      }
    } else {
      for (std::int64_t i = 0; i < count; ++i) log_.text(step + i, value_of(step + i));
    }
  }

  void singles(Shape shape, std::span<const std::uint32_t> pauses,
               std::span<std::uint32_t> taken) override {
    std::uint64_t now = __rdtsc();
    for (std::size_t i = 0; i < pauses.size(); ++i) {
      const std::uint64_t begin_at = now + pauses[i];
      while (__rdtsc() < begin_at) {
      }
      const auto step = static_cast<std::int64_t>(i);
      _mm_lfence();
      const std::uint64_t begin = __rdtsc();
      if (shape == Shape::metric) {
        one(step);
      } else {
        log_.text(step, value_of(step));
      }
      now = __rdtsc();
      taken[i] = static_cast<std::uint32_t>(now - begin);
    }
  }

  void until_killed(std::atomic<std::uint64_t>& returned, std::uint64_t ticks_per_call) override {
    std::uint64_t next = __rdtsc();
    for (std::int64_t step = 0;; ++step) {
      while (__rdtsc() < next) {
      }
      next += ticks_per_call;
      one(step);
      const auto calls = static_cast<std::uint64_t>(step) + 1;
      if constexpr (requires { log_.row(step); }) {
        returned.store(calls * kRow_metrics, std::memory_order_release);
      } else {
        returned.store(calls, std::memory_order_release);
      }
    }
  }

 private:
  void one(std::int64_t step) {
    if constexpr (requires { log_.row(step); }) {
      log_.row(step);
    } else {
      log_.metric(step, value_of(step));
    }
  }

  Log log_;
};

template <typename Log>
std::unique_ptr<Writer> make_writer() {
  return std::make_unique<WriterOf<Log>>();
}

/// Lines in all files below `directory`: how peers that write text are counted.
std::int64_t count_lines(const std::filesystem::path& directory);
/// Allocated bytes of all files below `directory` (du), or their lengths where that is less.
std::int64_t bytes_below(const std::filesystem::path& directory);

// One registration per .cpp; those whose package is missing are not built.
void add_floor(std::vector<Peer>& peers);
void add_runlog(std::vector<Peer>& peers);
void add_plain_files(std::vector<Peer>& peers);
#ifdef BENCH_HAS_SPDLOG
void add_spdlog(std::vector<Peer>& peers);
#endif
#ifdef BENCH_HAS_GLOG
void add_glog(std::vector<Peer>& peers);
#endif
#ifdef BENCH_HAS_BOOST_LOG
void add_boost_log(std::vector<Peer>& peers);
#endif
#ifdef BENCH_HAS_LTTNG
void add_lttng(std::vector<Peer>& peers);
#endif
#ifdef BENCH_HAS_LEVELDB
void add_leveldb(std::vector<Peer>& peers);
#endif
#ifdef BENCH_HAS_ROCKSDB
void add_rocksdb(std::vector<Peer>& peers);
#endif
#ifdef BENCH_HAS_SQLITE
void add_sqlite(std::vector<Peer>& peers);
#endif

}  // namespace bench
