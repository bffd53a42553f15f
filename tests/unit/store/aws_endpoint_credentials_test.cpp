#include "store/credentials/credential_endpoint.hpp"
#include "support/catch.hpp"
#include "support/clean_environment.hpp"
#include "support/credential_peer.hpp"

using namespace runlog;
using test::CleanEnvironment;
using test::CredentialPeer;
using test::PeerAnswer;
using test::PeerRequest;

namespace {

Result<AccessKey> ask(const std::string& region = "") {
  HttpClient client;
  return aws_credentials("", region, client)->get(false);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string header(const PeerRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

// An address where nothing listens: its peer is gone.
std::string dead_url() {
  CredentialPeer peer([](const PeerRequest&) { return PeerAnswer{}; });
  return peer.url();
}

constexpr const char* kKey =
    R"({"Code":"Success","AccessKeyId":"AKEND","SecretAccessKey":"sec\u0072et","Token":"tok\/en",)"
    R"("Expiration":"2040-01-02T03:04:05.250+00:00"})";
constexpr const char* kRoles = "/latest/meta-data/iam/security-credentials/";

// IMDSv2: a token by PUT, then the role's name, then its key.
PeerAnswer imds(const PeerRequest& request) {
  if (request.target == "/latest/api/token") {
    const bool is_sound = request.method == "PUT" &&
                          header(request, "x-aws-ec2-metadata-token-ttl-seconds") == "21600";
    return is_sound ? PeerAnswer{200, "TOKEN"} : PeerAnswer{400};
  }
  if (header(request, "x-aws-ec2-metadata-token") != "TOKEN") return {401};
  if (request.target == kRoles) return {200, "ship\nother\n"};
  if (request.target == std::string(kRoles) + "ship") return {200, kKey};
  return {404};
}

constexpr const char* kSts =
    "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
    "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKSTS</AccessKeyId>"
    "<SecretAccessKey>a&amp;b</SecretAccessKey><SessionToken>st</SessionToken>"
    "<Expiration>2040-01-02T03:04:05Z</Expiration></Credentials>"
    "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";

}  // namespace

TEST_CASE("a container's endpoint is asked with its token, read from the file each time",
          "[credentials]") {
  CleanEnvironment environment;
  CredentialPeer peer([](const PeerRequest& request) {
    return header(request, "authorization") == "second" ? PeerAnswer{200, kKey} : PeerAnswer{401};
  });
  environment.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", peer.url() + "/creds?id=1");
  const std::string token = environment.write("token", "first\n");
  environment.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token);
  const auto refused = ask();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::invalid_argument);
  CHECK(has(refused.error().message, "refused: 401"));
  CHECK_FALSE(has(refused.error().message, "first"));
  environment.write("token", "second\n");
  const auto key = ask();
  REQUIRE(key);
  CHECK(key->id == "AKEND");
  CHECK(key->secret.reveal() == "secret");
  CHECK(key->session_token.reveal() == "tok/en");
  REQUIRE(key->expires);
  CHECK(WallClock::to_time_t(*key->expires) == 2'209'086'245);
  CHECK(peer.requests().back().target == "/creds?id=1");
}

TEST_CASE("a token file that is missing, empty or of several lines is named", "[credentials]") {
  CleanEnvironment environment;
  environment.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/");
  const std::string path = environment.write("token", " \n");
  environment.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path);
  CHECK(has(ask().error().message, path + " (named by AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE) is "
                                          "empty"));
  environment.write("token", "topsecret\r\nX-Injected: 1\n");
  CHECK(has(ask().error().message, "holds more than one line"));
  CHECK_FALSE(has(ask().error().message, "topsecret"));
  std::filesystem::remove(path);
  CHECK(has(ask().error().message, "cannot be read"));
}

