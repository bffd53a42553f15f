// LostGap: the calls that gap records told of, in row groups of a pack that cannot be read. The
// pack's footer has the sum of all its gap records.
#pragma once

#include <optional>

#include "pack/pack.hpp"

namespace runlog::format {

/// A gap record for the calls that the footer counts and no row group that can be read tells of; it
/// takes the place of one that is lost, and its reason is not known. Nothing where none are
/// missing. Reads all row groups; its views live for ever.
[[nodiscard]] std::optional<Record> find_lost_gap(PackReader& reader);

}  // namespace runlog::format
