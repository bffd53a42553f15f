// Promise: SIGKILL at any instant loses nothing whose call had returned. See random_kill_test.cpp;
// here the writers stage artifacts, too, whose sources are gone at once.
#include "support/catch.hpp"
#include "support/random_kills.hpp"

TEST_CASE("killed at a random instant with artifacts: their records and their content are there") {
  test::kill_at_random_instants("files");
}
