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
    auto bytes = format::PackBytes::open(directory.packs() / name);
    if (!bytes) return std::move(bytes).error();
    auto reader = format::PackReader::open(std::move(*bytes));
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
  dead.unreadable_numbers.push_back(found.number);
  dead.unreadable_damage.push_back(
      {found.path.native(), 0, bytes, 1, false, why + "; it is kept in torn/"});
}

Result<void> add(const Found& found, DeadSegments& dead) {
  auto looked = look_at_dead_segment(found.path, [&] { return found.is_last; });
  if (!looked) return std::move(looked).error();
  using State = format::SegmentFile::State;
  const State state = looked->seen.state;
  if (found.is_packed) {
    // One that could not be read whole is told already, and goes the rest of its way.
    const bool is_kept = state == State::unreadable || state == State::rebuilt;
    (is_kept ? dead.unreadable : dead.packed).push_back(found.path);
    return {};
  }
  if (state == State::spare) {
    dead.unused.push_back(found.path);
  } else if (!looked->seen.has_records()) {
    const std::uint64_t bytes = looked->file != nullptr ? looked->file->size() : 0;
    add_unreadable(found, bytes, looked->why, dead);
  } else {
    if (state == State::rebuilt) dead.damage.push_back(rebuilt_header(found.path));
    dead.inputs.push_back({.file = std::move(looked->file),
                           .header = looked->seen.header,
                           .path = found.path.native()});
  }
  return {};
}

// Whether an empty segment is one that its writer was killed over while it prepared it, and not
// one that lost its content: no lane has come to it, or it was never changed. Where the file system
// does not tell, or the file is a copy, the last one is taken for new.
bool is_new_segment(const std::filesystem::path& path, const std::function<bool()>& is_last) {
  // No lane has come as far: it failed to be prepared, as when the file system turned read-only.
  const auto number = parse_numbered_name(path.filename().native(), kSegment_suffix);
  const auto last_used = last_segment(JournalDir(path.parent_path().parent_path()));
  if (number && last_used && *number > *last_used) return true;
  const auto times = file_times(path);
  const bool is_told = times && times->modified_ns >= times->born_ns;
  return is_told ? times->modified_ns == times->born_ns : is_last();
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
  for (const std::string& name : *names) {
    const auto number = parse_numbered_name(name, kSegment_suffix);
    if (!number) continue;
    auto added = add({.path = directory.lanes() / name,
                      .number = *number,
                      .is_packed = packed->contains(*number),
                      .is_last = *number == highest},
                     dead);
    if (!added) return std::move(added).error();
  }
  return dead;
}

Result<DeadSegment> look_at_dead_segment(const std::filesystem::path& path,
                                         const std::function<bool()>& is_last) {
  using State = format::SegmentFile::State;
  const format::SegmentIdentity identity = segment_identity(path);
  DeadSegment dead;
  // Under another name than a journal's it is what its user chose to name, through a link or not.
  const char* const what = identity.number ? wrong_kind_of_file(path) : nullptr;
  if (what != nullptr) {
    dead.why = what;
    return dead;
  }
  auto file = FileBytes::open(path);
  if (!file) return std::move(file).error();
  dead.file = std::make_shared<const FileBytes>(std::move(*file));
  dead.seen = format::look_at_segment(*dead.file, identity);
  if (dead.seen.state == State::empty) {
    dead.seen.state = is_new_segment(path, is_last) ? State::spare : State::unreadable;
    dead.why = "the file is empty: it lost what it held";
  } else if (dead.seen.state == State::unreadable) {
    dead.why = "no block of this segment can be read";
  }
  return dead;
}

format::SegmentIdentity segment_identity(const std::filesystem::path& path) {
  const std::filesystem::path journal = path.parent_path().parent_path();
  const auto name = parse_journal_name(journal.filename().native());
  return {.session = name ? std::optional(name->session) : std::nullopt,
          .number = parse_numbered_name(path.filename().native(), kSegment_suffix)};
}

bool is_last_segment(const JournalDir& directory, std::uint32_t number) {
  const auto packed = packed_numbers(directory);
  if (packed && !packed->empty() && *packed->rbegin() > number) return false;
  const auto names = names_in_directory(directory.lanes());
  return std::none_of(names.begin(), names.end(), [&](const std::string& name) {
    return parse_numbered_name(name, kSegment_suffix).value_or(0) > number;
  });
}

Damage rebuilt_header(const std::filesystem::path& path) {
  return {path.native(),
          0,
          format::kHeader_bytes,
          0,
          true,
          "the segment's header is damaged; it was rebuilt from a block head"};
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
