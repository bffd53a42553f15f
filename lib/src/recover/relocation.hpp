// Relocation: gives a dead journal another store, or the same one again after it was emptied. The
// kept copies of what was shipped have to be shipped again. The new store may lack what was not
// kept; then the journal's end is not sent, because it would say that everything has arrived.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "journal/journal_dir.hpp"
#include "journal/meta.hpp"
#include "runlog/result.hpp"
#include "store/object_name.hpp"
#include "store/object_store.hpp"

namespace runlog {

/// Whether two URLs are one store, as far as their text tells; secrets do not count.
[[nodiscard]] bool is_same_store(std::string_view a, std::string_view b);

/// Takes the journal's kept copies and its end back from shipped/ to where they wait, and returns
/// what note_moved() is to note once something has arrived at `url`: a store that was mistyped is
/// not to stay the journal's. `from_url`: where it shipped to so far; empty: nowhere. Killed at any
/// moment, what is in shipped/ is in the store that is noted. The caller has the journal's lock.
Result<Moved> take_back(const JournalDir& directory, std::string_view url,
                        std::string_view from_url);
Result<void> note_moved(const JournalDir& directory, const Moved& moved);

/// What neither the store nor the journal's directory has.
struct Missing {
  std::uint64_t records = 0;  ///< at least
  bool is_all = false;        ///< there are no records at all
  std::string packs = {};     ///< those among which they may have been; empty: not known
  std::vector<std::string> blobs = {};

  [[nodiscard]] bool is_none() const noexcept { return records == 0 && blobs.empty(); }
};

/// What `store` lacks of all that the journal ever had, but for `told_lost` records, within packs
/// and whole files: asked when everything that is here has arrived. Reads all packs that are here;
/// where those leave holes, also those in the store that are not. Errors: the store does not tell.
/// `lost_files`: the numbers of packs and segments that are told as lost by themselves.
Result<Missing> find_missing(const JournalDir& directory, const Meta& meta, ObjectStore& store,
                             std::uint64_t told_lost, const std::set<std::uint32_t>& lost_files);

/// Why the end waits: errc not_found, and what to do.
[[nodiscard]] Error lacks(const ObjectStore& store, const Moved& moved, const Missing& missing);

}  // namespace runlog
