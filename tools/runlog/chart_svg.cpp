// Charts as SVG: one file, no scripts, no fonts or styles from elsewhere.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "chart.hpp"
#include "cli/text.hpp"

namespace runlog::tools {
namespace {

// Okabe and Ito's colours, which people who see colours differently can tell apart.
constexpr std::array<const char*, 8> kColors = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                "#E69F00", "#56B4E9", "#8B6914", "#000000"};
constexpr double kTop = 44;
constexpr double kBottom = 56;
constexpr double kRight = 24;
constexpr double kDigit_px = 7.2;  // a digit of the 12 px font
constexpr double kLegend_line_px = 18;

// The space the curves are drawn in.
struct Box {
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;
};

// Control characters have no place in XML 1.0, not even as references; visible() spells them out.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : visible(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

void add_polyline(std::string& out, const std::vector<Point>& points, const Axes& axes,
                  const Box& box, std::string_view style) {
  const auto kept = thinned(points, axes.x, static_cast<std::size_t>(box.width));
  const auto px_x = [&](const Point& p) { return box.left + axes.x.position(p.x) * box.width; };
  const auto px_y = [&](const Point& p) {
    return box.top + (1 - axes.y.position(p.y)) * box.height;
  };
  auto to = std::back_inserter(out);
  if (kept.size() == 1) {
    fmt::format_to(to, "<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"3\" {}/>\n", px_x(kept[0]),
                   px_y(kept[0]), style);
    return;
  }
  out += "<polyline points=\"";
  for (std::size_t i = 0; i < kept.size(); ++i) {
    fmt::format_to(to, "{}{:.2f},{:.2f}", i == 0 ? "" : " ", px_x(kept[i]), px_y(kept[i]));
  }
  fmt::format_to(to, "\" {}/>\n", style);
}

void add_axes(std::string& out, const Axes& axes, const Box& box) {
  auto to = std::back_inserter(out);
  out += "<g stroke=\"#dddddd\" stroke-width=\"1\">\n";
  for (const Tick& tick : axes.x.ticks) {
    const double x = box.left + axes.x.position(tick.value) * box.width;
    fmt::format_to(to, "<line x1=\"{0:.2f}\" y1=\"{1:.2f}\" x2=\"{0:.2f}\" y2=\"{2:.2f}\"/>\n", x,
                   box.top, box.top + box.height);
  }
  for (const Tick& tick : axes.y.ticks) {
    const double y = box.top + (1 - axes.y.position(tick.value)) * box.height;
    fmt::format_to(to, "<line x1=\"{1:.2f}\" y1=\"{0:.2f}\" x2=\"{2:.2f}\" y2=\"{0:.2f}\"/>\n", y,
                   box.left, box.left + box.width);
  }
  fmt::format_to(to,
                 "</g>\n<path d=\"M{0:.2f} {1:.2f}V{2:.2f}H{3:.2f}\" fill=\"none\" "
                 "stroke=\"#444444\"/>\n",
                 box.left, box.top, box.top + box.height, box.left + box.width);
  for (const Tick& tick : axes.x.ticks) {
    fmt::format_to(to, "<text x=\"{:.2f}\" y=\"{:.2f}\" text-anchor=\"middle\">{}</text>\n",
                   box.left + axes.x.position(tick.value) * box.width, box.top + box.height + 18,
                   escaped(tick.label));
  }
  for (const Tick& tick : axes.y.ticks) {
    fmt::format_to(to, "<text x=\"{:.2f}\" y=\"{:.2f}\" text-anchor=\"end\">{}</text>\n",
                   box.left - 8, box.top + (1 - axes.y.position(tick.value)) * box.height + 4,
                   escaped(tick.label));
  }
}

void add_legend(std::string& out, const Chart& chart, const Box& box) {
  std::size_t longest = 0;
  for (const Series& series : chart.series) {
    longest = std::max(longest, display_width(visible(series.label)));
  }
  const double width = static_cast<double>(longest) * kDigit_px + 44;
  const double left = box.left + box.width - width - 8;
  auto to = std::back_inserter(out);
  fmt::format_to(to,
                 "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" rx=\"3\" "
                 "fill=\"#ffffff\" fill-opacity=\"0.85\" stroke=\"#cccccc\"/>\n",
                 left, box.top + 8, width,
                 kLegend_line_px * static_cast<double>(chart.series.size()) + 8);
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const double y = box.top + 8 + kLegend_line_px * (static_cast<double>(i) + 0.5) + 4;
    fmt::format_to(to,
                   "<line x1=\"{0:.2f}\" y1=\"{2:.2f}\" x2=\"{1:.2f}\" y2=\"{2:.2f}\" "
                   "stroke=\"{3}\" stroke-width=\"3\"/>\n<text x=\"{4:.2f}\" y=\"{5:.2f}\">{6}"
                   "</text>\n",
                   left + 8, left + 28, y, kColors[i % kColors.size()], left + 36, y + 4,
                   escaped(chart.series[i].label));
  }
}

}  // namespace

std::string draw_svg(const Chart& chart, int width_px, int height_px) {
  const auto y_ticks_max = static_cast<std::size_t>(std::max(height_px / 60, 2));
  const auto x_ticks_max = static_cast<std::size_t>(std::max(width_px / 110, 2));
  const Axes axes = make_axes(chart, x_ticks_max, y_ticks_max, true);
  std::size_t label_columns = 1;
  for (const Tick& tick : axes.y.ticks) label_columns = std::max(label_columns, tick.label.size());
  Box box = {.left = static_cast<double>(label_columns) * kDigit_px + 20, .top = kTop};
  box.width = std::max(width_px - box.left - kRight, 10.0);
  box.height = std::max(height_px - kTop - kBottom, 10.0);

  std::string out;
  auto to = std::back_inserter(out);
  fmt::format_to(to,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
                 "viewBox=\"0 0 {0} {1}\" role=\"img\" font-family=\"sans-serif\" "
                 "font-size=\"12\" fill=\"#222222\">\n<title>{2}</title>\n"
                 "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n"
                 "<text x=\"{3:.2f}\" y=\"26\" font-size=\"15\">{2}</text>\n",
                 width_px, height_px, escaped(chart.title), box.left);
  add_axes(out, axes, box);
  fmt::format_to(to, "<text x=\"{:.2f}\" y=\"{:.2f}\" text-anchor=\"middle\">{}</text>\n",
                 box.left + box.width / 2, box.top + box.height + 42, escaped(chart.x_label));
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const Series& series = chart.series[i];
    const char* color = kColors[i % kColors.size()];
    const auto style = [&](const std::vector<Point>& points, const char* opacity) {
      return points.size() == 1 ? fmt::format("fill=\"{}\" opacity=\"{}\"", color, opacity)
                                : fmt::format(
                                      "fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" "
                                      "stroke-linejoin=\"round\" opacity=\"{}\"",
                                      color, opacity);
    };
    if (!series.raw.empty()) add_polyline(out, series.raw, axes, box, style(series.raw, "0.25"));
    if (!series.points.empty()) {
      add_polyline(out, series.points, axes, box, style(series.points, "1"));
    }
  }
  add_legend(out, chart, box);
  out += "</svg>\n";
  return out;
}

}  // namespace runlog::tools
