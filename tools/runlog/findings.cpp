#include "findings.hpp"

#include "../common/console.hpp"
#include "../common/damage_text.hpp"
#include "options.hpp"

namespace runlog::tools {
namespace {

constexpr std::size_t kWarnings_max = 10;

}  // namespace

int warn_of_damage(const std::string& path, const std::vector<Damage>& damage) {
  for (std::size_t i = 0; i < damage.size() && i < kWarnings_max; ++i) {
    say("runlog", damage_text(damage[i]));
  }
  if (damage.size() > kWarnings_max) {
    say("runlog", shown_path(path) + ": " + std::to_string(damage.size() - kWarnings_max) +
                      " more damaged places; `runlog verify` lists them all");
  }
  return damage.empty() ? exit_whole : exit_damaged;
}

}  // namespace runlog::tools
