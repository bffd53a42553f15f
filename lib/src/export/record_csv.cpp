// Records as CSV by RFC 4180, with the columns of append_json.
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/hex.hpp"
#include "runlog/exporter.hpp"

namespace runlog {
namespace {

// 0.0003 rather than 3e-04, though it is a digit longer: what reads CSV is often a spreadsheet.
void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "Infinity" : "-Infinity";
  } else {
    const double size = std::abs(value);
    std::array<char, 40> text = {};
    const auto end =
        size >= 1e-5 && size < 1e16
            ? std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed)
            : std::to_chars(text.data(), text.data() + text.size(), value);
    out.append(text.data(), end.ptr);
  }
}

void append_number(std::string& out, std::int64_t value) {
  std::array<char, 24> text = {};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), end.ptr);
}

void append_bytes(std::string& out, std::string_view bytes) {
  for (const char c : bytes) append_hex(out, static_cast<std::uint8_t>(c));
}

class CsvExporter final : public Exporter {
 public:
  explicit CsvExporter(ShowText* show) : show_(show) {}

  void begin(std::string& out) override {
    out += "t,run,rank,session,lane,seq,kind,name,step,value,text,payload\r\n";
  }

  // `value` is the number or, where there is none, the text; `text` only what stands beside a
  // number.
  void record(const Reader::Entry& entry, std::string& out) override {
    const Record& record = entry.record;
    append_origin(out, entry);
    append_cell(out, kind_name(record.kind));
    out += ',';
    append_cell(out, record.name);
    out += ',';
    if (record.step) append_number(out, *record.step);
    out += ',';
    const bool has_number = record.value || record.int_value;
    if (record.value) {
      append_number(out, *record.value);
    } else if (record.int_value) {
      append_number(out, *record.int_value);
    } else if (record.text) {
      append_cell(out, *record.text);
    }
    out += ',';
    if (has_number && record.text) append_cell(out, *record.text);
    out += ',';
    if (record.payload) append_bytes(out, *record.payload);
    out += "\r\n";
  }

 private:
  void append_origin(std::string& out, const Reader::Entry& entry) {
    static const JournalInfo nowhere;
    const JournalInfo& journal = entry.journal != nullptr ? *entry.journal : nowhere;
    append_number(out, entry.record.time_ns);
    out += ',';
    append_cell(out, journal.run_id);
    out += ',';
    append_number(out, journal.rank);
    out += ',';
    append_cell(out, journal.session);
    out += ',';
    append_number(out, std::int64_t{entry.record.lane});
    out += ',';
    append_number(out, entry.record.seq);
    out += ',';
  }

  // A cell with a comma, a quote or a line end stands in quotes, quotes are doubled.
  void append_cell(std::string& out, std::string_view text) {
    if (show_ != nullptr) {
      shown_.clear();
      show_(shown_, text, false);
      text = shown_;
    }
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
      out += text;
      return;
    }
    out += '"';
    for (const char c : text) {
      if (c == '"') out += '"';
      out += c;
    }
    out += '"';
  }

  ShowText* const show_;
  std::string shown_;  // here for its memory
};

}  // namespace

std::unique_ptr<Exporter> make_csv_exporter(ShowText* show) {
  return std::make_unique<CsvExporter>(show);
}

}  // namespace runlog
