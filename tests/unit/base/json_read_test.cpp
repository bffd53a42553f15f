// JSON from outside: what is asked for comes out, and hostile text is an error with limits, not a
// crash. What was read leaves nothing in memory.
#include "base/json_read.hpp"

#include <clocale>
#include <cstdint>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.hpp"
#include "support/catch.hpp"

using namespace runlog;

namespace {

constexpr std::size_t kBytes_max = 64u << 10;

JsonText sound(std::string_view json) {
  auto read = JsonText::parse(json, "text", kBytes_max);
  INFO(json << ": " << (read ? std::string() : read.error().message));
  REQUIRE(read);
  return std::move(*read);
}

std::string error_of(std::string_view json) {
  const auto read = JsonText::parse(json, "text", kBytes_max);
  INFO(json.substr(0, 100));
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Errc::corrupt);
  return read.error().message;
}

std::string with_members(std::size_t count) {
  std::string json = "{";
  for (std::size_t i = 0; i < count; ++i)
    json += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":1";
  return json + "}";
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (; count > 0; --count) out += text;
  return out;
}

}  // namespace

TEST_CASE("strings and numbers of the object, and of the objects directly in it") {
  const auto json = sound(
      R"( {"a": "x\n\"\u00e9\ud83d\ude00", "b": -1.5e3, "c": null, "d": true, "g": false,)"
      R"( "e": {"a": "inner", "f": ["}", 1, {"a": 2}], "h": {"a": 3}}, "l": ["z"], "a2": ""} )");
  CHECK(json.text("a") == "x\n\"\xC3\xA9\xF0\x9F\x98\x80");
  CHECK(json.text("b") == "-1.5e3");
  for (const char* name : {"c", "d", "e", "g", "l", "a2", "f", "h", "", "e.a"}) {
    INFO(name);
    CHECK(json.text(name).empty());
  }
  CHECK(json.is_true("d"));
  CHECK_FALSE(json.is_true("g"));
  CHECK_FALSE(json.is_true("a"));
  CHECK(json.text("e", "a") == "inner");
  CHECK(json.text("e", "f").empty());
  CHECK(json.text("a", "a").empty());
  CHECK(json.text("", "a").empty());
  CHECK(sound("{}").text("a").empty());
}

TEST_CASE("numbers are read from numbers and from strings, whole and of their type") {
  const auto json = sound(
      R"({"min":-9223372036854775808,"over":9223372036854775808,"text":"7","real":0.1,"exp":1E2,)"
      R"("nan":"NaN","inf":"Infinity","rest":"7 ","zero":-0,"most":18446744073709551615})");
  CHECK(json.integer("min", 1) == std::numeric_limits<std::int64_t>::min());
  CHECK(json.integer("text", 1) == 7);
  CHECK(json.integer("zero", 1) == 0);
  for (const char* name : {"over", "most", "real", "exp", "nan", "rest", "none"}) {
    INFO(name);
    CHECK(json.integer(name, -3) == -3);
  }
  CHECK(json.real("real", 1) == 0.1);
  CHECK(json.real("exp", 1) == 100);
  CHECK(json.text("most") == "18446744073709551615");
  for (const char* name : {"nan", "inf", "rest", "none"}) {
    INFO(name);
    CHECK(json.real(name, -3) == -3);
  }
}

TEST_CASE("of several members with one name the last counts") {
  const auto json = sound(R"({"a":"x","b":{"i":1},"a":"y","b":{"i":2,"i":3},"n":1,"n":null})");
  CHECK(json.text("a") == "y");
  CHECK(json.text("b", "i") == "3");
  CHECK(json.text("n").empty());
}

TEST_CASE("what is not one whole JSON object is an error") {
  for (const char* json : {R"({"a": "x",})",
                           R"({"a" "x"})",
                           "{\"a\": \"line\nbreak\"}",
                           R"({a:1})",
                           R"({"a":NaN})",
                           R"({"a":Infinity})",
                           R"({"a":01})",
                           R"({"a":.5})",
                           R"({"a":+1})",
                           R"({"a":1e400})",
                           R"({"a":"\x"})",
                           R"({"a":"\u12g4"})",
                           R"({"a":"\ud83d"})",
                           R"({"a":"\ude00"})",
                           R"({"a":"\ud83d\u0041"})",
                           "{\"a\":\"\xFF\"}",
                           "{\"a\":\"\xC3\"}",
                           "{\"a\":\"\xED\xA0\x80\"}",
                           R"({} {})",
                           R"({}x)",
                           R"({"a":1]})",
                           "{]",
                           "}"}) {
    CHECK(error_of(json).starts_with("text is not valid JSON: at byte "));
  }
  for (const char* json : {"[]", "[{}]", "3", "\"a\"", "null", "true", "0.5"}) {
    CHECK(error_of(json) == "text is not valid JSON: it is no object");
  }
  CHECK(error_of(std::string("{}\0", 3)) == "text is not valid JSON: at byte 3");
}

