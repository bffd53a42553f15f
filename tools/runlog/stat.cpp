// stat: what a journal is about, on one screen. JournalDigest has it in the order of the screen.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/console.hpp"
#include "cli/journal_fields.hpp"
#include "cli/table.hpp"
#include "cli/units.hpp"
#include "findings.hpp"
#include "journal_digest.hpp"
#include "runlog/crash.hpp"
#include "selection.hpp"
#include "subcommand.hpp"
#include "symbols.hpp"

namespace runlog::tools {
namespace {

constexpr std::size_t kRows_max = 20;  // series, files and params shown without --all
constexpr std::size_t kLabel_columns = 11;
constexpr std::size_t kValue_columns = 24;  // of a param that is not alone on its line
constexpr int kColumns_max = 100;

struct Options {
  std::vector<std::string> paths = {};
  bool all = false;
};

void declare(Arguments& arguments, Options& options) {
  add_paths(arguments, options.paths);
  arguments.flag("-a,--all", options.all, "Show every series, param and file, however many");
}

class Screen {
 public:
  Screen(Output& out, bool all) : out_(out), all_(all) {}

  void show(const JournalInfo& info, const JournalDigest& digest) {
    title(info);
    who(info);
    crash(info);
    store(info);
    facts("params", digest.params);
    facts("tags", digest.tags);
    facts("properties", digest.properties);
    texts(digest);
    files(digest);
    series(digest);
  }

 private:
  void line(std::string_view label, const std::string& text) {
    if (text.empty()) return;
    std::string padded(label);
    padded.append(kLabel_columns - std::min(kLabel_columns, label.size()), ' ');
    out_.write("  " + painted(padded, Color::dim, out_.has_color()) + " " + fit(text) + "\n");
  }

  // On a terminal a long command line takes one line; elsewhere nothing is cut.
  std::string fit(const std::string& text) const {
    if (!out_.is_terminal() || all_) return text;
    const auto columns = static_cast<std::size_t>(terminal_columns(out_.fd(), kColumns_max));
    return shortened(text, columns > 40 ? columns - kLabel_columns - 3 : 40);
  }

  void title(const JournalInfo& info) {
    const std::string run = info.run_id.empty() ? info.path.native() : info.run_id;
    out_.write(painted(visible(run), Color::bold, out_.has_color()) + "  rank " +
               std::to_string(info.rank) + " of " + std::to_string(info.world) + ", attempt " +
               std::to_string(info.attempt) + "\n");
  }

  void who(const JournalInfo& info) {
    const bool has_trace = info.state != JournalState::crashed || !info.end_reason.empty();
    line("state", visible(ended_text(info)) +
                      (has_trace ? ""
                                 : ": SIGKILL, the kernel's OOM killer, _exit, power loss, or "
                                   "what the process could not see"));
    std::string when;
    if (info.created_unix_ns != 0) {
      when = short_time(info.created_unix_ns);
      if (info.last_time_ns >= info.created_unix_ns) {
        when += " to " + short_time(info.last_time_ns);
        std::int64_t ns = 0;  // meta.json may hold any number
        if (!__builtin_sub_overflow(info.last_time_ns, info.created_unix_ns, &ns)) {
          when += ", " + short_duration(ns);
        }
      }
    }
    line("when", when);
    std::string records = std::to_string(info.records);
    if (info.last_step) records += ", last step " + std::to_string(*info.last_step);
    if (info.records_lost > 0) records += ", " + std::to_string(info.records_lost) + " lost";
    if (info.records_dropped > 0) {
      records += ", " + std::to_string(info.records_dropped) + " dropped";
    }
    line("records", records);
    if (!info.host.empty()) {
      line("where", visible(info.host) + ", pid " + std::to_string(info.pid));
    }
    line("command", visible(info.command_line));
    line("journal", visible(info.path.native()));
    line("session",
         visible(info.session) +
             (info.parent_session.empty() ? "" : ", forked from " + visible(info.parent_session)));
    line("project", visible(info.project));
    line("experiment", visible(info.experiment));
    line("name", visible(info.name));
    line("group", visible(info.group));
    line("parent", visible(info.parent_run));
  }

  // What the process left in its journal, where that is at hand.
  void crash(const JournalInfo& info) {
    const auto report = read_crash(info.path);
    if (!report) return;
    if (report->time_ns != 0) {
      std::string thread = report->thread == report->pid ? "the main thread" : "thread ";
      if (report->thread != report->pid) thread += std::to_string(report->thread);
      if (!report->thread_name.empty()) thread += " (" + visible(report->thread_name) + ")";
      line("died", short_time(report->time_ns) + ", in " + thread);
      line("asked", visible(report->stop_request));
    }
    frames(*report, info);
  }

  void frames(const CrashReport& report, const JournalInfo& info) {
    // Files that somebody else's journal names are not opened.
    struct stat journal {};
    const bool is_own = ::stat(info.path.c_str(), &journal) == 0 && journal.st_uid == ::geteuid();
    const std::vector<std::string> names =
        is_own ? function_names(report.frames) : std::vector<std::string>(report.frames.size());
    const std::size_t shown = all_ ? names.size() : std::min(names.size(), kRows_max);
    for (std::size_t i = 0; i < shown; ++i) {
      const CrashFrame& frame = report.frames[i];
      std::array<char, 24> offset{};
      std::snprintf(offset.data(), offset.size(), "0x%llx",
                    static_cast<unsigned long long>(frame.offset));
      std::string text = "    #" + std::to_string(i) + " " + visible(names[i]);
      if (!names[i].empty()) text += " in ";
      text += frame.module.empty() ? offset.data() : visible(frame.module) + "+" + offset.data();
      if (!frame.build_id.empty()) text += " (build id " + frame.build_id + ")";
      out_.write(text + "\n");
    }
    if (shown < names.size()) {
      out_.write("    … " + std::to_string(names.size() - shown) + " more; --all shows them\n");
    }
  }

