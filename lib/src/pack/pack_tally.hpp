// PackTally: the summary of a pack that is being written. It reads the columns of a complete row
// group, in which names are numbers already: a metric costs a dozen instructions and no look-up,
// and the summary does not depend on how the rows were appended.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pack/pack_columns.hpp"
#include "pack/pack_summary.hpp"

namespace runlog::format {

class PackTally {
 public:
  /// Which columns a row has a value in.
  struct Shape {
    Kind kind = Kind::unknown;
    bool has_step = false;
    bool has_value = false;
    bool has_int_value = false;
    friend bool operator==(const Shape&, const Shape&) = default;
  };
  struct Columns {
    const StringColumn& names;
    const NumberColumn& times;
    const NumberColumn& steps;
    const NumberColumn& values;
    const NumberColumn& int_values;
  };

  /// The next `rows` rows of the row group are of this shape.
  void add_rows(Shape shape, std::size_t rows) {
    if (runs_.empty() || runs_.back().shape != shape) {
      runs_.push_back({.shape = shape, .begin = rows_});
    }
    rows_ += static_cast<std::uint32_t>(rows);
  }
  /// Of the row that was added last, if it is one.
  void add_fact(const Record& record);
  /// The row group is complete; `columns` are its own.
  void end_group(const Columns& columns);

  /// The text for the footer; nothing where that is too large beside rows of `pack_bytes`.
  [[nodiscard]] std::optional<std::string> text(std::uint64_t pack_bytes) const;

 private:
  // Rows of one shape. The begins are of its first row and its first values in the columns.
  struct Run {
    Shape shape;
    std::uint32_t begin = 0;
    std::uint32_t step_begin = 0, value_begin = 0, int_value_begin = 0;
  };
  enum Which : std::size_t { kOnly_number, kOnly_step, kBoth, kWhiches };
  // Of one name and kind. Rows are counted from 1; 0: none.
  struct Tally {
    std::uint32_t records = 0;
    std::uint32_t first_number = 0;
    std::array<std::uint32_t, kWhiches> last = {};  // rows that have just that
    double min = std::numeric_limits<double>::infinity();
    double max = -std::numeric_limits<double>::infinity();
  };
  template <typename ValueAt>
  static void count_numbers(std::span<const std::uint32_t> entries, std::uint32_t row, Which which,
                            Tally* tallies, ValueAt&& value_at);
  void count_rows(std::size_t run, const Columns& columns);
  void take_series(Kind kind, std::string_view name, const Tally& tally, const Columns& columns);
  [[nodiscard]] std::uint32_t end_of(std::size_t run) const noexcept {
    return run + 1 < runs_.size() ? runs_[run + 1].begin : rows_;
  }
  [[nodiscard]] const Run& run_of(std::uint32_t row) const;
  [[nodiscard]] double number_at(std::uint32_t row, const Columns& columns) const;
  void find_turns(const NumberColumn& column);
  [[nodiscard]] std::int64_t turn_at(std::uint32_t row, const Columns& columns) const;
  void give_up();

  PackSummary summary_;
  std::size_t series_bytes_ = 0;  // that it takes at least
  bool is_too_large_ = false;
  std::int64_t reached_ns_ = std::numeric_limits<std::int64_t>::min();  // before this row group

  // Of this row group.
  std::vector<Run> runs_;
  std::uint32_t rows_ = 0;
  std::vector<std::int64_t> turns_;  // as turn_at has them, where they are not the times
  std::array<std::vector<Tally>, kKind_count> tallies_;  // by kind, and by the name's entry
};

}  // namespace runlog::format
