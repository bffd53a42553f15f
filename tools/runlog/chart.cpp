#include "chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <limits>

#include "cli/units.hpp"

namespace runlog::tools {
namespace {

constexpr std::size_t kPoints_max = std::size_t{1} << 20;

// 1, 2 or 5 times a power of ten, at least `step`.
double round_step(double step) {
  const double power = std::pow(10.0, std::floor(std::log10(step)));
  for (const double digit : {1.0, 2.0, 5.0}) {
    if (digit * power >= step * (1 - 1e-9)) return digit * power;
  }
  return 10 * power;
}

// With as many digits as neighbouring ticks need to differ.
std::string tick_label(double value, double step) {
  const double ratio = value == 0 ? 1 : std::abs(value) / step;
  const int digits = std::clamp(static_cast<int>(std::ceil(std::log10(ratio))) + 1, 6, 15);
  if (digits == 6 && std::abs(value) < 1e15) {
    if (std::abs(value) >= 1e12) return short_number(value / 1e12) + "T";
    if (std::abs(value) >= 1e9) return short_number(value / 1e9) + "G";
    if (std::abs(value) >= 1e6) return short_number(value / 1e6) + "M";
  }
  return short_number(value, digits);
}

void add_linear_ticks(Axis& axis, std::size_t ticks_max) {
  const auto ticks_within = [&axis](double step) {
    return std::floor(axis.high / step + 1e-9) - std::ceil(axis.low / step - 1e-9) + 1;
  };
  double step = round_step((axis.high - axis.low) / static_cast<double>(ticks_max));
  for (int i = 0; i < 4 && ticks_within(step) < 2; ++i) {  // one tick tells no scale
    step = round_step(step / 2.5);
  }
  const double first = std::ceil(axis.low / step - 1e-9);
  for (double i = first; i * step <= axis.high + step * 1e-9; ++i) {
    const double value = i * step + 0.0;  // + 0.0: no "-0"
    axis.ticks.push_back({.value = value, .label = tick_label(value, step)});
    if (axis.ticks.size() > 4 * ticks_max) return;  // rounding has made steps vanish
  }
}

// `with_digits`: 2 and 5 times a power of ten too.
void add_log_ticks(Axis& axis, std::size_t ticks_max, bool with_digits) {
  const double low = std::floor(std::log10(axis.low) + 1e-9);
  const double high = std::ceil(std::log10(axis.high) - 1e-9);
  const double every = std::max(1.0, std::ceil((high - low) / static_cast<double>(ticks_max)));
  for (double decade = low; decade <= high; decade += every) {
    for (const double digit : {1.0, 2.0, 5.0}) {
      if (digit > 1 && !with_digits) continue;
      const double value = digit * std::pow(10.0, decade);
      if (value < axis.low * (1 - 1e-9) || value > axis.high * (1 + 1e-9)) continue;
      axis.ticks.push_back({.value = value, .label = short_number(value)});
    }
  }
  if (axis.ticks.size() < 2 && !with_digits) {  // one tick tells no scale
    axis.ticks.clear();
    add_log_ticks(axis, ticks_max, true);
  }
}

std::string time_label(double seconds, double step) {
  const auto when = static_cast<std::time_t>(std::floor(seconds));
  std::tm parts = {};
  gmtime_r(&when, &parts);
  std::array<char, 32> text = {};
  std::size_t length = 0;
  if (step < 60) {
    length = std::strftime(text.data(), text.size(), "%H:%M:%S", &parts);
  } else if (step < 86400) {
    length = std::strftime(text.data(), text.size(), "%m-%d %H:%M", &parts);
  } else {
    length = std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  }
  std::string label(text.data(), length);
  if (step < 1) label += short_number(seconds - std::floor(seconds) + 1e-9).substr(1, 4);
  return label;
}

void add_time_ticks(Axis& axis, std::size_t ticks_max) {
  constexpr std::array<double, 19> kSteps = {1,     2,     5,     10,    15,    30,   60,
                                             120,   300,   600,   900,   1800,  3600, 7200,
                                             10800, 21600, 43200, 86400, 172800};
  const double wished = (axis.high - axis.low) / static_cast<double>(ticks_max);
  double step = 0;
  if (wished < 1) {
    step = round_step(wished);
  } else {
    const auto found = std::lower_bound(kSteps.begin(), kSteps.end(), wished);
    step = found != kSteps.end() ? *found : 86400 * round_step(wished / 86400);
  }
  for (double i = std::ceil(axis.low / step); i * step <= axis.high; ++i) {
    axis.ticks.push_back({.value = i * step, .label = time_label(i * step, step)});
    if (axis.ticks.size() > 4 * ticks_max) return;
  }
}

}  // namespace

double Axis::position(double value) const {
  if (scale == Scale::logarithmic) {
    return (std::log10(value) - std::log10(low)) / (std::log10(high) - std::log10(low));
  }
  return (value - low) / (high - low);
}

Axis make_axis(double low, double high, Scale scale, std::size_t ticks_max) {
  Axis axis = {.low = low, .high = high, .scale = scale};
  // A single value still needs an axis with an extent that doubles can divide.
  const double least = std::max(std::abs(low), std::abs(high)) * 1e-12;
  if (!(high - low > least)) {
    if (scale == Scale::logarithmic) {
      axis.low = low / 2;
      axis.high = high * 2;
    } else {
      const double margin = low == 0 || scale == Scale::time ? 1 : std::abs(low) * 0.05;
      axis.low = low - margin;
      axis.high = high + margin;
    }
  }
  if (!std::isfinite(axis.high -
                     axis.low)) {  // from -1e308 to 1e308: halve, so that it can be drawn
    axis.low /= 2;
    axis.high /= 2;
  }
  ticks_max = std::max<std::size_t>(ticks_max, 2);
  switch (scale) {
    case Scale::linear:
      add_linear_ticks(axis, ticks_max);
      break;
    case Scale::logarithmic:
      add_log_ticks(axis, ticks_max, std::log10(high / low) * 3 <= static_cast<double>(ticks_max));
      break;
    case Scale::time:
      add_time_ticks(axis, ticks_max);
      break;
  }
  return axis;
}

Axes make_axes(const Chart& chart, std::size_t x_ticks_max, std::size_t y_ticks_max,
               bool with_raw) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  Point low = {.x = kFar, .y = kFar};
  Point high = {.x = -kFar, .y = -kFar};
  const auto cover = [&](const std::vector<Point>& points) {
    for (const Point& point : points) {
      low = {.x = std::min(low.x, point.x), .y = std::min(low.y, point.y)};
      high = {.x = std::max(high.x, point.x), .y = std::max(high.y, point.y)};
    }
  };
  for (const Series& series : chart.series) {
    cover(series.points);
    if (with_raw) cover(series.raw);
  }
  return {.x = make_axis(low.x, high.x, chart.x_scale, x_ticks_max),
          .y = make_axis(low.y, high.y, chart.y_scale, y_ticks_max)};
}