TEST_CASE("credentials are asked for only where nobody on the way can read them", "[credentials]") {
  CleanEnvironment environment;
  for (const char* url :
       {"http://example.com/creds", "http://127.0.0.1.example.com/", "http://169.254.170.3/",
        "http://127.0.0.1@example.com/", "http://[fd00:ec2::24]/", "ftp://127.0.0.1/", "creds",
        "http://10.0.0.1/", "https://user:pw@example.com/", "http://1692541702/"}) {
    environment.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    environment.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "topsecret");
    const auto key = ask();
    INFO(url);
    REQUIRE_FALSE(key);
    CHECK(key.error().code == Errc::invalid_argument);
    CHECK(has(key.error().message, "AWS_CONTAINER_CREDENTIALS_FULL_URI must be an https:// URL"));
  }
  for (const char* url :
       {"https://example.com/x", "http://127.8.9.1:80/", "http://localhost/", "http://[::1]:8080/x",
        "http://169.254.170.2/x", "http://169.254.170.23/v1", "http://[fd00:ec2::23]/v1",
        "http://[fd00:ec2:0::23]:80/v1", "http://169.254.169.254"}) {
    INFO(url);
    CHECK(may_ask_for_credentials(url, true));
  }
  CHECK(may_ask_for_credentials("http://169.254.254.6:8081/msi/token", false));
  CHECK_FALSE(may_ask_for_credentials("http://169.254.254.6:8081/msi/token", true));
  CHECK_FALSE(may_ask_for_credentials("http://169.253.254.6/", false));
  CHECK_FALSE(may_ask_for_credentials("", false));
}

TEST_CASE("an endpoint that is down, fails or hangs up may be asked later", "[credentials]") {
  CleanEnvironment environment;
  SECTION("down") {
    environment.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", dead_url());
    CHECK(ask().error().code == Errc::unavailable);
  }
  SECTION("failing for good") {
    CredentialPeer peer([](const PeerRequest&) { return PeerAnswer{500, "topsecret"}; });
    environment.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", peer.url());
    const auto key = ask();
    CHECK(key.error().code == Errc::unavailable);
    CHECK(has(key.error().message, "answered 500"));
    CHECK_FALSE(has(key.error().message, "topsecret"));
    CHECK(peer.requests().size() == 3);
  }
  SECTION("well at the third try") {
    int asked = 0;
    CredentialPeer peer([&](const PeerRequest&) {
      ++asked;
      if (asked == 1) return PeerAnswer{.hangs_up = true};
      return asked == 2 ? PeerAnswer{503} : PeerAnswer{200, kKey};
    });
    environment.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", peer.url());
    CHECK(ask());
  }
}

