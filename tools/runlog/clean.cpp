// clean: removes local copies that the store has. The library compares and removes; this prints.
#include <string>

#include "cli/console.hpp"
#include "cli/json_object.hpp"
#include "cli/text.hpp"
#include "cli/units.hpp"
#include "runlog/recover.hpp"
#include "subcommand.hpp"

namespace runlog::tools {
namespace {

struct Options {
  std::string root = {};
  std::string store = {};
  bool dry_run = false;
  bool any_owner = false;
  bool json = false;
};

void declare(Arguments& arguments, Options& options) {
  arguments.positional("ROOT", options.root, "The root whose shipped packs and blobs may go")
      .required();
  arguments.flag("--dry-run", options.dry_run, "Compare, but remove nothing");
  arguments.value("--store", "URL", options.store, "Compare with this store, not the journal's");
  arguments.flag("--any-owner", options.any_owner,
                 "Also in the journals of other users; needs --store for them");
  arguments.flag("--json", options.json, "One JSON object per file and line");
  arguments.footer("Exit: 0 all gone, 1 could not run, 2 usage, 4 something had to be kept.");
}

std::string cleaned_json(const CleanedFile& file, bool for_terminal) {
  JsonObject object;
  object.set("path", file.path.native());
  object.set("bytes", file.bytes);
  object.set("removed", file.removed);
  if (!file.why_kept.empty()) object.set("why_kept", file.why_kept);
  return object.line(for_terminal);
}

int run(const Options& options, Output& out) {
  const auto files = clean(options.root, options.store, options.dry_run, options.any_owner);
  if (!files) {
    say_error("runlog", options.root, files.error());
    return exit_failed;
  }
  std::uint64_t gone_bytes = 0;
  std::uint64_t gone = 0;
  std::uint64_t kept = 0;
  std::uint64_t foreign = 0;
  for (const CleanedFile& file : *files) {
    const bool is_kept = !file.why_kept.empty();
    if (file.is_foreign) {
      ++foreign;
    } else if (is_kept) {
      ++kept;
    } else {
      ++gone;
      gone_bytes += file.bytes;
    }
    if (options.json) {
      out.write(cleaned_json(file, out.is_terminal()) + "\n");
      continue;
    }
    std::string line = is_kept ? "kept" : options.dry_run ? "would remove" : "removed";
    line += "  " + short_bytes(file.bytes) + "  " + visible(file.path.native());
    if (is_kept) line += ": " + visible(file.why_kept);
    out.write(line + "\n");
  }
  out.flush();
  std::string total = options.root + ": " + (options.dry_run ? "would remove " : "removed ") +
                      counted(gone, "file") + ", " + short_bytes(gone_bytes);
  if (kept > 0) total += "; kept " + std::to_string(kept) + ", run runlog-recover to ship them";
  if (foreign > 0) {
    total += "; left alone " + std::to_string(foreign) + " journals or runs of other users";
  }
  say("runlog", total);
  return kept > 0 ? exit_waiting : exit_whole;
}

const Subcommand kClean(80, "clean", "Remove local copies that the store has, byte for byte",
                        declare, run);

}  // namespace
}  // namespace runlog::tools
