// Where S3's requests go: which host, which path, and that both are what is signed. What a local
// server cannot show, since AWS's and Google's hosts are not here.
#include "store/cloud/store_kind.hpp"
#include "store/http/http_client.hpp"
#include "support/catch.hpp"
#include "support/clean_environment.hpp"

using namespace runlog;
using test::CleanEnvironment;

namespace {

struct Prepared {
  std::string url;
  HttpHeaders headers;

  [[nodiscard]] std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

// A PUT of "run/pack" to the store; `moved_to`: after the store has named another region.
Prepared prepare_put(const std::string& store, const std::string& moved_to = "") {
  const auto url = parse_store_url(store);
  REQUIRE(url);
  HttpClient client;
  auto dialect = make_dialect(*url, client);
  REQUIRE(dialect);
  if (!moved_to.empty()) {
    REQUIRE((*dialect)->follow({.status = 301, .headers = {{"x-amz-bucket-region", moved_to}}}));
  }
  PutContent content;
  content.sha256_hex = std::string(64, 'a');
  const auto request =
      (*dialect)->prepare((*dialect)->put("run/pack", content, true), WallTime{}, false);
  REQUIRE(request);
  return {request->url, request->headers};
}

}  // namespace

TEST_CASE("AWS is asked at the bucket's host; names that are none stand in the path") {
  CleanEnvironment environment;
  environment.set("AWS_ACCESS_KEY_ID", "AK");
  environment.set("AWS_SECRET_ACCESS_KEY", "s");
  CHECK(prepare_put("s3://my-bucket/p?region=eu-central-1").url ==
        "https://my-bucket.s3.eu-central-1.amazonaws.com/p/run/pack");
  CHECK(prepare_put("s3://my-bucket?region=cn-north-1").url ==
        "https://my-bucket.s3.cn-north-1.amazonaws.com.cn/run/pack");
  // No certificate covers the dot.
  CHECK(prepare_put("s3://my.bucket/p?region=eu-central-1").url ==
        "https://s3.eu-central-1.amazonaws.com/my.bucket/p/run/pack");
  CHECK(prepare_put("s3://my-bucket/p?endpoint=https://minio.test:9000/base").url ==
        "https://minio.test:9000/base/my-bucket/p/run/pack");
  environment.set("AWS_ENDPOINT_URL_S3", "https://store.test");
  CHECK(prepare_put("s3://my-bucket/p").url == "https://store.test/my-bucket/p/run/pack");
}

TEST_CASE("another region is asked at its host, with a signature for it") {
  CleanEnvironment environment;
  environment.set("AWS_ACCESS_KEY_ID", "AK");
  environment.set("AWS_SECRET_ACCESS_KEY", "s");
  const auto there = prepare_put("s3://my-bucket/p", "ap-south-1");
  CHECK(there.url == "https://my-bucket.s3.ap-south-1.amazonaws.com/p/run/pack");
  CHECK(there.header("authorization").find("/ap-south-1/s3/aws4_request") != std::string::npos);
  CHECK(there.header("if-none-match") == "*");
}

TEST_CASE("Google is asked with its own names and condition, and none of Amazon's") {
  CleanEnvironment environment;
  environment.set("RUNLOG_GCS_ACCESS_KEY_ID", "GOOG1");
  environment.set("RUNLOG_GCS_SECRET_ACCESS_KEY", "s");
  const auto put = prepare_put("gs://my-bucket/p");
  CHECK(put.url == "https://storage.googleapis.com/my-bucket/p/run/pack");
  CHECK(put.header("x-goog-if-generation-match") == "0");
  CHECK(put.header("x-goog-meta-runlog-sha256") == std::string(64, 'a'));
  CHECK(put.header("authorization").starts_with("GOOG4-HMAC-SHA256 "));
  for (const auto& [name, value] : put.headers) {
    CHECK_FALSE(name.starts_with("x-amz-"));
    CHECK(name != "if-none-match");
  }
}
