// cat: every record that passes the filter, in the order of time.
#include <string>

#include "cli/console.hpp"
#include "commands.hpp"
#include "findings.hpp"
#include "records.hpp"

namespace runlog::tools {

int run(const CatCommand& command, Output& out) {
  auto reader = Reader::open(command.path, read_options(command.filter));
  if (!reader) {
    say_error("runlog", command.path, reader.error());
    return exit_failed;
  }
  RecordFilter filter(command.filter);
  RecordWriter writer({.format = command.format,
                       .for_terminal = out.is_terminal(),
                       .with_origin = needs_origin(reader->journals())});
  writer.append_header(out.buffer());
  Reader::Entry entry;
  while (out.ok() && reader->next(entry)) {
    if (!filter.passes(entry.record)) continue;
    writer.append(out.buffer(), entry);
    out.settle();
  }
  out.flush();
  if (!out.ok()) return exit_whole;  // finish() says what became of it
  return warn_of_findings(command.path, *reader);
}

}  // namespace runlog::tools
