// The beginning of a segment: whether it is ours, its identity, and whether it was ever in use. Of
// the records it knows only the block heads, which repeat what the header says.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "segment/layout.hpp"

namespace runlog::format {

/// The header, if it validates: magic, CRC, version, size and flags.
[[nodiscard]] std::optional<SegmentHeader> parse_header(std::span<const std::byte> bytes) noexcept;

/// A header whose page was lost, rebuilt from what the file name tells and the first block head
/// that validates. Nothing when no block does: then the segment was never used, or is not ours.
[[nodiscard]] std::optional<SegmentHeader> rebuild_header(std::span<const std::byte> bytes,
                                                          const Session& session,
                                                          std::uint32_t number) noexcept;

/// Whether a segment without a header was never in use: no magic (a writer killed before it stored
/// that leaves the other fields behind) and nothing in the rest of the first block. A file that has
/// not even that block has lost its content.
[[nodiscard]] bool is_unused(std::span<const std::byte> bytes) noexcept;

}  // namespace runlog::format
