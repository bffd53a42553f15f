// ls: one line per journal.
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "cli/journal_fields.hpp"
#include "cli/table.hpp"
#include "cli/units.hpp"
#include "commands.hpp"
#include "findings.hpp"
#include "json.hpp"

namespace runlog::tools {
namespace {

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

}  // namespace

int run(const ListCommand& command, Output& out) {
  std::vector<Error> failures;
  const auto journals = command.quick ? list_journals(command.path, &failures)
                                      : summarize(command.path, nullptr, &failures);
  if (!journals) {
    say_error("runlog", command.path, journals.error());
    return exit_failed;
  }
  if (command.json) {
    for (const JournalInfo& info : *journals) {
      out.write(journal_json(info, !command.quick, out.is_terminal()));
      out.write("\n");
    }
    return warn_of_failures(command.path, failures);
  }
  if (journals->empty()) {
    if (failures.empty()) say("runlog", shown_path(command.path) + ": no journals in it");
    return warn_of_failures(command.path, failures);
  }
  out.write(table_text(*journals, command.quick, out.has_color()));
  out.flush();
  for (const JournalInfo& info : *journals) {
    if (!info.refused.empty()) say("runlog", info.path.native() + ": " + info.refused);
  }
  return warn_of_failures(command.path, failures);
}

}  // namespace runlog::tools
