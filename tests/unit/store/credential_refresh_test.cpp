#include "store/credentials/credential_chain.hpp"
#include "support/catch.hpp"

using namespace runlog;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

// A place that gives keys of one hour, or fails, at a time the test sets.
struct Fixture {
  WallClock::time_point now = WallClock::time_point(hours(24 * 365 * 50));
  int fetches = 0;
  bool fails = false;
  Expiry expires = {};
  Refreshing<AccessKey> source{[this]() -> Result<AccessKey> {
                                 ++fetches;
                                 if (fails)
                                   return Error{Errc::unavailable, 0, "the endpoint is down"};
                                 return AccessKey{.id = "key" + std::to_string(fetches),
                                                  .expires = expires};
                               },
                               [this] { return now; }};

  std::string get(bool refused = false) {
    auto key = source.get(refused);
    return key ? key->id : key.error().message;
  }
};

}  // namespace

TEST_CASE("credentials without an end are fetched once", "[credentials]") {
  Fixture f;
  CHECK(f.get() == "key1");
  f.now += hours(1000);
  CHECK(f.get() == "key1");
  CHECK(f.fetches == 1);
}

TEST_CASE("credentials are refreshed about five minutes before they expire", "[credentials]") {
  Fixture f;
  f.expires = f.now + hours(1);
  CHECK(f.get() == "key1");
  f.now = *f.expires - minutes(6) - seconds(1);
  CHECK(f.get() == "key1");
  f.now = *f.expires - minutes(5);
  CHECK(f.get() == "key2");
}

TEST_CASE("while a refresh fails the old credentials are used until they expire", "[credentials]") {
  Fixture f;
  const auto end = f.now + hours(1);
  f.expires = end;
  CHECK(f.get() == "key1");
  f.fails = true;
  f.now = end - minutes(4);
  CHECK(f.get() == "key1");
  f.now = end - seconds(1);
  CHECK(f.get() == "key1");
  f.now = end + seconds(120);
  CHECK(f.get() == "the endpoint is down");
  f.fails = false;
  f.now += minutes(2);
  f.expires = f.now + hours(1);
  CHECK(f.get().starts_with("key"));
}

TEST_CASE("an endpoint that is down is asked ever more rarely, and at least each minute",
          "[credentials]") {
  Fixture f;
  f.fails = true;
  for (int second = 0; second < 600; ++second, f.now += seconds(1)) {
    CHECK(f.get() == "the endpoint is down");
  }
  // At 0, 1, 3, 7, 15, 31 and 63 s, then each 60 s: 123, … 543.
  CHECK(f.fetches == 15);
  f.fails = false;
  f.now += seconds(60);
  CHECK(f.get() == "key16");
}

TEST_CASE("refused credentials are fetched anew at once, but not again and again",
          "[credentials]") {
  Fixture f;
  CHECK(f.get() == "key1");
  f.now += seconds(30);
  CHECK(f.get(true) == "key2");
  CHECK(f.get(true) == "key2");
  f.now += seconds(4);
  CHECK(f.get(true) == "key2");
  f.now += seconds(1);
  CHECK(f.get(true) == "key3");
}

TEST_CASE("refused credentials with no others at hand give the reason why", "[credentials]") {
  Fixture f;
  f.expires = f.now + hours(1);
  CHECK(f.get() == "key1");
  f.now += minutes(1);
  f.fails = true;
  CHECK(f.get(true) == "the endpoint is down");
  CHECK(f.get() == "key1");
}

TEST_CASE("a clock that is wrong or set back neither stops nor storms the endpoint",
          "[credentials]") {
  Fixture f;
  SECTION("credentials look expired on arrival: used, and asked for again each minute") {
    f.expires = f.now - hours(5);
    CHECK(f.get() == "key1");
    f.now += seconds(59);
    CHECK(f.get() == "key1");
    f.now += seconds(1);
    CHECK(f.get() == "key2");
  }
  SECTION("set back while an endpoint is down: the wait does not grow by it") {
    f.fails = true;
    (void)f.get();
    f.now -= hours(3);
    f.fails = false;
    CHECK(f.get() == "key2");
  }
}

TEST_CASE("the first place that has something decides, broken or not", "[credentials]") {
  const auto none = [] { return Result<AccessKey>(Error{Errc::not_found, 0, "A is not set"}); };
  const auto broken = [] {
    return Result<AccessKey>(Error{Errc::invalid_argument, 0, "B is broken"});
  };
  const auto good = [] { return Result<AccessKey>(AccessKey{.id = "C"}); };
  auto first = ask_in_order<AccessKey>({none, good, broken}, "keys", "set A");
  REQUIRE(first);
  CHECK(first->id == "C");
  CHECK(ask_in_order<AccessKey>({none, broken, good}, "keys", "set A").error().message ==
        "B is broken");
  const auto all_none = ask_in_order<AccessKey>({none, none}, "keys", "set A");
  CHECK(all_none.error().code == Errc::not_found);
  CHECK(all_none.error().message == "no keys: A is not set, A is not set; set A");
}
