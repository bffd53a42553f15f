// Runs and recoveries against a store that is busy, closed, wrong or silent: nothing is lost,
// nobody waits in vain, and the reason is told.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>

#include "runlog/runlog.hpp"
#include "support/books.hpp"
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

// A bucket behind answers that are given first.
class Bucket {
 public:
  explicit Bucket(std::vector<ScriptedServer::Answer> first = {}) : first_(std::move(first)) {}

  [[nodiscard]] std::string url() const { return bucket_.url(); }
  [[nodiscard]] std::size_t count(const std::string& part) const { return bucket_.count(part); }
  [[nodiscard]] int taken() const { return bucket_.taken(); }
  ScriptedServer& server() { return bucket_.server(); }
  /// It has `calls` of "loss", numbered from 0, once each, and no drop is told there.
  void check_books(std::uint64_t calls) const {
    const test::TemporaryDirectory place;
    bucket_.save_to(place.path());
    (void)test::check_books(place.path(), {.accounts = {{"loss", calls}}, .dropped = 0});
  }
  /// From now on every request gets this.
  void close(ScriptedServer::Answer answer) {
    const std::lock_guard lock(mutex_);
    closed_ = std::move(answer);
  }
  void reopen() {
    const std::lock_guard lock(mutex_);
    closed_.reset();
  }

 private:
  std::optional<ScriptedServer::Answer> given() {
    const std::lock_guard lock(mutex_);
    if (asked_ < first_.size()) return first_[asked_++];
    return closed_;
  }

  const std::vector<ScriptedServer::Answer> first_;
  std::mutex mutex_;
  std::size_t asked_ = 0;                         // guarded by mutex_
  std::optional<ScriptedServer::Answer> closed_;  // guarded by mutex_
  test::S3Bucket bucket_{[this](const auto&) { return given(); }};
};

runlog::Options options(const test::TemporaryDirectory& directory, const std::string& store) {
  runlog::Options all;
  all.root = directory / "runs";
  all.run_id = "r";
  all.store = store;
  all.finish_deadline = 30s;
  all.on_error = [](const runlog::Error&) {};
  return all;
}

runlog::Run start(runlog::Options given) {
  auto run = runlog::start_logging(std::move(given));
  INFO((run ? "" : run.error().message));
  REQUIRE(run);
  return *run;
}

// A journal with something to ship, left by a run whose store was closed to it.
void leave_journal(const test::TemporaryDirectory& directory, Bucket& bucket) {
  bucket.close({http_answer(403)});
  auto run = start(options(directory, bucket.url()));
  run.log("loss", 1.0, 0);
  run.complete();
  bucket.reopen();
}

}  // namespace

TEST_CASE("a run ships to a store that is busy at first, each object once") {
  Bucket bucket({{http_answer(503)}, {"", Then::reset}, {http_answer(500)}});
  const test::TemporaryDirectory directory;
  auto run = start(options(directory, bucket.url()));
  for (int step = 0; step < 1000; ++step) run.log("loss", 1.0, step);
  CHECK(run.wait_until(runlog::Stage::Shipped, 60s) == runlog::Wait::Done);
  run.complete();
  CHECK(bucket.count(".parquet") >= 1);
  CHECK(bucket.count("end.json") == 1);
  CHECK(bucket.taken() == 1);  // when the store was tried with the first object
  // A try asks for two objects, and after the reset libcurl may ask again by itself.
  CHECK(run.stats().ship_retries >= 1);
  CHECK(run.stats().packs_waiting == 0);
  CHECK(run.stats().dropped == 0);
  bucket.check_books(1000);
}

