// recover(): each journal is packed and offered to its store once; then stores that did not answer
// are asked again, each at its own pace, until everything is shipped or the time is over.
#include <fnmatch.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "base/out_of_memory.hpp"
#include "journal/journal_dir.hpp"
#include "platform/in_call.hpp"
#include "read/journal_list.hpp"
#include "recover/adopt.hpp"
#include "recover/recover_counter.hpp"
#include "recover/store_memory.hpp"
#include "recover/store_trust.hpp"
#include "recover/whose.hpp"
#include "runlog/recover.hpp"
#include "store/backoff.hpp"

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
        // Beyond a year is for ever; added to now() it could overflow.
        deadline_(Clock::now() +
                  std::clamp<std::chrono::milliseconds>(
                      options.timeout, std::chrono::milliseconds(0), std::chrono::hours(24 * 365))),
        progress_(options.on_progress),
        memory_((options.memory != nullptr ? *options.memory : own_memory_).begin_look()),
        limit_(*memory_.stores, deadline_, stop_) {
    adopt_.spares_others = options.again || !options.store.empty();
    adopt_.believes_meta = false;  // add() has decided
    adopt_.stores = memory_.stores.get();
    adopt_.dry_run = options.dry_run;
    adopt_.keep = options.keep;
    adopt_.accepts_missing = options.accepts_missing;
    adopt_.trusts_network_locks = options.trusts_network_locks;
    adopt_.torchelastic_error_file = options.torchelastic_error_file;
    adopt_.upload.stop = stop_;
    if (options.on_progress) {
      adopt_.upload.on_progress = [this](std::uint64_t shipped, std::uint64_t waiting) {
        progress_.move(shipped, waiting);
      };
    }
  }

  /// All that add() will be given.
  void expect(const std::vector<JournalInfo>& journals) { progress_.expect(journals); }

  void add(JournalInfo info) {
    Job job;
    auto store = store_for(info.path, info.store_url, options_);
    job.outcome.journal = std::move(info);
    if (!store) {
      job.outcome.verdict = RecoverOutcome::Verdict::waiting;
      job.outcome.message = std::move(store).error().message;
      deliver(job);
      return;
    }
    job.store = std::move(*store);
    if (!work_on(job)) waiting_.push_back(std::move(job));
  }

  /// Of what is not this user's; nothing in it is read.
  void pass_over(const std::filesystem::path& path) {
    RecoverOutcome outcome;
    const auto name = parse_journal_name(path.filename().native());
    outcome.journal.path = path;
    outcome.journal.run_id = (name ? path.parent_path() : path).filename().native();
    if (name) outcome.journal.rank = name->rank;
    if (!is_selected(options_.runs, outcome.journal.run_id)) return;
    const auto left = left_alone(path, "runlog-recover");
    if (!left) return;
    outcome.owner = left->owner;
    outcome.verdict =
        left->is_nobodys ? RecoverOutcome::Verdict::failed : RecoverOutcome::Verdict::foreign;
    outcome.message = left->is_nobodys ? path.native() + " " + left->why : left->why;
    hand_out(std::move(outcome));
  }

  // Whoever was asked for longest ago comes first: a journal that is refused as a whole keeps no
  // other one waiting.
  void retry() {
    while (!waiting_.empty() && !is_over()) {
      const auto turn = [&](const Job& job) {
        return std::pair(std::max(memory_.by_url[job.store].due, job.due), job.asked);
      };
      const auto next =
          std::min_element(waiting_.begin(), waiting_.end(),
                           [&](const Job& a, const Job& b) { return turn(a) < turn(b); });
      if (turn(*next).first > Clock::now() && !memory_.by_url[next->store].needs_owner) {
        limit_.wait_until(std::min(turn(*next).first, deadline_));
        continue;
      }
      if (work_on(*next)) waiting_.erase(next);
    }
    for (Job& job : waiting_) deliver(job);
    waiting_.clear();
    if (is_over()) return;
    // For the next look: others went through, so it is not the store; or nothing did.
    for (auto& [url, store] : memory_.by_url) {
      if (!store.refusals.has_suspects()) continue;
      if (store.went_through) {
        store.refusals.blame_suspects(Clock::now());
      } else if (store.due < Clock::now() && is_remote_store(url)) {
        leave_alone(store, {});
      }
    }
  }

  std::vector<RecoverOutcome> outcomes;

 private:
  struct Job {
    RecoverOutcome outcome = {};
    std::string store = {};
    bool was_packed = false;
    bool has_meta = false;  // in the store
    int failures = 0;       // in a row: nothing of it went through
    Clock::time_point due = {};
    std::uint64_t asked = 0;
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
    adopt_.store_override = job.store;
    adopt_.again = options_.again && !job.was_packed;  // not at each try
    adopt_.upload.refusals = &store.refusals;
    job.asked = ++asked_;
    progress_.begin(job.outcome.journal);
    UploadOutcome upload;
    RecoverOutcome now = adopt_journal(job.outcome.journal.path, adopt_, &upload);
    const std::uint64_t packs = job.outcome.packs_shipped + now.packs_shipped;
    const std::uint64_t bytes = job.outcome.bytes_shipped + now.bytes_shipped;
    if (job.was_packed) {
      job.outcome.verdict = now.verdict;
      job.outcome.message = std::move(now.message);
      add_damage(job.outcome, now.damage);
    } else {
      JournalInfo info = std::move(job.outcome.journal);
      job.outcome = std::move(now);
      job.outcome.journal = std::move(info);
      job.was_packed = true;
    }
    job.outcome.packs_shipped = packs;
    job.outcome.bytes_shipped = bytes;
    job.has_meta = job.has_meta || upload.has_meta;
    if (asks) learn(job, store, upload);
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

  // What a later try came across: packs and artifacts are looked at when they can be sent.
  static void add_damage(RecoverOutcome& outcome, const std::vector<Damage>& more) {
    for (const Damage& one : more) {
      const bool is_told =
          std::any_of(outcome.damage.begin(), outcome.damage.end(), [&](const Damage& told) {
            return told.path == one.path && told.begin == one.begin && told.why == one.why;
          });
      if (is_told) continue;
      outcome.records_damaged += one.records_lost;
      outcome.damage.push_back(one);
    }
  }

  void learn(Job& job, StoreState& store, const UploadOutcome& upload) {
    if (is_over()) return;  // what failed may be our own interruption
    if (upload.went_through) {
      store.went_through = true;
      store.due = {};
      store.failures = 0;
      store.needs_owner = false;
      store.trouble.clear();
    }
    job.failures = upload.store_failed ? job.failures + 1 : 0;
    job.due = upload.refused_due;
    if (!upload.store_failed || !is_remote_store(job.store)) return;
    if (!store.went_through || upload.store_is_ill) {
      store.trouble = upload.error.message;
      store.needs_owner = upload.store_needs_owner;
    }
    if (upload.store_is_ill) {
      leave_alone(store, upload.not_before);
      job.due = {};
    } else {
      // It may be this journal that is refused: the others are asked for.
      job.due = Clock::now() + upload.not_before + backoff(job.failures);
    }
    if (upload.needs_owner || upload.rejected || !can_wait_for(job.store) || !options_.on_wait) {
      return;
    }
    if (told_.insert(job.store).second) options_.on_wait(upload.error.message);
  }

  static void leave_alone(StoreState& store, std::chrono::milliseconds asked_for) {
    const int failures = ++store.failures;
    store.went_through = false;
    store.due = Clock::now() + asked_for + backoff(failures);
    if (store.needs_owner) store.due += owner_backoff(failures);
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
    hand_out(std::move(outcome));
    progress_.end(outcomes.back());
  }

  void hand_out(RecoverOutcome outcome) {
    if (on_outcome_) on_outcome_(outcome);
    outcomes.push_back(std::move(outcome));
  }

  const RecoverOptions& options_;
  const std::function<void(const RecoverOutcome&)>& on_outcome_;
  const std::stop_token stop_;
  const Clock::time_point deadline_;
  RecoverCounter progress_;
  AdoptOptions adopt_;
  StoreMemory own_memory_;  // where the caller keeps none
  StoreMemory::State& memory_;
  std::set<std::string> told_;  // URLs
  std::vector<Job> waiting_;
  std::uint64_t asked_ = 0;
  Limit limit_;  // last: its threads use what is above
};

}  // namespace

Result<std::vector<RecoverOutcome>> recover(
    const std::filesystem::path& root, const RecoverOptions& options,
    const std::function<void(const RecoverOutcome&)>& on_outcome, const std::stop_token& stop) {
  const InCall in_call;
  return catch_no_memory([&]() -> Result<std::vector<RecoverOutcome>> {
    std::vector<Error> unread;
    std::vector<std::filesystem::path> others;
    auto journals = find_infos(root, unread, options.any_owner ? nullptr : &others);
    if (!journals) return std::move(journals).error();
    std::erase_if(*journals, [&](const JournalInfo& info) {
      return !parse_journal_name(info.path.filename().native()) ||  // seen in a store only
             !is_selected(options.runs, info.run_id);
    });
    for (const Error& one : unread) {
      if (options.on_unread) options.on_unread(one);
    }
    Recovery recovery(options, on_outcome, stop);
    recovery.expect(*journals);
    for (JournalInfo& info : *journals) {
      if (stop.stop_requested()) break;
      recovery.add(std::move(info));
    }
    for (const auto& path : others) recovery.pass_over(path);
    recovery.retry();
    return std::move(recovery.outcomes);
  });
}

}  // namespace runlog
