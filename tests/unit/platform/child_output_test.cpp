#include "platform/child_output.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "support/catch.hpp"

using namespace runlog;

namespace {

Result<std::string> shell(const std::string& script) {
  return output_of_child({.arguments = {"sh", "-c", script},
                          .environment = {"PATH=/usr/bin:/bin", "GIVEN=yes"},
                          .search_path = "/nowhere::/usr/bin:/bin"});
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a command line is split as a shell splits it, and nothing is expanded", "[platform]") {
  CHECK(*split_command_line("a  'b c' \"d \\\" e\" f\\ g ''") ==
        Words{"a", "b c", "d \" e", "f g", ""});
  CHECK(*split_command_line("x$HOME *;|`y` \"\\n\" 'it'\\''s'") ==
        Words{"x$HOME", "*;|`y`", "\\n", "it's"});
  CHECK(split_command_line(" \t ")->empty());
  CHECK_FALSE(split_command_line("'open"));
  CHECK_FALSE(split_command_line("\"open"));
  CHECK_FALSE(split_command_line("end\\"));
}

TEST_CASE("a child has the environment, signals and descriptors it was given, no others",
          "[platform]") {
  CHECK(shell("printf %s \"$GIVEN,$HOME\"").value() == "yes,");
  // Not close-on-exec, as a user's own may be.
  const int leaky = ::dup2(STDERR_FILENO, 57);
  REQUIRE(leaky == 57);
  CHECK(shell("[ -e /proc/self/fd/57 ] && printf leaked || printf none").value() == "none");
  ::close(leaky);
  sigset_t blocked;
  sigset_t before;
  ::sigfillset(&blocked);
  ::pthread_sigmask(SIG_SETMASK, &blocked, &before);
  const auto mask = shell("grep SigBlk /proc/self/status");
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(mask.value() == "SigBlk:\t0000000000000000\n");
  CHECK(shell("cat").value().empty());
}

TEST_CASE("a child that does not end is killed with all it started", "[platform]") {
  // The grandchild would hold the pipe open for ever.
  auto output = output_of_child({.arguments = {"/bin/sh", "-c", "sleep 1000 & echo $!; wait"},
                                 .timeout = std::chrono::milliseconds(300)});
  REQUIRE_FALSE(output);
  CHECK(output.error().code == Errc::timeout);
}

TEST_CASE("no descriptor is left open after a child, however it ended", "[platform]") {
  const auto next_free = [] {
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(fd);
    return fd;
  };
  const int before = next_free();
  CHECK(shell("echo fine"));
  CHECK_FALSE(shell("exit 3"));
  CHECK_FALSE(output_of_child({.arguments = {"/no/such/program"}}));
  CHECK_FALSE(output_of_child({.arguments = {"sh"}, .search_path = "/nowhere"}));
  CHECK_FALSE(output_of_child({.arguments = {"/bin/cat", "/dev/zero"}}));
  CHECK_FALSE(output_of_child({}));
  CHECK(next_free() == before);
}
