// Summaries of records: the numbers of a series, and the facts of a run. Packs have them in their
// footers, so that summarize_series() need not decode rows; see reader.hpp.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "runlog/export.hpp"
#include "runlog/record.hpp"

namespace runlog {

/// The values of a series of metrics; an int_value counts as the nearest double. First and last are
/// by the order in which Reader yields the records of one journal. The times give the place in that
/// order: the record's own time, or the highest time of an earlier record in its pack.
struct SeriesNumbers {
  double first = 0;
  double last = 0;
  double min = std::numeric_limits<double>::quiet_NaN();  ///< of those that are not NaN; else NaN
  double max = std::numeric_limits<double>::quiet_NaN();
  std::int64_t first_time_ns = 0;
  std::int64_t last_time_ns = 0;
};

/// The step of the last record of a series that has one, which need not be the highest.
struct SeriesStep {
  std::int64_t step = 0;
  std::int64_t time_ns = 0;  ///< as in SeriesNumbers
};

/// The summary of all records of one kind and name.
struct SeriesSummary {
  Kind kind = Kind::unknown;
  std::string name = {};
  std::uint64_t records = 0;
  std::optional<SeriesStep> last_step = {};
  std::optional<SeriesNumbers> numbers = {};  ///< of metrics
};

/// Adds `more`, the summary of the same series in other packs or journals. Kind and name do not
/// change. Of two records with the same time, the one in `more` counts as the later.
RUNLOG_EXPORT void merge(SeriesSummary& series, const SeriesSummary& more);

/// A record about the run as a whole: a param, a tag or its removal, a property, a file, a child or
/// a status.
struct Fact {
  Kind kind = Kind::unknown;
  std::string name = {};
  std::optional<std::string> text = {};
  std::optional<double> value = {};
  std::optional<std::int64_t> int_value = {};
  std::int64_t time_ns = 0;  ///< as in SeriesNumbers
};

}  // namespace runlog
