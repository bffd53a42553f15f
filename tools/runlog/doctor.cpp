// doctor: one screen that says whether runs can ship to a store, and what to do when they cannot.
#include <algorithm>
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "cli/text.hpp"
#include "commands.hpp"
#include "json.hpp"
#include "runlog/store.hpp"

namespace runlog::tools {
namespace {

constexpr std::size_t kCheck_columns = 13;

std::string verdict_word(StoreCheck::Verdict verdict, bool with_color) {
  switch (verdict) {
    case StoreCheck::Verdict::good:
      return painted("ok  ", Color::green, with_color);
    case StoreCheck::Verdict::warning:
      return painted("warn", Color::yellow, with_color);
    case StoreCheck::Verdict::bad:
      return painted("BAD ", Color::red, with_color);
    case StoreCheck::Verdict::skipped:
      break;
  }
  return painted("-   ", Color::dim, with_color);
}

}  // namespace

int run(const DoctorCommand& command, Output& out) {
  const std::vector<StoreCheck> checks = diagnose_store(command.url);
  for (const StoreCheck& check : checks) {
    if (command.json) {
      out.write(check_json(check, out.is_terminal()) + "\n");
      continue;
    }
    std::string name = visible(check.check);
    name.resize(std::max(name.size(), kCheck_columns), ' ');
    out.write(verdict_word(check.verdict, out.has_color()) + "  " + name + visible(check.detail) +
              "\n");
    if (!check.remedy.empty()) out.write("      -> " + visible(check.remedy) + "\n");
  }
  out.flush();
  const bool is_fit = is_fit_for_shipping(checks);
  say("runlog", shown_path(command.url) +
                    (is_fit ? ": runs can ship there" : ": runs cannot ship there safely"));
  return is_fit ? exit_whole : exit_failed;
}

}  // namespace runlog::tools
