#include "base/json_text.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "base/utf8.hpp"
#include "support/catch.hpp"

using nlohmann::json;

namespace {

std::string as_json(std::string_view text) {
  std::string out;
  runlog::append_json_string(out, text);
  return out;
}

std::string number(double value) {
  std::string out;
  runlog::append_json_number(out, value);
  return out;
}

}  // namespace

TEST_CASE("strings are escaped as JSON asks") {
  CHECK(as_json("") == R"("")");
  CHECK(as_json("a/b") == R"("a/b")");
  CHECK(as_json("\"\\\n\r\t") == R"("\"\\\n\r\t")");
  CHECK(as_json(std::string_view("\0\x1F\x7F", 3)) == R"("\u0000\u001f\u007f")");
  CHECK(as_json("\xE2\x82\xAC") == "\"\xE2\x82\xAC\"");
  CHECK(as_json("a\xFFz") == "\"a\xEF\xBF\xBDz\"");
  CHECK(as_json("\xE2\x82") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST_CASE("any bytes become JSON that an independent parser reads back") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 40, ' ');
    for (char& c : text) c = static_cast<char>(random());
    REQUIRE(json::parse(as_json(text)).get<std::string>() == runlog::mend_utf8(text));
  }
}

TEST_CASE("numbers read back as the same double") {
  CHECK(number(0.1) == "0.1");
  CHECK(number(1) == "1");
  CHECK(number(-0.0) == "-0");
  CHECK(number(1e300) == "1e+300");
  CHECK(number(std::numeric_limits<double>::denorm_min()) == "5e-324");
  std::mt19937_64 random(2);
  for (int round = 0; round < 5000; ++round) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    REQUIRE(json::parse(number(value)).get<double>() == value);
  }
}

TEST_CASE("NaN and the infinities, which JSON lacks, are strings") {
  CHECK(number(std::nan("")) == "\"NaN\"");
  CHECK(number(-std::nan("")) == "\"NaN\"");
  CHECK(number(std::numeric_limits<double>::infinity()) == "\"Infinity\"");
  CHECK(number(-std::numeric_limits<double>::infinity()) == "\"-Infinity\"");
}

TEST_CASE("integers are whole, to both ends") {
  std::string out;
  runlog::append_json_number(out, std::numeric_limits<std::int64_t>::min());
  out += ' ';
  runlog::append_json_number(out, std::numeric_limits<std::int64_t>::max());
  CHECK(out == "-9223372036854775808 9223372036854775807");
}

TEST_CASE("an object is built key by key") {
  std::string out;
  runlog::JsonObject(out)
      .add("text", "a\"b")
      .add("whole", std::int64_t{-7})
      .add_real("real", 0.5)
      .add_bool("yes", true)
      .add_bool("no", false)
      .end();
  CHECK(out == R"({"text":"a\"b","whole":-7,"real":0.5,"yes":true,"no":false})");
  std::string empty;
  runlog::JsonObject(empty).end();
  CHECK(empty == "{}");
}
