#include "read/journal_source.hpp"

#include <algorithm>

#include "journal/meta.hpp"
#include "store/store_runs.hpp"

namespace runlog {
JournalSource::~JournalSource() = default;

Result<std::unique_ptr<JournalSource>> JournalSource::open(const JournalFiles& files,
                                                           const Settings& settings) {
  std::unique_ptr<JournalSource> source(new JournalSource);
  source->pack_settings_ = {.since_ns = settings.since_ns,
                            .keeps_file = files.info.state == JournalState::live,
                            .checks_digest = settings.checks_digests,
                            .fields = settings.fields,
                            .checks_summary = settings.checks_summaries};
  source->seen_ = settings.seen;
  for (const auto& path : files.segments) {
    auto added = source->add_segment(path, [] { return false; });
    if (!added) return std::move(added).error();
  }
  source->tell_of_segments({});
  for (const RemoteFile& pack : files.remote_packs) {
    source->add_pack_or_damage({.path = url_of_object(files.reading->store->url(), pack.name),
                                .reading = files.reading,
                                .object = pack.name,
                                .object_bytes = pack.bytes});
  }
  if (!files.directory.empty()) {
    if (auto taken = source->snapshot(files); !taken) return std::move(taken).error();
  }
  for (const auto& path : files.packs) {
    // Of a store in the same place as the journal: what that has not kept.
    const std::string name = path.filename().native();
    const auto number = parse_numbered_name(name.substr(name.rfind('-') + 1), kPack_suffix);
    if (!files.directory.empty() && number && source->snapshot_packs_.contains(*number)) continue;
    source->add_pack_or_damage({.path = path});
  }
  for (const Error& one : files.unread) source->note_failure(one);
  source->note_ranges(files);
  if (!settings.since_ns && settings.seen == nullptr) source->lost_at_end_ = files.lost_at_end;
  source->end_path_ = files.info.path.native();
  const bool has_said_end = files.info.state == JournalState::complete ||
                            files.info.state == JournalState::failed ||
                            files.info.state == JournalState::cancelled;
  if (files.is_finished_in_store && has_said_end && !settings.since_ns) {
    source->path_without_end_ = files.info.path.native();
  }
  source->sort_packs();
  source->segment_count_ = source->inputs_.size();
  const FindName find_name = names_in(source->inputs_);
  source->segments_.emplace(source->inputs_, find_name);
  source->seen_ = nullptr;
  return source;
}

Result<void> JournalSource::add_pack(PackCursor::Place place) {
  auto cursor = PackCursor::open(std::move(place), pack_settings_);
  if (!cursor) return std::move(cursor).error();
  if (seen_ != nullptr && seen_->covers((*cursor)->info().segments)) return {};
  for (const Damage& damage : (*cursor)->info().damage) {
    // A whole segment that could not be read: a hole may tell how many records it held.
    const bool is_file = !damage.exact && damage.begin == 0;
    (is_file ? unreadable_ : findings_.damage).push_back(damage);
  }
  packs_.push_back(std::move(*cursor));
  return {};
}

void JournalSource::add_pack_or_damage(PackCursor::Place place) {
  std::string path = place.path.native();
  const auto reading = place.reading;
  auto added = add_pack(std::move(place));
  if (added) return;
  if (reading != nullptr && StoreReading::is_failure(added.error())) {
    has_unasked_ = true;
    reading->note(std::move(added).error(), findings_.failures);
  } else {
    unreadable_.push_back({std::move(path), 0, 0, 1, false, added.error().message});
  }
}

// A file or folder that could not be opened says nothing of what is in it.
void JournalSource::note_failure(Error error) {
  has_unasked_ = true;
  const bool is_told =
      std::any_of(findings_.failures.begin(), findings_.failures.end(),
                  [&](const Error& told) { return told.message == error.message; });
  if (!is_told) findings_.failures.push_back(std::move(error));
}

// By the time of their first record, the earliest last; equal times keep the order they came in.
void JournalSource::sort_packs() {
  std::reverse(packs_.begin(), packs_.end());
  std::stable_sort(packs_.begin(), packs_.end(),
                   [](const auto& a, const auto& b) { return a->time() > b->time(); });
}

// Which records the packs hold, where all of the journal's are here: while nothing has been
// shipped, or, in a store, once the journal has ended there.
void JournalSource::note_ranges(const JournalFiles& files) {
  const bool has_all =
      files.is_finished_in_store || (!files.directory.empty() && files.info.store_url.empty());
  if (!has_all || files.evicts_unshipped || files.is_part) return;
  continuous_path_ = files.info.path.native();
  for (const auto& pack : packs_) {
    for (const auto& segment : pack->info().segments) {
      ranges_[segment.lane].emplace_back(segment.first_seq, segment.first_seq + segment.records);
    }
  }
}

// Sequence numbers of a lane run on from 0 without holes, over packs and segments. A hole is a file
// that cannot be read, or that somebody removed; it tells exactly how many records that file held.
std::vector<Damage> JournalSource::missing() const {
  std::vector<Damage> all = unreadable_;
  if (continuous_path_.empty() || has_unasked_) return all;
  auto lanes = ranges_;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    // Where a copy beside a live writer ends, the segment may go on.
    const bool is_copy = inputs_[i].settled_end != UINT64_MAX;
    const SegmentMerge::Count& count = segments_->counts()[i];
    auto& ranges = lanes[inputs_[i].header.lane];
    if (is_copy) {
      ranges.emplace_back(inputs_[i].header.first_seq, INT64_MAX);
    } else {
      ranges.emplace_back(count.first_seq, count.end_seq);
    }
  }
  const std::size_t explained = count_among_tails(all, segments_->damage());
  count_holes(lane_holes(std::move(lanes)), explained, continuous_path_, all);
  return all;
}

