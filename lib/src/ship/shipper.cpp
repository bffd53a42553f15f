#include "ship/shipper.hpp"

#include <algorithm>
#include <thread>

#include "platform/file_lock.hpp"
#include "platform/process.hpp"
#include "ship/adopt.hpp"
#include "ship/backoff.hpp"

namespace runlog {
namespace {

using std::chrono::milliseconds;

constexpr int kAdoptions_per_look_max = 64;
/// Mostly waits; see decision 0010.
constexpr int kNice = 10;
/// Ten thousand ranks start together; they need not ship together.
constexpr milliseconds kPhase_max{30'000};
/// While somebody waits for his records, a backoff is no longer than this.
constexpr milliseconds kBackoff_waited_for_max{2'000};
/// From interrupt() until a request has returned; see HttpClient.
constexpr milliseconds kInterrupt_patience{1'000};
/// The same trouble is told again after this; another one after the shorter time.
constexpr milliseconds kTell_same_after{600'000};
constexpr milliseconds kTell_other_after{60'000};
constexpr std::size_t kTold_adoptions_max = 256;

}  // namespace

Result<std::shared_ptr<Shipper>> Shipper::start(Settings settings) {
  const std::shared_ptr<Shipper> shipper(new Shipper(std::move(settings)));
  if (!shipper->settings_.store_url.empty()) {
    auto store = shipper->stores_.open(shipper->settings_.store_url);
    if (!store) return std::move(store).error();
    shipper->store_ = *store;
    if (is_remote_store(shipper->settings_.store_url)) {
      shipper->next_try_ =
          Clock::now() + random_phase(std::min(shipper->settings_.adopt_interval, kPhase_max));
    }
  }
  try {
    // The thread owns the shipper: one that hangs in a system call may outlive the run.
    shipper->thread_ = std::thread([shipper] { shipper->run(); });
  } catch (const std::system_error& error) {
    return os_error(error.code().value(), "cannot start the shipper's thread", "");
  }
  return shipper;
}

Shipper::~Shipper() {
  if (thread_.joinable()) thread_.detach();
}

void Shipper::wake() noexcept {
  {
    const std::lock_guard lock(mutex_);
    has_work_ = true;
  }
  changed_.notify_all();
}

std::uint64_t Shipper::request() noexcept {
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = ++requested_;
    has_work_ = true;
    is_hopeless_ = false;
    is_urgent_ = true;
  }
  changed_.notify_all();
  return ticket;
}

Shipper::Reached Shipper::wait_shipped(std::uint64_t ticket,
                                       std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  ++waiters_;
  const bool settled = changed_.wait_until(
      lock, deadline, [&] { return shipped_ >= ticket || is_hopeless_ || has_ended_; });
  --waiters_;
  if (shipped_ >= ticket) return Reached::yes;
  return settled ? Reached::failed : Reached::timeout;
}

bool Shipper::stop(std::chrono::steady_clock::time_point deadline) {
  stop_.request_stop();
  {
    std::unique_lock lock(mutex_);
    has_work_ = true;
    changed_.notify_all();
    const auto has_ended = [&] { return has_ended_; };
    if (!changed_.wait_until(lock, deadline, has_ended)) {
      lock.unlock();
      stores_.interrupt();
      lock.lock();
      if (!changed_.wait_for(lock, kInterrupt_patience, has_ended)) return false;
    }
  }
  if (thread_.joinable()) thread_.join();
  return true;
}

Shipper::Stats Shipper::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

bool Shipper::is_waited_for() const {
  const std::lock_guard lock(mutex_);
  return waiters_ > 0 || is_urgent_;
}

void Shipper::ship_once() {
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = requested_;
  }
  UploadOutcome outcome;
  if (store_ != nullptr && has_uploads(settings_.directory)) {
    outcome =
        upload_waiting(settings_.directory, settings_.meta, *store_,
                       {.keep_shipped = settings_.keep_shipped,
                        .has_meta = has_meta_,
                        .is_held_back = [this](std::uint32_t pack) { return held_back_ == pack; },
                        .stop = stop_.get_token()});
    has_meta_ = outcome.has_meta;
  }
  if (!settings_.keep_shipped && settings_.on_removed) settings_.on_removed(outcome.bytes);
  failures_ = outcome.waiting == 0 ? 0 : failures_ + 1;
  is_pending_ = outcome.waiting != 0;
  plan_retry(outcome);
  if (!outcome.error.message.empty()) tell(outcome.error, outcome.needs_owner);
  if (!outcome.note.message.empty() && settings_.report) settings_.report(outcome.note);
  {
    const std::lock_guard lock(mutex_);
    stats_.packs += outcome.packs;
    stats_.bytes += outcome.bytes;
    stats_.records += outcome.records;
    if (outcome.waiting != 0) ++stats_.retries;
    is_hopeless_ = outcome.rejected || outcome.needs_owner;
    if (outcome.waiting == 0) shipped_ = std::max(shipped_, ticket);
  }
  changed_.notify_all();
}

void Shipper::plan_retry(const UploadOutcome& outcome) {
  const auto now = Clock::now();
  if (failures_ == 0) {
    next_try_ = store_free_at_ = now;
    return;
  }
  milliseconds pause = backoff(failures_);
  if (is_waited_for()) pause = std::min(pause, kBackoff_waited_for_max);
  next_try_ = now + outcome.not_before + pause;
  // Who mends the permissions and asks again need not wait; a store that asked for time gets it.
  store_free_at_ = outcome.needs_owner ? now : now + outcome.not_before;
}

// One outage is one line, and another each ten minutes; retries are counted, not told.
void Shipper::tell(const Error& error, bool needs_owner) {
  const auto now = Clock::now();
  const bool is_other = error.message != told_;
  const bool is_first = told_.empty();
  const auto since = now - told_at_;
  const bool is_due = is_first || since >= kTell_same_after ||
                      (is_other && (needs_owner || since >= kTell_other_after));
  if (!is_due || !settings_.report) return;
  told_ = error.message;
  told_at_ = now;
  settings_.report(error);
}

// Forked children leave journals beside ours, and an earlier incarnation may have died with packs
// on disk. Theirs go to the store they name; ours is used when it is the same one, because only it
// has the secrets.
void Shipper::adopt_dead(bool whole_root) {
  const auto journals =
      find_journals(whole_root ? settings_.root : settings_.directory.path().parent_path());
  if (!journals) return;
  int adopted = 0;
  for (const auto& path : *journals) {
    // Our own records first.
    if (stop_.stop_requested() || adopted >= kAdoptions_per_look_max || is_waited_for()) return;
    if (path == settings_.directory.path()) continue;
    const JournalDir directory(path);
    const Meta meta = read_meta(directory);
    if (is_done(directory, !meta.store_url.empty()) || FileLock::is_held(directory.lock()))
      continue;
    // Nobody is there to judge whether locks reach other hosts: leave theirs to runlog-recover.
    if (may_lock_be_unseen(directory, meta, settings_.find_file_system)) continue;
    AdoptOptions options;
    options.stores = &stores_;
    options.find_file_system = settings_.find_file_system;
    if (meta.store_url == without_secrets(settings_.store_url)) {
      options.store_override = settings_.store_url;
    }
    options.upload.stop = stop_.get_token();
    options.upload.keep_shipped = settings_.keep_shipped;
    UploadOutcome uploaded;
    const RecoverOutcome outcome = adopt_journal(path, options, &uploaded);
    if (outcome.verdict == RecoverOutcome::Verdict::live) continue;
    ++adopted;
    if (outcome.verdict == RecoverOutcome::Verdict::shipped) {
      const std::lock_guard lock(mutex_);
      ++stats_.adopted;
      continue;
    }
    if (told_adoptions_.size() >= kTold_adoptions_max) told_adoptions_.clear();
    const std::string words = path.native() + ": " + outcome.message;
    if (settings_.report && told_adoptions_.insert(words).second) {
      settings_.report(Error{Errc::unavailable, 0, words});
    }
    if (uploaded.waiting != 0 && !uploaded.rejected)
      return;  // the store does not answer: next time
  }
}

void Shipper::run() {
  block_asynchronous_signals();
  lower_own_priority(kNice);
  bool whole_root = true;
  auto next_adoption = std::max(Clock::now(), next_try_);
  bool is_urgent = false;
  while (!stop_.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      auto until = next_adoption;
      if (is_pending_) until = std::min(until, is_urgent ? store_free_at_ : next_try_);
      changed_.wait_until(lock, until, [&] { return has_work_ || stop_.stop_requested(); });
      is_pending_ = is_pending_ || has_work_;
      is_urgent = is_urgent || is_urgent_;
      has_work_ = false;
      is_urgent_ = false;
    }
    if (stop_.stop_requested()) break;
    if (is_pending_ && Clock::now() >= (is_urgent ? store_free_at_ : next_try_)) {
      is_urgent = false;  // good for one attempt
      ship_once();
    }
    // While the store does not answer us, it need not be asked for others either.
    if (Clock::now() >= next_adoption && failures_ == 0 && !stop_.stop_requested()) {
      adopt_dead(whole_root);
      whole_root = false;
      next_adoption = Clock::now() + settings_.adopt_interval;
    } else if (Clock::now() >= next_adoption) {
      next_adoption = Clock::now() + settings_.adopt_interval;
    }
  }
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
  }
  changed_.notify_all();
}

}  // namespace runlog
