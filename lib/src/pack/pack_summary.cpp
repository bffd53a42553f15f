#include "pack/pack_summary.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "pack/pack_text.hpp"

namespace runlog {
namespace {

double lower(double a, double b) {
  return std::isnan(a) ? b : b < a ? b : a;
}
double higher(double a, double b) {
  return std::isnan(a) ? b : a < b ? b : a;
}

}  // namespace

void merge(SeriesSummary& series, const SeriesSummary& more) {
  series.records += more.records;
  if (more.last_step &&
      (!series.last_step || more.last_step->time_ns >= series.last_step->time_ns)) {
    series.last_step = more.last_step;
  }
  if (!more.numbers) return;
  if (!series.numbers) {
    series.numbers = more.numbers;
    return;
  }
  const SeriesNumbers& from = *more.numbers;
  SeriesNumbers& to = *series.numbers;
  if (from.first_time_ns < to.first_time_ns) {
    to.first = from.first;
    to.first_time_ns = from.first_time_ns;
  }
  if (from.last_time_ns >= to.last_time_ns) {
    to.last = from.last;
    to.last_time_ns = from.last_time_ns;
  }
  to.min = lower(to.min, from.min);
  to.max = higher(to.max, from.max);
}

namespace format {
namespace {

constexpr std::string_view kSeries_word = "series";
constexpr std::string_view kFact_word = "fact";

// Tags and their removals speak of the same thing.
std::string family_and_name(const Fact& fact) {
  const Kind family = fact.kind == Kind::tag_removed ? Kind::tag : fact.kind;
  return static_cast<char>(family) + fact.name;
}

std::size_t line_bytes_of(const Fact& fact) {
  return kSummary_line_bytes_min + fact.name.size() + (fact.text ? fact.text->size() : 0);
}

// ":123", or ":" alone where there is no number. Doubles are the shortest digits that read back to
// the same bits (of a NaN, to a NaN of the same sign).
template <typename T>
void put(std::string& text, T number) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  (void)error;  // the longest double takes 24
  text += ':';
  text.append(digits, end);
}
template <typename T>
void put(std::string& text, const std::optional<T>& number) {
  if (number) return put(text, *number);
  text += ':';
}

void put_text(std::string& text, std::string_view bytes) {
  text += ':';
  append_escaped(text, bytes);
}

void put_series(std::string& text, const SeriesSummary& series) {
  text += kSeries_word;
  put_text(text, kind_name(series.kind));
  put_text(text, series.name);
  put(text, series.records);
  if (series.last_step) {
    put(text, series.last_step->step);
    put(text, series.last_step->time_ns);
  } else {
    text += "::";
  }
  if (series.numbers) {
    put(text, series.numbers->first);
    put(text, series.numbers->first_time_ns);
    put(text, series.numbers->last);
    put(text, series.numbers->last_time_ns);
    put(text, series.numbers->min);
    put(text, series.numbers->max);
  } else {
    text += "::::::";
  }
  text += '\n';
}

void put_fact(std::string& text, const Fact& fact) {
  text += kFact_word;
  put_text(text, kind_name(fact.kind));
  put_text(text, fact.name);
  put(text, fact.time_ns);
  put(text, fact.value);
  put(text, fact.int_value);
  text += ':';
  if (fact.text) {  // the mark tells an absent text from an empty one
    text += '=';
    append_escaped(text, *fact.text);
  }
  text += '\n';
}

// The fields of one line. Once one is missing or is not what was asked for, is_good stays false.
struct Fields {
  std::string_view rest;
  bool is_good = true;

