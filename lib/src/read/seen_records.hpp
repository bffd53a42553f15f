// SeenRecords: which records of a journal a Follower has yielded. Not by time: callers may give
// records any time, and clocks are set.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <span>

#include "pack/pack.hpp"

namespace runlog {

class SeenRecords {
 public:
  /// False: it had been seen.
  bool add(std::int32_t lane, std::int64_t seq) {
    auto& ranges = lanes_[lane];
    auto next = ranges.upper_bound(seq);
    if (next != ranges.begin()) {
      const auto last = std::prev(next);
      if (seq < last->second) return false;
      if (seq == last->second) {
        last->second = seq + 1;
        if (next != ranges.end() && next->first == seq + 1) {
          last->second = next->second;
          ranges.erase(next);
        }
        return true;
      }
    }
    std::int64_t end = seq + 1;
    if (next != ranges.end() && next->first == end) {
      end = next->second;
      next = ranges.erase(next);
    }
    ranges.emplace_hint(next, seq, end);
    return true;
  }

  /// Whether all records of these segments have been.
  [[nodiscard]] bool covers(std::span<const format::PackSegment> segments) const {
    for (const format::PackSegment& segment : segments) {
      if (segment.records == 0) continue;
      const auto ranges = lanes_.find(segment.lane);
      if (ranges == lanes_.end()) return false;
      const auto next = ranges->second.upper_bound(segment.first_seq);
      if (next == ranges->second.begin()) return false;
      if (std::prev(next)->second < segment.first_seq + segment.records) return false;
    }
    return true;
  }

 private:
  std::map<std::int32_t, std::map<std::int64_t, std::int64_t>> lanes_;  // [first, second)
};

}  // namespace runlog
