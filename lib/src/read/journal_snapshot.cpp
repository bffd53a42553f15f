// The files of a journal directory, taken while its writer may be at work: what JournalSource then
// reads is a whole. Every record committed before the call is in it, and of what a thread logs
// meanwhile no record without those the thread logged before.
//
// Two things move under a reader. The keeper turns segments into packs: lanes are read first, then
// the packs, so that a segment that has left lanes/ by then is in a pack, and one that is in both
// counts once. And threads move, in two ways:
// - From one segment to the next of a lane. So all headers are looked at before anything is copied,
//   and segments begun since are left out. What lies before one that had begun was final by then:
//   its copy, or the pack it has gone to, is whole. (SegmentMerge sees to the last one, whose copy
//   may be older than what follows it.)
// - The first records of each go to the shared lane, the later ones to a lane of its own. So the
//   shared lane is read last, behind all that may hold a later record; what was committed before
//   that is in it, unless it was packed between the two looks, and then we look again.

#include <algorithm>
#include <map>

#include "platform/directories.hpp"
#include "platform/file_system.hpp"
#include "read/dead_segments.hpp"
#include "read/journal_source.hpp"

namespace runlog {
namespace {

using State = format::SegmentFile::State;

constexpr int kSnapshot_tries = 20;

// The offset behind the last word that is not zero.
std::uint64_t used_end(std::span<const std::byte> bytes) {
  std::uint64_t end = bytes.size() & ~std::uint64_t{7};
  while (end > 0 && load<std::uint64_t>(bytes.data() + end - 8) == 0) end -= 8;
  return end;
}

bool is_shared_lane(const format::SegmentHeader& header) {
  return header.lane == format::kShared_lane;
}

}  // namespace

// The files that are numbered, in folders of the journal: of a number that is in two of them, the
// one in the first. One that is not there is empty; one that does not let us look is a failure.
JournalSource::Numbered JournalSource::list_numbered(
    std::initializer_list<std::filesystem::path> folders, std::string_view suffix) {
  Numbered found;
  for (const auto& folder : folders) {
    auto names = list_if_there(folder);
    if (!names) {
      note_failure(std::move(names).error());
      continue;
    }
    for (const std::string& name : *names) {
      const auto number = parse_numbered_name(name, suffix);
      if (number) found.emplace(*number, folder / name);
    }
  }
  return found;
}

JournalSource::Numbered JournalSource::list_segments(const JournalDir& directory) {
  return list_numbered({directory.lanes()}, kSegment_suffix);
}

// In this order a pack on its way from one place to the other is seen at least once.
JournalSource::Numbered JournalSource::list_packs(const JournalDir& directory) {
  return list_numbered({directory.packs(), directory.shipped()}, kPack_suffix);
}

Result<void> JournalSource::snapshot(const JournalFiles& files) {
  const JournalDir directory(files.directory);
  const bool is_live = files.info.state == JournalState::live;
  for (int attempt = 0; attempt < kSnapshot_tries; ++attempt) {
    if (is_live) {
      if (auto added = add_copies(directory, false); !added) return added;
    } else {
      add_dead_segments(directory);
    }
    for (const auto& [number, path] : list_packs(directory)) {
      if (snapshot_packs_.insert(number).second) add_local_pack(directory, path);
    }
    if (!is_live) break;
    std::erase_if(inputs_, [&](const SegmentInput& old) {
      return is_shared_lane(old.header) && copies_.erase(old.header.number) > 0;
    });
    if (auto added = add_copies(directory, true); !added) return added;
    if (!is_shared_lane_packed_since(directory)) break;
  }
  if (!is_live) {
    add_torn_packs(directory);
    if (!files.lost_at_end && !stat_file(directory.lanes()) && files.unread.empty()) {
      unreadable_.push_back(without_lanes(directory));
    }
  }
  if (!is_live) add_untold(directory);
  std::set<std::uint32_t> packed;
  for (const auto& pack : packs_) {
    for (const auto& segment : pack->info().segments) packed.insert(segment.number);
  }
  std::erase_if(inputs_,
                [&](const SegmentInput& input) { return packed.contains(input.header.number); });
  tell_of_segments(packed);
  return {};
}

// Copies of the segments in use that are (or are not) the shared lane's.
Result<void> JournalSource::add_copies(const JournalDir& directory, bool is_of_shared_lane) {
  const Numbered segments = list_segments(directory);
  std::map<std::int32_t, std::int64_t> latest;  // by lane, the first record of its last segment
  for (const auto& [number, path] : segments) {
    const auto file = OpenFile::open(path, Access::read);
    if (!file) continue;  // the copy below tells why
    const auto seen = format::look_at_segment(*file, path, segment_identity(path));
    if (!seen || !seen->has_records()) continue;
    auto& first_seq = latest.emplace(seen->header.lane, seen->header.first_seq).first->second;
    first_seq = std::max(first_seq, seen->header.first_seq);
  }
  const auto is_wanted = [&](const format::SegmentHeader& header) {
    const auto last = latest.find(header.lane);
    return is_shared_lane(header) == is_of_shared_lane && last != latest.end() &&
           header.first_seq <= last->second;
  };
  for (const auto& [number, path] : segments) {
    auto added = add_copy(path, is_wanted);
    // One that is not there any more is in a pack.
    if (!added && added.error().code != Errc::not_found) return added;
  }
  return {};
}

// Whether a pack that came after we looked has records of the shared lane. Other new packs are left
// out: their segments were copied, or began after the call.
bool JournalSource::is_shared_lane_packed_since(const JournalDir& directory) {
  const Numbered packs = list_packs(directory);
  return std::any_of(packs.begin(), packs.end(), [&](const auto& numbered) {
    if (snapshot_packs_.contains(numbered.first)) return false;
    const auto pack = PackCursor::open({.path = numbered.second}, pack_settings_);
    if (!pack) return true;  // moved to shipped/ meanwhile: the next look tells
    const auto& segments = (*pack)->info().segments;
    return std::any_of(segments.begin(), segments.end(),
                       [](const auto& segment) { return segment.lane == format::kShared_lane; });
  });
}

void JournalSource::add_local_pack(const JournalDir& directory, const std::filesystem::path& path) {
  if (const char* const what = wrong_kind_of_file(path)) {
    unreadable_.push_back({path.native(), 0, 0, 1, false, what});
    return;
  }
  auto added = add_pack({.path = path});
  if (!added && added.error().code == Errc::not_found) {
    added = add_pack({.path = directory.shipped() / path.filename()});
    // Gone from there, too: its room was wanted for newer records.
    if (!added && added.error().code == Errc::not_found) return;
  }
  if (added) return;
  const bool is_damaged =
      added.error().code == Errc::corrupt || added.error().code == Errc::unsupported;
  if (!is_damaged) return note_failure(std::move(added).error());
  unreadable_.push_back({path.native(), 0, 0, 1, false, added.error().message});
}

// Packs that recovery could not read, and so did not ship, unless their segments were packed again.
void JournalSource::add_torn_packs(const JournalDir& directory) {
  for (const auto& [number, path] : list_numbered({directory.torn()}, kPack_suffix)) {
    if (snapshot_packs_.contains(number)) continue;
    unreadable_.push_back(
        {path.native(), 0, 0, 1, false, "recovery could not read this pack, and kept it here"});
  }
}

// The segments of a journal nobody writes to. One that is not there any more is in a pack, and one
// that cannot be opened does not hide the others.
void JournalSource::add_dead_segments(const JournalDir& directory) {
  for (const auto& numbered : list_segments(directory)) {
    auto added =
        add_segment(numbered.second, [&] { return is_last_segment(directory, numbered.first); });
    if (!added && added.error().code != Errc::not_found) note_failure(std::move(added).error());
  }
}

// As recovery will pack it.
void JournalSource::add_untold(const JournalDir& directory) {
  const auto name = parse_journal_name(directory.path().filename().native());
  auto untold = read_untold(directory, inputs_);
  if (!untold) return note_failure(std::move(untold).error());
  mark_doubtful(*untold, inputs_);
  if (!untold->is_any() || !name) return;
  told_ = told_segment(*untold, name->session);
  inputs_.push_back(
      {.bytes = told_->bytes, .header = told_->header, .path = directory.crash().native()});
}

// A segment that its writer may be writing to, if it is wanted and was not copied yet.
Result<void> JournalSource::add_copy(
    const std::filesystem::path& path,
    const std::function<bool(const format::SegmentHeader&)>& is_wanted) {
  const format::SegmentIdentity identity = segment_identity(path);
  if (!identity.number || copies_.contains(*identity.number)) return {};
  auto file = OpenFile::open(path, Access::read);
  if (!file) return std::move(file).error();
  auto seen = format::look_at_segment(*file, path, identity);
  if (!seen) return std::move(seen).error();
  if (!seen->has_records() || !is_wanted(seen->header)) return {};
  // The first copy tells how far the writer had come before the second one was begun: in the
  // second, everything before that offset is final. Behind it a record may be half there.
  auto info = stat_file(file->fd(), path);
  if (!info) return std::move(info).error();
  std::vector<std::byte> copy(std::min<std::uint64_t>(info->bytes, format::kSegment_bytes_max));
  std::uint64_t settled_end = 0;
  for (int round = 0; round < 2; ++round) {
    auto got = read_at(file->fd(), 0, copy, path);
    if (!got) return std::move(got).error();
    copy.resize(*got);
    if (round == 0) settled_end = used_end(copy);
  }
  const auto& kept = copies_.emplace(*identity.number, std::move(copy)).first->second;
  // Its writer may have been about to complete the header when we looked.
  if (seen->state == State::rebuilt &&
      format::look_at_segment(kept, identity).state == State::rebuilt) {
    segment_findings_.emplace(path, rebuilt_header(path));
  }
  inputs_.push_back(
      {.bytes = kept,
       .header = seen->header,
       .path = path.native(),
       // The last record seen may itself be unfinished: only what lies before its block counts.
       .settled_end = settled_end & ~std::uint64_t{format::kBlock_bytes - 1}});
  return {};
}

// A segment that nobody writes to any more.
Result<void> JournalSource::add_segment(const std::filesystem::path& path,
                                        const std::function<bool()>& is_last) {
  auto dead = look_at_dead_segment(path, is_last);
  if (!dead) return std::move(dead).error();
  if (dead->seen.state == State::unreadable) {
    const std::uint64_t bytes = dead->file != nullptr ? dead->file->size() : 0;
    segment_findings_.emplace(path, Damage{path.native(), 0, bytes, 1, false, dead->why});
  }
  if (!dead->seen.has_records()) return {};
  if (dead->seen.state == State::rebuilt) {
    segment_findings_.emplace(path, rebuilt_header(path));
  }
  inputs_.push_back(
      {.file = std::move(dead->file), .header = dead->seen.header, .path = path.native()});
  return {};
}

// Of segments that are in a pack, that tells.
void JournalSource::tell_of_segments(const std::set<std::uint32_t>& packed) {
  for (auto& [path, damage] : segment_findings_) {
    const auto number = segment_identity(path).number;
    if (number && packed.contains(*number)) continue;
    const bool is_header = damage.exact;
    (is_header ? findings_.damage : unreadable_).push_back(std::move(damage));
  }
  segment_findings_.clear();
}

}  // namespace runlog
