// Charts in a terminal. A braille character has 2 × 4 dots, so a cell shows eight of them.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "chart.hpp"
#include "cli/console.hpp"
#include "cli/text.hpp"

namespace runlog::tools {
namespace {

constexpr int kDots_x = 2;
constexpr int kDots_y = 4;
constexpr std::array<Color, 6> kColors = {Color::cyan,    Color::yellow, Color::green,
                                          Color::magenta, Color::red,    Color::blue};
constexpr std::string_view kMarks = "abcdefghijklmnopqrstuvwxyz";

struct Size {
  int columns = 0;
  int lines = 0;
};

struct Dot {
  int x = 0;
  int y = 0;
};

// The dots of the plotting area, and for each cell the series that touched it last.
class Canvas {
 public:
  explicit Canvas(Size size)
      : size_(size),
        cells_(static_cast<std::size_t>(size.columns) * static_cast<std::size_t>(size.lines)) {}

  void set(Dot dot, std::size_t series) {
    const int column = dot.x / kDots_x;
    const int line = dot.y / kDots_y;
    if (dot.x < 0 || dot.y < 0 || column >= size_.columns || line >= size_.lines) return;
    constexpr std::array<std::array<std::uint8_t, kDots_x>, kDots_y> kBits = {
        {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
    Cell& cell = cells_[index(line, column)];
    cell.dots |=
        kBits[static_cast<std::size_t>(dot.y % kDots_y)][static_cast<std::size_t>(dot.x % kDots_x)];
    cell.series = series;
  }

  // Bresenham's line.
  void connect(Dot from, Dot to, std::size_t series) {
    const int dx = std::abs(to.x - from.x);
    const int dy = -std::abs(to.y - from.y);
    const int step_x = from.x < to.x ? 1 : -1;
    const int step_y = from.y < to.y ? 1 : -1;
    int error = dx + dy;
    while (true) {
      set(from, series);
      if (from.x == to.x && from.y == to.y) return;
      const int twice = 2 * error;
      if (twice >= dy) {
        error += dy;
        from.x += step_x;
      }
      if (twice <= dx) {
        error += dx;
        from.y += step_y;
      }
    }
  }

  [[nodiscard]] std::string line(int number, bool with_color, bool with_marks) const {
    std::string out;
    std::string stretch;  // of one series, so that it is painted once
    std::size_t stretch_series = 0;
    std::size_t blanks = 0;
    const auto end_stretch = [&] {
      if (stretch.empty()) return;
      out += painted(stretch, kColors[stretch_series % kColors.size()], with_color);
      stretch.clear();
    };
    for (int column = 0; column < size_.columns; ++column) {
      const Cell& cell = cells_[index(number, column)];
      if (cell.dots == 0) {
        ++blanks;
        continue;
      }
      if (blanks > 0 || cell.series != stretch_series) end_stretch();
      out.append(std::exchange(blanks, 0), ' ');
      stretch_series = cell.series;
      if (with_marks) {
        stretch += kMarks[cell.series % kMarks.size()];
      } else {  // U+2800 + dots
        stretch += '\xE2';
        stretch += static_cast<char>(0xA0 | cell.dots >> 6);
        stretch += static_cast<char>(0x80 | (cell.dots & 0x3F));
      }
    }
    end_stretch();
    return out;
  }

 private:
  [[nodiscard]] std::size_t index(int line, int column) const {
    return static_cast<std::size_t>(line) * static_cast<std::size_t>(size_.columns) +
           static_cast<std::size_t>(column);
  }

  struct Cell {
    std::uint8_t dots = 0;
    std::size_t series = 0;
  };
  Size size_;
  std::vector<Cell> cells_;
};

int to_dot(double position, int dots) {
  return static_cast<int>(std::lround(std::clamp(position, 0.0, 1.0) * (dots - 1)));
}

void draw(Canvas& canvas, const Chart& chart, const Axes& axes, Size dots) {
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const auto points =
        thinned(chart.series[s].points, axes.x, static_cast<std::size_t>(dots.columns));
    bool has_last = false;
    Dot last;
    for (const Point& point : points) {
      const Dot dot = {.x = to_dot(axes.x.position(point.x), dots.columns),
                       .y = dots.lines - 1 - to_dot(axes.y.position(point.y), dots.lines)};
      canvas.connect(has_last ? last : dot, dot, s);
      last = dot;
      has_last = true;
    }
  }
}

// The label of each line of the plot, top first: of every n-th tick, n the smallest with which no
// two fall on one line. Leaving out only those that collide would make the steps uneven.
std::vector<std::string> y_labels(const Axis& axis, Size dots) {
  const auto lines = static_cast<std::size_t>(dots.lines / kDots_y);
  std::vector<std::string> labels(lines);
  for (std::size_t every = 1; every <= axis.ticks.size(); ++every) {
    for (std::size_t first = 0; first < every; ++first) {
      labels.assign(lines, {});
      std::size_t count = 0;
      bool collide = false;
      for (std::size_t at = first; at < axis.ticks.size(); at += every, ++count) {
        const Tick& tick = axis.ticks[at];
        const int dot = dots.lines - 1 - to_dot(axis.position(tick.value), dots.lines);
        std::string& label = labels[static_cast<std::size_t>(dot / kDots_y)];
        collide = collide || !label.empty();
        label = tick.label;
      }
      const bool is_scale = count > 1 || axis.ticks.size() == 1;
      if (!collide && is_scale) return labels;
    }
  }
  return labels;  // of the last tick alone
}

// The line under the plot with a ┬ at each tick, and the line of their labels.
std::string x_axis(const Axis& axis, int columns, std::size_t margin) {
  std::vector<bool> marks(static_cast<std::size_t>(columns), false);
  std::string labels(static_cast<std::size_t>(columns) + margin + 1, ' ');
  std::size_t free_from = 0;
  for (const Tick& tick : axis.ticks) {
    const auto column =
        static_cast<std::size_t>(to_dot(axis.position(tick.value), columns * kDots_x) / kDots_x);
    const std::size_t center = margin + 1 + column;
    std::size_t begin = center - std::min(center, tick.label.size() / 2);
    if (begin + tick.label.size() > labels.size()) {
      if (tick.label.size() > labels.size()) continue;
      begin = labels.size() - tick.label.size();
    }
    if (begin < free_from) continue;
    labels.replace(begin, tick.label.size(), tick.label);
    free_from = begin + tick.label.size() + 1;
    marks[column] = true;
  }
  std::string out(margin, ' ');
  out += "└";
  for (const bool is_tick : marks) out += is_tick ? "┬" : "─";
  labels.erase(labels.find_last_not_of(' ') + 1);
  return out + "\n" + labels + "\n";
}

std::string legend(const Chart& chart, bool with_color, bool with_marks, std::size_t margin,
                   std::size_t columns) {
  std::string out;
  std::size_t width = 0;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const std::string mark = with_marks ? std::string(1, kMarks[s % kMarks.size()]) : "━━";
    const std::size_t entry_width = display_width(mark) + 1 + display_width(chart.series[s].label);
    if (width == 0 || width + 3 + entry_width > columns) {
      if (width != 0) out += '\n';
      out.append(margin + 1, ' ');
      width = margin + 1 + entry_width;
    } else {
      out += "   ";
      width += 3 + entry_width;
    }
    out += painted(mark, kColors[s % kColors.size()], with_color) + " " + chart.series[s].label;
  }
  return out + "\n";
}

}  // namespace

std::string draw_terminal(const Chart& chart, int columns, int lines, bool with_color) {
  constexpr int kFrame_lines = 4;  // x axis, its labels, its name, the legend
  constexpr int kPlot_lines_min = 2;
  const bool with_marks = !with_color && chart.series.size() > 1;
  const int plot_lines = std::max(lines - kFrame_lines, kPlot_lines_min);
  Axes axes = make_axes(chart, static_cast<std::size_t>(std::max(columns / 12, 2)),
                        static_cast<std::size_t>(std::max(plot_lines / 3, 2)), false);
  std::size_t margin = 1;
  for (const Tick& tick : axes.y.ticks) margin = std::max(margin, tick.label.size() + 1);
  const Size plot = {.columns = std::max(columns - static_cast<int>(margin) - 1, 10),
                     .lines = plot_lines};
  const Size dots = {.columns = plot.columns * kDots_x, .lines = plot.lines * kDots_y};
  Canvas canvas(plot);
  draw(canvas, chart, axes, dots);

  const std::vector<std::string> labels = y_labels(axes.y, dots);
  std::string out;
  for (int line = 0; line < plot.lines; ++line) {
    const std::string& label = labels[static_cast<std::size_t>(line)];
    out.append(margin - 1 - std::min(margin - 1, label.size()), ' ');
    out += label + (label.empty() ? " │" : " ┤") + canvas.line(line, with_color, with_marks) + "\n";
  }
  out += x_axis(axes.x, plot.columns, margin);
  const std::size_t blanks = static_cast<std::size_t>(plot.columns) > chart.x_label.size()
                                 ? static_cast<std::size_t>(plot.columns) - chart.x_label.size()
                                 : 0;
  out += std::string(margin + 1 + blanks / 2, ' ') + chart.x_label + "\n";
  return out + legend(chart, with_color, with_marks, margin, static_cast<std::size_t>(columns));
}

}  // namespace runlog::tools
