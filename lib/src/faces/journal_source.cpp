#include "faces/journal_source.hpp"

#include <fcntl.h>

#include <algorithm>
#include <map>

#include "platform/file_system.hpp"
#include "ship/store_runs.hpp"

namespace runlog {
namespace {

constexpr int kSnapshot_tries = 20;

// The offset behind the last word that is not zero.
std::uint64_t used_end(std::span<const std::byte> bytes) {
  std::uint64_t end = bytes.size() & ~std::uint64_t{7};
  while (end > 0 && load<std::uint64_t>(bytes.data() + end - 8) == 0) end -= 8;
  return end;
}

}  // namespace

JournalSource::~JournalSource() = default;

Result<std::unique_ptr<JournalSource>> JournalSource::open(const JournalFiles& files,
                                                           const Settings& settings) {
  std::unique_ptr<JournalSource> source(new JournalSource);
  source->pack_settings_ = {.since_ns = settings.since_ns,
                            .keeps_file = files.info.state == JournalState::live,
                            .checks_digest = settings.checks_digests,
                            .fields = settings.fields,
                            .keeps_summary = settings.takes_summaries,
                            .checks_summary = settings.checks_summaries};
  for (const auto& path : files.segments) {
    const auto name = parse_journal_name(path.parent_path().parent_path().filename().native());
    if (auto added = source->add_segment(path, name, false); !added)
      return std::move(added).error();
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

// A live keeper turns segments into packs while we look. Lanes are read first, then the packs: a
// segment that is gone from lanes/ by then is in a pack, and one that is in both counts once.
Result<void> JournalSource::snapshot(const JournalFiles& files) {
  const JournalDir directory(files.directory);
  const auto name = parse_journal_name(files.directory.filename().native());
  const bool is_live = files.info.state == JournalState::live;
  std::set<std::uint32_t> seen;
  for (int attempt = 0; attempt < kSnapshot_tries; ++attempt) {
    bool is_stable = true;
    for (const std::string& file : names_in_directory(directory.lanes())) {
      const auto number = parse_numbered_name(file, kSegment_suffix);
      if (!number || !seen.insert(*number).second) continue;
      auto added = add_segment(directory.lanes() / file, name, is_live);
      if (added) continue;
      if (added.error().code != Errc::not_found) return added;
      is_stable = false;  // packed meanwhile
    }
    std::map<std::uint32_t, std::filesystem::path> packs;
    for (const auto& place : {directory.packs(), directory.shipped()}) {
      for (const std::string& file : names_in_directory(place)) {
        const auto number = parse_numbered_name(file, kPack_suffix);
        if (number) packs.emplace(*number, place / file);
      }
    }
    packs_.clear();
    std::erase_if(unreadable_, [](const Damage& one) { return one.path.ends_with(kPack_suffix); });
    for (const auto& [number, path] : packs) {
      auto added = add_pack({.path = path});
      if (added) continue;
      if (added.error().code == Errc::not_found) {
        is_stable = false;  // moved to shipped/ between the listing and the open
        continue;
      }
      unreadable_.push_back({path.native(), 0, 0, 1, false, added.error().message});
    }
    if (is_stable) break;
  }
  std::set<std::uint32_t> packed;
  for (const auto& pack : packs_) {
    for (const auto& segment : pack->info().segments) packed.insert(segment.number);
  }
  std::erase_if(inputs_,
                [&](const SegmentInput& input) { return packed.contains(input.header.number); });
  return {};
}

Result<void> JournalSource::add_segment(const std::filesystem::path& path,
                                        const std::optional<JournalName>& name, bool is_live) {
  const auto number = parse_numbered_name(path.filename().native(), kSegment_suffix);
  std::span<const std::byte> bytes;
  std::uint64_t settled_end = UINT64_MAX;
  if (is_live) {
    // The first copy tells how far the writer had come before the second one was begun: in the
    // second, everything before that offset is final. Behind it a record may be half there.
    auto file = OpenFile::open(path, O_RDONLY);
    if (!file) return std::move(file).error();
    auto info = stat_file(file->fd(), path);
    if (!info) return std::move(info).error();
    std::vector<std::byte> copy(std::min<std::uint64_t>(info->bytes, format::kSegment_bytes_max));
    for (int round = 0; round < 2; ++round) {
      auto got = read_at(file->fd(), 0, copy, path);
      if (!got) return std::move(got).error();
      copy.resize(*got);
      if (round == 0) settled_end = used_end(copy);
    }
    // The last record seen may itself be unfinished: only what lies before its block's end counts.
    settled_end = settled_end & ~std::uint64_t{format::kBlock_bytes - 1};
    copies_.push_back(std::move(copy));
    bytes = copies_.back();
  } else {
    auto file = MappedFile::open_read_only(path);
    if (!file) return std::move(file).error();
    maps_.push_back(std::move(*file));
    bytes = maps_.back().bytes();
  }
  auto header = format::parse_header(bytes);
  if (header && number && header->number != *number) {
    // Recycled, not yet in use; or its first page is a misplaced one. See load_dead_segments.
    header.reset();
    if (!name || !format::rebuild_header(bytes, name->session, *number)) return {};
  }
  if (!header && name && number) {
    header = format::rebuild_header(bytes, name->session, *number);
    if (header && !is_live) {
      findings_.damage.push_back(
          {path.native(), 0, format::kHeader_bytes, 0, true,
           "the segment's header is damaged; it was rebuilt from a block head"});
    }
  }
  if (!header) {
    if (!is_live && !format::is_unused(bytes)) {
      unreadable_.push_back(
          {path.native(), 0, bytes.size(), 1, false, "no block of this segment can be read"});
    }
    return {};
  }
  inputs_.push_back(
      {.bytes = bytes, .header = *header, .path = path.native(), .settled_end = settled_end});
  return {};
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
