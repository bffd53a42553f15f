// Credentials are found where each cloud's users have them, refreshed in time, and never told.
#include "ship/cloud/credentials.hpp"

#include <sys/stat.h>

#include <fstream>

#include "ship/cloud/azure_connection.hpp"
#include "ship/cloud/cached_credentials.hpp"
#include "ship/cloud/credential_endpoint.hpp"
#include "ship/cloud/credential_process.hpp"
#include "ship/cloud/http_client.hpp"
#include "ship/cloud/ini_text.hpp"
#include "ship/cloud/netrc.hpp"
#include "support/catch.hpp"
#include "support/endpoint.hpp"
#include "support/process.hpp"

using namespace runlog;
using test::answer;
using test::Endpoint;
using test::EndpointRequest;
using test::ScopedEnvironment;
using test::TemporaryDirectory;

namespace {

constexpr const char* kSecret = "s3cr3t/value+1";

// Nothing of the machine the tests run on is seen: no files, no metadata service.
std::map<std::string, std::string> bare(const TemporaryDirectory& home) {
  std::map<std::string, std::string> values{
      {"HOME", home.path().native()},
      {"AWS_EC2_METADATA_DISABLED", "true"},
      {"AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1"}};
  for (const char* name : {"AWS_ACCESS_KEY_ID",
                           "AWS_SECRET_ACCESS_KEY",
                           "AWS_SESSION_TOKEN",
                           "AWS_PROFILE",
                           "AWS_REGION",
                           "AWS_DEFAULT_REGION",
                           "AWS_ENDPOINT_URL",
                           "AWS_ENDPOINT_URL_S3",
                           "AWS_ENDPOINT_URL_STS",
                           "AWS_SHARED_CREDENTIALS_FILE",
                           "AWS_CONFIG_FILE",
                           "AWS_WEB_IDENTITY_TOKEN_FILE",
                           "AWS_ROLE_ARN",
                           "AWS_ROLE_SESSION_NAME",
                           "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                           "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                           "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                           "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                           "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                           "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
                           "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                           "AZURE_STORAGE_CONNECTION_STRING",
                           "AZURE_STORAGE_ACCOUNT",
                           "AZURE_STORAGE_KEY",
                           "AZURE_STORAGE_SAS_TOKEN",
                           "AZURE_FEDERATED_TOKEN_FILE",
                           "AZURE_TENANT_ID",
                           "AZURE_CLIENT_ID",
                           "AZURE_AUTHORITY_HOST",
                           "IDENTITY_ENDPOINT",
                           "IDENTITY_HEADER",
                           "MSI_ENDPOINT",
                           "MSI_SECRET",
                           "RUNLOG_GCS_ACCESS_KEY_ID",
                           "RUNLOG_GCS_SECRET_ACCESS_KEY",
                           "BOTO_CONFIG",
                           "RUNLOG_HTTP_BEARER",
                           "RUNLOG_HTTP_USER",
                           "RUNLOG_HTTP_PASSWORD",
                           "NETRC",
                           "http_proxy",
                           "https_proxy",
                           "all_proxy"}) {
    values.emplace(name, "");
  }
  return values;
}

// The values of `more` win.
std::map<std::string, std::string> with(const TemporaryDirectory& home,
                                        std::map<std::string, std::string> more) {
  more.merge(bare(home));
  return more;
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

Result<AccessKey> ask_aws(const std::string& profile = "") {
  HttpClient client;
  return aws_credentials(profile, "eu-west-1", client)->get(false);
}

Result<AzureCredentials> ask_azure(const std::string& account = "acct") {
  HttpClient client;
  return azure_credentials(account, client)->get(false);
}

// What is told must not hold the secret.
std::string told(const Error& error) {
  CHECK(error.message.find(kSecret) == std::string::npos);
  return error.message;
}

std::string keys_json(const std::string& id, const std::string& token_name = "Token") {
  return R"({"Code":"Success","AccessKeyId":")" + id + R"(","SecretAccessKey":")" + kSecret +
         R"(",")" + token_name + R"(":"tok","Expiration":"2099-01-01T00:00:00Z"})";
}

}  // namespace

