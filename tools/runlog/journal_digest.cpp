#include "journal_digest.hpp"

#include "cli/text.hpp"
#include "records.hpp"

namespace runlog::tools {

JournalDigest::JournalDigest(const JournalSummary& journal) {
  for (const SeriesSummary& one : journal.series) add(one);
  for (const Fact& fact : journal.facts) add(fact);
}

void JournalDigest::add(const SeriesSummary& one) {
  std::string name = visible(one.name);
  if (one.kind == Kind::text) {
    texts[name] += one.records;
  } else if (one.kind == Kind::rewind) {
    rewinds += one.records;
  } else {
    const auto [at, is_new] = series.try_emplace({std::move(name), one.kind}, one);
    if (!is_new) merge(at->second, one);  // names that look alike
  }
}

void JournalDigest::add(const Fact& fact) {
  const std::string name = visible(fact.name);
  Record record{.kind = fact.kind, .value = fact.value, .int_value = fact.int_value};
  if (fact.text) record.text = *fact.text;
  std::string value;
  switch (fact.kind) {
    case Kind::param:
      append_value(value, record);
      params[name] = std::move(value);
      return;
    case Kind::tag:
      append_value(value, record);
      tags[name] = std::move(value);
      return;
    case Kind::tag_removed:
      tags.erase(name);
      return;
    case Kind::property:  // the first value is the property; conflicts are verify's
      properties.try_emplace(name, visible(record.text.value_or("")));
      return;
    case Kind::file:
      append_value(value, record);
      files.emplace_back(name, std::move(value));
      file_bytes += static_cast<std::uint64_t>(fact.int_value.value_or(0));
      return;
    case Kind::child:
      children.push_back(name);
      return;
    case Kind::status:   // how it ended, the state tells
    case Kind::unknown:  // the others are no facts
    case Kind::metric:
    case Kind::text:
    case Kind::list:
    case Kind::row:
    case Kind::table:
    case Kind::histogram:
    case Kind::image:
    case Kind::json:
    case Kind::rewind:
    case Kind::gap:
    case Kind::spill:
      return;
  }
}

}  // namespace runlog::tools
