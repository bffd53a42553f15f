#include "store/credentials/credential_text.hpp"

#include <random>

#include "platform/child_output.hpp"
#include "store/credentials/azure_connection.hpp"
#include "store/credentials/ini_file.hpp"
#include "store/credentials/netrc.hpp"
#include "store/http/encoding.hpp"
#include "support/catch.hpp"
#include "support/clean_environment.hpp"

using namespace runlog;

TEST_CASE("times of expiry are read in the forms servers give, and no others", "[credentials]") {
  const auto seconds = [](std::string_view text) {
    const auto time = parse_iso_time(text);
    return time ? WallClock::to_time_t(*time) : -1;
  };
  CHECK(seconds("2026-11-22T10:00:00Z") == 1'795'341'600);
  CHECK(seconds("2026-11-22T10:00:00.123456789Z") == 1'795'341'600);
  CHECK(seconds("2026-11-22T10:00:00+00:00") == 1'795'341'600);
  CHECK(seconds("2026-11-22T12:30:00+0230") == 1'795'341'600);
  CHECK(seconds("2026-11-22T05:00:00-05:00") == 1'795'341'600);
  for (const char* text : {"", "soon", "2026-11-22", "2026-11-22T10:00:00", "2026-02-30T10:00:00Z",
                           "2026-11-22T24:00:00Z", "2026-11-22T10:00:00Zx", "2026-11-22T10:00:00.Z",
                           "-026-11-22T10:00:00Z", "2026-11-22T10:00:00+1"}) {
    INFO(text);
    CHECK(seconds(text) == -1);
  }
}

TEST_CASE("an expiry in a far year is far, and not in the past", "[credentials]") {
  const auto last = parse_iso_time("9999-12-31T23:59:59Z");
  REQUIRE(last);
  CHECK(*last > WallClock::now() + std::chrono::hours(24 * 365));
  CHECK(parse_iso_time("0001-01-01T00:00:00Z") == WallClock::time_point());
  CHECK_FALSE(parse_http_date("Fri, 31 Dec 9999 23:59:59 GMT"));
}

TEST_CASE("a settings file costs no more than its size, and a NUL byte cuts no value short",
          "[credentials]") {
  test::CleanEnvironment environment;
  // A long key, and thousands below it: each would be kept with the long one in front.
  std::string text = "[x]\n" + std::string(500'000, 'k') + " =\n";
  for (int i = 0; text.size() < kCredential_file_bytes_max - 16; ++i) {
    text += " a" + std::to_string(i) + "=b\n";
  }
  const auto wanted = [](std::string_view) { return true; };
  const auto read = read_ini(environment.write("long", text), wanted);
  REQUIRE(read);
  CHECK(read->at("x").empty());
  const std::string nul("[x]\ncredential_process = /bin/true\0 --more\n", 42);
  const auto refused = read_ini(environment.write("nul", nul), wanted);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.ends_with("nul: line 2 has a NUL byte in it"));
  CHECK_FALSE(find_in_netrc(std::string_view("machine host login a\0b", 22), "host"));
  CHECK_FALSE(read_ini(environment.write("large", std::string(2u << 20, '\n')), wanted));
}

TEST_CASE("codes of a server are cut at what is no code", "[credentials]") {
  CHECK(clean_code("AADSTS70021: No matching token=secret") == "AADSTS70021");
  CHECK(clean_code("Expired Token") == "Expired");
  CHECK(clean_code(std::string(1000, 'x')).size() == 64);
}

TEST_CASE("any bytes may stand where credentials are looked for", "[credentials]") {
  test::CleanEnvironment environment;
  constexpr unsigned kSeed = 27;
  INFO("seed " << kSeed);
  std::mt19937 random(kSeed);
  const std::vector<std::string> pieces = {"{",        "}",
                                           "\"",       ":",
                                           ",",        "[",
                                           "]",        "\\",
                                           "\\u",      "d83d",
                                           "machine ", "login ",
                                           "default ", "password ",
                                           "macdef ",  "\n",
                                           "\n\n",     "  ",
                                           "=",        ";",
                                           "#",        "[x]",
                                           "[profile", "AccountKey=",
                                           "'",        "\xEF\xBB\xBF",
                                           "Z",        std::string(1, '\0'),
                                           "\xFF",     "a",
                                           "host",     "9",
                                           "-",        "T",
                                           "?sig="};
  std::size_t sound = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (auto count = random() % 24; count > 0; --count) text += pieces[random() % pieces.size()];
    sound += read_credential_json(text, "it").has_value();
    sound += find_in_netrc(text, "host").has_value();
    sound += split_command_line(text).has_value();
    sound += parse_azure_connection(text, "X").has_value();
    sound += parse_iso_time(text).has_value();
    if (round % 10 == 0) {
      const std::string path = environment.write("ini", text);
      sound += read_ini(path, [](std::string_view) { return true; }).has_value();
    }
  }
  CHECK(sound > 0);
}
