// What compare does not measure: the cost of beginning and ending a run, memory, many threads,
// sustained writing, shipped sizes, recovery, listing. One line per goal, or JSON with --json.
// usage: goals [--json] [--dir path] [--only name] [--scale x]
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/page_cache.hpp"
#include "keep/packer.hpp"
#include "platform/mapped_file.hpp"
#include "runlog/reader.hpp"
#include "runlog/recover.hpp"
#include "runlog/run.hpp"
#include "segment/segment_merge.hpp"
#include "segment/segment_walker.hpp"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using SteadyClock = std::chrono::steady_clock;

fs::path scratch = "goals.tmp";
double scale = 1;

double ms_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count();
}

double cpu_ms(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// In [0, 1), all 52 bits as good as random (splitmix64): what compression cannot take.
double value_of(std::int64_t step) {
  std::uint64_t mixed = static_cast<std::uint64_t>(step) * 0x9E3779B97F4A7C15u;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  mixed ^= mixed >> 31;
  return std::bit_cast<double>((mixed >> 12) | 0x3FF0000000000000u) - 1.0;
}

runlog::Run start(const std::string& id, bool with_store = true) {
  runlog::Options options;
  options.root = scratch / "journal";
  options.run_id = id;
  if (with_store) options.store = (scratch / "store").native();
  options.disk_budget = std::uint64_t{8} << 30;
  options.finish_deadline = std::chrono::minutes(5);
  auto run = runlog::start_logging(std::move(options));
  if (!run) {
    std::fprintf(stderr, "goals: %s\n", run.error().message.c_str());
    std::exit(1);
  }
  return std::move(*run);
}

std::int64_t allocated_bytes(const fs::path& directory) {
  std::int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += static_cast<std::int64_t>(entry.file_size());
  }
  return bytes;
}

// Resident memory that is not a map of a journal's file, in KiB.
long resident_beyond_maps_kib() {
  std::ifstream in("/proc/self/smaps");
  long total = 0;
  bool is_segment = false;
  for (std::string line; std::getline(in, line);) {
    if (line.find('-') < 17 && line.find(' ') > 8 && line.find("kB") == std::string::npos) {
      is_segment = line.find(".seg") != std::string::npos;
    } else if (line.starts_with("Rss:") && !is_segment) {
      total += std::atol(line.c_str() + 4);
    }
  }
  return total;
}

