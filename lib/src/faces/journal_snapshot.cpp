// The files of a journal directory, taken while its writer may be at work: what JournalSource then
// reads is a whole. Every record committed before the call is in it, and of what a thread logs
// meanwhile no record without those the thread logged before.
//
// Two things move under a reader. The keeper turns segments into packs: lanes are read first, then
// the packs, so that a segment that has left lanes/ by then is in a pack, and one that is in both
// counts once. And threads move: the first records of each go to the shared lane, the later ones to
// a lane of its own. So the shared lane is read last, behind all that may hold a later record; what
// was committed before that is in it, unless it was packed between the two looks, and then we look
// again. Within a lane the records of a copy have no hole, see SegmentMerge.
#include <fcntl.h>

#include <algorithm>
#include <map>

#include "faces/journal_source.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

constexpr int kSnapshot_tries = 20;

using Numbered = std::map<std::uint32_t, std::filesystem::path>;

// The offset behind the last word that is not zero.
std::uint64_t used_end(std::span<const std::byte> bytes) {
  std::uint64_t end = bytes.size() & ~std::uint64_t{7};
  while (end > 0 && load<std::uint64_t>(bytes.data() + end - 8) == 0) end -= 8;
  return end;
}

Numbered list_segments(const JournalDir& directory) {
  Numbered found;
  for (const std::string& file : names_in_directory(directory.lanes())) {
    const auto number = parse_numbered_name(file, kSegment_suffix);
    if (number) found.emplace(*number, directory.lanes() / file);
  }
  return found;
}

// In this order a pack on its way from one place to the other is seen at least once.
Numbered list_packs(const JournalDir& directory) {
  Numbered found;
  for (const auto& place : {directory.packs(), directory.shipped()}) {
    for (const std::string& file : names_in_directory(place)) {
      const auto number = parse_numbered_name(file, kPack_suffix);
      if (number) found.emplace(*number, place / file);
    }
  }
  return found;
}

bool is_shared_lane(const format::SegmentHeader& header) {
  return header.lane == format::kShared_lane;
}

}  // namespace

Result<void> JournalSource::snapshot(const JournalFiles& files) {
  const JournalDir directory(files.directory);
  const auto name = parse_journal_name(files.directory.filename().native());
  const bool is_live = files.info.state == JournalState::live;
  for (int attempt = 0; attempt < kSnapshot_tries; ++attempt) {
    for (const auto& [number, path] : list_segments(directory)) {
      auto added = is_live ? add_copy(path, name, false) : add_segment(path, name);
      // One that is not there any more is in a pack.
      if (!added && added.error().code != Errc::not_found) return added;
    }
    for (const auto& [number, path] : list_packs(directory)) {
      if (snapshot_packs_.insert(number).second) add_local_pack(directory, path);
    }
    if (!is_live) break;
    if (auto added = copy_shared_lane(directory, name); !added) return added;
    if (!is_shared_lane_packed_since(directory)) break;
  }
  std::set<std::uint32_t> packed;
  for (const auto& pack : packs_) {
    for (const auto& segment : pack->info().segments) packed.insert(segment.number);
  }
  std::erase_if(inputs_,
                [&](const SegmentInput& input) { return packed.contains(input.header.number); });
  return {};
}

Result<void> JournalSource::copy_shared_lane(const JournalDir& directory,
                                             const std::optional<JournalName>& name) {
  std::erase_if(inputs_, [&](const SegmentInput& old) {
    return is_shared_lane(old.header) && copies_.erase(old.header.number) > 0;
  });
  for (const auto& [number, path] : list_segments(directory)) {
    auto added = add_copy(path, name, true);
    if (!added && added.error().code != Errc::not_found) return added;
  }
  return {};
}

