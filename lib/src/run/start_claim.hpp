// StartClaim: decides Options::resume once for each (run, rank). A start that fails leaves nothing
// behind.
//
// Under resume=never, looking for a journal and making one are one step: a process does both under
// the lock of <root>/<run_id>/.r<rank>.start, a file that exists only during a start. The holder
// removes the file before it unlocks it. A holder that is killed leaves an unlocked file, which the
// next process locks. The others wait for the lock, so that of many at once exactly one starts, or,
// if that one fails, the next. Other ranks have other files.
#pragma once

#include <filesystem>

#include "platform/file_lock.hpp"
#include "runlog/options.hpp"
#include "runlog/result.hpp"

namespace runlog {

class StartClaim {
 public:
  /// `options` are resolved. Errors: already_exists, not_found; busy: another process has been
  /// starting this rank for ten seconds; io, no_space, read_only.
  static Result<StartClaim> take(const Options& options);
  ~StartClaim();
  StartClaim(StartClaim&&) noexcept = default;
  StartClaim& operator=(StartClaim&&) = delete;

  /// The start has succeeded: the run's directory stays.
  void keep() noexcept { made_.clear(); }

 private:
  StartClaim() = default;
  std::filesystem::path path_;  // of lock_
  FileLock lock_;
  std::filesystem::path made_;  // the run's directory, when it was not there before
};

}  // namespace runlog
