// Promise: an object that the store always refuses keeps only itself waiting, and the end of its
// journal: not the later packs, not the other journals of a root, not the dead ones a job adopts.
#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/s3_bucket.hpp"
#include "support/scripted_server.hpp"

using namespace std::chrono_literals;
using test::http_answer;
using test::ScriptedServer;
using Then = ScriptedServer::Answer::Then;
using Verdict = runlog::RecoverOutcome::Verdict;

namespace {

const std::string kFirst_pack = "-00000000.parquet";
const std::string kFirst_of_x = "run_id%3Dx/rank%3D00000/";

// A bucket that refuses some objects.
class Bucket {
 public:
  using Refuses = std::function<bool(const std::string& target)>;
  Bucket() = default;
  Bucket(Refuses refuses, ScriptedServer::Answer refusal)
      : refuses_(std::move(refuses)), refusal_(std::move(refusal)) {}

  [[nodiscard]] std::string url() const { return bucket_.url(); }
  [[nodiscard]] std::size_t count(const std::string& part) const { return bucket_.count(part); }
  void set_refused(Refuses refuses) {
    const std::lock_guard lock(mutex_);
    refuses_ = std::move(refuses);
  }

 private:
  std::optional<ScriptedServer::Answer> refuse(const ScriptedServer::Request& request) {
    const std::lock_guard lock(mutex_);
    if (request.method == "HEAD" || !refuses_ || !refuses_(request.target)) return std::nullopt;
    return refusal_;
  }

  std::mutex mutex_;
  Refuses refuses_;  // guarded by mutex_
  ScriptedServer::Answer refusal_;
  test::S3Bucket bucket_{[this](const auto& request) { return refuse(request); }};
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

runlog::Options options(const test::TemporaryDirectory& directory, const std::string& run_id,
                        const std::string& store) {
  runlog::Options all;
  all.root = directory / "runs";
  all.run_id = run_id;
  all.store = store;
  all.ship_interval = 100ms;
  all.pack_bytes = 64u << 10;
  all.segment_bytes = 64u << 10;
  all.on_error = [](const runlog::Error&) {};
  return all;
}

runlog::Run start(runlog::Options given) {
  auto run = runlog::start_logging(std::move(given));
  INFO((run ? "" : run.error().message));
  REQUIRE(run);
  return *run;
}

// A journal that has ended and of which nothing has been shipped; x has several packs.
void leave_journal(const test::TemporaryDirectory& directory, const std::string& run_id,
                   const std::string& store = "") {
  auto given = options(directory, run_id, store);
  if (!store.empty()) given.finish_deadline = 1ms;
  given.ship_interval = 1h;
  auto run = start(given);
  const auto packs = [&] {
    return std::distance(std::filesystem::directory_iterator(run.journal_path() / "packs"),
                         std::filesystem::directory_iterator());
  };
  for (int step = 0; step < 10; ++step) run.log("loss", 1.0, step);
  while (run_id == "x" && packs() < 4) {
    run.log("loss", 1.0);
    run.flush();
    std::this_thread::yield();
  }
  run.complete();
}

std::size_t packs_of(const test::TemporaryDirectory& directory) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory / "runs")) {
    count += entry.path().extension() == ".parquet";
  }
  return count;
}

std::map<std::string, Verdict> verdicts(const std::vector<runlog::RecoverOutcome>& outcomes) {
  std::map<std::string, Verdict> all;
  for (const auto& outcome : outcomes) all[outcome.journal.run_id] = outcome.verdict;
  return all;
}

const std::vector<ScriptedServer::Answer> kRefusals = {{http_answer(400)}, {http_answer(403)},
                                                       {http_answer(404)}, {http_answer(409)},
                                                       {http_answer(500)}, {"", Then::reset}};

}  // namespace