TEST_CASE("without credentials the message says where they were looked for") {
  const TemporaryDirectory home;
  const ScopedEnvironment environment(bare(home));
  const auto aws = ask_aws();
  REQUIRE_FALSE(aws);
  CHECK(aws.error().code == Errc::not_found);
  CHECK(aws.error().message.find("AWS_ACCESS_KEY_ID") != std::string::npos);
  const auto azure = ask_azure();
  REQUIRE_FALSE(azure);
  CHECK(azure.error().message.find("AZURE_STORAGE_KEY") != std::string::npos);
  const auto gcs = gcs_credentials()->get(false);
  REQUIRE_FALSE(gcs);
  CHECK(gcs.error().message.find("RUNLOG_GCS_ACCESS_KEY_ID") != std::string::npos);
  const auto http = http_credentials("host")->get(false);
  REQUIRE(http);
  CHECK(http->from.empty());  // plain HTTP works without
}

TEST_CASE("AWS keys come from the environment before any file") {
  const TemporaryDirectory home;
  write(home.path() / ".aws/credentials",
        "[default]\naws_access_key_id = FILE\naws_secret_access_key = x\n");
  {
    const ScopedEnvironment environment(with(home, {{"AWS_ACCESS_KEY_ID", "ENV"},
                                                    {"AWS_SECRET_ACCESS_KEY", kSecret},
                                                    {"AWS_SESSION_TOKEN", "tok"}}));
    const auto key = ask_aws();
    REQUIRE(key);
    CHECK(key->id == "ENV");
    CHECK(key->secret.reveal() == kSecret);
    CHECK(key->session_token.reveal() == "tok");
    // A profile named in the URL is what the user wants, whatever the environment has.
    const auto named = ask_aws("default");
    REQUIRE(named);
    CHECK(named->id == "FILE");
  }
  const ScopedEnvironment environment(bare(home));
  const auto key = ask_aws();
  REQUIRE(key);
  CHECK(key->id == "FILE");
  CHECK(key->from.find("profile default") == 0);
}

TEST_CASE("half a pair of AWS keys is an error that names the other half") {
  const TemporaryDirectory home;
  const ScopedEnvironment environment(with(home, {{"AWS_ACCESS_KEY_ID", "ENV"}}));
  const auto key = ask_aws();
  REQUIRE_FALSE(key);
  CHECK(key.error().code == Errc::invalid_argument);
  CHECK(told(key.error()).find("AWS_SECRET_ACCESS_KEY") != std::string::npos);
}

TEST_CASE("AWS profiles: both files, region and endpoint, a missing one, one beyond us") {
  const TemporaryDirectory home;
  write(home.path() / ".aws/credentials",
        "# keys\n[lab]\naws_access_key_id=LAB\naws_secret_access_key = " + std::string(kSecret) +
            "\r\n");
  write(home.path() / ".aws/config",
        "[profile lab]\nregion = eu-north-1 ; here\nendpoint_url = http://127.0.0.1:9\n"
        "s3 =\n  addressing_style = path\n"
        "[profile sso]\nsso_session = corp\n[default]\nregion = us-west-2\n");
  const ScopedEnvironment environment(bare(home));
  const auto key = ask_aws("lab");
  REQUIRE(key);
  CHECK(key->id == "LAB");
  CHECK(key->secret.reveal() == kSecret);
  const auto settings = find_aws_settings("lab");
  REQUIRE(settings);
  CHECK(settings->region == "eu-north-1");
  CHECK(settings->endpoint_url == "http://127.0.0.1:9");
  CHECK(find_aws_settings("")->region == "us-west-2");
  {
    const ScopedEnvironment more({{"AWS_REGION", "ap-south-1"},
                                  {"AWS_ENDPOINT_URL", "http://a"},
                                  {"AWS_ENDPOINT_URL_S3", "http://b"}});
    CHECK(find_aws_settings("lab")->region == "ap-south-1");
    CHECK(find_aws_settings("lab")->endpoint_url == "http://b");
  }
  const auto missing = ask_aws("nobody");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message.find("nobody is in neither of") != std::string::npos);
  const auto sso = ask_aws("sso");
  REQUIRE_FALSE(sso);
  CHECK(sso.error().message.find("sso_session") != std::string::npos);
  CHECK(sso.error().message.find("aws configure export-credentials --profile sso") !=
        std::string::npos);
}

