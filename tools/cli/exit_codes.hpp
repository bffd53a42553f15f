// How a program says in one number what became of its work.
#pragma once

namespace runlog::tools {

/// Exit codes, the same in both programs (4 and 130 only where something is moved).
enum Exit : int {
  exit_whole = 0,
  exit_failed = 1,
  exit_usage = 2,
  exit_damaged = 3,
  exit_waiting = 4,
  exit_interrupted = 130,  // SIGINT or SIGTERM
  exit_pipe_closed = 141,  // what a shell shows for a program that SIGPIPE ended
};

}  // namespace runlog::tools
