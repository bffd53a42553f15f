// A run in a test's own process.
#pragma once

#include <utility>

#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

namespace test {

/// Starts a run below `root`, in "runs"; the test fails when that cannot be.
inline runlog::Run start_run(const TemporaryDirectory& root, runlog::Options options = {}) {
  options.root = root / "runs";
  auto run = runlog::start_logging(std::move(options));
  REQUIRE(run);
  return *run;
}

}  // namespace test