TEST_CASE("credential_process is split as a shell would, and run without one") {
  using Words = std::vector<std::string>;
  CHECK(split_command("/bin/tool --a 'b c' \"d \\\" $e\" f\\ g") ==
        Words{"/bin/tool", "--a", "b c", "d \" $e", "f g"});
  CHECK(split_command("") == Words{});
  CHECK(split_command("a ''") == Words{"a", ""});
  CHECK_FALSE(split_command("a 'b"));

  const TemporaryDirectory home;
  const auto tool = home.path() / "a tool";
  write(tool, "#!/bin/sh\n[ \"$1\" = '$HOME;x' ] || exit 9\ncat <<'E'\n{\"Version\":1," +
                  keys_json("PROC", "SessionToken").substr(1) + "\nE\n");
  ::chmod(tool.c_str(), 0755);
  write(home.path() / ".aws/config",
        "[default]\ncredential_process = \"" + tool.native() +
            "\" '$HOME;x'\n[profile bad]\ncredential_process = \"" + tool.native() + "\" " +
            kSecret + "\n[profile gone]\ncredential_process = " + (home.path() / "gone").native() +
            "\n");
  const ScopedEnvironment environment(bare(home));
  const auto key = ask_aws();
  REQUIRE(key);
  CHECK(key->id == "PROC");
  CHECK(key->secret.reveal() == kSecret);
  CHECK(key->session_token.reveal() == "tok");
  CHECK(key->expires);
  const auto bad = ask_aws("bad");
  REQUIRE_FALSE(bad);
  CHECK(told(bad.error()).find("ended with status 9") != std::string::npos);
  const auto gone = ask_aws("gone");
  REQUIRE_FALSE(gone);
  CHECK(gone.error().message.find("No such file or directory") != std::string::npos);
}

TEST_CASE("a credential_process that prints without end is stopped") {
  const auto output = run_credential_process("yes", "credential_process of a test");
  REQUIRE_FALSE(output);
  CHECK(output.error().message.find("more than 64 KiB") != std::string::npos);
}

TEST_CASE("web identity: the token is posted, temporary keys come back") {
  const TemporaryDirectory home;
  write(home.path() / "token", "a.b+c\n");
  Endpoint sts([](const EndpointRequest& request) {
    if (request.method != "POST" ||
        request.body.find("WebIdentityToken=a.b%2Bc") == std::string::npos ||
        request.body.find("RoleArn=arn%3Aaws%3Aiam") == std::string::npos) {
      return answer(400, "bad");
    }
    return answer(200,
                  std::string("<R xmlns=\"x\"><C><AccessKeyId>STS</AccessKeyId><SecretAccessKey>") +
                      kSecret +
                      "</SecretAccessKey><SessionToken>tok</SessionToken><Expiration>"
                      "2099-01-01T00:00:00Z</Expiration></C></R>");
  });
  auto values = with(home, {{"AWS_WEB_IDENTITY_TOKEN_FILE", (home.path() / "token").native()},
                            {"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"},
                            {"AWS_ENDPOINT_URL_STS", sts.url()}});
  {
    const ScopedEnvironment environment(values);
    const auto key = ask_aws();
    REQUIRE(key);
    CHECK(key->id == "STS");
    CHECK(key->secret.reveal() == kSecret);
    CHECK(key->session_token.reveal() == "tok");
    CHECK(key->expires);
  }
  // The token would cross a network unencrypted.
  values["AWS_ENDPOINT_URL_STS"] = "http://sts.example.com";
  const ScopedEnvironment environment(values);
  const auto refused = ask_aws();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("must be https") != std::string::npos);
}

TEST_CASE("container credentials: the token is sent, and re-read; other hosts are refused") {
  const TemporaryDirectory home;
  Endpoint endpoint([](const EndpointRequest& request) {
    const auto token = request.headers.find("authorization");
    if (token == request.headers.end() || token->second != "right") return answer(401, "no");
    return answer(200, keys_json("ECS"));
  });
  auto values = with(home, {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint.url() + "/x"},
                            {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "right"}});
  {
    const ScopedEnvironment environment(values);
    CHECK(ask_aws()->id == "ECS");
  }
  write(home.path() / "token", "wrong");
  values["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = (home.path() / "token").native();
  {
    const ScopedEnvironment environment(values);
    HttpClient client;
    const auto source = aws_credentials("", "", client);
    const auto key = source->get(false);
    REQUIRE_FALSE(key);
    CHECK(key.error().code == Errc::invalid_argument);
    CHECK(key.error().message.find("401") != std::string::npos);
    CHECK(endpoint.requests().size() == 2);  // a refusal is not asked for three times
  }
  write(home.path() / "token", "right\n");
  {
    const ScopedEnvironment environment(values);
    CHECK(ask_aws()->id == "ECS");
  }
  for (const char* url : {"http://example.com/x", "http://169.254.170.2.example.com/x",
                          "http://169.254.1.2@example.com/x", "ftp://127.0.0.1/"}) {
    values["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    const ScopedEnvironment environment(values);
    const auto refused = ask_aws();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("are refused") != std::string::npos);
  }
}

