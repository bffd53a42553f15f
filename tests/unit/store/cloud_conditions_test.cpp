// Servers that take a PUT which must create and overwrite nevertheless: noticed with the first
// object, said once, and from then on nothing is written without a look.
#include <fstream>

#include "store/cloud/cloud_store.hpp"
#include "store/store_doctor.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/s3_bucket.hpp"
#include "support/scoped_environment.hpp"
#include "support/scripted_server.hpp"

using namespace runlog;
using namespace std::chrono_literals;
using test::http_answer;
using test::ScriptedServer;
using Verdict = PutAnswer::Verdict;

namespace {

struct Kind {
  std::string url;
  std::string digest_header;
  std::string condition_header;
  std::string condition;
};
const Kind kS3 = {"s3://bucket/p?endpoint=", "x-amz-meta-runlog-sha256", "if-none-match", "*"};
const Kind kGcs = {"gs://bucket/p?endpoint=", "x-goog-meta-runlog-sha256",
                   "x-goog-if-generation-match", "0"};
const Kind kAzure = {"azblob://account1/bucket/p?endpoint=", "x-ms-meta-runlog_sha256",
                     "if-none-match", "*"};

// Objects are their digests: the server keeps no bytes.
class Cloud {
 public:
  Cloud(Kind kind, bool heeds)
      : heeds_conditions(heeds),
        kind_(std::move(kind)),
        environment_(test::s3_variables({{"AWS_REGION", "us-east-1"},
                                         {"RUNLOG_GCS_ACCESS_KEY_ID", "GOOGEXAMPLE"},
                                         {"RUNLOG_GCS_SECRET_ACCESS_KEY", "SECRETEXAMPLE"},
                                         {"AZURE_STORAGE_KEY", "a2V5"},
                                         {"AZURE_STORAGE_CONNECTION_STRING", ""},
                                         {"AZURE_STORAGE_SAS_TOKEN", ""}})),
        server_([this](const ScriptedServer::Request& request) { return answer(request); }) {
    REQUIRE(open());
  }

  bool open() {
    auto store = CloudStore::open(kind_.url + server_.url(), {.timeout = 200ms});
    if (store) store_ = std::move(*store);
    return static_cast<bool>(store);
  }
  PutAnswer put(const std::string& name, const std::string& content) {
    std::ofstream(directory_ / content) << content;
    return store_->put(name, directory_ / content);
  }
  PutAnswer put_large(const std::string& name) {
    std::ofstream(directory_ / "large") << std::string(1u << 20, 'x');
    return store_->put(name, directory_ / "large");
  }
  ObjectStore& store() { return *store_; }
  [[nodiscard]] std::string methods() const {
    std::string all;
    for (const auto& request : server_.requests()) {
      all += (all.empty() ? "" : " ") + request.method;
    }
    return all;
  }
  [[nodiscard]] std::string object(const std::string& name) const {
    (void)server_.requests();  // its lock orders what the server has done before this look
    const auto found = objects_.find("/bucket/p/" + name);
    return found == objects_.end() ? "" : found->second.digest;
  }

  bool heeds_conditions;
  bool may_look = true;
  int busy = 0;  // so many PUTs, after the first, are answered 503
  int overwrites = 0;

 private:
  struct Object {
    std::string digest;
    std::string bytes;
  };

