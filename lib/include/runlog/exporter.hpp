// Exporter: records as text that other programs read, in one of several formats. `runlog cat
// --json` and `--csv` are made of it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runlog/export.hpp"
#include "runlog/reader.hpp"

namespace runlog {

/// Writes records in one format: begin(), record() for each of them, end(). Each appends whole
/// lines to `out`, which the caller may write and clear between two calls. Not thread-safe.
class RUNLOG_EXPORT Exporter {
 public:
  virtual ~Exporter() = default;
  virtual void begin(std::string& out) { (void)out; }
  virtual void record(const Reader::Entry& entry, std::string& out) = 0;
  virtual void end(std::string& out) { (void)out; }
};

/// Appends `text`, which a job wrote, so that a terminal may show it. `in_json`: `text` is JSON and
/// is to stay the same document.
using ShowText = void(std::string& out, std::string_view text, bool in_json);

struct ExportFormat {
  std::string_view name = {};     ///< "json"
  std::string_view summary = {};  ///< "One JSON object per line"
  /// `show` is for output to a terminal; nullptr: texts are appended as they are.
  std::unique_ptr<Exporter> (*make)(ShowText* show) = nullptr;
};

/// "json": append_json(), and a newline. "csv": RFC 4180 with a header and the columns of JSON;
/// `text` is only what stands beside a number.
[[nodiscard]] RUNLOG_EXPORT std::span<const ExportFormat> export_formats() noexcept;

}  // namespace runlog