TEST_CASE("EC2 metadata version 2: a session token, the role, its keys") {
  const TemporaryDirectory home;
  Endpoint endpoint([](const EndpointRequest& request) {
    if (request.target == "/latest/api/token") {
      const bool is_right = request.method == "PUT" &&
                            request.headers.count("x-aws-ec2-metadata-token-ttl-seconds") == 1;
      return is_right ? answer(200, "T1") : answer(400, "");
    }
    const auto token = request.headers.find("x-aws-ec2-metadata-token");
    if (token == request.headers.end() || token->second != "T1") return answer(401, "");
    if (request.target == "/latest/meta-data/iam/security-credentials/")
      return answer(200, "my role\n");
    if (request.target == "/latest/meta-data/iam/security-credentials/my%20role") {
      return answer(200, keys_json("EC2"));
    }
    return answer(404, "");
  });
  const ScopedEnvironment environment(
      with(home, {{"AWS_EC2_METADATA_DISABLED", ""},
                  {"AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint.url() + "/"},
                  {"http_proxy", "http://127.0.0.1:1"}}));  // must not be asked
  const auto key = ask_aws();
  REQUIRE(key);
  CHECK(key->id == "EC2");
  CHECK(key->from == "EC2 role my role");
}

TEST_CASE("another cloud's metadata service is not an AWS error") {
  const TemporaryDirectory home;
  Endpoint endpoint([](const EndpointRequest&) { return answer(404, "who?"); });
  const ScopedEnvironment environment(with(
      home,
      {{"AWS_EC2_METADATA_DISABLED", ""}, {"AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint.url()}}));
  const auto key = ask_aws();
  REQUIRE_FALSE(key);
  CHECK(key.error().code == Errc::not_found);
}

TEST_CASE("nonsense from a metadata endpoint is an error without a secret in it") {
  const TemporaryDirectory home;
  const std::string secret(kSecret);
  for (const std::string& body :
       {std::string("not json ") + secret, "{\"SecretAccessKey\":\"" + secret + "\"}",
        std::string(60'000, '['),
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"" + secret +
            "\",\"Expiration\":\"tomorrow\"}"}) {
    Endpoint endpoint([&](const EndpointRequest&) { return answer(200, body); });
    const ScopedEnvironment environment(
        with(home, {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint.url()}}));
    const auto key = ask_aws();
    REQUIRE_FALSE(key);
    CHECK(key.error().code == Errc::invalid_argument);
    CHECK_FALSE(told(key.error()).empty());
  }
}

TEST_CASE("credentials are refreshed five minutes ahead, and the old ones serve meanwhile") {
  WallClock::time_point now{std::chrono::hours(1'000'000)};
  int asked = 0;
  bool works = true;
  CachedCredentials<AccessKey>::Settings settings;
  settings.sources = {[&]() -> Result<std::optional<AccessKey>> {
    ++asked;
    if (!works) return Error{Errc::unavailable, 0, "endpoint down"};
    AccessKey key;
    key.id = "K" + std::to_string(asked);
    key.expires = now + std::chrono::hours(1);
    return std::optional(std::move(key));
  }};
  settings.expires = [](const AccessKey& key) { return key.expires; };
  settings.now = [&] { return now; };
  CachedCredentials<AccessKey> source(std::move(settings));

  CHECK(source.get(false)->id == "K1");
  CHECK(source.get(false)->id == "K1");
  now += std::chrono::minutes(54);
  CHECK(source.get(false)->id == "K1");
  CHECK(asked == 1);
  now += std::chrono::minutes(2);  // four minutes left
  works = false;
  CHECK(source.get(false)->id == "K1");
  CHECK(asked == 2);
  CHECK(source.get(false)->id == "K1");
  CHECK(asked == 2);  // a failing endpoint is not asked at every request
  now += std::chrono::minutes(5);
  const auto expired = source.get(false);
  REQUIRE_FALSE(expired);
  CHECK(expired.error().message == "endpoint down");
  CHECK(asked == 3);
  works = true;
  now += std::chrono::minutes(5);
  CHECK(source.get(false)->id == "K4");
  // What a server refuses is replaced at once.
  CHECK(source.get(true)->id == "K5");
}

TEST_CASE("Azure: connection string, key, SAS, each for its own account") {
  const TemporaryDirectory home;
  {
    const ScopedEnvironment environment(with(
        home, {{"AZURE_STORAGE_CONNECTION_STRING",
                "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=a2V5==;EndpointSuffix="
                "core.example"}}));
    const auto found = ask_azure();
    REQUIRE(found);
    REQUIRE(std::holds_alternative<AzureKey>(found->with));
    CHECK(std::get<AzureKey>(found->with).key.reveal() == "a2V5==");
    CHECK(azure_endpoint_from_environment("acct") == "https://acct.blob.core.example");
    CHECK(azure_endpoint_from_environment("other").empty());
    CHECK_FALSE(ask_azure("other"));
  }
  {
    const ScopedEnvironment environment(
        with(home, {{"AZURE_STORAGE_CONNECTION_STRING", "UseDevelopmentStorage=true"}}));
    CHECK(ask_azure("devstoreaccount1"));
    CHECK(azure_endpoint_from_environment("devstoreaccount1") ==
          "http://127.0.0.1:10000/devstoreaccount1");
  }
  {
    const ScopedEnvironment environment(with(home, {{"AZURE_STORAGE_KEY", "a2V5"}}));
    CHECK(std::get<AzureKey>(ask_azure()->with).account == "acct");
  }
  {
    const ScopedEnvironment environment(with(
        home, {{"AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=x"}, {"AZURE_STORAGE_ACCOUNT", "acct"}}));
    CHECK(std::get<AzureSas>(ask_azure()->with).query.reveal() == "sv=1&sig=x");
    CHECK_FALSE(ask_azure("other"));
  }
  const auto sas = parse_azure_connection(
      "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig=y=");
  REQUIRE(sas);
  CHECK(sas->account == "acct");
  CHECK(sas->sas.reveal() == "sv=1&sig=y=");
  for (const std::string& bad : {std::string("rubbish"), std::string("AccountName=a"),
                                 std::string("AccountKey=") + kSecret}) {
    const auto parsed = parse_azure_connection(bad);
    REQUIRE_FALSE(parsed);
    CHECK(told(parsed.error()).find("AZURE_STORAGE_CONNECTION_STRING") == 0);
  }
}

TEST_CASE("Azure: managed identity and workload identity hand out bearer tokens") {
  const TemporaryDirectory home;
  write(home.path() / "jwt", "a.b.c");
  Endpoint endpoint([](const EndpointRequest& request) {
    const auto has = [&](const char* name, const char* value) {
      const auto header = request.headers.find(name);
      return header != request.headers.end() && header->second == value;
    };
    const std::string token = R"({"access_token":"JWT","expires_in":"3599","token_type":"Bearer"})";
    if (request.target.rfind("/metadata/identity/oauth2/token?", 0) == 0) {
      return has("metadata", "true") ? answer(200, token) : answer(400, "");
    }
    if (request.target.rfind("/msi?api-version=2019-08-01", 0) == 0) {
      return has("x-identity-header", "h") ? answer(200, token) : answer(401, "");
    }
    if (request.target == "/tenant/oauth2/v2.0/token" &&
        request.body.find("client_assertion=a.b.c") != std::string::npos) {
      return answer(200, token);
    }
    return answer(404, "");
  });
  const auto token_of = [](const Result<AzureCredentials>& found) {
    return found ? std::get<BearerToken>(found->with).token.reveal() : found.error().message;
  };
  {
    const ScopedEnvironment environment(
        with(home, {{"AZURE_POD_IDENTITY_AUTHORITY_HOST", endpoint.url()}}));
    const auto found = ask_azure();
    CHECK(token_of(found) == "JWT");
    CHECK(std::get<BearerToken>(found->with).expires);
  }
  {
    const ScopedEnvironment environment(
        with(home, {{"IDENTITY_ENDPOINT", endpoint.url() + "/msi"}, {"IDENTITY_HEADER", "h"}}));
    CHECK(token_of(ask_azure()) == "JWT");
  }
  {
    const ScopedEnvironment environment(
        with(home, {{"AZURE_FEDERATED_TOKEN_FILE", (home.path() / "jwt").native()},
                    {"AZURE_TENANT_ID", "tenant"},
                    {"AZURE_CLIENT_ID", "client"},
                    {"AZURE_AUTHORITY_HOST", endpoint.url() + "/"}}));
    CHECK(token_of(ask_azure()) == "JWT");
  }
  const ScopedEnvironment environment(
      with(home, {{"IDENTITY_ENDPOINT", "http://example.com/msi"}, {"IDENTITY_HEADER", kSecret}}));
  const auto refused = ask_azure();
  REQUIRE_FALSE(refused);
  CHECK(told(refused.error()).find("is refused") != std::string::npos);
}

TEST_CASE("GCS: an HMAC key from the environment or from .boto") {
  const TemporaryDirectory home;
  write(home.path() / ".boto",
        "[Credentials]\ngs_access_key_id = GOOG1\ngs_secret_access_key = " + std::string(kSecret));
  {
    const ScopedEnvironment environment(bare(home));
    CHECK(gcs_credentials()->get(false)->id == "GOOG1");
  }
  const ScopedEnvironment environment(
      with(home, {{"RUNLOG_GCS_ACCESS_KEY_ID", "GOOG2"}, {"RUNLOG_GCS_SECRET_ACCESS_KEY", "x"}}));
  CHECK(gcs_credentials()->get(false)->id == "GOOG2");
}

TEST_CASE("HTTP: environment, then netrc") {
  const TemporaryDirectory home;
  write(home.path() / ".netrc",
        "# mine\nmachine other login o password p\nmacdef init\n machine dav.local login no\n\n"
        "machine dav.local\n  login u\n  password \"p \\\" w\"\ndefault login anonymous password "
        "x\n");
  {
    const ScopedEnvironment environment(bare(home));
    const auto found = http_credentials("dav.local")->get(false);
    REQUIRE(found);
    CHECK(found->user == "u");
    CHECK(found->password.reveal() == "p \" w");
    CHECK(http_credentials("else.where")->get(false)->user == "anonymous");
  }
  {
    const ScopedEnvironment environment(
        with(home, {{"RUNLOG_HTTP_USER", "me"}, {"RUNLOG_HTTP_PASSWORD", "pw"}}));
    CHECK(http_credentials("dav.local")->get(false)->user == "me");
  }
  {
    const ScopedEnvironment environment(with(home, {{"RUNLOG_HTTP_BEARER", "b"}}));
    CHECK(http_credentials("dav.local")->get(false)->bearer.reveal() == "b");
  }
  const ScopedEnvironment environment(with(home, {{"NETRC", (home.path() / "none").native()}}));
  const auto missing = http_credentials("dav.local")->get(false);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message.find("netrc: ") == 0);
}

TEST_CASE("any text may stand in a netrc or profile file") {
  for (const char* text : {"", "machine", "machine a login", "default", "macdef",
                           "login x password y", "machine a \"", "\"machine\" a password \\"}) {
    (void)find_in_netrc(text, "a");
    (void)IniText::parse(text);
  }
  CHECK_FALSE(find_in_netrc("machine b login x password y", "a"));
  const IniText ini = IniText::parse("x = 1\n[\n[a\ny = 2\n[b]\n= 3\nz\nk = a#b # c\n");
  CHECK(ini.section("a") == nullptr);
  CHECK(value_of(ini.section("b"), "k") == "a#b");
}

TEST_CASE("times of expiry") {
  const auto base = parse_iso_time("2026-11-22T21:40:00Z");
  REQUIRE(base);
  CHECK(WallClock::to_time_t(*base) == 1'795'383'600);
  CHECK(parse_iso_time("2026-11-22T21:40:00.123Z") == base);
  CHECK(parse_iso_time("2026-11-22T21:40:00+00:00") == base);
  for (const char* bad : {"", "tomorrow", "2026-11-22", "2026-13-22T21:40:00Z",
                          "2026-11-22T21:40:00+02:00", "0000-00-00T00:00:00Z"}) {
    CHECK_FALSE(parse_iso_time(bad));
  }
}
