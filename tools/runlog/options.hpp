// What the command line asked for, one plain struct per subcommand. Parsing is in options.cpp, the
// only file that knows CLI11.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/exit_codes.hpp"
#include "runlog/reader.hpp"
#include "runlog/record.hpp"

namespace runlog::tools {

enum class Format { text, json, csv };

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

struct ListCommand {
  std::string path = {};
  bool quick = false;
  bool json = false;
};

struct CatCommand {
  std::string path = {};
  Filter filter = {};
  Format format = Format::text;
};

struct TailCommand {
  std::string path = {};
  Filter filter = {};
  Format format = Format::text;
  bool follow = false;
  std::uint64_t lines = 10;
};

struct StatCommand {
  std::vector<std::string> paths = {};
  bool all = false;
};

struct VerifyCommand {
  std::vector<std::string> paths = {};
  bool json = false;
};

struct PlotCommand {
  std::string path = {};
  std::vector<std::string> series = {};  // names or globs
  Filter filter = {};
  bool by_time = false;
  bool log_y = false;
  double smooth = 0;     // weight of the past, [0, 1)
  std::string svg = {};  // file, "-" for stdout, empty for the terminal
  int width = 0;         // columns, or pixels with --svg; 0: choose
  int height = 0;
};

struct SalvageCommand {
  std::string path = {};
  Filter filter = {};
  Format format = Format::text;
};

struct CleanCommand {
  std::string root = {};
  std::string store = {};
  bool dry_run = false;
  bool json = false;
};

struct PullCommand {
  std::string url = {};
  std::string directory = {};
  std::vector<std::string> runs = {};  // globs
  bool json = false;
};

struct DoctorCommand {
  std::string url = {};
  bool json = false;
};

using Command = std::variant<ListCommand, CatCommand, TailCommand, StatCommand, VerifyCommand,
                             PlotCommand, SalvageCommand, CleanCommand, PullCommand, DoctorCommand>;

/// The command, or the exit code when there is nothing (more) to do: help and version have been
/// printed, or an error has been explained on stderr.
struct Parsed {
  std::optional<Command> command = {};
  int exit_code = exit_whole;
};

Parsed parse_options(int argc, char** argv);

}  // namespace runlog::tools
