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
#include "commands.hpp"
#include "findings.hpp"
#include "records.hpp"

namespace runlog::tools {
namespace {

constexpr std::size_t kSeries_max = 26;
constexpr int kTerminal_columns = 80;
constexpr int kTerminal_lines = 20;
constexpr int kSvg_width_px = 960;
constexpr int kSvg_height_px = 540;

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
  explicit Collector(const PlotCommand& command) : command_(command) {}

  void add(const Reader::Entry& entry) {
    const Record& record = entry.record;
    const double y =
        record.value ? *record.value : static_cast<double>(record.int_value.value_or(0));
    if (!std::isfinite(y)) {
      ++skipped_.not_finite;
    } else if (command_.log_y && y <= 0) {
      ++skipped_.not_positive;
    } else if (!command_.by_time && !record.step) {
      ++skipped_.without_step;
    } else {
      const double x = command_.by_time
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
    if (command_.smooth > 0) {
      curve.raw.add(point);
      curve.average = curve.average * command_.smooth + point.y * (1 - command_.smooth);
      curve.weight = curve.weight * command_.smooth + (1 - command_.smooth);
      point.y = curve.average / curve.weight;
    }
    curve.points.add(point);
  }

  const PlotCommand& command_;
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

int draw_to_file(const Chart& chart, const PlotCommand& command, Output& out) {
  const std::string svg = draw_svg(chart, command.width > 0 ? command.width : kSvg_width_px,
                                   command.height > 0 ? command.height : kSvg_height_px);
  if (command.svg == "-") {
    out.write(svg);
    return exit_whole;
  }
  const int fd = ::open(command.svg.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) {
    say("runlog", command.svg + ": cannot create it: " + std::generic_category().message(errno) +
                      "; choose another file");
    return exit_failed;
  }
  Output file(fd);
  file.write(svg);
  const int exit_code = file.finish(exit_whole);
  ::close(fd);
  return exit_code;
}

void draw_to_terminal(const Chart& chart, const PlotCommand& command, Output& out) {
  const int columns =
      command.width > 0 ? command.width : terminal_columns(out.fd(), kTerminal_columns);
  const int lines = command.height > 0 ? command.height : kTerminal_lines;
  out.write(draw_terminal(chart, columns, lines, out.has_color()));
}

}  // namespace

int run(const PlotCommand& command, Output& out) {
  auto reader = Reader::open(command.path, read_options(command.filter));
  if (!reader) {
    say_error("runlog", command.path, reader.error());
    return exit_failed;
  }
  Collector collector(command);
  std::set<std::string> names;
  RecordFilter filter(command.filter);
  Reader::Entry entry;
  std::string last_name;  // records come in runs of few names
  bool is_wanted = false;
  while (reader->next(entry)) {
    if (entry.record.kind != Kind::metric || !filter.passes(entry.record)) continue;
    if (names.empty() || entry.record.name != last_name) {
      last_name = entry.record.name;
      names.insert(last_name);
      is_wanted = !command.series.empty() && matches_any(command.series, last_name);
    }
    if (is_wanted) collector.add(entry);
  }
  const int exit_code = warn_of_findings(command.path, *reader);
  if (command.series.empty()) {
    const int listed = list_names(command.path, names, out);
    return listed != exit_whole ? listed : exit_code;
  }

  Chart chart = {.x_label = command.by_time ? "time (UTC)" : "step",
                 .series = collector.take(),
                 .x_scale = command.by_time ? Scale::time : Scale::linear,
                 .y_scale = command.log_y ? Scale::logarithmic : Scale::linear};
  say_skipped(command.path, collector.skipped());
  if (chart.series.empty()) {
    say("runlog", shown_path(command.path) + ": nothing to draw; `runlog plot " +
                      shown_path(command.path) + "` lists the metrics in it");
    return exit_failed;
  }
  if (chart.series.size() > kSeries_max) {
    say("runlog", shown_path(command.path) + ": drawing " + std::to_string(kSeries_max) + " of " +
                      std::to_string(chart.series.size()) +
                      " curves; choose with --run and --rank");
    chart.series.resize(kSeries_max);
  }
  std::set<std::string> runs;
  for (const JournalInfo& info : reader->journals()) runs.insert(info.run_id);
  chart.title = runs.size() == 1 ? *runs.begin() : shown_path(command.path);

  if (!command.svg.empty()) {
    const int drawn = draw_to_file(chart, command, out);
    return drawn != exit_whole ? drawn : exit_code;
  }
  draw_to_terminal(chart, command, out);
  return exit_code;
}

}  // namespace runlog::tools
