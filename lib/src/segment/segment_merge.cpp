#include "segment/segment_merge.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace runlog {

// One lane: its segments in order, the walker in the current one, and the batch being handed out.
struct SegmentMerge::LaneCursor {
  std::vector<std::size_t> segments;  // indexes into segments_, by first_seq
  std::size_t position = 0;
  std::optional<SegmentBytes> bytes;  // of the current one, as long as the walker
  std::optional<format::SegmentWalker> walker;
  format::SegmentBatch batch;
  std::size_t piece = 0;             // of the batch: the one that has the next record
  std::size_t next_in_piece = 0;     // 0 where that is an event
  std::int64_t end_seq = INT64_MAX;  // of the segment before the current one, where there is one
  Record record;                     // the one handed out last, where it was a metric
  format::SeriesEntries entries;     // of the current segment
  std::uint64_t names_version = 0;   // that `entries` belongs to

  [[nodiscard]] bool is_used_up() const noexcept { return piece == batch.pieces.size(); }

  [[nodiscard]] Key key(std::size_t ahead = 0) const noexcept {
    const format::SegmentBatch::Piece& here = batch.pieces[piece];
    if (here.is_event()) {
      const Record& event = batch.events[here.event];
      return {event.time_ns, event.lane, event.seq};
    }
    const format::MetricRun& metrics = here.metrics;
    const std::size_t index = next_in_piece + ahead;
    return {metrics.time_ns(index), metrics.lane, metrics.seq + static_cast<std::int64_t>(index)};
  }

  const Record* read() {
    const format::SegmentBatch::Piece& here = batch.pieces[piece];
    if (here.is_event()) return &batch.events[here.event];
    here.metrics.read(next_in_piece, walker->names(), record);
    return &record;
  }

  // Behind `count` records of the current piece.
  void advance(std::size_t count) noexcept {
    next_in_piece += count;
    if (next_in_piece < batch.pieces[piece].metrics.count) return;
    ++piece;
    next_in_piece = 0;
  }
};

SegmentBytes::SegmentBytes(const SegmentInput& input)
    : copy_(input.file != nullptr ? input.file->copy(format::kSegment_bytes_max) : FileCopy{}),
      bytes_(input.file != nullptr ? copy_.bytes : input.bytes) {}

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
  while (lane.is_used_up() && lane.position < lane.segments.size()) {
    const std::size_t index = lane.segments[lane.position];
    SegmentInput& segment = segments_[index];
    if (!lane.walker) {
      // A header rebuilt from a later block begins too late. The segment before it knows better,
      // and so the walker counts what was lost in between. (Where the header is whole, a difference
      // is a segment that is not ours to read: in a pack, or not given.)
      lane.bytes.emplace(segment);
      if (!format::parse_header(lane.bytes->bytes())) {
        segment.header.first_seq = std::min(segment.header.first_seq, lane.end_seq);
      }
      lane.walker.emplace(lane.bytes->bytes(), segment.header,
                          format::WalkOptions{.path = segment.path,
                                              .end_seq = segment.end_seq,
                                              .settled_end = segment.settled_end,
                                              .find_name = find_name_});
      lane.entries.clear();
      lane.names_version = 0;
    }
    lane.piece = 0;
    lane.next_in_piece = 0;
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
      if (segment.may_hide_drops && damage.records_lost != 0) damage_.back().exact = false;
    }
    // The walker stays until the next fill: the last record handed out may view its strings.
    lane.walker.reset();
    ++lane.position;
  }
}

// The lane that has the next record. Lanes come in long runs: as long as the current one stays
// before the best of the others, which does not move meanwhile, the others need no look.
SegmentMerge::LaneCursor* SegmentMerge::first() {
  if (current_ != nullptr) [[likely]] {
    if (current_->is_used_up()) fill(*current_);
    if (!current_->is_used_up() && (!runner_up_ || current_->key() < *runner_up_)) {
      return current_;
    }
  }
  return choose();
}

SegmentMerge::LaneCursor* SegmentMerge::choose() {
  current_ = nullptr;
  runner_up_.reset();
  std::optional<Key> best;
  for (const auto& lane : lanes_) {
    if (lane->is_used_up()) fill(*lane);
    if (lane->is_used_up()) continue;
    const Key head = lane->key();
    if (!best || head < *best) {
      runner_up_ = best;
      best = head;
      current_ = lane.get();
    } else if (!runner_up_ || head < *runner_up_) {
      runner_up_ = head;
    }
  }
  return current_;
}

const Record* SegmentMerge::peek() {
  LaneCursor* const lane = first();
  return lane == nullptr ? nullptr : lane->read();
}

const Record* SegmentMerge::next() {
  LaneCursor* const lane = first();
  if (lane == nullptr) return nullptr;
  const Record* const record = lane->read();
  lane->advance(1);
  return record;
}

SegmentMerge::Run SegmentMerge::next_run() {
  LaneCursor* const lane = first();
  if (lane == nullptr) return {};
  const format::SegmentBatch::Piece& piece = lane->batch.pieces[lane->piece];
  Run run;
  if (piece.is_event()) {
    run.record = lane->read();
    lane->advance(1);
    return run;
  }
  const std::size_t left = piece.metrics.count - lane->next_in_piece;
  std::size_t count = 1;
  if (runner_up_) {
    while (count < left && lane->key(count) < *runner_up_) ++count;
  } else {
    count = left;
  }
  if (lane->walker->names_version() != lane->names_version) {
    lane->names_version = lane->walker->names_version();
    lane->entries.clear();
  }
  run.metrics = piece.metrics.part(lane->next_in_piece, count);
  run.names = lane->walker->names();
  run.entries = &lane->entries;
  lane->advance(count);
  return run;
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
        const SegmentBytes bytes(segment);
        format::SegmentWalker walker(bytes.bytes(), segment.header, {});
        format::SegmentBatch ignored;
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
