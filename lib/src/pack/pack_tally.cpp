#include "pack/pack_tally.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace runlog::format {

void PackTally::add_fact(const Record& record) {
  if (is_too_large_ || !is_fact(record.kind)) return;
  Fact fact{.kind = record.kind,
            .name = std::string(record.name),
            .value = record.value,
            .int_value = record.int_value,
            .time_ns = rows_ - 1};  // its row, until the row group is complete
  if (record.text) fact.text = *record.text;
  summary_.facts.add(std::move(fact));
  if (summary_.facts.line_bytes() > kSummary_bytes_max) give_up();
}

// min and max: a NaN is neither below nor above anything, so it changes nothing. As the compiler
// does them they are one instruction each. Values of one series that come together are looked at
// together: through memory each would wait for the one before it.
template <typename ValueAt>
void PackTally::count_numbers(std::span<const std::uint32_t> entries, std::uint32_t row,
                              Which which, Tally* tallies, ValueAt&& value_at) {
  for (std::size_t i = 0; i < entries.size();) {
    const std::uint32_t entry = entries[i];
    Tally& tally = tallies[entry];
    const std::size_t begin = i;
    double min = tally.min, max = tally.max;
    do {
      const double value = value_at(i);
      min = value < min ? value : min;
      max = max < value ? value : max;
    } while (++i < entries.size() && entries[i] == entry);
    tally.min = min;
    tally.max = max;
    tally.records += static_cast<std::uint32_t>(i - begin);
    if (tally.first_number == 0) tally.first_number = row + static_cast<std::uint32_t>(begin) + 1;
    tally.last[which] = row + static_cast<std::uint32_t>(i);
  }
}

void PackTally::count_rows(std::size_t index, const Columns& columns) {
  const Run& run = runs_[index];
  const Shape& shape = run.shape;
  if (!is_series(shape.kind)) return;
  const auto kind = static_cast<std::size_t>(shape.kind);
  std::vector<Tally>& tallies = tallies_[kind < kKind_count ? kind : 0];
  if (tallies.empty()) tallies.resize(columns.names.entry_count());
  const std::size_t rows = end_of(index) - run.begin;
  const auto entries = columns.names.entries().subspan(run.begin, rows);
  const Which which = shape.has_step ? kBoth : kOnly_number;
  if (shape.kind == Kind::metric && shape.has_value) {
    const auto values = columns.values.values().subspan(run.value_begin, rows);
    count_numbers(entries, run.begin, which, tallies.data(),
                  [&](std::size_t i) { return std::bit_cast<double>(values[i]); });
  } else if (shape.kind == Kind::metric && shape.has_int_value) {
    const auto values = columns.int_values.values().subspan(run.int_value_begin, rows);
    count_numbers(entries, run.begin, which, tallies.data(),
                  [&](std::size_t i) { return static_cast<double>(values[i]); });
  } else {
    std::uint32_t row = run.begin;
    for (const std::uint32_t entry : entries) {
      ++row;
      ++tallies[entry].records;
      if (shape.has_step) tallies[entry].last[kOnly_step] = row;
    }
  }
}

const PackTally::Run& PackTally::run_of(std::uint32_t row) const {
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), row,
                       [](std::uint32_t wanted, const Run& run) { return wanted < run.begin; });
  return *(after - 1);
}

double PackTally::number_at(std::uint32_t row, const Columns& columns) const {
  const Run& run = run_of(row);
  const std::uint32_t behind = row - run.begin;
  if (run.shape.has_value) {
    return std::bit_cast<double>(columns.values.values()[run.value_begin + behind]);
  }
  return static_cast<double>(columns.int_values.values()[run.int_value_begin + behind]);
}

// Times rise, but for a clock that was set back and for threads that share a lane.
void PackTally::find_turns(const NumberColumn& column) {
  const std::span<const std::int64_t> times = column.values();
  turns_.clear();
  if (times.front() >= reached_ns_ && column.is_rising()) {
    reached_ns_ = times.back();
    return;
  }
  turns_.reserve(times.size());
  for (const std::int64_t time_ns : times) {
    reached_ns_ = std::max(reached_ns_, time_ns);
    turns_.push_back(reached_ns_);
  }
}

std::int64_t PackTally::turn_at(std::uint32_t row, const Columns& columns) const {
  return turns_.empty() ? columns.times.values()[row] : turns_[row];
}

void PackTally::take_series(Kind kind, std::string_view name, const Tally& tally,
                            const Columns& columns) {
  SeriesSummary series{.kind = kind, .name = std::string(name), .records = tally.records};
  if (const auto row = std::max(tally.last[kOnly_step], tally.last[kBoth]); row > 0) {
    const Run& run = run_of(row - 1);
    series.last_step = {.step = columns.steps.values()[run.step_begin + (row - 1 - run.begin)],
                        .time_ns = turn_at(row - 1, columns)};
  }
  if (const auto row = std::max(tally.last[kOnly_number], tally.last[kBoth]); row > 0) {
    auto& numbers = series.numbers.emplace();
    numbers.first = number_at(tally.first_number - 1, columns);
    numbers.first_time_ns = turn_at(tally.first_number - 1, columns);
    numbers.last = number_at(row - 1, columns);
    numbers.last_time_ns = turn_at(row - 1, columns);
    if (tally.min <= tally.max) {  // else there were only NaN
      numbers.min = tally.min;
      numbers.max = tally.max;
    }
  }
  const std::size_t before = summary_.series.size();
  summary_.merge(series);
  if (summary_.series.size() > before) series_bytes_ += kSummary_line_bytes_min + name.size();
}

void PackTally::end_group(const Columns& columns) {
  if (is_too_large_) {
    runs_.clear();
    rows_ = 0;
    return;
  }
  find_turns(columns.times);
  summary_.facts.settle_times(
      [&](std::int64_t row) { return turn_at(static_cast<std::uint32_t>(row), columns); });
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    if (i > 0) {
      const Run& last = runs_[i - 1];
      const std::uint32_t rows = runs_[i].begin - last.begin;
      runs_[i].step_begin = last.step_begin + (last.shape.has_step ? rows : 0);
      runs_[i].value_begin = last.value_begin + (last.shape.has_value ? rows : 0);
      runs_[i].int_value_begin = last.int_value_begin + (last.shape.has_int_value ? rows : 0);
    }
    count_rows(i, columns);
  }
  for (std::size_t kind = 0; kind < kKind_count; ++kind) {
    for (std::uint32_t entry = 0; entry < tallies_[kind].size(); ++entry) {
      const Tally& tally = tallies_[kind][entry];
      if (tally.records == 0) continue;
      take_series(static_cast<Kind>(kind), columns.names.entry(entry), tally, columns);
      if (series_bytes_ > kSummary_bytes_max) return give_up();
    }
    tallies_[kind].clear();
  }
  runs_.clear();
  rows_ = 0;
}

void PackTally::give_up() {
  is_too_large_ = true;
  summary_ = {};
  for (auto& tallies : tallies_) std::vector<Tally>().swap(tallies);
  std::vector<Run>().swap(runs_);
  std::vector<std::int64_t>().swap(turns_);
  rows_ = 0;
}

std::optional<std::string> PackTally::text(std::uint64_t pack_bytes) const {
  if (is_too_large_) return {};
  std::string text = encode_summary(summary_);
  const std::uint64_t bytes_max =
      std::min<std::uint64_t>(kSummary_bytes_max, kSummary_bytes_free + pack_bytes / 8);
  if (text.size() > bytes_max) return {};
  return text;
}

}  // namespace runlog::format
