// Structured values and texts, of a Run and of an At: what becomes JSON text. And the metrics of an
// At, whose time is not the clock's.
#include <algorithm>
#include <new>

#include "base/json_text.hpp"
#include "base/utf8.hpp"
#include "run/run_core.hpp"
#include "runlog/run.hpp"

namespace runlog {
namespace {

/// RunCore::event's word for the clock's time.
constexpr std::int64_t kNow = 0;

std::string_view level_name(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "info";
}

void append_number(std::string& out, Number value) {
  if (value.is_real()) {
    append_json_number(out, value.real());
  } else {
    append_json_number(out, value.integer());
  }
}

void append_array(std::string& out, const Numbers& values) {
  out += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out += ',';
    append_number(out, values[i]);
  }
  out += ']';
}

// Two columns whose names are not UTF-8 stay two.
void append_key(JsonObject& object, std::string_view column) {
  if (is_utf8(column)) {
    object.key(column);
  } else {
    object.key(mend_name(column, SIZE_MAX));
  }
}

// Builds a JSON text and logs it; out of memory is a counted drop.
template <typename Build>
void log_json_text(RunCore* core, std::int64_t time_ns, Kind kind, std::string_view name,
                   std::optional<std::int64_t> step, Build build) noexcept {
  if (core == nullptr) return;
  try {
    std::string text;
    build(text);
    core->event({.kind = kind, .time_ns = time_ns, .name = name, .step = step, .text = text});
  } catch (const std::exception&) {
    core->count_drop();
  }
}

void list(RunCore* core, std::int64_t time_ns, std::string_view name, const Numbers& values,
          std::optional<std::int64_t> step) noexcept {
  log_json_text(core, time_ns, Kind::list, name, step,
                [&](std::string& text) { append_array(text, values); });
}

void row(RunCore* core, std::int64_t time_ns, std::string_view name,
         std::span<const NamedNumber> columns, std::optional<std::int64_t> step) noexcept {
  log_json_text(core, time_ns, Kind::row, name, step, [&](std::string& text) {
    JsonObject object(text);
    for (const auto& [column, value] : columns) {
      append_key(object, column);
      append_number(text, value);
    }
    object.end();
  });
}

void table(RunCore* core, std::int64_t time_ns, std::string_view name,
           std::span<const Column> columns, std::optional<std::int64_t> step) noexcept {
  log_json_text(core, time_ns, Kind::table, name, step, [&](std::string& text) {
    JsonObject object(text);
    for (const Column& column : columns) {
      append_key(object, column.name);
      append_array(text, column.values);
    }
    object.end();
  });
}

bool is_ascending(const Numbers& edges) noexcept {
  const auto is_before = [](Number a, Number b) {
    if (!a.is_real() && !b.is_real()) return a.integer() < b.integer();
    const auto real = [](Number one) {
      return one.is_real() ? one.real() : static_cast<double>(one.integer());
    };
    return real(a) < real(b);
  };
  for (std::size_t i = 1; i < edges.size(); ++i) {
    if (is_before(edges[i], edges[i - 1])) return false;
  }
  return true;
}

void histogram(RunCore* core, std::int64_t time_ns, std::string_view name, const Numbers& edges,
               const Numbers& counts, std::optional<std::int64_t> step) noexcept {
  if (core == nullptr) return;
  if (edges.size() != counts.size() + 1 || !is_ascending(edges)) return core->count_drop();
  log_json_text(core, time_ns, Kind::histogram, name, step, [&](std::string& text) {
    text += "{\"edges\":";
    append_array(text, edges);
    text += ",\"counts\":";
    append_array(text, counts);
    text += '}';
  });
}

void json(RunCore* core, std::int64_t time_ns, std::string_view schema,
          std::string_view document) noexcept {
  if (core == nullptr) return;
  core->event({.kind = Kind::json, .time_ns = time_ns, .name = schema, .text = document});
}

void text_of(RunCore* core, std::int64_t time_ns, Level level, std::string_view message) noexcept {
  if (core == nullptr) return;
  core->event({.kind = Kind::text, .time_ns = time_ns, .name = level_name(level), .text = message});
}

// Behind the hot path, always: a time that the lane's mark does not reach needs a mark of its own.
template <typename SeriesOf>
void metric_at(RunCore* core, std::int64_t time_ns, SeriesOf series_of, Number value,
               std::optional<std::int64_t> step) noexcept {
  if (core == nullptr) return;
  Journal* const journal = core->journal();
  if (journal == nullptr) return core->count_drop();
  const Scalar scalar = make_scalar(series_of(*journal), value);
  journal->lane()->append_any({&scalar, 1}, step.has_value(), step.value_or(0), time_ns);
}

}  // namespace

