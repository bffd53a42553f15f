// Promise: a listing and a read end, whatever the server sends: pages without end, in a circle or
// with nothing on them, folders within folders, bodies that go on.
#include <fstream>

#include "store/cloud/cloud_store.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/s3_bucket.hpp"
#include "support/scoped_environment.hpp"
#include "support/scripted_server.hpp"

using namespace runlog;
using namespace std::chrono_literals;
using test::http_answer;
using test::ScriptedServer;
using Then = ScriptedServer::Answer::Then;

namespace {

// A store at a server that answers the n-th request, from 0, with answer(n, request).
class Hostile {
 public:
  using Answer = std::function<ScriptedServer::Answer(int, const ScriptedServer::Request&)>;
  explicit Hostile(Answer answer, const ListLimits& limits = {}, bool is_dav = false)
      : environment_(test::s3_variables({{"AWS_REGION", "us-east-1"}, {"RUNLOG_HTTP_BEARER", ""}})),
        answer_(std::move(answer)),
        server_(
            [this](const ScriptedServer::Request& request) { return answer_(asked_++, request); }) {
    auto store =
        CloudStore::open(is_dav ? server_.url() + "/p" : "s3://bucket/p?endpoint=" + server_.url(),
                         {}, CloudStore::Conditions::proven, limits);
    REQUIRE(store);
    store_ = std::move(*store);
  }

  /// The message of the error; empty: there is none.
  std::string list() {
    const auto listed = store_->list("", true, [&](const ObjectInfo&) { ++seen; });
    if (listed) return {};
    CHECK(listed.error().code == Errc::too_large);
    return listed.error().message;
  }
  CloudStore& store() { return *store_; }
  [[nodiscard]] std::size_t requests() const { return server_.requests().size(); }

  int seen = 0;

 private:
  test::ScopedEnvironment environment_;
  const Answer answer_;
  int asked_ = 0;  // server's thread only
  ScriptedServer server_;
  std::unique_ptr<CloudStore> store_;
};

// The page after which `next` is asked for.
ScriptedServer::Answer page(const std::string& next, const std::string& name = "") {
  return {http_answer(200, "",
                      "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>" +
                          next + "</NextContinuationToken>" +
                          (name.empty() ? "" : "<Contents><Key>p/" + name + "</Key></Contents>") +
                          "</ListBucketResult>")};
}

// `names` as folders of the folder that was asked for.
ScriptedServer::Answer folder(const std::string& target, const std::vector<std::string>& names) {
  std::string xml = "<multistatus>";
  for (const std::string& name : names) {
    xml += "<response><href>" + target + (target.ends_with('/') ? "" : "/") + name +
           "/</href><collection/></response>";
  }
  return {http_answer(207, "", xml + "</multistatus>")};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("pages without end are given up at a limit that the message names") {
  const auto endless = [](int n, const ScriptedServer::Request&) {
    return page("t" + std::to_string(n), "x" + std::to_string(n));
  };
  Hostile pages(endless, {.pages_max = 20});
  CHECK(has(pages.list(), "it has more than 20 pages or folders; name a part of it"));
  CHECK(pages.requests() == 21);
  CHECK(pages.seen == 20);
  Hostile bytes(endless, {.bytes_max = 1000});
  CHECK(has(bytes.list(), "it has more than 1000 bytes of names"));
  CHECK(bytes.requests() < 20);
  Hostile time(endless, {.time_max = 0ms});
  CHECK(has(time.list(), "it takes longer than 0 seconds"));
}

TEST_CASE("a page that leads back, and pages with nothing on them, are noticed") {
  for (const int length : {1, 2, 3, 7}) {
    INFO(length);
    Hostile circle([length](int n, const ScriptedServer::Request&) {
      return page("t" + std::to_string(n % length), "x");
    });
    CHECK(has(circle.list(), "it goes in a circle"));
    CHECK(circle.requests() < 20);
  }
  const auto empty = [](int n, const ScriptedServer::Request&) {
    return page("t" + std::to_string(n));
  };
  Hostile nothing(empty, {.empty_pages_max = 5});
  CHECK(has(nothing.list(), "it has more than 5 pages in a row with nothing on them"));
  CHECK(nothing.requests() == 6);
}

TEST_CASE("folders of WebDAV that are wide, deep, or their own folders have an end") {
  Hostile wide(
      [](int, const ScriptedServer::Request& request) {
        return folder(request.target, {"a", "b", "c"});
      },
      {.pages_max = 100}, true);
  CHECK(has(wide.list(), "it has more than 100 pages or folders"));
  CHECK(wide.requests() == 101);
  Hostile deep(
      [](int, const ScriptedServer::Request& request) { return folder(request.target, {"a"}); }, {},
      true);
  CHECK(deep.list().empty());
  CHECK(deep.requests() == kList_depth_max + 1);
}

TEST_CASE("names longer than any store takes are left out") {
  Hostile store([](int n, const ScriptedServer::Request&) {
    if (n == 0) return page("t", std::string(kObject_name_bytes_max + 1, 'x'));
    return ScriptedServer::Answer{http_answer(
        200, "", "<ListBucketResult><Contents><Key>p/y</Key></Contents></ListBucketResult>")};
  });
  CHECK(store.list().empty());
  CHECK(store.seen == 1);
}

TEST_CASE("what is read to be compared is no longer than what it is compared with") {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "pack") << "the bytes of a pack";
  Hostile store([](int n, const ScriptedServer::Request&) -> ScriptedServer::Answer {
    if (n == 0) return {http_answer(412)};
    if (n == 1) return {"HTTP/1.1 200 OK\r\n\r\n", Then::close};  // tells neither size nor digest
    return {"HTTP/1.1 200 OK\r\n\r\n", Then::repeat_for_ever};
  });
  const PutAnswer answer = store.store().put("a=1/x", directory / "pack");
  CHECK(answer.verdict == PutAnswer::Verdict::reject);
}

TEST_CASE("a read that is broken off again and again with hardly a byte is given up") {
  Hostile store([](int n, const ScriptedServer::Request&) -> ScriptedServer::Answer {
    const std::string at = std::to_string(n);
    return {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " + at +
                "-999999/1000000\r\nContent-Length: 999999\r\n\r\nx",
            Then::reset};
  });
  const auto got =
      store.store().get("x", {}, [](std::span<const std::byte>) -> Result<void> { return {}; });
  CHECK_FALSE(got);
  CHECK(store.requests() == kRead_tries);
}