TEST_CASE("whatever a store answers for one object, recover ships the rest of the root") {
  for (const auto& refusal : kRefusals) {
    // One try each: a reset may take the connection of the object before along.
    if (refusal.then == Then::reset) continue;
    INFO(refusal.bytes);
    const test::TemporaryDirectory directory;
    for (const char* run_id : {"x", "y", "z"}) leave_journal(directory, run_id);
    const std::size_t packs = packs_of(directory);
    REQUIRE(packs > 4);
    Bucket bucket(
        [](const auto& target) { return holds(target, kFirst_of_x) && holds(target, kFirst_pack); },
        refusal);
    auto outcomes = runlog::recover(directory / "runs", {.store = bucket.url(), .retries = false});
    REQUIRE(outcomes);
    CHECK(verdicts(*outcomes) == std::map<std::string, Verdict>{{"x", Verdict::waiting},
                                                                {"y", Verdict::shipped},
                                                                {"z", Verdict::shipped}});
    CHECK(bucket.count(".parquet") == packs - 1);
    CHECK(bucket.count(".end.json") == 2);
    for (const auto& outcome : *outcomes) {
      INFO(outcome.message);
      CHECK((outcome.verdict == Verdict::shipped || holds(outcome.message, kFirst_pack)));
    }

    bucket.set_refused({});
    outcomes = runlog::recover(directory / "runs", {.store = bucket.url()});
    REQUIRE(outcomes);
    for (const auto& outcome : *outcomes) CHECK(outcome.verdict == Verdict::shipped);
    CHECK(bucket.count(".parquet") == packs);
    CHECK(bucket.count(".end.json") == 3);
  }
}

TEST_CASE("a journal of which the store takes nothing keeps no other one waiting") {
  for (const auto& refusal : kRefusals) {
    INFO(refusal.bytes);
    const test::TemporaryDirectory directory;
    for (const char* run_id : {"x", "y", "z"}) leave_journal(directory, run_id);
    const Bucket bucket([](const auto& target) { return holds(target, "run_id%3Dx/"); }, refusal);
    // What may pass is asked for until the time is over; that is not waited for here.
    std::stop_source stop;
    int shipped = 0;
    const auto outcomes = runlog::recover(
        directory / "runs", {.store = bucket.url()},
        [&](const runlog::RecoverOutcome& outcome) {
          shipped += outcome.verdict == Verdict::shipped;
          if (shipped == 2) stop.request_stop();
        },
        stop.get_token());
    REQUIRE(outcomes);
    CHECK(verdicts(*outcomes) == std::map<std::string, Verdict>{{"x", Verdict::waiting},
                                                                {"y", Verdict::shipped},
                                                                {"z", Verdict::shipped}});
    CHECK(bucket.count("run_id%3Dx/") == 0);
  }
}

TEST_CASE("what a store refuses of one journal is left alone over looks, and others are not") {
  const test::TemporaryDirectory directory;
  for (const char* run_id : {"x", "y"}) leave_journal(directory, run_id);
  int asked = 0;
  Bucket bucket(
      [&](const auto& target) {
        const bool is_refused = holds(target, "run_id%3Dx/");
        asked += is_refused;
        return is_refused;
      },
      {http_answer(403)});
  runlog::StoreMemory memory;
  const auto look = [&] {
    return runlog::recover(directory / "runs",
                           {.store = bucket.url(), .retries = false, .memory = &memory});
  };
  REQUIRE(look());
  CHECK(asked > 0);
  for (int looks = 0; looks < 10 && asked > 0; ++looks) {  // for what those before left out
    asked = 0;
    REQUIRE(look());
  }
  CHECK(asked == 0);
  const test::TemporaryDirectory elsewhere;  // a job here would adopt x
  leave_journal(elsewhere, "z");
  std::filesystem::rename(elsewhere / "runs/z", directory / "runs/z");
  const auto outcomes = look();
  REQUIRE(outcomes);
  CHECK(verdicts(*outcomes) == std::map<std::string, Verdict>{{"x", Verdict::waiting},
                                                              {"y", Verdict::shipped},
                                                              {"z", Verdict::shipped}});
  CHECK(asked == 0);
}

TEST_CASE("a job whose store refuses one pack ships the later ones, and says what waits") {
  for (const auto& refusal : kRefusals) {
    INFO(refusal.bytes);
    Bucket bucket([](const auto& target) { return holds(target, kFirst_pack); }, refusal);
    const test::TemporaryDirectory directory;
    auto run = start(options(directory, "r", bucket.url()));
    int step = 0;
    while (bucket.count(".parquet") < 3) {
      const auto made = run.stats().packs_made;
      run.log("loss", 1.0, step++);
      run.flush();
      while (run.stats().packs_made == made) std::this_thread::yield();
    }
    while (run.stats().objects_refused == 0) std::this_thread::yield();
    CHECK(run.stats().objects_refused == 1);
    CHECK(run.stats().packs_waiting >= 1);
    // A reset may take the object before along, which is told first then.
    if (!refusal.bytes.empty()) CHECK(holds(run.stats().last_error, kFirst_pack));
    CHECK(bucket.count(kFirst_pack) == 0);

    bucket.set_refused({});
    CHECK(run.wait_until(runlog::Stage::Shipped, 60s) == runlog::Wait::Done);
    CHECK(bucket.count(kFirst_pack) == 1);
    CHECK(run.stats().objects_refused == 0);
    run.complete();
    CHECK(bucket.count(".end.json") == 1);
  }
}

