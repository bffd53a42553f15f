// JournalDigest: what the records of one journal say, summed up for `runlog stat`. All texts in it
// are visible() already.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runlog/record.hpp"

namespace runlog::tools {

/// One name of one kind.
struct SeriesDigest {
  std::uint64_t count = 0;
  bool has_number = false;  ///< a metric: the four below hold
  double first = 0;
  double last = 0;
  double min = std::nan("");  ///< of those that are not NaN
  double max = std::nan("");
  std::optional<std::int64_t> last_step = {};

  void add(const Record& record);
};

class JournalDigest {
 public:
  std::map<std::pair<std::string, Kind>, SeriesDigest> series = {};
  std::map<std::string, std::string> params = {};               ///< the last value of each
  std::map<std::string, std::string> tags = {};                 ///< those not removed
  std::map<std::string, std::string> properties = {};           ///< the first value of each
  std::vector<std::pair<std::string, std::string>> files = {};  ///< name, size and digest
  std::uint64_t file_bytes = 0;
  std::map<std::string, std::uint64_t> texts = {};  ///< level → count
  std::uint64_t rewinds = 0;
  std::vector<std::string> children = {};

  /// `record` must come in the order of time.
  void add(const Record& record);

 private:
  // A name comes again and again from the same place in memory, so most look-ups are one compare.
  // The bytes are compared, so a place that has got other bytes meanwhile does no harm.
  struct Guess {
    std::string name = {};  // as logged
    Kind kind = Kind::unknown;
    SeriesDigest* series = nullptr;
  };
  static constexpr unsigned kGuesses_log2 = 8;
  SeriesDigest& series_of(const Record& record);
  std::vector<Guess> guesses_ = std::vector<Guess>(std::size_t{1} << kGuesses_log2);
};

}  // namespace runlog::tools
