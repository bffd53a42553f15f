#include "read/rewinds.hpp"

#include <algorithm>

namespace runlog {
namespace {

/// Further a chain of attempts, or of children, is not followed: it may be forged, and a circle.
constexpr int kChain_max = 100'000;

void finish_steps(std::vector<std::pair<std::int64_t, std::int64_t>>& steps) {
  std::sort(steps.begin(), steps.end());
  for (std::size_t i = steps.size(); i-- > 1;) {
    steps[i - 1].second = std::min(steps[i - 1].second, steps[i].second);
  }
}

bool is_void(const std::vector<std::pair<std::int64_t, std::int64_t>>& steps, std::int64_t when,
             std::int64_t step) {
  const auto later = std::upper_bound(steps.begin(), steps.end(), std::pair(when, INT64_MAX));
  return later != steps.end() && step >= later->second;
}

}  // namespace

void Rewinds::finish(const std::vector<JournalInfo>& journals) {
  for (const JournalInfo& journal : journals) {
    if (!journal.follows.empty()) follows_[journal.session] = journal.follows;
    if (!journal.parent_session.empty()) parent_[journal.session] = journal.parent_session;
  }
}

// Whether `other` is a later attempt than `one`. A child counts as its parent.
bool Rewinds::is_before(const std::string& one, const std::string& other) const {
  const auto origin = [&](std::string session) {
    for (int i = 0; i < kChain_max; ++i) {
      const auto parent = parent_.find(session);
      if (parent == parent_.end()) break;
      session = parent->second;
    }
    return session;
  };
  const std::string first = origin(one);
  std::string at = origin(other);
  for (int i = 0; i < kChain_max; ++i) {
    const auto before = follows_.find(at);
    if (before == follows_.end()) return false;
    at = before->second;
    if (at == first) return true;
  }
  return false;
}

Rewinds::OfLane Rewinds::of_lane(const JournalInfo& journal, std::int32_t lane) const {
  OfLane all;
  const auto points = by_run_.find(journal.run_id);
  if (points == by_run_.end()) return all;
  for (const Point& point : points->second) {
    if (point.session == journal.session) {
      if (point.lane == lane) {
        all.by_seq.emplace_back(point.seq, point.step);
      } else {
        all.by_time.emplace_back(point.time_ns, point.step);
      }
    } else if (is_before(journal.session, point.session)) {
      all.later_attempts = std::min(all.later_attempts, point.step);
    } else if (!is_before(point.session, journal.session)) {
      all.by_time.emplace_back(point.time_ns, point.step);
    }
  }
  finish_steps(all.by_seq);
  finish_steps(all.by_time);
  return all;
}

bool Rewinds::voids(const JournalInfo& journal, const Record& record) const {
  if (!record.step || record.kind == Kind::rewind || by_run_.empty()) return false;
  const auto key = std::pair(journal.session, record.lane);
  auto found = lanes_.find(key);
  if (found == lanes_.end()) found = lanes_.emplace(key, of_lane(journal, record.lane)).first;
  const OfLane& lane = found->second;
  const std::int64_t step = *record.step;
  return step >= lane.later_attempts || is_void(lane.by_seq, record.seq, step) ||
         is_void(lane.by_time, record.time_ns, step);
}

}  // namespace runlog
