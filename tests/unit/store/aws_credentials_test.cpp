#include "store/credentials/credentials.hpp"

#include "store/http/http_client.hpp"
#include "support/catch.hpp"
#include "support/clean_environment.hpp"

using namespace runlog;
using test::CleanEnvironment;

namespace {

Result<AccessKey> ask(const std::string& profile = "") {
  HttpClient client;
  return aws_credentials(profile, "", client)->get(false);
}

std::string error_of(const std::string& profile = "") {
  auto key = ask(profile);
  REQUIRE_FALSE(key);
  return key.error().message;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kJson =
    R"({"Version": 1, "AccessKeyId": "AKPROC", "SecretAccessKey": "s3", "SessionToken": "t",)"
    R"( "Expiration": "2040-01-02T03:04:05Z", "More": {"a": [1, "}"]}})";

}  // namespace

TEST_CASE("keys in the environment are used, without the newline a mounted secret ends in",
          "[credentials]") {
  CleanEnvironment environment;
  environment.set("AWS_ACCESS_KEY_ID", "AKENV\n");
  environment.set("AWS_SECRET_ACCESS_KEY", "topsecret");
  environment.set("AWS_SESSION_TOKEN", "token");
  const auto key = ask();
  REQUIRE(key);
  CHECK(key->id == "AKENV");
  CHECK(key->secret.reveal() == "topsecret");
  CHECK(key->session_token.reveal() == "token");
  CHECK(key->from == "environment");
  CHECK_FALSE(key->expires);
}

TEST_CASE("half a key in the environment names the other half, never its value", "[credentials]") {
  CleanEnvironment environment;
  environment.set("AWS_SECRET_ACCESS_KEY", "topsecret");
  CHECK(error_of() == "AWS_SECRET_ACCESS_KEY is set but not AWS_ACCESS_KEY_ID");
  environment.set("AWS_ACCESS_KEY_ID", "A");
  environment.set("AWS_SECRET_ACCESS_KEY", "top\nsecret");
  CHECK(has(error_of(), "AWS_SECRET_ACCESS_KEY has a line break"));
  CHECK_FALSE(has(error_of(), "secret\""));
  CHECK_FALSE(has(error_of(), "top"));
}

TEST_CASE("with no credentials one line says where we looked and what to do", "[credentials]") {
  CleanEnvironment environment;
  const auto key = ask();
  REQUIRE_FALSE(key);
  CHECK(key.error().code == Errc::not_found);
  const std::string& words = key.error().message;
  for (const char* part :
       {"AWS_ACCESS_KEY_ID is not set", "AWS_WEB_IDENTITY_TOKEN_FILE is not set",
        ".aws/credentials", ".aws/config", "AWS_CONTAINER_CREDENTIALS_FULL_URI is not set",
        "AWS_EC2_METADATA_DISABLED", "aws configure"}) {
    CHECK(has(words, part));
  }
  CHECK_FALSE(has(words, "\n"));
}

TEST_CASE("a profile is read as the AWS command line reads it", "[credentials]") {
  CleanEnvironment environment;
  environment.write(".aws/credentials",
                    "\xEF\xBB\xBF# mine\r\n"
                    "[default]\r\n"
                    "  AWS_ACCESS_KEY_ID = AKDEF\r\n"
                    "  aws_secret_access_key=a/b+c=d\r\n"
                    "[other]\n"
                    "aws_access_key_id: AKOTHER\n"
                    "; a comment\n"
                    "aws_secret_access_key = other=secret # not a comment\n"
                    "aws_session_token = tok\n");
  environment.write(
      ".aws/config",
      "[default]\nregion = us-east-1\n"
      "[profile default]\nregion = eu-west-1\ns3 =\n  max_queue = 10\n  endpoint_url "
      "= http://never\n"
      "[profile \"two words\"]\naws_access_key_id = AKTWO\naws_secret_access_key = s\n"
      "services = mine\nregion = eu-north-1\n"
      "[services mine]\ns3 =\n  endpoint_url = https://minio.example\nsts =\n  "
      "endpoint_url = https://sts.example\n");
  auto key = ask();
  REQUIRE(key);
  CHECK(key->id == "AKDEF");
  CHECK(key->secret.reveal() == "a/b+c=d");
  CHECK(has(key->from, "profile default in "));
  REQUIRE(find_aws_settings(""));
  CHECK(find_aws_settings("")->region == "eu-west-1");
  CHECK(find_aws_settings("")->endpoint_url.empty());

  environment.set("AWS_PROFILE", "other");
  key = ask();
  REQUIRE(key);
  CHECK(key->id == "AKOTHER");
  CHECK(key->secret.reveal() == "other=secret # not a comment");
  CHECK(key->session_token.reveal() == "tok");

  key = ask("two words");
  REQUIRE(key);
  CHECK(key->id == "AKTWO");
  CHECK(find_aws_settings("two words")->endpoint_url == "https://minio.example");
  CHECK(find_aws_settings("two words")->region == "eu-north-1");
}

