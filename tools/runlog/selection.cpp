#include "selection.hpp"

#include <charconv>
#include <string_view>

#include "moment.hpp"

namespace runlog::tools {
namespace {

constexpr const char* kForm = "How to show them";

std::optional<std::int64_t> parse_integer(const std::string& text) {
  std::int64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end.ec != std::errc{} || end.ptr != text.data() + text.size()) return {};
  return value;
}

// "5:", ":9", "5:9" or "5", which is 5:6.
std::optional<StepRange> parse_steps(const std::string& text) {
  StepRange range;
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) {
    range.begin = parse_integer(text);
    if (!range.begin) return {};
    if (*range.begin < INT64_MAX) range.end = *range.begin + 1;
    return range;
  }
  const std::string before = text.substr(0, colon);
  const std::string after = text.substr(colon + 1);
  if (!before.empty() && !(range.begin = parse_integer(before))) return {};
  if (!after.empty() && !(range.end = parse_integer(after))) return {};
  if (!range.begin && !range.end) return {};
  if (range.begin && range.end && *range.begin > *range.end) return {};
  return range;
}

Complaint take_steps(const std::string& text, Filter& filter) {
  filter.steps = parse_steps(text);
  if (filter.steps) return {};
  return "'" + text + "' is not A:B, A:, :B or A (steps from A up to, but not including, B)";
}

Complaint take_since(const std::string& text, Filter& filter) {
  filter.since_unix_ns = parse_moment(text, now_unix_ns());
  if (filter.since_unix_ns) return {};
  return "'" + text +
         "' is not a time; write 2026-11-22T17:00:00Z, 90s, 10m, 2h, 3d or nanoseconds since 1970";
}

std::vector<std::string> known_kinds() {
  std::vector<std::string> known;
  for (std::size_t number = 1; number < kKind_count; ++number) {
    known.emplace_back(kind_name(static_cast<Kind>(number)));
  }
  return known;
}

Complaint take_kinds(const std::vector<std::string>& names, Filter& filter) {
  for (const std::string& name : names) {
    const Kind kind = kind_from_name(name);
    if (kind == Kind::unknown && name != "unknown") {
      std::string known;
      for (const std::string& one : known_kinds()) known += (known.empty() ? "" : ", ") + one;
      return "no kind is called '" + name + "'; there are " + known;
    }
    filter.kinds.push_back(kind);
  }
  return {};
}

}  // namespace

void add_path(Arguments& arguments, std::string& path) {
  arguments
      .positional("PATH", path, "Root, run, journal, pack, segment, or URL or directory of a store")
      .required();
}

void add_paths(Arguments& arguments, std::vector<std::string>& paths) {
  arguments
      .positional("PATH", paths,
                  "Roots, runs, journals, packs, segments, or stores by URL or directory")
      .required();
}

void add_kinds(Arguments& arguments, Filter& filter) {
  arguments
      .texts(
          "--kind", "K[,K]",
          [&filter](const std::vector<std::string>& names) { return take_kinds(names, filter); },
          "Only these kinds: metric, text, param, …")
      .in_group(kSelect)
      .offers(known_kinds());
}

void add_names(Arguments& arguments, Filter& filter) {
  arguments.list("--name", "GLOB", filter.names, "Only names that match GLOB; may be repeated")
      .in_group(kSelect);
}

void add_format(Arguments& arguments, const ExportFormat*& format) {
  std::vector<Argument> flags;
  for (const ExportFormat& one : export_formats()) {
    Argument flag =
        arguments.flag(("--" + std::string(one.name)).c_str(), [&format, &one] { format = &one; },
                       std::string(one.summary).c_str());
    flag.in_group(kForm);
    for (const Argument& other : flags) flag.excludes(other);
    flags.push_back(flag);
  }
}

Argument add_run_globs(Arguments& arguments, std::vector<std::string>& runs) {
  return arguments.list("--run", "GLOB", runs, "Only runs whose id matches GLOB; may be repeated");
}

void add_runs(Arguments& arguments, Filter& filter, const char* heading) {
  add_run_globs(arguments, filter.runs).in_group(heading);
  arguments.list("--rank", "N", filter.ranks, "Only rank N; may be repeated").in_group(heading);
}

void add_range(Arguments& arguments, Filter& filter, const char* heading) {
  arguments
      .text(
          "--since", "TIME",
          [&filter](const std::string& text) { return take_since(text, filter); },
          "Only what was logged at TIME or later, or in the last 10m, 2h, …")
      .in_group(heading);
  arguments
      .text(
          "--steps", "A:B", [&filter](const std::string& text) { return take_steps(text, filter); },
          "Only steps from A up to, not including, B")
      .in_group(heading);
}

void add_rewind(Arguments& arguments, Filter& filter, const char* heading) {
  arguments.flag("--rewind", filter.apply_rewind, "Leave out what a later rewind made void")
      .in_group(heading);
}

}  // namespace runlog::tools