std::vector<Point> thinned(const std::vector<Point>& points, const Axis& x, std::size_t columns) {
  if (points.size() <= columns * 4) return points;
  std::vector<Point> kept;
  const auto column_of = [&](const Point& point) {
    return std::floor(x.position(point.x) * static_cast<double>(columns));
  };
  for (std::size_t begin = 0; begin < points.size();) {
    std::size_t end = begin;
    std::size_t lowest = begin;
    std::size_t highest = begin;
    for (; end < points.size() && column_of(points[end]) == column_of(points[begin]); ++end) {
      if (points[end].y < points[lowest].y) lowest = end;
      if (points[end].y > points[highest].y) highest = end;
    }
    std::array<std::size_t, 4> chosen = {begin, lowest, highest, end - 1};
    std::sort(chosen.begin(), chosen.end());
    const auto unique_end = std::unique(chosen.begin(), chosen.end());
    for (auto at = chosen.begin(); at != unique_end; ++at) kept.push_back(points[*at]);
    begin = end;
  }
  return kept;
}

void PointSink::add(Point point) {
  if (points_.size() == kPoints_max) merge_neighbours();
  points_.push_back(point);
}

void PointSink::merge_neighbours() {
  constexpr std::size_t kGroup = 4;
  std::stable_sort(points_.begin(), points_.end(),
                   [](const Point& a, const Point& b) { return a.x < b.x; });
  std::size_t kept = 0;
  for (std::size_t begin = 0; begin < points_.size(); begin += kGroup) {
    const auto first = points_.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = first + static_cast<std::ptrdiff_t>(std::min(kGroup, points_.size() - begin));
    auto [lowest, highest] =
        std::minmax_element(first, last, [](const Point& a, const Point& b) { return a.y < b.y; });
    if (highest < lowest) std::swap(lowest, highest);
    const Point one = *lowest;
    const Point two = *highest;
    points_[kept++] = one;
    points_[kept++] = two;
  }
  points_.resize(kept);
}

std::vector<Point> PointSink::take() {
  std::stable_sort(points_.begin(), points_.end(),
                   [](const Point& a, const Point& b) { return a.x < b.x; });
  return std::move(points_);
}

}  // namespace runlog::tools
