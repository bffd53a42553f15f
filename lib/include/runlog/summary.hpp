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

/// The metrics of a series that have a value; an int_value counts as the double next to it. First
/// and last are by the order in which Reader yields the records of one journal. The times tell
/// where in that order a record stands: its own time, or that of a record before it in its pack
/// whose clock was ahead.
struct SeriesNumbers {
  double first = 0;
  double last = 0;
  double min = std::numeric_limits<double>::quiet_NaN();  ///< of those that are not NaN, if any
  double max = std::numeric_limits<double>::quiet_NaN();
  std::int64_t first_time_ns = 0;
  std::int64_t last_time_ns = 0;
};

/// The step of the last record of a series that has one, which need not be the highest.
struct SeriesStep {
  std::int64_t step = 0;
  std::int64_t time_ns = 0;  ///< as in SeriesNumbers
};

/// What the records of one kind and name come to.
struct SeriesSummary {
  Kind kind = Kind::unknown;
  std::string name = {};
  std::uint64_t records = 0;
  std::optional<SeriesStep> last_step = {};
  std::optional<SeriesNumbers> numbers = {};  ///< of metrics
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
  std::int64_t time_ns = 0;  ///< as in SeriesNumbers
};

}  // namespace runlog
