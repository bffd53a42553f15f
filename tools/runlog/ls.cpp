// ls: one line per journal.
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "cli/journal_fields.hpp"
#include "cli/json_object.hpp"
#include "cli/table.hpp"
#include "cli/units.hpp"
#include "findings.hpp"
#include "subcommand.hpp"

namespace runlog::tools {
namespace {

struct Options {
  std::string path = {};
  bool quick = false;
  bool json = false;
};

void declare(Arguments& arguments, Options& options) {
  const std::string root = environment("RUNLOG_ROOT");
  options.path = root.empty() ? "runs" : root;
  arguments.positional("PATH", options.path, "Where to look; default: $RUNLOG_ROOT, else runs");
  arguments.flag("-q,--quick", options.quick, "Do not look into packs and segments; no counts");
  arguments.flag("--json", options.json, "One JSON object per journal and line");
}

std::string journal_json(const JournalInfo& info, bool with_counts, bool for_terminal) {
  JsonObject object;
  visit_fields(info, with_counts,
               [&](const char* key, const auto& value) { object.set(key, value); });
  return object.line(for_terminal);
}

Color state_color(JournalState state) {
  switch (state) {
    case JournalState::live:
      return Color::cyan;
    case JournalState::complete:
      return Color::green;
    case JournalState::failed:
    case JournalState::crashed:
      return Color::red;
    case JournalState::cancelled:
      return Color::yellow;
    case JournalState::unknown:
      break;
  }
  return Color::none;
}

// Without a store nothing will ever be shipped, and that is no backlog.
std::string unshipped_text(const JournalInfo& info) {
  if (info.bytes_waiting == 0) return "-";
  const bool is_local = info.store_url.empty() && info.state != JournalState::unknown;
  return is_local ? "no store" : short_bytes(info.bytes_waiting);
}

std::string nonzero(std::uint64_t count) {
  return count == 0 ? "" : std::to_string(count);
}

// An empty cell in every row makes its column vanish: losses and reasons show only if there are
// any.
std::string table_text(const std::vector<JournalInfo>& journals, bool quick, bool with_color) {
  Table table({"RUN", ">RANK", ">ATT", "STATE", ">RECORDS", ">LOST", ">DROPPED", ">LAST STEP",
               "LAST TIME", ">UNSHIPPED", "WHY"});
  for (const JournalInfo& info : journals) {
    const std::string ended = ended_text(info);
    const std::string state(journal_state_name(info.state));
    std::vector<Cell> row;
    row.emplace_back(visible(info.run_id.empty() ? info.path.native() : info.run_id));
    row.emplace_back(std::to_string(info.rank));
    row.emplace_back(std::to_string(info.attempt) + (info.parent_session.empty() ? "" : " fork"));
    row.emplace_back(state, state_color(info.state));
    row.emplace_back(quick ? "" : std::to_string(info.records));
    row.emplace_back(nonzero(info.records_lost), Color::red);
    row.emplace_back(nonzero(info.records_dropped), Color::yellow);
    row.emplace_back(quick ? "" : step_text(info.last_step));
    row.emplace_back(quick ? short_time(info.created_unix_ns) : short_time(info.last_time_ns));
    row.emplace_back(unshipped_text(info));
    row.emplace_back(ended.size() > state.size() ? visible(ended.substr(state.size() + 2)) : "");
    if (quick) row[9].text.clear();
    table.add(std::move(row));
  }
  std::string text = table.text(with_color);
  if (quick) {
    const std::size_t at = text.find("LAST TIME");
    if (at != std::string::npos) text.replace(at, 9, "STARTED  ");
  }
  return text;
}

int run(const Options& options, Output& out) {
  std::vector<Error> failures;
  const auto journals = options.quick ? list_journals(options.path, &failures)
                                      : summarize(options.path, nullptr, &failures);
  if (!journals) {
    say_error("runlog", options.path, journals.error());
    return exit_failed;
  }
  if (options.json) {
    for (const JournalInfo& info : *journals) {
      out.write(journal_json(info, !options.quick, out.is_terminal()));
      out.write("\n");
    }
    return warn_of_failures(options.path, failures);
  }
  if (journals->empty()) {
    if (failures.empty()) say("runlog", shown_path(options.path) + ": no journals in it");
    return warn_of_failures(options.path, failures);
  }
  out.write(table_text(*journals, options.quick, out.has_color()));
  out.flush();
  for (const JournalInfo& info : *journals) {
    if (!info.refused.empty()) say("runlog", info.path.native() + ": " + info.refused);
  }
  return warn_of_failures(options.path, failures);
}

const Subcommand kLs(10, "ls", "List runs: state, records, last step, what is not shipped yet",
                     declare, run);

}  // namespace
}  // namespace runlog::tools