TEST_CASE("a store that is there but wrong is told at once and costs the end no time") {
  Bucket bucket;
  bucket.close({http_answer(404, "", "<Error><Code>NoSuchBucket</Code></Error>")});
  const test::TemporaryDirectory directory;
  auto given = options(directory, bucket.url());
  given.finish_deadline = 10min;  // the test's own limit is shorter
  auto run = start(given);
  run.log("loss", 1.0, 0);
  CHECK(run.wait_until(runlog::Stage::Shipped, 10min) == runlog::Wait::Failed);
  CHECK(run.stats().last_error.find("create bucket bucket") != std::string::npos);
  CHECK(run.stats().last_error.find("SECRETEXAMPLE") == std::string::npos);
  run.complete();

  // What the owner mends in the meantime, recovery finds mended.
  bucket.reopen();
  const auto outcomes = runlog::recover(directory / "runs", {.store = bucket.url()});
  REQUIRE(outcomes);
  REQUIRE(outcomes->size() == 1);
  CHECK(outcomes->front().verdict == Verdict::shipped);
  bucket.check_books(1);
}

TEST_CASE("the same trouble is told once, not at each retry") {
  Bucket bucket;
  bucket.close({http_answer(503)});
  const test::TemporaryDirectory directory;
  auto given = options(directory, bucket.url());
  std::mutex mutex;
  int told = 0;
  given.on_error = [&](const runlog::Error&) {
    const std::lock_guard lock(mutex);
    ++told;
  };
  given.finish_deadline = 1ms;
  auto run = start(given);
  run.log("loss", 1.0, 0);
  while (run.stats().ship_retries < 3) (void)run.wait_until(runlog::Stage::Shipped, 100ms);
  run.complete();
  const std::lock_guard lock(mutex);
  CHECK(told == 1);
}

TEST_CASE("a run ends although its store has taken the request and never answers") {
  Bucket bucket;
  bucket.close({"", Then::hang});
  const test::TemporaryDirectory directory;
  auto given = options(directory, bucket.url());
  given.finish_deadline = 200ms;
  {
    auto run = start(given);
    run.log("loss", 1.0, 0);
    CHECK(run.wait_until(runlog::Stage::Shipped, 100ms) == runlog::Wait::Timeout);
    bucket.server().wait_for_hang();
    run.complete();
  }
  bucket.reopen();
  const auto outcomes = runlog::recover(directory / "runs", {});
  REQUIRE(outcomes);
  CHECK(outcomes->front().verdict == Verdict::shipped);
  bucket.check_books(1);
}

TEST_CASE("a run ends although the connection to its store is only half there") {
  // A host that went away without a word: the kernel has taken the connection and nobody reads it,
  // or, once its queue is full, does not even answer the first packet.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(listener >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(listener, generic, size) == 0);
  REQUIRE(::listen(listener, 0) == 0);
  REQUIRE(::getsockname(listener, generic, &size) == 0);
  std::vector<int> others;
  const bool answers_first_packet = GENERATE(true, false);
  for (int i = 0; i < 8 && !answers_first_packet; ++i) {
    others.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    (void)::connect(others.back(), generic, size);
  }
  Bucket bucket;
  const test::TemporaryDirectory directory;
  auto given = options(directory, "s3://bucket/p?region=r&endpoint=http://127.0.0.1:" +
                                      std::to_string(ntohs(address.sin_port)));
  given.finish_deadline = 200ms;
  {
    auto run = start(given);
    run.log("loss", 1.0, 0);
    CHECK(run.wait_until(runlog::Stage::Shipped, 100ms) == runlog::Wait::Timeout);
    run.complete();
  }
  for (const int fd : others) ::close(fd);
  ::close(listener);
  const auto outcomes = runlog::recover(directory / "runs", {.store = bucket.url()});
  REQUIRE(outcomes);
  CHECK(outcomes->front().verdict == Verdict::shipped);
  bucket.check_books(1);
}

TEST_CASE("recover waits for a store that asks it to, and says why") {
  Bucket bucket;
  const test::TemporaryDirectory directory;
  leave_journal(directory, bucket);
  Bucket busy({{http_answer(503, "Retry-After: 1\r\n")}, {http_answer(429, "Retry-After: 1\r\n")}});
  std::vector<std::string> waits;
  runlog::RecoverOptions how{.store = busy.url()};
  how.on_wait = [&](const std::string& message) { waits.push_back(message); };
  const auto outcomes = runlog::recover(directory / "runs", how);
  REQUIRE(outcomes);
  REQUIRE(outcomes->size() == 1);
  CHECK(outcomes->front().verdict == Verdict::shipped);
  CHECK(outcomes->front().packs_shipped >= 1);
  busy.check_books(1);
  REQUIRE(waits.size() == 1);
  CHECK(waits.front().find("503") != std::string::npos);
}

