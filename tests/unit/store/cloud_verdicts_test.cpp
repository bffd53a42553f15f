// The verdict table: what each answer to a PUT means for the data. A scripted server stands for the
// store; tests/ship has the real ones. Here the store is known to heed conditions.
#include <fstream>

#include "store/cloud/cloud_store.hpp"
#include "store/http/encoding.hpp"
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
using Verdict = PutAnswer::Verdict;

namespace {

const std::string kContent = "the bytes of a pack";
const std::string kDigest = sha256_hex(kContent);

std::map<std::string, std::string> variables() {
  return test::s3_variables({{"AWS_REGION", "us-east-1"},
                             {"AZURE_STORAGE_KEY", "a2V5"},
                             {"AZURE_STORAGE_CONNECTION_STRING", ""},
                             {"AZURE_STORAGE_SAS_TOKEN", ""},
                             {"RUNLOG_HTTP_USER", "u"},
                             {"RUNLOG_HTTP_PASSWORD", "SECRETEXAMPLE"},
                             {"RUNLOG_HTTP_BEARER", ""}});
}

std::string s3_error(int status, const std::string& code, const std::string& message = "words",
                     const std::string& headers = "") {
  return http_answer(status, headers,
                     "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>" + message +
                         "</Message></Error>");
}

// A store at a server that answers the n-th request with the n-th answer, and the last one again.
class Scripted {
 public:
  explicit Scripted(std::vector<ScriptedServer::Answer> answers,
                    const std::string& url = "s3://bucket/p?endpoint=",
                    const std::string& url_tail = "")
      : answers_(std::move(answers)),
        environment_(variables()),
        server_([this](const ScriptedServer::Request&) {
          const std::size_t at = std::min(next_, answers_.size() - 1);
          ++next_;
          return answers_[at];
        }) {
    std::ofstream(directory_ / "pack") << kContent;
    const bool is_dav = url.starts_with("http");
    auto store = CloudStore::open(is_dav ? server_.url() + "/p" : url + server_.url() + url_tail,
                                  {.timeout = 200ms}, CloudStore::Conditions::proven);
    REQUIRE(store);
    store_ = std::move(*store);
  }

  PutAnswer put() { return store_->put("a=1/x", directory_ / "pack"); }
  CloudStore& store() { return *store_; }
  [[nodiscard]] std::vector<ScriptedServer::Request> requests() const { return server_.requests(); }
  /// "PUT HEAD …"
  [[nodiscard]] std::string methods() const {
    std::string all;
    for (const auto& request : requests()) all += (all.empty() ? "" : " ") + request.method;
    return all;
  }

 private:
  std::vector<ScriptedServer::Answer> answers_;
  std::size_t next_ = 0;  // server's thread only
  test::ScopedEnvironment environment_;
  test::TemporaryDirectory directory_;
  ScriptedServer server_;
  std::unique_ptr<CloudStore> store_;
};

const std::string kStored = http_answer(200, "ETag: \"opaque-1\"\r\n");
// A HEAD's Content-Length is the object's; no body follows.
std::string head_answer(std::size_t bytes, const std::string& digest) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes) + "\r\n" +
         (digest.empty() ? "" : "x-amz-meta-runlog-sha256: " + digest + "\r\n") + "\r\n";
}
const std::string kExists = s3_error(412, "PreconditionFailed");

void check_no_secret(const std::string& text) {
  CHECK(text.find("SECRETEXAMPLE") == std::string::npos);
  CHECK(text.find("Signature=") == std::string::npos);
}

}  // namespace

TEST_CASE("200 with an ETag: stored, and the request had all that makes it safe") {
  Scripted s3({{kStored}});
  const auto answer = s3.put();
  CHECK(answer.verdict == Verdict::stored);
  CHECK(answer.error.message.empty());
  const auto request = s3.requests().at(0);
  CHECK(request.method == "PUT");
  CHECK(request.target == "/bucket/p/a%3D1/x");
  CHECK(request.header("if-none-match") == "*");
  CHECK(request.header("x-amz-content-sha256") == kDigest);
  CHECK(request.header("x-amz-meta-runlog-sha256") == kDigest);
  CHECK_FALSE(request.header("content-md5").empty());
  CHECK(request.header("x-amz-checksum-crc32c").empty());
  CHECK(request.body == kContent);
  CHECK(s3.methods() == "PUT");
}