TEST_CASE("the environment goes before the files, the store's URL before both", "[credentials]") {
  CleanEnvironment environment;
  environment.write(".aws/credentials",
                    "[x]\naws_access_key_id = AKX\naws_secret_access_key = s\n");
  environment.write(".aws/config",
                    "[profile x]\nregion = eu-west-1\nendpoint_url = https://profile.example\n");
  environment.set("AWS_ACCESS_KEY_ID", "AKENV");
  environment.set("AWS_SECRET_ACCESS_KEY", "s");
  environment.set("AWS_PROFILE", "x");
  environment.set("AWS_DEFAULT_REGION", "us-west-2");
  environment.set("AWS_ENDPOINT_URL", "https://all.example");
  CHECK(ask()->id == "AKENV");
  CHECK(ask("x")->id == "AKX");
  CHECK(find_aws_settings("")->region == "us-west-2");
  CHECK(find_aws_settings("")->endpoint_url == "https://all.example");
  CHECK(find_aws_settings("x")->region == "eu-west-1");
  CHECK(find_aws_settings("x")->endpoint_url == "https://profile.example");
  environment.set("AWS_ENDPOINT_URL_S3", "https://s3.example");
  CHECK(find_aws_settings("")->endpoint_url == "https://s3.example");
}

TEST_CASE("a profile that was named and does not exist is an error", "[credentials]") {
  CleanEnvironment environment;
  environment.set("AWS_PROFILE", "gone");
  CHECK(has(error_of(), "profile 'gone' (named by AWS_PROFILE) is neither in "));
  CHECK_FALSE(find_aws_settings(""));
  CHECK(has(error_of("lost"), "profile 'lost' (named by the store's URL)"));
}

TEST_CASE("a broken file is named with its line, and its text is not repeated", "[credentials]") {
  CleanEnvironment environment;
  const std::string path = environment.write(
      ".aws/credentials", "[default]\naws_access_key_id = A\nsecretsecretsecret\n");
  CHECK(error_of() == path + ": line 3 is neither a [section] nor a key = value");
  environment.write(".aws/credentials", "aws_access_key_id = A\n");
  CHECK(has(error_of(), "line 1 comes before the first [section]"));
  environment.write(".aws/credentials", "[default\n");
  CHECK(has(error_of(), "line 1 begins a section and has no ']'"));
  environment.write(".aws/credentials", "[default]\naws_access_key_id = A\n");
  CHECK(has(error_of(), "has no aws_secret_access_key"));
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  CHECK(has(error_of(), path + " is not a regular file"));
}