std::int64_t JournalSource::time_bound() {
  std::int64_t bound = packs_.empty() ? INT64_MAX : packs_.back()->time();
  for (const auto& pack : open_) bound = std::min(bound, pack->time());
  const Record* const segment = segments_->peek();
  return segment == nullptr ? bound : std::min(bound, segment->time_ns);
}

// A writer that ended in order said so in its last pack. Where that is missing, no hole shows it.
// It may be among what is told as lost.
void JournalSource::check_end() {
  if (path_without_end_.empty() || !findings_.failures.empty()) return;
  const auto has_lost = [](const Damage& one) { return one.records_lost != 0; };
  const bool is_told = std::any_of(findings_.damage.begin(), findings_.damage.end(), has_lost);
  findings_.damage.push_back({std::move(path_without_end_), 0, 0, is_told ? 0u : 1u, false,
                              "the records of its end are in no pack here: a file was removed"});
  path_without_end_.clear();
}

PackCursor* JournalSource::first_pack() {
  for (;;) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < open_.size(); ++i) {
      if (open_[i]->time() < open_[best]->time()) best = i;
    }
    const bool is_next_due =
        !packs_.empty() && (open_.empty() || packs_.back()->time() <= open_[best]->time());
    if (is_next_due && open_.size() < kOpen_packs_max) {
      open_.push_back(std::move(packs_.back()));
      packs_.pop_back();
      continue;
    }
    if (open_.empty()) return nullptr;
    PackCursor& pack = *open_[best];
    if (pack.has_row()) return &pack;
    if (pack.is_over()) {
      pack.close(findings_);
      open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(best));
    } else {
      pack.load_next(findings_);
    }
  }
}

// One with a row, out of open_; nullptr: it has none any more.
PackCursor* JournalSource::open_pack(std::size_t index) {
  PackCursor& pack = *open_[index];
  while (!pack.has_row()) {
    if (pack.is_over()) {
      pack.close(findings_);
      open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
      return nullptr;
    }
    pack.load_next(findings_);
  }
  return &pack;
}

