// salvage: records out of a file that is no journal any more: a core dump, a disk image.
#include <string>

#include "cli/console.hpp"
#include "cli/units.hpp"
#include "findings.hpp"
#include "records.hpp"
#include "selection.hpp"
#include "subcommand.hpp"

namespace runlog::tools {
namespace {

struct Options {
  std::string path = {};
  Filter filter = {};
  const ExportFormat* format = nullptr;
};

void declare(Arguments& arguments, Options& options) {
  arguments.positional("FILE", options.path, "The file to search").required();
  add_kinds(arguments, options.filter);
  add_names(arguments, options.filter);
  add_format(arguments, options.format);
  arguments.footer("Exit: 0 whole, 1 nothing found, 2 usage, 3 damaged records.");
}

int run(const Options& options, Output& out) {
  RecordFilter filter(options.filter);
  // The session tells which journal a segment belonged to, so text always names the origin.
  const auto exporter =
      make_exporter(options.format, {.for_terminal = out.is_terminal(), .with_origin = true});
  exporter->begin(out.buffer());
  const auto report = salvage_image(options.path, [&](const Reader::Entry& entry) {
    if (!out.ok() || !filter.passes(entry.record)) return;
    exporter->record(entry, out.buffer());
    out.settle();
  });
  exporter->end(out.buffer());
  out.flush();
  if (!report) {
    say_error("runlog", options.path, report.error());
    return exit_failed;
  }
  if (report->segments == 0) {
    say("runlog", options.path + ": no runlog segments in it; is it the right file?");
    return exit_failed;
  }
  say("runlog", options.path + ": found " + counted(report->records, "record") + " in " +
                    counted(report->segments, "segment"));
  return warn_of_damage(options.path, report->damage);
}

const Subcommand kSalvage(70, "salvage", "Find records in any file: core dump, disk image", declare,
                          run);

}  // namespace
}  // namespace runlog::tools