TEST_CASE("a text that was cut off says so, wherever it was cut") {
  const std::string whole =
      R"({"Version":1,"Extra":{"a":[{"b":-1.5e3,"\u00e9":true},null]},"k":"v"})";
  (void)sound(whole);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK(error_of(whole.substr(0, size)) == "text is not valid JSON: it ends too early");
  }
  CHECK(error_of(repeated(R"({"Extra":[)", 5)) == "text is not valid JSON: it ends too early");
}

TEST_CASE("size, depth and members have limits") {
  CHECK(error_of(std::string(kBytes_max + 1, ' ')) == "text is not valid JSON: it is too large");
  const auto nested = [](std::size_t depth) {
    return repeated("{\"a\":", depth) + "1" + repeated("}", depth);
  };
  (void)sound(nested(JsonText::kDepth_max));
  CHECK(error_of(nested(JsonText::kDepth_max + 1)) == "text is not valid JSON: it is too deep");
  CHECK(error_of("{\"a\":" + repeated("[", 60'000)) == "text is not valid JSON: it is too deep");
  CHECK(sound(with_members(JsonText::kMembers_max)).text("999") == "1");
  CHECK(error_of(with_members(JsonText::kMembers_max + 1)) ==
        "text is not valid JSON: it has more than 1000 members");
  CHECK(error_of(R"({"a":[)" + repeated(R"({"a":1},)", JsonText::kMembers_max) + "1]}") ==
        "text is not valid JSON: it has more than 1000 members");
  (void)sound("{\"a\":[" + repeated("1,", 30'000) + "1]}");
}

TEST_CASE("errors do not quote the text") {
  for (const char* json : {"topsecret", R"({"a":topsecret})", R"({"a":"topsecret)",
                           R"({"a":"topsecret\x"})", R"({"a":"topsecret" topsecret})"}) {
    CHECK(error_of(json).find("top") == std::string::npos);
  }
}

TEST_CASE("a locale with a decimal comma changes no number") {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8"}) {
    if (std::setlocale(LC_ALL, name) != nullptr) break;
  }
  const auto json = sound(R"({"a":-0.25,"b":2.5e-1})");
  std::setlocale(LC_ALL, before.c_str());
  CHECK(json.text("a") == "-0.25");
  CHECK(json.real("b", 0) == 0.25);
}

TEST_CASE("any bytes come to an end") {
  constexpr unsigned kSeed = 27;
  INFO("seed " << kSeed);
  std::mt19937 random(kSeed);
  const std::vector<std::string> pieces = {"{",    "}",           "[",       "]",
                                           "\"",   ":",           ",",       "\\",
                                           "\\u",  "d83d",        "1",       "-",
                                           ".5",   "e9",          "true",    "null",
                                           " ",    "\"a\":",      "{\"a\":", std::string(1, '\0'),
                                           "\xFF", "\xEF\xBB\xBF"};
  std::size_t whole = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = "{";
    for (auto count = random() % 12; count > 0; --count) text += pieces[random() % pieces.size()];
    const auto read = JsonText::parse(text, "text", kBytes_max);
    if (!read) continue;
    ++whole;
    (void)read->text("a", "a");
    (void)read->integer("a", 0);
  }
  CHECK(whole > 0);
}

// Their allocators keep memory elsewhere, and do not let freed memory be looked at.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RUNLOG_HEAP_IS_HIDDEN
#endif
#endif
#if !defined(RUNLOG_HEAP_IS_HIDDEN) && !defined(__SANITIZE_ADDRESS__)
namespace {

bool is_in_heap(std::string_view piece) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (!line.ends_with("[heap]")) continue;
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> begin >> dash >> end;
    const std::string_view heap(reinterpret_cast<const char*>(begin), end - begin);
    if (heap.find(piece) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("what was read leaves nothing in freed memory, also when the text is cut or wrong") {
  std::mt19937 random(7);
  char secret[400];  // on the stack
  for (char& c : secret) c = static_cast<char>('a' + random() % 26);
  for (const std::size_t secret_bytes : {std::size_t{40}, sizeof secret}) {
    for (const char* rest : {"\"}", "\",\"b\":[\"", "\\n", "", "\\x", "\xFF", "\"}}"}) {
      INFO(secret_bytes << " bytes, then " << rest);
      const auto is_there = [&] {
        for (std::size_t at = 0; at + 8 <= secret_bytes; at += 8) {
          if (is_in_heap({secret + at, 8})) return true;
        }
        return false;
      };
      std::string json;
      json.reserve(1000);
      json.append("{\"a\":\"").append(secret, secret_bytes).append(rest);
      CHECK(is_there());
      (void)JsonText::parse(json, "text", kBytes_max);
      cleanse(json);
      CHECK_FALSE(is_there());
    }
  }
}
#endif
