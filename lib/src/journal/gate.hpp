// Gate: lets the keeper close a segment under a writer that may be in the middle of an append, or
// may never come back, without an atomic read-modify-write on the writer's path.
//
// Writer, around each append:            Keeper, to take the segment:
//   busy = 1                               requests |= close
//   (compiler barrier)                     membarrier()
//   if (requests) → slow path              if (busy == 0) the segment is the keeper's for good
//   … append …                             else try again later; nobody waits
//   busy = 0 (release)
//
// Proof. This is Dekker's pattern; what can go wrong is that both sides miss each other's store:
// the writer's `busy = 1` sits in its store buffer while it reads requests == 0, and the keeper
// reads busy == 0. membarrier(PRIVATE_EXPEDITED) makes every running thread of the process pass a
// full barrier before it returns. If that barrier falls before the writer's store of busy in
// program order, the writer's later load of requests sees the close. If it falls after the store,
// the store is visible to the keeper, which then reads busy == 1. Either way at least one side sees
// the other. Once closed, a segment is never opened again, so the keeper's single look at busy == 0
// is final: every later enter() sees the close (coherence) and leaves without appending. `busy = 0`
// is a release that pairs with the keeper's acquire, so the keeper reads whole records.
//
// Measured against the alternatives (docs/decisions/0003): two plain stores and a load, under 1 ns;
// a test-and-set per append 5 ns. Where membarrier is refused (seccomp filters, gVisor), and under
// ThreadSanitizer, which does not model it, both sides use sequentially consistent operations.
#pragma once

#include <atomic>
#include <cstdint>

#include "platform/membarrier.hpp"

namespace runlog {

class Gate {
 public:
  enum Request : std::uint32_t {
    kClose = 1,    ///< take another segment; this one is, or will be, the keeper's
    kMove_on = 2,  ///< leave the current page: it is about to be synced
    kBroken = 4,   ///< the map lost its file (set by the SIGBUS guard, together with kClose)
  };

  /// Writer: announces an append and returns what is requested of it (0: go ahead).
  std::uint32_t enter(bool asymmetric) noexcept {
    if (asymmetric) {
      busy_.store(1, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
      return requests_.load(std::memory_order_acquire);
    }
    busy_.exchange(1, std::memory_order_seq_cst);
    return requests_.load(std::memory_order_seq_cst);
  }
  /// Writer: the append is over.
  void leave() noexcept { busy_.store(0, std::memory_order_release); }

  /// Anyone: asks the writer for something at its next append.
  void request(Request what) noexcept { requests_.fetch_or(what, std::memory_order_seq_cst); }
  /// Writer: has done it.
  void done(Request what) noexcept {
    requests_.fetch_and(~static_cast<std::uint32_t>(what), std::memory_order_relaxed);
  }
  [[nodiscard]] bool is_closed() const noexcept {
    return (requests_.load(std::memory_order_acquire) & kClose) != 0;
  }
  [[nodiscard]] bool is_broken() const noexcept {
    return (requests_.load(std::memory_order_acquire) & kBroken) != 0;
  }
  /// Keeper, after request(kClose) and membarrier_all(): whether the segment is its own now.
  [[nodiscard]] bool is_idle() const noexcept { return busy_.load(std::memory_order_seq_cst) == 0; }

  /// For the SIGBUS guard.
  std::atomic<std::uint32_t>* flags() noexcept { return &requests_; }

 private:
  std::atomic<std::uint32_t> busy_ = 0;  // written by the writer only
  std::atomic<std::uint32_t> requests_ =
      0;  // in the same line: read on every append, written rarely
};

}  // namespace runlog
