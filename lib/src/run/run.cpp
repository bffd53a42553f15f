#include "runlog/run.hpp"

#include <atomic>
#include <exception>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "base/out_of_memory.hpp"
#include "platform/crash_words.hpp"
#include "platform/fork.hpp"
#include "platform/in_call.hpp"
#include "platform/process.hpp"
#include "platform/process_exit.hpp"
#include "platform/standard_error.hpp"
#include "run/run_core.hpp"

namespace runlog {

// Owned by the user's handles; the last one's end is the run's, if it has not been ended.
struct Run::Handle {
  explicit Handle(std::shared_ptr<RunCore> core_of) : core(std::move(core_of)) {}
  ~Handle() {
    if (!ends_run || !core->takes_calls()) return;
    if (is_exiting()) {
      // A static object's destructor, perhaps: others may still log. The run's end is told, with
      // the exit status, by end_all_at_exit(); the memory stays.
      (void)new (std::nothrow) std::shared_ptr<RunCore>(core);
      return;
    }
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
  bool ends_run = true;

  // The runs of this process, latest last.
  struct Started {
    std::weak_ptr<Handle> handle;
    std::weak_ptr<RunCore> core;  // outlives its handles while exit() runs
  };
  static void add_started(const std::shared_ptr<Handle>& handle);
  /// A handle of the latest run for which `is_wanted` says so, or nullptr.
  template <typename IsWanted>
  static std::shared_ptr<Handle> latest(IsWanted is_wanted);
  static std::shared_ptr<RunCore> started_core(std::size_t n, bool& is_end) noexcept;
  template <typename Work>
  static void for_each_started(Work work) noexcept;
  static void end_all_at_exit(int exit_status) noexcept;
  [[gnu::destructor(101)]] static void leave_all() noexcept;

 private:
  // A child finds the list as it was, whoever was at it: it is never changed, only replaced.
  static constinit inline std::atomic<const std::vector<Started>*> started = nullptr;
};

namespace {

// In a child they are free, whoever held them.
struct Locks {
  std::mutex started;    // of the list of runs: while it is replaced, and while it is read
  std::mutex automatic;  // while Run::current() starts a run
};
constinit ForkWiped<Locks> locks;
constinit std::atomic<const Run*> automatic_run = nullptr;  // never destroyed; inert if it failed
constinit std::atomic<int> exit_status_told = 0;

}  // namespace

void Run::Handle::add_started(const std::shared_ptr<Handle>& handle) {
  auto next = std::make_unique<std::vector<Started>>();
  const std::lock_guard lock(locks.get().started);
  const auto* const before = started.load(std::memory_order_acquire);
  if (before != nullptr) {
    next->reserve(before->size() + 1);
    for (const Started& one : *before) {
      if (!one.core.expired()) next->push_back(one);
    }
  }
  next->push_back({handle, handle->core});
  started.store(next.release(), std::memory_order_release);
  delete before;
}

template <typename IsWanted>
std::shared_ptr<Run::Handle> Run::Handle::latest(IsWanted is_wanted) {
  const std::lock_guard lock(locks.get().started);
  const auto* const all = started.load(std::memory_order_acquire);
  if (all == nullptr) return nullptr;
  for (auto one = all->rbegin(); one != all->rend(); ++one) {
    const auto core = one->core.lock();
    if (!core || !is_wanted(*core)) continue;
    if (auto handle = one->handle.lock()) return handle;
    if (!is_exiting()) continue;
    auto handle = std::make_shared<Handle>(core);
    handle->ends_run = false;
    return handle;
  }
  return nullptr;
}

// The n-th of the list, or nullptr behind its end; also nullptr for one that is gone: `is_end`
// tells.
std::shared_ptr<RunCore> Run::Handle::started_core(std::size_t n, bool& is_end) noexcept {
  const std::lock_guard lock(locks.get().started);
  const auto* const all = started.load(std::memory_order_acquire);
  is_end = all == nullptr || n >= all->size();
  return is_end ? nullptr : (*all)[n].core.lock();
}

template <typename Work>
void Run::Handle::for_each_started(Work work) noexcept {
  // No memory is taken, for there may be none; a run that starts meanwhile comes last.
  bool is_end = false;
  for (std::size_t n = 0; !is_end; ++n) {
    if (const auto core = started_core(n, is_end)) work(*core);
  }
}

void Run::Handle::end_all_at_exit(int exit_status) noexcept {
  exit_status_told.store(exit_status, std::memory_order_relaxed);
  settle_child();
  note_exit(exit_status);
  const auto began = std::chrono::steady_clock::now();
  for_each_started([&](RunCore& run) { run.end_at_exit(exit_status, began); });
}

// When this library is done with, after all handlers of exit() and all static objects of programs
// and libraries that use it. Runs that were started meanwhile end here.
void Run::Handle::leave_all() noexcept {
  const auto began = std::chrono::steady_clock::now();
  for_each_started([&](RunCore& run) {
    run.end_at_exit(exit_status_told.load(std::memory_order_relaxed), began);
    run.leave();
  });
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
  const InCall in_call;
  try {
    call_at_exit(&Run::Handle::end_all_at_exit);
    settle_child();
    auto core = RunCore::start(std::move(options));
    if (!core) return std::move(core).error();
    std::shared_ptr<Run::Handle> handle;
    try {
      handle = std::make_shared<Run::Handle>(*core);
    } catch (const std::bad_alloc&) {
      (*core)->end(RunStatus::failed, "start", "out of memory");  // its threads, too
      return out_of_memory();
    }
    Run run(std::move(handle));
    run.core_->event({.kind = Kind::status, .name = run_end_name(RunEnd::open)});
    for (const auto& [name, value] : run.core_->options().tags) run.tag(name, value);
    for (const auto& [name, value] : run.core_->options().params) run.param(name, value);
    Run::Handle::add_started(run.handle_);
    return run;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception& error) {
    return catch_no_memory([&]() -> Result<Run> {
      return Error{Errc::io, 0, std::string("cannot start a run: ") + error.what()};
    });
  }
}

Run Run::current() noexcept {
  const InCall in_call;
  settle_child();
  try {
    const auto is_running = [](RunCore& core) { return core.status() == RunStatus::running; };
    if (auto handle = Handle::latest(is_running)) return Run(std::move(handle));
    // Ended by exit(), but a call is still taken.
    if (is_exiting()) {
      const auto takes_calls = [](RunCore& core) { return core.takes_calls(); };
      if (auto handle = Handle::latest(takes_calls)) return Run(std::move(handle));
    }
    const bool is_wanted =
        environment("RUNLOG_ROOT") || environment("RUNLOG_RUN_ID") || environment("RUNLOG_STORE");
    if (!is_wanted) return {};
    if (const Run* const there = automatic_run.load(std::memory_order_acquire)) return *there;
    const std::lock_guard lock(locks.get().automatic);
    if (const Run* const there = automatic_run.load(std::memory_order_acquire)) return *there;
    auto run = start_logging();
    if (!run) (void)write_to_standard_error(run.error().message);
    // Kept for the rest of the process; ended when the program exits.
    const auto* const kept = new Run(run ? std::move(*run) : Run());
    automatic_run.store(kept, std::memory_order_release);
    return *kept;
  } catch (const std::bad_alloc&) {
    return {};
  }
}

// The next three are empty where there is no memory for them.
std::string Run::run_id() const noexcept {
  try {
    return core_ != nullptr ? core_->options().run_id : std::string{};
  } catch (const std::bad_alloc&) {
    return {};
  }
}
std::string Run::session() const noexcept {
  try {
    return core_ != nullptr ? core_->session() : std::string{};
  } catch (const std::bad_alloc&) {
    return {};
  }
}
std::filesystem::path Run::journal_path() const noexcept {
  try {
    return core_ != nullptr ? core_->journal_path() : std::filesystem::path{};
  } catch (const std::bad_alloc&) {
    return {};
  }
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
    options.run_id = child_id(options.run_id, name);
    options.name = name;
    // Whether the child has been there before says nothing; the parent's answer is about the
    // parent.
    options.resume = Resume::allow;
    options.tags.clear();
    options.params.clear();
    auto child = start_logging(std::move(options));
    if (child) core_->event({.kind = Kind::child, .name = child->run_id()});
    return child;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Stats Run::stats() const noexcept {
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
