#include "journal/lane_holes.hpp"

#include <algorithm>

namespace runlog {

std::vector<LaneHole> lane_holes(LaneRanges ranges) {
  std::vector<LaneHole> holes;
  for (auto& [lane, parts] : ranges) {
    std::sort(parts.begin(), parts.end());
    std::int64_t next = 0;
    for (const auto& [begin, end] : parts) {
      if (begin > next) holes.push_back({lane, next, begin});
      next = std::max(next, end);
    }
  }
  return holes;
}

void count_holes(const std::vector<LaneHole>& holes, std::size_t explained, const std::string& path,
                 std::vector<Damage>& files) {
  const std::size_t file_count = files.size();
  for (const LaneHole& hole : holes) {
    const auto lost = static_cast<std::uint64_t>(hole.end - hole.begin);
    while (explained < file_count && files[explained].exact) ++explained;
    if (explained < file_count) {
      files[explained].records_lost = lost;
      files[explained++].exact = true;
      continue;
    }
    files.push_back({path, 0, 0, lost, true,
                     "records " + std::to_string(hole.begin) + " to " +
                         std::to_string(hole.end - 1) + " of lane " + std::to_string(hole.lane) +
                         " are in no segment or pack here: a file was removed or emptied"});
  }
}

}  // namespace runlog
