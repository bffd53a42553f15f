#include "journal/segment_merge.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace runlog {

// One lane: its segments in order, the walker in the current one, and the batch being handed out.
struct SegmentMerge::LaneCursor {
  std::vector<std::size_t> segments;  // indexes into segments_, by first_seq
  std::size_t position = 0;
  std::optional<format::SegmentWalker> walker;
  std::vector<Record> batch;
  std::size_t next_in_batch = 0;
  std::int64_t end_seq = INT64_MAX;  // of the segment before the current one, where there is one
};

SegmentMerge::SegmentMerge(std::vector<SegmentInput> segments, FindName find_name)
    : segments_(std::move(segments)), find_name_(std::move(find_name)), counts_(segments_.size()) {
  std::map<std::int32_t, std::unique_ptr<LaneCursor>> by_lane;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    auto& lane = by_lane[segments_[i].header.lane];
    if (!lane) lane = std::make_unique<LaneCursor>();
    lane->segments.push_back(i);
  }
  for (auto& [number, lane] : by_lane) {
    std::sort(lane->segments.begin(), lane->segments.end(), [&](std::size_t a, std::size_t b) {
      const format::SegmentHeader& one = segments_[a].header;
      const format::SegmentHeader& other = segments_[b].header;
      return std::tie(one.first_seq, one.created_ns, one.number) <
             std::tie(other.first_seq, other.created_ns, other.number);
    });
    for (std::size_t i = 0; i + 1 < lane->segments.size(); ++i) {
      SegmentInput& segment = segments_[lane->segments[i]];
      // A lane opens its next segment only when it has left this one: the file is final. A copy
      // made beside a live writer may be older than that; see fill().
      const bool is_live = segment.settled_end != UINT64_MAX;
      if (is_live || segment.end_seq) continue;
      segment.end_seq = segments_[lane->segments[i + 1]].header.first_seq;
    }
    lanes_.push_back(std::move(lane));
  }
}

SegmentMerge::~SegmentMerge() = default;
SegmentMerge::SegmentMerge(SegmentMerge&&) noexcept = default;
SegmentMerge& SegmentMerge::operator=(SegmentMerge&&) noexcept = default;

void SegmentMerge::fill(LaneCursor& lane) {
  while (lane.next_in_batch == lane.batch.size() && lane.position < lane.segments.size()) {
    const std::size_t index = lane.segments[lane.position];
    SegmentInput& segment = segments_[index];
    if (!lane.walker) {
      // A header rebuilt from a later block begins too late. The segment before it knows better,
      // and so the walker counts what was lost in between. (Where the header is whole, a difference
      // is a segment that is not ours to read: in a pack, or not given.)
      if (!format::parse_header(segment.bytes)) {
        segment.header.first_seq = std::min(segment.header.first_seq, lane.end_seq);
      }
      lane.walker.emplace(segment.bytes, segment.header,
                          format::WalkOptions{.path = segment.path,
                                              .end_seq = segment.end_seq,
                                              .settled_end = segment.settled_end,
                                              .find_name = find_name_});
    }
    lane.next_in_batch = 0;
    if (lane.walker->next(lane.batch)) continue;
    Count& count = counts_[index];
    count.first_seq = segment.header.first_seq;
    count.end_seq = lane.walker->end_seq();
    lane.end_seq = count.end_seq;
    const bool is_copy = segment.settled_end != UINT64_MAX;
    if (is_copy && !lane.walker->is_sealed() && lane.position + 1 < lane.segments.size() &&
        lane.end_seq < segments_[lane.segments[lane.position + 1]].header.first_seq) {
      // The copy was made before the writer's last records here. To go on would show a hole that is
      // none, and a follower would never come back for it: the lane ends here for this reading.
      lane.position = lane.segments.size();
      lane.walker.reset();
      return;
    }
    for (const Damage& damage : lane.walker->damage()) {
      ++count.damage_stretches;
      count.records_lost += damage.records_lost;
      damage_.push_back(damage);
    }
    // The walker stays until the next fill: the last record handed out may view its strings.
    lane.walker.reset();
    ++lane.position;
  }
}

namespace {

bool comes_before(const Record& one, const Record& other) noexcept {
  if (one.time_ns != other.time_ns) return one.time_ns < other.time_ns;
  return std::tie(one.lane, one.seq) < std::tie(other.lane, other.seq);
}

}  // namespace

// The lane that has the next record. Lanes come in long runs: as long as the current one stays
// before the best of the others, which does not move meanwhile, the others need no look.
SegmentMerge::LaneCursor* SegmentMerge::first() {
  if (current_ != nullptr) [[likely]] {
    if (current_->next_in_batch == current_->batch.size()) fill(*current_);
    if (current_->next_in_batch != current_->batch.size() &&
        (runner_up_ == nullptr ||
         comes_before(current_->batch[current_->next_in_batch], *runner_up_))) {
      return current_;
    }
  }
  return choose();
}

SegmentMerge::LaneCursor* SegmentMerge::choose() {
  current_ = nullptr;
  runner_up_ = nullptr;
  const Record* best = nullptr;
  for (const auto& lane : lanes_) {
    if (lane->next_in_batch == lane->batch.size()) fill(*lane);
    if (lane->next_in_batch == lane->batch.size()) continue;
    const Record* const head = &lane->batch[lane->next_in_batch];
    if (best == nullptr || comes_before(*head, *best)) {
      runner_up_ = best;
      best = head;
      current_ = lane.get();
    } else if (runner_up_ == nullptr || comes_before(*head, *runner_up_)) {
      runner_up_ = head;
    }
  }
  return current_;
}

const Record* SegmentMerge::peek() {
  LaneCursor* const lane = first();
  return lane == nullptr ? nullptr : &lane->batch[lane->next_in_batch];
}

const Record* SegmentMerge::next() {
  LaneCursor* const lane = first();
  return lane == nullptr ? nullptr : &lane->batch[lane->next_in_batch++];
}

std::size_t count_among_tails(std::span<Damage> files, std::span<const Damage> damage) {
  std::size_t tails = 0;
  for (const Damage& one : damage) tails += one.begin == one.end && one.records_lost > 0 ? 1 : 0;
  std::size_t explained = 0;
  for (Damage& file : files) {
    if (explained == tails) break;
    if (file.exact) continue;
    file.records_lost = 0;
    file.exact = true;
    file.why += "; its records are missed behind those of another segment";
    ++explained;
  }
  return explained;
}

FindName names_in(std::vector<SegmentInput> segments) {
  struct Names {
    std::vector<SegmentInput> segments;
    std::map<std::uint32_t, std::string> found;
    bool searched = false;
  };
  auto names = std::make_shared<Names>();
  names->segments = std::move(segments);
  return [names](std::uint32_t series) -> std::optional<std::string> {
    if (!names->searched) {
      names->searched = true;
      for (const SegmentInput& segment : names->segments) {
        format::SegmentWalker walker(segment.bytes, segment.header, {});
        std::vector<Record> ignored;
        while (walker.next(ignored)) {
        }
        for (std::uint32_t id = 0; id < walker.names_end(); ++id) {
          if (!walker.name_of(id).empty()) names->found.emplace(id, walker.name_of(id));
        }
      }
    }
    const auto found = names->found.find(series);
    if (found == names->found.end()) return {};
    return found->second;
  };
}

}  // namespace runlog