TEST_CASE("the crc32c is sent where the URL asks for it") {
  Scripted s3({{kStored}}, "s3://bucket/p?checksum=crc32c&endpoint=");
  CHECK(s3.put().verdict == Verdict::stored);
  const auto crc = from_base64(s3.requests().at(0).header("x-amz-checksum-crc32c"));
  REQUIRE(crc);
  CHECK(crc->size() == 4);
}

TEST_CASE("200 without an ETag is believed when the object is there, and only then") {
  Scripted there({{http_answer(200, "", "<html>")}, {head_answer(kContent.size(), kDigest)}});
  CHECK(there.put().verdict == Verdict::stored);
  Scripted portal({{http_answer(200, "", "<html>welcome</html>")},
                   {"HTTP/1.1 404 Not Found\r\n\r\n", Then::close}});
  const auto answer = portal.put();
  CHECK(answer.verdict == Verdict::retry);
  CHECK(answer.needs_owner);
}

TEST_CASE("an ETag that is another MD5 makes us look at the bytes") {
  const std::string other = http_answer(200, "ETag: \"" + std::string(32, 'a') + "\"\r\n");
  Scripted same({{other}, {http_answer(200, "", kContent)}});
  CHECK(same.put().verdict == Verdict::stored);
  Scripted different({{other}, {http_answer(200, "", "other bytes")}});
  CHECK(different.put().verdict == Verdict::reject);
  Scripted encrypted({{http_answer(200, "ETag: \"" + std::string(32, 'a') +
                                            "\"\r\nx-amz-server-side-encryption: aws:kms\r\n")}});
  CHECK(encrypted.put().verdict == Verdict::stored);
  CHECK(encrypted.methods() == "PUT");
}

TEST_CASE(
    "412 and the same digest: stored; another digest or size: a conflict, never overwritten") {
  Scripted same({{kExists}, {head_answer(kContent.size(), kDigest)}});
  CHECK(same.put().verdict == Verdict::stored);
  CHECK(same.methods() == "PUT HEAD");
  for (const std::string& head :
       {head_answer(kContent.size(), std::string(64, '0')), head_answer(5, kDigest)}) {
    Scripted other({{kExists}, {head}});
    const auto answer = other.put();
    CHECK(answer.verdict == Verdict::reject);
    CHECK(answer.error.code == Errc::already_exists);
    CHECK(answer.error.message.find("nothing was overwritten") != std::string::npos);
    CHECK(other.methods() == "PUT HEAD");
  }
}

TEST_CASE("412 on an object without a digest is compared byte by byte") {
  Scripted same({{kExists}, {head_answer(kContent.size(), "")}, {http_answer(200, "", kContent)}});
  CHECK(same.put().verdict == Verdict::stored);
  CHECK(same.methods() == "PUT HEAD GET");
}

TEST_CASE("412 where HEAD is forbidden: stored, with a note that comes once") {
  Scripted s3({{kExists}, {http_answer(403)}, {kExists}, {http_answer(403)}});
  const auto first = s3.put();
  CHECK(first.verdict == Verdict::stored);
  CHECK_FALSE(first.error.message.empty());
  const auto second = s3.put();
  CHECK(second.verdict == Verdict::stored);
  CHECK(second.error.message.empty());
}

TEST_CASE("the answer to a PUT is lost: asked again, it is found stored") {
  Scripted s3({{"", Then::reset}, {kExists}, {head_answer(kContent.size(), kDigest)}});
  const auto lost = s3.put();
  CHECK(lost.verdict == Verdict::retry);
  CHECK_FALSE(lost.needs_owner);
  CHECK(s3.put().verdict == Verdict::stored);
}

