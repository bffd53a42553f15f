#include "recover/last_words.hpp"

#include <vector>

#include "pack/pack.hpp"
#include "platform/clock.hpp"
#include "platform/crash_report.hpp"
#include "platform/directories.hpp"
#include "platform/file_system.hpp"

namespace runlog {

LastStatus find_status_in_packs(const JournalDir& directory) {
  LastStatus status;
  for (const auto& place : {directory.packs(), directory.shipped()}) {
    const std::vector<std::string> names = names_in_directory(place);
    for (auto name = names.rbegin(); name != names.rend() && status.end == RunEnd::open; ++name) {
      if (!parse_numbered_name(*name, kPack_suffix)) continue;
      auto reader = format::PackReader::open_file(place / *name);
      if (!reader || reader->row_groups().empty()) continue;
      // Most have none, and of those most say so in their footer.
      const std::size_t last = reader->row_groups().size() - 1;
      if (!reader->row_groups()[last].may_hold(Kind::status)) continue;
      if (const auto has_one = reader->holds(last, Kind::status); !has_one || !*has_one) continue;
      (void)reader->read(last, [&](const Record& record) {
        if (record.kind != Kind::status) return;
        if (const RunEnd told = run_end_from_name(record.name); told != RunEnd::open) {
          status.end = told;
          status.text = record.text.value_or("");
        }
      });
    }
  }
  return status;
}

End end_of_dead(const JournalDir& directory, const LastStatus& status,
                const std::string& error_file) {
  End end;
  end.ended_unix_ns = realtime_ns();
  const bool is_open = status.end == RunEnd::open;
  end.state = is_open ? RunEnd::crashed : status.end;
  end.reason = status.text;
  const auto crash = read_crash_file(directory.crash());
  if (!is_open && died_after_exit(crash)) end.state = RunEnd::failed;
  if (crash && (is_open || died_after_exit(crash))) {
    end.signal = crash->signal;
    end.reason = crash->reason;
    if (crash->time_ns != 0) end.ended_unix_ns = crash->time_ns;
  }
  if (is_open) {
    if (!error_file.empty()) {
      const auto text = read_file(error_file, kMeta_bytes_max);
      const auto message = text ? parse_torchelastic_error(*text) : std::nullopt;
      if (message) end.reason += (end.reason.empty() ? "" : "; ") + *message;
    }
  }
  return end;
}

}  // namespace runlog