TEST_CASE("recover gives up at its timeout, and at once where only the owner can help") {
  Bucket bucket;
  const test::TemporaryDirectory directory;
  leave_journal(directory, bucket);
  bucket.close({"", Then::hang});
  auto outcomes = runlog::recover(directory / "runs", {.store = bucket.url(), .timeout = 300ms});
  REQUIRE(outcomes);
  CHECK(outcomes->front().verdict == Verdict::waiting);
  bucket.close({http_answer(403)});
  outcomes = runlog::recover(directory / "runs", {.store = bucket.url(), .timeout = 10min});
  REQUIRE(outcomes);
  CHECK(outcomes->front().verdict == Verdict::waiting);
  CHECK(outcomes->front().message.find("s3:PutObject") != std::string::npos);
  bucket.reopen();
  outcomes = runlog::recover(directory / "runs", {.store = bucket.url()});
  REQUIRE(outcomes);
  CHECK(outcomes->front().verdict == Verdict::shipped);
  bucket.check_books(1);
}

TEST_CASE("what only the owner can mend is told of every journal at once, no object asked twice") {
  Bucket bucket;
  const test::TemporaryDirectory directory;
  for (int i = 0; i < 3; ++i) leave_journal(directory, bucket);
  Bucket closed;
  closed.close({http_answer(403)});
  const auto outcomes =
      runlog::recover(directory / "runs", {.store = closed.url(), .timeout = 10min});
  REQUIRE(outcomes);
  REQUIRE(outcomes->size() == 3);
  for (const auto& outcome : *outcomes) {
    CHECK(outcome.verdict == Verdict::waiting);
    CHECK(outcome.message.find("s3:PutObject") != std::string::npos);
  }
  std::map<std::string, int> asked;
  for (const auto& request : closed.server().requests()) {
    if (request.method == "PUT") ++asked[request.target];
  }
  CHECK(asked.size() >= 3);  // it may be a journal that is closed
  CHECK(std::all_of(asked.begin(), asked.end(), [](const auto& one) { return one.second == 1; }));
}

TEST_CASE("a store that asked for time is left alone over looks, and others are not") {
  Bucket bucket;
  const test::TemporaryDirectory directory;
  leave_journal(directory, bucket);
  Bucket busy;
  busy.close({http_answer(503, "Retry-After: 300\r\n")});
  runlog::StoreMemory memory;
  for (int look = 0; look < 3; ++look) {
    const auto outcomes = runlog::recover(
        directory / "runs", {.store = busy.url(), .retries = false, .memory = &memory});
    REQUIRE(outcomes);
    CHECK(outcomes->front().verdict == Verdict::waiting);
    CHECK(outcomes->front().message.find("503") != std::string::npos);
  }
  CHECK(busy.server().requests().size() == 1);

  // Another store is none of its business; and without the memory it is asked at once.
  Bucket other;
  auto outcomes = runlog::recover(directory / "runs",
                                  {.store = busy.url(), .retries = false, .memory = nullptr});
  REQUIRE(outcomes);
  CHECK(busy.server().requests().size() == 2);
  outcomes = runlog::recover(directory / "runs",
                             {.store = other.url(), .retries = false, .memory = &memory});
  REQUIRE(outcomes);
  CHECK(outcomes->front().verdict == Verdict::shipped);
}