TEST_CASE("what is ambiguous or busy is repeated with the condition") {
  const ScriptedServer::Answer answers[] = {{http_answer(500)},
                                            {http_answer(502)},
                                            {http_answer(504)},
                                            {http_answer(408)},
                                            {http_answer(409)},
                                            {s3_error(409, "ConditionalRequestConflict")},
                                            {s3_error(400, "RequestTimeout")},
                                            {s3_error(400, "BadDigest")},
                                            {http_answer(299)},
                                            {"nonsense", Then::close},
                                            {"", Then::hang},
                                            {"HTTP/1.1 200 OK\r\n\r\n", Then::repeat_for_ever}};
  for (const auto& given : answers) {
    INFO(given.bytes);
    Scripted s3({given});
    const auto answer = s3.put();
    CHECK(answer.verdict == Verdict::retry);
    CHECK_FALSE(answer.needs_owner);
    CHECK_FALSE(answer.concerns_object_only);
    CHECK(answer.not_before == 0ms);
    CHECK(s3.requests().at(0).header("if-none-match") == "*");
  }
}

TEST_CASE("Retry-After is kept to, in both its forms, and up to five minutes") {
  const std::pair<const char*, std::chrono::milliseconds> cases[] = {
      {"Retry-After: 7\r\n", 7s},
      {"Retry-After: 86400\r\n", 5min},
      {"Retry-After: -5\r\n", 0s},
      {"Retry-After: soon\r\n", 0s},
      {"Date: Fri, 24 May 2013 00:00:00 GMT\r\nRetry-After: Fri, 24 May 2013 00:00:30 GMT\r\n",
       30s},
  };
  for (const int status : {429, 503}) {
    for (const auto& [headers, expected] : cases) {
      Scripted s3({{s3_error(status, "SlowDown", "words", headers)}});
      const auto answer = s3.put();
      CHECK(answer.verdict == Verdict::retry);
      CHECK(answer.not_before == expected);
      CHECK_FALSE(answer.needs_owner);
    }
  }
}

TEST_CASE("a server without conditional PUT is looked at before it is written to") {
  for (const std::string& no : {s3_error(501, "NotImplemented"), http_answer(501),
                                s3_error(400, "InvalidArgument", "If-None-Match is not known")}) {
    Scripted absent({{no}, {http_answer(404)}, {kStored}, {http_answer(404)}, {kStored}});
    const auto answer = absent.put();
    CHECK(answer.verdict == Verdict::stored);
    CHECK_FALSE(answer.error.message.empty());  // told once
    CHECK(absent.methods() == "PUT HEAD PUT");
    CHECK(absent.requests().at(2).headers.count("if-none-match") == 0);
    CHECK(absent.put().error.message.empty());
    CHECK(absent.methods() == "PUT HEAD PUT HEAD PUT");  // it has learnt

    Scripted same({{no}, {head_answer(kContent.size(), kDigest)}});
    CHECK(same.put().verdict == Verdict::stored);
    CHECK(same.methods().find("PUT", 1) == std::string::npos);
    Scripted other({{no}, {head_answer(kContent.size(), std::string(64, '0'))}});
    CHECK(other.put().verdict == Verdict::reject);
    Scripted blind({{no}, {http_answer(403)}});
    const auto refused = blind.put();
    CHECK(refused.verdict == Verdict::retry);
    CHECK(refused.needs_owner);
  }
}

TEST_CASE("a clock that is wrong is corrected by the store's, at once and for good") {
  const std::string skewed =
      s3_error(403, "RequestTimeTooSkewed", "words", "Date: Fri, 24 May 2013 00:00:00 GMT\r\n");
  Scripted s3({{skewed}, {kStored}});
  CHECK(s3.put().verdict == Verdict::stored);
  CHECK(s3.put().verdict == Verdict::stored);
  const auto requests = s3.requests();
  REQUIRE(requests.size() == 3);
  CHECK_FALSE(requests[0].header("x-amz-date").starts_with("20130524"));
  CHECK(requests[1].header("x-amz-date").starts_with("20130524T0000"));
  CHECK(requests[2].header("x-amz-date").starts_with("20130524T0000"));
}

