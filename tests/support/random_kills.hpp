// Kills real writers at random instants, and checks what they left. What the random_kill tests
// share.
#pragma once

#include <string>

namespace test {

/// Writers with 1, 2 and 4 threads, tight and paced, 12 kills each: 72 in all. `extra` as for the
/// victim `killable`. Uses Catch's assertions. Afterwards this process is a subreaper.
void kill_at_random_instants(const std::string& extra);

}  // namespace test
