// Shipper: the thread that talks to the store, so that a store that hangs delays only shipping. It
// reads packs/ and blobs/ when it is told to and when a retry is due, adopts dead journals beside
// its own in between, and knows nothing of segments.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "journal/journal_dir.hpp"
#include "journal/meta.hpp"
#include "runlog/result.hpp"
#include "ship/expected_packs.hpp"
#include "ship/uploader.hpp"
#include "store/store_set.hpp"

namespace runlog {

/// What the shipper's thread has for whoever adopts journals in it.
struct Adoptions {
  bool whole_root = false;  ///< else those of this run
  StoreSet& stores;
  std::function<Refusals&(const std::string& url)> refusals;
  std::stop_token stop;
  std::function<bool()> is_wanted_elsewhere;  ///< our own records first
  std::function<void()> count_adopted;
};

class Shipper : public std::enable_shared_from_this<Shipper> {
 public:
  struct Settings {
    JournalDir directory = {};
    Meta meta = {};
    std::string store_url = {};  ///< as given, secrets included; empty: local only
    /// Called in the shipper's thread every `adopt_interval`, while the store answers. Null: nobody
    /// is adopted.
    std::function<void(const Adoptions&)> adopt_neighbours = {};
    bool keep_shipped = true;
    std::chrono::milliseconds adopt_interval{30'000};  ///< and how often the run ships
    ExpectedPacks::Home home = {};
    std::function<void(const Error&)> report = {};
  };
  struct Stats {
    std::uint64_t packs = 0, bytes = 0, records = 0, retries = 0, adopted = 0;
    std::uint64_t refused = 0;                       ///< wait although the store takes others
    std::uint64_t packs_gone = 0, records_gone = 0;  ///< somebody removed them before they arrived
  };

  /// Opens the store; unsupported or invalid URLs are errors here, unreachable ones are not.
  static Result<std::shared_ptr<Shipper>> start(Settings settings);

  ~Shipper();

  /// There are new packs (or blobs, or an end). Any thread.
  void wake() noexcept;
  /// The pack of this number is not to be shipped, from before it appears in packs/ until its
  /// segments have left lanes/. One at a time; any thread.
  void hold_back(std::uint32_t pack) noexcept { packs_.hold_back(pack); }
  void hold_nothing_back() noexcept { packs_.hold_nothing_back(); }
  /// The pack of this number, with so many records, is in packs/: from now on it arrives in the
  /// store, or unless_busy_with() removes it, or it is told as lost. Any thread.
  void expect_pack(std::uint32_t pack, std::uint64_t records) noexcept;
  /// Does `work`, which removes that pack, unless it is held back, just being sent, or was sent in
  /// vain: it may be in the store already. Nothing is sent meanwhile. Any thread.
  template <typename Work>
  void unless_busy_with(std::uint32_t pack, Work&& work) {
    packs_.unless_busy_with(pack, std::forward<Work>(work));
  }
  /// A ticket for wait_shipped: everything in packs/ and blobs/ at the time of the call.
  std::uint64_t request() noexcept;
  /// `failed`: it cannot be shipped, or not before its owner has mended something.
  enum class Reached : std::uint8_t { yes, timeout, failed };
  Reached wait_shipped(std::uint64_t ticket, std::chrono::steady_clock::time_point deadline);
  /// Ends the thread; waits for it until `deadline`, then interrupts what it asks of the store. A
  /// thread that even so does not end within a second is left to die with the process.
  bool stop(std::chrono::steady_clock::time_point deadline);

  /// After stop() has returned true, in the caller's thread: what a directory can be given at once.
  void ship_after_stop();

  [[nodiscard]] bool has_store() const noexcept { return store_ != nullptr; }
  [[nodiscard]] Stats stats() const;

 private:
  explicit Shipper(Settings settings)
      : settings_(std::move(settings)), packs_(settings_.directory, settings_.home) {}
  using Clock = std::chrono::steady_clock;
  void run();
  void ship_once(bool asks_refused);
  void plan_retry(const UploadOutcome& outcome);
  [[nodiscard]] Result<bool> check_waiting(const std::filesystem::path& file) const;
  [[nodiscard]] Result<void> check_end();
  [[nodiscard]] Result<void> check_refused();
  [[nodiscard]] Result<void> look_for_packs();
  void tell(const Error& error, bool needs_owner);
  void tell_no_memory() noexcept;
  void adopt_neighbours(bool whole_root);
  [[nodiscard]] bool is_waited_for() const;

  Settings settings_;
  Error no_memory_;  // what is told then, made beforehand
  StoreSet stores_;
  ObjectStore* store_ = nullptr;  // in stores_; shipper thread only, after start
  std::thread thread_;            // joined by stop() if it ends in time, else left behind
  std::stop_source stop_;
  ExpectedPacks packs_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // with mutex_
  bool has_work_ = false;            // guarded by mutex_
  bool has_ended_ = false;           // guarded by mutex_
  bool is_urgent_ = false;           // guarded by mutex_: somebody waits, do not sit out a backoff
  bool is_hopeless_ = false;         // guarded by mutex_: what waits is not shipped by waiting
  int waiters_ = 0;                  // guarded by mutex_
  std::uint64_t requested_ = 0;      // guarded by mutex_
  std::uint64_t shipped_ = 0;        // guarded by mutex_: tickets up to this one are shipped
  Stats stats_;                      // guarded by mutex_

  // Shipper thread only.
  int failures_ = 0;                       // in a row
  bool is_pending_ = false;                // there is something to ship
  bool has_meta_ = false;                  // meta.json is in the store
  std::uint64_t records_gone_in_end_ = 0;  // that end.json tells of
  Clock::time_point refused_due_ = Clock::time_point::max();
  std::map<std::string, Refusals> refusals_;  // by URL: adopted journals may name other stores
  Clock::time_point next_try_ = {};           // not before, as we like it
  Clock::time_point store_free_at_ = {};      // not before, as the store likes it
  std::string told_;                          // the last error that was reported
  Clock::time_point told_at_ = {};
};

}  // namespace runlog
