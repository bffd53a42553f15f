// What records come to: the sums of a series, and the facts of a run. Packs carry them in their
// footers, so that summarize_series() need not decode a row; see reader.hpp.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "runlog/export.hpp"
#include "runlog/record.hpp"

namespace runlog {

/// What the records of one kind and name come to. First and last are by the order in which Reader
/// yields the records of one journal. The times tell where in that order a record stands: its own
/// time, or that of a record before it in its pack whose clock was ahead.
struct SeriesSummary {
  /// Of the metrics that have a value; an int_value counts as the double next to it.
  struct Numbers {
    double first = 0;
    double last = 0;
    double min = std::numeric_limits<double>::quiet_NaN();  ///< of those that are not NaN, if any
    double max = std::numeric_limits<double>::quiet_NaN();
    std::int64_t first_time_ns = 0;
    std::int64_t last_time_ns = 0;
  };
  /// Of the last record that has a step, which need not be the highest step.
  struct Step {
    std::int64_t step = 0;
    std::int64_t time_ns = 0;
  };

  Kind kind = Kind::unknown;
  std::string name = {};
  std::uint64_t records = 0;
  std::optional<Step> last_step = {};
  std::optional<Numbers> numbers = {};
};

/// Adds what `more` says of the same series, in other packs or journals. Kind and name stay as they
/// are. Of two records of the same time, that in `more` is the later one.
RUNLOG_EXPORT void merge(SeriesSummary& series, const SeriesSummary& more);

/// A record that says something of the run as a whole: a param, a tag or its removal, a property, a
/// file, a child or a status.
struct Fact {
  Kind kind = Kind::unknown;
  std::string name = {};
  std::optional<std::string> text = {};
  std::optional<double> value = {};
  std::optional<std::int64_t> int_value = {};
  std::int64_t time_ns = 0;  ///< as in SeriesSummary
};

}  // namespace runlog
