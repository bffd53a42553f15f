// Rewinds: which records a later rewind of their run has made void. "Later" follows the order of
// the calls where that is known, because clocks are set, and differ between hosts: within a lane
// the sequence numbers decide, between the attempts of a rank what the later one found when it
// started. Only between different threads and ranks the time decides.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runlog/reader.hpp"

namespace runlog {

class Rewinds {
 public:
  void add(const JournalInfo& journal, const Record& rewind) {
    by_run_[journal.run_id].push_back(
        {journal.session, rewind.lane, rewind.seq, rewind.time_ns, *rewind.step});
  }
  /// Once all are added. `journals`: all that the records come from.
  void finish(const std::vector<JournalInfo>& journals);
  [[nodiscard]] bool voids(const JournalInfo& journal, const Record& record) const;

 private:
  struct Point {
    std::string session;
    std::int32_t lane;
    std::int64_t seq, time_ns, step;
  };
  /// (When, step): void is what comes before and has this step or a higher one. Sorted by when, and
  /// each with the lowest step of those behind it.
  using Steps = std::vector<std::pair<std::int64_t, std::int64_t>>;
  struct OfLane {
    std::int64_t later_attempts = INT64_MAX;  ///< the lowest step that one of them went back to
    Steps by_seq;                             ///< of this lane
    Steps by_time;                            ///< of other lanes and ranks
  };
  [[nodiscard]] OfLane of_lane(const JournalInfo& journal, std::int32_t lane) const;
  [[nodiscard]] bool is_before(const std::string& one, const std::string& other) const;

  std::map<std::string, std::vector<Point>> by_run_;
  /// The attempt before, and of a forked child its parent, by session.
  std::map<std::string, std::string> follows_, parent_;
  mutable std::map<std::pair<std::string, std::int32_t>, OfLane> lanes_;  // made when asked for
};

}  // namespace runlog
