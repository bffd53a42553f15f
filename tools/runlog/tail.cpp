// tail: the last records, and with -f those that come while a writer lives.
#include <poll.h>

#include <deque>
#include <string>
#include <utility>

#include "cli/console.hpp"
#include "cli/journal_fields.hpp"
#include "findings.hpp"
#include "records.hpp"
#include "selection.hpp"
#include "subcommand.hpp"

namespace runlog::tools {
namespace {

constexpr int kPoll_ms = 200;

struct Options {
  std::string path = {};
  Filter filter = {};
  const ExportFormat* format = nullptr;
  bool follow = false;
  std::uint64_t lines = 10;
};

void declare(Arguments& arguments, Options& options) {
  add_path(arguments, options.path);
  arguments.flag("-f,--follow", options.follow, "Go on until every writer has ended");
  arguments.value("-n,--lines", "N", options.lines, "Begin with the last N records; default 10")
      .not_negative();
  add_kinds(arguments, options.filter);
  add_names(arguments, options.filter);
  add_runs(arguments, options.filter);
  add_range(arguments, options.filter);
  add_format(arguments, options.format);
}

// The last `lines_max` lines.
class LastLines {
 public:
  explicit LastLines(std::uint64_t lines_max) : lines_max_(lines_max) {}

  void add(std::string line) {
    if (lines_max_ == 0) return;
    if (lines_.size() == lines_max_) lines_.pop_front();
    lines_.push_back(std::move(line));
  }

  void write_to(Output& out) {
    for (const std::string& line : lines_) out.write(line);
    lines_.clear();
  }

 private:
  std::uint64_t lines_max_;
  std::deque<std::string> lines_;
};

// Waits a little; true when the reader of our output has gone away meanwhile (`tail -f | head -1`).
bool wait_or_closed(int fd) {
  pollfd watched = {.fd = fd, .events = 0, .revents = 0};
  return ::poll(&watched, 1, kPoll_ms) > 0 && (watched.revents & POLLERR) != 0;
}

int last_only(const Options& options, Output& out) {
  auto reader = Reader::open(options.path, read_options(options.filter));
  if (!reader) {
    say_error("runlog", options.path, reader.error());
    return exit_failed;
  }
  RecordFilter filter(options.filter);
  const auto exporter = make_exporter(
      options.format,
      {.for_terminal = out.is_terminal(), .with_origin = needs_origin(reader->journals())});
  LastLines last(options.lines);
  Reader::Entry entry;
  while (reader->next(entry)) {
    if (!filter.passes(entry.record)) continue;
    std::string line;
    exporter->record(entry, line);
    last.add(std::move(line));
  }
  exporter->begin(out.buffer());
  last.write_to(out);
  exporter->end(out.buffer());
  out.flush();
  return warn_of_findings(options.path, *reader);
}

void say_how_it_ended(const std::string& path) {
  std::vector<Error> told;  // at the start
  const auto journals = list_journals(path, &told);
  if (!journals) return;
  for (const JournalInfo& info : *journals) {
    say("runlog", info.path.native() + ": " + ended_text(info));
  }
}

int follow(const Options& options, Output& out) {
  std::vector<Error> failures;
  const auto journals = list_journals(options.path, &failures);
  if (!journals) {
    say_error("runlog", options.path, journals.error());
    return exit_failed;
  }
  (void)warn_of_failures(options.path, failures);
  auto follower = Follower::open(options.path, read_options(options.filter));
  if (!follower) {
    say_error("runlog", options.path, follower.error());
    return exit_failed;
  }
  RecordFilter filter(options.filter);
  const auto exporter = make_exporter(
      options.format, {.for_terminal = out.is_terminal(), .with_origin = needs_origin(*journals)});
  // The first poll brings all there is: only the end of it is shown.
  LastLines last(options.lines);
  auto is_alive = follower->poll([&](const Reader::Entry& entry) {
    if (!filter.passes(entry.record)) return;
    std::string line;
    exporter->record(entry, line);
    last.add(std::move(line));
  });
  exporter->begin(out.buffer());
  last.write_to(out);
  out.flush();
  while (is_alive && *is_alive && out.ok()) {
    if (wait_or_closed(out.fd())) return exit_pipe_closed;
    is_alive = follower->poll([&](const Reader::Entry& entry) {
      if (!filter.passes(entry.record)) return;
      exporter->record(entry, out.buffer());
      out.settle();
    });
    out.flush();
  }
  exporter->end(out.buffer());
  out.flush();
  if (!is_alive) {
    say_error("runlog", options.path, is_alive.error());
    return exit_failed;
  }
  if (out.ok()) say_how_it_ended(options.path);
  return exit_whole;
}

int run(const Options& options, Output& out) {
  return options.follow ? follow(options, out) : last_only(options, out);
}

const Subcommand kTail(30, "tail", "Print the last records; -f: and go on while a writer lives",
                       declare, run);

}  // namespace
}  // namespace runlog::tools