TEST_CASE("/dev/null is a settings file with nothing in it, by whatever name", "[credentials]") {
  CleanEnvironment environment;
  environment.write(".aws/config", "[default]\nregion = of-the-machine\n");
  environment.write(".aws/credentials", "[default]\nnonsense\n");
  environment.set("AWS_CONFIG_FILE", "/dev/null");
  environment.set("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
  const auto settings = find_aws_settings("");
  REQUIRE(settings);
  CHECK(settings->region.empty());
  CHECK(has(error_of(), "/dev/null"));
  environment.set("AWS_ACCESS_KEY_ID", "AKENV");
  environment.set("AWS_SECRET_ACCESS_KEY", "s");
  CHECK(ask());
  const std::string link = environment.write("gone", "");
  std::filesystem::remove(link);
  std::filesystem::create_symlink("/dev/null", link);
  environment.set("AWS_CONFIG_FILE", link);
  CHECK(find_aws_settings(""));
  // Other devices are not: one of them never ends.
  environment.set("AWS_CONFIG_FILE", "/dev/zero");
  REQUIRE_FALSE(find_aws_settings(""));
  CHECK(has(find_aws_settings("").error().message, "/dev/zero is not a regular file"));
}

TEST_CASE("what needs the AWS command line is left to it, and the message says how",
          "[credentials]") {
  CleanEnvironment environment;
  for (const char* text : {"role_arn = arn:r\nsource_profile = base\n",
                           "role_arn = arn:r\ncredential_source = Ec2InstanceMetadata\n",
                           "sso_session = s\nsso_account_id = 1\n"}) {
    environment.write(".aws/config", std::string("[default]\n") + text);
    auto key = ask();
    REQUIRE_FALSE(key);
    CHECK(key.error().code == Errc::unsupported);
    CHECK(has(key.error().message, "credential_process"));
  }
}

TEST_CASE("credential_process is run without a shell, with its words as they are quoted",
          "[credentials]") {
  CleanEnvironment environment;
  const std::string script =
      environment.write("a b/get", std::string("#!/bin/sh\n[ \"$1\" = 'x  $HOME;y' ] || exit 3\n"
                                               "[ -z \"$(cat)\" ] || exit 4\ncat <<'J'\n") +
                                       kJson + "\nJ\n");
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  environment.write(".aws/config",
                    "[default]\ncredential_process = \"" + script + "\" 'x  $HOME;y'\n");
  const auto key = ask();
  REQUIRE(key);
  CHECK(key->id == "AKPROC");
  CHECK(key->secret.reveal() == "s3");
  CHECK(key->session_token.reveal() == "t");
  REQUIRE(key->expires);
  CHECK(WallClock::to_time_t(*key->expires) == 2'209'086'245);
  CHECK(has(key->from, "credential_process of profile default in "));
}

TEST_CASE("a credential_process that fails says how, and not what it wrote", "[credentials]") {
  CleanEnvironment environment;
  const auto with = [&](const std::string& command) {
    environment.write(".aws/config", "[default]\ncredential_process = " + command + "\n");
    return error_of();
  };
  CHECK(has(with("/bin/sh -c 'echo topsecret; exit 7'"), "/bin/sh ended with status 7"));
  CHECK(has(with("/bin/sh -c 'kill -9 $$'"), "was ended by signal 9"));
  CHECK(has(with("/bin/echo topsecret"), "did not give a JSON object: "));
  CHECK(has(with("/bin/echo '{\"Version\":1,\"Extra\":{\"a\":[{\"b\":1,'"),
            "did not give a JSON object: its answer is not valid JSON: it ends too early"));
  CHECK(has(with("/bin/echo '{\"Version\":2}'"), "did not give a JSON object with \"Version\": 1"));
  CHECK(has(with("/bin/echo '{\"Version\":1,\"AccessKeyId\":\"topsecret\"}'"),
            "gave no SecretAccessKey"));
  CHECK(has(with("no-such-program-anywhere topsecret"), "is in no directory of PATH"));
  CHECK(has(with("'open topsecret"), "is not a command line"));
  CHECK(has(with("/bin/cat /dev/zero"), "wrote more than any sound answer has"));
  const std::string deep(10'000, '[');
  for (const std::string& answer : std::vector<std::string>{
           "", "[]", "null", "{\"Version\":1,\"AccessKeyId\":\"a", R"({"Version":[1]})",
           R"({"Version":1,"AccessKeyId":{"a":"topsecret"},"SecretAccessKey":["topsecret"]})",
           R"({"Version":1,"AccessKeyId":true,"SecretAccessKey":null})",
           R"({"Version":1,"AccessKeyId":"a\u0000b","SecretAccessKey":"topsecret"})",
           R"({"Version":1,"AccessKeyId":"a","SecretAccessKey":"b\u001b[2J"})",
           R"({"Version":1,"AccessKeyId":"a","SecretAccessKey":"b","Expiration":1e999})",
           std::string("{\"Version\":1,\0}", 16), "{\"Version\":1,\"More\":" + deep}) {
    const std::string path = environment.write("answer", answer);
    INFO(answer.substr(0, 80));
    const std::string message = with("/bin/cat " + path);
    CHECK(has(message, "credential_process of profile default"));
    CHECK_FALSE(has(message, "topsecret"));
  }
  for (const char* command : {"/bin/sh -c 'echo topsecret; exit 7'", "/bin/echo topsecret",
                              "'open topsecret", "no-such-program-anywhere topsecret"}) {
    CHECK_FALSE(has(with(command), "topsecret"));
  }
}

TEST_CASE("a credential_process is ended when the store is interrupted", "[credentials]") {
  CleanEnvironment environment;
  // It writes nothing, and its own child holds the pipe open.
  environment.write(".aws/config",
                    "[default]\ncredential_process = /bin/sh -c 'sleep 1000 & wait'\n");
  HttpClient client;
  client.interrupt();
  auto key = aws_credentials("", "", client)->get(false);
  REQUIRE_FALSE(key);
  CHECK(key.error().code == Errc::unavailable);
  CHECK(has(key.error().message, "was interrupted"));
}

TEST_CASE("the environment is the one the store was opened in", "[credentials]") {
  CleanEnvironment environment;
  environment.set("AWS_ACCESS_KEY_ID", "AKENV");
  environment.set("AWS_SECRET_ACCESS_KEY", "s");
  HttpClient client;
  auto source = aws_credentials("", "", client);
  environment.unset("AWS_ACCESS_KEY_ID");
  environment.unset("AWS_SECRET_ACCESS_KEY");
  REQUIRE(source->get(false));
  CHECK(source->get(false)->id == "AKENV");
}
