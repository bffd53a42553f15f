// Promise: a pack that is on its way to the store is not evicted to make room: it may be there
// already, and would be in the store and told as dropped as well.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>

#include "runlog/runlog.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/s3_bucket.hpp"

using namespace std::chrono_literals;

namespace {

const std::string kPack_suffix = ".parquet";
constexpr std::size_t kPack_name_length = 16;  // 00000000.parquet

// A bucket that has the first pack and does not say so before it is told to.
class SlowBucket {
 public:
  ~SlowBucket() { answer(); }

  [[nodiscard]] test::S3Bucket& bucket() { return bucket_; }
  /// The name of the pack that is on its way, in packs/.
  std::string wait_for_pack() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !sent_.empty(); });
    return sent_;
  }
  void answer() {
    const std::lock_guard lock(mutex_);
    may_answer_ = true;
    changed_.notify_all();
  }

 private:
  std::optional<test::ScriptedServer::Answer> hold(const test::ScriptedServer::Request& request) {
    if (request.method != "PUT" || !request.target.ends_with(kPack_suffix)) return {};
    std::unique_lock lock(mutex_);
    if (sent_.empty()) sent_ = request.target.substr(request.target.size() - kPack_name_length);
    changed_.notify_all();
    changed_.wait(lock, [&] { return may_answer_; });
    return {};
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string sent_;         // guarded by mutex_
  bool may_answer_ = false;  // guarded by mutex_
  test::S3Bucket bucket_{[this](const auto& request) { return hold(request); }};
};

// What has been in packs/, and what of it is not there any more.
class WaitingPacks {
 public:
  explicit WaitingPacks(std::filesystem::path directory) : directory_(std::move(directory)) {}
  void look() {
    std::set<std::string> there;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      if (entry.path().extension() == kPack_suffix) there.insert(entry.path().filename());
    }
    std::set_difference(seen_.begin(), seen_.end(), there.begin(), there.end(),
                        std::inserter(gone_, gone_.end()));
    seen_.insert(there.begin(), there.end());
  }
  [[nodiscard]] const std::set<std::string>& seen() const noexcept { return seen_; }
  [[nodiscard]] const std::set<std::string>& gone() const noexcept { return gone_; }

 private:
  std::filesystem::path directory_;
  std::set<std::string> seen_;
  std::set<std::string> gone_;
};

runlog::Result<runlog::Run> start(const test::TemporaryDirectory& root, const std::string& store,
                                  std::uint64_t disk_budget) {
  auto run = runlog::start_logging({.root = root.path(),
                                    .store = store,
                                    .sync_interval = 10ms,
                                    .ship_interval = 100ms,
                                    .pack_bytes = 64u << 10,
                                    .segment_bytes = 64u << 10,
                                    .disk_budget = disk_budget,
                                    .overflow = runlog::Overflow::drop_oldest_packed,
                                    .on_error = [](const runlog::Error&) {}});
  REQUIRE(run);
  return run;
}

// Of a run that has ended, and logged "loss" only.
void check_books(const std::filesystem::path& store, const runlog::Run& run, std::int64_t calls) {
  (void)test::check_books(store, {.accounts = {{"loss", static_cast<std::uint64_t>(calls)}},
                                  .tells_in_its_lane = false,
                                  .dropped = run.stats().dropped});
}

}  // namespace

TEST_CASE("a pack that is being sent is not evicted, and others are") {
  SlowBucket slow;
  const test::TemporaryDirectory root;
  const test::TemporaryDirectory store;
  auto run = start(root, slow.bucket().url(), 512u << 10);
  auto metric = run->metric("loss");
  std::int64_t step = 0;
  const auto log_some = [&] {
    for (int i = 0; i < 1000; ++i, ++step) metric.log(step, step);
  };
  log_some();
  run->flush();
  const std::string sent = slow.wait_for_pack();

  // Nothing is shipped meanwhile: a pack that goes was evicted.
  WaitingPacks packs(run->journal_path() / "packs");
  while (packs.gone().empty()) {
    packs.look();
    log_some();
  }
  CHECK(packs.seen().contains(sent));
  CHECK_FALSE(packs.gone().contains(sent));

  slow.answer();
  CHECK(run->wait_until(runlog::Stage::Shipped, 60s) == runlog::Wait::Done);
  run->complete();
  CHECK(slow.bucket().count(sent) == 1);
  CHECK(run->stats().dropped > 0);
  slow.bucket().save_to(store.path());
  check_books(store.path(), *run, step);
}

TEST_CASE("a pack whose answer was lost is not evicted: it may have arrived") {
  // The bucket keeps what it is sent, and answers nothing that helps.
  std::atomic<bool> is_ill = true;
  std::mutex mutex;
  std::set<std::string> arrived;
  test::S3Bucket* kept = nullptr;
  test::S3Bucket bucket([&](const test::ScriptedServer::Request& request)
                            -> std::optional<test::ScriptedServer::Answer> {
    if (request.method != "PUT" || !request.target.ends_with(kPack_suffix) || !is_ill) return {};
    {
      const std::lock_guard lock(mutex);
      arrived.insert(request.target.substr(request.target.size() - kPack_name_length));
    }
    kept->accept(request);
    return test::ScriptedServer::Answer{test::http_answer(503)};
  });
  kept = &bucket;
  const test::TemporaryDirectory root;
  const test::TemporaryDirectory store;
  auto run = start(root, bucket.url(), 1u << 20);
  auto metric = run->metric("loss");
  std::int64_t step = 0;
  WaitingPacks packs(run->journal_path() / "packs");
  const auto has_arrived = [&] {
    const std::lock_guard lock(mutex);
    return !arrived.empty();
  };
  while (packs.gone().empty() || !has_arrived()) {
    for (int i = 0; i < 1000; ++i, ++step) metric.log(step, step);
    run->flush();
    packs.look();
  }
  {
    const std::lock_guard lock(mutex);
    for (const std::string& pack : arrived) CHECK_FALSE(packs.gone().contains(pack));
  }
  is_ill = false;
  CHECK(run->wait_until(runlog::Stage::Shipped, 60s) == runlog::Wait::Done);
  run->complete();
  CHECK(run->stats().dropped > 0);
  bucket.save_to(store.path());
  check_books(store.path(), *run, step);
}
