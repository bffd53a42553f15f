#include "read/dead_segments.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "pack/pack.hpp"
#include "platform/directories.hpp"
#include "platform/file_birth.hpp"
#include "platform/file_system.hpp"
#include "read/crash_tally.hpp"

namespace runlog {
namespace {

// Which segments the packs in packs/ hold. A pack may be shipped only after its segments left
// lanes/, so shipped/ need not be asked. One that cannot be read says nothing: its segments, if
// still there, are packed again.
Result<std::set<std::uint32_t>> packed_numbers(const JournalDir& directory) {
  std::set<std::uint32_t> numbers;
  const auto names = list_if_there(directory.packs());
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (!parse_numbered_name(name, kPack_suffix)) continue;
    if (!check_kind_of_file(directory.packs() / name)) continue;
    auto file = MappedFile::open_read_only(directory.packs() / name);
    if (!file) return std::move(file).error();
    auto reader = format::PackReader::open(file->bytes());
    if (!reader) continue;
    for (const format::PackSegment& segment : reader->info().segments)
      numbers.insert(segment.number);
  }
  return numbers;
}

// One segment of a directory.
struct Found {
  std::filesystem::path path;
  std::uint32_t number = 0;
  bool is_packed = false;
  bool is_last = false;  // its number is the highest
};

void add_unreadable(const Found& found, std::uint64_t bytes, const std::string& why,
                    DeadSegments& dead) {
  dead.unreadable.push_back(found.path);
  if (found.is_packed) return;  // the pack tells
  dead.unreadable_numbers.push_back(found.number);
  dead.unreadable_damage.push_back(
      {found.path.native(), 0, bytes, 1, false, why + "; it is kept in torn/"});
}

Result<void> add(const Found& found, const std::optional<JournalName>& identity,
                 DeadSegments& dead) {
  if (const char* const what = wrong_kind_of_file(found.path)) {
    add_unreadable(found, 0, what, dead);
    return {};
  }
  auto file = MappedFile::open_read_only(found.path);
  if (!file) return std::move(file).error();
  const std::span<const std::byte> bytes = file->bytes();
  auto header = format::parse_header(bytes);
  if (found.is_packed) {
    // One that could not be read whole is told already, and goes the rest of its way.
    const bool is_kept = !header && !format::is_unused(bytes);
    (is_kept ? dead.unreadable : dead.packed).push_back(found.path);
    return {};
  }
  if (header && header->number != found.number) {
    // Recycled under this name and not yet in use: then no block of it has the new number. If one
    // has, the first page is a misplaced one, and the records behind it are good.
    header.reset();
    if (!identity || !format::rebuild_header(bytes, identity->session, found.number)) {
      dead.unused.push_back(found.path);
      return {};
    }
  }
  if (!header && identity) {
    header = format::rebuild_header(bytes, identity->session, found.number);
    if (header) {
      dead.damage.push_back({found.path.native(), 0, format::kHeader_bytes, 0, true,
                             "the segment's header is damaged; it was rebuilt from a block head"});
    }
  }
  if (header) {
    dead.inputs.push_back({.bytes = bytes, .header = *header, .path = found.path.native()});
    dead.files.push_back(std::move(*file));
    return {};
  }
  const bool is_new = bytes.empty() && is_new_segment(found.path, found.is_last);
  if (is_new || format::is_unused(bytes)) {
    dead.unused.push_back(found.path);
  } else {
    add_unreadable(found, bytes.size(),
                   bytes.empty() ? "the file is empty: it lost what it held"
                                 : "no block of this segment can be read",
                   dead);
  }
  return {};
}

}  // namespace

Result<DeadSegments> load_dead_segments(const JournalDir& directory) {
  DeadSegments dead;
  auto packed = packed_numbers(directory);
  if (!packed) return std::move(packed).error();
  auto names = list_directory(directory.lanes());
  if (!names && names.error().code == Errc::not_found) {
    // After an end all of it was packed, as far as anybody can tell.
    dead.is_without_lanes =
        !stat_file(directory.end()) && !stat_file(directory.shipped() / "end.json");
    return dead;
  }
  if (!names) return std::move(names).error();
  std::uint32_t highest = packed->empty() ? 0 : *packed->rbegin();
  for (const std::string& name : *names) {
    highest = std::max(highest, parse_numbered_name(name, kSegment_suffix).value_or(0));
  }
  const auto identity = parse_journal_name(directory.path().filename().native());
  for (const std::string& name : *names) {
    const auto number = parse_numbered_name(name, kSegment_suffix);
    if (!number) continue;
    auto added = add({.path = directory.lanes() / name,
                      .number = *number,
                      .is_packed = packed->contains(*number),
                      .is_last = *number == highest},
                     identity, dead);
    if (!added) return std::move(added).error();
  }
  return dead;
}

bool is_new_segment(const std::filesystem::path& path, bool is_last) {
  // No lane has come as far: it failed to be prepared, as when the file system turned read-only.
  const auto number = parse_numbered_name(path.filename().native(), kSegment_suffix);
  const auto last_used = last_segment(JournalDir(path.parent_path().parent_path()));
  if (number && last_used && *number > *last_used) return true;
  const auto times = file_times(path);
  const bool is_told = times && times->modified_ns >= times->born_ns;
  return is_told ? times->modified_ns == times->born_ns : is_last;
}

Damage without_lanes(const JournalDir& directory) {
  return {directory.lanes().native(),
          0,
          0,
          1,
          false,
          "the folder of segments is gone, and the journal has no end"};
}

}  // namespace runlog
