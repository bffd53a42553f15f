#include "bench/compare/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include <nlohmann/json.hpp>

namespace bench {
namespace {

using nlohmann::json;

struct Spread {
  double median = 0, low = 0, high = 0;
};

std::optional<Spread> spread(const json& results, const std::string& peer, const std::string& mode,
                             const char* field) {
  if (!results.contains(peer) || !results[peer].contains(mode)) return {};
  std::vector<double> values;
  for (const json& one : results[peer][mode]) {
    if (one.contains(field)) values.push_back(one[field].get<double>());
  }
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return Spread{values[values.size() / 2], values.front(), values.back()};
}

std::string number(double value) {
  if (value >= 1e6) return fmt::format("{:.1f} M", value / 1e6);
  if (value >= 10'000) return fmt::format("{:.1f} k", value / 1e3);
  if (value >= 100) return fmt::format("{:.0f}", value);
  return fmt::format("{:.1f}", value);
}

struct Cell {
  const char* title;
  const char* mode;
  const char* field;
  bool with_spread = false;
};
constexpr Cell kCells[] = {
    {"burst p50 ns (min–max)", "burst", "p50", true},
    {"p99.9", "burst", "p999"},
    {"text p50", "burst-text", "p50"},
    {"paced p50", "paced", "p50"},
    {"p99.9", "paced", "p999"},
    {"p99.99", "paced", "p9999"},
    {"max", "paced", "max"},
    {"tight 1 M/s (min–max)", "tight-1", "mrec_s", true},
    {"closed", "tight-1", "mrec_s_closed"},
    {"2 thr", "tight-2", "mrec_s"},
    {"4 thr", "tight-4", "mrec_s"},
    {"tight CPU ns", "tight-1", "cpu_ns"},
    {"bg CPU ns", "rate", "background_cpu_ns"},
    {"B/rec disk", "rate", "disk_bytes"},
    {"shipped", "rate", "shipped_bytes"},
    {"lost 180k/s", "kill", "lost"},
    {"lost tight", "kill-tight", "lost"},
};

std::string text_of(const json& results, const std::string& peer, const Cell& cell) {
  const auto found = spread(results, peer, cell.mode, cell.field);
  if (!found) return "–";
  if (!cell.with_spread) return number(found->median);
  return fmt::format("{} ({}–{})", number(found->median), number(found->low), number(found->high));
}

// Terminal columns, not bytes: the dashes above are three bytes long.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string table(const json& results, const std::vector<std::string>& order) {
  std::vector<const Cell*> cells;
  for (const Cell& cell : kCells) {
    const bool is_there = std::any_of(order.begin(), order.end(), [&](const std::string& peer) {
      return spread(results, peer, cell.mode, cell.field).has_value();
    });
    if (is_there) cells.push_back(&cell);
  }
  std::vector<std::vector<std::string>> rows;
  rows.push_back({"writer"});
  for (const Cell* cell : cells) rows.back().emplace_back(cell->title);
  for (const std::string& peer : order) {
    if (!results.contains(peer)) continue;
    rows.push_back({peer});
    for (const Cell* cell : cells) rows.back().push_back(text_of(results, peer, *cell));
  }
  std::string out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t column = 0; column < rows[row].size(); ++column) {
      std::size_t wide = 0;
      for (const auto& other : rows) wide = std::max(wide, width(other[column]));
      const std::string& text = rows[row][column];
      const std::string fill(wide - width(text), ' ');
      out += column == 0 ? "| " + text + fill : " | " + fill + text;
    }
    out += " |\n";
    if (row == 0) {
      out += "|";
      for (std::size_t column = 0; column < rows[0].size(); ++column) {
        std::size_t wide = 0;
        for (const auto& other : rows) wide = std::max(wide, width(other[column]));
        out += column == 0 ? std::string(wide + 2, '-') + "|" : std::string(wide + 1, '-') + ":|";
      }
      out += "\n";
    }
  }
  return out;
}

std::string chart_svg(const json& results, const std::vector<std::string>& order,
                      const std::string& caption) {
  struct Bar {
    std::string peer;
    double ns;
    std::optional<double> lost;
  };
  std::vector<Bar> bars;
  for (const std::string& peer : order) {
    const auto ns = spread(results, peer, "burst", "p50");
    if (!ns) continue;
    const auto lost = spread(results, peer, "kill-tight", "high");
    const auto most = spread(results, peer, "kill", "lost");
    const auto tight = spread(results, peer, "kill-tight", "lost");
    (void)lost;
    std::optional<double> worst;
    if (most) worst = most->high;
    if (tight) worst = std::max(worst.value_or(0), tight->high);
    bars.push_back({peer, ns->median, worst});
  }
  std::sort(bars.begin(), bars.end(), [](const Bar& a, const Bar& b) { return a.ns < b.ns; });
  constexpr double kLeft = 130, kWide = 430, kRow = 24, kTop = 56;
  const double high = kTop + kRow * static_cast<double>(bars.size()) + 40;
  const auto x_of = [&](double ns) { return kWide * std::log10(std::max(ns, 1.0)) / 5.0; };
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 {:.0f}\" "
      "font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
      "<text x=\"12\" y=\"20\" font-size=\"15\">Cost of one metric for the caller, and what "
      "SIGKILL took</text>\n<text x=\"12\" y=\"38\" fill=\"#555\">{}</text>\n",
      high, caption);
  for (int power = 0; power <= 5; ++power) {
    const double x = kLeft + x_of(std::pow(10, power));
    out += fmt::format(
        "<line x1=\"{0:.1f}\" y1=\"{1:.0f}\" x2=\"{0:.1f}\" y2=\"{2:.0f}\" stroke=\"#ddd\"/>"
        "<text x=\"{0:.1f}\" y=\"{3:.0f}\" text-anchor=\"middle\" fill=\"#555\">{4} ns</text>\n",
        x, kTop, high - 30, high - 14, static_cast<long>(std::pow(10, power)));
  }
  double y = kTop;
  for (const Bar& bar : bars) {
    // Red: it lost records. Two shades of one hue would not do for a print in grey: the number
    // beside the bar says it again.
    const bool is_ours = bar.peer.starts_with("runlog");
    const bool loses = bar.lost && *bar.lost > 0;
    const char* const fill = is_ours ? "#1b6e3c" : loses ? "#c0392b" : "#5b7fa6";
    const std::string lost = !bar.lost ? std::string("not tried")
                             : loses   ? fmt::format("up to {} lost", number(*bar.lost))
                                       : std::string("none lost");
    out += fmt::format(
        "<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"end\">{}</text>"
        "<rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.1f}\" height=\"16\" fill=\"{}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.0f}\">{} ns, {}</text>\n",
        kLeft - 8, y + 16, bar.peer, kLeft, y + 4, std::max(1.0, x_of(bar.ns)), fill,
        kLeft + x_of(bar.ns) + 6, y + 16, number(bar.ns), lost);
    y += kRow;
  }
  return out + "</svg>\n";
}

}  // namespace bench
