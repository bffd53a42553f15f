// A run by runlog.h, without what it logs: start, handles, state, end, reading back.
#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/call.hpp"
#include "api/handles.hpp"
#include "api/settings.hpp"
#include "api/views.hpp"

namespace runlog::api {
namespace {

static_assert(RUNLOG_COMMITTED == static_cast<int>(Stage::Committed));
static_assert(RUNLOG_DURABLE == static_cast<int>(Stage::Durable));
static_assert(RUNLOG_SHIPPED == static_cast<int>(Stage::Shipped));
static_assert(RUNLOG_WAIT_DONE == static_cast<int>(Wait::Done));
static_assert(RUNLOG_WAIT_TIMEOUT == static_cast<int>(Wait::Timeout));
static_assert(RUNLOG_WAIT_FAILED == static_cast<int>(Wait::Failed));
static_assert(RUNLOG_RUNNING == static_cast<int>(RunStatus::running));
static_assert(RUNLOG_COMPLETE == static_cast<int>(RunStatus::complete));
static_assert(RUNLOG_FAILED == static_cast<int>(RunStatus::failed));
static_assert(RUNLOG_CANCELLED == static_cast<int>(RunStatus::cancelled));

// Added to the time of day, more could overflow.
constexpr std::int64_t kTimeout_ms_max = std::int64_t{1000} * 3600 * 24 * 365;

std::function<void(const Error&)> on_error_of(const runlog_run_hooks& hooks) {
  if (hooks.on_error == nullptr) return {};
  return [hooks](const Error& error) {
    const runlog_error view = view_of(error);
    hooks.on_error(hooks.context, &view);
  };
}

// The points of a series, by columns.
struct Series {
  Series(std::string name_of, const std::vector<Run::Point>& points) : name(std::move(name_of)) {
    for (const Run::Point& point : points) {
      time_ns.push_back(point.time_ns);
      has_step.push_back(point.step ? 1 : 0);
      step.push_back(point.step.value_or(0));
      value.push_back(point.value);
    }
  }
  std::string name;
  std::vector<std::int64_t> time_ns = {};
  std::vector<std::uint8_t> has_step = {};
  std::vector<std::int64_t> step = {};
  std::vector<double> value = {};
};

runlog_points view_of(const Series& series) noexcept {
  return {.name = text_of(series.name),
          .count = series.value.size(),
          .time_ns = series.time_ns.data(),
          .has_step = series.has_step.data(),
          .step = series.step.data(),
          .value = series.value.data()};
}

struct OwnedPoints : runlog_points_list {
  explicit OwnedPoints(std::vector<Series> all) : runlog_points_list{}, series(std::move(all)) {
    for (const Series& one : series) views.push_back(view_of(one));
    for (const runlog_points& view : views) pointers.push_back(&view);
    items = pointers.data();
    count = pointers.size();
  }
  std::vector<Series> series;
  std::vector<runlog_points> views = {};
  std::vector<const runlog_points*> pointers = {};
};

struct OwnedTexts : runlog_text_list {
  explicit OwnedTexts(std::vector<std::string> all) : runlog_text_list{}, texts(std::move(all)) {
    for (const std::string& text : texts) views.push_back(text_of(text));
    items = views.data();
    count = views.size();
  }
  std::vector<std::string> texts;
  std::vector<runlog_text> views = {};
};

// A run that has begun and that no handle can be made for is ended by its destructor.
Result<std::unique_ptr<runlog_run>> handle_of(Result<Run> run) {
  if (!run) return std::move(run).error();
  return std::unique_ptr<runlog_run>(new runlog_run{std::move(*run)});
}

}  // namespace
}  // namespace runlog::api

using namespace runlog;
using namespace runlog::api;

int runlog_run_start(const runlog_setting* settings, size_t settings_count,
                     const runlog_run_hooks* hooks, runlog_run** run) {
  return guarded_new(run, [&]() -> Result<std::unique_ptr<runlog_run>> {
    const auto all_hooks = taken(hooks, "hooks");
    if (!all_hooks) return all_hooks.error();
    auto options = run_options(settings_of(settings, settings_count));
    if (!options) return std::move(options).error();
    options->on_error = on_error_of(*all_hooks);
    return handle_of(start_logging(std::move(*options)));
  });
}

runlog_run* runlog_run_current(void) {
  runlog_run* handle = nullptr;
  Run run = Run::current();
  if (!run) return nullptr;
  guarded_new(&handle, [&] { return handle_of(std::move(run)); });
  return handle;
}

int runlog_run_child(runlog_run* run, const char* name, size_t name_bytes, runlog_run** child) {
  return guarded_new(child, [&] {
    return handle_of(with(run, [&](Run& of) { return of.child_run(view(name, name_bytes)); }));
  });
}

runlog_run* runlog_run_copy(const runlog_run* run) {
  if (run == nullptr) return nullptr;
  runlog_run* handle = nullptr;
  guarded_new(&handle, [&] { return handle_of(run->run); });
  return handle;
}

