#include "json.hpp"

#include <nlohmann/json.hpp>

#include "cli/journal_fields.hpp"
#include "cli/text.hpp"

namespace runlog::tools {
namespace {

using Json = nlohmann::ordered_json;

// Paths may hold any bytes; what is not UTF-8 becomes U+FFFD.
std::string line(const Json& object, bool for_terminal) {
  std::string text = object.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (!for_terminal) return text;
  std::string out;
  append_visible(out, text, true);
  return out;
}

}  // namespace

std::string journal_json(const JournalInfo& info, bool with_counts, bool for_terminal) {
  Json object;
  visit_fields(info, with_counts, [&](const char* key, const auto& value) { object[key] = value; });
  return line(object, for_terminal);
}

std::string finding_json(const Finding& finding, bool for_terminal) {
  Json object;
  object["what"] = finding.what;
  if (!finding.path.empty()) object["path"] = finding.path;
  if (!finding.run.empty()) object["run"] = finding.run;
  if (!finding.name.empty()) object["name"] = finding.name;
  if (finding.what == "damage") {
    object["begin"] = finding.damage.begin;
    object["end"] = finding.damage.end;
    object["exact"] = finding.damage.exact;
  }
  if (finding.what == "damage" || finding.what == "dropped") object["records"] = finding.records;
  object["message"] = finding.message;
  return line(object, for_terminal);
}

std::string cleaned_json(const CleanedFile& file, bool for_terminal) {
  Json object;
  object["path"] = file.path.native();
  object["bytes"] = file.bytes;
  object["removed"] = file.removed;
  if (!file.why_kept.empty()) object["why_kept"] = file.why_kept;
  return line(object, for_terminal);
}

const char* verdict_text(PulledObject::Verdict verdict) {
  switch (verdict) {
    case PulledObject::Verdict::copied:
      return "copied";
    case PulledObject::Verdict::present:
      return "present";
    case PulledObject::Verdict::damaged:
      return "damaged";
    case PulledObject::Verdict::failed:
      break;
  }
  return "failed";
}

std::string pulled_json(const PulledObject& object, bool for_terminal) {
  Json json;
  json["name"] = object.name;
  json["bytes"] = object.bytes;
  json["verdict"] = verdict_text(object.verdict);
  if (object.replaced) json["replaced"] = true;
  if (!object.message.empty()) json["message"] = object.message;
  return line(json, for_terminal);
}

std::string check_json(const StoreCheck& check, bool for_terminal) {
  Json json;
  json["check"] = check.check;
  json["verdict"] = std::string(verdict_name(check.verdict));
  json["detail"] = check.detail;
  if (!check.remedy.empty()) json["remedy"] = check.remedy;
  return line(json, for_terminal);
}

}  // namespace runlog::tools
