// recover(): each journal is packed and offered to its store once; then stores that did not answer
// are asked again, each at its own pace, until everything is shipped or the time is over.
#include <fnmatch.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "faces/journal_list.hpp"
#include "faces/store_memory.hpp"
#include "runlog/recover.hpp"
#include "ship/adopt.hpp"
#include "ship/backoff.hpp"

namespace runlog {
namespace {

using Clock = std::chrono::steady_clock;

bool is_selected(const std::vector<std::string>& globs, const std::string& run_id) {
  return globs.empty() || std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
           return ::fnmatch(glob.c_str(), run_id.c_str(), 0) == 0;
         });
}

// Last step and time come from the data, which may be in packs by now.
void take_counts(JournalInfo& info) {
  auto summary = summarize(info.path);
  if (!summary || summary->size() != 1) return;
  const int attempt = info.attempt;
  info = std::move(summary->front());
  info.attempt = attempt;
}

// Interrupts the stores when the time is over or the caller wants to stop: a request in progress
// may otherwise take minutes.
class Limit {
 public:
  Limit(StoreSet& stores, Clock::time_point deadline, const std::stop_token& stop)
      : on_stop_(stop,
                 [this, &stores] {
                   stores.interrupt();
                   changed_.notify_all();
                 }),
        timer_([this, &stores, deadline](const std::stop_token& end) {
          std::unique_lock lock(mutex_);
          if (!changed_.wait_until(lock, end, deadline, [] { return false; }) &&
              !end.stop_requested()) {
            stores.interrupt();
          }
        }),
        stop_(stop) {}

  /// Until `time` or the stop.
  void wait_until(Clock::time_point time) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, stop_, time, [] { return false; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::stop_callback<std::function<void()>> on_stop_;
  std::jthread timer_;
  const std::stop_token stop_;
};

class Recovery {
 public:
  Recovery(const RecoverOptions& options,
           const std::function<void(const RecoverOutcome&)>& on_outcome, std::stop_token stop)
      : options_(options),
        on_outcome_(on_outcome),
        stop_(std::move(stop)),
        deadline_(Clock::now() + options.timeout),
        memory_((options.memory != nullptr ? *options.memory : own_memory_).begin_look()),
        limit_(*memory_.stores, deadline_, stop_) {
    adopt_.store_override = options.store;
    adopt_.stores = memory_.stores.get();
    adopt_.dry_run = options.dry_run;
    adopt_.keep = options.keep;
    adopt_.trusts_network_locks = options.trusts_network_locks;
    adopt_.torchelastic_error_file = options.torchelastic_error_file;
    adopt_.upload.stop = stop_;
  }

  void add(JournalInfo info) {
    Job job;
    job.store = options_.store.empty() ? info.store_url : options_.store;
    job.outcome.journal = std::move(info);
    if (!work_on(job)) waiting_.push_back(std::move(job));
  }

  // Oldest first within a store, so that its packs arrive in the order they were made.
  void retry() {
    while (!waiting_.empty() && !is_over()) {
      const auto next =
          std::min_element(waiting_.begin(), waiting_.end(), [&](const Job& a, const Job& b) {
            return memory_.by_url[a.store].due < memory_.by_url[b.store].due;
          });
      const StoreState& store = memory_.by_url[next->store];
      if (store.due > Clock::now() && !store.needs_owner) {
        limit_.wait_until(std::min(store.due, deadline_));
        continue;
      }
      if (work_on(*next)) waiting_.erase(next);
    }
    for (Job& job : waiting_) deliver(job);
    waiting_.clear();
  }

  std::vector<RecoverOutcome> outcomes;

 private:
  struct Job {
    RecoverOutcome outcome = {};
    std::string store = {};
    bool was_packed = false;
    bool has_meta = false;  // in the store
  };

  [[nodiscard]] bool is_over() const { return stop_.stop_requested() || Clock::now() >= deadline_; }

  // A directory that cannot be written is broken, not busy.
  [[nodiscard]] bool can_wait_for(const std::string& url) const {
    return options_.retries && !options_.dry_run && is_remote_store(url);
  }

