// pull: copies runs from a store into a directory. The library copies and checks; this prints.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "cli/console.hpp"
#include "cli/json_object.hpp"
#include "cli/text.hpp"
#include "cli/units.hpp"
#include "runlog/store.hpp"
#include "selection.hpp"
#include "subcommand.hpp"

namespace runlog::tools {
namespace {

/// So much arrives between two looks at the line of progress.
constexpr std::uint64_t kProgress_bytes = 1u << 20;

struct Options {
  std::string url = {};
  std::string directory = {};
  std::vector<std::string> runs = {};  // globs
  bool json = false;
};

void declare(Arguments& arguments, Options& options) {
  arguments.positional("URL", options.url, "A store, or a project or run in it: s3://b/p/project=x")
      .required();
  arguments.positional("DIR", options.directory, "The directory; it then reads like the store")
      .required();
  add_run_globs(arguments, options.runs);
  arguments.flag("--json", options.json, "One JSON object per object and line");
  arguments.footer(
      "Exit: 0 all is here, 1 could not run, 2 usage, 3 damaged, 4 not all; run it again.");
}

const char* verdict_text(PulledObject::Verdict verdict) {
  switch (verdict) {
    case PulledObject::Verdict::copied:
      return "copied";
    case PulledObject::Verdict::present:
      return "present";
    case PulledObject::Verdict::damaged:
      return "damaged";
    case PulledObject::Verdict::failed:
      break;
  }
  return "failed";
}

std::string pulled_json(const PulledObject& pulled, bool for_terminal) {
  JsonObject object;
  object.set("name", pulled.name);
  object.set("bytes", pulled.bytes);
  object.set("verdict", verdict_text(pulled.verdict));
  if (pulled.replaced) object.set("replaced", true);
  if (!pulled.message.empty()) object.set("message", pulled.message);
  return object.line(for_terminal);
}

// One line on stderr that is written over and over; nothing where stderr is not a terminal.
class Progress {
 public:
  ~Progress() { clear(); }

  void add_bytes(std::uint64_t bytes) {
    bytes_ += bytes;
    if (bytes_ - shown_bytes_ >= kProgress_bytes) show();
  }
  void add_object() {
    ++objects_;
    if (objects_ % 16 == 1) show();
  }
  void clear() {
    if (is_shown_) std::fputs("\r\x1b[K", stderr);
    is_shown_ = false;
  }

 private:
  void show() {
    if (!is_terminal_) return;
    shown_bytes_ = bytes_;
    is_shown_ = true;
    const std::string line = "\r\x1b[K" + counted(objects_, "object") + ", " + short_bytes(bytes_);
    std::fputs(line.c_str(), stderr);
  }

  const bool is_terminal_ = is_terminal(STDERR_FILENO);
  std::uint64_t objects_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t shown_bytes_ = 0;
  bool is_shown_ = false;
};

int exit_code_of(const PullReport& report) {
  if (report.damaged > 0) return exit_damaged;
  return report.failed > 0 || !report.stopped_by.empty() ? exit_waiting : exit_whole;
}

int run(const Options& options, Output& out) {
  Progress progress;
  PullOptions how;
  how.runs = options.runs;
  how.on_bytes = [&](std::uint64_t bytes) { progress.add_bytes(bytes); };
  how.on_object = [&](const PulledObject& object) {
    progress.add_object();
    if (options.json) {
      out.write(pulled_json(object, out.is_terminal()) + "\n");
    } else if (object.replaced) {
      progress.clear();
      say("runlog", object.name + ": the copy here was damaged, and was replaced");
    } else if (!object.message.empty()) {
      progress.clear();
      say("runlog", object.name + ": " + verdict_text(object.verdict) + ": " + object.message);
    }
  };
  const auto report = pull(options.url, options.directory, how);
  progress.clear();
  out.flush();
  if (!report) {
    say_error("runlog", options.url, report.error());
    return exit_failed;
  }
  std::string total = options.directory + ": " + counted(report->runs, "run") + ", copied " +
                      counted(report->copied, "object") + ", " + short_bytes(report->bytes_copied);
  if (report->replaced > 0) {
    total += ", " + std::to_string(report->replaced) + " of them over damaged copies";
  }
  if (report->present > 0) total += "; " + std::to_string(report->present) + " were here";
  if (report->damaged > 0)
    total += "; " + std::to_string(report->damaged) + " damaged in the store";
  if (report->failed > 0) total += "; " + std::to_string(report->failed) + " not copied";
  if (!report->stopped_by.empty()) total += "; gave up: " + report->stopped_by;
  const int exit_code = exit_code_of(*report);
  if (exit_code == exit_waiting) total += "; run it again for the rest";
  say("runlog", total);
  return exit_code;
}

const Subcommand kPull(90, "pull", "Copy runs from a store into a directory", declare, run);

}  // namespace
}  // namespace runlog::tools
