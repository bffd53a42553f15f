// clean: removes local copies that the store has. The library compares and removes; this prints.
#include <string>

#include "cli/console.hpp"
#include "cli/text.hpp"
#include "cli/units.hpp"
#include "commands.hpp"
#include "json.hpp"
#include "runlog/recover.hpp"

namespace runlog::tools {

int run(const CleanCommand& command, Output& out) {
  const auto files = clean(command.root, command.store, command.dry_run);
  if (!files) {
    say_error("runlog", command.root, files.error());
    return exit_failed;
  }
  std::uint64_t gone_bytes = 0;
  std::uint64_t gone = 0;
  std::uint64_t kept = 0;
  for (const CleanedFile& file : *files) {
    const bool is_kept = !file.why_kept.empty();
    if (is_kept) {
      ++kept;
    } else {
      ++gone;
      gone_bytes += file.bytes;
    }
    if (command.json) {
      out.write(cleaned_json(file, out.is_terminal()) + "\n");
      continue;
    }
    std::string line = is_kept ? "kept" : command.dry_run ? "would remove" : "removed";
    line += "  " + short_bytes(file.bytes) + "  " + visible(file.path.native());
    if (is_kept) line += ": " + visible(file.why_kept);
    out.write(line + "\n");
  }
  out.flush();
  std::string total = command.root + ": " + (command.dry_run ? "would remove " : "removed ") +
                      counted(gone, "file") + ", " + short_bytes(gone_bytes);
  if (kept > 0) total += "; kept " + std::to_string(kept) + ", run runlog-recover to ship them";
  say("runlog", total);
  return kept > 0 ? exit_waiting : exit_whole;
}

}  // namespace runlog::tools
