#include "read/gap_records.hpp"

#include <algorithm>

#include "pack/pack.hpp"

namespace runlog {

std::uint64_t total(const DropCounts& counts) noexcept {
  std::uint64_t all = 0;
  for (const std::uint64_t count : counts) all += count;
  return all;
}

DropCounts without(DropCounts counts, const DropCounts& others) noexcept {
  for (std::size_t i = 0; i < kDrop_reasons; ++i) counts[i] -= std::min(counts[i], others[i]);
  return counts;
}

void GapCounts::add(const Record& record) noexcept {
  if (record.kind != Kind::gap || record.int_value.value_or(0) <= 0) return;
  const auto count = static_cast<std::uint64_t>(*record.int_value);
  for (std::size_t i = 0; i < kDrop_reasons; ++i) {
    if (record.text != drop_text(static_cast<DropReason>(i))) continue;
    calls[i] += count;
    return;
  }
  without_reason += count;
}

bool GapCounts::add_pack(const std::filesystem::path& path, std::optional<std::int32_t> lane) {
  auto reader = format::PackReader::open_file(path);
  if (!reader) return false;
  bool are_all = true;
  for (std::size_t i = 0; i < reader->row_groups().size(); ++i) {
    if (!reader->row_groups()[i].may_hold(Kind::gap)) continue;
    const auto read = reader->read(i, [&](const Record& record) {
      if (!lane || record.lane == *lane) add(record);
    });
    are_all = are_all && read;
  }
  return are_all;
}

DropCounts GapCounts::missing_of(const DropCounts& counts) const noexcept {
  DropCounts missing = without(counts, calls);
  std::uint64_t left = without_reason;
  for (std::uint64_t& one : missing) {
    const std::uint64_t part = std::min(one, left);
    one -= part;
    left -= part;
  }
  return missing;
}

}  // namespace runlog
