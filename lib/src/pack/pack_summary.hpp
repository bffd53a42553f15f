// PackSummary: the summary of a pack's records, so that `stat` need not decode rows. It is one text
// in the pack's footer (docs/format.md, "Packs"). Knows how summaries are made of records, merged,
// written and parsed; knows nothing of files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/guess_table.hpp"
#include "runlog/record.hpp"
#include "runlog/summary.hpp"

namespace runlog::format {

inline constexpr std::string_view kSummary_key = "runlog.summary";

/// A longer summary is neither written nor read. It is there to be smaller than what it saves: some
/// 1500 series or 2000 files, a twentieth of a pack of 16 MiB of segments. Without a bound a
/// journal of 100 000 series would carry 15 MiB in each pack, and every reader of a footer would
/// fetch them.
inline constexpr std::size_t kSummary_bytes_max = 256u << 10;
/// Nor is it written where it would be larger than this and an eighth of the rows: those of a small
/// pack are decoded as fast, and packs that are sealed by age would grow for nothing.
inline constexpr std::size_t kSummary_bytes_free = 4u << 10;

/// A line of a summary takes at least this and the texts in it.
inline constexpr std::size_t kSummary_line_bytes_min = 15;

/// A summary keeps them whole.
[[nodiscard]] constexpr bool is_fact(Kind kind) noexcept {
  return kind_family(kind) == KindFamily::fact;
}
/// The others but gaps are counted by name. (The footer has the sum of the gaps by itself.)
[[nodiscard]] constexpr bool is_series(Kind kind) noexcept {
  return !is_fact(kind) && kind_family(kind) != KindFamily::gap;
}

/// Facts in the order they came, less those that another one makes void: of a param the last value
/// stands, of a tag the last one or its removal, of a property the first. So a run that logs its
/// params each epoch has them once.
class FactList {
 public:
  /// They must come in the order in which Reader yields their records.
  void add(Fact fact);
  [[nodiscard]] bool empty() const noexcept { return facts_.empty(); }
  /// What their lines take at least.
  [[nodiscard]] std::size_t line_bytes() const noexcept { return line_bytes_; }
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [number, fact] : facts_) visit(fact);
  }
  /// Sets the time of those that were added since the last call, as `time_of(given time)`.
  template <typename TimeOf>
  void settle_times(TimeOf&& time_of) {
    for (auto at = facts_.lower_bound(settled_); at != facts_.end(); ++at) {
      at->second.time_ns = time_of(at->second.time_ns);
    }
    settled_ = next_;
  }

 private:
  std::map<std::uint64_t, Fact> facts_;                     // by number, in order
  std::unordered_map<std::string, std::uint64_t> current_;  // by family and name
  std::uint64_t next_ = 0;
  std::uint64_t settled_ = 0;
  std::size_t line_bytes_ = 0;
};

struct PackSummary {
  using Key = std::pair<Kind, std::string>;
  std::map<Key, SeriesSummary> series = {};
  FactList facts = {};

  /// Adds the sums of `more`. Where two records are of the same time, those of `more` come later.
  void merge(const SeriesSummary& more);
};

/// The text for the footer. ASCII, whatever the names are.
[[nodiscard]] std::string encode_summary(const PackSummary& summary);

/// Any bytes, of a pack of `rows`. Nothing where they are no summary, or one of a later version:
/// the rows tell the same, so that is no damage. What it says need not be true, but no number
/// of records is above `rows`, and it takes memory in proportion to `text`.
[[nodiscard]] std::optional<PackSummary> parse_summary(std::string_view text, std::uint64_t rows);

/// Makes a summary from records in the order of their rows.
class RecordSums {
 public:
  RecordSums() = default;
  ~RecordSums() = default;
  RecordSums(const RecordSums&) = delete;  // guesses_ point into it
  RecordSums& operator=(const RecordSums&) = delete;

  void add(const Record& record);
  [[nodiscard]] const PackSummary& summary() const noexcept { return summary_; }

 private:
  SeriesSummary& series_of(const Record& record);
  PackSummary summary_;
  GuessTable<SeriesSummary*, 8> guesses_ = {};
  std::int64_t reached_ns_ = std::numeric_limits<std::int64_t>::min();
};

}  // namespace runlog::format
