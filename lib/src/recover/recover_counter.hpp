// RecoverCounter: what of all journals of a recovery has been shipped and what waits, for who
// listens. A journal's own numbers are those of its listing until a pass over it has begun.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "runlog/recover.hpp"

namespace runlog {

class RecoverCounter {
 public:
  explicit RecoverCounter(const std::function<void(const RecoverProgress&)>& listener)
      : listener_(listener) {}

  void expect(const std::vector<JournalInfo>& journals) {
    if (!listener_) return;
    told_.journals = journals.size();
    for (const JournalInfo& journal : journals) {
      // What is alive ships its own.
      const bool is_dead = journal.state != JournalState::live;
      if (is_dead) told_.bytes_waiting += waiting_[journal.path] = journal.bytes_waiting;
    }
    listener_(told_);
  }
  void begin(const JournalInfo& journal) {
    if (!listener_) return;
    path_ = journal.path;
    told_.run_id = journal.run_id;
    shipped_in_pass_ = 0;
    listener_(told_);
  }
  /// In the pass over the journal that was begun last.
  void move(std::uint64_t shipped, std::uint64_t waiting) {
    if (shipped < shipped_in_pass_) shipped_in_pass_ = 0;  // another pass over it
    told_.bytes_shipped += shipped - std::exchange(shipped_in_pass_, shipped);
    set_waiting(path_, waiting);
    listener_(told_);
  }
  void end(const RecoverOutcome& outcome) {
    if (!listener_) return;
    ++told_.journals_done;
    told_.run_id = outcome.journal.run_id;
    using Verdict = RecoverOutcome::Verdict;
    if (outcome.verdict == Verdict::shipped || outcome.verdict == Verdict::live) {
      set_waiting(outcome.journal.path, 0);
    }
    listener_(told_);
  }

 private:
  void set_waiting(const std::filesystem::path& path, std::uint64_t waiting) {
    told_.bytes_waiting += waiting - std::exchange(waiting_[path], waiting);
  }

  const std::function<void(const RecoverProgress&)>& listener_;
  RecoverProgress told_;
  std::map<std::filesystem::path, std::uint64_t> waiting_;
  std::filesystem::path path_;
  std::uint64_t shipped_in_pass_ = 0;
};

}  // namespace runlog
