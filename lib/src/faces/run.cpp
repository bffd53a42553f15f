#include "runlog/run.hpp"

#include <pthread.h>

#include <array>
#include <bit>
#include <cstdio>
#include <exception>
#include <mutex>
#include <new>

#include "base/json_text.hpp"
#include "base/utf8.hpp"
#include "faces/run_core.hpp"
#include "platform/process.hpp"

namespace runlog {
namespace {

static_assert(static_cast<int>(Number::Type::real) == static_cast<int>(format::Tag::metric_real));
static_assert(static_cast<int>(Number::Type::integer) == static_cast<int>(format::Tag::metric_int));

Scalar make_scalar(std::uint32_t series, Number value) noexcept {
  const std::uint64_t bits = value.is_real() ? std::bit_cast<std::uint64_t>(value.real())
                                             : static_cast<std::uint64_t>(value.integer());
  return {bits, series, static_cast<format::Tag>(value.type())};
}

// The common case, all or nothing and without a call: so the public functions need no frame and end
// in a jump to a function that does the rest.
template <typename SeriesOf>
[[gnu::always_inline]] inline bool try_append(RunCore* core, SeriesOf&& series_of, Number value,
                                              bool has_step, const std::int64_t& step) noexcept {
  if (core == nullptr) return false;
  Journal* const journal = core->journal_at_hand();
  std::int64_t time_ns = 0;
  return journal != nullptr && journal->clock().try_now_ns(time_ns) &&
         journal->try_metric(make_scalar(series_of(*journal), value), has_step, step, time_ns);
}

// Once a block; and where a thread has no lane yet, or the run has ended.
[[gnu::noinline, gnu::hot]] void append_slowly(RunCore* core, std::uint32_t series, Number value,
                                               bool has_step, std::int64_t step) noexcept {
  if (core == nullptr) return;
  Journal* const journal = core->journal();
  if (journal == nullptr) return core->count_drop();
  journal->metric(make_scalar(series, value), has_step, step, journal->now_ns());
}

// The same for a name, and where it has to be looked up.
[[gnu::noinline, gnu::hot]] void append_named_slowly(RunCore* core, std::string_view name,
                                                     Number value, std::int64_t step) noexcept {
  if (core == nullptr) return;
  if (Journal* const journal = core->journal()) {
    append_slowly(core, core->series(*journal, name), value, true, step);
  } else {
    core->count_drop();
  }
}
[[gnu::noinline]] void append_named_slowly(RunCore* core, std::string_view name,
                                           Number value) noexcept {
  if (core == nullptr) return;
  if (Journal* const journal = core->journal()) {
    append_slowly(core, core->series(*journal, name), value, false, 0);
  } else {
    core->count_drop();
  }
}

// In a function of its own, because it needs much of the stack.
[[gnu::noinline]] void log_row_slowly(RunCore& core, Journal& journal, std::int64_t step,
                                      std::int64_t time_ns,
                                      std::span<const NamedNumber> row) noexcept {
  std::array<Scalar, kScalars_max> scalars;
  std::size_t count = 0;
  for (const auto& [name, value] : row) {
    scalars[count++] = make_scalar(core.series(journal, name), value);
    if (count == scalars.size()) {
      journal.metrics_slowly(scalars, true, step, time_ns);
      count = 0;
    }
  }
  if (count > 0) journal.metrics_slowly(std::span(scalars).first(count), true, step, time_ns);
}

}  // namespace

// Owned by the user's handles; its end is the run's end, if nobody said another one.
struct Run::Handle {
  explicit Handle(std::shared_ptr<RunCore> core_of) : core(std::move(core_of)) {}
  ~Handle() {
    if (std::uncaught_exceptions() > exceptions) {
      core->end(RunStatus::failed, "exception", "an exception left the scope of the run");
    } else {
      core->end(RunStatus::complete, {}, {});
    }
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  const std::shared_ptr<RunCore> core;
  const int exceptions = std::uncaught_exceptions();

  // The runs of this process, latest last, for Run::current().
  struct Started {
    std::mutex mutex;
    std::vector<std::weak_ptr<Handle>> runs;  // guarded by mutex
  };
  static Started& started() {
    static auto* const all = [] {
      RunCore::make_fork_safe();
      ::pthread_atfork([] { started().mutex.lock(); }, [] { started().mutex.unlock(); },
                       [] { started().mutex.unlock(); });
      return new Started;
    }();
    return *all;
  }
};

[[gnu::hot]] void Metric::log(Number value) noexcept {
  const auto series = [this](Journal&) { return series_; };
  if (!try_append(core_.get(), series, value, false, 0)) [[unlikely]]
    append_slowly(core_.get(), series_, value, false, 0);
}

[[gnu::hot]] void Metric::log(Number value, std::int64_t step) noexcept {
  const auto series = [this](Journal&) { return series_; };
  if (!try_append(core_.get(), series, value, true, step)) [[unlikely]]
    append_slowly(core_.get(), series_, value, true, step);
}

[[gnu::hot]] Step::Step(RunCore* core, std::int64_t step) noexcept
    : core_(core),
      journal_(core != nullptr ? core->journal() : nullptr),
      lane_(journal_ != nullptr ? journal_->cached_own_lane() : nullptr),
      step_(step),
      time_ns_(journal_ != nullptr ? journal_->now_ns() : 0) {}

[[gnu::hot]] void Step::log(const Metric& metric, Number value) noexcept {
  // The journal is another one, or none, when the run has ended or the process has forked. Where
  // there is a lane there is a core.
  if (metric.core_.get() != core_) [[unlikely]]
    return drop();
  const Scalar scalar = make_scalar(metric.series_, value);
  if (lane_ == nullptr || !core_->has_journal(journal_) ||
      !lane_->try_append_metric(scalar.tag, scalar.series, scalar.bits, true, step_, time_ns_))
      [[unlikely]] {
    log_slowly(metric.series_, value);
  }
}

[[gnu::hot]] void Step::log(std::string_view name, Number value) noexcept {
  const bool is_quick = lane_ != nullptr && core_->has_journal(journal_);
  const Scalar scalar =
      make_scalar(is_quick ? lane_->names().guess(name) : SeriesTable::kNo_series, value);
  if (!is_quick || !lane_->try_append_metric(scalar.tag, scalar.series, scalar.bits, true, step_,
                                             time_ns_)) [[unlikely]] {
    log_slowly(name, value);
  }
}

void Step::drop() noexcept {
  if (core_ != nullptr) core_->count_drop();
}

[[gnu::hot]] void Step::log_slowly(std::uint32_t series, Number value) noexcept {
  if (core_ == nullptr) return;
  Journal* const journal = core_->journal();
  if (journal == nullptr) return core_->count_drop();
  journal->metric(make_scalar(series, value), true, step_, time_ns_);
}

void Step::log_slowly(std::string_view name, Number value) noexcept {
  if (core_ == nullptr) return;
  Journal* const journal = core_->journal();
  if (journal == nullptr) return core_->count_drop();
  journal->metric(make_scalar(core_->series(*journal, name), value), true, step_, time_ns_);
}

Run::Run() noexcept = default;
Run::Run(std::shared_ptr<Handle> handle) noexcept
    : handle_(std::move(handle)), core_(handle_->core.get()) {}
Run::~Run() = default;
Run::Run(const Run&) noexcept = default;
Run::Run(Run&& other) noexcept
    : handle_(std::move(other.handle_)), core_(std::exchange(other.core_, nullptr)) {}
Run& Run::operator=(const Run&) noexcept = default;
Run& Run::operator=(Run&& other) noexcept {
  handle_ = std::move(other.handle_);
  core_ = std::exchange(other.core_, nullptr);
  return *this;
}

Result<Run> start_logging(Options options) noexcept {
  try {
    const auto tags = options.tags;
    auto core = RunCore::start(std::move(options));
    if (!core) return std::move(core).error();
    Run run(std::make_shared<Run::Handle>(std::move(*core)));
    run.core_->event({.kind = Kind::status, .name = "started"});
    for (const auto& [name, value] : run.core_->options().tags) run.tag(name, value);
    for (const auto& [name, value] : run.core_->options().params) run.param(name, value);
    auto& started = Run::Handle::started();
    const std::lock_guard lock(started.mutex);
    std::erase_if(started.runs, [](const auto& one) { return one.expired(); });
    started.runs.push_back(run.handle_);
    return run;
  } catch (const std::bad_alloc&) {
    return Error{Errc::io, ENOMEM, "out of memory while starting a run"};
  } catch (const std::exception& error) {
    return Error{Errc::io, 0, std::string("cannot start a run: ") + error.what()};
  }
}

Run Run::current() noexcept {
  try {
    {
      auto& started = Handle::started();
      const std::lock_guard lock(started.mutex);
      for (auto run = started.runs.rbegin(); run != started.runs.rend(); ++run) {
        auto handle = run->lock();
        if (handle && handle->core->status() == RunStatus::running) return Run(std::move(handle));
      }
    }
    const bool is_wanted =
        environment("RUNLOG_ROOT") || environment("RUNLOG_RUN_ID") || environment("RUNLOG_STORE");
    if (!is_wanted) return {};
    // Kept for the rest of the process; ended when the program exits.
    static const Run automatic = [] {
      auto run = start_logging();
      if (run) return std::move(*run);
      std::fprintf(stderr, "runlog: %s\n", run.error().message.c_str());
      return Run();
    }();
    return automatic;
  } catch (const std::bad_alloc&) {
    return {};
  }
}

std::string Run::run_id() const {
  return core_ != nullptr ? core_->options().run_id : std::string{};
}
std::string Run::session() const {
  return core_ != nullptr ? core_->session() : std::string{};
}
std::filesystem::path Run::journal_path() const {
  return core_ != nullptr ? core_->journal_path() : std::filesystem::path{};
}

[[gnu::hot]] void Run::log(std::string_view name, Number value) noexcept {
  const auto series = [&](Journal& journal) { return journal.guess_series(name); };
  if (!try_append(core_, series, value, false, 0)) [[unlikely]]
    append_named_slowly(core_, name, value);
}

[[gnu::hot]] void Run::log(std::string_view name, Number value, std::int64_t step) noexcept {
  const auto series = [&](Journal& journal) { return journal.guess_series(name); };
  if (!try_append(core_, series, value, true, step)) [[unlikely]]
    append_named_slowly(core_, name, value, step);
}

[[gnu::hot]] void Run::log(std::int64_t step, std::initializer_list<NamedNumber> row) noexcept {
  log(step, std::span(row.begin(), row.size()));
}

[[gnu::hot]] void Run::log(std::int64_t step, std::span<const NamedNumber> row) noexcept {
  if (core_ == nullptr) return;
  Journal* const journal = core_->journal();
  if (journal == nullptr) return core_->count_drop(row.size());
  const std::int64_t time_ns = journal->now_ns();
  // Looked up and appended in one loop: an array in between cost three stores a metric, and stores
  // are what limits a row.
  if (Lane* const lane = journal->cached_own_lane()) [[likely]] {
    const NameCache& names = lane->names();
    const std::size_t done = lane->try_append_row(
        row.size(),
        [&](std::size_t i) { return make_scalar(names.guess(row[i].first), row[i].second); }, true,
        step, time_ns);
    if (done == row.size()) return;
    row = row.subspan(done);
  }
  log_row_slowly(*core_, *journal, step, time_ns, row);
}

[[gnu::hot]] Step Run::step(std::int64_t step) noexcept {
  return {core_, step};
}

Metric Run::metric(std::string_view name) noexcept {
  if (core_ == nullptr) return {};
  Journal* const journal = core_->journal();
  return {handle_->core,
          journal != nullptr ? core_->series(*journal, name) : SeriesTable::kNo_series};
}

void Run::param(std::string_view name, const Value& value) noexcept {
  if (core_ == nullptr) return;
  format::Event event{.kind = Kind::param, .name = name};
  if (const auto* flag = std::get_if<bool>(&value)) {
    event.int_value = *flag ? 1 : 0;
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    event.int_value = *integer;
  } else if (const auto* real = std::get_if<double>(&value)) {
    event.value = *real;
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    event.text = *text;
  }
  core_->event(event);
}

void Run::tag(std::string_view name, std::string_view value) noexcept {
  if (core_ != nullptr) core_->event({.kind = Kind::tag, .name = name, .text = value});
}

void Run::set_tags(std::span<const std::pair<std::string, std::string>> tags) noexcept {
  for (const auto& [name, value] : tags) tag(name, value);
}

void Run::remove_tags(std::span<const std::string> names) noexcept {
  if (core_ == nullptr) return;
  for (const std::string& name : names) core_->event({.kind = Kind::tag_removed, .name = name});
}

bool Run::property(std::string_view name, std::string_view value) noexcept {
  return core_ != nullptr && core_->set_property(name, value);
}

void Run::rewind(std::int64_t step) noexcept {
  if (core_ != nullptr) core_->event({.kind = Kind::rewind, .name = "rewind", .step = step});
}

void Run::flush() noexcept {
  if (core_ != nullptr) core_->flush();
}

Wait Run::wait_until(Stage stage, std::chrono::milliseconds timeout) noexcept {
  return core_ != nullptr ? core_->wait_until(stage, timeout) : Wait::Failed;
}

Result<Run> Run::child_run(std::string_view name) noexcept {
  try {
    if (core_ == nullptr) return no_run();
    Options options = core_->options();
    options.parent_run = options.run_id;
    options.run_id = mend_id(options.run_id.substr(0, 80) + "." + std::string(name).substr(0, 30) +
                             "-" + to_hex(make_session()).substr(0, 6));
    options.name = name;
    options.resume = Resume::allow;  // its run id is new; the parent's `must` is about the parent
    options.tags.clear();
    options.params.clear();
    auto child = start_logging(std::move(options));
    if (child) core_->event({.kind = Kind::child, .name = child->run_id()});
    return child;
  } catch (const std::bad_alloc&) {
    return Error{Errc::io, ENOMEM, "out of memory while starting a child run"};
  }
}

Stats Run::stats() const {
  return core_ != nullptr ? core_->stats() : Stats{};
}

void Run::complete() noexcept {
  if (core_ != nullptr) core_->end(RunStatus::complete, {}, {});
}

void Run::fail(std::string_view code, std::string_view message) noexcept {
  if (core_ != nullptr) core_->end(RunStatus::failed, code, message);
}

void Run::cancel() noexcept {
  if (core_ != nullptr) core_->end(RunStatus::cancelled, {}, {});
}

RunStatus Run::get_status() const noexcept {
  return core_ != nullptr ? core_->status() : RunStatus::cancelled;
}

}  // namespace runlog
