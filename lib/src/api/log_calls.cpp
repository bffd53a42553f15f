// What a run logs, by runlog.h: metrics, structured values and facts. Files: api/file_calls.
#include <array>
#include <bit>
#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "api/call.hpp"
#include "api/handles.hpp"

namespace runlog::api {
namespace {

static_assert(RUNLOG_LEVEL_DEBUG == static_cast<int>(Level::debug));
static_assert(RUNLOG_LEVEL_INFO == static_cast<int>(Level::info));
static_assert(RUNLOG_LEVEL_WARNING == static_cast<int>(Level::warning));
static_assert(RUNLOG_LEVEL_ERROR == static_cast<int>(Level::error));

// A runlog_number is a Number, so that handing one on costs nothing.
static_assert(sizeof(runlog_number) == sizeof(Number) && alignof(runlog_number) == alignof(Number));
static_assert(std::is_trivially_copyable_v<Number>);
static_assert(RUNLOG_REAL == static_cast<int>(Number::Type::real));
static_assert(RUNLOG_INTEGER == static_cast<int>(Number::Type::integer));
Number number_of(runlog_number value) noexcept {
  return std::bit_cast<Number>(value);
}

static_assert(sizeof(Step) <= sizeof(runlog_step) && alignof(Step) <= alignof(runlog_step));
static_assert(std::is_trivially_copyable_v<Step> && std::is_trivially_destructible_v<Step>);
Step& step_at(runlog_step* step) noexcept {
  return *std::launder(reinterpret_cast<Step*>(step->reserved));
}

At at_time(Run& run, const runlog_when* when) noexcept {
  using std::chrono::system_clock;
  return run.at(system_clock::time_point(
      std::chrono::duration_cast<system_clock::duration>(std::chrono::nanoseconds(when->time_ns))));
}

// log(target): the run, or, where the caller gives the time, its At.
template <typename Log>
void log_when(runlog_run* run, const runlog_when* when, Log log) noexcept {
  if (run == nullptr) return;
  if (has_time(when)) {
    At at = at_time(run->run, when);
    log(at);
  } else {
    log(run->run);
  }
}

// Numbers of a runlog_array. `copies` is where those are that C++ sees as another type.
struct ArrayView {
  Numbers numbers = {};
  std::vector<Number> copies = {};
};

template <typename T>
Numbers numbers_of(const runlog_array& array) noexcept {
  return std::span<const T>(static_cast<const T*>(array.data), array.count);
}

Result<void> see(const runlog_array* array, ArrayView& view) {
  if (array == nullptr || (array->data == nullptr && array->count > 0)) {
    return invalid("there is no array");
  }
  switch (array->element) {
    case RUNLOG_F64:
      view.numbers = numbers_of<double>(*array);
      return {};
    case RUNLOG_F32:
      view.numbers = numbers_of<float>(*array);
      return {};
    case RUNLOG_I64:
      view.numbers = numbers_of<std::int64_t>(*array);
      return {};
    case RUNLOG_I32:
      view.numbers = numbers_of<std::int32_t>(*array);
      return {};
    case RUNLOG_I16:
      view.numbers = numbers_of<std::int16_t>(*array);
      return {};
    case RUNLOG_I8:
      view.numbers = numbers_of<std::int8_t>(*array);
      return {};
    case RUNLOG_U64:
      view.numbers = numbers_of<std::uint64_t>(*array);
      return {};
    case RUNLOG_U32:
      view.numbers = numbers_of<std::uint32_t>(*array);
      return {};
    case RUNLOG_U16:
      view.numbers = numbers_of<std::uint16_t>(*array);
      return {};
    case RUNLOG_U8:
    case RUNLOG_BOOL:  // not as bool: a byte may be any
      view.numbers = numbers_of<std::uint8_t>(*array);
      return {};
    case RUNLOG_NUMBER: {
      const auto* const given = static_cast<const runlog_number*>(array->data);
      view.copies.reserve(array->count);
      for (std::size_t i = 0; i < array->count; ++i) view.copies.push_back(number_of(given[i]));
      view.numbers = view.copies;
      return {};
    }
  }
  return Error{Errc::invalid_argument, 0,
               "element " + std::to_string(array->element) + ": must be one of runlog_element"};
}

Result<std::vector<NamedNumber>> row_of(const runlog_named_number* columns, std::size_t count) {
  if (columns == nullptr && count > 0) return invalid("there are no columns");
  std::vector<NamedNumber> row;
  row.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    row.emplace_back(view(columns[i].name), number_of(columns[i].value));
  }
  return row;
}

/// Metrics of one call that need no memory; more are logged one by one.
constexpr std::size_t kPiece = 32;

// Of a row that has a step.
template <typename LogPiece>
void log_in_pieces(std::span<const runlog_named_number> metrics, LogPiece log_piece) noexcept {
  // A Number has no default: filled below, as far as it is used.
  alignas(NamedNumber) std::array<std::byte, kPiece * sizeof(NamedNumber)> memory;
  auto* const piece = reinterpret_cast<NamedNumber*>(memory.data());
  static_assert(std::is_trivially_destructible_v<NamedNumber>);
  while (!metrics.empty()) {
    const std::size_t count = std::min(kPiece, metrics.size());
    for (std::size_t i = 0; i < count; ++i) {
      new (piece + i) NamedNumber(view(metrics[i].name), number_of(metrics[i].value));
    }
    log_piece(std::span<const NamedNumber>(piece, count));
    metrics = metrics.subspan(count);
  }
}

}  // namespace
}  // namespace runlog::api

