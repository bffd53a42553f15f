#include "read/untold.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <utility>

#include "journal/lane_holes.hpp"
#include "journal/meta.hpp"
#include "pack/pack.hpp"
#include "platform/crash_point.hpp"
#include "platform/directories.hpp"
#include "platform/file_system.hpp"
#include "read/crash_tally.hpp"
#include "read/gap_records.hpp"
#include "ship/waiting_check.hpp"

namespace runlog {
namespace {

/// A tally that claims more is damaged.
constexpr std::uint64_t kCalls_max = std::uint64_t{1} << 53;
constexpr auto kBy_children = static_cast<std::size_t>(DropReason::value);

// An older recovery has voided it and does not say what of it.
bool is_closed(const crash::Tally& tally) {
  return is_told(tally) && tally.slot[crash::kChildren_slot].telling_seq == 0;
}

std::uint64_t childrens(const crash::Tally& tally) {
  return tally.slot[crash::kChildren_slot].dropped[kBy_children];
}

// Of a tally whose other counts are told, here or, where the process has gone on in another
// directory, there.
std::uint64_t untold_childrens(const crash::Tally& tally) {
  const std::uint64_t told = tally.slot[crash::kChildren_slot].telling_told;
  return childrens(tally) - std::min(childrens(tally), told);
}

bool is_children_only(const crash::Tally& tally) {
  return is_told(tally) || tally.is_continued != 0;
}

DropCounts sum(const crash::Tally& tally,
               std::uint64_t (crash::TallySlot::*calls)[crash::kReasons_max]) {
  DropCounts all = {};
  for (const crash::TallySlot& slot : tally.slot) {
    for (std::size_t i = 0; i < kDrop_reasons; ++i) all[i] += (slot.*calls)[i];
  }
  return all;
}

// All that was dropped, told or not.
DropCounts dropped_in_all(const crash::Tally& tally) {
  DropCounts all = sum(tally, &crash::TallySlot::dropped);
  const DropCounts told = sum(tally, &crash::TallySlot::told);  // also calls of no journal
  for (std::size_t i = 0; i < kDrop_reasons; ++i) all[i] = std::max(all[i], told[i]);
  return all;
}

bool is_telling(const crash::Tally& tally) {
  return tally.evicting_pack != 0 ||
         std::any_of(std::begin(tally.slot), std::end(tally.slot),
                     [](const auto& slot) { return slot.telling_reason != 0; });
}

// What the packs here hold, by their footers.
struct Packed {
  struct File {
    std::filesystem::path path;
    std::uint64_t dropped = 0;
  };
  std::vector<File> with_drops;
  std::vector<format::PackSegment> segments;
  std::vector<std::filesystem::path> told;  // that recovery has made, and not noted yet
  std::uint64_t dropped = 0;
  std::set<std::uint32_t> numbers;  // of `segments`
};

Result<Packed> packed_here(const JournalDir& directory, std::int64_t told_seq) {
  const auto packs = packs_here(directory);
  if (!packs) return packs.error();
  Packed packed;
  for (const auto& [number, path] : *packs) {
    if (!check_kind_of_file(path)) continue;
    const auto reader = format::PackReader::open_file(path);
    if (!reader) continue;
    const format::PackInfo& info = reader->info();
    packed.segments.insert(packed.segments.end(), info.segments.begin(), info.segments.end());
    packed.dropped += info.records_dropped;
    if (info.records_dropped != 0) packed.with_drops.push_back({path, info.records_dropped});
    for (const format::PackSegment& one : info.segments) {
      packed.numbers.insert(one.number);
      if (one.lane == kTold_lane && one.first_seq >= told_seq) packed.told.push_back(path);
    }
  }
  return packed;
}

// What the segments that are in no pack hold.
struct InLanes {
  GapCounts gaps;
  LaneRanges ranges;
  std::set<std::uint32_t> numbers;
  std::set<std::int32_t> telling;  // lanes whose record that was being made is there
};

InLanes look_at_segments(const std::vector<SegmentInput>& segments, const Packed& packed,
                         const crash::Tally& tally) {
  std::vector<SegmentInput> unpacked;
  for (const SegmentInput& one : segments) {
    if (!packed.numbers.contains(one.header.number)) unpacked.push_back(one);
  }
  InLanes in_lanes;
  SegmentMerge merge(unpacked);
  while (const Record* const record = merge.next()) {
    in_lanes.gaps.add(*record);
    const auto lane = static_cast<std::size_t>(record->lane);
    if (lane < crash::kTally_slots && tally.slot[lane].telling_reason != 0 &&
        tally.slot[lane].telling_seq == record->seq) {
      in_lanes.telling.insert(record->lane);
    }
  }
  for (std::size_t i = 0; i < unpacked.size(); ++i) {
    const auto& count = merge.counts()[i];
    in_lanes.numbers.insert(unpacked[i].header.number);
    in_lanes.ranges[unpacked[i].header.lane].emplace_back(count.first_seq, count.end_seq);
  }
  return in_lanes;
}

bool has_packed(const Packed& packed, std::int32_t lane, std::int64_t seq) {
  return std::any_of(packed.segments.begin(), packed.segments.end(), [&](const auto& one) {
    return one.lane == lane && seq >= one.first_seq && seq - one.first_seq < one.records;
  });
}

// What the process was about to do when it died, it has done or not.
void settle(crash::Tally& tally, const JournalDir& directory, const Packed& packed,
            const InLanes& in_lanes) {
  for (std::size_t i = 0; i < crash::kTally_slots; ++i) {
    crash::TallySlot& slot = tally.slot[i];
    const auto lane = static_cast<std::int32_t>(i);
    const std::size_t reason = slot.telling_reason;
    if (reason < 1 || reason > kDrop_reasons) continue;
    if (in_lanes.telling.contains(lane) || has_packed(packed, lane, slot.telling_seq)) {
      slot.told[reason - 1] = std::max(slot.told[reason - 1], slot.telling_told);
    }
  }
  settle_eviction(tally, directory);
}

bool ships_nowhere(const JournalDir& directory) {
  const auto json = read_file(directory.meta(), kMeta_bytes_max);
  const auto meta = json ? parse_meta(*json, directory.meta().native()) : json.error();
  return meta && meta->store_url.empty() && is_absent(directory.moved());
}

// Whether no pack and no segment of the process has gone: then each gap record that is not here is
// damaged, or its file is lost.
bool has_all(const crash::Tally& tally, const JournalDir& directory, const Packed& packed,
             const InLanes& in_lanes) {
  if (is_part_of_moved(tally) || tally.evicted_records != 0) return false;
  if (ships_nowhere(directory)) return true;
  LaneRanges ranges = in_lanes.ranges;
  for (const format::PackSegment& one : packed.segments) {
    if (one.records != 0) ranges[one.lane].emplace_back(one.first_seq, one.first_seq + one.records);
  }
  if (!lane_holes(std::move(ranges)).empty()) return false;
  return std::all_of(std::begin(tally.slot), std::end(tally.slot), [&](const auto& slot) {
    const std::uint32_t number = slot.segment - 1;
    return slot.segment == 0 || packed.numbers.contains(number) ||
           in_lanes.numbers.contains(number);
  });
}

// By what the tally says, of a journal of which not all is here.
DropCounts untold_by_tally(const crash::Tally& tally, const Packed& packed) {
  DropCounts calls = {};
  if (is_children_only(tally)) {
    calls[kBy_children] = untold_childrens(tally);
  } else {
    calls = without(sum(tally, &crash::TallySlot::dropped), sum(tally, &crash::TallySlot::told));
  }
  // Whoever made those packs died before forget_untold().
  GapCounts told;
  for (const auto& path : packed.told) {
    if (!told.add_pack(path, kTold_lane)) return {};
  }
  return told.missing_of(calls);
}

// By what the gap records say, of a journal of which all is here.
DropCounts untold_by_gaps(const crash::Tally& tally, const Packed& packed,
                          const InLanes& in_lanes) {
  const DropCounts calls = dropped_in_all(tally);
  GapCounts gaps = in_lanes.gaps;
  if (gaps.all() + packed.dropped == total(calls)) return {};
  for (const Packed::File& one : packed.with_drops) {
    GapCounts in_pack;
    (void)in_pack.add_pack(one.path, {});
    // Those that cannot be read the footer counts, and whoever mends the pack tells them.
    gaps.without_reason += one.dropped - std::min(one.dropped, in_pack.all());
    for (std::size_t i = 0; i < kDrop_reasons; ++i) gaps.calls[i] += in_pack.calls[i];
    gaps.without_reason += in_pack.without_reason;
  }
  return gaps.missing_of(calls);
}

std::set<std::int32_t> lanes_that_told(const crash::Tally& tally) {
  std::set<std::int32_t> lanes;
  for (std::size_t i = 0; i < crash::kTally_slots; ++i) {
    const auto& told = tally.slot[i].told;
    const bool has_told = std::any_of(std::begin(told), std::end(told),
                                      [](std::uint64_t calls) { return calls != 0; });
    if (has_told) lanes.insert(static_cast<std::int32_t>(i));
  }
  return lanes;
}

}  // namespace

bool may_have_untold(const JournalDir& directory) {
  const auto tally = read_tally(directory);
  if (!tally || is_closed(*tally)) return false;
  if (is_children_only(*tally)) return untold_childrens(*tally) != 0;
  return is_telling(*tally) ||
         sum(*tally, &crash::TallySlot::dropped) != sum(*tally, &crash::TallySlot::told);
}

Result<UntoldDrops> read_untold(const JournalDir& directory,
                                const std::vector<SegmentInput>& segments) {
  UntoldDrops untold;
  auto tally = read_tally(directory);
  if (!tally || is_closed(*tally)) return untold;
  untold.by_children = childrens(*tally);
  if (total(dropped_in_all(*tally)) == 0 && !is_telling(*tally)) return untold;
  // What is told in recovery's lane before this number is noted. Nothing is before RLTOLD_2, but of
  // children alone.
  const std::int64_t noted_seq = tally->slot[crash::kChildren_slot].telling_seq;
  const std::int64_t told_seq = is_children_only(*tally) && noted_seq > 0 ? noted_seq - 1 : 0;
  const auto packed = packed_here(directory, told_seq);
  if (!packed) return packed.error();
  const InLanes in_lanes = look_at_segments(segments, *packed, *tally);
  settle(*tally, directory, *packed, in_lanes);
  untold.next_seq = told_seq;
  untold.next_segment = tally->next_segment;
  for (const format::PackSegment& one : packed->segments) {
    untold.next_segment = std::max(untold.next_segment, one.number + 1);
    if (one.lane != kTold_lane) continue;
    untold.next_seq = std::max(untold.next_seq, one.first_seq + one.records);
  }
  for (const SegmentInput& one : segments) {
    untold.next_segment = std::max(untold.next_segment, one.header.number + 1);
  }
  for (const crash::TallySlot& slot : tally->slot) {
    untold.time_ns = std::max(untold.time_ns, slot.time_ns);
  }
  const bool is_complete = has_all(*tally, directory, *packed, in_lanes);
  if (!is_complete) untold.doubtful_lanes = lanes_that_told(*tally);
  untold.calls =
      is_complete ? untold_by_gaps(*tally, *packed, in_lanes) : untold_by_tally(*tally, *packed);
  const bool is_damaged = std::any_of(untold.calls.begin(), untold.calls.end(),
                                      [](std::uint64_t calls) { return calls > kCalls_max; });
  if (is_damaged) untold.calls = {};
  return untold;
}

void mark_doubtful(const UntoldDrops& untold, std::vector<SegmentInput>& segments) {
  for (SegmentInput& one : segments) {
    one.may_hide_drops = untold.doubtful_lanes.contains(one.header.lane);
  }
}

std::uint64_t all_drops(const JournalDir& directory) {
  auto tally = read_tally(directory);
  if (!tally || is_closed(*tally) || is_part_of_moved(*tally)) return 0;
  settle_eviction(*tally, directory);
  return total(dropped_in_all(*tally));
}

ToldSegment told_segment(const UntoldDrops& untold, const Session& session) {
  ToldSegment told{.bytes = std::vector<std::byte>(format::kSegment_bytes_min),
                   .header = {.session = session,
                              .number = untold.next_segment,
                              .lane = kTold_lane,
                              .first_seq = untold.next_seq,
                              .created_ns = untold.time_ns,
                              .segment_bytes = format::kSegment_bytes_min}};
  format::SegmentWriter writer;
  writer.begin(told.bytes, told.header, untold.time_ns);
  for (std::size_t i = 0; i < kDrop_reasons; ++i) {
    if (untold.calls[i] == 0) continue;
    (void)writer.append_event(gap_event(static_cast<DropReason>(i), untold.calls[i],
                                        untold.time_ns));  // there is room for one of each
  }
  writer.seal();
  return told;
}

Result<void> forget_untold(const JournalDir& directory, const UntoldDrops& untold) {
  const std::filesystem::path path = directory.crash();
  auto tally = read_tally(directory);
  if (!tally || is_closed(*tally)) return {};
  crash::TallySlot& slot = tally->slot[crash::kChildren_slot];
  const auto records = std::count_if(untold.calls.begin(), untold.calls.end(),
                                     [](std::uint64_t calls) { return calls != 0; });
  const std::int64_t next_seq = untold.next_seq + records;
  if (is_told(*tally) && slot.telling_told >= untold.by_children && slot.telling_seq > next_seq) {
    return {};
  }
  settle_eviction(*tally, directory);  // before that pack is shipped
  slot.telling_told = std::max(slot.telling_told, untold.by_children);
  slot.telling_seq = std::max(slot.telling_seq, next_seq + 1);
  if (untold.is_any()) {
    tally->next_segment = std::max(tally->next_segment, untold.next_segment + 1);
  }
  tally->magic = crash::told_magic();
  const auto file = OpenFile::open(path, Access::write_there);
  if (!file) return file.error();
  crash_point("before_forget");
  // In place: there may be no room for another file. Not the children's count, which they may add
  // to at any time; and what is told of it first, because RLTOLD_2 says that it is.
  const auto told = std::as_bytes(std::span(&slot, 1))
                        .subspan(offsetof(crash::TallySlot, telling_told),
                                 sizeof slot.telling_told + sizeof slot.telling_seq);
  const std::size_t slot_at = offsetof(crash::Tally, slot) +
                              crash::kChildren_slot * sizeof(crash::TallySlot) +
                              offsetof(crash::TallySlot, telling_told);
  if (auto written = write_at(file->fd(), crash::kTally_at + slot_at, told, path); !written) {
    return written;
  }
  crash_point("in_forget");
  const auto head = std::as_bytes(std::span(&*tally, 1)).first(offsetof(crash::Tally, slot));
  if (auto written = write_at(file->fd(), crash::kTally_at, head, path); !written) {
    return written;
  }
  auto synced = sync_data(file->fd(), path);
  crash_point("after_forget");
  return synced;
}

}  // namespace runlog
