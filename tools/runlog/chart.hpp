// Chart: series of points and the axes they need. Knows nothing of journals, terminals or SVG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace runlog::tools {

struct Point {
  double x = 0;
  double y = 0;
};

struct Series {
  std::string label = {};
  std::vector<Point> points = {};  // finite, in ascending x
  std::vector<Point> raw = {};     // before smoothing; empty without
};

struct Tick {
  double value = 0;
  std::string label = {};
};

enum class Scale { linear, logarithmic, time };

/// One axis: the values at its ends and the ticks between.
struct Axis {
  double low = 0;
  double high = 1;
  Scale scale = Scale::linear;
  std::vector<Tick> ticks = {};

  /// Where `value` lies: 0 at `low`, 1 at `high`.
  [[nodiscard]] double position(double value) const;
};

/// An axis for values in [low, high] with at most about `ticks_max` round ticks. Time is in seconds
/// since 1970; a logarithmic axis needs low > 0.
Axis make_axis(double low, double high, Scale scale, std::size_t ticks_max);

struct Chart {
  std::string title = {};
  std::string x_label = {};
  std::vector<Series> series = {};
  Scale x_scale = Scale::linear;
  Scale y_scale = Scale::linear;
};

/// The axes that show every point of `chart`, which must have one; `with_raw`: those before
/// smoothing too.
struct Axes {
  Axis x = {};
  Axis y = {};
};
Axes make_axes(const Chart& chart, std::size_t x_ticks_max, std::size_t y_ticks_max, bool with_raw);

/// A copy that looks the same when drawn `columns` wide: of the points that fall into one column
/// the first, the lowest, the highest and the last stay. `points` ascend in x.
std::vector<Point> thinned(const std::vector<Point>& points, const Axis& x, std::size_t columns);

/// Collects points without a bound on how many come, in bounded memory: when there are too many,
/// neighbours in x are merged into their lowest and highest.
class PointSink {
 public:
  void add(Point point);
  [[nodiscard]] bool empty() const { return points_.empty(); }
  /// The points in ascending x; those with equal x in the order they came.
  std::vector<Point> take();

 private:
  void merge_neighbours();
  std::vector<Point> points_;
};

/// Draws with braille dots, axes and a legend, `columns` wide and `lines` high in all. Without
/// colour, several series are told apart by letters instead of dots.
std::string draw_terminal(const Chart& chart, int columns, int lines, bool with_color);

/// One self-contained SVG document.
std::string draw_svg(const Chart& chart, int width_px, int height_px);

}  // namespace runlog::tools
