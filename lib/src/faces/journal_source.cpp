#include "faces/journal_source.hpp"

#include <algorithm>

#include "ship/store_runs.hpp"

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
  for (const auto& path : files.segments) {
    const auto name = parse_journal_name(path.parent_path().parent_path().filename().native());
    if (auto added = source->add_segment(path, name); !added) return std::move(added).error();
  }
  for (const auto& path : files.packs) source->add_pack_or_damage({.path = path});
  for (const RemoteFile& pack : files.remote_packs) {
    source->add_pack_or_damage({.path = url_of_object(files.reading->store->url(), pack.name),
                                .reading = files.reading,
                                .object = pack.name,
                                .object_bytes = pack.bytes});
  }
  if (!files.directory.empty()) {
    if (auto taken = source->snapshot(files); !taken) return std::move(taken).error();
  }
  source->note_ranges(files);
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
  return source;
}

Result<void> JournalSource::add_pack(PackCursor::Place place) {
  auto cursor = PackCursor::open(std::move(place), pack_settings_);
  if (!cursor) return std::move(cursor).error();
  for (const Damage& damage : (*cursor)->info().damage) findings_.damage.push_back(damage);
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
  if (!has_all || files.evicts_unshipped) return;
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
      ranges.emplace_back(inputs_[i].header.first_seq, -1);
    } else {
      ranges.emplace_back(count.first_seq, count.end_seq);
    }
  }
  std::size_t explained = count_among_tails(all, segments_->damage());
  for (auto& [lane, ranges] : lanes) {
    std::sort(ranges.begin(), ranges.end());
    std::int64_t next = 0;
    for (const auto& [begin, end] : ranges) {
      if (next >= 0 && begin > next) {
        const auto lost = static_cast<std::uint64_t>(begin - next);
        if (explained < unreadable_.size()) {
          all[explained].records_lost = lost;
          all[explained++].exact = true;
        } else {
          all.push_back({continuous_path_, 0, 0, lost, true,
                         "records " + std::to_string(next) + " to " + std::to_string(begin - 1) +
                             " of lane " + std::to_string(lane) +
                             " are in no segment or pack here: a file was removed or emptied"});
        }
      }
      next = end < 0 ? end : std::max(next, end);
    }
  }
  return all;
}

std::int64_t JournalSource::time_bound() {
  std::int64_t bound = packs_.empty() ? INT64_MAX : packs_.back()->time();
  for (const auto& pack : open_) bound = std::min(bound, pack->time());
  const Record* const segment = segments_->peek();
  return segment == nullptr ? bound : std::min(bound, segment->time_ns);
}

// A writer that ended in order said so in its last pack. Where that is missing, no hole shows it.
void JournalSource::check_end() {
  if (path_without_end_.empty() || !findings_.failures.empty()) return;
  findings_.damage.push_back({std::move(path_without_end_), 0, 0, 1, false,
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

const Record* JournalSource::peek() {
  PackCursor* const pack = first_pack();
  const Record* const segment = segments_->peek();
  if (pack == nullptr && segment == nullptr) {
    from_ = From::none;
    check_end();
    return nullptr;
  }
  if (segment == nullptr || (pack != nullptr && pack->time() <= segment->time_ns)) {
    from_ = From::pack;
    current_pack_ = pack;
    return &pack->row();
  }
  from_ = From::segments;
  return segment;
}

void JournalSource::pop() {
  if (from_ == From::none) (void)peek();
  if (from_ == From::pack) {
    const Record& record = current_pack_->row();
    if (record.kind == Kind::status && record.name != "started") path_without_end_.clear();
    current_pack_->pop();
  } else if (from_ == From::segments) {
    Record ignored;
    (void)segments_->next(ignored);
  }
  from_ = From::none;
}

std::vector<Damage> JournalSource::damage() const {
  std::vector<Damage> all = findings_.damage;
  const std::vector<Damage> files = missing();
  all.insert(all.end(), files.begin(), files.end());
  all.insert(all.end(), segments_->damage().begin(), segments_->damage().end());
  return all;
}

}  // namespace runlog
