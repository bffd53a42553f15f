// Signatures against the examples their inventors publish.
#include "store/cloud/sigv4.hpp"

#include "store/cloud/azure_signature.hpp"
#include "support/catch.hpp"

using namespace runlog;

namespace {

const std::string kEmpty = sha256_hex("");

AccessKey example_key() {
  AccessKey key;
  key.id = "AKIAIOSFODNN7EXAMPLE";
  key.secret = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  return key;
}

std::string find(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

// "Signature Calculations for the Authorization Header", Amazon S3 API Reference.
std::string aws_example(std::string_view method, std::string_view path, const Query& query,
                        const std::string& digest, HttpHeaders headers = {}) {
  const auto time = parse_http_date("Fri, 24 May 2013 00:00:00 GMT");
  SigV4Signer signer(kAws_flavor);
  signer.sign({.method = method,
               .host = "examplebucket.s3.amazonaws.com",
               .path = path,
               .query = query,
               .payload_sha256 = digest,
               .time = *time,
               .region = "us-east-1"},
              example_key(), headers);
  const std::string authorization = find(headers, "authorization");
  return authorization.substr(authorization.find("Signature=") + 10);
}

}  // namespace

TEST_CASE("AWS's published requests get AWS's published signatures") {
  CHECK(aws_example("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, kEmpty) ==
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
  CHECK(aws_example("GET", "/", {{"lifecycle", ""}}, kEmpty) ==
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  const HttpHeaders headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                               {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  CHECK(aws_example("PUT", "/" + percent_encode("test$file.text", true), {},
                    sha256_hex("Welcome to Amazon S3."),
                    headers) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST_CASE("a signature carries token, scope and the names it covers, whatever their order") {
  AccessKey key = example_key();
  key.session_token = Secret("token");
  const Query query;
  HttpHeaders headers = {{"x-amz-meta-b", "  two   blanks "},
                         {"if-none-match", "*"},
                         {"range", "bytes=0-1"},
                         {"content-md5", "x"}};
  SigV4Signer signer(kAws_flavor);
  signer.sign({.method = "PUT",
               .host = "h:9000",
               .path = "/b/k",
               .query = query,
               .payload_sha256 = kEmpty,
               .time = *parse_http_date("Fri, 24 May 2013 00:00:00 GMT"),
               .region = "eu-west-1"},
              key, headers);
  CHECK(find(headers, "x-amz-security-token") == "token");
  CHECK(find(headers, "x-amz-date") == "20130524T000000Z");
  const std::string authorization = find(headers, "authorization");
  CHECK(authorization.find("Credential=AKIAIOSFODNN7EXAMPLE/20130524/eu-west-1/s3/aws4_request, "
                           "SignedHeaders=content-md5;host;if-none-match;x-amz-content-sha256;"
                           "x-amz-date;x-amz-meta-b;x-amz-security-token, Signature=") !=
        std::string::npos);
  CHECK(authorization.find("range") == std::string::npos);
}

TEST_CASE("the cached signing key follows the day, the region and the secret") {
  SigV4Signer cached(kAws_flavor);
  const Query query;
  const auto sign = [&](SigV4Signer& signer, const char* date, const char* region,
                        const AccessKey& key) {
    HttpHeaders headers;
    signer.sign({.method = "GET",
                 .host = "h",
                 .path = "/",
                 .query = query,
                 .payload_sha256 = kEmpty,
                 .time = *parse_http_date(date),
                 .region = region},
                key, headers);
    return find(headers, "authorization");
  };
  AccessKey other = example_key();
  other.secret = Secret("another");
  for (const char* date : {"Fri, 24 May 2013 23:59:59 GMT", "Sat, 25 May 2013 00:00:00 GMT"}) {
    for (const char* region : {"us-east-1", "eu-west-1"}) {
      for (const AccessKey& key : {example_key(), other}) {
        SigV4Signer fresh(kAws_flavor);
        CHECK(sign(cached, date, region, key) == sign(fresh, date, region, key));
      }
    }
  }
}

TEST_CASE("Google's flavour uses no name of Amazon's") {
  HttpHeaders headers = {{"x-goog-if-generation-match", "0"}};
  const Query query;
  SigV4Signer signer(kGoogle_flavor);
  signer.sign({.method = "PUT",
               .host = "storage.googleapis.com",
               .path = "/b/k",
               .query = query,
               .payload_sha256 = kEmpty,
               .time = *parse_http_date("Fri, 24 May 2013 00:00:00 GMT"),
               .region = "auto"},
              example_key(), headers);
  const std::string authorization = find(headers, "authorization");
  CHECK(
      authorization.starts_with("GOOG4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/auto/"
                                "storage/goog4_request, SignedHeaders=host;x-goog-content-sha256;"
                                "x-goog-date;x-goog-if-generation-match, Signature="));
  for (const auto& [name, value] : headers) CHECK(name.find("amz") == std::string::npos);
}

TEST_CASE(
    "Azure's string to sign has its twelve fields, its headers sorted and its query decoded") {
  const Query query = {{"restype", "container"}, {"comp", "metadata"}, {"timeout", "20"}};
  // The example of "Authorize with Shared Key", Azure Storage REST API Reference.
  const HttpHeaders headers = {{"x-ms-version", "2015-02-21"},
                               {"x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"}};
  CHECK(azure_string_to_sign({.method = "GET",
                              .path = "/mycontainer",
                              .query = query,
                              .headers = headers,
                              .body_bytes = 0},
                             "myaccount") ==
        "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
        "x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\n"
        "timeout:20");
  const HttpHeaders of_put = {
      {"content-type", "a/b"}, {"content-md5", "MD5"}, {"if-none-match", "*"}, {"x-ms-date", "D"}};
  CHECK(azure_string_to_sign({.method = "PUT",
                              .path = "/acc/c/k%3D1",
                              .query = {},
                              .headers = of_put,
                              .body_bytes = 11},
                             "acc") ==
        "PUT\n\n\n11\nMD5\na/b\n\n\n\n*\n\n\nx-ms-date:D\n/acc/acc/c/k%3D1");
}

TEST_CASE("an Azure key that is not base64 is an error that shows nothing of it") {
  const auto made = azure_shared_key({.method = "GET", .path = "/", .query = {}, .headers = {}},
                                     {.account = "acc", .key = Secret("not base64!")});
  REQUIRE_FALSE(made);
  CHECK(made.error().code == Errc::invalid_argument);
  CHECK(made.error().message.find("not base64!") == std::string::npos);
}

TEST_CASE("dates are read back as they were written, and nonsense is no date") {
  const auto time = parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT");
  REQUIRE(time);
  CHECK(http_date(*time) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(basic_date(*time) == "19941106T084937Z");
  for (const char* text : {"", "Sun, 06 Nov 1994 08:49:37 UTC", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, xx Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 25:49:37 GMT"}) {
    CHECK_FALSE(parse_http_date(text));
  }
}

TEST_CASE("percent and base64 coding go both ways, and refuse what is cut off") {
  CHECK(percent_encode("a=1/b c+\xC3\xA9~", true) == "a%3D1/b%20c%2B%C3%A9~");
  CHECK(percent_encode("a/b", false) == "a%2Fb");
  CHECK(percent_decode("a%3d1+%C3%A9") == "a=1+\xC3\xA9");
  CHECK(percent_decode("a+b", true) == "a b");
  for (const char* text : {"%", "%1", "%zz", "a%2"}) CHECK_FALSE(percent_decode(text));
  CHECK(canonical_query({{"b", ""}, {"a b", "c/d"}}) == "a%20b=c%2Fd&b=");
  CHECK(from_base64("aGVsbG8=") == "hello");
  for (const char* text : {"", "abc", "####", "aGVsbG8"}) CHECK_FALSE(from_base64(text));
}
