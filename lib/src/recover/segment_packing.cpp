#include "recover/segment_packing.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "journal/disk_room.hpp"
#include "platform/crash_point.hpp"
#include "platform/file_system.hpp"
#include "read/crash_tally.hpp"
#include "ship/waiting_check.hpp"

namespace runlog {
namespace {

constexpr std::uint64_t kPack_segment_bytes = 16u << 20;

// Groups segments so that a pack is of ordinary size. Order by number, which is the order in which
// a lane opened them as far as recycling allows; SegmentMerge sorts within a lane.
std::vector<std::vector<std::size_t>> group(const std::vector<SegmentInput>& inputs) {
  std::vector<std::size_t> order(inputs.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(inputs[a].header.created_ns, inputs[a].header.number) <
           std::pair(inputs[b].header.created_ns, inputs[b].header.number);
  });
  std::vector<std::vector<std::size_t>> groups;
  std::uint64_t bytes = kPack_segment_bytes;
  for (const std::size_t index : order) {
    const SegmentInput& one = inputs[index];
    const std::uint64_t size = one.file != nullptr ? one.file->size() : one.bytes.size();
    if (bytes + size > kPack_segment_bytes) {
      groups.emplace_back();
      bytes = 0;
    }
    groups.back().push_back(index);
    bytes += size;
  }
  return groups;
}

}  // namespace

// What the store has, and a disk that is full has as well.
std::uint64_t drop_copies(const JournalDir& directory, bool spares_others) {
  constexpr auto kAll = std::numeric_limits<std::uint64_t>::max();
  DiskRoom room(directory, kAll);
  if (spares_others) return room.drop_copies(kAll, DiskRoom::Copies::all);
  return room.drop_copies_below_root(kAll);
}

void add_damage(const std::vector<Damage>& damage, RecoverOutcome& outcome) {
  for (const Damage& one : damage) {
    outcome.records_damaged += one.records_lost;
    outcome.damage.push_back(one);
  }
}

Result<void> SegmentPacking::pack_groups(DeadSegments& dead) {
  const FindName find_name = names_in(dead.inputs);
  const auto told = add_told_segment(dead);
  if (!told) return told.error();
  std::vector<std::vector<std::size_t>> groups = group(dead.inputs);
  std::reverse(groups.begin(), groups.end());
  while (!groups.empty()) {
    const std::vector<std::size_t> members = std::move(groups.back());
    groups.pop_back();
    std::vector<SegmentInput> inputs;
    inputs.reserve(members.size());
    for (const std::size_t index : members) inputs.push_back(dead.inputs[index]);
    auto packed = make_pack(directory_, meta_, inputs, find_name);
    if (!packed && packed.error().code == Errc::no_space &&
        drop_copies(directory_, options_.spares_others) > 0) {
      packed = make_pack(directory_, meta_, inputs, find_name);
    }
    if (!packed && packed.error().code == Errc::no_space && members.size() > 1) {
      // A pack of one segment takes less, and frees that segment.
      for (auto member = members.rbegin(); member != members.rend(); ++member) {
        groups.push_back({*member});
      }
      continue;
    }
    if (!packed) return std::move(packed).error();
    if (auto done = finish_group(*packed, members, dead); !done) return done;
  }
  return {};
}

// A pack is there: its segments go.
Result<void> SegmentPacking::finish_group(const PackOutcome& packed,
                                          const std::vector<std::size_t>& members,
                                          const DeadSegments& dead) {
  outcome_.records_kept += packed.records;
  outcome_.records_dropped += packed.records_dropped;
  if (packed.is_made) note_made_pack(directory_);
  add_damage(packed.damage, outcome_);
  if (!packed.name_synced) return packed.name_synced;  // the next attempt finds the pack
  if (packed.status != RunEnd::open) {
    status_ = {packed.status, packed.status_text};
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto& file = dead.inputs[members[i]].file;
    if (file == nullptr) {  // the one that was added
      if (auto forgotten = forget_untold(directory_, untold_); !forgotten) return forgotten;
      continue;
    }
    const std::filesystem::path& path = file->path();
    if (!packed.is_made && !options_.keep) {
      empty_.push_back(path);
      continue;
    }
    const bool keeps = options_.keep || (packed.is_made && packed.is_damaged[i]);
    auto gone = keeps ? move_to_torn(directory_, path) : remove_file(path);
    if (!gone) return gone;
    crash_point("in_remove");
  }
  return {};
}

