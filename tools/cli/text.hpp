// Text for people, in columns. What a journal holds was written by a training job, and a name may
// carry escape sequences: nothing from a journal, a path or an error reaches a terminal but through
// visible().
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "runlog/shown.hpp"

namespace runlog::tools {

using runlog::append_visible;
using runlog::visible;

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
