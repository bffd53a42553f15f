#include "records.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <set>
#include <utility>

#include "cli/text.hpp"
#include "cli/units.hpp"

namespace runlog::tools {
namespace {

constexpr std::size_t kKind_columns = 9;
constexpr std::size_t kDigest_digits = 12;  // of a sha256: enough to tell files apart by eye

void append_padded(std::string& out, std::string_view text, std::size_t columns) {
  out += text;
  if (text.size() < columns) out.append(columns - text.size(), ' ');
}

class TextExporter final : public Exporter {
 public:
  explicit TextExporter(bool with_origin) : with_origin_(with_origin) {}

  void record(const Reader::Entry& entry, std::string& out) override {
    append_text(out, entry, with_origin_);
    out += '\n';
  }

 private:
  const bool with_origin_;
};

}  // namespace

ReadOptions read_options(const Filter& filter) {
  ReadOptions options;
  options.apply_rewind = filter.apply_rewind;
  options.runs = filter.runs;
  options.ranks = filter.ranks;
  options.since_unix_ns = filter.since_unix_ns;
  return options;
}

bool matches_any(const std::vector<std::string>& globs, std::string_view name) {
  if (globs.empty()) return true;
  const std::string text(name);
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    return glob == text || fnmatch(glob.c_str(), text.c_str(), 0) == 0;
  });
}

bool RecordFilter::passes(const Record& record) {
  if (!filter_.kinds.empty() &&
      std::find(filter_.kinds.begin(), filter_.kinds.end(), record.kind) == filter_.kinds.end()) {
    return false;
  }
  if (filter_.steps) {
    if (!record.step) return false;
    if (filter_.steps->begin && *record.step < *filter_.steps->begin) return false;
    if (filter_.steps->end && *record.step >= *filter_.steps->end) return false;
  }
  if (filter_.since_unix_ns && record.time_ns < *filter_.since_unix_ns) return false;
  if (filter_.names.empty()) return true;
  if (!has_last_ || last_name_ != record.name) {
    last_name_ = record.name;
    last_matches_ = matches_any(filter_.names, record.name);
    has_last_ = true;
  }
  return last_matches_;
}

bool needs_origin(const std::vector<JournalInfo>& journals) {
  std::set<std::pair<std::string, std::int64_t>> origins;
  for (const JournalInfo& info : journals) origins.emplace(info.run_id, info.rank);
  return origins.size() > 1;
}

void append_value(std::string& out, const Record& record) {
  switch (record.kind) {
    case Kind::gap:
      out += counted(static_cast<std::uint64_t>(record.int_value.value_or(0)), "record");
      out += " dropped before this point";
      if (record.text && !record.text->empty()) {
        out += ": ";
        append_visible(out, *record.text);
      }
      return;
    case Kind::file:
    case Kind::image:
      out += short_bytes(static_cast<std::uint64_t>(record.int_value.value_or(0)));
      out += ", sha256 ";
      append_visible(out, record.text.value_or("").substr(0, kDigest_digits));
      return;
    case Kind::rewind:
      out += "what was logged at this step and later is void";
      return;
    case Kind::unknown:
    case Kind::metric:
    case Kind::text:
    case Kind::param:
    case Kind::tag:
    case Kind::tag_removed:
    case Kind::property:
    case Kind::list:
    case Kind::row:
    case Kind::table:
    case Kind::histogram:
    case Kind::json:
    case Kind::status:
    case Kind::child:
    case Kind::spill:
      break;
  }
  const std::size_t begin = out.size();
  if (record.value) append_number(out, *record.value);
  if (record.int_value && !record.value) append_number(out, *record.int_value);
  if (record.text) {
    if (out.size() > begin) out += "  ";
    append_visible(out, *record.text);
  }
  if (record.payload) {
    if (out.size() > begin) out += "  ";
    out += "(" + std::to_string(record.payload->size()) + " raw bytes)";
  }
}

void append_text(std::string& out, const Reader::Entry& entry, bool with_origin) {
  const Record& record = entry.record;
  append_time(out, record.time_ns);
  out += "  ";
  if (with_origin && entry.journal != nullptr) {
    append_visible(out,
                   entry.journal->run_id.empty() ? entry.journal->session : entry.journal->run_id);
    out += "/r";
    append_number(out, entry.journal->rank);
    out += "  ";
  }
  const std::string_view kind = kind_name(record.kind);
  append_padded(out, kind.empty() ? "unknown" : kind, kKind_columns);
  if (!record.name.empty()) {
    out += ' ';
    append_visible(out, record.name);
  }
  if (record.step) {
    out += "  step ";
    append_number(out, *record.step);
  }
  const std::size_t before_value = out.size();
  out += "  ";
  append_value(out, record);
  if (out.size() == before_value + 2) out.resize(before_value);
}

std::unique_ptr<Exporter> make_exporter(const ExportFormat* format, RecordStyle style) {
  if (format == nullptr) return std::make_unique<TextExporter>(style.with_origin);
  return format->make(style.for_terminal ? append_visible : nullptr);
}

}  // namespace runlog::tools
