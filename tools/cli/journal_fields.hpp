// The fields of a JournalInfo, named once: `runlog ls --json` and `runlog-recover --json` must
// agree.
#pragma once

#include <signal.h>
#include <string.h>

#include <string>
#include <string_view>

#include "runlog/reader.hpp"

namespace runlog::tools {

/// Calls `visit(key, value)` for each field that says something; empty texts are left out. Times
/// are nanoseconds since 1970 in UTC.
template <typename Visit>
void visit_fields(const JournalInfo& info, bool with_counts, Visit&& visit) {
  const auto text = [&](const char* key, const std::string& value) {
    if (!value.empty()) visit(key, value);
  };
  visit("run", info.run_id);
  visit("rank", info.rank);
  visit("world", info.world);
  visit("attempt", info.attempt);
  text("session", info.session);
  text("state", std::string(journal_state_name(info.state)));
  text("end_reason", info.end_reason);
  if (info.end_signal != 0) visit("end_signal", info.end_signal);
  text("project", info.project);
  text("experiment", info.experiment);
  text("name", info.name);
  text("group", info.group);
  text("parent_run", info.parent_run);
  text("parent_session", info.parent_session);
  text("follows", info.follows);
  text("host", info.host);
  if (info.pid != 0) visit("pid", info.pid);
  text("command_line", info.command_line);
  text("store", info.store_url);
  text("path", info.path.native());
  if (info.created_unix_ns != 0) visit("created_ns", info.created_unix_ns);
  if (!with_counts) return;
  visit("records", info.records);
  visit("records_lost", info.records_lost);
  visit("records_dropped", info.records_dropped);
  if (info.last_step) visit("last_step", *info.last_step);
  if (info.last_time_ns != 0) visit("last_time_ns", info.last_time_ns);
  visit("segments_waiting", info.segments_waiting);
  visit("packs_waiting", info.packs_waiting);
  visit("blobs_waiting", info.blobs_waiting);
  visit("packs_shipped", info.packs_shipped);
  visit("bytes_waiting", info.bytes_waiting);
  text("refused", info.refused);
}

/// "complete", "failed: out of memory", "crashed: SIGTERM sent by pid 17", "crashed: no trace".
inline std::string ended_text(const JournalInfo& info) {
  std::string out(journal_state_name(info.state));
  std::string why = info.end_reason;
  if (info.end_signal != 0) {
    const char* name = sigabbrev_np(info.end_signal);
    const std::string signal =
        name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(info.end_signal);
    if (why.find(signal) == std::string::npos) why = why.empty() ? signal : signal + ", " + why;
  }
  // docs/operations.md says what leaves none.
  if (why.empty() && info.state == JournalState::crashed) why = "no trace";
  if (!why.empty()) out += ": " + why;
  return out;
}

}  // namespace runlog::tools
