#include "base/visible.hpp"

#include <algorithm>
#include <array>

#include "base/hex.hpp"
#include "base/utf8.hpp"

namespace runlog {
namespace {

bool is_unsafe(char32_t code) noexcept {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x061C || code == 0xFEFF ||
         (code >= 0x200E && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

/// The bytes at the start of `text` that may be shown as they are.
std::size_t plain_bytes(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead >= 0x20 && lead < 0x7F) {
      ++at;
      continue;
    }
    const Character c = first_character(text.substr(at));
    if (c.length == 0 || is_unsafe(c.code)) break;
    at += c.length;
  }
  return at;
}

/// What stands for the unsafe character, or the byte that is none, at the start of a text.
struct Escape {
  std::array<char, 6> bytes = {};
  std::size_t size = 0;
  std::size_t length = 0;  // in the text

  Escape(std::string_view text, bool in_json) noexcept {
    const Character c = first_character(text);
    length = std::max<std::size_t>(c.length, 1);
    add('\\');
    const bool is_ascii = c.length == 1;
    if (is_ascii && (c.code == '\n' || c.code == '\r' || c.code == '\t')) {
      add(c.code == '\n' ? 'n' : c.code == '\r' ? 'r' : 't');
      return;
    }
    const bool is_byte = c.length <= 1 && !in_json;
    const unsigned code = c.length == 0 ? static_cast<unsigned char>(text[0]) : c.code;
    add(is_byte ? 'x' : 'u');
    for (int shift = is_byte ? 4 : 12; shift >= 0; shift -= 4) {
      add(kHex_digits[(code >> shift) & 15u]);
    }
  }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes.data(), size}; }

 private:
  void add(char c) noexcept { bytes[size++] = c; }
};

}  // namespace

Character first_character(std::string_view text) noexcept {
  const std::size_t length = utf8_sequence(text);
  if (length == 0) return {};
  const auto lead = static_cast<unsigned char>(text[0]);
  // The lead byte has 7, 5, 4 or 3 bits of the code.
  char32_t code = length == 1 ? lead : lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  }
  return {.code = code, .length = length};
}

void append_visible(std::string& out, std::string_view text, bool in_json) {
  while (!text.empty()) {
    const std::size_t plain = plain_bytes(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const Escape escape(text, in_json);
    out += escape.view();
    text.remove_prefix(escape.length);
  }
}

std::string visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_visible(out, text);
  return out;
}

std::size_t copy_visible(std::span<char> target, std::string_view text) noexcept {
  std::size_t at = 0;
  const auto put = [&](std::string_view piece) {
    at = static_cast<std::size_t>(std::copy(piece.begin(), piece.end(), target.data() + at) -
                                  target.data());
  };
  while (!text.empty()) {
    const std::string_view plain = text.substr(0, plain_bytes(text));
    const std::string_view fitting = utf8_prefix(plain, target.size() - at);
    put(fitting);
    if (fitting.size() < plain.size()) break;
    text.remove_prefix(plain.size());
    if (text.empty()) break;
    const Escape escape(text, false);
    if (escape.size > target.size() - at) break;
    put(escape.view());
    text.remove_prefix(escape.length);
  }
  return at;
}

}  // namespace runlog