void runlog_run_release(runlog_run* run) {
  delete run;
}

size_t runlog_run_id(const runlog_run* run, char* buffer, size_t buffer_bytes) {
  return with(run, [&](const Run& of) { return copy_out(of.run_id(), buffer, buffer_bytes); });
}
size_t runlog_run_session(const runlog_run* run, char* buffer, size_t buffer_bytes) {
  return with(run, [&](const Run& of) { return copy_out(of.session(), buffer, buffer_bytes); });
}
size_t runlog_run_journal_path(const runlog_run* run, char* buffer, size_t buffer_bytes) {
  return with(run, [&](const Run& of) {
    return copy_out(of.journal_path().native(), buffer, buffer_bytes);
  });
}

void runlog_run_flush(runlog_run* run) {
  if (run != nullptr) run->run.flush();
}

int runlog_run_wait_until(runlog_run* run, int stage, int64_t timeout_ms) {
  if (stage < RUNLOG_COMMITTED || stage > RUNLOG_SHIPPED) return RUNLOG_WAIT_FAILED;
  const std::chrono::milliseconds timeout(std::clamp<std::int64_t>(timeout_ms, 0, kTimeout_ms_max));
  return with(run, [&](Run& of) {
    return static_cast<int>(of.wait_until(static_cast<Stage>(stage), timeout));
  });
}

int runlog_run_status(const runlog_run* run) {
  return with(run, [](const Run& of) { return static_cast<int>(of.get_status()); });
}

int runlog_run_stop_requested(const runlog_run* run) {
  return run != nullptr && run->run.stop_requested() ? 1 : 0;
}

void runlog_run_stats(const runlog_run* run, runlog_stats* stats, size_t stats_bytes) {
  const Stats now = with(run, [](const Run& of) { return of.stats(); });
  const runlog_stats all{.records = now.records,
                         .dropped = now.dropped,
                         .dropped_series = now.dropped_series,
                         .records_lost = now.records_lost,
                         .spilled = now.spilled,
                         .names_mended = now.names_mended,
                         .times_mended = now.times_mended,
                         .property_conflicts = now.property_conflicts,
                         .segments_late = now.segments_late,
                         .syncs = now.syncs,
                         .segments_sealed = now.segments_sealed,
                         .packs_made = now.packs_made,
                         .packs_shipped = now.packs_shipped,
                         .bytes_shipped = now.bytes_shipped,
                         .records_shipped = now.records_shipped,
                         .ship_retries = now.ship_retries,
                         .packs_waiting = now.packs_waiting,
                         .objects_refused = now.objects_refused,
                         .disk_bytes_now = now.disk_bytes_now,
                         .lanes = now.lanes,
                         .series = now.series,
                         .sigbus_caught = now.sigbus_caught,
                         .journals_adopted = now.journals_adopted,
                         .reports_unwritten = now.reports_unwritten};
  fill(stats, stats_bytes, all);
}

size_t runlog_run_last_error(const runlog_run* run, char* buffer, size_t buffer_bytes) {
  return with(run,
              [&](const Run& of) { return copy_out(of.stats().last_error, buffer, buffer_bytes); });
}

void runlog_run_complete(runlog_run* run) {
  if (run != nullptr) run->run.complete();
}
void runlog_run_fail(runlog_run* run, const char* code, size_t code_bytes, const char* message,
                     size_t message_bytes) {
  if (run != nullptr) run->run.fail(view(code, code_bytes), view(message, message_bytes));
}
void runlog_run_cancel(runlog_run* run) {
  if (run != nullptr) run->run.cancel();
}

int runlog_run_read_metrics(const runlog_run* run, const char* name_glob, size_t name_glob_bytes,
                            runlog_points_list** points) {
  return guarded_new(points, [&]() -> Result<std::unique_ptr<OwnedPoints>> {
    const std::string_view glob =
        name_glob != nullptr ? view(name_glob, name_glob_bytes) : std::string_view("*");
    auto found = with(run, [&](const Run& of) { return of.get_metrics(glob); });
    if (!found) return std::move(found).error();
    std::vector<Series> series;
    for (auto& [name, all] : *found) series.emplace_back(std::move(name), all);
    return std::make_unique<OwnedPoints>(std::move(series));
  });
}

void runlog_points_list_release(runlog_points_list* points) {
  delete static_cast<OwnedPoints*>(points);
}

int runlog_run_read_file_names(const runlog_run* run, runlog_text_list** names) {
  return guarded_new(names, [&]() -> Result<std::unique_ptr<OwnedTexts>> {
    auto found = with(run, [](const Run& of) { return of.get_file_names(); });
    if (!found) return std::move(found).error();
    return std::make_unique<OwnedTexts>(std::move(*found));
  });
}

void runlog_text_list_release(runlog_text_list* names) {
  delete static_cast<OwnedTexts*>(names);
}