  ScriptedServer::Answer answer(const ScriptedServer::Request& request) {
    const auto there = objects_.find(request.target);
    if (request.method == "HEAD") {
      if (!may_look) return {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"};
      if (there == objects_.end()) return {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
      return {"HTTP/1.1 200 OK\r\nContent-Length: " + there->second.bytes + "\r\n" +
              kind_.digest_header + ": " + there->second.digest + "\r\n\r\n"};
    }
    if (request.method != "PUT") return {http_answer(403)};
    if (there != objects_.end() && busy > 0) {
      --busy;
      return {http_answer(503)};
    }
    const bool is_conditional = request.header(kind_.condition_header) == kind_.condition;
    if (there != objects_.end() && heeds_conditions && is_conditional) {
      return {http_answer(412, "", "<Error><Code>PreconditionFailed</Code></Error>")};
    }
    const std::string digest = request.header(kind_.digest_header);
    if (there != objects_.end() && there->second.digest != digest) ++overwrites;
    objects_[request.target] = {digest, request.header("content-length")};
    return {http_answer(201, "ETag: \"opaque-1\"\r\n")};
  }

  const Kind kind_;
  std::map<std::string, Object> objects_;  // between requests
  test::ScopedEnvironment environment_;
  test::TemporaryDirectory directory_;
  ScriptedServer server_;
  std::unique_ptr<CloudStore> store_;
};

}  // namespace

TEST_CASE("a server that heeds the condition is asked for it once, and then not looked at") {
  for (const Kind& kind : {kS3, kGcs}) {
    Cloud cloud(kind, true);
    CHECK(cloud.put("meta.json", "meta").verdict == Verdict::stored);
    CHECK(cloud.methods() == "HEAD PUT PUT");
    const auto pack = cloud.put("pack", "pack");
    CHECK(pack.verdict == Verdict::stored);
    CHECK(pack.error.message.empty());
    CHECK(cloud.methods() == "HEAD PUT PUT PUT");
    CHECK(cloud.put("pack", "shorter").verdict == Verdict::reject);
    CHECK(cloud.overwrites == 0);
  }
}

TEST_CASE("a server that ignores the condition is noticed with the first object, and said once") {
  for (const Kind& kind : {kS3, kGcs, kAzure}) {
    INFO(kind.url);
    Cloud cloud(kind, false);
    const auto first = cloud.put("meta.json", "meta");
    CHECK(first.verdict == Verdict::stored);
    CHECK(first.error.message.find("overwrites objects") != std::string::npos);
    const auto second = cloud.put("pack", "pack");
    CHECK(second.verdict == Verdict::stored);
    CHECK(second.error.message.empty());
    CHECK(cloud.methods() == "HEAD PUT PUT HEAD PUT");
    CHECK(cloud.overwrites == 0);
  }
}

TEST_CASE("where the condition is ignored, a recovered copy overwrites nothing") {
  for (const Kind& kind : {kS3, kGcs, kAzure}) {
    INFO(kind.url);
    Cloud cloud(kind, false);
    CHECK(cloud.put("meta.json", "meta").verdict == Verdict::stored);
    CHECK(cloud.put("pack", "longer").verdict == Verdict::stored);
    const std::string before = cloud.object("pack");
    CHECK(cloud.put("pack", "short").verdict == Verdict::reject);
    // Another process, whose very first object is that one; and one that found meta.json there.
    REQUIRE(cloud.open());
    CHECK(cloud.put("pack", "short").verdict == Verdict::reject);
    REQUIRE(cloud.open());
    CHECK_FALSE(cloud.put("meta.json", "meta").error.message.empty());
    CHECK(cloud.put("pack", "short").verdict == Verdict::reject);
    CHECK(cloud.object("pack") == before);
    CHECK(cloud.overwrites == 0);
  }
}

TEST_CASE("doctor tells a server that ignores the condition, and that nothing is overwritten") {
  Cloud cloud(kS3, false);
  std::vector<StoreCheck> checks;
  examine_store(cloud.store(), checks);
  REQUIRE(checks.size() >= 2);
  CHECK(checks[0].check == "create");
  CHECK(checks[0].verdict == StoreCheck::Verdict::warning);
  CHECK(checks[0].detail.find("overwrites objects") != std::string::npos);
  CHECK(checks[1].check == "overwrite");
  CHECK(checks[1].verdict == StoreCheck::Verdict::good);
  CHECK(cloud.overwrites == 0);
}

TEST_CASE("a large object is not sent twice to try the condition: each is looked for instead") {
  Cloud cloud(kS3, false);
  CHECK(cloud.put_large("a").verdict == Verdict::stored);
  CHECK(cloud.put_large("b").verdict == Verdict::stored);
  CHECK(cloud.methods() == "HEAD PUT HEAD PUT");
  CHECK(cloud.put("b", "short").verdict == Verdict::reject);
  CHECK(cloud.overwrites == 0);
}

TEST_CASE("a trial that is not answered is made with the next object") {
  Cloud cloud(kS3, false);
  cloud.busy = 1;
  CHECK(cloud.put("meta.json", "meta").error.message.empty());
  CHECK(cloud.put("pack", "pack").error.message.find("overwrites objects") != std::string::npos);
  CHECK(cloud.methods() == "HEAD PUT PUT HEAD PUT PUT");
}

TEST_CASE("credentials that only create are enough where the condition is heeded") {
  Cloud cloud(kS3, true);
  cloud.may_look = false;
  CHECK(cloud.put("meta.json", "meta").verdict == Verdict::stored);
  CHECK(cloud.put("pack", "pack").verdict == Verdict::stored);
  CHECK(cloud.methods() == "HEAD PUT PUT PUT");
}

TEST_CASE("where the condition is ignored and looking is forbidden, nothing more is written") {
  Cloud cloud(kS3, false);
  cloud.may_look = false;
  CHECK(cloud.put("meta.json", "meta").verdict == Verdict::stored);
  const auto answer = cloud.put("pack", "pack");
  CHECK(answer.verdict == Verdict::retry);
  CHECK(answer.needs_owner);
  CHECK(answer.error.message.find("look before it writes") != std::string::npos);
  CHECK(cloud.object("pack").empty());
}
