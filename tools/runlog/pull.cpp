// pull: copies runs from a store into a directory. The library copies and checks; this prints.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "cli/console.hpp"
#include "cli/text.hpp"
#include "cli/units.hpp"
#include "commands.hpp"
#include "json.hpp"
#include "runlog/store.hpp"

namespace runlog::tools {
namespace {

/// So much arrives between two looks at the line of progress.
constexpr std::uint64_t kProgress_bytes = 1u << 20;

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

}  // namespace

int run(const PullCommand& command, Output& out) {
  Progress progress;
  PullOptions options;
  options.runs = command.runs;
  options.on_bytes = [&](std::uint64_t bytes) { progress.add_bytes(bytes); };
  options.on_object = [&](const PulledObject& object) {
    progress.add_object();
    if (command.json) {
      out.write(pulled_json(object, out.is_terminal()) + "\n");
    } else if (object.replaced) {
      progress.clear();
      say("runlog", object.name + ": the copy here was damaged, and was replaced");
    } else if (!object.message.empty()) {
      progress.clear();
      say("runlog", object.name + ": " + verdict_text(object.verdict) + ": " + object.message);
    }
  };
  const auto report = pull(command.url, command.directory, options);
  progress.clear();
  out.flush();
  if (!report) {
    say_error("runlog", command.url, report.error());
    return exit_failed;
  }
  std::string total = command.directory + ": " + counted(report->runs, "run") + ", copied " +
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

}  // namespace runlog::tools
