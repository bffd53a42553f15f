// Whose fault a put that fails is: an object that is refused while others go through is set aside
// and keeps none of them waiting; where nothing goes through it is the store, and it is left alone.
#include "ship/refusals.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "ship/uploader.hpp"
#include "store/backoff.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

using namespace runlog;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

PutAnswer busy() {
  return {.error = {Errc::unavailable, 0, "500"}};
}
PutAnswer closed() {
  return {.error = {Errc::read_only, 0, "403"}, .needs_owner = true};
}
PutAnswer stored() {
  return {.verdict = PutAnswer::Verdict::stored};
}

// Refuses the objects whose names hold one of these.
class PickyStore final : public ObjectStore {
 public:
  std::set<std::string> refused = {};
  std::function<PutAnswer()> refusal = busy;
  std::vector<std::string> asked = {};

  PutAnswer put(const std::string& name, const fs::path&) override {
    asked.push_back(name.substr(name.rfind('-') + 1));
    const bool is_refused =
        std::any_of(refused.begin(), refused.end(),
                    [&](const std::string& part) { return name.find(part) != std::string::npos; });
    return is_refused ? refusal() : stored();
  }
  Result<std::string> sha256(const std::string&) override { return none(); }
  Result<ObjectInfo> head(const std::string&) override { return none(); }
  Result<void> list(const std::string&, bool, const Visit&) override { return none(); }
  Result<void> get(const std::string&, ByteRange, const Sink&) override { return none(); }
  Result<void> remove(const std::string&) override { return none(); }
  [[nodiscard]] std::string url() const override { return "picky"; }

 private:
  static Error none() { return {Errc::unsupported, 0, "put only"}; }
};

// A journal with packs, an end, and no meta.json unless a test makes one.
struct Waiting {
  explicit Waiting(std::uint32_t packs) {
    REQUIRE(journal.create());
    for (std::uint32_t number = 0; number < packs; ++number) write(journal.pack(number));
    write(journal.end());
  }
  static void write(const fs::path& path) { std::ofstream(path) << "bytes"; }

  UploadOutcome pass(UploadOptions options = {}) {
    options.refusals = &refusals;
    store.asked.clear();
    return upload_waiting(journal, {.run_id = "r", .project = "p", .session = "s"}, store, options);
  }
  [[nodiscard]] bool has_ended() const { return fs::exists(journal.shipped() / "end.json"); }
  [[nodiscard]] std::ptrdiff_t waiting_packs() const {
    return std::distance(fs::directory_iterator(journal.packs()), fs::directory_iterator());
  }

  test::TemporaryDirectory directory;
  JournalDir journal{directory.path()};
  PickyStore store;
  Refusals refusals;
};

}  // namespace

TEST_CASE("an object that is refused keeps no other one waiting, but the end") {
  for (const auto& refusal : {busy, closed}) {
    Waiting job(6);
    job.store.refused = {"00000001.parquet"};
    job.store.refusal = refusal;
    const auto first = job.pass();
    CHECK(first.packs == 5);
    CHECK(first.waiting == 1);
    CHECK(first.refused == 1);
    CHECK_FALSE(first.store_failed);
    CHECK_FALSE(job.has_ended());
    CHECK(first.refused_due > std::chrono::steady_clock::now());

    // It has its own time, in which new packs do not wait for it.
    Waiting::write(job.journal.pack(7));
    const auto second = job.pass();
    CHECK(job.store.asked == std::vector<std::string>{"00000007.parquet"});
    CHECK(second.packs == 1);
    CHECK(second.refused == 1);
    CHECK(second.error.message == first.error.message);

    job.store.refused.clear();
    const auto mended = job.pass({.asks_refused = true});
    CHECK(mended.waiting == 0);
    CHECK(job.has_ended());
  }
}

