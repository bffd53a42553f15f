// Promise: a store that asks for time gets it from a live job too, though somebody waits.
#include <atomic>
#include <chrono>

#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/s3_bucket.hpp"

using namespace std::chrono_literals;

TEST_CASE("a job asks no sooner than Retry-After says") {
  std::atomic<int> puts = 0;
  test::S3Bucket bucket([&](const test::ScriptedServer::Request& request)
                            -> std::optional<test::ScriptedServer::Answer> {
    if (request.method != "PUT") return std::nullopt;
    if (++puts > 1) return std::nullopt;
    return test::ScriptedServer::Answer{test::http_answer(503, "Retry-After: 600\r\n")};
  });
  const test::TemporaryDirectory root;
  auto run = runlog::start_logging({.root = root.path(),
                                    .store = bucket.url(),
                                    .finish_deadline = 1ms,
                                    .on_error = [](const runlog::Error&) {}});
  REQUIRE(run);
  run->log("loss", 1);
  // Left to itself it would ask again after half a second at the latest.
  CHECK(run->wait_until(runlog::Shipped, 3s) == runlog::Wait::Timeout);
  CHECK(puts == 1);
  run->complete();
}
