// Hexadecimal digits, written and read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace runlog {

inline constexpr std::string_view kHex_digits = "0123456789abcdef";

/// Two digits.
inline void append_hex(std::string& out, std::uint8_t byte) {
  out += kHex_digits[byte >> 4];
  out += kHex_digits[byte & 15u];
}
/// The same in capital letters, as URLs have them.
inline void append_capital_hex(std::string& out, std::uint8_t byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15u];
}

[[nodiscard]] inline std::string to_hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) append_hex(text, byte);
  return text;
}

/// The value of a digit that append_hex may have written; -1 for any other character.
[[nodiscard]] constexpr int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/// The byte of the two digits that `text` begins with, in small or capital letters.
[[nodiscard]] constexpr std::optional<std::uint8_t> hex_byte(std::string_view text) noexcept {
  if (text.size() < 2) return {};
  const auto value = [](char c) {
    return hex_digit(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
  };
  const int high = value(text[0]);
  const int low = value(text[1]);
  if (high < 0 || low < 0) return {};
  return static_cast<std::uint8_t>(high * 16 + low);
}

}  // namespace runlog