TEST_CASE("a refused meta.json or artifact keeps no pack waiting, but the end") {
  Waiting job(3);
  Waiting::write(job.journal.meta());
  const std::string blob(64, 'a');
  Waiting::write(job.journal.blobs() / blob);
  job.store.refused = {"_runlog/"};
  job.store.refusal = closed;
  const auto outcome = job.pass();
  CHECK(outcome.packs == 3);
  CHECK(outcome.refused == 2);
  CHECK_FALSE(outcome.has_meta);
  CHECK_FALSE(job.has_ended());
  job.store.refused = {blob};
  CHECK(job.pass({.asks_refused = true}).has_meta);
  CHECK_FALSE(job.has_ended());
}

TEST_CASE("a store that takes nothing is asked for two objects, and none of them is blamed") {
  Waiting job(6);
  job.store.refused = {"parquet"};
  for (int pass = 0; pass < 5; ++pass) {
    const auto outcome = job.pass();
    CHECK(job.store.asked.size() == 2);
    CHECK(outcome.store_failed);
    CHECK(outcome.store_is_ill);
    CHECK_FALSE(outcome.store_needs_owner);
    CHECK(outcome.waiting == 6);
    CHECK(outcome.refused == 0);
  }
  job.store.refused.clear();
  CHECK(job.pass().packs == 6);
  CHECK(job.has_ended());
}

TEST_CASE("a single object that fails may be the store as well") {
  Waiting job(1);
  job.store.refused = {"parquet"};
  const auto outcome = job.pass();
  CHECK(outcome.store_failed);
  CHECK_FALSE(outcome.store_is_ill);  // another journal's object tells
  CHECK(outcome.refused == 0);
}

TEST_CASE("however many objects are refused, those that are not have their turn") {
  Waiting job(9);
  for (int number = 0; number < 7; ++number) {
    job.store.refused.insert("0000000" + std::to_string(number) + ".parquet");
  }
  for (int passes = 0; job.waiting_packs() > 7; ++passes) {
    REQUIRE(passes < 6);
    (void)job.pass();
  }
}

TEST_CASE("a job that may evict packs leaves few of them in doubt") {
  Waiting job(20);
  job.store.refused.insert(".parquet");
  std::set<std::string> asked;
  const auto pass = [&] {
    (void)job.pass({.suspects_max = 4});
    asked.insert(job.store.asked.begin(), job.store.asked.end());
  };
  for (int passes = 0; passes < 20; ++passes) pass();
  CHECK(asked.size() == 4);
  SECTION("until the store is well") {
    job.store.refused.clear();
  }
  SECTION("until one of them is there, which shows that the others are refused") {
    job.store.refused = {"00000001.parquet", "00000002.parquet"};
  }
  const auto left = static_cast<std::ptrdiff_t>(job.store.refused.size());
  for (int passes = 0; job.waiting_packs() > left; ++passes) {
    REQUIRE(passes < 6);
    pass();
  }
}

TEST_CASE("a store that is closed as a whole is not asked for everything") {
  Waiting job(50);
  job.store.refused = {"parquet"};
  job.store.refusal = closed;
  const auto outcome = job.pass();
  CHECK(job.store.asked.size() == 4);
  CHECK(outcome.store_failed);
  CHECK(outcome.store_needs_owner);
  CHECK_FALSE(outcome.store_is_ill);  // it may be this journal
  for (int pass = 0; pass < 6; ++pass) CHECK_FALSE(job.pass().store_is_ill);
  CHECK(job.pass().store_is_ill);
  // But what it closes is no limit once something goes through.
  job.store.refused.clear();
  for (int number = 10; number < 49; ++number) {
    job.store.refused.insert("000000" + std::to_string(number) + ".parquet");
  }
  UploadOutcome open;
  for (int passes = 0; job.waiting_packs() > 39; ++passes) {
    REQUIRE(passes < 12);
    open = job.pass();
  }
  CHECK(open.refused >= 4);
  CHECK_FALSE(open.store_failed);
}

