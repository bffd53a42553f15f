#include "report.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/console.hpp"
#include "cli/damage_text.hpp"
#include "cli/journal_fields.hpp"
#include "cli/table.hpp"
#include "cli/units.hpp"

namespace runlog::recover_tool {
namespace {

using tools::Cell;
using tools::Color;
using Verdict = RecoverOutcome::Verdict;

constexpr const char* kProgram = "runlog-recover";
constexpr std::size_t kDamage_max = 5;  // places named without --verbose
constexpr std::size_t kBar_columns = 24;
constexpr const char* kWipe = "\r\x1b[K";  // back to the start of the line, wipe it

Color verdict_color(Verdict verdict) {
  switch (verdict) {
    case Verdict::shipped:
      return Color::green;
    case Verdict::live:
      return Color::cyan;
    case Verdict::waiting:
      return Color::yellow;
    case Verdict::failed:
      return Color::red;
    case Verdict::foreign:
      return Color::dim;
  }
  return Color::none;
}

std::string journal_name(const JournalInfo& info) {
  const std::string run = info.run_id.empty() ? info.path.native() : info.run_id;
  return run + " rank " + std::to_string(info.rank) + " attempt " + std::to_string(info.attempt);
}

bool has_losses(const RecoverOutcome& outcome) {
  return outcome.records_damaged > 0 || outcome.records_dropped > 0 || !outcome.damage.empty();
}

// Finished before this call, as most journals of a root that is recovered every day.
bool is_old(const RecoverOutcome& outcome) {
  return outcome.verdict == Verdict::shipped && outcome.records_kept == 0 &&
         outcome.packs_shipped == 0 && !has_losses(outcome);
}

// "packed" where there is no store to ship to.
std::string result_text(const RecoverOutcome& outcome, const Command& command) {
  const bool has_store = !outcome.journal.store_url.empty() || !command.recover.store.empty();
  if (outcome.verdict == Verdict::shipped && !has_store) return "packed";
  return std::string(verdict_name(outcome.verdict));
}

// "at least 12", where some file does not tell how many it held.
std::string damaged_text(const RecoverOutcome& outcome) {
  const bool is_exact = std::all_of(outcome.damage.begin(), outcome.damage.end(),
                                    [](const Damage& one) { return one.exact; });
  return (is_exact ? "" : "at least ") + std::to_string(outcome.records_damaged);
}

// One line for --watch, where no table will follow.
std::string news_text(const RecoverOutcome& outcome, const Command& command) {
  const JournalInfo& info = outcome.journal;
  std::string words =
      journal_name(info) + ": " + tools::ended_text(info) + ", last step " +
      tools::step_text(info.last_step) + " at " + tools::short_time(info.last_time_ns) + "; " +
      result_text(outcome, command) + ": " + tools::counted(outcome.records_kept, "record") +
      " kept, " + damaged_text(outcome) + " damaged, " + std::to_string(outcome.records_dropped) +
      " dropped, " + tools::short_bytes(outcome.bytes_shipped) + " shipped";
  return words;
}

}  // namespace

Report::Report(const Command& command, bool others_are_handled)
    : command_(command),
      others_are_handled_(others_are_handled),
      has_color_(tools::may_color(STDERR_FILENO)),
      has_progress_(tools::is_terminal(STDERR_FILENO) && !command.quiet && !command.watch) {}

bool Report::is_shown(const RecoverOutcome& outcome) const {
  if (outcome.verdict == Verdict::live || is_old(outcome)) return command_.verbose;
  if (!command_.quiet) return true;
  return outcome.verdict != Verdict::shipped || has_losses(outcome);
}

// Each once, also with --watch. Who works for one owner leaves the others to who has started it.
void Report::add_foreign(const RecoverOutcome& outcome) {
  owners_.insert(outcome.owner);
  if (others_are_handled_ || command_.owner) return;
  const std::string path = outcome.journal.path.native();
  if (!foreign_[outcome.owner].emplace(path, outcome.message).second) return;
  write_json(outcome);
  if (command_.watch && !command_.quiet) tools::say(kProgram, path + ": " + outcome.message);
}

void Report::add(const RecoverOutcome& outcome) {
  if (outcome.verdict == Verdict::foreign) return add_foreign(outcome);
  const std::string path = outcome.journal.path.native();
  const auto [at, is_new] = outcomes_.try_emplace(path);
  if (is_new) order_.push_back(path);
  at->second = outcome;
  if (command_.watch) {
    say_news(outcome);
  } else {
    write_json(outcome);
  }
}

// A line at once, for who reads along. A reader that went away is no reason to stop recovering.
void Report::write_json(const RecoverOutcome& outcome) {
  if (!command_.json || !stdout_is_open_) return;
  const std::string line = outcome_json(outcome, tools::is_terminal(STDOUT_FILENO)) + "\n";
  stdout_is_open_ =
      std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fflush(stdout) == 0;
}

// The same journal comes by in every round; only a change is worth a line.
void Report::say_news(const RecoverOutcome& outcome) {
  const std::string news = std::string(verdict_name(outcome.verdict)) + outcome.message;
  std::string& last = news_[outcome.journal.path.native()];
  if (news == last || (is_old(outcome) && !last.empty())) return;
  last = news;
  write_json(outcome);
  if (!is_shown(outcome)) return;
  tools::say(kProgram, news_text(outcome, command_));
  say_details(outcome);
}

void Report::add_failure(const std::string& root, const Error& error) {
  std::string& last = failures_[root];
  if (last == error.message) return;
  last = error.message;
  tools::say_error(kProgram, root, error);
}

void Report::say_details(const RecoverOutcome& outcome) const {
  const std::string name = journal_name(outcome.journal);
  if (!outcome.message.empty() && outcome.verdict != Verdict::live) {
    const bool says_more = outcome.message.find("; ") != std::string::npos;
    const bool waits = outcome.verdict == Verdict::waiting && !command_.recover.dry_run;
    tools::say(kProgram, name + ": " + outcome.message +
                             (waits && !says_more ? "; all of it is on disk, run this again" : ""));
  }
  const std::size_t shown =
      command_.verbose ? outcome.damage.size() : std::min(outcome.damage.size(), kDamage_max);
  for (std::size_t i = 0; i < shown; ++i) {
    tools::say(kProgram, name + ": " + tools::damage_text(outcome.damage[i]));
  }
  if (shown < outcome.damage.size()) {
    tools::say(kProgram, name + ": " + std::to_string(outcome.damage.size() - shown) +
                             " more damaged places; --verbose names them");
  }
}

void Report::show() const {
  tools::Table table({"RUN", ">RANK", ">ATT", ">LAST STEP", "LAST TIME", ">KEPT", ">DAMAGED",
                      ">DROPPED", ">SHIPPED", "RESULT", "ENDED"});
  std::size_t live = 0;
  std::size_t old = 0;
  for (const std::string& path : order_) {
    const RecoverOutcome& outcome = outcomes_.at(path);
    const JournalInfo& info = outcome.journal;
    if (outcome.verdict == Verdict::live) ++live;
    if (is_old(outcome)) ++old;
    if (!is_shown(outcome)) continue;
    const auto count = [](std::uint64_t n, Color color) {
      return Cell(std::to_string(n), n > 0 ? color : Color::none);
    };
    table.add({tools::visible(info.run_id.empty() ? path : info.run_id), std::to_string(info.rank),
               std::to_string(info.attempt), tools::step_text(info.last_step),
               tools::short_time(info.last_time_ns), std::to_string(outcome.records_kept),
               Cell(damaged_text(outcome), outcome.records_damaged > 0 ? Color::red : Color::none),
               count(outcome.records_dropped, Color::yellow),
               tools::short_bytes(outcome.bytes_shipped),
               Cell(result_text(outcome, command_), verdict_color(outcome.verdict)),
               tools::visible(tools::ended_text(info))});
  }
  if (table.size() > 0) std::fputs(table.text(has_color_).c_str(), stderr);
  for (const std::string& path : order_) {
    const RecoverOutcome& outcome = outcomes_.at(path);
    if (is_shown(outcome)) say_details(outcome);
  }
  if (command_.quiet) return;
  if (order_.empty() && failures_.empty() && owners_.empty()) {
    tools::say(kProgram, command_.roots.front() + ": no journals in it");
  }
  for (const auto& [owner, paths] : foreign_) {
    for (const auto& [path, why] : paths) {
      if (command_.verbose || paths.size() == 1) tools::say(kProgram, path + ": " + why);
    }
    if (command_.verbose || paths.size() == 1) continue;
    tools::say(kProgram, std::to_string(paths.size()) + " journals or runs of uid " +
                             std::to_string(owner) + " left alone; -v names them");
  }
  if (command_.verbose) return;
  if (old > 0) tools::say(kProgram, tools::counted(old, "journal") + " had been finished before");
  if (live > 0) {
    tools::say(kProgram, tools::counted(live, "journal") +
                             " left alone, still being written or recovered; -v names them");
  }
}

void Report::wipe_progress() {
  if (progress_is_shown_) std::fputs(kWipe, stderr);
  progress_is_shown_ = false;
}

void Report::show_progress(const RecoverProgress& progress) {
  if (!has_progress_ || progress.journals == 0) return;
  const std::uint64_t bytes = progress.bytes_shipped + progress.bytes_waiting;
  const double part =
      bytes > 0
          ? static_cast<double>(progress.bytes_shipped) / static_cast<double>(bytes)
          : static_cast<double>(progress.journals_done) / static_cast<double>(progress.journals);
  const auto filled = std::min(static_cast<std::size_t>(part * kBar_columns), kBar_columns);
  std::string line =
      "[" + std::string(filled, '#') + std::string(kBar_columns - filled, '.') + "] ";
  if (bytes > 0) {
    line += tools::short_bytes(progress.bytes_shipped) + " of " + tools::short_bytes(bytes) + ", ";
  }
  line += std::to_string(progress.journals_done) + "/" + std::to_string(progress.journals) +
          " journals";
  const auto columns = static_cast<std::size_t>(tools::terminal_columns(STDERR_FILENO, 80));
  // One column stays free: some terminals break the line in the last one.
  if (line.size() + 1 > columns) line.resize(columns > 1 ? columns - 1 : 0);
  if (line.size() + 3 < columns && !progress.run_id.empty()) {
    line += "  " + tools::shortened(tools::visible(progress.run_id), columns - line.size() - 3);
  }
  progress_is_shown_ = true;
  std::fputs((kWipe + line).c_str(), stderr);
}

int Report::exit_code() const {
  bool waits = false;
  bool lost = false;
  for (const auto& [path, outcome] : outcomes_) {
    waits |= outcome.verdict == Verdict::waiting || outcome.verdict == Verdict::failed;
    lost |= has_losses(outcome);
  }
  if (waits) return tools::exit_waiting;
  if (!failures_.empty()) return tools::exit_failed;
  return lost ? tools::exit_damaged : tools::exit_whole;
}

}  // namespace runlog::recover_tool
