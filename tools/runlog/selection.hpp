// Selection: which records a subcommand shows and in which form, and the arguments that say so.
// They are the same in every subcommand that has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "runlog/exporter.hpp"
#include "runlog/record.hpp"

namespace runlog::tools {

/// Steps in [begin, end), as everywhere in runlog.
struct StepRange {
  std::optional<std::int64_t> begin = {};
  std::optional<std::int64_t> end = {};
};

/// Which records to show. Empty lists let everything through.
struct Filter {
  std::vector<Kind> kinds = {};
  std::vector<std::string> names = {};  // globs
  std::vector<std::string> runs = {};   // globs
  std::vector<std::int64_t> ranks = {};
  std::optional<std::int64_t> since_unix_ns = {};
  std::optional<StepRange> steps = {};
  bool apply_rewind = false;
};

/// Headings of --help.
inline constexpr const char* kPlain = "Options";  // CLI11's own
inline constexpr const char* kSelect = "Which records";

void add_path(Arguments& arguments, std::string& path);                 // PATH
void add_paths(Arguments& arguments, std::vector<std::string>& paths);  // PATH…
void add_kinds(Arguments& arguments, Filter& filter);                   // --kind
void add_names(Arguments& arguments, Filter& filter);                   // --name
/// --json, --csv, …: one of the library's; nullptr: text for people
void add_format(Arguments& arguments, const ExportFormat*& format);

/// --run
Argument add_run_globs(Arguments& arguments, std::vector<std::string>& runs);
/// --run, --rank
void add_runs(Arguments& arguments, Filter& filter, const char* heading = kSelect);
/// --since, --steps
void add_range(Arguments& arguments, Filter& filter, const char* heading = kSelect);
/// --rewind
void add_rewind(Arguments& arguments, Filter& filter, const char* heading = kSelect);

}  // namespace runlog::tools
