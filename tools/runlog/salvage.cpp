// salvage: records out of a file that is no journal any more: a core dump, a disk image.
#include <string>

#include "cli/console.hpp"
#include "cli/units.hpp"
#include "commands.hpp"
#include "findings.hpp"
#include "records.hpp"

namespace runlog::tools {

int run(const SalvageCommand& command, Output& out) {
  RecordFilter filter(command.filter);
  // The session tells which journal a segment belonged to, so text always names the origin.
  RecordWriter writer(
      {.format = command.format, .for_terminal = out.is_terminal(), .with_origin = true});
  writer.append_header(out.buffer());
  const auto report = salvage_image(command.path, [&](const Reader::Entry& entry) {
    if (!out.ok() || !filter.passes(entry.record)) return;
    writer.append(out.buffer(), entry);
    out.settle();
  });
  out.flush();
  if (!report) {
    say_error("runlog", command.path, report.error());
    return exit_failed;
  }
  if (report->segments == 0) {
    say("runlog", command.path + ": no runlog segments in it; is it the right file?");
    return exit_failed;
  }
  say("runlog", command.path + ": found " + counted(report->records, "record") + " in " +
                    counted(report->segments, "segment"));
  return warn_of_damage(command.path, report->damage);
}

}  // namespace runlog::tools
