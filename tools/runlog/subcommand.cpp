#include "subcommand.hpp"

#include <algorithm>
#include <utility>

namespace runlog::tools {
namespace {

// Filled before main(), read-only after: our one global that changes, so that no table has to name
// each subcommand once more. A function's static, because other files' constants come first.
std::vector<const Subcommand*>& registry() {
  static std::vector<const Subcommand*> all;
  return all;
}

}  // namespace

Subcommand::Subcommand(int place, const char* name, const char* summary, Declare declare)
    : place_(place), name_(name), summary_(summary), declare_(std::move(declare)) {
  registry().push_back(this);
}

std::vector<const Subcommand*> all_subcommands() {
  std::vector<const Subcommand*> all = registry();
  std::sort(all.begin(), all.end(),
            [](const auto* a, const auto* b) { return a->place() < b->place(); });
  return all;
}

}  // namespace runlog::tools
