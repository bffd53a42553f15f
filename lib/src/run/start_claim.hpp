// StartClaim: what Options::resume asks for, decided once for each (run, rank), and nothing left
// behind by a start that fails.
//
// Under resume=never looking and making are one step: both are done under the lock of
// <root>/<run_id>/.r<rank>.start, which is there only as long as somebody starts. Whoever has it
// removes it before he gives it up; one who was killed leaves a file that nobody holds, and the
// next one takes it. The others wait for it, so that of many at once exactly one starts, or, if
// that one fails, the next. Other ranks have other files.
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
