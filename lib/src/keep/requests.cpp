#include "keep/requests.hpp"

#include <algorithm>
#include <utility>

namespace runlog {

std::uint64_t Requests::ask_for_pack() {
  const std::lock_guard lock(mutex_);
  return ++packs_requested_;
}

void Requests::ask_for_flush() {
  const std::lock_guard lock(mutex_);
  ++flushes_requested_;
}

void Requests::ask_for_end(End end) {
  const std::lock_guard lock(mutex_);
  end_ = std::move(end);
}

Requests::Asked Requests::asked() const {
  const std::lock_guard lock(mutex_);
  return {.packs = packs_requested_,
          .flushes = flushes_requested_,
          .wants_packs = packs_requested_ > std::max(packs_done_, packs_failed_),
          .wants_flush = flushes_requested_ > flushes_done_,
          .end = end_};
}

void Requests::settle(const Asked& asked, bool is_packed, bool is_flushed) {
  {
    const std::lock_guard lock(mutex_);
    if (asked.wants_packs) (is_packed ? packs_done_ : packs_failed_) = asked.packs;
    if (is_flushed) flushes_done_ = asked.flushes;
  }
  changed_.notify_all();
}

void Requests::settle_end() {
  const std::lock_guard lock(mutex_);
  is_end_settled_ = true;
}

bool Requests::is_end_settled() const {
  const std::lock_guard lock(mutex_);
  return is_end_settled_;
}

Wait Requests::wait_for_pack(std::uint64_t request, Clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  const bool is_settled = changed_.wait_until(lock, deadline, [&] {
    return packs_done_ >= request || packs_failed_ >= request || has_ended_;
  });
  if (packs_done_ >= request) return Wait::Done;
  return is_settled ? Wait::Failed : Wait::Timeout;
}

Requests::Clock::time_point Requests::due() const {
  const std::lock_guard lock(mutex_);
  return due_;
}

void Requests::set_due(Clock::time_point due) {
  const std::lock_guard lock(mutex_);
  due_ = due;
}

void Requests::note_ended() {
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
  }
  changed_.notify_all();
}

bool Requests::has_ended_within(Clock::duration patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return has_ended_; });
}

}  // namespace runlog
