// Who does the keeper's work, and when he leaves it to another.
#include "keep/turns.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using runlog::Turn;
using runlog::Turns;

namespace {

constexpr auto kLong = 60s;

}  // namespace

TEST_CASE("the Turn is one's at a time, and who waits in vain gets none") {
  Turns turns;
  {
    Turn mine(turns, Turn::Worker::caller, Turn::Clock::now());
    CHECK(mine);
    CHECK_FALSE(Turn(turns, Turn::Worker::caller, Turn::Clock::now()));
    CHECK_FALSE(Turn(turns, Turn::Worker::keeper, Turn::Clock::now()));
  }
  CHECK(Turn(turns, Turn::Worker::keeper, Turn::Clock::now()));
}

TEST_CASE("the keeper gives its work up for a caller once, and then comes to an end") {
  Turns turns;
  std::atomic<bool> has_come = false;
  std::thread caller;
  {
    Turn keepers(turns, Turn::Worker::keeper, Turn::Clock::now());
    REQUIRE(keepers);
    CHECK_FALSE(keepers.gives_up());
    caller = std::thread([&] {
      const Turn turn(turns, Turn::Worker::caller, Turn::Clock::now() + kLong);
      has_come = static_cast<bool>(turn);
    });
    while (!keepers.gives_up()) std::this_thread::yield();
    CHECK(keepers.has_given_up());
  }
  caller.join();
  CHECK(has_come);
  {
    Turn again(turns, Turn::Worker::keeper, Turn::Clock::now());
    std::atomic<bool> is_over = false;
    std::thread hurried([&] {
      has_come = static_cast<bool>(Turn(turns, Turn::Worker::caller, Turn::Clock::now() + 20ms));
      is_over = true;
    });
    bool gives_up = false;
    while (!is_over) gives_up = again.gives_up() || gives_up;
    CHECK_FALSE(gives_up);
    hurried.join();
    CHECK_FALSE(has_come);
    again.complete_round();
  }
}

TEST_CASE("a caller works as long as it may, and nobody when work is stopped") {
  Turns turns;
  const auto now = Turn::Clock::now();
  {
    Turn timely(turns, Turn::Worker::caller, now, now + kLong);
    CHECK_FALSE(timely.gives_up());
    turns.stop_work();
    CHECK(timely.gives_up());
  }
  Turns others;
  Turn late(others, Turn::Worker::caller, now, now);
  CHECK(late.gives_up());
}

TEST_CASE("the keeper's thread sleeps while it is helped, and is told when that is over") {
  Turns turns;
  CHECK_FALSE(turns.look_in(false).is_on);
  CHECK(turns.look_in(true).is_on);
  CHECK_FALSE(turns.look_in(false).is_wanted);
  std::atomic<bool> has_come = false;
  std::thread keeper([&] {
    has_come = static_cast<bool>(Turn(turns, Turn::Worker::keeper, Turn::Clock::now() + kLong));
  });
  while (!turns.look_in(false).is_wanted) std::this_thread::yield();
  CHECK(Turn(turns, Turn::Worker::helper, Turn::Clock::now()));
  turns.end_help();
  keeper.join();
  CHECK(has_come);
  CHECK_FALSE(turns.look_in(true).is_on);
}
