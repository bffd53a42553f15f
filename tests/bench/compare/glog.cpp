// glog: LOG(INFO) into its files.
#include <glog/logging.h>

#include "bench/compare/writer.hpp"

namespace bench {
namespace {

struct Glog {
  void open(const std::filesystem::path& directory) {
    FLAGS_log_dir = directory.native();
    FLAGS_minloglevel = 0;
    FLAGS_stderrthreshold = 3;
    google::InitGoogleLogging("bench");
  }
  void close() { google::ShutdownGoogleLogging(); }
  void metric(std::int64_t step, double value) {
    LOG(INFO) << kSeries << ' ' << step << ' ' << value;
  }
  void text(std::int64_t step, double value) { LOG(INFO) << kText << ' ' << step << ' ' << value; }
};

}  // namespace

void add_glog(std::vector<Peer>& peers) {
  peers.push_back({.name = "glog",
                   .promise = "its buffer",
                   .make = make_writer<Glog>,
                   .count = count_lines,
                   .tight_divisor = 50});
}

}  // namespace bench