// In a process of its own, so that one measurement does not see another's memory.
json in_child(const std::function<json()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) return {};
  const pid_t pid = ::fork();
  if (pid == 0) {
    const std::string text = work().dump();
    (void)!::write(ends[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  ::waitpid(pid, nullptr, 0);
  return json::parse(text, nullptr, false);
}

json start_and_complete() {
  std::vector<double> starts, ends, ends_local;
  for (int i = 0; i < 15; ++i) {
    auto begin = SteadyClock::now();
    auto run = start("start-" + std::to_string(i));
    starts.push_back(ms_since(begin));
    run.log("loss", 1.0, 1);
    (void)run.wait_until(runlog::Shipped, std::chrono::seconds(30));
    begin = SteadyClock::now();
    run.complete();
    ends.push_back(ms_since(begin));
    auto local = start("local-" + std::to_string(i), false);
    local.log("loss", 1.0, 1);
    begin = SteadyClock::now();
    local.complete();
    ends_local.push_back(ms_since(begin));
  }
  return {{"start_logging_ms", median(starts)},
          {"complete_ms", median(ends)},
          {"complete_without_store_ms", median(ends_local)}};
}

json memory(int series) {
  const long before = resident_beyond_maps_kib();
  auto run = start("memory-" + std::to_string(series));
  std::vector<std::string> names;
  for (int i = 0; i < series; ++i) names.push_back("layer/" + std::to_string(i) + "/weight_norm");
  const long with_names = resident_beyond_maps_kib();
  for (std::int64_t step = 0; step < 3; ++step) {
    for (const std::string& name : names) run.log(name, value_of(step), step);
  }
  (void)run.wait_until(runlog::Shipped, std::chrono::seconds(60));
  const long after = resident_beyond_maps_kib();
  run.complete();
  return {{"resident_mib", static_cast<double>(after - with_names) / 1024},
          {"process_before_mib", static_cast<double>(before) / 1024}};
}

json many_threads() {
  auto run = start("threads", false);
  std::vector<std::thread> threads;
  for (int i = 0; i < 256; ++i) threads.emplace_back([&, i] { run.log("once", i, 1); });
  for (auto& thread : threads) thread.join();
  const double mib = static_cast<double>(allocated_bytes(run.journal_path())) / (1024.0 * 1024.0);
  const auto stats = run.stats();
  run.complete();
  return {{"disk_mib", mib}, {"lanes", stats.lanes}, {"dropped", stats.dropped}};
}

json sustained() {
  const auto records = static_cast<std::int64_t>(100e6 * scale);
  bench::warm_page_cache(scratch, static_cast<int>(3072 * scale));
  auto run = start("sustained");
  auto metric = run.metric("train/loss");
  const auto begin = SteadyClock::now();
  const double cpu_begin = cpu_ms(CLOCK_THREAD_CPUTIME_ID);
  for (std::int64_t i = 0; i < records; ++i) metric.log(value_of(i), i);
  const double called_ms = ms_since(begin);
  const double caller_ms = cpu_ms(CLOCK_THREAD_CPUTIME_ID) - cpu_begin;
  run.complete();
  const auto stats = run.stats();
  return {{"mrec_s", static_cast<double>(records) / called_ms / 1e3},
          {"mrec_s_of_caller_cpu", static_cast<double>(records) / caller_ms / 1e3},
          {"dropped", stats.dropped},
          {"segments", stats.segments_sealed},
          {"segments_late", stats.segments_late},
          {"closed_s", ms_since(begin) / 1e3}};
}

// Rows of eight at 180 k metrics a second: what a shipped record takes, and the background's CPU.
json shipped(bool is_float32) {
  const auto rows = static_cast<std::int64_t>(40'000 * scale);
  auto run = start(is_float32 ? "ship-32" : "ship-64");
  std::vector<runlog::Metric> metrics;
  for (int i = 0; i < 8; ++i) metrics.push_back(run.metric("train/metric-" + std::to_string(i)));
  const double process_begin = cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
  const double caller_begin = cpu_ms(CLOCK_THREAD_CPUTIME_ID);
  auto next = SteadyClock::now();
  for (std::int64_t row = 0; row < rows; ++row) {
    auto step = run.step(row);
    for (std::size_t i = 0; i < 8; ++i) {
      const double value = value_of(row * 8 + static_cast<std::int64_t>(i));
      step.log(metrics[i], is_float32 ? static_cast<double>(static_cast<float>(value)) : value);
    }
    next += std::chrono::nanoseconds(8'000'000'000 / 180'000);
    if (row % 16 == 0) std::this_thread::sleep_until(next);
  }
  const double caller_ms = cpu_ms(CLOCK_THREAD_CPUTIME_ID) - caller_begin;
  run.complete();
  const double background_ms = cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - process_begin - caller_ms;
  const auto stats = run.stats();
  const auto records = static_cast<double>(stats.records_shipped);
  return {{"bytes_per_record", static_cast<double>(stats.bytes_shipped) / records},
          {"background_cpu_ns", background_ms * 1e6 / records},
          {"records", records}};
}

// An idle run: what its threads do in three seconds.
json idle() {
  auto run = start("idle");
  run.log("loss", 1.0, 1);
  (void)run.wait_until(runlog::Shipped, std::chrono::seconds(30));
  rusage before{}, after{};
  const double cpu_begin = cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
  ::getrusage(RUSAGE_SELF, &before);
  std::this_thread::sleep_for(std::chrono::seconds(3));
  ::getrusage(RUSAGE_SELF, &after);
  const double cpu = cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin;
  const auto wakes = static_cast<double>(after.ru_nvcsw - before.ru_nvcsw - 1);
  run.complete();
  return {{"cpu_ms_per_s", cpu / 3}, {"wake_ups_per_s", wakes / 3}};
}

// A journal as a killed process leaves it: nothing packed, then walked, packed and listed.
json recovery() {
  const auto records = static_cast<std::int64_t>(8e6 * scale);
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto run = start("dead", false);
    auto metric = run.metric("train/loss");
    for (std::int64_t i = 0; i < records; ++i) metric.log(value_of(i), i);
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(pid, nullptr, 0);
  json result;
  // Each record's checksum, place and name; then also with a Record made of each.
  std::vector<double> rates, rates_with_records;
  std::uint64_t bytes = 0, found = 0;
  for (int repeat = 0; repeat < 10; ++repeat) {
    const bool makes_records = repeat % 2 == 1;
    bytes = found = 0;
    double cpu = 0;
    for (const auto& entry : fs::recursive_directory_iterator(scratch / "journal" / "dead")) {
      if (entry.path().extension() != ".seg") continue;
      const auto file = runlog::MappedFile::open_read_only(entry.path());
      if (!file) continue;
      const auto header = runlog::format::parse_header(file->bytes());
      if (!header) continue;
      std::uint64_t sum = 0;
      for (const std::byte byte : file->bytes()) sum += static_cast<std::uint64_t>(byte);
      if (sum == 1) std::puts("");  // the pages are mapped before the clock runs
      const double begin = cpu_ms(CLOCK_THREAD_CPUTIME_ID);
      runlog::format::SegmentWalker walker(file->bytes(), *header, {});
      if (makes_records) {
        std::vector<runlog::Record> batch;
        while (walker.next(batch)) found += batch.size();
      } else {
        runlog::format::SegmentBatch batch;
        while (walker.next(batch)) found += batch.records;
      }
      cpu += cpu_ms(CLOCK_THREAD_CPUTIME_ID) - begin;
      bytes += file->bytes().size();
    }
    (makes_records ? rates_with_records : rates).push_back(static_cast<double>(bytes) / cpu / 1e6);
  }
  result["verify_gb_s"] = *std::max_element(rates.begin(), rates.end());
  result["walk_gb_s"] = *std::max_element(rates_with_records.begin(), rates_with_records.end());
  result["records"] = found;
  result["segment_bytes"] = bytes;
  // First to packs in place, then those to the store: what both take together is a recovery's.
  double cpu = 0, wall_ms = 0;
  for (const bool ships : {false, true}) {
    const auto begin = SteadyClock::now();
    const double cpu_begin = cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
    runlog::RecoverOptions options;
    if (ships) options.store = (scratch / "store").native();
    (void)runlog::recover(scratch / "journal" / "dead", options);
    cpu += cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin;
    wall_ms += ms_since(begin);
    const char* const what = ships ? "shipped" : "packed";
    result[std::string(what) + "_gb_s_of_cpu"] = static_cast<double>(bytes) / cpu / 1e6;
    result[std::string(what) + "_ms"] = wall_ms;
  }
  return result;
}

json listing() {
  const int journals = static_cast<int>(1000 * std::min(scale, 1.0));
  for (int i = 0; i < journals; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      runlog::Options options;
      options.root = scratch / "many";
      options.run_id = "run-" + std::to_string(i / 8);
      options.rank = i % 8;
      options.segment_bytes = 65536;
      auto run = runlog::start_logging(std::move(options));
      if (run) run->log("loss", 1.0, 1);
      ::kill(::getpid(), SIGKILL);
    }
    ::waitpid(pid, nullptr, 0);
  }
  std::vector<double> times;
  std::size_t found = 0;
  for (int i = 0; i < 5; ++i) {
    const auto begin = SteadyClock::now();
    const auto list = runlog::list_journals(scratch / "many");
    times.push_back(ms_since(begin));
    if (list) found = list->size();
  }
  return {{"ms", median(times)}, {"journals", found}};
}

struct Goal {
  const char* name;
  std::function<json()> measure;
};

}  // namespace

int main(int argc, char** argv) {
  bool as_json = false;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--json") {
      as_json = true;
    } else if (option == "--dir" && i + 1 < argc) {
      scratch = argv[++i];
    } else if (option == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else if (option == "--scale" && i + 1 < argc) {
      scale = std::atof(argv[++i]);
    } else {
      std::fputs("usage: goals [--json] [--dir path] [--only name] [--scale x]\n", stderr);
      return 2;
    }
  }
  const std::vector<Goal> goals = {
      {"start", start_and_complete},
      {"memory-1000", [] { return memory(1'000); }},
      {"memory-100000", [] { return memory(100'000); }},
      {"threads-256", many_threads},
      {"idle", idle},
      {"shipped-float32", [] { return shipped(true); }},
      {"shipped-float64", [] { return shipped(false); }},
      {"sustained", sustained},
      {"recovery", recovery},
      {"listing", listing},
  };
  json results;
  for (const Goal& goal : goals) {
    if (!only.empty() && only != goal.name) continue;
    std::error_code ignored;
    fs::remove_all(scratch, ignored);
    fs::create_directories(scratch);
    results[goal.name] = in_child(goal.measure);
    if (!as_json) std::printf("%-16s %s\n", goal.name, results[goal.name].dump().c_str());
    std::fflush(stdout);
    fs::remove_all(scratch, ignored);
  }
  if (as_json) std::printf("%s\n", results.dump(1).c_str());
  return 0;
}
