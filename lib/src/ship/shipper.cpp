#include "ship/shipper.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <thread>
#include <utility>

#include "base/out_of_memory.hpp"
#include "base/url.hpp"
#include "platform/directories.hpp"
#include "platform/file_digest.hpp"
#include "platform/file_lock.hpp"
#include "platform/file_system.hpp"
#include "platform/process.hpp"
#include "platform/process_exit.hpp"
#include "ship/waiting_check.hpp"
#include "store/backoff.hpp"
#include "store/object_name.hpp"

namespace runlog {
namespace {

using std::chrono::milliseconds;

/// Mostly waits; see decision 0004.
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
constexpr milliseconds kRetry_no_memory{250};
/// Where waiting packs may have to make room, so many at most are neither there for sure nor not.
constexpr std::size_t kSuspects_max = 8;

}  // namespace

Result<std::shared_ptr<Shipper>> Shipper::start(Settings settings) {
  const std::shared_ptr<Shipper> shipper(new Shipper(std::move(settings)));
  shipper->no_memory_ =
      Error{Errc::io, ENOMEM,
            "out of memory while shipping " + shipper->settings_.directory.path().native() +
                "; what waits is shipped when there is memory again"};
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
  } catch (const std::bad_alloc&) {
    return out_of_memory();
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

void Shipper::ship_after_stop() {
  {
    const std::lock_guard lock(mutex_);
    if (!has_ended_ || store_ == nullptr) return;
  }
  if (is_remote_store(settings_.store_url) || !has_uploads(settings_.directory)) return;
  stop_ = std::stop_source();
  ship_once(true);
}

Shipper::Stats Shipper::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

bool Shipper::is_waited_for() const {
  const std::lock_guard lock(mutex_);
  return waiters_ > 0 || is_urgent_;
}

void Shipper::ship_once(bool asks_refused) {
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = requested_;
    // Whoever made the request may just have mended what is refused.
    if (std::exchange(is_urgent_, false)) asks_refused = true;
  }
  UploadOutcome outcome;
  if (store_ != nullptr && has_uploads(settings_.directory)) {
    outcome = upload_waiting(
        settings_.directory, settings_.meta, *store_,
        {.keep_shipped = settings_.keep_shipped,
         .has_meta = has_meta_,
         .is_held_back = [this](auto pack) { return packs_.is_held_back(pack); },
         .sends = [this](auto pack) { packs_.sends(pack); },
         .arrived = [this](auto pack) { packs_.arrived(pack); },
         .in_doubt = [this](auto pack) { packs_.doubt(pack); },
         .check = [this](const auto& file) { return check_waiting(file); },
         .refusals = &refusals_[settings_.store_url],
         .suspects_max = settings_.meta.evicts_unshipped ? kSuspects_max
                                                         : std::numeric_limits<std::size_t>::max(),
         .asks_refused = asks_refused,
         .before_end = [this] { return check_end(); },
         .stop = stop_.get_token()});
    has_meta_ = outcome.has_meta;
  }
  // Where the store does not say whether it has one, the next pass asks again.
  const auto looked = look_for_packs();
  if (!looked && outcome.waiting == 0) {
    ++outcome.waiting;
    outcome.store_failed = true;
    outcome.error = looked.error();
  }
  // What the store refuses is asked for again in its own time; new packs do not wait for that.
  failures_ = outcome.store_failed ? failures_ + 1 : 0;
  is_pending_ = outcome.store_failed;
  refused_due_ = outcome.refused_due;
  plan_retry(outcome);
  if (!outcome.error.message.empty()) tell(outcome.error, outcome.needs_owner);
  if (!outcome.note.message.empty() && settings_.report) settings_.report(outcome.note);
  {
    const std::lock_guard lock(mutex_);
    stats_.packs += outcome.packs;
    stats_.bytes += outcome.bytes;
    stats_.records += outcome.records;
    stats_.refused = outcome.refused;
    if (outcome.waiting != 0) ++stats_.retries;
    // Of what was asked for meanwhile, the next pass tells.
    const bool is_whole = stats_.packs_gone == 0;
    if (ticket == requested_) {
      is_hopeless_ = outcome.rejected || outcome.needs_owner || (outcome.waiting == 0 && !is_whole);
    }
    if (outcome.waiting == 0 && is_whole) shipped_ = std::max(shipped_, ticket);
  }
  changed_.notify_all();
}

// What a job has made may have been damaged since, while the store was down for days. Whoever
// recovers it tells what is lost, and sends what is left.
Result<bool> Shipper::check_waiting(const std::filesystem::path& file) const {
  if (auto kind = check_kind_of_file(file); !kind) return std::move(kind).error();
  const std::string name = file.filename().native();
  if (const auto number = parse_numbered_name(name, kPack_suffix)) {
    auto checked = check_pages(file, settings_.meta, *number);
    return checked ? Result<bool>(true) : std::move(checked).error();
  }
  const auto digest = sha256_of_file(file);
  if (!digest) return digest.error();
  if (*digest == name) return true;
  return Error{Errc::corrupt, 0,
               file.native() + " has the SHA-256 " + *digest +
                   ": it was damaged and is not sent; runlog-recover will tell of it"};
}

void Shipper::expect_pack(std::uint32_t pack, std::uint64_t records) noexcept {
  if (store_ != nullptr) packs_.expect(pack, records);
}

// Tells of packs that somebody has removed before they were shipped. Errors: unavailable: whether
// the store has one all the same is not known.
Result<void> Shipper::look_for_packs() {
  const format::ObjectOwner owner = format::owner_of(settings_.meta);
  for (const auto& [number, records] : packs_.missing()) {
    const auto theirs = store_->head(format::pack_object(owner, number));
    if (!theirs && theirs.error().code != Errc::not_found) return theirs.error();
    packs_.arrived(number);  // or is told of, once
    if (theirs) continue;    // its answer was lost
    {
      const std::lock_guard lock(mutex_);
      ++stats_.packs_gone;
      stats_.records_gone += records;
    }
    if (!settings_.report) continue;
    settings_.report(Error{Errc::corrupt, 0,
                           settings_.directory.pack(number).native() +
                               " was removed before it was shipped; " + std::to_string(records) +
                               " records are lost"});
  }
  return {};
}

// An end says that all has arrived, and what has not.
Result<void> Shipper::check_end() {
  if (auto checked = check_refused(); !checked) return checked;
  if (auto looked = look_for_packs(); !looked) return looked;
  const std::uint64_t gone = stats().records_gone;
  if (gone == records_gone_in_end_) return {};
  const auto path = settings_.directory.end();
  const auto json = read_file(path, kMeta_bytes_max);
  auto end = json ? parse_end(*json, path.native()) : Result<End>(json.error());
  if (!end) return std::move(end).error();
  end->records_lost += gone - records_gone_in_end_;
  if (auto written = write_file_durably(path, to_json(*end, settings_.meta)); !written) {
    return written;
  }
  records_gone_in_end_ = gone;
  return {};
}

// Of an artifact that the store refused and that is gone since recovery tells.
Result<void> Shipper::check_refused() {
  for (const auto& file : refusals_[settings_.store_url].files()) {
    const bool is_ours = file.parent_path() == settings_.directory.blobs();
    if (!is_ours || !is_absent(file)) continue;
    if (!is_absent(settings_.directory.shipped() / file.filename())) continue;
    return Error{Errc::corrupt, 0,
                 file.native() +
                     ": the store had refused this artifact, and now it is gone; runlog-recover "
                     "will tell of it"};
  }
  return {};
}

void Shipper::plan_retry(const UploadOutcome& outcome) {
  const auto now = Clock::now();
  if (failures_ == 0) {
    next_try_ = store_free_at_ = now;
    return;
  }
  milliseconds pause = backoff(failures_);
  if (is_waited_for()) pause = std::min(pause, kBackoff_waited_for_max);
  // Who mends the permissions and asks again need not wait; a store that asked for time gets it.
  store_free_at_ = now + outcome.not_before;
  next_try_ = store_free_at_ + pause;
  if (outcome.store_needs_owner) next_try_ += owner_backoff(failures_);
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

void Shipper::tell_no_memory() noexcept {
  try {
    if (settings_.report) settings_.report(no_memory_);
  } catch (...) {
    // Nobody hears of it.
  }
}

void Shipper::adopt_neighbours(bool whole_root) {
  if (!settings_.adopt_neighbours) return;
  settings_.adopt_neighbours(
      {.whole_root = whole_root,
       .stores = stores_,
       .refusals = [this](const std::string& url) -> Refusals& { return refusals_[url]; },
       .stop = stop_.get_token(),
       .is_wanted_elsewhere = [this] { return is_waited_for(); },
       .count_adopted =
           [this] {
             const std::lock_guard lock(mutex_);
             ++stats_.adopted;
           }});
}

void Shipper::run() {
  const BackgroundThread background;
  block_asynchronous_signals();
  lower_own_priority(kNice);
  bool whole_root = true;
  auto next_adoption = std::max(Clock::now(), next_try_);
  bool is_urgent = false;
  while (!stop_.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      auto until = std::min(next_adoption, is_pending_ ? Clock::time_point::max() : refused_due_);
      if (is_pending_) until = std::min(until, is_urgent ? store_free_at_ : next_try_);
      changed_.wait_until(lock, until, [&] { return has_work_ || stop_.stop_requested(); });
      is_pending_ = is_pending_ || has_work_ || Clock::now() >= refused_due_;
      is_urgent = is_urgent || is_urgent_;
      has_work_ = false;
      is_urgent_ = false;
    }
    if (stop_.stop_requested()) break;
    try {
      if (is_pending_ && Clock::now() >= (is_urgent ? store_free_at_ : next_try_)) {
        ship_once(std::exchange(is_urgent, false));  // good for one attempt
      }
      // While the store does not answer us, it need not be asked for others either.
      if (Clock::now() >= next_adoption && failures_ == 0 && !stop_.stop_requested()) {
        next_adoption = Clock::now() + settings_.adopt_interval;
        adopt_neighbours(whole_root);
        whole_root = false;
        next_adoption = Clock::now() + settings_.adopt_interval;
      } else if (Clock::now() >= next_adoption) {
        next_adoption = Clock::now() + settings_.adopt_interval;
      }
    } catch (...) {
      // What is on disk is still there, and what had arrived is found to be there.
      is_pending_ = true;
      next_try_ = store_free_at_ = Clock::now() + kRetry_no_memory;
      tell_no_memory();
    }
  }
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
  }
  changed_.notify_all();
}

}  // namespace runlog
