// Promise: SIGKILL at any instant loses nothing whose call had returned. See random_kill_test.cpp;
// here two children, forked while the threads log, write journals of their own and die as well.
#include "support/catch.hpp"
#include "support/random_kills.hpp"

TEST_CASE("killed at a random instant with forked children: nothing of parent or child is lost") {
  test::kill_at_random_instants("fork");
}
