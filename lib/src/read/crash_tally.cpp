#include "read/crash_tally.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "journal/drops.hpp"
#include "platform/crash_report.hpp"
#include "platform/file_system.hpp"

namespace runlog {

std::optional<crash::Tally> read_tally(const JournalDir& directory) {
  crash::Tally tally;
  const auto bytes = std::as_writable_bytes(std::span(&tally, 1));
  if (read_crash_bytes(directory.crash(), crash::kTally_at, bytes) != bytes.size()) return {};
  if (tally.magic != crash::tally_magic() && !is_told(tally)) return {};
  return tally;
}

bool is_told(const crash::Tally& tally) noexcept {
  return tally.magic == crash::told_magic();
}

bool is_part_of_moved(const crash::Tally& tally) noexcept {
  return tally.is_continued != 0 || tally.continues != 0;
}

bool is_part_of_moved(const JournalDir& directory) {
  const auto tally = read_tally(directory);
  return tally && is_part_of_moved(*tally);
}

void settle_eviction(crash::Tally& tally, const JournalDir& directory) {
  if (tally.evicting_pack == 0) return;
  const std::filesystem::path path = directory.pack(std::exchange(tally.evicting_pack, 0) - 1);
  if (!is_absent(path) || !is_absent(directory.shipped() / path.filename())) return;
  auto& evicted = tally.slot[kKeeper_lane].dropped[static_cast<std::size_t>(DropReason::evicted)];
  evicted = std::max(evicted, tally.evicting_total);
  tally.evicted_records = std::max(tally.evicted_records, tally.evicting_records);
  if (tally.packs != 0) --tally.packs;
}

std::vector<std::uint32_t> last_segments(const JournalDir& directory) {
  std::vector<std::uint32_t> numbers;
  const auto tally = read_tally(directory);
  if (!tally || is_told(*tally)) return numbers;
  for (const crash::TallySlot& slot : tally->slot) {
    if (slot.segment != 0) numbers.push_back(slot.segment - 1);
  }
  return numbers;
}

std::optional<std::uint32_t> last_segment(const JournalDir& directory) {
  const auto tally = read_tally(directory);
  if (!tally) return {};
  std::uint32_t end = 0;
  for (const crash::TallySlot& slot : tally->slot) end = std::max(end, slot.segment);
  return end != 0 ? std::optional(end - 1) : std::nullopt;
}

std::optional<std::uint64_t> evicted_records(const JournalDir& directory) {
  auto tally = read_tally(directory);
  if (!tally) return {};
  settle_eviction(*tally, directory);
  return tally->evicted_records;
}

std::uint64_t packs_made(const JournalDir& directory) {
  auto tally = read_tally(directory);
  if (!tally) return 0;
  settle_eviction(*tally, directory);
  return tally->packs;
}

namespace {

void change_packs(const JournalDir& directory, bool is_more) {
  const auto tally = read_tally(directory);
  if (!tally || (!is_more && tally->packs == 0)) return;
  const auto file = OpenFile::open(directory.crash(), Access::write_there);
  if (!file) return;
  const std::uint64_t packs = is_more ? tally->packs + 1 : tally->packs - 1;
  (void)write_at(file->fd(), crash::kTally_at + offsetof(crash::Tally, packs),
                 std::as_bytes(std::span(&packs, 1)), directory.crash());
}

}  // namespace

void note_made_pack(const JournalDir& directory) {
  change_packs(directory, true);
}

void note_torn_pack(const JournalDir& directory) {
  change_packs(directory, false);
}

}  // namespace runlog