// Whether a pack that came after we looked has records of the shared lane. Other new packs are left
// out: their segments were copied, or began after the call.
bool JournalSource::is_shared_lane_packed_since(const JournalDir& directory) const {
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
  auto added = add_pack({.path = path});
  if (!added && added.error().code == Errc::not_found) {
    added = add_pack({.path = directory.shipped() / path.filename()});
    // Gone from there, too: its room was wanted for newer records.
    if (!added && added.error().code == Errc::not_found) return;
  }
  if (!added) unreadable_.push_back({path.native(), 0, 0, 1, false, added.error().message});
}

// A segment that its writer may be writing to, if it is (or is not) one of the shared lane and was
// not copied yet.
Result<void> JournalSource::add_copy(const std::filesystem::path& path,
                                     const std::optional<JournalName>& name,
                                     bool is_of_shared_lane) {
  const auto number = parse_numbered_name(path.filename().native(), kSegment_suffix);
  if (!number || copies_.contains(*number)) return {};
  auto file = OpenFile::open(path, O_RDONLY);
  if (!file) return std::move(file).error();
  std::vector<std::byte> copy(format::kBlock_bytes);
  auto got = read_at(file->fd(), 0, copy, path);
  if (!got) return std::move(got).error();
  copy.resize(*got);
  if (format::is_unused(copy)) return {};  // a spare
  auto header = format::parse_header(copy);
  if (header && header->number == *number && is_shared_lane(*header) != is_of_shared_lane)
    return {};
  // The first copy tells how far the writer had come before the second one was begun: in the
  // second, everything before that offset is final. Behind it a record may be half there.
  auto info = stat_file(file->fd(), path);
  if (!info) return std::move(info).error();
  copy.resize(std::min<std::uint64_t>(info->bytes, format::kSegment_bytes_max));
  std::uint64_t settled_end = 0;
  for (int round = 0; round < 2; ++round) {
    got = read_at(file->fd(), 0, copy, path);
    if (!got) return std::move(got).error();
    copy.resize(*got);
    if (round == 0) settled_end = used_end(copy);
  }
  header = format::parse_header(copy);
  if (!header || header->number != *number) {
    // Damaged; or recycled since the directory was read, and then no block has this number.
    header = name ? format::rebuild_header(copy, name->session, *number) : std::nullopt;
  }
  if (!header || is_shared_lane(*header) != is_of_shared_lane) return {};
  const auto& kept = copies_.emplace(*number, std::move(copy)).first->second;
  inputs_.push_back(
      {.bytes = kept,
       .header = *header,
       .path = path.native(),
       // The last record seen may itself be unfinished: only what lies before its block counts.
       .settled_end = settled_end & ~std::uint64_t{format::kBlock_bytes - 1}});
  return {};
}

// A segment that nobody writes to any more.
Result<void> JournalSource::add_segment(const std::filesystem::path& path,
                                        const std::optional<JournalName>& name) {
  const auto number = parse_numbered_name(path.filename().native(), kSegment_suffix);
  auto file = MappedFile::open_read_only(path);
  if (!file) return std::move(file).error();
  maps_.push_back(std::move(*file));
  const auto bytes = maps_.back().bytes();
  auto header = format::parse_header(bytes);
  if (header && number && header->number != *number) {
    // Recycled, not yet in use; or its first page is a misplaced one. See load_dead_segments.
    header.reset();
    if (!name || !format::rebuild_header(bytes, name->session, *number)) return {};
  }
  if (!header && name && number) {
    header = format::rebuild_header(bytes, name->session, *number);
    if (header) {
      findings_.damage.push_back(
          {path.native(), 0, format::kHeader_bytes, 0, true,
           "the segment's header is damaged; it was rebuilt from a block head"});
    }
  }
  if (header) {
    inputs_.push_back({.bytes = bytes, .header = *header, .path = path.native()});
  } else if (!format::is_unused(bytes)) {
    unreadable_.push_back(
        {path.native(), 0, bytes.size(), 1, false, "no block of this segment can be read"});
  }
  return {};
}

}  // namespace runlog
