// What becomes of a run when the process leaves by exit(): see run_core.hpp.
#include <algorithm>
#include <new>

#include "platform/in_call.hpp"
#include "run/run_core.hpp"

namespace runlog {
namespace {

/// For what was logged after the end by exit(): a few segments at most, to be packed.
constexpr std::chrono::milliseconds kLeave_deadline{2'000};
/// What a parent sees of the status.
constexpr int kExit_status_mask = 0xff;

}  // namespace

void RunCore::end_at_exit(int exit_status, std::chrono::steady_clock::time_point began) noexcept {
  const InCall in_call;
  Part* const mine = part();
  if (mine == nullptr) return;
  const auto deadline = began + *options_.finish_deadline;
  try {
    exit_status &= kExit_status_mask;
    const auto status = exit_status == 0 ? RunStatus::complete : RunStatus::failed;
    if (!claim_end(status)) return;
    End end;
    end.state = run_status_text(status);
    if (exit_status != 0) end.reason = "exit status " + std::to_string(exit_status);
    end.ended_unix_ns = realtime_ns();
    append_end(*mine, status, end.reason);
    Keeper* const keeper = mine->keeper.load(std::memory_order_acquire);
    if (keeper == nullptr) {
      (void)sync_without_keeper(*mine);
    } else {
      keeper->finish_at_exit(std::move(end), deadline);
    }
  } catch (const std::bad_alloc&) {
    // Recovery ends it.
  }
}

void RunCore::leave() noexcept {
  Part* const mine = part();
  if (mine == nullptr || !mine->takes_calls.load(std::memory_order_acquire)) return;
  const InCall in_call;
  try {
    if (Keeper* const keeper = mine->keeper.load(std::memory_order_acquire)) {
      keeper->leave(std::chrono::steady_clock::now() +
                    std::min(kLeave_deadline, *options_.finish_deadline));
    }
  } catch (const std::bad_alloc&) {
    // What was logged is in the segments.
  }
}

}  // namespace runlog
