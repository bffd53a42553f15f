// Promise: SIGKILL at any instant loses nothing whose call had returned. Real writers, 1, 2 and 4
// threads, paced and tight, are killed at random instants; each time every acknowledged record must
// be read back exactly once, in order per thread. With random_kill_files and random_kill_fork these
// are 216 kills.
#include "support/catch.hpp"
#include "support/random_kills.hpp"

TEST_CASE("killed at a random instant: every acknowledged record is read back once, in order") {
  test::kill_at_random_instants("plain");
}