TEST_CASE("a journal whose name is taken keeps no other journal of the store waiting") {
  Bucket bucket;
  const test::TemporaryDirectory directory;
  leave_journal(directory, bucket);
  leave_journal(directory, bucket);
  // Nothing of the first look's PUTs but the packs of one journal finds its name taken.
  std::string taken;
  std::map<std::string, std::string> digests;  // of the others
  std::mutex mutex;
  ScriptedServer server([&](const ScriptedServer::Request& request) {
    const std::lock_guard lock(mutex);
    const bool is_pack = request.target.find(".parquet") != std::string::npos;
    if (is_pack && taken.empty()) taken = request.target;
    if (!is_pack || request.target != taken) {
      const std::string digest = request.header("x-amz-content-sha256");
      if (request.method == "HEAD") {
        const auto known = digests.find(request.target);
        if (known == digests.end()) {
          return ScriptedServer::Answer{"HTTP/1.1 404 Not Found\r\n\r\n", Then::close};
        }
        return ScriptedServer::Answer{
            "HTTP/1.1 200 OK\r\nx-amz-meta-runlog-sha256: " + known->second + "\r\n\r\n",
            Then::close};
      }
      const bool is_new = digests.emplace(request.target, digest).second;
      return ScriptedServer::Answer{is_new ? http_answer(200, "ETag: \"x\"\r\n")
                                           : http_answer(412)};
    }
    if (request.method == "PUT") return ScriptedServer::Answer{http_answer(412)};
    return ScriptedServer::Answer{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", Then::close};
  });
  const std::string url = "s3://bucket/p?region=r&endpoint=" + server.url();
  runlog::StoreMemory memory;
  for (int look = 0; look < 3; ++look) {
    const auto outcomes =
        runlog::recover(directory / "runs", {.store = url, .retries = false, .memory = &memory});
    REQUIRE(outcomes);
    REQUIRE(outcomes->size() == 2);
    for (const auto& outcome : *outcomes) {
      const bool is_other = outcome.message.find("other bytes") == std::string::npos;
      CHECK(outcome.verdict == (is_other ? Verdict::shipped : Verdict::waiting));
    }
  }
  const auto requests = server.requests();
  CHECK(std::count_if(requests.begin(), requests.end(), [&](const auto& request) {
          return request.method == "PUT" && request.target == taken;
        }) == 1);
}

TEST_CASE("clean asks for credentials and connects once, however many journals there are") {
  Bucket bucket;
  const test::TemporaryDirectory directory;
  for (int i = 0; i < 3; ++i) {
    auto run = start(options(directory, bucket.url()));
    run.log("loss", 1.0, i);
    run.complete();
  }
  REQUIRE(bucket.count(".parquet") == 3);
  ScriptedServer server([](const ScriptedServer::Request& request) {
    return ScriptedServer::Answer{http_answer(
        request.target == "/keys" ? 200 : 404, "",
        request.target == "/keys" ? R"({"AccessKeyId": "A", "SecretAccessKey": "s", "Token": "t",)"
                                    R"( "Expiration": "2040-01-02T03:04:05Z"})"
                                  : "")};
  });
  const test::ScopedEnvironment keys(
      {{"AWS_ACCESS_KEY_ID", ""},
       {"AWS_SECRET_ACCESS_KEY", ""},
       {"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url() + "/keys"}});
  const auto files =
      runlog::clean(directory / "runs", "s3://bucket/p?region=r&endpoint=" + server.url(), false);
  REQUIRE(files);
  CHECK(files->size() == 3);
  for (const auto& file : *files) CHECK_FALSE(file.removed);
  const auto requests = server.requests();
  CHECK(std::count_if(requests.begin(), requests.end(),
                      [](const auto& request) { return request.target == "/keys"; }) == 1);
  CHECK(server.connections() == 1);
}

TEST_CASE("recover that is stopped leaves a silent store at once") {
  Bucket bucket;
  const test::TemporaryDirectory directory;
  leave_journal(directory, bucket);
  Bucket silent;
  silent.close({"", Then::hang});
  std::stop_source stop;
  std::thread stopper([&] {
    silent.server().wait_for_hang();
    stop.request_stop();
  });
  const auto outcomes = runlog::recover(
      directory / "runs", {.store = silent.url(), .timeout = 10min}, {}, stop.get_token());
  stopper.join();
  REQUIRE(outcomes);
  CHECK(outcomes->front().verdict == Verdict::waiting);
}
