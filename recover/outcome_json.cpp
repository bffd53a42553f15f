#include <utility>
#include <vector>

#include "cli/journal_fields.hpp"
#include "cli/json_object.hpp"
#include "report.hpp"

namespace runlog::recover_tool {

std::string outcome_json(const RecoverOutcome& outcome, bool for_terminal) {
  tools::JsonObject object;
  tools::visit_fields(outcome.journal, true,
                      [&](const char* key, const auto& value) { object.set(key, value); });
  object.set("verdict", verdict_name(outcome.verdict));
  object.set("records_kept", outcome.records_kept);
  object.set("records_damaged", outcome.records_damaged);
  // The count of this recovery; the journal's own, from all it ever wrote, has the same meaning.
  object.set("records_dropped", outcome.records_dropped);
  object.set("packs_sent", outcome.packs_shipped);
  object.set("bytes_sent", outcome.bytes_shipped);
  std::vector<tools::JsonObject> damages;
  for (const Damage& damage : outcome.damage) {
    tools::JsonObject one;
    one.set("path", damage.path);
    one.set("begin", damage.begin);
    one.set("end", damage.end);
    one.set("records", damage.records_lost);
    one.set("exact", damage.exact);
    one.set("why", damage.why);
    damages.push_back(std::move(one));
  }
  object.set("damage", damages);
  if (!outcome.message.empty()) object.set("message", outcome.message);
  return object.line(for_terminal);
}

}  // namespace runlog::recover_tool
