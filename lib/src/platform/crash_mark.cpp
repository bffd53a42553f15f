#include "platform/crash_mark.hpp"

#include <setjmp.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <mutex>
#include <new>
#include <utility>

#include "platform/backtrace.hpp"
#include "platform/crash_words.hpp"
#include "platform/current_exception.hpp"
#include "platform/fork.hpp"
#include "platform/process_key.hpp"
#include "platform/signals.hpp"

namespace runlog {

// Never freed and used again, so that a handler may walk the list at any time. `memory` is the
// map, or nullptr: its owner takes it away and then waits until nobody writes. `process`: whose it
// is, by process_key().
struct CrashMarker::Slot {
  std::atomic<bool> is_taken = false;
  std::atomic<std::byte*> memory = nullptr;
  std::atomic<std::uint64_t> process = 0;
  Slot* next = nullptr;
};

namespace {

using crash::Mark;
using Slot = CrashMarker::Slot;

constexpr std::int64_t kSecond_ns = 1'000'000'000;
/// A handler that writes a report takes seconds while other threads log on.
constexpr std::int64_t kProvisional_ns_max = 60 * kSecond_ns;
/// What is certain to kill does so at once: an older mark is of a death that did not come.
constexpr std::int64_t kCertain_ns_max = 2 * kSecond_ns;
/// So many survived signals have a backtrace; a host that lives by them must not be slowed down.
constexpr std::uint32_t kSurvived_max = 8;
constexpr int kWait_turns_max = 200;      // 0.1 s
constexpr int kUnmap_turns_max = 20'000;  // 10 s

constinit std::atomic<Slot*> slots = nullptr;
constinit std::atomic<ThreadPlace (*)(ThreadPlace) noexcept> exchange_place = nullptr;
constinit std::atomic<std::uint32_t> survived = 0;

// The thread that marks now, or 0. One of a process at a time; a child does not wait for its
// parent's.
constinit ForkWiped<std::atomic<std::int64_t>> marking;
constinit std::atomic<std::int64_t> last_provisional_ns = 0;  // 0: no provisional mark is left
constinit std::atomic<std::uint64_t> claims = 0;              // how often that has begun
constinit crash::Backtrace backtrace = {};  // of whoever marks: a signal stack is small
constinit crash::Exception exception = {};  // likewise

// initial-exec: no call to find it in a handler.
struct ThreadMark {
  std::int64_t provisional_ns;  // the time of the mark that this thread made; 0: none
  ThreadPlace place;            // what it had at hand then
  sigjmp_buf* way_back;         // while it marks
  bool has_terminated;          // std::terminate has been marked
};
constinit thread_local ThreadMark own __attribute__((tls_model("initial-exec"))) = {};

void sleep_a_turn() noexcept {
  const timespec turn{.tv_sec = 0, .tv_nsec = 500'000};
  ::nanosleep(&turn, nullptr);
}

template <typename Visit>
void visit_own(Visit&& visit) noexcept {
  const std::uint64_t process = process_key();
  for (Slot* slot = slots.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
    if (slot->process.load(std::memory_order_acquire) != process) continue;
    // seq_cst, as in ~CrashMarker: either it sees that we write, or we see that it is gone.
    if (std::byte* const memory = slot->memory.load(std::memory_order_seq_cst)) visit(memory);
  }
}

bool has_own() noexcept {
  bool has = false;
  visit_own([&](std::byte*) { has = true; });
  return has;
}

// The right to write marks, for the scope. Waits a moment for another thread, which writes its mark
// within microseconds and its backtrace within milliseconds; never for ever. All signals are
// blocked meanwhile, for a handler of the host might jump and never give it back, but SEGV and BUS,
// which reach us also from within the handler of one: a crash file may have been truncated, a stack
// may be broken.
class Claim {
 public:
  Claim() noexcept {
    sigset_t all_but_faults;
    ::sigfillset(&all_but_faults);
    ::sigdelset(&all_but_faults, SIGSEGV);
    ::sigdelset(&all_but_faults, SIGBUS);
    ::pthread_sigmask(SIG_SETMASK, &all_but_faults, &before_);
    const std::int64_t mine = crash::own_tid();
    for (int turn = 0; turn < kWait_turns_max; ++turn) {
      std::int64_t other = 0;
      if (marking.get().compare_exchange_strong(other, mine, std::memory_order_seq_cst)) {
        claims.fetch_add(1, std::memory_order_seq_cst);
        holds_ = true;
        return;
      }
      if (other == mine) return;  // a signal in the middle of it
      sleep_a_turn();
    }
  }
  ~Claim() {
    if (holds_) marking.get().store(0, std::memory_order_seq_cst);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  [[nodiscard]] bool holds() const noexcept { return holds_; }

 private:
  sigset_t before_;
  bool holds_ = false;
};

// A death that another thread has begun stands; all else gives way to what has come now.
bool stands(std::byte* memory, std::int64_t now) noexcept {
  if (!crash::has_mark(memory)) return false;
  const Mark there = crash::read_mark(memory);
  return there.kind == crash::kSignal && (there.flags & crash::kProvisional) == 0 &&
         now - there.time_ns < kCertain_ns_max && now >= there.time_ns;
}

// Runs `what`; a fault in it ends it, and nothing else. Not inlined: what is alive across the jump
// is in the caller's frame.
template <typename What>
[[gnu::noinline]] void run_guarded(What& what) noexcept {
  sigjmp_buf here;
  if (sigsetjmp(here, 1) == 0) {
    own.way_back = &here;
    what();
  }
  own.way_back = nullptr;
}

// Each map by itself: one whose file was truncated does not keep the others from their mark.
template <typename Visit>
void visit_guarded(Visit&& visit) noexcept {
  visit_own([&](std::byte* memory) {
    auto one = [&] { visit(memory); };
    run_guarded(one);
  });
}

// Beside the mark that it belongs to. `look` may fault.
template <typename Look>
void note_exception(const Mark& mark, std::uint32_t flags, Look look) noexcept {
  std::memset(&exception, 0, sizeof exception);
  exception.time_ns = mark.time_ns;
  exception.tid = mark.tid;
  exception.flags = flags;
  auto write = [&] {
    const CurrentException current = look();
    if (current.type == nullptr) return;
    const std::size_t type_bytes =
        copy_text(exception.text, current.type->name(), crash::kType_bytes_max);
    exception.type_bytes = static_cast<std::uint32_t>(type_bytes);
    exception.what_bytes = static_cast<std::uint32_t>(
        copy_text(exception.text + type_bytes, current.what, crash::kWhat_bytes_max));
  };
  run_guarded(write);
  if (flags == crash::kHandled && exception.type_bytes == 0) return;  // there is none
  crash::set_crc(exception);
  visit_guarded([&](std::byte* memory) {
    std::memcpy(memory + crash::kException_at, &exception, sizeof exception);
  });
}

// abort() of this thread, which std::terminate did not call, or a handler of it that the host has
// set since the start.
bool is_plain_abort(const Mark& mark) noexcept {
  return mark.signal == SIGABRT && mark.code == SI_TKILL && mark.sender_pid == mark.pid &&
         !own.has_terminated;
}

void on_signal(const CaughtSignal& caught) noexcept {
  if (!has_own()) return;
  const Claim claim;
  if (!claim.holds()) return;
  const Mark mark = crash::describe(caught);
  bool is_made = false;
  visit_guarded([&](std::byte* memory) {
    if (stands(memory, mark.time_ns)) return;
    crash::write_mark(memory + crash::kMark_at, mark);
    is_made = true;
  });
  if (!is_made) return;
  if (!caught.is_certain) {
    const auto exchange = exchange_place.load(std::memory_order_acquire);
    // In a handler that was interrupted by this signal, the place has been put away already.
    if (exchange != nullptr && own.provisional_ns == 0) own.place = exchange({});
    own.provisional_ns = mark.time_ns;
    last_provisional_ns.store(mark.time_ns, std::memory_order_release);
    if (survived.load(std::memory_order_relaxed) >= kSurvived_max) return;
  }
  // The other parts: whatever happens to them, the mark is there.
  if (is_plain_abort(mark)) note_exception(mark, crash::kHandled, &look_at_exception_in_handler);
  bool is_taken = false;
  auto walk = [&] {
    take_backtrace(backtrace, caught.context);
    is_taken = true;
  };
  run_guarded(walk);
  if (!is_taken) return;
  backtrace.time_ns = mark.time_ns;
  crash::set_crc(backtrace);
  visit_guarded([&](std::byte* memory) {
    std::memcpy(memory + crash::kBacktrace_at, &backtrace, sizeof backtrace);
  });
}

void on_stop(const CaughtSignal& caught) noexcept {
  if (!has_own()) return;
  const Claim claim;
  if (!claim.holds()) return;
  const Mark mark = crash::describe(caught);
  visit_guarded([&](std::byte* memory) { crash::write_mark(memory + crash::kStop_at, mark); });
}

void leave_marking() noexcept {
  sigjmp_buf* const way_back = own.way_back;
  if (way_back == nullptr) return;
  own.way_back = nullptr;
  ::siglongjmp(*way_back, 1);
}

// Takes back provisional marks for which `is_void` holds.
template <typename Test>
void withdraw_if(Test&& is_void) noexcept {
  const Claim claim;
  if (!claim.holds()) return;
  visit_guarded([&](std::byte* memory) {
    if (!crash::has_mark(memory)) return;
    const Mark mark = crash::read_mark(memory);
    if ((mark.flags & crash::kProvisional) != 0 && is_void(mark)) crash::remove_mark(memory);
  });
}

void withdraw_own() noexcept {
  const std::int64_t time_ns = std::exchange(own.provisional_ns, 0);
  if (time_ns == 0) return;
  survived.fetch_add(1, std::memory_order_relaxed);
  const std::int64_t tid = crash::own_tid();
  withdraw_if([&](const Mark& mark) { return mark.tid == tid && mark.time_ns == time_ns; });
}

// The host's handler has returned: the thread goes on where it was, with what it had.
void on_survived() noexcept {
  if (own.provisional_ns == 0) return;
  if (const auto exchange = exchange_place.load(std::memory_order_acquire)) {
    (void)exchange(std::exchange(own.place, {}));
  }
  withdraw_own();
}

// The exceptions that nobody catches ----------------------------------------------------------

constinit std::atomic<std::terminate_handler> terminate_before = nullptr;
constinit std::atomic<bool> hooks_quick_exit = false;
constinit ForkWiped<std::mutex> install_mutex;

void mark_terminate() noexcept {
  if (!has_own()) return;
  const CurrentException current = look_at_exception();
  const Claim claim;
  if (!claim.holds()) return;
  own.has_terminated = true;
  const Mark mark = crash::describe_self(crash::kTerminate);
  bool is_made = false;
  visit_guarded([&](std::byte* memory) {
    if (stands(memory, mark.time_ns)) return;
    crash::write_mark(memory + crash::kMark_at, mark);
    is_made = true;
  });
  if (is_made) note_exception(mark, 0, [&] { return current; });
}

[[noreturn]] void on_terminate() noexcept {
  mark_terminate();
  // The one before prints what is to be printed. It does not return; if it does, this is its end.
  if (const auto before = terminate_before.load(std::memory_order_acquire)) before();
  std::abort();
}

void on_quick_exit() noexcept {
  if (!has_own()) return;
  const Claim claim;
  if (!claim.holds()) return;
  const Mark mark = crash::describe_self(crash::kQuick_exit);
  visit_guarded([&](std::byte* memory) { crash::write_mark(memory + crash::kMark_at, mark); });
}

}  // namespace

void install_crash_marker() noexcept {
  const std::lock_guard lock(install_mutex.get());
  prepare_backtrace();
  (void)marking.get();  // not to be made in a handler
  watch_ends(
      {.mark = &on_signal, .withdraw = &on_survived, .leave = &leave_marking, .stop = &on_stop});
  // Each once: a handler that the host has set since may call ours as the one before it.
  if (terminate_before.load(std::memory_order_relaxed) == nullptr) {
    terminate_before.store(std::get_terminate(), std::memory_order_release);
    std::set_terminate(&on_terminate);
  }
  if (!hooks_quick_exit.exchange(true, std::memory_order_relaxed)) {
    (void)std::at_quick_exit(&on_quick_exit);
  }
}

CrashMarker::CrashMarker(std::span<std::byte> memory) noexcept {
  if (memory.size() < kMark_bytes) return;
  for (Slot* slot = slots.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
    bool is_taken = false;
    if (slot->is_taken.compare_exchange_strong(is_taken, true, std::memory_order_acq_rel)) {
      slot_ = slot;
      break;
    }
  }
  if (slot_ == nullptr) {
    slot_ = new (std::nothrow) Slot;
    if (slot_ == nullptr) return;  // without memory this journal has no mark
    slot_->is_taken.store(true, std::memory_order_relaxed);
    slot_->next = slots.load(std::memory_order_relaxed);
    while (!slots.compare_exchange_weak(slot_->next, slot_, std::memory_order_acq_rel)) {
    }
  }
  slot_->process.store(process_key(), std::memory_order_release);
  slot_->memory.store(memory.data(), std::memory_order_seq_cst);
}

CrashMarker::~CrashMarker() {
  if (slot_ == nullptr) return;
  const bool is_own = slot_->process.load(std::memory_order_relaxed) == process_key();
  slot_->memory.store(nullptr, std::memory_order_seq_cst);
  // A thread that marks now may have seen the memory before, and the caller unmaps it next; one
  // that begins later has not. In a child nobody can: it is not the child's.
  const std::int64_t self = crash::own_tid();
  const std::uint64_t begun = claims.load(std::memory_order_seq_cst);
  for (int turn = 0; is_own && turn < kUnmap_turns_max; ++turn) {
    const std::int64_t other = marking.get().load(std::memory_order_seq_cst);
    if (other == 0 || other == self) break;
    // One that took the claim before and counts after `begun` was read is waited for twice.
    if (claims.load(std::memory_order_seq_cst) > begun + 1) break;
    sleep_a_turn();
  }
  slot_->is_taken.store(false, std::memory_order_release);
}

CrashMarker::CrashMarker(CrashMarker&& other) noexcept
    : slot_(std::exchange(other.slot_, nullptr)) {}

CrashMarker& CrashMarker::operator=(CrashMarker&& other) noexcept {
  std::swap(slot_, other.slot_);
  return *this;
}

void set_thread_place(ThreadPlace (*exchange)(ThreadPlace next) noexcept) noexcept {
  exchange_place.store(exchange, std::memory_order_release);
}

void settle_own_mark() noexcept {
  if (own.provisional_ns == 0) [[likely]]
    return;
  own.place = {};
  withdraw_own();
}

// Without the claim where there is nothing to do: who comes by may be a thread of the lowest
// priority, and a thread that dies does not wait long for the claim.
void settle_old_marks() noexcept {
  std::int64_t last = last_provisional_ns.load(std::memory_order_acquire);
  if (last == 0) return;
  const std::int64_t now = crash::now_ns();
  if (now - last <= kProvisional_ns_max) return;
  if (!last_provisional_ns.compare_exchange_strong(last, 0)) return;
  withdraw_if([&](const Mark& mark) { return now - mark.time_ns > kProvisional_ns_max; });
}

}  // namespace runlog