using namespace runlog;
using namespace runlog::api;

void runlog_run_log(runlog_run* run, const char* name, size_t name_bytes, runlog_number value) {
  if (run != nullptr) run->run.log(view(name, name_bytes), number_of(value));
}

void runlog_run_log_step(runlog_run* run, const char* name, size_t name_bytes, runlog_number value,
                         int64_t step) {
  if (run != nullptr) run->run.log(view(name, name_bytes), number_of(value), step);
}

void runlog_run_log_when(runlog_run* run, const char* name, size_t name_bytes, runlog_number value,
                         const runlog_when* when) {
  log_when(run, when, [&](auto& target) {
    if (const auto step = step_of(when)) {
      target.log(view(name, name_bytes), number_of(value), *step);
    } else {
      target.log(view(name, name_bytes), number_of(value));
    }
  });
}

void runlog_run_log_metrics(runlog_run* run, const runlog_named_number* metrics,
                            size_t metrics_count, const runlog_when* when) {
  if (run == nullptr || metrics == nullptr) return;
  const std::span all(metrics, metrics_count);
  const auto step = step_of(when);
  if (!step) {
    log_when(run, when, [&](auto& target) {
      for (const auto& one : all) target.log(view(one.name), number_of(one.value));
    });
  } else if (has_time(when)) {
    At at = at_time(run->run, when);
    log_in_pieces(all, [&](auto piece) { at.log(*step, piece); });
  } else if (all.size() <= kPiece) {
    log_in_pieces(all, [&](auto piece) { run->run.log(*step, piece); });
  } else {
    Step now = run->run.step(*step);  // one time for all of them
    for (const auto& one : all) now.log(view(one.name), number_of(one.value));
  }
}

runlog_metric* runlog_metric_create(runlog_run* run, const char* name, size_t name_bytes) {
  if (run == nullptr) return nullptr;
  runlog_metric* metric = nullptr;
  guarded_new(&metric, [&]() -> Result<std::unique_ptr<runlog_metric>> {
    return std::unique_ptr<runlog_metric>(
        new runlog_metric{run->run.metric(view(name, name_bytes))});
  });
  return metric;
}

void runlog_metric_release(runlog_metric* metric) {
  delete metric;
}

void runlog_metric_log(runlog_metric* metric, runlog_number value) {
  if (metric != nullptr) metric->metric.log(number_of(value));
}

void runlog_metric_log_step(runlog_metric* metric, runlog_number value, int64_t step) {
  if (metric != nullptr) metric->metric.log(number_of(value), step);
}

void runlog_run_log_metric_when(runlog_run* run, const runlog_metric* metric, runlog_number value,
                                const runlog_when* when) {
  if (run == nullptr || metric == nullptr) return;
  const auto step = step_of(when);
  if (has_time(when)) {
    At at = at_time(run->run, when);
    if (step) {
      at.log(metric->metric, number_of(value), *step);
    } else {
      at.log(metric->metric, number_of(value));
    }
  } else if (step) {
    run->run.step(*step).log(metric->metric, number_of(value));
  } else {
    Metric(metric->metric).log(number_of(value));
  }
}

void runlog_step_begin(runlog_step* step, runlog_run* run, int64_t number) {
  with(run, [&](Run& of) { new (step->reserved) Step(of.step(number)); });
}

void runlog_step_log(runlog_step* step, const char* name, size_t name_bytes, runlog_number value) {
  step_at(step).log(view(name, name_bytes), number_of(value));
}

void runlog_step_log_metric(runlog_step* step, const runlog_metric* metric, runlog_number value) {
  if (metric != nullptr) step_at(step).log(metric->metric, number_of(value));
}