// The pack that has the next records of this lane, which come before `record`. There is one only
// where the times of the lane go back, or where records are missing.
PackCursor* JournalSource::pack_before(const Record& record, const PackCursor* its_pack) {
  const std::int64_t next = next_seq_[static_cast<std::size_t>(record.lane)];
  for (;;) {
    std::int64_t lowest = record.seq;
    const auto is_better = [&](const PackCursor& pack) {
      const std::int64_t best = lowest;
      for (const format::PackSegment& segment : pack.info().segments) {
        if (segment.lane == record.lane && segment.first_seq + segment.records > next) {
          lowest = std::min(lowest, segment.first_seq);
        }
      }
      return lowest < best;
    };
    std::size_t opened = open_.size();
    for (std::size_t i = 0; i < open_.size(); ++i) {
      if (open_[i].get() != its_pack && is_better(*open_[i])) opened = i;
    }
    std::size_t unopened = packs_.size();
    const bool may_open = open_.size() < 2 * kOpen_packs_max;  // else the order suffers, see there
    for (std::size_t i = 0; may_open && i < packs_.size(); ++i) {
      if (is_better(*packs_[i])) unopened = i;
    }
    if (unopened < packs_.size()) {
      opened = open_.size();
      open_.push_back(std::move(packs_[unopened]));
      packs_.erase(packs_.begin() + static_cast<std::ptrdiff_t>(unopened));
    }
    if (opened == open_.size()) return nullptr;
    if (PackCursor* const pack = open_pack(opened)) return pack;
  }
}

const Record* JournalSource::peek() {
  PackCursor* pack = first_pack();
  const Record* const segment = segments_->peek();
  if (pack == nullptr && segment == nullptr) {
    from_ = From::none;
    check_end();
    return nullptr;
  }
  const bool is_packed =
      segment == nullptr || (pack != nullptr && pack->time() <= segment->time_ns);
  const Record& first = is_packed ? pack->row() : *segment;
  PackCursor* before = nullptr;
  if (!is_in_order(first)) [[unlikely]]
    before = pack_before(first, is_packed ? pack : nullptr);
  if (is_packed || before != nullptr) {
    from_ = From::pack;
    current_pack_ = before != nullptr ? before : pack;
    return &current_pack_->row();
  }
  from_ = From::segments;
  return segment;
}

void JournalSource::pop() {
  if (from_ == From::none) (void)peek();
  const auto note = [&](const Record& record) {
    const auto lane = static_cast<std::size_t>(record.lane);
    if (lane < next_seq_.size()) next_seq_[lane] = std::max(next_seq_[lane], record.seq + 1);
  };
  if (from_ == From::pack) {
    const Record& record = current_pack_->row();
    note(record);
    if (record.kind == Kind::status && run_end_from_name(record.name) != RunEnd::open) {
      path_without_end_.clear();
    }
    current_pack_->pop();
  } else if (from_ == From::segments) {
    if (const Record* const record = segments_->next()) note(*record);
  }
  from_ = From::none;
}

std::vector<Damage> JournalSource::damage() const {
  std::vector<Damage> all = findings_.damage;
  const std::vector<Damage> files = missing();
  all.insert(all.end(), files.begin(), files.end());
  all.insert(all.end(), segments_->damage().begin(), segments_->damage().end());
  if (!lost_at_end_ || has_unasked_ || !findings_.failures.empty()) return all;
  std::uint64_t told = 0;
  for (const Damage& one : all) told += one.records_lost;
  // What recovery found and no file that is here shows: the last pack of a lane, say. At least so
  // many: end.json does not say which of its losses are exact.
  if (*lost_at_end_ > told) {
    all.push_back({end_path_, 0, 0, *lost_at_end_ - told, false,
                   "its end.json tells of them; nothing else here does"});
  }
  return all;
}

}  // namespace runlog
