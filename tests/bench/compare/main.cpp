// compare: the same work for every writer, in one run. tests/bench/README.md says how to use it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "bench/compare/measure.hpp"
#include "bench/compare/report.hpp"
#include "bench/compare/writer.hpp"
#include "bench/page_cache.hpp"

namespace {

using bench::Measurement;
using bench::Peer;
using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kUsage =
    "usage: compare [--writers a,b,…] [--modes burst,burst-text,paced,tight,rate,kill,kill-tight]\n"
    "               [--threads 1,2,4] [--repeat n] [--scale x] [--dir path] [--json file]\n"
    "               [--svg file] [--list]\n";

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::stringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown CPU";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::localtime(&now));
  return text;
}

struct Settings {
  std::vector<std::string> writers = {};
  std::vector<std::string> modes = {"burst", "burst-text", "paced",     "tight",
                                    "rate",  "kill",       "kill-tight"};
  std::vector<int> threads = {1, 2, 4};
  int repeat = 5;
  double scale = 1;
  fs::path directory = "bench.tmp";
  std::string json_path = {};
  std::string svg_path = {};
};

int child(const std::vector<Peer>& peers, char** arguments) {
  const auto peer = std::find_if(peers.begin(), peers.end(),
                                 [&](const Peer& one) { return one.name == arguments[0]; });
  if (peer == peers.end()) return 2;
  const Measurement what{arguments[1], std::atoi(arguments[2]), std::atof(arguments[3])};
  bench::measure_here(*peer, what, arguments[4]);
  // A library that hangs in its destructors is not what is measured.
  std::fflush(stdout);
  ::_exit(0);
}

int drive(const std::vector<Peer>& peers, const Settings& settings) {
  std::vector<Measurement> measurements;
  for (const std::string& mode : settings.modes) {
    if (mode == "tight") {
      for (const int threads : settings.threads) {
        measurements.push_back({mode, threads, settings.scale});
      }
    } else {
      measurements.push_back({mode, 1, settings.scale});
    }
  }
  std::vector<const Peer*> chosen;
  for (const Peer& peer : peers) {
    if (settings.writers.empty() || std::ranges::count(settings.writers, peer.name) != 0) {
      chosen.push_back(&peer);
    }
  }
  fs::create_directories(settings.directory);
  json results = json::object();
  for (int repetition = 0; repetition < settings.repeat; ++repetition) {
    bench::warm_page_cache(settings.directory, 1536);
    for (const Measurement& what : measurements) {
      for (const Peer* const peer : chosen) {
        if (what.mode == "burst-text" && !peer->has_text) continue;
        std::fprintf(stderr, "\r%d/%d %-12s %-14s", repetition + 1, settings.repeat,
                     what.label().c_str(), peer->name.c_str());
        try {
          results[peer->name][what.label()].push_back(
              bench::measure(*peer, what, settings.directory));
        } catch (const std::exception& error) {
          std::fprintf(stderr, "\n%s\n", error.what());
        }
      }
    }
  }
  std::fprintf(stderr, "\r%60s\r", "");
  std::error_code ignored;
  fs::remove_all(settings.directory, ignored);

  std::vector<std::string> order;
  for (const Peer* const peer : chosen) order.push_back(peer->name);
  std::printf("%s, %u cores, %s; medians of %d\n\n%s", cpu_name().c_str(),
              std::thread::hardware_concurrency(), today().c_str(), settings.repeat,
              bench::table(results, order).c_str());
  if (!settings.json_path.empty()) {
    const json file = {{"cpu", cpu_name()},
                       {"cores", std::thread::hardware_concurrency()},
                       {"date", today()},
                       {"repeat", settings.repeat},
                       {"results", results}};
    std::ofstream(settings.json_path) << file.dump(1) << '\n';
  }
  if (!settings.svg_path.empty()) {
    std::ofstream(settings.svg_path) << bench::chart_svg(
        results, order,
        "median of bursts of 64 calls; " + cpu_name() + ", " +
            std::to_string(std::thread::hardware_concurrency()) + " cores, " + today());
  }
  return 0;
}

}  // namespace

std::vector<Peer> bench::all_peers() {
  std::vector<Peer> peers;
  add_floor(peers);
  add_runlog(peers);
#ifdef BENCH_HAS_LTTNG
  add_lttng(peers);
#endif
  add_plain_files(peers);
#ifdef BENCH_HAS_SPDLOG
  add_spdlog(peers);
#endif
#ifdef BENCH_HAS_GLOG
  add_glog(peers);
#endif
#ifdef BENCH_HAS_BOOST_LOG
  add_boost_log(peers);
#endif
#ifdef BENCH_HAS_LEVELDB
  add_leveldb(peers);
#endif
#ifdef BENCH_HAS_ROCKSDB
  add_rocksdb(peers);
#endif
#ifdef BENCH_HAS_SQLITE
  add_sqlite(peers);
#endif
  return peers;
}

int main(int argc, char** argv) {
  const std::vector<Peer> peers = bench::all_peers();
  try {
    if (argc == 7 && std::string(argv[1]) == "--child") return child(peers, argv + 2);
    Settings settings;
    for (int i = 1; i < argc; ++i) {
      const std::string option = argv[i];
      if (option == "--list") {
        for (const Peer& peer : peers) std::printf("%s\n", peer.name.c_str());
        return 0;
      }
      if (i + 1 == argc) {
        std::fputs(kUsage, stderr);
        return 2;
      }
      const std::string value = argv[++i];
      if (option == "--writers") {
        settings.writers = split(value);
      } else if (option == "--modes") {
        settings.modes = split(value);
      } else if (option == "--threads") {
        settings.threads.clear();
        for (const std::string& count : split(value)) settings.threads.push_back(std::stoi(count));
      } else if (option == "--repeat") {
        settings.repeat = std::stoi(value);
      } else if (option == "--scale") {
        settings.scale = std::stod(value);
      } else if (option == "--dir") {
        settings.directory = value;
      } else if (option == "--json") {
        settings.json_path = value;
      } else if (option == "--svg") {
        settings.svg_path = value;
      } else {
        std::fputs(kUsage, stderr);
        return 2;
      }
    }
    return drive(peers, settings);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "compare: %s\n", error.what());
    return 1;
  }
}
