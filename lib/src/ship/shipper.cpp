#include "ship/shipper.hpp"

#include <algorithm>
#include <random>
#include <thread>

#include "platform/file_lock.hpp"
#include "platform/process.hpp"
#include "ship/adopt.hpp"

namespace runlog {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBackoff_first{500};
constexpr std::chrono::milliseconds kBackoff_max{60'000};
constexpr int kAdoptions_per_look_max = 64;
/// Mostly waits; see decision 0010.
constexpr int kNice = 10;

// Full jitter: U(0, min(60 s, 0.5 s · 2^n)). Its own generator, so the user's seeded one is not
// drawn from.
std::chrono::milliseconds backoff(int failures) {
  static thread_local std::minstd_rand random(std::random_device{}());
  const int doublings = std::min(failures, 7);
  const auto limit = std::min(kBackoff_max, kBackoff_first * (1 << doublings));
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::int64_t>(50, limit.count())(random));
}

}  // namespace

Result<std::shared_ptr<Shipper>> Shipper::start(Settings settings) {
  const std::shared_ptr<Shipper> shipper(new Shipper(std::move(settings)));
  if (!shipper->settings_.store_url.empty()) {
    auto store = open_store(shipper->settings_.store_url);
    if (!store) return std::move(store).error();
    shipper->store_ = std::move(*store);
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
    rejected_ = false;
    failures_hint_ = true;
  }
  changed_.notify_all();
  return ticket;
}

Shipper::Reached Shipper::wait_shipped(std::uint64_t ticket, Clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  const bool settled = changed_.wait_until(
      lock, deadline, [&] { return shipped_ >= ticket || rejected_ || has_ended_; });
  if (shipped_ >= ticket) return Reached::yes;
  return settled ? Reached::failed : Reached::timeout;
}

bool Shipper::stop(Clock::time_point deadline) {
  stop_.request_stop();
  {
    std::unique_lock lock(mutex_);
    has_work_ = true;
    changed_.notify_all();
    if (!changed_.wait_until(lock, deadline, [&] { return has_ended_; })) return false;
  }
  if (thread_.joinable()) thread_.join();
  return true;
}

Shipper::Stats Shipper::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Shipper::ship_once() {
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = requested_;
  }
  UploadOutcome outcome;
  if (store_ != nullptr && has_uploads(settings_.directory)) {
    outcome = upload_waiting(settings_.directory, settings_.meta, *store_,
                             {.keep_shipped = settings_.keep_shipped, .stop = stop_.get_token()});
  }
  if (!settings_.keep_shipped && settings_.on_removed) settings_.on_removed(outcome.bytes);
  failures_ = outcome.waiting == 0 ? 0 : failures_ + 1;
  if (!outcome.error.message.empty() && settings_.report) settings_.report(outcome.error);
  {
    const std::lock_guard lock(mutex_);
    stats_.packs += outcome.packs;
    stats_.bytes += outcome.bytes;
    stats_.records += outcome.records;
    if (outcome.waiting != 0) ++stats_.retries;
    rejected_ = outcome.rejected;
    if (outcome.waiting == 0) shipped_ = std::max(shipped_, ticket);
  }
  changed_.notify_all();
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
    if (stop_.stop_requested() || adopted >= kAdoptions_per_look_max) return;
    if (path == settings_.directory.path()) continue;
    const JournalDir directory(path);
    const Meta meta = read_meta(directory);
    if (is_done(directory, !meta.store_url.empty()) || FileLock::is_held(directory.lock()))
      continue;
    AdoptOptions options;
    if (meta.store_url == without_secrets(settings_.store_url)) {
      options.store_override = settings_.store_url;
    }
    options.upload.stop = stop_.get_token();
    options.upload.keep_shipped = settings_.keep_shipped;
    const RecoverOutcome outcome = adopt_journal(path, options);
    if (outcome.verdict == RecoverOutcome::Verdict::live) continue;
    ++adopted;
    if (outcome.verdict == RecoverOutcome::Verdict::shipped) {
      const std::lock_guard lock(mutex_);
      ++stats_.adopted;
    } else if (settings_.report) {
      settings_.report(Error{Errc::unavailable, 0, path.native() + ": " + outcome.message});
    }
  }
}

void Shipper::run() {
  block_asynchronous_signals();
  lower_own_priority(kNice);
  bool whole_root = true;
  auto next_adoption = Clock::now();
  auto next_try = Clock::now();
  while (!stop_.stop_requested()) {
    bool wanted = false;
    {
      std::unique_lock lock(mutex_);
      const auto until = failures_ > 0 ? std::min(next_adoption, next_try) : next_adoption;
      changed_.wait_until(lock, until, [&] { return has_work_ || stop_.stop_requested(); });
      wanted = has_work_ && (failures_ == 0 || failures_hint_);
      has_work_ = false;
      failures_hint_ = false;
    }
    const auto now = Clock::now();
    if (wanted || (failures_ > 0 && now >= next_try)) {
      ship_once();
      if (failures_ > 0) next_try = Clock::now() + backoff(failures_);
    }
    if (now >= next_adoption && !stop_.stop_requested()) {
      adopt_dead(whole_root);
      whole_root = false;
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
