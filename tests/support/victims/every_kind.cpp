// every_kind ROOT: a run with a record of every kind, and the values that formats like to get
// wrong. Run id, rank, store and the rest come from the environment. Ends in order.
#include <array>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "runlog/runlog.hpp"

namespace {

void metrics(runlog::Run& run) {
  using Real = std::numeric_limits<double>;
  using Int = std::numeric_limits<std::int64_t>;
  std::int64_t step = 0;
  for (const double value : {0.1, -0.0, Real::max(), Real::denorm_min(), 1e300 / 3,
                             Real::quiet_NaN(), Real::infinity(), -Real::infinity()}) {
    run.log("real", value, step++);
  }
  for (const std::int64_t value : {Int::min(), Int::max(), std::int64_t{0}}) {
    run.log("integer", value, value);  // as value and as step
  }
  run.log("no/step", 1.5);
  run.log("Füße/損失", 2.5, -7);
  run.log(10, {{"row/a", 1}, {"row/b", 2.5}});
  auto hot = run.metric("hot");
  for (std::int64_t i = 0; i < 5000; ++i) hot.log(static_cast<double>(i) / 7, i);
}

void structures(runlog::Run& run) {
  const std::vector<double> edges = {0, 1, 2};
  const std::vector<double> counts = {3, 4};
  run.log_list("list", edges, 6);
  run.log_row("row", {{"tp", 10}, {"fp", 2}}, 7);
  run.log_table("table", std::array{runlog::Column{"x", edges}, runlog::Column{"y", edges}}, 8);
  run.log_histogram("histogram", edges, counts, 9);
  run.log_histogram("histogram", edges, edges, 10);  // another shape: dropped, told by a gap
  run.log_json("schema.v1", R"({"a":[1,2,{"b":"\"quoted\""}]})");
  run.text(runlog::Level::info, "two\nlines, \"quotes\", \\ and\ta tab");
  run.text(runlog::Level::warning, "");
  run.text(runlog::Level::error, "bad byte \xFF here");       // kept as payload
  run.text(runlog::Level::debug, std::string(1500000, 's'));  // a spill
  const std::string png = "\x89PNG, or whatever the encoder made";
  if (!run.log_image("image", std::as_bytes(std::span(png)), 11)) std::puts("no image");
}

void facts(runlog::Run& run) {
  run.param("bool", true);
  run.param("integer", std::int64_t{-5});
  run.param("real", 3e-4);
  run.param("text", std::string("adam"));
  run.tag("model", "linear");
  run.remove_tags(std::vector<std::string>{"model"});
  run.property("dataset", "one");
  run.property("dataset", "two");  // a conflict
  run.rewind(3);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto started = runlog::start_logging({.root = argv[1]});
  if (!started) {
    std::fprintf(stderr, "every_kind: %s\n", started.error().message.c_str());
    return 1;
  }
  runlog::Run run = std::move(started).value();
  metrics(run);
  structures(run);
  facts(run);
  if (!run.upload_file("program", argv[0])) std::puts("no file");
  if (auto child = run.child_run("fold")) {
    child->log("val/loss", 0.25, 1);
    child->complete();
  }
  run.complete();
  return 0;
}