// Room for packs, on a disk that may be full. What a lane has come to stays while the tally says
// so: killed in between, the next recovery would miss it.
Result<void> SegmentPacking::remove_unused(const DeadSegments& dead) {
  const std::vector<std::uint32_t> last = last_segments(directory_);
  empty_.clear();
  for (const auto& path : dead.unused) {
    const auto number = parse_numbered_name(path.filename().native(), kSegment_suffix);
    if (number && std::find(last.begin(), last.end(), *number) != last.end()) {
      empty_.push_back(path);
    } else if (auto removed = remove_file(path); !removed) {
      return removed;
    }
  }
  return {};
}

Result<void> SegmentPacking::run() {
  auto dead = load_dead_segments(directory_);
  if (!dead) return std::move(dead).error();
  for (const SegmentInput& one : dead->inputs) losses_.add_segment(one.header.number);
  for (const auto* const paths : {&dead->unused, &dead->packed, &dead->unreadable}) {
    for (const auto& path : *paths) {
      const auto number = parse_numbered_name(path.filename().native(), kSegment_suffix);
      if (number) losses_.add_segment(*number);
    }
  }
  // Whoever made those packs may have died, or failed, before their names were on the disk.
  if (!dead->packed.empty() || !dead->unreadable.empty()) {
    auto synced = sync_directory(directory_.packs());
    if (!synced && synced.error().code != Errc::not_found) return synced;
  }
  if (auto removed = remove_unused(*dead); !removed) return removed;
  crash_point("after_unused_removed");
  if (auto packed = pack_groups(*dead); !packed) return packed;
  if (auto forgotten = forget_untold(directory_, untold_); !forgotten) return forgotten;
  for (const auto& path : empty_) {
    if (auto removed = remove_file(path); !removed) return removed;
  }
  (void)count_among_tails(dead->unreadable_damage, outcome_.damage);
  add_damage(dead->damage, outcome_);
  if (auto shown = tell_unreadable(*dead); !shown) return shown;
  for (const auto& path : dead->packed) {
    if (auto removed = remove_file(path); !removed) return removed;
  }
  crash_point("after_segments_removed");
  // A pack leaves packs/ only after its segments have left lanes/ for good.
  auto synced = sync_directory(directory_.lanes());
  return !synced && synced.error().code == Errc::not_found ? Result<void>() : synced;
}

// What the process dropped and could not tell any more. Once it is in a pack, or was in one that
// a recovery made before it was killed, the tally is void, before that pack is shipped.
Result<std::optional<ToldSegment>> SegmentPacking::add_told_segment(DeadSegments& dead) {
  auto untold = read_untold(directory_, dead.inputs);
  if (!untold) return std::move(untold).error();
  untold_ = std::move(*untold);
  mark_doubtful(untold_, dead.inputs);
  const auto name = parse_journal_name(directory_.path().filename().native());
  std::optional<ToldSegment> told;
  if (!untold_.is_any() || !name) return told;
  told = told_segment(untold_, name->session);
  dead.inputs.push_back(
      {.bytes = told->bytes, .header = told->header, .path = directory_.crash().native()});
  return told;
}

// What no block of can be read is told by a pack of its own: moved away, it would leave no trace
// where no later segment of its lane shows a hole.
Result<void> SegmentPacking::tell_unreadable(const DeadSegments& dead) {
  for (const Damage& one : dead.unreadable_damage) {
    if (one.exact) add_damage({one}, outcome_);
    if (!one.exact) losses_.add_file(one);
  }
  if (!dead.unreadable_numbers.empty()) {
    auto made =
        make_damage_pack(directory_, meta_, dead.unreadable_numbers, dead.unreadable_damage);
    if (!made) return made;
    note_made_pack(directory_);
  }
  for (const auto& path : dead.unreadable) {
    if (auto moved = move_to_torn(directory_, path); !moved) return moved;
  }
  if (dead.is_without_lanes) losses_.add_folder(without_lanes(directory_));
  return {};
}

}  // namespace runlog