  // True when that is all that can be done for it; then its outcome has been delivered.
  bool work_on(Job& job) {
    StoreState& store = memory_.by_url[job.store];
    // A store that has just failed is not asked for each journal again; they are packed all the
    // same.
    const bool asks = Clock::now() >= store.due;
    adopt_.upload.deadline = asks ? deadline_ : Clock::time_point::min();
    adopt_.upload.has_meta = job.has_meta;
    UploadOutcome upload;
    RecoverOutcome now = adopt_journal(job.outcome.journal.path, adopt_, &upload);
    const std::uint64_t packs = job.outcome.packs_shipped + now.packs_shipped;
    const std::uint64_t bytes = job.outcome.bytes_shipped + now.bytes_shipped;
    if (job.was_packed) {
      job.outcome.verdict = now.verdict;
      job.outcome.message = std::move(now.message);
    } else {
      JournalInfo info = std::move(job.outcome.journal);
      job.outcome = std::move(now);
      job.outcome.journal = std::move(info);
      job.was_packed = true;
    }
    job.outcome.packs_shipped = packs;
    job.outcome.bytes_shipped = bytes;
    job.has_meta = job.has_meta || upload.has_meta;
    if (asks) learn(job.store, store, upload);
    // Where nothing waits for the store, the journal waits for another reason, and says so itself.
    if (!asks && upload.waiting != 0 && job.outcome.verdict == RecoverOutcome::Verdict::waiting) {
      job.outcome.message = store.trouble;
    }
    const bool may_pass = job.outcome.verdict == RecoverOutcome::Verdict::waiting &&
                          upload.waiting != 0 && !upload.rejected && !upload.needs_owner &&
                          !store.needs_owner;
    if (may_pass && can_wait_for(job.store)) return false;
    deliver(job);
    return true;
  }

  void learn(const std::string& url, StoreState& store, const UploadOutcome& upload) {
    if (is_over()) return;  // what failed may be our own interruption
    if (!upload.store_failed) {
      // It has answered, for better or worse; else there was nothing to ask. An object that is
      // refused is no reason to leave the store alone: other journals ship there too.
      if (upload.has_meta) store = {};
      return;
    }
    if (!is_remote_store(url)) return;
    store.trouble = upload.error.message;
    store.needs_owner = upload.needs_owner;
    store.due = Clock::now() + upload.not_before + backoff(++store.failures);
    if (upload.needs_owner || upload.rejected || !can_wait_for(url) || !options_.on_wait) return;
    if (told_.insert(url).second) options_.on_wait(store.trouble);
  }

  void deliver(Job& job) {
    RecoverOutcome& outcome = job.outcome;
    const std::string& trouble = memory_.by_url[job.store].trouble;
    if (outcome.verdict == RecoverOutcome::Verdict::waiting && !options_.dry_run && is_over() &&
        !trouble.empty()) {
      outcome.message = trouble;  // says more than that time was up
    }
    // Reading all of a journal is worth it only where something was done or is to be done.
    const bool had_nothing_to_do = outcome.verdict == RecoverOutcome::Verdict::shipped &&
                                   outcome.records_kept == 0 && outcome.packs_shipped == 0;
    if (!had_nothing_to_do && outcome.verdict != RecoverOutcome::Verdict::live) {
      take_counts(outcome.journal);
    }
    if (on_outcome_) on_outcome_(outcome);
    outcomes.push_back(std::move(outcome));
  }

  const RecoverOptions& options_;
  const std::function<void(const RecoverOutcome&)>& on_outcome_;
  const std::stop_token stop_;
  const Clock::time_point deadline_;
  AdoptOptions adopt_;
  StoreMemory own_memory_;  // where the caller keeps none
  StoreMemory::State& memory_;
  std::set<std::string> told_;  // URLs
  std::vector<Job> waiting_;
  Limit limit_;  // last: its threads use what is above
};

}  // namespace

Result<std::vector<RecoverOutcome>> recover(
    const std::filesystem::path& root, const RecoverOptions& options,
    const std::function<void(const RecoverOutcome&)>& on_outcome, const std::stop_token& stop) {
  auto found = list_journals(root);
  if (!found) return std::move(found).error();
  Recovery recovery(options, on_outcome, stop);
  for (JournalInfo& info : *found) {
    if (stop.stop_requested()) break;
    if (!parse_journal_name(info.path.filename().native())) continue;  // seen in a store only
    if (!is_selected(options.runs, info.run_id)) continue;
    recovery.add(std::move(info));
  }
  recovery.retry();
  return std::move(recovery.outcomes);
}

}  // namespace runlog