TEST_CASE("a job that ends with a refused pack leaves that pack and its end, and nothing else") {
  Bucket bucket([](const auto& target) { return holds(target, kFirst_pack); }, {http_answer(403)});
  const test::TemporaryDirectory directory;
  auto run = start(options(directory, "r", bucket.url()));
  for (int step = 0; step < 20'000; ++step) run.log("loss", 1.0, step);
  const auto journal = run.journal_path();
  run.complete();
  CHECK(bucket.count(".end.json") == 0);
  const auto waiting = std::distance(std::filesystem::directory_iterator(journal / "packs"),
                                     std::filesystem::directory_iterator());
  CHECK(waiting == 1);
  CHECK(bucket.count(".parquet") > 1);
}

TEST_CASE("a dead journal with a refused pack keeps no other one from being adopted") {
  for (const auto& refusal : kRefusals) {
    INFO(refusal.bytes);
    Bucket bucket([](const auto&) { return true; }, refusal);
    const test::TemporaryDirectory directory;
    for (const char* run_id : {"x", "y"}) leave_journal(directory, run_id, bucket.url());
    bucket.set_refused([](const auto& target) {
      return holds(target, kFirst_of_x) && holds(target, kFirst_pack);
    });
    auto run = start(options(directory, "job", bucket.url()));
    while (run.stats().journals_adopted < 1) std::this_thread::yield();
    run.complete();
    CHECK(run.stats().journals_adopted == 1);
    CHECK(bucket.count(".end.json") == 2);  // of y and the job
  }
}

namespace {

bool is_artifact(const std::string& target) {
  return holds(target, "/blobs/");
}

std::filesystem::path only_blob(const std::filesystem::path& journal) {
  const std::filesystem::directory_iterator first(journal / "blobs");
  REQUIRE(first != std::filesystem::directory_iterator());
  return first->path();
}

bool tells_of(const runlog::RecoverOutcome& outcome, const std::filesystem::path& blob) {
  return std::any_of(outcome.damage.begin(), outcome.damage.end(),
                     [&](const auto& one) { return one.path == blob.native(); });
}

}  // namespace

TEST_CASE(
    "an artifact that was refused and is gone is told before the end says that all is there") {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "file") << "twelve bytes";
  auto run = start(options(directory, "x", ""));
  run.log("loss", 1.0, 1);
  REQUIRE(run.upload_file("output", directory / "file"));
  run.complete();
  Bucket bucket(is_artifact, {http_answer(403)});
  const auto recover = [&] {
    auto outcomes = runlog::recover(directory / "runs", {.store = bucket.url(), .retries = false});
    REQUIRE(outcomes);
    REQUIRE(outcomes->size() == 1);
    return outcomes->front();
  };
  CHECK(recover().verdict == Verdict::waiting);
  CHECK(bucket.count(".parquet") == 1);
  CHECK(bucket.count(".end.json") == 0);
  const auto blob = only_blob(run.journal_path());
  std::filesystem::remove(blob);
  const auto outcome = recover();
  INFO(outcome.message);
  CHECK(outcome.verdict == Verdict::shipped);
  CHECK(tells_of(outcome, blob));
  CHECK(bucket.count(".end.json") == 1);
}

TEST_CASE("nor does a live job say so of such an artifact, and recovery tells of it") {
  for (const bool keeps : {true, false}) {
    INFO(keeps);
    const test::TemporaryDirectory directory;
    std::ofstream(directory / "file") << "twelve bytes";
    Bucket bucket(is_artifact, {http_answer(403)});
    auto given = options(directory, "x", bucket.url());
    given.keep_shipped = keeps;
    auto run = start(given);
    run.log("loss", 1.0, 1);
    REQUIRE(run.upload_file("output", directory / "file"));
    CHECK(run.wait_until(runlog::Shipped, 30s) == runlog::Wait::Failed);
    CHECK(run.stats().packs_shipped >= 1);
    const auto blob = only_blob(run.journal_path());
    std::filesystem::remove(blob);
    run.complete();
    CHECK(bucket.count(".end.json") == 0);
    const auto outcomes = runlog::recover(directory / "runs", {.store = bucket.url()});
    REQUIRE(outcomes);
    INFO(outcomes->front().message);
    CHECK(outcomes->front().verdict == Verdict::shipped);
    CHECK(tells_of(outcomes->front(), blob));
    CHECK(bucket.count(".end.json") == 1);
  }
}
