#include "read/untold.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "pack/pack.hpp"
#include "platform/crash_point.hpp"
#include "platform/crash_report.hpp"
#include "platform/directories.hpp"
#include "platform/file_system.hpp"
#include "platform/mapped_file.hpp"
#include "ship/waiting_check.hpp"

namespace runlog {
namespace {

/// A tally that claims more is damaged.
constexpr std::uint64_t kCalls_max = std::uint64_t{1} << 53;

bool is_told(const crash::Tally& tally) {
  return tally.magic == crash::told_magic();
}

std::optional<crash::Tally> read_tally(const std::filesystem::path& path) {
  crash::Tally tally;
  const auto bytes = std::as_writable_bytes(std::span(&tally, 1));
  if (read_crash_bytes(path, crash::kTally_at, bytes) != bytes.size()) return {};
  if (tally.magic != (crash::kTally_magic_masked ^ crash::kMagic_mask) && !is_told(tally))
    return {};
  std::uint64_t& childrens =
      tally.slot[crash::kChildren_slot].dropped[static_cast<std::size_t>(DropReason::value)];
  childrens &= ~crash::kEnded;
  return tally;
}

using Packed = std::vector<format::PackSegment>;

// What the packs here hold.
Result<Packed> packed_here(const JournalDir& directory) {
  const auto packs = packs_here(directory);
  if (!packs) return packs.error();
  Packed packed;
  for (const auto& [number, path] : *packs) {
    const auto file = MappedFile::open_read_only(path);
    if (!file) continue;
    const auto reader = format::PackReader::open(file->bytes());
    if (!reader) continue;
    const auto& segments = reader->info().segments;
    packed.insert(packed.end(), segments.begin(), segments.end());
  }
  return packed;
}

bool holds(const Packed& packed, const std::vector<SegmentInput>& segments, std::int32_t lane,
           std::int64_t seq) {
  for (const format::PackSegment& one : packed) {
    const auto records = static_cast<std::int64_t>(one.records);
    if (one.lane == lane && seq >= one.first_seq && seq - one.first_seq < records) return true;
  }
  std::vector<SegmentInput> of_lane;
  for (const SegmentInput& one : segments) {
    if (one.header.lane == lane) of_lane.push_back(one);
  }
  SegmentMerge merge(std::move(of_lane));
  while (const Record* const record = merge.next()) {
    if (record->seq == seq) return true;
  }
  return false;
}

DropCounts sum(const crash::Tally& tally,
               std::uint64_t (crash::TallySlot::*calls)[crash::kReasons_max]) {
  DropCounts all = {};
  for (const crash::TallySlot& slot : tally.slot) {
    for (std::size_t i = 0; i < kDrop_reasons; ++i) all[i] += (slot.*calls)[i];
  }
  return all;
}

// Whether it may hold any: of most journals it says at once that it does not.
bool has_untold(const crash::Tally& tally) {
  const bool is_telling = std::any_of(std::begin(tally.slot), std::end(tally.slot),
                                      [](const auto& slot) { return slot.telling_reason != 0; });
  return is_telling || tally.evicting_pack != 0 ||
         sum(tally, &crash::TallySlot::dropped) != sum(tally, &crash::TallySlot::told);
}

void settle_eviction(crash::Tally& tally, const JournalDir& directory) {
  if (tally.evicting_pack == 0) return;
  const std::filesystem::path path = directory.pack(std::exchange(tally.evicting_pack, 0) - 1);
  if (!is_absent(path) || !is_absent(directory.shipped() / path.filename())) return;
  auto& evicted = tally.slot[kKeeper_lane].dropped[static_cast<std::size_t>(DropReason::evicted)];
  evicted = std::max(evicted, tally.evicting_total);
  tally.evicted_records = std::max(tally.evicted_records, tally.evicting_records);
}

// What the process was about to do when it died, it has done or not.
void settle(crash::Tally& tally, const JournalDir& directory, const Packed& packed,
            const std::vector<SegmentInput>& segments) {
  for (std::size_t lane = 0; lane < crash::kTally_slots; ++lane) {
    crash::TallySlot& slot = tally.slot[lane];
    const std::size_t reason = slot.telling_reason;
    if (reason < 1 || reason > kDrop_reasons) continue;
    if (holds(packed, segments, static_cast<std::int32_t>(lane), slot.telling_seq)) {
      slot.told[reason - 1] = std::max(slot.told[reason - 1], slot.telling_told);
    }
  }
  settle_eviction(tally, directory);
}

std::uint32_t next_segment(const crash::Tally& tally, const Packed& packed,
                           const std::vector<SegmentInput>& segments) {
  std::uint32_t next = tally.next_segment;
  for (const format::PackSegment& one : packed) next = std::max(next, one.number + 1);
  for (const SegmentInput& one : segments) next = std::max(next, one.header.number + 1);
  return next;
}

// What is not told yet, or is told in this journal: of one that was moved while its process went on
// elsewhere that is what children dropped.
std::optional<crash::Tally> read_untold_tally(const JournalDir& directory) {
  auto tally = read_tally(directory.crash());
  if (!tally || is_told(*tally)) return {};
  if (tally->is_continued != 0) {
    tally->evicting_pack = 0;
    std::fill_n(tally->slot, crash::kChildren_slot, crash::TallySlot{});
  }
  return tally;
}

}  // namespace

bool may_have_untold(const JournalDir& directory) {
  const auto tally = read_untold_tally(directory);
  return tally && has_untold(*tally);
}

Result<std::optional<UntoldDrops>> read_untold(const JournalDir& directory,
                                               const std::vector<SegmentInput>& segments) {
  using Found = std::optional<UntoldDrops>;
  auto tally = read_untold_tally(directory);
  if (!tally || !has_untold(*tally)) return Found{};
  const auto packed = packed_here(directory);
  if (!packed) return packed.error();
  for (const format::PackSegment& one : *packed) {
    if (one.lane == kTold_lane) return Found{};  // whoever made it died before forget_untold()
  }
  settle(*tally, directory, *packed, segments);
  UntoldDrops untold{.calls = sum(*tally, &crash::TallySlot::dropped),
                     .next_segment = next_segment(*tally, *packed, segments)};
  const DropCounts told = sum(*tally, &crash::TallySlot::told);
  bool is_any = false;
  for (std::size_t i = 0; i < kDrop_reasons; ++i) {
    untold.calls[i] -= std::min(untold.calls[i], told[i]);
    if (untold.calls[i] > kCalls_max) return Found{};
    is_any = is_any || untold.calls[i] != 0;
  }
  for (const crash::TallySlot& slot : tally->slot) {
    untold.time_ns = std::max(untold.time_ns, slot.time_ns);
  }
  return is_any ? Found(untold) : Found{};
}

std::optional<std::uint32_t> last_segment(const JournalDir& directory) {
  const auto tally = read_tally(directory.crash());
  if (!tally) return {};
  std::uint32_t end = 0;
  for (const crash::TallySlot& slot : tally->slot) end = std::max(end, slot.segment);
  return end != 0 ? std::optional(end - 1) : std::nullopt;
}

std::vector<std::uint32_t> last_segments(const JournalDir& directory) {
  std::vector<std::uint32_t> numbers;
  const auto tally = read_tally(directory.crash());
  if (!tally || is_told(*tally)) return numbers;
  for (const crash::TallySlot& slot : tally->slot) {
    if (slot.segment != 0) numbers.push_back(slot.segment - 1);
  }
  return numbers;
}

ToldSegment told_segment(const UntoldDrops& untold, const Session& session) {
  ToldSegment told{.bytes = std::vector<std::byte>(format::kSegment_bytes_min),
                   .header = {.session = session,
                              .number = untold.next_segment,
                              .lane = kTold_lane,
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

std::optional<std::uint64_t> evicted_records(const JournalDir& directory) {
  auto tally = read_tally(directory.crash());
  if (!tally) return {};
  settle_eviction(*tally, directory);
  return tally->evicted_records;
}

bool is_part_of_moved(const JournalDir& directory) {
  const auto tally = read_tally(directory.crash());
  return tally && (tally->is_continued != 0 || tally->continues != 0);
}

Result<void> forget_untold(const JournalDir& directory) {
  const std::filesystem::path path = directory.crash();
  auto tally = read_tally(path);
  if (!tally || is_told(*tally)) return {};
  settle_eviction(*tally, directory);  // before that pack is shipped
  tally->magic = crash::told_magic();
  const auto file = OpenFile::open(path, Access::write_there);
  if (!file) return file.error();
  crash_point("before_forget");
  // In place: there may be no room for another file.
  const auto head = std::as_bytes(std::span(&*tally, 1)).first(offsetof(crash::Tally, slot));
  if (auto written = write_at(file->fd(), crash::kTally_at, head, path); !written) {
    return written;
  }
  auto synced = sync_data(file->fd(), path);
  crash_point("after_forget");
  return synced;
}

}  // namespace runlog