TEST_CASE("an answer that is no sound credentials is an error, not a crash", "[credentials]") {
  CleanEnvironment environment;
  std::string body;
  CredentialPeer peer([&](const PeerRequest&) { return PeerAnswer{200, body}; });
  environment.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", peer.url());
  const std::string deep(60'000, '[');
  for (const std::string& text : std::vector<std::string>{
           "", "topsecret", "{", "[]", "{}", R"({"AccessKeyId":"topsecret"})",
           R"({"AccessKeyId":"a","SecretAccessKey":"topsecret\r\nX: y"})",
           R"({"AccessKeyId":"a","SecretAccessKey":"topsecret","Expiration":"soon"})",
           R"({"AccessKeyId":"a","SecretAccessKey":"topsecret"} {})", "{\"a\":" + deep,
           R"({"AccessKeyId":"\ud800","SecretAccessKey":"topsecret"})"}) {
    body = text;
    INFO(text.substr(0, 100));
    const auto key = ask();
    REQUIRE_FALSE(key);
    CHECK_FALSE(has(key.error().message, "topsecret"));
  }
  body = std::string(200'000, 'x');
  CHECK_FALSE(ask());
}

TEST_CASE("an EC2 instance gives the key of its role, by a session token", "[credentials]") {
  CleanEnvironment environment;
  environment.unset("AWS_EC2_METADATA_DISABLED");
  SECTION("as it should") {
    CredentialPeer peer(imds);
    environment.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", peer.url() + "/");
    const auto key = ask();
    REQUIRE(key);
    CHECK(key->id == "AKEND");
    CHECK(key->from == "EC2 instance metadata, role ship");
    CHECK(peer.requests().size() == 3);
  }
  SECTION("without a role: we looked there") {
    CredentialPeer peer([](const PeerRequest& request) {
      return request.target == kRoles ? PeerAnswer{404} : imds(request);
    });
    environment.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", peer.url());
    CHECK(ask().error().code == Errc::not_found);
    CHECK(has(ask().error().message, "this EC2 instance has no role"));
  }
  SECTION("with a token that has become invalid: once more with a new one") {
    int tokens = 0;
    CredentialPeer peer([&](const PeerRequest& request) {
      if (request.target == "/latest/api/token") ++tokens;
      if (tokens == 1 && request.method == "GET") return PeerAnswer{401};
      return imds(request);
    });
    environment.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", peer.url());
    CHECK(ask());
    CHECK(tokens == 2);
  }
  SECTION("with no token ever accepted: an error, not a loop") {
    CredentialPeer peer([&](const PeerRequest& request) {
      return request.method == "GET" ? PeerAnswer{401} : imds(request);
    });
    environment.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", peer.url());
    CHECK(ask().error().code == Errc::invalid_argument);
    CHECK(peer.requests().size() == 4);
  }
  SECTION("with a role in trouble: later") {
    CredentialPeer peer([](const PeerRequest& request) {
      return request.target == std::string(kRoles) + "ship"
                 ? PeerAnswer{200, R"({"Code":"AssumeRoleUnauthorizedAccess"})"}
                 : imds(request);
    });
    environment.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", peer.url());
    CHECK(ask().error().code == Errc::unavailable);
    CHECK(has(ask().error().message, "AssumeRoleUnauthorizedAccess"));
  }
  SECTION("named and down: later; on the open network: never") {
    environment.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", dead_url());
    CHECK(ask().error().code == Errc::unavailable);
    environment.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://example.com/");
    CHECK(ask().error().code == Errc::invalid_argument);
  }
}

TEST_CASE("a metadata endpoint is asked past the proxy", "[credentials]") {
  CleanEnvironment environment;
  CredentialPeer peer(imds);
  environment.unset("AWS_EC2_METADATA_DISABLED");
  environment.set("http_proxy", dead_url());
  environment.set("all_proxy", dead_url());
  environment.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", peer.url());
  CHECK(ask());
}

TEST_CASE("a web identity is exchanged at STS, with the token as it is at that time",
          "[credentials]") {
  CleanEnvironment environment;
  CredentialPeer peer([](const PeerRequest& request) {
    return request.body.ends_with("WebIdentityToken=second%2B%2F%3D")
               ? PeerAnswer{200, kSts}
               : PeerAnswer{400,
                            "<ErrorResponse><Error><Code>ExpiredTokenException</Code>"
                            "<Message>topsecret</Message></Error></ErrorResponse>"};
  });
  environment.set("AWS_ENDPOINT_URL_STS", peer.url() + "/sts/");
  const std::string token = environment.write("jwt", "first");
  environment.set("AWS_WEB_IDENTITY_TOKEN_FILE", token);
  CHECK(has(ask().error().message, "but not AWS_ROLE_ARN"));
  environment.set("AWS_ROLE_ARN", "arn:aws:iam::1:role/ship");
  const auto refused = ask();
  CHECK(refused.error().code == Errc::invalid_argument);
  CHECK(has(refused.error().message, "400 ExpiredTokenException"));
  CHECK_FALSE(has(refused.error().message, "topsecret"));
  CHECK_FALSE(has(refused.error().message, "first"));
  environment.write("jwt", "second+/=\n");
  const auto key = ask();
  REQUIRE(key);
  CHECK(key->id == "AKSTS");
  CHECK(key->secret.reveal() == "a&b");
  CHECK(key->session_token.reveal() == "st");
  CHECK(key->expires);
  const PeerRequest asked = peer.requests().back();
  CHECK(asked.method == "POST");
  CHECK(asked.target == "/sts/");
  CHECK(has(asked.body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&"
            "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fship&RoleSessionName=runlog&"));
}

TEST_CASE("a web identity of a profile, a broken answer and a bad region are told apart",
          "[credentials]") {
  CleanEnvironment environment;
  std::string answer = kSts;
  CredentialPeer peer([&](const PeerRequest&) { return PeerAnswer{200, answer}; });
  const std::string token = environment.write("jwt", "token");
  environment.write(".aws/config", "[default]\nrole_arn = arn:r\nweb_identity_token_file = " +
                                       token + "\nrole_session_name = me\n");
  SECTION("profile") {
    environment.set("AWS_ENDPOINT_URL_STS", peer.url());
    REQUIRE(ask());
    CHECK(has(peer.requests().back().body, "RoleSessionName=me&"));
    answer = "<Credentials><AccessKeyId>topsecret</AccessKeyId></Credentials>";
    CHECK(ask().error().code == Errc::unavailable);
    CHECK_FALSE(has(ask().error().message, "topsecret"));
  }
  SECTION("region") {
    CHECK(has(ask("evil.example/#").error().message, "is not a region of AWS"));
    environment.set("AWS_ENDPOINT_URL_STS", "http://sts.example.com");
    CHECK(has(ask().error().message, "AWS_ENDPOINT_URL_STS"));
    environment.set("AWS_ENDPOINT_URL_STS", dead_url());
    CHECK(ask().error().code == Errc::unavailable);
  }
}
