// plot: metrics as a chart, in the terminal or as SVG.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>

#include "chart.hpp"
#include "cli/console.hpp"
#include "cli/text.hpp"
#include "cli/units.hpp"
#include "findings.hpp"
#include "records.hpp"
#include "selection.hpp"
#include "subcommand.hpp"

namespace runlog::tools {
namespace {

constexpr std::size_t kSeries_max = 26;
constexpr int kTerminal_columns = 80;
constexpr int kTerminal_lines = 20;
constexpr int kSvg_width_px = 960;
constexpr int kSvg_height_px = 540;
constexpr int kPixels_max = 16384;

struct Options {
  std::string path = {};
  std::string named_path = {};           // by --path; then `path` is a series
  std::vector<std::string> series = {};  // names or globs
  Filter filter = {};
  bool by_time = false;
  bool log_y = false;
  double smooth = 0;     // weight of the past, [0, 1)
  std::string svg = {};  // file, "-" for stdout, empty for the terminal
  int width = 0;         // columns, or pixels with --svg; 0: choose
  int height = 0;
};

Complaint check_weight(const std::string& text) {
  char* end = nullptr;
  const double weight = std::strtod(text.c_str(), &end);
  const bool is_good = !text.empty() && *end == '\0' && weight >= 0 && weight < 1;
  return is_good ? "" : "'" + text + "' is not a weight from 0 to less than 1";
}

Complaint settle_path(Options& options) {
  if (options.named_path.empty()) return options.path.empty() ? "PATH is required" : "";
  if (!options.path.empty()) options.series.insert(options.series.begin(), options.path);
  options.path = options.named_path;
  return {};
}

void declare(Arguments& arguments, Options& options) {
  arguments.positional("PATH", options.path,
                       "Root, run, journal, pack, or URL or directory of a store");
  arguments.positional("SERIES", options.series, "Names or globs of metrics; none: list them");
  arguments.value("--path", "PATH", options.named_path,
                  "The PATH, so that every argument is a SERIES");
  arguments.settle([&options] { return settle_path(options); });
  arguments.flag("--time", options.by_time, "Time along x instead of the step");
  arguments.flag("--log-y", options.log_y, "Logarithmic y; values <= 0 are left out");
  arguments
      .value("--smooth", "W", options.smooth,
             "Moving average; W is the weight of the past, 0 to <1")
      .check(check_weight);
  arguments.value("--svg", "FILE", options.svg, "Write an SVG file instead; - for stdout");
  arguments.value("--width", "N", options.width, "Columns, or pixels with --svg")
      .in_range(20, kPixels_max);
  arguments.value("--height", "N", options.height, "Lines, or pixels with --svg")
      .in_range(6, kPixels_max);
  add_runs(arguments, options.filter, kPlain);
  add_range(arguments, options.filter, kPlain);
  add_rewind(arguments, options.filter, kPlain);
}

// One metric of one rank of one run, over all attempts.
struct Curve {
  PointSink points = {};
  PointSink raw = {};
  double average = 0;  // of smoothing, not yet corrected for its start at 0
  double weight = 0;
};

// What could not be drawn.
struct Skipped {
  std::uint64_t not_finite = 0;
  std::uint64_t not_positive = 0;
  std::uint64_t without_step = 0;
};

class Collector {
 public:
  explicit Collector(const Options& options) : options_(options) {}

  void add(const Reader::Entry& entry) {
    const Record& record = entry.record;
    const double y =
        record.value ? *record.value : static_cast<double>(record.int_value.value_or(0));
    if (!std::isfinite(y)) {
      ++skipped_.not_finite;
    } else if (options_.log_y && y <= 0) {
      ++skipped_.not_positive;
    } else if (!options_.by_time && !record.step) {
      ++skipped_.without_step;
    } else {
      const double x = options_.by_time
                           ? static_cast<double>(record.time_ns) / static_cast<double>(kSecond_ns)
                           : static_cast<double>(*record.step);
      add_point(curves_[{std::string(record.name), entry.journal->run_id, entry.journal->rank}],
                {.x = x, .y = y});
    }
  }

  // The curves with labels that tell them apart and say no more than that.
  std::vector<Series> take() {
    std::set<std::string> runs;
    std::set<std::int64_t> ranks;
    for (const auto& [key, curve] : curves_) {
      runs.insert(std::get<1>(key));
      ranks.insert(std::get<2>(key));
    }
    std::vector<Series> all;
    for (auto& [key, curve] : curves_) {
      const auto& [name, run, rank] = key;
      std::string label = visible(name);
      if (runs.size() > 1) label += " " + visible(run);
      if (ranks.size() > 1) label += " r" + std::to_string(rank);
      all.push_back(
          {.label = std::move(label), .points = curve.points.take(), .raw = curve.raw.take()});
    }
    return all;
  }

