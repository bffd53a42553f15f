// Attempts: the order of the journals of one rank of a run. A restarted job notes which attempt it
// found, so that the order does not depend on the clocks of the hosts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace runlog {

struct Attempt {
  std::string session = {};
  std::string follows = {};  ///< what it found when it started; of a forked child, its parent
  std::int64_t created_ns = 0;
};

/// When each attempt began, by session: its own clock's time, but later than what it follows.
[[nodiscard]] std::map<std::string, std::int64_t> begins_of(const std::vector<Attempt>& attempts);

/// The session of the last attempt of `rank` in the run's directory whose process is gone; empty if
/// there is none. Reads meta.json of each.
[[nodiscard]] std::string last_attempt(const std::filesystem::path& run_path, std::int64_t rank);

}  // namespace runlog
