// The keeper's care for room: spares ahead of the writers, and what goes when the disk budget is
// used up.
#include <algorithm>
#include <optional>

#include "format/pack.hpp"
#include "platform/file_system.hpp"
#include "platform/mapped_file.hpp"
#include "ship/keeper.hpp"
#include "ship/uploader.hpp"

namespace runlog {

void Keeper::prepare_spares() {
  SegmentPool& pool = journal_->pool();
  if (const std::uint64_t late = pool.late(); late != late_seen_) {
    late_seen_ = late;
    pool.want_more();
  }
  is_short_of_room_ = pool.spares() == 0 && Clock::now() < no_space_until_;
  while (pool.spares() < pool.wanted() && Clock::now() >= no_space_until_ && !gives_up()) {
    if (!make_room()) {
      is_short_of_room_ = true;
      no_space_until_ = Clock::now() + kRetry_no_space_after;
      return;
    }
    auto spare = pool.prepare();
    if (!spare) {
      report(spare.error());
      is_short_of_room_ = true;
      no_space_until_ = Clock::now() + kRetry_no_space_after;
      return;
    }
    pool.add(*spare);
    journal_->notify_spare();
  }
}

// Room within the budget for one more segment: first what the store has anyway, then, if the user
// chose so, the oldest records nobody has yet.
bool Keeper::make_room() {
  SegmentPool& pool = journal_->pool();
  const auto fits = [&] { return pool.bytes_over_budget(pool.limits().segment_bytes) == 0; };
  while (!fits()) {
    if (settings_.overflow != Overflow::drop_oldest_packed || !evict_oldest_pack()) return false;
  }
  return true;
}

namespace {

struct CallsInPack {
  std::uint64_t kept = 0;
  std::uint64_t dropped = 0;  // which its gap records tell of, and nothing else will
};

// Nothing where it cannot be read.
std::optional<CallsInPack> calls_in_pack(const std::filesystem::path& path) {
  CallsInPack calls;
  const auto file = MappedFile::open_read_only(path);
  if (!file) return {};
  auto reader = format::PackReader::open(file->bytes());
  if (!reader) return {};
  calls.kept = reader->rows();
  for (std::size_t i = 0; i < reader->row_groups().size(); ++i) {
    const auto& group = reader->row_groups()[i];
    if (!group.may_hold(Kind::gap) && !group.may_hold(Kind::status)) continue;
    const auto read = reader->read(i, [&](const Record& record) {
      if (record.kind != Kind::gap && record.kind != Kind::status) return;
      --calls.kept;
      if (record.kind == Kind::gap && record.int_value && *record.int_value > 0) {
        calls.dropped += static_cast<std::uint64_t>(*record.int_value);
      }
    });
    if (!read) return {};
  }
  return calls;
}

}  // namespace

bool Keeper::evict_oldest_pack() {
  const std::filesystem::path packs = journal_->directory().packs();
  auto names = list_directory(packs);
  if (!names) return false;
  for (const std::string& name : *names) {
    const auto number = parse_numbered_name(name, kPack_suffix);
    if (!number) continue;
    const auto calls = calls_in_pack(packs / name);
    if (!calls) continue;  // what cannot be counted stays, for recovery to tell of
    const auto info = stat_file(packs / name);
    // What will be told needs memory, and so comes before the pack goes.
    const std::string why = "pack " + name + " evicted unshipped to make room (drop_oldest_packed)";
    Error told{Errc::no_space, 0, why};
    if (!info) return false;
    std::optional<Result<void>> evicted;
    shipper_->unless_busy_with(*number, [&] {
      evicted = journal_->evict(*number, calls->kept + calls->dropped,
                                [&] { return remove_file(packs / name); });
    });
    if (!evicted) continue;
    if (!*evicted) return false;
    report(told);
    const std::lock_guard lock(mutex_);
    stats_.dropped += calls->kept;  // the others were counted when they were dropped
    return true;
  }
  return false;
}

}  // namespace runlog
