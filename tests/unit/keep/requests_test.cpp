// Who asked the keeper for what hears of it: once it is done, or has failed, and not before.
#include "keep/requests.hpp"

#include "support/catch.hpp"

using namespace runlog;

namespace {

constexpr Requests::Clock::time_point kNow = {};  // a deadline that is past

}  // namespace

TEST_CASE("a pack is waited for until one that was begun after the request is made") {
  Requests requests;
  const auto first = requests.ask_for_pack();
  const auto asked = requests.asked();
  CHECK(asked.wants_packs);
  CHECK(asked.is_any());
  const auto second = requests.ask_for_pack();  // while the pack is being made
  CHECK(requests.wait_for_pack(first, kNow) == Wait::Timeout);
  requests.settle(asked, true, true);
  CHECK(requests.wait_for_pack(first, kNow) == Wait::Done);
  CHECK(requests.wait_for_pack(second, kNow) == Wait::Timeout);
  CHECK(requests.asked().wants_packs);
}

TEST_CASE("a pack that failed fails whoever waits for it, and is not asked for again") {
  Requests requests;
  const auto request = requests.ask_for_pack();
  requests.settle(requests.asked(), false, true);
  CHECK(requests.wait_for_pack(request, kNow) == Wait::Failed);
  CHECK_FALSE(requests.asked().is_any());
}

TEST_CASE("a round that nobody asked for does not make a failed pack of a made one") {
  Requests requests;
  const auto request = requests.ask_for_pack();
  requests.settle(requests.asked(), true, true);
  requests.settle(requests.asked(), false, true);
  CHECK(requests.wait_for_pack(request, kNow) == Wait::Done);
}

TEST_CASE("a flush is asked for until a round was not given up") {
  Requests requests;
  requests.ask_for_flush();
  requests.settle(requests.asked(), true, false);
  CHECK(requests.asked().wants_flush);
  requests.settle(requests.asked(), true, true);
  CHECK_FALSE(requests.asked().is_any());
}

TEST_CASE("the end is asked for from then on, and settled when nothing is left") {
  Requests requests;
  requests.ask_for_end({.state = RunEnd::failed, .reason = "why"});
  for (int round = 0; round < 2; ++round) {
    const auto asked = requests.asked();
    REQUIRE(asked.end);
    CHECK(asked.end->reason == "why");
    requests.settle(asked, true, true);
  }
  CHECK_FALSE(requests.is_end_settled());
  requests.settle_end();
  CHECK(requests.is_end_settled());
}

TEST_CASE("once the keeper's thread has ended, nobody waits for it") {
  Requests requests;
  const auto request = requests.ask_for_pack();
  CHECK_FALSE(requests.has_ended_within({}));
  requests.note_ended();
  CHECK(requests.has_ended_within({}));
  CHECK(requests.wait_for_pack(request, Requests::Clock::time_point::max()) == Wait::Failed);
}
