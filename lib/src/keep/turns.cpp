#include "keep/turns.hpp"

#include <utility>

namespace runlog {
namespace {

/// So long the keeper is helped, each time it has fallen behind: left alone at once it would fall
/// behind again, and hold up a writer that needs a spare meanwhile.
constexpr std::chrono::seconds kHelp_hold{10};

}  // namespace

Turns::Help Turns::look_in(bool is_behind) noexcept {
  const auto now = Clock::now();
  Help help;
  bool was_on = false;
  {
    const std::lock_guard lock(mutex_);
    if (is_behind) helped_until_ = now + kHelp_hold;
    help.is_on = now < helped_until_ && !is_help_over_;
    was_on = std::exchange(is_helped_, help.is_on);
    if (help.is_on) help.is_wanted = std::exchange(keeper_waits_, false);
  }
  if (was_on && !help.is_on) changed_.notify_all();
  return help;
}

void Turns::end_help() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_help_over_ = true;
    is_helped_ = false;
  }
  changed_.notify_all();
}

Turn::Turn(Turns& turns, Worker worker, Clock::time_point deadline, Clock::time_point work_deadline)
    : turns_(turns), worker_(worker), work_deadline_(work_deadline) {
  const bool is_keeper = worker == Worker::keeper;
  std::unique_lock lock(turns.mutex_);
  if (is_keeper) {
    turns.keeper_waits_ = true;
  } else {
    turns.waiting_.fetch_add(1, std::memory_order_relaxed);
  }
  has_it_ = turns.changed_.wait_until(lock, deadline, [&] {
    const bool is_mine =
        !is_keeper || (turns.waiting_.load(std::memory_order_relaxed) == 0 && !turns.is_helped_);
    return is_mine && !turns.is_taken_;
  });
  if (has_it_) turns.is_taken_ = true;
  if (is_keeper) {
    turns.is_helped_ = false;  // else the helper is stuck: a sync that never returns
    return;
  }
  turns.waiting_.fetch_sub(1, std::memory_order_relaxed);
  if (has_it_) return;
  lock.unlock();
  turns.changed_.notify_all();  // it may be the keeper's now
}

Turn::~Turn() {
  if (!has_it_) return;
  {
    const std::lock_guard lock(turns_.mutex_);
    turns_.is_taken_ = false;
  }
  turns_.changed_.notify_all();
}

// The work is given up for who waits for the Turn; if that one has lost his patience meanwhile, the
// next round comes to an end, or short waits in a row would keep it from ever getting anywhere.
bool Turn::gives_up() noexcept {
  if (has_given_up_) return true;
  if (turns_.is_stopped()) {
    has_given_up_ = true;
  } else if (worker_ != Worker::keeper && Clock::now() >= work_deadline_) {
    has_given_up_ = true;
  } else if (worker_ != Worker::caller) {
    has_given_up_ = !turns_.has_given_up_ && turns_.waiting_.load(std::memory_order_relaxed) > 0;
    turns_.has_given_up_ = turns_.has_given_up_ || has_given_up_;
  }
  return has_given_up_;
}

}  // namespace runlog
