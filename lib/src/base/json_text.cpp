#include "base/json_text.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "base/hex.hpp"
#include "base/utf8.hpp"

namespace runlog {

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain_begin = 0;
  std::size_t at = 0;
  const auto flush_plain = [&] { out.append(text, plain_begin, at - plain_begin); };
  while (at < text.size()) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != 0x7F) {
      ++at;
      continue;
    }
    if (c >= 0x80) {
      const std::size_t length = utf8_sequence(text.substr(at));
      if (length != 0) {
        at += length;
        continue;
      }
      flush_plain();
      out += "\xEF\xBF\xBD";
    } else {
      flush_plain();
      switch (c) {
        case '"':
          out += "\\\"";
          break;
        case '\\':
          out += "\\\\";
          break;
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        default:
          out += "\\u00";
          append_hex(out, c);
      }
    }
    plain_begin = ++at;
  }
  flush_plain();
  out += '"';
}

void append_json_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    std::array<char, 40> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
    out.append(text.data(), end.ptr);
  }
}

void append_json_number(std::string& out, std::int64_t value) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), end.ptr);
}

JsonObject& JsonObject::key(std::string_view name) {
  if (!first_) out_ += ',';
  first_ = false;
  append_json_string(out_, name);
  out_ += ':';
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, std::string_view value) {
  key(name);
  append_json_string(out_, value);
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, std::int64_t value) {
  key(name);
  append_json_number(out_, value);
  return *this;
}

JsonObject& JsonObject::add_real(std::string_view name, double value) {
  key(name);
  append_json_number(out_, value);
  return *this;
}

JsonObject& JsonObject::add_bool(std::string_view name, bool value) {
  key(name);
  out_ += value ? "true" : "false";
  return *this;
}

}  // namespace runlog
