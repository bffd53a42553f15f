// What the gap records of a journal count: calls that were dropped, by reason. Knows no tally.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "journal/drops.hpp"
#include "runlog/record.hpp"

namespace runlog {

[[nodiscard]] std::uint64_t total(const DropCounts& counts) noexcept;
/// What is left of `counts`, of each reason 0 at least.
[[nodiscard]] DropCounts without(DropCounts counts, const DropCounts& others) noexcept;

struct GapCounts {
  DropCounts calls = {};
  std::uint64_t without_reason = 0;  ///< they do not say why, or cannot be read

  /// Of records of other kinds nothing is counted.
  void add(const Record& record) noexcept;
  /// Those of a pack, of one lane or all of them. False: not all can be read.
  [[nodiscard]] bool add_pack(const std::filesystem::path& path, std::optional<std::int32_t> lane);
  [[nodiscard]] std::uint64_t all() const noexcept { return total(calls) + without_reason; }
  /// Those of `counts` that are not told here. One without a reason tells of any.
  [[nodiscard]] DropCounts missing_of(const DropCounts& counts) const noexcept;
};

}  // namespace runlog
