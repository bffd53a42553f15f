// Records on their way out: which of them, and in which form; text for people is ours, the formats
// for programs are the library's. Knows nothing of where they come from.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runlog/exporter.hpp"
#include "runlog/reader.hpp"
#include "selection.hpp"

namespace runlog::tools {

/// What the library can leave out by itself (whole packs at a time); the rest is RecordFilter's.
ReadOptions read_options(const Filter& filter);

/// True when `name` matches one of `globs` (fnmatch), or there are none.
bool matches_any(const std::vector<std::string>& globs, std::string_view name);

/// The part of a Filter that looks at single records.
class RecordFilter {
 public:
  explicit RecordFilter(const Filter& filter) : filter_(filter) {}  // `filter` must outlive this
  [[nodiscard]] bool passes(const Record& record);

 private:
  const Filter& filter_;
  std::string last_name_;  // most records repeat few names, and fnmatch is slow
  bool last_matches_ = false;
  bool has_last_ = false;
};

/// True when `journals` hold more than one (run, rank), so that lines must say which.
bool needs_origin(const std::vector<JournalInfo>& journals);

struct RecordStyle {
  bool for_terminal = false;  // export formats: spell out what would act on a terminal
  bool with_origin = false;   // text: name the run and rank of each record
};

/// Of `format`; nullptr: text for people, a line for each record.
std::unique_ptr<Exporter> make_exporter(const ExportFormat* format, RecordStyle style);

/// "2026-11-22T17:47:38.123Z  metric  train/loss  step 10  0.53", without a line end.
void append_text(std::string& out, const Reader::Entry& entry, bool with_origin);

/// A record's value as people read it: 0.53, "hello", 12 records dropped: disk full.
void append_value(std::string& out, const Record& record);

}  // namespace runlog::tools
