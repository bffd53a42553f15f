// Promise: what jobs, servers and files gave reaches no terminal as more than letters.
#include "base/visible.hpp"

#include <array>
#include <string>

#include "base/utf8.hpp"
#include "support/catch.hpp"

using namespace runlog;

TEST_CASE("what acts on a terminal, breaks a line or reorders text is spelled out") {
  CHECK(visible("a\x1b[2J\tb\r\n\x7f") == "a\\x1b[2J\\tb\\r\\n\\x7f");
  CHECK(visible(std::string("\0\x07\x08", 3)) == "\\x00\\x07\\x08");
  CHECK(visible("\xC2\x9B") == "\\u009b");
  for (const std::uint32_t code : {0x61Cu, 0x200Eu, 0x200Fu, 0x2028u, 0x202Au, 0x202Eu, 0x2066u,
                                   0x2069u, 0xFEFFu, 0x80u, 0x9Fu}) {
    std::string text;
    append_utf8(text, code);
    CHECK(visible(text).starts_with("\\u"));
    CHECK(visible(text).size() == 6);
  }
  CHECK(visible("ä 漢 😀 C:\\x") == "ä 漢 😀 C:\\x");
}

TEST_CASE("bytes that are not UTF-8 are shown as such, lone surrogates too") {
  CHECK(visible("\xFFz\xE2\x82") == "\\xffz\\xe2\\x82");
  CHECK(visible("\xED\xA0\x80") == "\\xed\\xa0\\x80");
  CHECK(visible("\xC0\x9B") == "\\xc0\\x9b");
  CHECK(visible("\xF4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
}

TEST_CASE("JSON stays the same document") {
  std::string out;
  append_visible(out, "{\"a\":\"\xE2\x80\xAE\xC2\x9B\"}", true);
  CHECK(out == "{\"a\":\"\\u202e\\u009b\"}");
}

TEST_CASE("where there is no memory, as much is copied as fits, and no half of a character") {
  std::array<char, 8> room{};
  const auto copied = [&](std::string_view text, std::size_t bytes) {
    return std::string(room.data(), copy_visible(std::span(room).first(bytes), text));
  };
  CHECK(copied("abc", 8) == "abc");
  CHECK(copied("abcdefghij", 8) == "abcdefgh");
  CHECK(copied("abcd\x1b[", 8) == "abcd\\x1b");
  CHECK(copied("abcde\x1b[", 8) == "abcde");
  CHECK(copied("abcäx", 4) == "abc");
  CHECK(copied("\xE2\x80\xAEx", 8) == "\\u202ex");
  CHECK(copied("x", 0).empty());
}
