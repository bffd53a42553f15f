// What may be shown: texts that jobs, servers and files gave, on a terminal, and URLs without their
// secrets. The tools and the library's own lines on stderr show nothing else; what on_error and
// stats() hand out is as it came.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "runlog/export.hpp"

namespace runlog {

/// One character at the start of a text. `length` 0: the first byte is not valid UTF-8.
struct Character {
  char32_t code = 0;
  std::size_t length = 0;
};
[[nodiscard]] RUNLOG_EXPORT Character first_character(std::string_view text) noexcept;

/// Appends `text` with everything spelled out that acts on a terminal, breaks a line or reorders
/// text (C0, C1, DEL, line separators, directional marks, embeddings, isolates): \n, \t, \x1b,
/// \u202e; a byte that is not UTF-8 as \xff. The result is one line of valid UTF-8. Backslashes
/// stay as they are: this is for eyes. With `in_json`, `text` is JSON, where such characters stand
/// only inside strings: \uXXXX in their place is the same document.
RUNLOG_EXPORT void append_visible(std::string& out, std::string_view text, bool in_json = false);
[[nodiscard]] RUNLOG_EXPORT std::string visible(std::string_view text);

/// `url` without user:password@ and without the query keys that may be secret; also of a URL with
/// too few or too many slashes. A path stays as it is.
[[nodiscard]] RUNLOG_EXPORT std::string without_secrets(std::string_view url);

}  // namespace runlog