TEST_CASE("a store that asks for time gets it at once") {
  Waiting job(6);
  job.store.refused = {"00000002.parquet"};
  job.store.refusal = [] {
    PutAnswer answer = busy();
    answer.not_before = 5s;
    return answer;
  };
  const auto outcome = job.pass();
  CHECK(job.store.asked.size() == 3);
  CHECK(outcome.store_failed);
  CHECK(outcome.not_before == 5s);
  // Always for the same object, it keeps the others waiting no longer than that.
  CHECK(job.pass().packs == 3);
}

TEST_CASE("what is refused for good is not sent again soon, whoever asks") {
  Waiting job(2);
  job.store.refused = {"00000000.parquet"};
  const bool is_taken = GENERATE(true, false);
  job.store.refusal = [is_taken] {
    PutAnswer answer = busy();
    if (is_taken) answer.verdict = PutAnswer::Verdict::reject;
    if (!is_taken) answer.concerns_object_only = true;
    return answer;
  };
  const auto outcome = job.pass();
  CHECK(outcome.packs == 1);
  CHECK(outcome.rejected == is_taken);
  CHECK_FALSE(outcome.store_failed);
  CHECK(job.pass({.asks_refused = true}).refused == 1);
  CHECK(job.store.asked.empty());
}

TEST_CASE("what fails when time is over is nobody's fault") {
  Waiting job(3);
  job.store.refused = {"parquet"};
  std::stop_source stop;
  job.store.refusal = [&] {
    stop.request_stop();
    return busy();
  };
  const auto outcome = job.pass({.stop = stop.get_token()});
  CHECK(outcome.waiting == 3);
  CHECK_FALSE(job.refusals.has_suspects());
}

TEST_CASE("what a store refuses of one journal is seen by what it takes of another") {
  Waiting job(1);
  job.store.refused = {"parquet"};
  CHECK(job.pass().store_failed);
  REQUIRE(job.refusals.has_suspects());
  const auto now = std::chrono::steady_clock::now();
  job.refusals.blame_suspects(now);
  CHECK_FALSE(job.refusals.has_suspects());
  const auto* const known = job.refusals.find(job.journal.pack(0));
  REQUIRE(known != nullptr);
  CHECK(known->due > now);
}

TEST_CASE("what is known of refusals is bounded, and the oldest are forgotten first") {
  Refusals refusals;
  refusals.begin_pass();
  for (int number = 0; number < 5000; ++number) {
    refusals.failed(std::to_string(number), closed());
  }
  CHECK(refusals.find("0") == nullptr);
  CHECK(refusals.find("4999") != nullptr);
}

TEST_CASE("a refused object is asked for at growing intervals, up to 15 minutes") {
  const auto check = [](const PutAnswer& answer, std::chrono::milliseconds first) {
    for (int times = 1; times <= 40; ++times) {
      const auto most =
          std::min<std::chrono::milliseconds>(15min, first * (1 << std::min(times - 1, 20)));
      const auto drawn = refusal_backoff(times, answer);
      CHECK(drawn >= most / 2);
      CHECK(drawn <= most);
    }
  };
  check(busy(), 1s);
  check(closed(), 1min);
  PutAnswer asks_for_time = busy();
  asks_for_time.not_before = 5min;
  CHECK(refusal_backoff(1, asks_for_time) == 5min);
  PutAnswer too_large = busy();
  too_large.concerns_object_only = true;
  CHECK(refusal_backoff(1, too_large) == 15min);
}

TEST_CASE("a store that only its owner can mend is asked after 1, 2, 4, and so on to 15 minutes") {
  const std::chrono::milliseconds expected[] = {1min, 2min, 4min, 8min, 15min, 15min};
  int failures = 0;
  for (const auto wait : expected) CHECK(owner_backoff(++failures) == wait);
  CHECK(owner_backoff(1'000'000) == 15min);
}