TEST_CASE("a clock that the store calls wrong without telling its own is the owner's business") {
  Scripted s3({{s3_error(403, "RequestTimeTooSkewed")}});
  const auto answer = s3.put();
  CHECK(answer.needs_owner);
  CHECK(answer.error.message.find("clock") != std::string::npos);
  CHECK(s3.requests().size() == 1);
}

TEST_CASE("a wrong clock is corrected by the time in the store's words where no header has it") {
  Scripted s3({{s3_error(403, "RequestTimeTooSkewed",
                         "words</Message><ServerTime>2013-05-24T00:00:00Z</ServerTime><Message>")},
               {kStored}});
  CHECK(s3.put().verdict == Verdict::stored);
  CHECK(s3.requests().at(1).header("x-amz-date").starts_with("20130524T0000"));
  Scripted silent({{s3_error(403, "RequestTimeTooSkewed")}});
  CHECK(silent.put().error.message.find("this machine's clock is off") != std::string::npos);
}

TEST_CASE("stale credentials are asked for again, once") {
  for (const char* code : {"ExpiredToken", "InvalidToken", "InvalidAccessKeyId"}) {
    Scripted renewed({{s3_error(403, code)}, {kStored}});
    CHECK(renewed.put().verdict == Verdict::stored);
    Scripted stale({{s3_error(400, code)}});
    const auto answer = stale.put();
    CHECK(answer.verdict == Verdict::retry);
    CHECK(answer.needs_owner);
    CHECK(stale.requests().size() == 2);
    check_no_secret(answer.error.message);
  }
}

TEST_CASE("what only the owner can mend is kept, and told with its remedy") {
  const std::pair<std::string, const char*> cases[] = {
      {s3_error(403, "AccessDenied"), "s3:PutObject"},
      {s3_error(404, "NoSuchBucket"), "create bucket bucket"},
      {s3_error(403, "SignatureDoesNotMatch"), "secret"},
      {s3_error(403, "QuotaExceeded"), "quota"},
      {http_answer(405), "S3"},
      {http_answer(302, "Location: http://x/\r\n"), "redirects"},
  };
  for (const auto& [bytes, remedy] : cases) {
    INFO(bytes);
    Scripted s3({{bytes}});
    const auto answer = s3.put();
    CHECK(answer.verdict == Verdict::retry);
    CHECK(answer.needs_owner);
    CHECK_FALSE(answer.concerns_object_only);
    CHECK(answer.error.message.find(remedy) != std::string::npos);
    check_no_secret(answer.error.message);
  }
}

TEST_CASE("an object that is too large is told from a store that takes none") {
  Scripted s3({{s3_error(413, "EntityTooLarge")}});
  const auto answer = s3.put();
  CHECK(answer.verdict == Verdict::retry);
  CHECK(answer.concerns_object_only);
}

TEST_CASE("another region is followed once, by its name and never by its location") {
  const std::string moved =
      http_answer(301, "Location: http://192.0.2.1/\r\nx-amz-bucket-region: eu-central-1\r\n");
  Scripted s3({{moved}, {kStored}});
  CHECK(s3.put().verdict == Verdict::stored);
  CHECK(s3.requests().at(0).header("authorization").find("/us-east-1/s3/") != std::string::npos);
  CHECK(s3.requests().at(1).header("authorization").find("/eu-central-1/s3/") != std::string::npos);
  Scripted named({{s3_error(400, "AuthorizationHeaderMalformed",
                            "words</Message><Region>eu-west-3</Region><Message>")},
                  {kStored}});
  CHECK(named.put().verdict == Verdict::stored);
  for (const char* region : {"evil.example.com/", "a\tb", "us-east-1"}) {
    Scripted nowhere({{http_answer(301, std::string("x-amz-bucket-region: ") + region + "\r\n")}});
    CHECK(nowhere.put().needs_owner);
    CHECK(nowhere.requests().size() == 1);
  }
}

