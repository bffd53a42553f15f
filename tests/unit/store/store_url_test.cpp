// Store URLs: what is understood, what is refused, and that no refusal shows a secret.
#include "store/cloud/store_url.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/url.hpp"
#include "journal/meta.hpp"
#include "store/cloud/store_kind.hpp"
#include "store/http/http_client.hpp"
#include "store/object_store.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

using namespace runlog;

TEST_CASE("each kind of store is understood") {
  auto s3 = parse_store_url("s3://bucket/a/b=1/?region=eu-west-1&profile=me");
  REQUIRE(s3);
  CHECK(s3->kind->schemes.front() == "s3");
  CHECK(s3->bucket == "bucket");
  CHECK(s3->prefix == "a/b=1");
  CHECK(s3->region == "eu-west-1");
  CHECK(s3->profile == "me");
  CHECK(parse_store_url("s3://bucket")->prefix.empty());
  CHECK(parse_store_url("s3://b/p?endpoint=https://minio.local:9000/")->endpoint ==
        "https://minio.local:9000");
  CHECK(parse_store_url("s3://b/p?endpoint=http%3A%2F%2Fh")->endpoint == "http://h");
  CHECK(parse_store_url("s3://b/p?checksum=crc32c")->sends_crc32c);

  auto gcs = parse_store_url("gs://my_bucket.example/p");
  REQUIRE(gcs);
  CHECK(gcs->kind->schemes.front() == "gs");

  auto azure = parse_store_url("azblob://account1/box/p/q");
  REQUIRE(azure);
  CHECK(azure->kind->schemes.front() == "azblob");
  CHECK(azure->account == "account1");
  CHECK(azure->bucket == "box");
  CHECK(azure->prefix == "p/q");

  auto sas = parse_store_url("https://account1.blob.core.windows.net/box/p%20q?sv=1&sig=s%3D");
  REQUIRE(sas);
  CHECK(sas->kind->schemes.front() == "azblob");
  CHECK(sas->account == "account1");
  CHECK(sas->prefix == "p q");
  CHECK(sas->sas.reveal() == "sv=1&sig=s%3D");
  CHECK(sas->shown == "https://account1.blob.core.windows.net/box/p%20q");

  auto dav = parse_store_url("davs://host:8443/remote.php/dav");
  REQUIRE(dav);
  CHECK(dav->kind->schemes.front() == "https");
  CHECK(dav->endpoint == "https://host:8443");
  CHECK(dav->prefix == "remote.php/dav");
  CHECK(parse_store_url("dav://[::1]:80/x")->endpoint == "http://[::1]:80");
}

TEST_CASE("each kind's schemes are its own, and docs/clouds.md has them") {
  std::ifstream file(test::source("docs/clouds.md"));
  const std::string clouds{std::istreambuf_iterator<char>(file), {}};
  for (const StoreKind& kind : store_kinds()) {
    INFO(kind.example);
    CHECK(kind.example.starts_with(std::string(kind.schemes.front()) + "://"));
    for (const std::string_view scheme : kind.schemes) {
      if (scheme.empty()) continue;
      INFO(scheme << " is to be in docs/clouds.md");
      CHECK(clouds.find(std::string(scheme) + "://") != std::string::npos);
      const auto url = parse_store_url(std::string(scheme) + "://account1/container/prefix");
      REQUIRE(url);
      CHECK(url->kind == &kind);
    }
  }
}

