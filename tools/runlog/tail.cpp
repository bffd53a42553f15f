// tail: the last records, and with -f those that come while a writer lives.
#include <poll.h>

#include <deque>
#include <string>
#include <utility>

#include "cli/console.hpp"
#include "cli/journal_fields.hpp"
#include "commands.hpp"
#include "findings.hpp"
#include "records.hpp"

namespace runlog::tools {
namespace {

constexpr int kPoll_ms = 200;

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

int last_only(const TailCommand& command, Output& out) {
  auto reader = Reader::open(command.path, read_options(command.filter));
  if (!reader) {
    say_error("runlog", command.path, reader.error());
    return exit_failed;
  }
  RecordFilter filter(command.filter);
  RecordWriter writer({.format = command.format,
                       .for_terminal = out.is_terminal(),
                       .with_origin = needs_origin(reader->journals())});
  LastLines last(command.lines);
  Reader::Entry entry;
  while (reader->next(entry)) {
    if (!filter.passes(entry.record)) continue;
    std::string line;
    writer.append(line, entry);
    last.add(std::move(line));
  }
  writer.append_header(out.buffer());
  last.write_to(out);
  out.flush();
  return warn_of_findings(command.path, *reader);
}

void say_how_it_ended(const std::string& path) {
  std::vector<Error> told;  // at the start
  const auto journals = list_journals(path, &told);
  if (!journals) return;
  for (const JournalInfo& info : *journals) {
    say("runlog", info.path.native() + ": " + ended_text(info));
  }
}

int follow(const TailCommand& command, Output& out) {
  std::vector<Error> failures;
  const auto journals = list_journals(command.path, &failures);
  if (!journals) {
    say_error("runlog", command.path, journals.error());
    return exit_failed;
  }
  (void)warn_of_failures(command.path, failures);
  auto follower = Follower::open(command.path, read_options(command.filter));
  if (!follower) {
    say_error("runlog", command.path, follower.error());
    return exit_failed;
  }
  RecordFilter filter(command.filter);
  RecordWriter writer({.format = command.format,
                       .for_terminal = out.is_terminal(),
                       .with_origin = needs_origin(*journals)});
  // The first poll brings all there is: only the end of it is shown.
  LastLines last(command.lines);
  auto is_alive = follower->poll([&](const Reader::Entry& entry) {
    if (!filter.passes(entry.record)) return;
    std::string line;
    writer.append(line, entry);
    last.add(std::move(line));
  });
  writer.append_header(out.buffer());
  last.write_to(out);
  out.flush();
  while (is_alive && *is_alive && out.ok()) {
    if (wait_or_closed(out.fd())) return exit_pipe_closed;
    is_alive = follower->poll([&](const Reader::Entry& entry) {
      if (!filter.passes(entry.record)) return;
      writer.append(out.buffer(), entry);
      out.settle();
    });
    out.flush();
  }
  if (!is_alive) {
    say_error("runlog", command.path, is_alive.error());
    return exit_failed;
  }
  if (out.ok()) say_how_it_ended(command.path);
  return exit_whole;
}

}  // namespace

int run(const TailCommand& command, Output& out) {
  return command.follow ? follow(command, out) : last_only(command, out);
}

}  // namespace runlog::tools
