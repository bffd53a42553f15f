#include "base/utf8.hpp"

#include <random>

#include "support/catch.hpp"

using runlog::is_utf8;
using runlog::mend_name;
using runlog::mend_utf8;
using runlog::utf8_prefix;
using runlog::utf8_sequence;

TEST_CASE("sequences of one to four bytes are recognised") {
  CHECK(utf8_sequence("a") == 1);
  CHECK(utf8_sequence(std::string_view("\0", 1)) == 1);
  CHECK(utf8_sequence("\x7F") == 1);
  CHECK(utf8_sequence("\xC2\x80") == 2);
  CHECK(utf8_sequence("\xDF\xBFz") == 2);
  CHECK(utf8_sequence("\xE0\xA0\x80") == 3);
  CHECK(utf8_sequence("\xED\x9F\xBF") == 3);
  CHECK(utf8_sequence("\xEF\xBF\xBF") == 3);
  CHECK(utf8_sequence("\xF0\x90\x80\x80") == 4);
  CHECK(utf8_sequence("\xF4\x8F\xBF\xBF") == 4);
}

TEST_CASE("what is not UTF-8 is refused") {
  for (const char* const bad : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF",  // a continuation, overlong
                                "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF",      // overlong
                                "\xED\xA0\x80", "\xED\xBF\xBF",          // surrogates
                                "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",  // above U+10FFFF
                                "\xC2", "\xE2\x82", "\xF0\x9F\x98",              // cut short
                                "\xC2z", "\xE2\x82z", "\xF0\x9F\x98z"}) {
    CHECK(utf8_sequence(bad) == 0);
    CHECK_FALSE(is_utf8(bad));
    CHECK_FALSE(is_utf8("12345678" + std::string(bad)));
    CHECK(is_utf8(mend_utf8(bad)));
  }
  CHECK(utf8_sequence("") == 0);
  CHECK(is_utf8(""));
}

TEST_CASE("mending replaces each stray byte and keeps the rest") {
  CHECK(mend_utf8("plain") == "plain");
  CHECK(mend_utf8("a\xFFz") == "a\xEF\xBF\xBDz");
  CHECK(mend_utf8("\xE2\x82") == "\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(mend_utf8("\xE2\x82\xAC") == "\xE2\x82\xAC");
}

TEST_CASE("a prefix does not end inside a character") {
  const std::string text = "a\xE2\x82\xAC\xF0\x9F\x98\x80";
  CHECK(utf8_prefix(text, 0).empty());
  CHECK(utf8_prefix(text, 1) == "a");
  CHECK(utf8_prefix(text, 2) == "a");
  CHECK(utf8_prefix(text, 3) == "a");
  CHECK(utf8_prefix(text, 4) == "a\xE2\x82\xAC");
  CHECK(utf8_prefix(text, 7) == "a\xE2\x82\xAC");
  CHECK(utf8_prefix(text, 8) == text);
  CHECK(utf8_prefix(text, 99) == text);
}

TEST_CASE("random bytes: mending gives UTF-8, and leaves UTF-8 as it is") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 24, ' ');
    for (char& c : text) c = static_cast<char>(round % 2 == 0 ? random() : 0xC0 + random() % 64);
    const std::string mended = mend_utf8(text);
    REQUIRE(is_utf8(mended));
    REQUIRE(mend_utf8(mended) == mended);
    if (is_utf8(text)) REQUIRE(mended == text);
    for (std::size_t size = 0; size <= mended.size(); ++size) {
      REQUIRE(is_utf8(utf8_prefix(mended, size)));
    }
  }
}

TEST_CASE("a name that is too long is cut between characters, and differs from others") {
  for (const std::string character : {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x9A\x80"}) {
    for (std::size_t shift = 0; shift < 5; ++shift) {
      std::string name(shift, 'x');
      while (name.size() <= 512) name += character;
      const std::string mended = mend_name(name, 512);
      INFO(mended);
      CHECK(is_utf8(mended));
      CHECK(mended.size() <= 512);
      CHECK(mended.size() > 512 - 4);
      CHECK(mend_name(name + character, 512) != mended);
    }
  }
}
