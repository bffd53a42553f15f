// JSON, written by hand: the library writes only small flat objects, and lines of records that must
// be fast. base/json_read reads JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace runlog {

/// Appends `text` as a JSON string with quotes. Control characters are escaped; bytes that are not
/// UTF-8 become U+FFFD, so the result is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

/// Appends the shortest decimal that reads back as the same double; NaN and the infinities, which
/// JSON lacks, as the strings "NaN", "Infinity", "-Infinity".
void append_json_number(std::string& out, double value);
void append_json_number(std::string& out, std::int64_t value);

/// Builds one flat object: JsonObject(out).add("a", 1).add("b", "x").end().
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  JsonObject& key(std::string_view name);
  JsonObject& add(std::string_view name, std::string_view value);
  JsonObject& add(std::string_view name, std::int64_t value);
  JsonObject& add_real(std::string_view name, double value);
  JsonObject& add_bool(std::string_view name, bool value);
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace runlog