TEST_CASE("a redirect names what to set: the region or the endpoint, without secrets") {
  for (const int status : {301, 307, 308}) {
    INFO(status);
    Scripted s3({{http_answer(status,
                              "Location: https://u:SECRETEXAMPLE@other.example:9000/bucket/"
                              "p/x?X-Amz-Signature=SECRETEXAMPLE\r\n")}});
    auto answer = s3.put();
    CHECK(answer.needs_owner);
    CHECK(answer.error.message.find("at https://other.example:9000: set endpoint=") !=
          std::string::npos);
    check_no_secret(answer.error.message);
    Scripted azure({{http_answer(status, "Location: https://other.example/x\r\n")}},
                   "azblob://account1/box/p?endpoint=");
    CHECK(azure.put().error.message.find("https://other.example") != std::string::npos);
    Scripted dav({{http_answer(status, "Location: https://other.example/d/a%3D1/x\r\n")}}, "http");
    answer = dav.put();
    CHECK(answer.needs_owner);
    CHECK(answer.error.message.find("at https://other.example/d: ") != std::string::npos);
  }
  const std::string to_region =
      http_answer(307, "Location: https://bucket.s3.eu-west-3.amazonaws.com/p/x\r\n");
  Scripted named({{to_region}, {kStored}});
  CHECK(named.put().verdict == Verdict::stored);
  CHECK(named.requests().at(1).header("authorization").find("/eu-west-3/s3/") != std::string::npos);
}

TEST_CASE("a proxy that wants a password is told as the proxy") {
  Scripted s3({{http_answer(407)}});
  const auto answer = s3.put();
  CHECK(answer.needs_owner);
  CHECK(answer.error.message.find("the proxy wants") != std::string::npos);
}

TEST_CASE("the server's words are shown as one short line without control characters") {
  Scripted s3({{s3_error(403, "Access\x1b[31mDenied", std::string(5000, 'x') + "\nsecond line")}});
  const auto message = s3.put().error.message;
  CHECK(message.find('\x1b') == std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.size() < 700);
}

TEST_CASE("interrupted puts are repeated another time") {
  Scripted s3({{kStored}});
  s3.store().interrupt();
  const auto answer = s3.put();
  CHECK(answer.verdict == Verdict::retry);
  CHECK(s3.requests().empty());
}

TEST_CASE("Azure: 409 BlobAlreadyExists is a taken name, 403 UnauthorizedBlobOverwrite too") {
  const std::string url = "azblob://account1/box/p?endpoint=";
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kContent.size()) +
                           "\r\nx-ms-meta-runlog_sha256: " + kDigest + "\r\n\r\n";
  const std::string exists = http_answer(409, "x-ms-error-code: BlobAlreadyExists\r\n");
  Scripted stored({{http_answer(201, "ETag: \"0x1\"\r\n")}}, url);
  CHECK(stored.put().verdict == Verdict::stored);
  const auto request = stored.requests().at(0);
  CHECK(request.target == "/box/p/a%3D1/x");
  CHECK(request.header("x-ms-blob-type") == "BlockBlob");
  CHECK(request.header("if-none-match") == "*");
  CHECK(request.header("x-ms-meta-runlog_sha256") == kDigest);
  CHECK(request.header("authorization").starts_with("SharedKey account1:"));
  Scripted same({{exists}, {head}}, url);
  CHECK(same.put().verdict == Verdict::stored);
  Scripted create_only(
      {{http_answer(403, "x-ms-error-code: UnauthorizedBlobOverwrite\r\n")}, {http_answer(403)}},
      url);
  CHECK(create_only.put().verdict == Verdict::stored);
  Scripted gone({{http_answer(404, "x-ms-error-code: ContainerNotFound\r\n")}}, url);
  CHECK(gone.put().needs_owner);
  Scripted busy({{http_answer(503, "x-ms-error-code: ServerBusy\r\nRetry-After: 3\r\n")}}, url);
  CHECK(busy.put().not_before == 3s);
}

