#include "store/credentials/credentials.hpp"
#include "store/credentials/netrc.hpp"
#include "support/catch.hpp"
#include "support/clean_environment.hpp"

using namespace runlog;
using test::CleanEnvironment;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string pair_of(const std::string& netrc, const std::string& host) {
  const auto found = find_in_netrc(netrc, host);
  if (!found) return found.error().message;
  return *found ? (*found)->user + ":" + (*found)->password.reveal() : "none";
}

Result<HttpCredentials> ask() {
  return http_credentials("dav.example")->get(false);
}

}  // namespace

TEST_CASE("netrc is read as curl reads it", "[credentials]") {
  const std::string text =
      "# mine\n"
      "machine a.example login ann password \"with \\\"quotes\\\" and space\"\n"
      "machine B.example\n\tlogin bob\n\taccount x\n\tpassword pw#1\n"
      "macdef init\ncd /\nmachine c.example login no password no\n\n"
      "machine a.example login second password second\n"
      "default login anyone password all\n";
  CHECK(pair_of(text, "A.example") == "ann:with \"quotes\" and space");
  CHECK(pair_of(text, "b.example") == "bob:pw#1");
  CHECK(pair_of(text, "c.example") == "anyone:all");
  CHECK(pair_of("machine x login y password z", "other") == "none");
  CHECK(pair_of("", "other") == "none");
}

TEST_CASE("a broken netrc is an error with its line and without its words", "[credentials]") {
  CHECK(has(pair_of("machine a\nlogin \"topsecret\n", "a"), "line 2: "));
  CHECK(has(pair_of("machine a login", "a"), "line 1: no word after"));
  CHECK(has(pair_of("machine", "a"), "no host after"));
  const std::string words = pair_of("machine a login b password topsecret word two", "a");
  CHECK(has(words, "line 1: neither machine"));
  CHECK_FALSE(has(words, "topsecret"));
  CHECK_FALSE(has(words, "two"));
}

TEST_CASE("bearer, then user and password, then netrc, then none", "[credentials]") {
  CleanEnvironment environment;
  auto got = ask();
  REQUIRE(got);
  CHECK(got->from.empty());
  CHECK(got->user.empty());

  const std::string path =
      environment.write(".netrc", "machine dav.example login net password rc\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  got = ask();
  REQUIRE(got);
  CHECK(got->user == "net");
  CHECK(got->password.reveal() == "rc");
  CHECK(got->from == path);

  environment.set("RUNLOG_HTTP_USER", "env");
  environment.set("RUNLOG_HTTP_PASSWORD", "word\n");
  got = ask();
  REQUIRE(got);
  CHECK(got->user == "env");
  CHECK(got->password.reveal() == "word");

  environment.set("RUNLOG_HTTP_BEARER", "tok");
  got = ask();
  REQUIRE(got);
  CHECK(got->bearer.reveal() == "tok");
}

TEST_CASE("a netrc that others may read is used, and messages say so", "[credentials]") {
  CleanEnvironment environment;
  const std::string path =
      environment.write("elsewhere", "machine dav.example login net password rc\n");
  environment.set("NETRC", path);
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  const auto got = ask();
  REQUIRE(got);
  CHECK(got->user == "net");
  CHECK(got->from == path + ", which others may read: chmod 600 it");
}

TEST_CASE("half a pair, or a netrc that was named and is gone, is an error", "[credentials]") {
  CleanEnvironment environment;
  environment.set("RUNLOG_HTTP_PASSWORD", "topsecret");
  CHECK(ask().error().message == "RUNLOG_HTTP_PASSWORD is set but not RUNLOG_HTTP_USER");
  environment.set("RUNLOG_HTTP_USER", "a:b");
  CHECK(ask().error().message == "RUNLOG_HTTP_USER has a ':' in it");
  environment.unset("RUNLOG_HTTP_PASSWORD");
  CHECK(ask().error().message == "RUNLOG_HTTP_USER is set but not RUNLOG_HTTP_PASSWORD");
  environment.unset("RUNLOG_HTTP_USER");
  environment.set("NETRC", "/dev/null");
  REQUIRE(ask());
  CHECK(ask()->from.empty());
  environment.set("NETRC", "~/gone");
  CHECK(has(ask().error().message, "/gone (named by NETRC) is not there"));
}

TEST_CASE("Google's HMAC keys: our variables, gsutil's, its file; never Amazon's",
          "[credentials]") {
  CleanEnvironment environment;
  environment.set("AWS_ACCESS_KEY_ID", "AKAWS");
  environment.set("AWS_SECRET_ACCESS_KEY", "s");
  auto got = gcs_credentials()->get(false);
  REQUIRE_FALSE(got);
  CHECK(got.error().code == Errc::not_found);
  CHECK(has(got.error().message, "gcloud storage hmac create"));

  const std::string boto =
      environment.write(".boto",
                        "[Boto]\nx = y\n[Credentials]\ngs_access_key_id = GOOGB\n"
                        "gs_secret_access_key = sb\n");
  got = gcs_credentials()->get(false);
  REQUIRE(got);
  CHECK(got->id == "GOOGB");
  CHECK(got->from == boto);

  environment.set("GS_ACCESS_KEY_ID", "GOOGG");
  CHECK(gcs_credentials()->get(false).error().message ==
        "GS_ACCESS_KEY_ID is set but not GS_SECRET_ACCESS_KEY");
  environment.set("GS_SECRET_ACCESS_KEY", "sg");
  CHECK(gcs_credentials()->get(false)->id == "GOOGG");

  environment.set("RUNLOG_GCS_ACCESS_KEY_ID", "GOOGR");
  environment.set("RUNLOG_GCS_SECRET_ACCESS_KEY", "sr");
  CHECK(gcs_credentials()->get(false)->id == "GOOGR");
}

TEST_CASE("a secret leaves nothing behind where it was", "[credentials]") {
  // Short enough to lie in the string object itself, where a move copies.
  std::string source = "topsecret";
  const Secret first(std::move(source));
  CHECK(first.reveal() == "topsecret");
  CHECK(std::string(source.data(), 9) == std::string(9, '\0'));  // NOLINT(bugprone-use-after-move)
  Secret second(first);
  Secret third(std::move(second));
  CHECK(std::string(second.reveal().data(), 9) ==  // NOLINT(bugprone-use-after-move)
        std::string(9, '\0'));
  second = std::move(third);
  CHECK(second.reveal() == "topsecret");
  CHECK(std::string(third.reveal().data(), 9) ==  // NOLINT(bugprone-use-after-move)
        std::string(9, '\0'));
}
