// Checks the waiting packs and blobs of a dead journal before they are sent. Damaged ones are moved
// to torn/; a new pack of the readable rows takes the place of a damaged one. Knows nothing of
// stores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "journal/journal_dir.hpp"
#include "journal/meta.hpp"
#include "pack/pack.hpp"
#include "runlog/record.hpp"
#include "runlog/result.hpp"

namespace runlog {

struct PackCheck {
  format::PackInfo info = {};
  std::vector<Damage> damage = {};   ///< row groups that cannot be read; exact
  std::set<std::string> blobs = {};  ///< that its records name, by digest
  std::uint64_t evicted = 0;         ///< that its gap records tell of as evicted
  /// For the calls that gap records among `damage` told of. It is not among those that are lost.
  std::optional<Record> gap = {};
};

/// The packs that are here, each number once: those that wait, then kept copies. Errors: a folder
/// cannot be listed.
Result<std::vector<std::pair<std::uint32_t, std::filesystem::path>>> packs_here(
    const JournalDir& directory);

/// Whether a whole file is lost, of which nobody knows how many records it held: they are missing
/// between those of others. Else they are lost within a pack, which counts them.
[[nodiscard]] inline bool is_whole_file(const Damage& damage) noexcept {
  return !damage.exact && damage.begin == 0;
}

/// The footer of pack `number` of the journal that `meta` is of. Errors: corrupt, unsupported (it
/// cannot be read, or is another pack); others say that the file could not be opened, and nothing
/// of what is in it.
Result<format::PackInfo> check_footer(const std::filesystem::path& path, const Meta& meta,
                                      std::uint32_t number);

/// The same of the bytes of a pack; `path` is for messages.
Result<format::PackInfo> check_footer(format::PackBytes bytes, const std::filesystem::path& path,
                                      const Meta& meta, std::uint32_t number);

/// Whether the pack's footer and pages are as their checksums say. Decodes nothing. Errors as
/// above.
Result<void> check_pages(const std::filesystem::path& path, const Meta& meta, std::uint32_t number);

/// The artifacts that the records of a pack name, by digest. Only those row groups are read that
/// may have such records; what cannot be read names none.
[[nodiscard]] std::set<std::string> blobs_named_in(const std::filesystem::path& path);

/// Reads the whole pack. Errors as above.
Result<PackCheck> check_pack(const std::filesystem::path& path, const Meta& meta,
                             std::uint32_t number);

/// The same of the bytes of a pack; `path` is for messages.
Result<PackCheck> check_pack(format::PackBytes bytes, const std::filesystem::path& path,
                             const Meta& meta, std::uint32_t number);

/// Puts a pack of the same segments in the place of this one: the rows that can be read, and what
/// `check` found, its gap record included. The damaged file is kept in torn/; killed at any moment,
/// one of them is in packs/.
Result<void> mend_pack(const JournalDir& directory, const std::filesystem::path& path,
                       const PackCheck& check);

/// A pack without rows, which tells what segments of which nothing can be read have lost: for each
/// number one `damage`. Its number is the lowest. There is one at least.
Result<void> make_damage_pack(const JournalDir& directory, const Meta& meta,
                              const std::vector<std::uint32_t>& numbers,
                              const std::vector<Damage>& damage);

/// Moves a file of the journal to torn/, under its name or, where that is taken, one with a number
/// behind it. Nothing is overwritten.
Result<void> move_to_torn(const JournalDir& directory, const std::filesystem::path& file,
                          std::string_view suffix = {});

/// Behind the name, in torn/, of a pack that another one of its number stands for: without it the
/// records of a pack in torn/ are lost.
inline constexpr const char* kMended_suffix = ".mended";

}  // namespace runlog
