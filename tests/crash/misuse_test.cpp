// value() of a failed result, and error() of a good one: a line that says why, and the end.
#include <signal.h>

#include "support/catch.hpp"
#include "support/process.hpp"

TEST_CASE("value() of a failed result says why on stderr and aborts, in every build") {
  for (const char* how : {"value", "star", "arrow", "move"}) {
    INFO(how);
    const auto [exit, output] = test::run_command({test::victim("misuse"), how});
    CHECK(exit.signal == SIGABRT);
    CHECK(output == "runlog: value() of a failed result: store s4://x: no scheme of that name\n");
  }
}

TEST_CASE("error() of a result that has not failed says so and aborts, in every build") {
  for (const char* how : {"error", "void_error"}) {
    INFO(how);
    const auto [exit, output] = test::run_command({test::victim("misuse"), how});
    CHECK(exit.signal == SIGABRT);
    CHECK(output == "runlog: error() of a result that has not failed\n");
  }
}
