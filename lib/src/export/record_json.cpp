// Records as JSON, one to a line.
#include <memory>

#include "base/hex.hpp"
#include "base/json_text.hpp"
#include "runlog/exporter.hpp"

namespace runlog {
namespace {

class JsonExporter final : public Exporter {
 public:
  explicit JsonExporter(ShowText* show) : show_(show) {}

  void record(const Reader::Entry& entry, std::string& out) override {
    if (show_ == nullptr) {
      append_json(entry, out);
    } else {
      line_.clear();
      append_json(entry, line_);
      show_(out, line_, true);
    }
    out += '\n';
  }

 private:
  ShowText* const show_;
  std::string line_;  // here for its memory
};

}  // namespace

void append_json(const Reader::Entry& entry, std::string& out) {
  const Record& record = entry.record;
  out += "{\"t\":";
  append_json_number(out, record.time_ns);
  out += ",\"run\":";
  append_json_string(out, entry.journal != nullptr ? std::string_view(entry.journal->run_id) : "");
  out += ",\"rank\":";
  append_json_number(out, entry.journal != nullptr ? entry.journal->rank : 0);
  out += ",\"session\":";
  append_json_string(out, entry.journal != nullptr ? std::string_view(entry.journal->session) : "");
  out += ",\"lane\":";
  append_json_number(out, std::int64_t{record.lane});
  out += ",\"seq\":";
  append_json_number(out, record.seq);
  out += ",\"kind\":";
  append_json_string(out, kind_name(record.kind));
  out += ",\"name\":";
  append_json_string(out, record.name);
  if (record.step) {
    out += ",\"step\":";
    append_json_number(out, *record.step);
  }
  const bool has_number = record.value || record.int_value;
  if (record.value) {
    out += ",\"value\":";
    append_json_number(out, *record.value);
  } else if (record.int_value) {
    out += ",\"value\":";
    append_json_number(out, *record.int_value);
  }
  if (record.text) {
    out += has_number ? ",\"text\":" : ",\"value\":";
    append_json_string(out, *record.text);
  }
  if (record.payload) {
    out += ",\"payload\":\"";
    for (const char c : *record.payload) append_hex(out, static_cast<std::uint8_t>(c));
    out += '"';
  }
  out += '}';
}

std::unique_ptr<Exporter> make_json_exporter(ShowText* show) {
  return std::make_unique<JsonExporter>(show);
}

}  // namespace runlog
