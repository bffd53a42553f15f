// Text for people: what a journal holds was written by a training job, and a name may carry escape
// sequences. Nothing from a journal, a path or an error reaches a terminal but through visible().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace runlog::tools {

/// One character at the start of a text. `length` 0: the first byte is not valid UTF-8.
struct Character {
  char32_t code = 0;
  std::size_t length = 0;
};

inline Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto is_tail = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {.code = static_cast<char32_t>(lead), .length = 1};
  if (lead >= 0xC2 && lead <= 0xDF && is_tail(1)) {
    return {.code = static_cast<char32_t>((lead & 0x1Fu) << 6 | (byte(1) & 0x3Fu)), .length = 2};
  }
  if (lead >= 0xE0 && lead <= 0xEF && is_tail(1) && is_tail(2)) {
    const std::uint32_t code = (lead & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
    if (code >= 0x800 && (code < 0xD800 || code > 0xDFFF)) {
      return {.code = static_cast<char32_t>(code), .length = 3};
    }
  }
  if (lead >= 0xF0 && lead <= 0xF4 && is_tail(1) && is_tail(2) && is_tail(3)) {
    const std::uint32_t code =
        (lead & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 | (byte(3) & 0x3Fu);
    if (code >= 0x10000 && code <= 0x10FFFF) {
      return {.code = static_cast<char32_t>(code), .length = 4};
    }
  }
  return {};
}

inline constexpr std::string_view kHex_digits = "0123456789abcdef";

/// Two digits.
inline void append_hex(std::string& out, char byte) {
  out += kHex_digits[static_cast<unsigned char>(byte) >> 4];
  out += kHex_digits[static_cast<unsigned char>(byte) & 15u];
}

/// True for characters that act on a terminal, break a line or reorder text instead of showing
/// something: C0 and C1 controls, DEL, line separators, directional marks, embeddings, isolates.
inline bool is_unsafe(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x061C || code == 0xFEFF ||
         (code >= 0x200E && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

/// Appends `text` with everything unsafe spelled out: \n, \t, \x1b, \u202e; a byte that is not
/// UTF-8 as \xff. The result is one line of valid UTF-8. Backslashes stay as they are: this is for
/// eyes. With `in_json`, `text` is JSON, where unsafe characters stand only inside strings: \uXXXX
/// in their place is the same document, and a terminal may show it.
inline void append_visible(std::string& out, std::string_view text, bool in_json = false) {
  std::size_t plain_begin = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead >= 0x20 && lead < 0x7F) {
      ++at;
      continue;
    }
    const Character c = first_character(text.substr(at));
    if (c.length != 0 && !is_unsafe(c.code)) {
      at += c.length;
      continue;
    }
    out.append(text, plain_begin, at - plain_begin);
    if (c.code == '\n' && c.length == 1) {
      out += "\\n";
    } else if (c.code == '\r' && c.length == 1) {
      out += "\\r";
    } else if (c.code == '\t' && c.length == 1) {
      out += "\\t";
    } else if (c.length <= 1 && !in_json) {
      out += "\\x";
      append_hex(out, text[at]);
    } else {
      out += "\\u";
      for (const unsigned shift : {12u, 8u, 4u, 0u}) out += kHex_digits[(c.code >> shift) & 15u];
    }
    at += c.length == 0 ? 1 : c.length;
    plain_begin = at;
  }
  out.append(text, plain_begin, at - plain_begin);
}

inline std::string visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_visible(out, text);
  return out;
}

/// Columns that `text` takes in a terminal. Wide East Asian characters and emoji count two,
/// combining marks none; close enough to keep a table straight.
inline std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Character c = first_character(text.substr(at));
    at += c.length == 0 ? 1 : c.length;
    const char32_t u = c.code;
    const bool is_combining =
        (u >= 0x300 && u <= 0x36F) || (u >= 0x200B && u <= 0x200D) || (u >= 0xFE00 && u <= 0xFE0F);
    const bool is_wide = (u >= 0x1100 && u <= 0x115F) || (u >= 0x2E80 && u <= 0xA4CF) ||
                         (u >= 0xAC00 && u <= 0xD7A3) || (u >= 0xF900 && u <= 0xFAFF) ||
                         (u >= 0xFE30 && u <= 0xFE6F) || (u >= 0xFF00 && u <= 0xFF60) ||
                         (u >= 0x1F300 && u <= 0x1FAFF) || (u >= 0x20000 && u <= 0x3FFFD);
    if (!is_combining) width += is_wide ? 2 : 1;
  }
  return width;
}

/// `text`, or as much of it as fits in `columns` with an ellipsis. `text` must be visible()
/// already.
inline std::string shortened(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns || columns == 0) return std::string(text);
  std::string out;
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Character c = first_character(text.substr(at));
    const std::size_t length = c.length == 0 ? 1 : c.length;
    const std::string_view piece = text.substr(at, length);
    if (width + display_width(piece) + 1 > columns) break;
    width += display_width(piece);
    out += piece;
    at += length;
  }
  return out + "…";
}

}  // namespace runlog::tools
