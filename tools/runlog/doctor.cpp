// doctor: one screen that says whether runs can ship to a store, and what to do when they cannot.
#include <algorithm>
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "cli/json_object.hpp"
#include "cli/text.hpp"
#include "runlog/store.hpp"
#include "subcommand.hpp"

namespace runlog::tools {
namespace {

constexpr std::size_t kCheck_columns = 13;

struct Options {
  std::string url = {};
  bool json = false;
};

void declare(Arguments& arguments, Options& options) {
  arguments.positional("URL", options.url, "The store, as runs name it").required();
  arguments.flag("--json", options.json, "One JSON object per check and line");
  arguments.footer("Exit: 0 runs can ship there, 1 they cannot, 2 usage.");
}

std::string check_json(const StoreCheck& check, bool for_terminal) {
  JsonObject object;
  object.set("check", check.check);
  object.set("verdict", verdict_name(check.verdict));
  object.set("detail", check.detail);
  if (!check.remedy.empty()) object.set("remedy", check.remedy);
  return object.line(for_terminal);
}

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

int run(const Options& options, Output& out) {
  const std::vector<StoreCheck> checks = diagnose_store(options.url);
  for (const StoreCheck& check : checks) {
    if (options.json) {
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
  say("runlog", shown_path(options.url) +
                    (is_fit ? ": runs can ship there" : ": runs cannot ship there safely"));
  return is_fit ? exit_whole : exit_failed;
}

const Subcommand kDoctor(100, "doctor", "Say whether runs can ship to a store, and what is wrong",
                         declare, run);

}  // namespace
}  // namespace runlog::tools