int runlog_run_log_list(runlog_run* run, const char* name, size_t name_bytes,
                        const runlog_array* values, const runlog_when* when) {
  return guarded([&]() -> Result<void> {
    ArrayView seen;
    if (auto result = see(values, seen); !result) return result;
    log_when(run, when, [&](auto& target) {
      target.log_list(view(name, name_bytes), seen.numbers, step_of(when));
    });
    return {};
  });
}

int runlog_run_log_row(runlog_run* run, const char* name, size_t name_bytes,
                       const runlog_named_number* columns, size_t columns_count,
                       const runlog_when* when) {
  return guarded([&]() -> Result<void> {
    const auto row = row_of(columns, columns_count);
    if (!row) return row.error();
    log_when(run, when,
             [&](auto& target) { target.log_row(view(name, name_bytes), *row, step_of(when)); });
    return {};
  });
}

int runlog_run_log_table(runlog_run* run, const char* name, size_t name_bytes,
                         const runlog_column* columns, size_t columns_count,
                         const runlog_when* when) {
  return guarded([&]() -> Result<void> {
    if (columns == nullptr && columns_count > 0) return invalid("there are no columns");
    std::vector<ArrayView> seen(columns_count);
    std::vector<Column> table(columns_count);
    for (std::size_t i = 0; i < columns_count; ++i) {
      if (auto result = see(&columns[i].values, seen[i]); !result) return result;
      table[i] = {.name = view(columns[i].name), .values = seen[i].numbers};
    }
    log_when(run, when,
             [&](auto& target) { target.log_table(view(name, name_bytes), table, step_of(when)); });
    return {};
  });
}

int runlog_run_log_histogram(runlog_run* run, const char* name, size_t name_bytes,
                             const runlog_array* edges, const runlog_array* counts,
                             const runlog_when* when) {
  return guarded([&]() -> Result<void> {
    ArrayView seen_edges;
    ArrayView seen_counts;
    if (auto result = see(edges, seen_edges); !result) return result;
    if (auto result = see(counts, seen_counts); !result) return result;
    log_when(run, when, [&](auto& target) {
      target.log_histogram(view(name, name_bytes), seen_edges.numbers, seen_counts.numbers,
                           step_of(when));
    });
    return {};
  });
}

void runlog_run_log_json(runlog_run* run, const char* schema, size_t schema_bytes,
                         const char* document, size_t document_bytes, const runlog_when* when) {
  log_when(run, when, [&](auto& target) {
    target.log_json(view(schema, schema_bytes), view(document, document_bytes));
  });
}

void runlog_run_log_text(runlog_run* run, int level, const char* message, size_t message_bytes,
                         const runlog_when* when) {
  const bool is_level = level >= RUNLOG_LEVEL_DEBUG && level <= RUNLOG_LEVEL_ERROR;
  const Level of = is_level ? static_cast<Level>(level) : Level::info;
  log_when(run, when, [&](auto& target) { target.text(of, view(message, message_bytes)); });
}

void runlog_run_param_number(runlog_run* run, const char* name, size_t name_bytes,
                             runlog_number value) {
  if (run == nullptr) return;
  if (value.type == RUNLOG_REAL) {
    run->run.param(view(name, name_bytes), value.value.real);
  } else {
    run->run.param(view(name, name_bytes), value.value.integer);
  }
}

void runlog_run_param_unsigned(runlog_run* run, const char* name, size_t name_bytes,
                               uint64_t value) {
  if (run != nullptr) run->run.param(view(name, name_bytes), value);
}

void runlog_run_param_text(runlog_run* run, const char* name, size_t name_bytes, const char* text,
                           size_t text_bytes) {
  if (run != nullptr) run->run.param(view(name, name_bytes), view(text, text_bytes));
}

void runlog_run_tag(runlog_run* run, const char* name, size_t name_bytes, const char* text,
                    size_t text_bytes) {
  if (run != nullptr) run->run.tag(view(name, name_bytes), view(text, text_bytes));
}

void runlog_run_remove_tag(runlog_run* run, const char* name, size_t name_bytes) {
  if (run != nullptr) run->run.remove_tags({view(name, name_bytes)});
}

int runlog_run_property(runlog_run* run, const char* name, size_t name_bytes, const char* text,
                        size_t text_bytes) {
  if (run == nullptr) return 0;
  return run->run.property(view(name, name_bytes), view(text, text_bytes)) ? 1 : 0;
}

void runlog_run_rewind(runlog_run* run, int64_t step) {
  if (run != nullptr) run->run.rewind(step);
}
