#include "runlog/record.hpp"

#include <array>
#include <utility>

namespace runlog {
namespace {

constexpr std::array<std::pair<Kind, std::string_view>, 19> kNames = {{
    {Kind::unknown, "unknown"},
    {Kind::metric, "metric"},
    {Kind::text, "text"},
    {Kind::param, "param"},
    {Kind::tag, "tag"},
    {Kind::tag_removed, "tag_removed"},
    {Kind::property, "property"},
    {Kind::list, "list"},
    {Kind::row, "row"},
    {Kind::table, "table"},
    {Kind::histogram, "histogram"},
    {Kind::image, "image"},
    {Kind::json, "json"},
    {Kind::file, "file"},
    {Kind::rewind, "rewind"},
    {Kind::status, "status"},
    {Kind::child, "child"},
    {Kind::gap, "gap"},
    {Kind::spill, "spill"},
}};

}  // namespace

std::string_view kind_name(Kind kind) noexcept {
  for (const auto& [value, name] : kNames) {
    if (value == kind) return name;
  }
  return "unknown";
}

Kind kind_from_name(std::string_view name) noexcept {
  for (const auto& [value, known] : kNames) {
    if (known == name) return value;
  }
  return Kind::unknown;
}

}  // namespace runlog
