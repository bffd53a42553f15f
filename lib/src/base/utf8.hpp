// UTF-8: validity, where a text may be cut, and replacements for invalid bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace runlog {

/// Length of the valid UTF-8 sequence at the start of `text` (1–4), or 0 when there is none.
/// Overlong forms, surrogates and code points above U+10FFFF are not valid.
[[nodiscard]] std::size_t utf8_sequence(std::string_view text) noexcept;

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// Each byte that is not part of a valid sequence becomes U+FFFD.
[[nodiscard]] std::string mend_utf8(std::string_view text);

/// The same for a name: where that, or the cut to `bytes_max` (>= 16), loses something, "~" and 8
/// hex digits of a checksum of the original follow, so that names that differ stay different.
[[nodiscard]] std::string mend_name(std::string_view name, std::size_t bytes_max);

/// The longest prefix of at most `bytes_max` bytes that does not end inside a character.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max) noexcept;

/// Appends the encoding of `code`, which must be below 0x110000; surrogates are encoded as they
/// are.
void append_utf8(std::string& out, std::uint32_t code);

}  // namespace runlog
