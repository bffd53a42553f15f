#include <nlohmann/json.hpp>

#include "cli/journal_fields.hpp"
#include "cli/text.hpp"
#include "report.hpp"

namespace runlog::recover_tool {

std::string outcome_json(const RecoverOutcome& outcome, bool for_terminal) {
  using Json = nlohmann::ordered_json;
  Json object;
  tools::visit_fields(outcome.journal, true,
                      [&](const char* key, const auto& value) { object[key] = value; });
  object["verdict"] = std::string(verdict_name(outcome.verdict));
  object["records_kept"] = outcome.records_kept;
  object["records_damaged"] = outcome.records_damaged;
  // The count of this recovery; the journal's own, from all it ever wrote, has the same meaning.
  object["records_dropped"] = outcome.records_dropped;
  object["packs_sent"] = outcome.packs_shipped;
  object["bytes_sent"] = outcome.bytes_shipped;
  Json damages = Json::array();
  for (const Damage& damage : outcome.damage) {
    damages.push_back({{"path", damage.path},
                       {"begin", damage.begin},
                       {"end", damage.end},
                       {"records", damage.records_lost},
                       {"exact", damage.exact},
                       {"why", damage.why}});
  }
  object["damage"] = std::move(damages);
  if (!outcome.message.empty()) object["message"] = outcome.message;
  // Paths may hold any bytes; what is not UTF-8 becomes U+FFFD.
  std::string text = object.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (!for_terminal) return text;
  std::string out;
  tools::append_visible(out, text, true);
  return out;
}

}  // namespace runlog::recover_tool
