// What a file of lanes/ is: a segment in use, a spare, or what is left of one. The only place that
// says so. It goes by the file's bytes and by what the names of the file and its journal tell, and
// knows no writer: what an empty file has held, the caller finds out (read/dead_segments).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "base/ids.hpp"
#include "platform/file_bytes.hpp"
#include "platform/file_system.hpp"
#include "runlog/result.hpp"
#include "segment/segment_header.hpp"

namespace runlog::format {

/// As far as the names tell.
struct SegmentIdentity {
  std::optional<Session> session = {};
  std::optional<std::uint32_t> number = {};
};

struct SegmentFile {
  enum class State : std::uint8_t {
    used,        ///< its header is whole
    rebuilt,     ///< its first page is lost, or another's; a block head tells the same
    spare,       ///< never used, or recycled under this name and not yet in use
    empty,       ///< no bytes: new, or without what it held
    unreadable,  ///< it was in use, and no block of it validates
  };
  State state = State::unreadable;
  SegmentHeader header = {};  ///< of one with records

  [[nodiscard]] bool has_records() const noexcept {
    return state == State::used || state == State::rebuilt;
  }
};

/// `bytes`: the whole file.
[[nodiscard]] SegmentFile look_at_segment(std::span<const std::byte> bytes,
                                          const SegmentIdentity& identity) noexcept;

/// Of a file that nobody writes to. Reads two blocks, and the rest only where these do not tell.
/// Throws std::bad_alloc.
[[nodiscard]] SegmentFile look_at_segment(const FileBytes& file, const SegmentIdentity& identity);

/// Of a file whose bytes are not at hand, also while its writer is at work. Reads two blocks, and
/// the rest only where these do not tell. A file whose first two blocks are zeros is a spare here.
/// Errors: io.
[[nodiscard]] Result<SegmentFile> look_at_segment(const OpenFile& file,
                                                  const std::filesystem::path& path,
                                                  const SegmentIdentity& identity);

}  // namespace runlog::format
