// A program that takes a Result for what it is not: misuse value|star|arrow|move|error|void_error.
// Its stderr goes to its stdout.
#undef NDEBUG
#define NDEBUG  // as in a Release build
#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>

#include "runlog/runlog.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  ::dup2(STDOUT_FILENO, STDERR_FILENO);
  const std::string how = argv[1];
  runlog::Result<std::string> failed =
      runlog::Error{runlog::Errc::invalid_argument, 0, "store s4://x: no scheme of that name"};
  const runlog::Result<std::string> good = std::string("a value");
  const runlog::Result<void> done;
  std::size_t used = 0;
  if (how == "value") used = failed.value().size();
  if (how == "star") used = (*failed).size();
  if (how == "arrow") used = failed->size();
  if (how == "move") used = std::move(failed).value().size();
  if (how == "error") used = good.error().message.size();
  if (how == "void_error") used = done.error().message.size();
  std::printf("went on with %zu\n", used);
  return 0;
}
