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
  std::vector<Damage*> unknown;  // of which nobody knows how many records they held
  for (std::size_t i = explained; i < files.size(); ++i) {
    if (!files[i].exact) unknown.push_back(&files[i]);
  }
  const std::size_t counted = std::min(unknown.size(), holes.size());
  for (std::size_t i = 0; i < counted; ++i) {
    unknown[i]->records_lost = static_cast<std::uint64_t>(holes[i].end - holes[i].begin);
    unknown[i]->exact = true;
  }
  // Files that lay side by side left one hole: its records are those of all of them.
  for (std::size_t i = counted; counted > 0 && i < unknown.size(); ++i) {
    Damage& largest = **std::max_element(
        unknown.begin(), unknown.begin() + static_cast<std::ptrdiff_t>(counted),
        [](const Damage* a, const Damage* b) { return a->records_lost < b->records_lost; });
    largest.exact = false;
    if (largest.records_lost > 1) {
      --largest.records_lost;
    } else {
      unknown[i]->records_lost = 0;
    }
  }
  for (std::size_t i = counted; i < holes.size(); ++i) {
    const LaneHole& hole = holes[i];
    files.push_back({path, 0, 0, static_cast<std::uint64_t>(hole.end - hole.begin), true,
                     "records " + std::to_string(hole.begin) + " to " +
                         std::to_string(hole.end - 1) + " of lane " + std::to_string(hole.lane) +
                         " are in no segment or pack here: a file was removed or emptied"});
  }
}

}  // namespace runlog
