// Report: what became of the journals, for people (a table on stderr), for programs (JSON lines on
// stdout), and as an exit code.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "options.hpp"
#include "runlog/recover.hpp"

namespace runlog::recover_tool {

/// One object per line: the keys of `runlog ls --json` and verdict, records_kept, records_damaged,
/// records_dropped, packs_sent, bytes_sent, damage, message. `for_terminal`: also escape what JSON
/// allows but a terminal would act on.
std::string outcome_json(const RecoverOutcome& outcome, bool for_terminal);

/// Keeps the last outcome of each journal and shows them.
class Report {
 public:
  /// `command` must outlive this. `others_are_handled`: nothing is said of other users' journals.
  Report(const Command& command, bool others_are_handled);

  /// A journal is done: writes its JSON line; with --watch its words too, when they are news.
  void add(const RecoverOutcome& outcome);

  /// The owners of journals that were left alone as they are other users'.
  [[nodiscard]] std::set<std::uint32_t> take_owners() { return std::exchange(owners_, {}); }

  /// A root could not be read. Said at once, but with --watch only once for the same reason.
  void add_failure(const std::string& root, const Error& error);

  /// The table of all there is, and what is to be done about it. Not for --watch.
  void show() const;

  /// How far this round has come, on a terminal: by bytes where there are any.
  void show_progress(const RecoverProgress& progress);
  void wipe_progress();

  /// The first that applies: `exit_waiting`, when some records are on this machine only;
  /// `exit_failed`, when a root could not be read; `exit_damaged`, when everything is in its store
  /// but some records were damaged or had been dropped; `exit_whole`.
  [[nodiscard]] int exit_code() const;

 private:
  [[nodiscard]] bool is_shown(const RecoverOutcome& outcome) const;
  void write_json(const RecoverOutcome& outcome);
  void say_details(const RecoverOutcome& outcome) const;
  void say_news(const RecoverOutcome& outcome);
  void add_foreign(const RecoverOutcome& outcome);

  const Command& command_;
  const bool others_are_handled_;
  std::set<std::uint32_t> owners_;
  std::map<std::uint32_t, std::map<std::string, std::string>> foreign_;  // owner, path → why
  bool has_color_;
  bool has_progress_;
  bool progress_is_shown_ = false;
  bool stdout_is_open_ = true;
  std::vector<std::string> order_;  // journal paths as they came
  std::map<std::string, RecoverOutcome> outcomes_;
  std::map<std::string, std::string> news_;      // journal path → what was said of it last
  std::map<std::string, std::string> failures_;  // root → why
};

}  // namespace runlog::recover_tool