  [[nodiscard]] const Skipped& skipped() const { return skipped_; }

 private:
  // A moving average that starts at the first value, not at 0 (the correction TensorBoard does).
  void add_point(Curve& curve, Point point) const {
    if (options_.smooth > 0) {
      curve.raw.add(point);
      curve.average = curve.average * options_.smooth + point.y * (1 - options_.smooth);
      curve.weight = curve.weight * options_.smooth + (1 - options_.smooth);
      point.y = curve.average / curve.weight;
    }
    curve.points.add(point);
  }

  const Options& options_;
  std::map<std::tuple<std::string, std::string, std::int64_t>, Curve> curves_;
  Skipped skipped_;
};

void say_skipped(const std::string& path, const Skipped& skipped) {
  const auto tell = [&](std::uint64_t count, const char* what) {
    if (count > 0)
      say("runlog", shown_path(path) + ": left out " + counted(count, "value") + ", " + what);
  };
  tell(skipped.not_finite, "NaN or infinite");
  tell(skipped.not_positive, "not above 0; leave out --log-y to see them");
  tell(skipped.without_step, "without a step; --time shows them");
}

int list_names(const std::string& path, const std::set<std::string>& names, Output& out) {
  for (const std::string& name : names) out.write(visible(name) + "\n");
  if (names.empty()) say("runlog", shown_path(path) + ": no metrics in it");
  return exit_whole;
}

int draw_to_file(const Chart& chart, const Options& options, Output& out) {
  const std::string svg = draw_svg(chart, options.width > 0 ? options.width : kSvg_width_px,
                                   options.height > 0 ? options.height : kSvg_height_px);
  if (options.svg == "-") {
    out.write(svg);
    return exit_whole;
  }
  const int fd = ::open(options.svg.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) {
    say("runlog", options.svg + ": cannot create it: " + std::generic_category().message(errno) +
                      "; choose another file");
    return exit_failed;
  }
  Output file(fd);
  file.write(svg);
  const int exit_code = file.finish(exit_whole);
  ::close(fd);
  return exit_code;
}

void draw_to_terminal(const Chart& chart, const Options& options, Output& out) {
  const int columns =
      options.width > 0 ? options.width : terminal_columns(out.fd(), kTerminal_columns);
  const int lines = options.height > 0 ? options.height : kTerminal_lines;
  out.write(draw_terminal(chart, columns, lines, out.has_color()));
}

int run(const Options& options, Output& out) {
  auto reader = Reader::open(options.path, read_options(options.filter));
  if (!reader) {
    say_error("runlog", options.path, reader.error());
    return exit_failed;
  }
  Collector collector(options);
  std::set<std::string> names;
  RecordFilter filter(options.filter);
  Reader::Entry entry;
  std::string last_name;  // records come in runs of few names
  bool is_wanted = false;
  while (reader->next(entry)) {
    if (entry.record.kind != Kind::metric || !filter.passes(entry.record)) continue;
    if (names.empty() || entry.record.name != last_name) {
      last_name = entry.record.name;
      names.insert(last_name);
      is_wanted = !options.series.empty() && matches_any(options.series, last_name);
    }
    if (is_wanted) collector.add(entry);
  }
  const int exit_code = warn_of_findings(options.path, *reader);
  if (options.series.empty()) {
    const int listed = list_names(options.path, names, out);
    return listed != exit_whole ? listed : exit_code;
  }

  Chart chart = {.x_label = options.by_time ? "time (UTC)" : "step",
                 .series = collector.take(),
                 .x_scale = options.by_time ? Scale::time : Scale::linear,
                 .y_scale = options.log_y ? Scale::logarithmic : Scale::linear};
  say_skipped(options.path, collector.skipped());
  if (chart.series.empty()) {
    say("runlog", shown_path(options.path) + ": nothing to draw; `runlog plot " +
                      shown_path(options.path) + "` lists the metrics in it");
    return exit_failed;
  }
  if (chart.series.size() > kSeries_max) {
    say("runlog", shown_path(options.path) + ": drawing " + std::to_string(kSeries_max) + " of " +
                      std::to_string(chart.series.size()) +
                      " curves; choose with --run and --rank");
    chart.series.resize(kSeries_max);
  }
  std::set<std::string> runs;
  for (const JournalInfo& info : reader->journals()) runs.insert(info.run_id);
  chart.title = runs.size() == 1 ? *runs.begin() : shown_path(options.path);

  if (!options.svg.empty()) {
    const int drawn = draw_to_file(chart, options, out);
    return drawn != exit_whole ? drawn : exit_code;
  }
  draw_to_terminal(chart, options, out);
  return exit_code;
}

const Subcommand kPlot(60, "plot", "Draw series in the terminal or as SVG", declare, run);

}  // namespace
}  // namespace runlog::tools