void Run::log_list(std::string_view name, Numbers values,
                   std::optional<std::int64_t> step) noexcept {
  list(core_, kNow, name, values, step);
}
void Run::log_row(std::string_view name, std::span<const NamedNumber> columns,
                  std::optional<std::int64_t> step) noexcept {
  row(core_, kNow, name, columns, step);
}
void Run::log_row(std::string_view name, std::initializer_list<NamedNumber> columns,
                  std::optional<std::int64_t> step) noexcept {
  row(core_, kNow, name, std::span(columns.begin(), columns.size()), step);
}
void Run::log_table(std::string_view name, std::span<const Column> columns,
                    std::optional<std::int64_t> step) noexcept {
  table(core_, kNow, name, columns, step);
}
void Run::log_table(std::string_view name, std::initializer_list<Column> columns,
                    std::optional<std::int64_t> step) noexcept {
  table(core_, kNow, name, std::span(columns.begin(), columns.size()), step);
}
void Run::log_histogram(std::string_view name, Numbers edges, Numbers counts,
                        std::optional<std::int64_t> step) noexcept {
  histogram(core_, kNow, name, edges, counts, step);
}
void Run::log_json(std::string_view schema, std::string_view document) noexcept {
  json(core_, kNow, schema, document);
}
void Run::text(Level level, std::string_view message) noexcept {
  text_of(core_, kNow, level, message);
}

At Run::at(std::chrono::system_clock::time_point time) noexcept {
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  const std::int64_t asked = duration_cast<nanoseconds>(time.time_since_epoch()).count();
  const std::int64_t given = std::clamp<std::int64_t>(asked, kNow + 1, realtime_ns());
  if (given != asked && core_ != nullptr) core_->count_mended_time();
  return {core_, given};
}

void At::log(std::string_view name, Number value) noexcept {
  const auto series = [&](Journal& journal) { return core_->series(journal, name); };
  metric_at(core_, time_ns_, series, value, {});
}
void At::log(std::string_view name, Number value, std::int64_t step) noexcept {
  const auto series = [&](Journal& journal) { return core_->series(journal, name); };
  metric_at(core_, time_ns_, series, value, step);
}
void At::log(const Metric& metric, Number value) noexcept {
  if (metric.core_.get() == core_) {
    metric_at(core_, time_ns_, [&](Journal&) { return metric.series_; }, value, {});
  } else if (core_ != nullptr) {
    core_->count_drop();  // as Step does
  }
}
void At::log(const Metric& metric, Number value, std::int64_t step) noexcept {
  if (metric.core_.get() == core_) {
    metric_at(
        core_, time_ns_, [&](Journal&) { return metric.series_; }, value, step);
  } else if (core_ != nullptr) {
    core_->count_drop();
  }
}
void At::log(std::int64_t step, std::initializer_list<NamedNumber> row) noexcept {
  log(step, std::span(row.begin(), row.size()));
}
void At::log(std::int64_t step, std::span<const NamedNumber> row) noexcept {
  if (core_ == nullptr) return;
  Journal* const journal = core_->journal();
  if (journal == nullptr) return core_->count_drop(row.size());
  append_row_any(*core_, *journal, step, time_ns_, row);
}
void At::log_list(std::string_view name, Numbers values,
                  std::optional<std::int64_t> step) noexcept {
  list(core_, time_ns_, name, values, step);
}
void At::log_row(std::string_view name, std::span<const NamedNumber> columns,
                 std::optional<std::int64_t> step) noexcept {
  row(core_, time_ns_, name, columns, step);
}
void At::log_row(std::string_view name, std::initializer_list<NamedNumber> columns,
                 std::optional<std::int64_t> step) noexcept {
  row(core_, time_ns_, name, std::span(columns.begin(), columns.size()), step);
}
void At::log_table(std::string_view name, std::span<const Column> columns,
                   std::optional<std::int64_t> step) noexcept {
  table(core_, time_ns_, name, columns, step);
}
void At::log_table(std::string_view name, std::initializer_list<Column> columns,
                   std::optional<std::int64_t> step) noexcept {
  table(core_, time_ns_, name, std::span(columns.begin(), columns.size()), step);
}
void At::log_histogram(std::string_view name, Numbers edges, Numbers counts,
                       std::optional<std::int64_t> step) noexcept {
  histogram(core_, time_ns_, name, edges, counts, step);
}
void At::log_json(std::string_view schema, std::string_view document) noexcept {
  json(core_, time_ns_, schema, document);
}
void At::text(Level level, std::string_view message) noexcept {
  text_of(core_, time_ns_, level, message);
}

}  // namespace runlog
