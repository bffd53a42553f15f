#include "journal_digest.hpp"

#include <algorithm>
#include <cstdint>

#include "../common/text.hpp"
#include "records.hpp"

namespace runlog::tools {

void SeriesDigest::add(const Record& record) {
  ++count;
  if (record.step) last_step = record.step;
  if (record.kind != Kind::metric || (!record.value && !record.int_value)) return;
  const double value = record.value ? *record.value : static_cast<double>(*record.int_value);
  if (!has_number) first = value;
  has_number = true;
  last = value;
  if (!std::isnan(value)) {
    min = std::isnan(min) ? value : std::min(min, value);
    max = std::isnan(max) ? value : std::max(max, value);
  }
}

SeriesDigest& JournalDigest::series_of(const Record& record) {
  const auto address = reinterpret_cast<std::uintptr_t>(record.name.data());
  Guess& guess = guesses_[(address * 0x9E3779B97F4A7C15u) >> (64 - kGuesses_log2)];
  if (guess.series == nullptr || guess.kind != record.kind || guess.name != record.name) {
    guess.name = record.name;
    guess.kind = record.kind;
    guess.series = &series[{visible(record.name), record.kind}];
  }
  return *guess.series;
}

void JournalDigest::add(const Record& record) {
  if (record.kind == Kind::metric) return series_of(record).add(record);
  const std::string name = visible(record.name);
  std::string value;
  switch (record.kind) {
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
      file_bytes += static_cast<std::uint64_t>(record.int_value.value_or(0));
      return;
    case Kind::text:
      ++texts[name];
      return;
    case Kind::rewind:
      ++rewinds;
      return;
    case Kind::child:
      children.push_back(name);
      return;
    case Kind::status:
    case Kind::gap:
      return;  // the state and the counts tell
    default:
      break;
  }
  series_of(record).add(record);
}

}  // namespace runlog::tools
