// cat: every record that passes the filter, in the order of time.
#include <string>

#include "cli/console.hpp"
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
  add_path(arguments, options.path);
  add_kinds(arguments, options.filter);
  add_names(arguments, options.filter);
  add_runs(arguments, options.filter);
  add_range(arguments, options.filter);
  add_rewind(arguments, options.filter);
  add_format(arguments, options.format);
}

int run(const Options& options, Output& out) {
  auto reader = Reader::open(options.path, read_options(options.filter));
  if (!reader) {
    say_error("runlog", options.path, reader.error());
    return exit_failed;
  }
  RecordFilter filter(options.filter);
  const auto exporter = make_exporter(
      options.format,
      {.for_terminal = out.is_terminal(), .with_origin = needs_origin(reader->journals())});
  exporter->begin(out.buffer());
  Reader::Entry entry;
  while (out.ok() && reader->next(entry)) {
    if (!filter.passes(entry.record)) continue;
    exporter->record(entry, out.buffer());
    out.settle();
  }
  exporter->end(out.buffer());
  out.flush();
  if (!out.ok()) return exit_whole;  // finish() says what became of it
  return warn_of_findings(options.path, *reader);
}

const Subcommand kCat(20, "cat", "Print records, merged by time", declare, run);

}  // namespace
}  // namespace runlog::tools
