#include "segment/segment_file.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace runlog::format {
namespace {

/// A spare has nothing in either block; one whose first page was lost has a head in the second.
constexpr std::size_t kLook_bytes = 2 * kBlock_bytes;

}  // namespace

SegmentFile look_at_segment(std::span<const std::byte> bytes,
                            const SegmentIdentity& identity) noexcept {
  using State = SegmentFile::State;
  if (bytes.empty()) return {State::empty};
  const auto header = parse_header(bytes);
  if (header && header->number == identity.number.value_or(header->number)) {
    return {State::used, *header};
  }
  if (identity.session && identity.number) {
    const auto rebuilt = rebuild_header(bytes, *identity.session, *identity.number);
    if (rebuilt) return {State::rebuilt, *rebuilt};
  }
  // The header of its last use is that of another number, and no block has the new one.
  return {header || is_unused(bytes) ? State::spare : State::unreadable};
}

SegmentFile look_at_segment(const FileBytes& file, const SegmentIdentity& identity) {
  const FileCopy look = file.copy(kLook_bytes);
  const SegmentFile seen = look_at_segment(look.bytes, identity);
  if (seen.state == SegmentFile::State::used) return seen;
  return look_at_segment(file.copy(kSegment_bytes_max).bytes, identity);
}

Result<SegmentFile> look_at_segment(const OpenFile& file, const std::filesystem::path& path,
                                    const SegmentIdentity& identity) {
  std::vector<std::byte> bytes(kLook_bytes);
  auto got = read_at(file.fd(), 0, bytes, path);
  if (!got) return std::move(got).error();
  bytes.resize(*got);
  const SegmentFile seen = look_at_segment(bytes, identity);
  const bool is_zero =
      std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{}; });
  if (seen.state == SegmentFile::State::used || is_zero) return seen;
  const auto info = stat_file(file.fd(), path);
  if (!info) return info.error();
  bytes.resize(std::min<std::uint64_t>(info->bytes, kSegment_bytes_max));
  got = read_at(file.fd(), 0, bytes, path);
  if (!got) return std::move(got).error();
  bytes.resize(*got);
  return look_at_segment(bytes, identity);
}

}  // namespace runlog::format