TEST_CASE("what is not understood is refused, with words and without secrets") {
  for (const char* url : {"s3://",
                          "s3:///p",
                          "s3://b//p",
                          "s3://b/p//q",
                          "s3://b/../p",
                          "s3://b/./p",
                          "s3://b/p#f",
                          "s3://b/p?regoin=SECRET",
                          "s3://b/p?region=",
                          "s3://b/p?region=%zz",
                          "s3://b/p?region=a%0Ab",
                          "s3://b/p?checksum=SECRET",
                          "s3://KEY:SECRET@b/p",
                          "s3://b/p?endpoint=h:9000",
                          "s3://b/p?endpoint=https://",
                          "s3://b/p?endpoint=http:",
                          "s3://b/p?endpoint=https://h:99999",
                          "s3://b/p?endpoint=https://u:SECRET@h",
                          "s3://b/p?endpoint=https://u:SECRET%40h",
                          "s3://b/p?endpoint=https://h?k=SECRET",
                          "s3://-b/p",
                          "s3://b b/p",
                          "gs://b/p?region=x",
                          "gs://b/p?profile=x",
                          "azblob://acc/p q",
                          "azblob://ACC/box/p",
                          "azblob://account1",
                          "azblob://account1/b",
                          "azblob://account1/box/p?sv=1&sig=SECRET",
                          "https://account1.blob.core.windows.net",
                          "https://account1.blob.core.windows.net/box?SECRET",
                          "https://u:SECRET@host/p",
                          "http://account1.blob.core.windows.net/box?sig=SECRET",
                          "https://host/p?token=SECRET",
                          "https://",
                          "https://:80/x",
                          "https://h:x/p",
                          "https://host/%zz",
                          "https://host/%2e%2e/x",
                          "https://host/a%00b",
                          "nfs://host/p",
                          "://x",
                          "bucket/p"}) {
    const auto parsed = parse_store_url(url);
    INFO(url);
    REQUIRE_FALSE(parsed);
    CHECK((parsed.error().code == Errc::invalid_argument ||
           parsed.error().code == Errc::unsupported));
    CHECK(parsed.error().message.find("SECRET") == std::string::npos);
    CHECK(parsed.error().message.size() > 20);
  }
  CHECK_FALSE(parse_store_url("s3://b/" + std::string(513, 'x')));
}

TEST_CASE("hostile URLs of all lengths end in an answer") {
  const std::string whole = "s3://b%/p?endpoint=https://[h]:1/&region=&&=#@\n";
  for (std::size_t begin = 0; begin < whole.size(); ++begin) {
    for (std::size_t size = 0; begin + size <= whole.size(); ++size) {
      (void)parse_store_url(whole.substr(begin, size));
      (void)parse_store_url("https://" + whole.substr(begin, size));
      (void)parse_store_url("azblob://" + whole.substr(begin, size));
    }
  }
}

TEST_CASE("the URL in meta.json finds the store again and holds no secret") {
  const std::pair<const char*, const char*> cases[] = {
      {"s3://b/p?region=eu&endpoint=http://m:9000&profile=x&checksum=crc32c",
       "s3://b/p?region=eu&endpoint=http://m:9000&profile=x&checksum=crc32c"},
      {"https://account1.blob.core.windows.net/box/p?sv=1&sig=SECRET",
       "https://account1.blob.core.windows.net/box/p"},
      {"azblob://account1/box/p?endpoint=http://127.0.0.1:10000/account1",
       "azblob://account1/box/p?endpoint=http://127.0.0.1:10000/account1"},
      {"davs://host/p", "davs://host/p"},
  };
  for (const auto& [url, kept] : cases) {
    CHECK(without_secrets(url) == kept);
    CHECK(parse_store_url(kept));
  }
  CHECK(without_secrets("s3://b/p?endpoint=https://h?sig=SECRET&region=r") == "s3://b/p?region=r");
  CHECK(without_secrets("s3://b/p?endpoint=https://u:SECRET%40h&region=r") == "s3://b/p?region=r");
  // The user is an e-mail address.
  CHECK(without_secrets("https://me@corp.example:SEC/RET@host/p") == "https://host/p");
  CHECK(without_secrets("https://me@corp.example:SECRET@host:80/p") == "https://host:80/p");
}

TEST_CASE("an endpoint is split as its Host header wants it") {
  CHECK(split_endpoint("https://h:443/a/b").host == "h");
  CHECK(split_endpoint("https://h:443/a/b").path == "/a/b");
  CHECK(split_endpoint("http://h:443").host == "h:443");
  CHECK_FALSE(split_endpoint("http://h:80").is_https);
  CHECK(split_endpoint("http://h:80").host == "h");
}

TEST_CASE("secrets go over https, and in the clear to this machine only") {
  for (const char* url : {"https://host/x", "http://127.0.0.1:80/x", "http://127.9.9.9",
                          "http://localhost:1/", "http://[::1]:80/x"}) {
    CHECK(may_carry_secrets(url));
  }
  for (const char* url : {"http://host/x", "http://127.0.0.1.example.com/x", "http://10.0.0.1",
                          "http://localhost.example.com", "http://u@127.0.0.1/", "http://[::1].x/",
                          "http://127.1/", "ftp://localhost", ""}) {
    CHECK_FALSE(may_carry_secrets(url));
  }
}

TEST_CASE("a directory and a URL are told apart") {
  CHECK(is_remote_store("s3://b"));
  CHECK_FALSE(is_remote_store("file:///a"));
  CHECK_FALSE(is_remote_store("/a/b"));
  CHECK_FALSE(directory_of_store("s3://b/p"));
  CHECK_FALSE(open_store("foo://bar"));
}
