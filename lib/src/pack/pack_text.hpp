// The parts of the texts in a pack's footer: numbers, and bytes that are escaped so that they do
// not look like separators. Parquet's strings are UTF-8, names and paths may be any bytes.
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

#include "base/hex.hpp"

namespace runlog::format {

constexpr bool is_escaped(unsigned char byte) {
  return byte < 0x20 || byte >= 0x7F || byte == '%' || byte == ':';
}

/// With %XX for what separates fields and lines and what is not ASCII.
inline void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_escaped(byte)) {
      out += '%';
      append_capital_hex(out, byte);
    } else {
      out += c;
    }
  }
}
inline std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

/// The whole of `text` and nothing else.
template <typename T>
bool parse_number(std::string_view text, T& value) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end;
}

inline bool unescape(std::string_view text, std::string& value) {
  value.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (is_escaped(static_cast<unsigned char>(text[i]))) return false;
      value += text[i];
      continue;
    }
    const auto byte = hex_byte(text.substr(i + 1));
    if (!byte) return false;
    value += static_cast<char>(*byte);
    i += 2;
  }
  return true;
}

}  // namespace runlog::format