  std::string_view next() {
    is_good = is_good && !rest.empty() && rest.front() == ':';
    if (!is_good) return {};
    rest.remove_prefix(1);
    const std::string_view field = rest.substr(0, rest.find(':'));
    rest.remove_prefix(field.size());
    return field;
  }
  template <typename T>
  void number_of(std::string_view field, T& value) {
    is_good = is_good && parse_number(field, value);
  }
  template <typename T>
  void number(T& value) {
    number_of(next(), value);
  }
  template <typename T>
  void number(std::optional<T>& value) {
    const std::string_view field = next();
    if (!field.empty()) number_of(field, value.emplace());
  }
  void text_of(std::string_view field, std::string& value) {
    is_good = is_good && unescape(field, value);
  }
  void text(std::string& value) { text_of(next(), value); }
  // Whether the next `count` fields are there; if not, they are passed over.
  bool has(std::size_t count) {
    if (!rest.starts_with("::")) return true;
    for (; count > 0; --count) is_good = next().empty() && is_good;
    return false;
  }
  [[nodiscard]] bool is_done() const { return is_good && rest.empty(); }
};

bool parse_series(Fields& fields, SeriesSummary& series) {
  const std::string_view kind = fields.next();
  series.kind = kind_from_name(kind);
  const bool is_known = kind == kind_name(series.kind);
  fields.text(series.name);
  fields.number(series.records);
  if (fields.has(2)) {
    auto& step = series.last_step.emplace();
    fields.number(step.step);
    fields.number(step.time_ns);
  }
  if (fields.has(6)) {
    auto& numbers = series.numbers.emplace();
    fields.number(numbers.first);
    fields.number(numbers.first_time_ns);
    fields.number(numbers.last);
    fields.number(numbers.last_time_ns);
    fields.number(numbers.min);
    fields.number(numbers.max);
  }
  // What the rows cannot add up to, or may add up to otherwise with a later version, is not taken.
  const bool is_of_rows =
      series.records > 0 && (!series.numbers || series.kind == Kind::metric) && is_known;
  return fields.is_done() && is_series(series.kind) && is_of_rows;
}

bool parse_fact(Fields& fields, Fact& fact) {
  fact.kind = kind_from_name(fields.next());
  fields.text(fact.name);
  fields.number(fact.time_ns);
  fields.number(fact.value);
  fields.number(fact.int_value);
  const std::string_view text = fields.next();
  if (text.starts_with('=')) {
    fields.text_of(text.substr(1), fact.text.emplace());
  } else if (!text.empty()) {
    return false;
  }
  return fields.is_done() && is_fact(fact.kind);
}

}  // namespace

void FactList::add(Fact fact) {
  const bool is_alone =
      fact.kind == Kind::file || fact.kind == Kind::child || fact.kind == Kind::status;
  if (!is_alone) {
    const auto [at, is_new] = current_.try_emplace(family_and_name(fact), next_);
    if (!is_new) {
      if (fact.kind == Kind::property) return;
      const auto old = facts_.find(at->second);
      line_bytes_ -= line_bytes_of(old->second);
      facts_.erase(old);
      at->second = next_;
    }
  }
  line_bytes_ += line_bytes_of(fact);
  facts_.emplace_hint(facts_.end(), next_++, std::move(fact));
}

void PackSummary::merge(const SeriesSummary& more) {
  const auto [at, is_new] = series.try_emplace({more.kind, more.name}, more);
  if (!is_new) runlog::merge(at->second, more);
}

std::string encode_summary(const PackSummary& summary) {
  std::string text;
  for (const auto& [key, series] : summary.series) put_series(text, series);
  summary.facts.for_each([&](const Fact& fact) { put_fact(text, fact); });
  return text;
}

std::optional<PackSummary> parse_summary(std::string_view text, std::uint64_t rows) {
  if (text.size() > kSummary_bytes_max || (!text.empty() && !text.ends_with('\n'))) return {};
  if (text.empty() && rows > 0) return {};
  PackSummary summary;
  std::uint64_t rows_left = rows;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() + 1);
    const std::string_view word = line.substr(0, line.find(':'));
    Fields fields{.rest = line.substr(word.size())};
    if (word == kSeries_word) {
      SeriesSummary series;
      if (!parse_series(fields, series) || series.records > rows_left) return {};
      rows_left -= series.records;
      summary.merge(series);
    } else if (word == kFact_word) {
      Fact fact;
      if (!parse_fact(fields, fact) || rows_left == 0) return {};
      --rows_left;
      summary.facts.add(std::move(fact));
    } else {
      return {};
    }
  }
  return summary;
}

SeriesSummary& RecordSums::series_of(const Record& record) {
  SeriesSummary*& guess = guesses_.of(record.name);
  if (guess == nullptr || guess->kind != record.kind || guess->name != record.name) {
    guess = &summary_.series[{record.kind, std::string(record.name)}];
    guess->kind = record.kind;
    guess->name = record.name;
  }
  return *guess;
}

void RecordSums::add(const Record& record) {
  reached_ns_ = std::max(reached_ns_, record.time_ns);
  if (is_fact(record.kind)) {
    Fact fact{.kind = record.kind,
              .name = std::string(record.name),
              .value = record.value,
              .int_value = record.int_value,
              .time_ns = reached_ns_};
    if (record.text) fact.text = *record.text;
    return summary_.facts.add(std::move(fact));
  }
  if (!is_series(record.kind)) return;
  SeriesSummary& series = series_of(record);
  ++series.records;
  if (record.step) series.last_step = {.step = *record.step, .time_ns = reached_ns_};
  if (record.kind != Kind::metric || (!record.value && !record.int_value)) return;
  const double value = record.value ? *record.value : static_cast<double>(*record.int_value);
  if (!series.numbers) series.numbers = {.first = value, .first_time_ns = reached_ns_};
  SeriesNumbers& numbers = *series.numbers;
  numbers.last = value;
  numbers.last_time_ns = reached_ns_;
  if (std::isnan(value)) return;
  numbers.min = lower(numbers.min, value);
  numbers.max = higher(numbers.max, value);
}

}  // namespace format
}  // namespace runlog
