// spdlog: its basic file sink, synchronous, and behind its asynchronous thread pool (blocking when
// the queue is full, its default).
#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include "bench/compare/writer.hpp"

namespace bench {
namespace {

constexpr const char* kPattern = "%E%F %v";

struct Base {
  std::shared_ptr<spdlog::logger> logger;
  void metric(std::int64_t step, double value) { logger->info("{} {} {}", kSeries, step, value); }
  void text(std::int64_t step, double value) { logger->info("{} {} {}", kText, step, value); }
  void close() {
    logger.reset();
    spdlog::shutdown();
  }
};

struct Sync : Base {
  void open(const std::filesystem::path& directory) {
    logger = spdlog::basic_logger_mt("bench", (directory / "log").native());
    logger->set_pattern(kPattern);
  }
};

struct Async : Base {
  void open(const std::filesystem::path& directory) {
    spdlog::init_thread_pool(8192, 1);
    logger = spdlog::basic_logger_mt<spdlog::async_factory>("bench", (directory / "log").native());
    logger->set_pattern(kPattern);
  }
};

struct FlushEach : Sync {
  void open(const std::filesystem::path& directory) {
    Sync::open(directory);
    logger->flush_on(spdlog::level::info);
  }
};

}  // namespace

void add_spdlog(std::vector<Peer>& peers) {
  peers.push_back({.name = "spdlog",
                   .promise = "its buffer",
                   .make = make_writer<Sync>,
                   .count = count_lines,
                   .tight_divisor = 5});
  peers.push_back({.name = "spdlog-async",
                   .promise = "queue, buffer",
                   .make = make_writer<Async>,
                   .count = count_lines,
                   .tight_divisor = 5});
  peers.push_back({.name = "spdlog-flush",
                   .promise = "nothing",
                   .make = make_writer<FlushEach>,
                   .count = count_lines,
                   .tight_divisor = 10});
}

}  // namespace bench
