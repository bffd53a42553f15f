#include "findings.hpp"

#include "cli/console.hpp"
#include "cli/damage_text.hpp"
#include "cli/exit_codes.hpp"

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

int warn_of_failures(const std::string& path, const std::vector<Error>& failures) {
  for (std::size_t i = 0; i < failures.size() && i < kWarnings_max; ++i) {
    say_error("runlog", path, failures[i]);
  }
  if (failures.size() > kWarnings_max) {
    say("runlog", shown_path(path) + ": " + std::to_string(failures.size() - kWarnings_max) +
                      " more objects could not be read");
  }
  if (failures.empty()) return exit_whole;
  say("runlog", shown_path(path) +
                    ": not everything could be read; that is no loss, it may well be there: "
                    "try again when it can be read");
  return exit_failed;
}

int warn_of_findings(const std::string& path, const std::vector<Damage>& damage,
                     const std::vector<Error>& failures) {
  const int failed = warn_of_failures(path, failures);
  const int damaged = warn_of_damage(path, damage);
  return damaged != exit_whole ? damaged : failed;
}

int warn_of_findings(const std::string& path, const Reader& reader) {
  return warn_of_findings(path, reader.damage(), reader.failures());
}

}  // namespace runlog::tools