  void store(const JournalInfo& info) {
    if (info.store_url.empty() && info.path.filename().native().starts_with("run_id=")) {
      return line("store", visible(info.path.native()));  // it was read from there
    }
    line("store", info.store_url.empty() ? "none: the records stay on this machine"
                                         : visible(info.store_url));
    if (info.path.filename().native().starts_with("run_id=")) {
      return line("packs", std::to_string(info.packs_shipped));
    }
    std::string waiting;
    const auto add = [&waiting](std::uint64_t count, const char* noun) {
      if (count > 0) waiting += (waiting.empty() ? "" : " and ") + counted(count, noun);
    };
    add(info.segments_waiting, "segment");
    add(info.packs_waiting, "pack");
    add(info.blobs_waiting, "artifact");
    if (waiting.empty() && info.bytes_waiting > 0) waiting = "its end";
    waiting = waiting.empty() ? "nothing" : waiting + ", " + short_bytes(info.bytes_waiting);
    if (info.packs_shipped > 0) {
      waiting += "; " + counted(info.packs_shipped, "shipped pack") + " kept here";
    }
    line("waiting", waiting);
    if (!info.refused.empty()) line("refused", visible(info.refused));
  }

  void facts(std::string_view label, const std::map<std::string, std::string>& facts) {
    std::string text;
    std::size_t shown = 0;
    for (const auto& [name, value] : facts) {
      if (!all_ && shown == kRows_max) break;
      if (shown++ > 0) text += "  ";
      text += name + "=" + (all_ || facts.size() == 1 ? value : shortened(value, kValue_columns));
    }
    if (shown < facts.size()) text += "  … " + std::to_string(facts.size() - shown) + " more";
    line(label, text);
  }

  void texts(const JournalDigest& digest) {
    std::string text;
    for (const auto& [level, count] : digest.texts) {
      text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + level;
    }
    line("texts", text);
    if (digest.rewinds > 0) line("rewinds", std::to_string(digest.rewinds));
    std::string children;
    for (const std::string& child : digest.children) {
      children += (children.empty() ? "" : ", ") + child;
    }
    line("children", children);
  }

  void files(const JournalDigest& digest) {
    if (digest.files.empty()) return;
    line("files", std::to_string(digest.files.size()) + ", " + short_bytes(digest.file_bytes));
    Table table({"FILE", "SIZE"});
    for (const auto& [name, value] : digest.files) {
      if (!all_ && table.size() >= kRows_max) break;
      table.add({name, value});
    }
    out_.write(table.text(out_.has_color(), 4));
    say_more(digest.files.size(), table);
  }

  void series(const JournalDigest& digest) {
    if (digest.series.empty()) return;
    Table table({"SERIES", "KIND", ">COUNT", ">FIRST", ">LAST", ">MIN", ">MAX", ">LAST STEP"});
    for (const auto& [key, one] : digest.series) {
      if (!all_ && table.size() >= kRows_max) break;
      const auto number = [&is = one](double SeriesNumbers::*which) {
        return Cell(is.numbers ? short_number((*is.numbers).*which) : "");
      };
      table.add({key.first, std::string(kind_name(key.second)), std::to_string(one.records),
                 number(&SeriesNumbers::first), number(&SeriesNumbers::last),
                 number(&SeriesNumbers::min), number(&SeriesNumbers::max),
                 step_text(one.last_step ? std::optional(one.last_step->step) : std::nullopt)});
    }
    out_.write(table.text(out_.has_color(), 2));
    say_more(digest.series.size(), table);
  }

  void say_more(std::size_t count, const Table& table) {
    if (count > table.size()) {
      out_.write("    … " + std::to_string(count - table.size()) + " more; --all shows them\n");
    }
  }

  Output& out_;
  bool all_;
};

int show_path(const std::string& path, bool all, Output& out, bool& is_first) {
  std::vector<Damage> damage;
  std::vector<Error> failures;
  const auto journals = summarize_series(path, &damage, &failures);
  if (!journals) {
    say_error("runlog", path, journals.error());
    return exit_failed;
  }
  Screen screen(out, all);
  for (const JournalSummary& journal : *journals) {
    if (!out.ok()) return exit_whole;
    if (!is_first) out.write("\n");
    is_first = false;
    screen.show(journal.info, JournalDigest(journal));
  }
  out.flush();
  if (journals->empty() && failures.empty()) {
    say("runlog", shown_path(path) + ": no journals in it");
  }
  return warn_of_findings(path, damage, failures);
}

int run(const Options& options, Output& out) {
  int exit_code = exit_whole;
  bool is_first = true;
  for (const std::string& path : options.paths) {
    const int one = show_path(path, options.all, out, is_first);
    if (one == exit_failed || exit_code == exit_whole) exit_code = one;
  }
  return exit_code;
}

const Subcommand kStat(40, "stat", "Show one screen per journal: who, state, params, series",
                       declare, run);

}  // namespace
}  // namespace runlog::tools