TEST_CASE("WebDAV: looks first, makes the folders that are missing, compares by reading") {
  Scripted fresh({{http_answer(404)},
                  {http_answer(409)},
                  {http_answer(201)},
                  {http_answer(405)},
                  {http_answer(201)},
                  {http_answer(201)},
                  {head_answer(kContent.size(), "")}},
                 "http");
  CHECK(fresh.put().verdict == Verdict::stored);
  CHECK(fresh.methods() == "HEAD PUT MKCOL MKCOL PUT MOVE HEAD");
  CHECK(fresh.requests().at(2).target == "/p/");
  CHECK(fresh.requests().at(3).target == "/p/a%3D1/");
  CHECK(fresh.requests().at(0).header("authorization").starts_with("Basic "));
  Scripted same({{head_answer(kContent.size(), "")},
                 {head_answer(kContent.size(), "")},
                 {http_answer(200, "", kContent)}},
                "http");
  CHECK(same.put().verdict == Verdict::stored);
  Scripted other({{head_answer(3, "")}, {http_answer(200, "", "abc")}}, "http");
  CHECK(other.put().verdict == Verdict::reject);
  CHECK(other.methods().find("PUT") == std::string::npos);
  Scripted closed({{http_answer(401)}}, "http");
  const auto answer = closed.put();
  CHECK(answer.needs_owner);
  check_no_secret(answer.error.message);
}

TEST_CASE("reads: ranges a server ignores are cut out, and a break goes on where it was") {
  const auto read = [](Scripted& s3, ByteRange range) {
    std::string got;
    auto result = s3.store().get("x", range, [&](std::span<const std::byte> bytes) -> Result<void> {
      got.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return {};
    });
    return result ? got : "error: " + result.error().message;
  };
  Scripted ignores({{http_answer(200, "", "0123456789")}});
  CHECK(read(ignores, {3, 6}) == "345");
  Scripted behind({{http_answer(416)}});
  CHECK(read(behind, {30, 60}).empty());
  Scripted breaks({{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123", Then::reset},
                   {http_answer(206, "Content-Range: bytes 4-9/10\r\n", "456789")}});
  const std::string whole = read(breaks, {});
  CHECK(whole == "0123456789");
  CHECK(breaks.requests().back().header("range").starts_with("bytes="));
  Scripted wrong({{http_answer(206, "Content-Range: bytes 5-9/10\r\n", "56789")}});
  CHECK(read(wrong, {3, 6}).starts_with("error: "));
  Scripted absent({{s3_error(404, "NoSuchKey")}});
  CHECK(absent.store().head("x").error().code == Errc::not_found);
}

TEST_CASE("lists: pages are joined, and names that would lead elsewhere are left out") {
  const std::string first =
      "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
      "<NextContinuationToken>t&amp;1</NextContinuationToken>"
      "<Contents><Key>p/b%3D1</Key><Size>5</Size></Contents>"
      "<Contents><Key>p/../c</Key><Size>5</Size></Contents>"
      "<Contents><Key>other/d</Key><Size>5</Size></Contents>"
      "<CommonPrefixes><Prefix>p/a/</Prefix></CommonPrefixes></ListBucketResult>";
  const std::string second =
      "<ListBucketResult><IsTruncated>false</IsTruncated>"
      "<Contents><Key>p/z</Key><Size>7</Size></Contents></ListBucketResult>";
  Scripted s3({{http_answer(200, "", first)}, {http_answer(200, "", second)}});
  std::string seen;
  REQUIRE(s3.store().list("", false, [&](const ObjectInfo& object) {
    seen += object.name + ":" + std::to_string(object.bytes) + " ";
  }));
  CHECK(seen == "a/:0 b=1:5 z:7 ");
  CHECK(s3.requests().at(1).target.find("continuation-token=t%261") != std::string::npos);
  for (const char* body : {"", "<html/>", "<ListBucketResult>"}) {
    Scripted broken({{http_answer(200, "", body)}});
    CHECK_FALSE(broken.store().list("", true, [](const ObjectInfo&) {}));
  }
  Scripted endless({{http_answer(200, "", first)}});
  CHECK_FALSE(endless.store().list("", true, [](const ObjectInfo&) {}));
}
