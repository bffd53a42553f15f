// Holes in lanes: the sequence numbers of a lane count up from 0, over packs and segments. Numbers
// that are missing between the files that are here belong to a file that is not.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runlog/record.hpp"

namespace runlog {

/// Records [first, second) of each lane that are here or told as lost, in any order.
using LaneRanges = std::map<std::int32_t, std::vector<std::pair<std::int64_t, std::int64_t>>>;

struct LaneHole {
  std::int32_t lane = 0;
  std::int64_t begin = 0, end = 0;
};
[[nodiscard]] std::vector<LaneHole> lane_holes(LaneRanges ranges);

/// Counts the records in `holes` among `files`: files of which nothing can be read, each "at least
/// one record" so far. One hole for each file from index `explained` on, which are then counted
/// exactly; holes that are left over are added, as damage at `path`. Files that are left over share
/// the largest of their holes: what they held together is a lower bound then.
void count_holes(const std::vector<LaneHole>& holes, std::size_t explained, const std::string& path,
                 std::vector<Damage>& files);

}  // namespace runlog
