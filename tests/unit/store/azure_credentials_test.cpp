#include "store/credentials/credentials.hpp"

#include "store/http/http_client.hpp"
#include "support/catch.hpp"
#include "support/clean_environment.hpp"
#include "support/credential_peer.hpp"

using namespace runlog;
using test::CleanEnvironment;
using test::CredentialPeer;
using test::PeerAnswer;
using test::PeerRequest;

namespace {

constexpr const char* kKey = "c2VjcmV0LWtleQ==";
constexpr const char* kConnection = "AZURE_STORAGE_CONNECTION_STRING";

Result<AzureCredentials> ask(const std::string& account = "acc") {
  HttpClient client;
  return azure_credentials(account, client)->get(false);
}

std::string error_of(const std::string& account = "acc") {
  auto got = ask(account);
  REQUIRE_FALSE(got);
  return got.error().message;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string header(const PeerRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

std::string token_of(const Result<AzureCredentials>& credentials) {
  if (!credentials) return credentials.error().message;
  const auto* bearer = std::get_if<BearerToken>(&credentials->with);
  return bearer != nullptr ? bearer->token.reveal() : "no token";
}

PeerAnswer token_for_an_hour(const PeerRequest&) {
  return {200, R"({"access_token":"jwt","expires_in":"3599","expires_on":"1900000000"})"};
}

}  // namespace

TEST_CASE("a connection string gives key and endpoint", "[credentials]") {
  CleanEnvironment environment;
  environment.set(kConnection, std::string("DefaultEndpointsProtocol=https;AccountName=acc;") +
                                   "AccountKey=" + kKey + ";EndpointSuffix=core.windows.net\n");
  auto got = ask();
  REQUIRE(got);
  REQUIRE(std::holds_alternative<AzureKey>(got->with));
  CHECK(std::get<AzureKey>(got->with).account == "acc");
  CHECK(std::get<AzureKey>(got->with).key.reveal() == kKey);
  CHECK(got->from == kConnection);
  CHECK(azure_endpoint_from_environment("acc") == "https://acc.blob.core.windows.net");
  CHECK(azure_endpoint_from_environment("other").empty());
  CHECK(has(error_of("other"), "is for the account 'acc', the store's is 'other'"));

  environment.set(kConnection, std::string("AccountName=acc;AccountKey=") + kKey +
                                   ";BlobEndpoint=http://127.0.0.1:10000/acc/;");
  CHECK(azure_endpoint_from_environment("acc") == "http://127.0.0.1:10000/acc");
}

TEST_CASE("a connection string with a SAS, and the one of the emulator", "[credentials]") {
  CleanEnvironment environment;
  environment.set(kConnection,
                  "BlobEndpoint=https://acc.blob.core.windows.net/;"
                  "SharedAccessSignature=sv=2022-11-02&sp=c&sig=a%2Fb%3D");
  auto got = ask();
  REQUIRE(got);
  REQUIRE(std::holds_alternative<AzureSas>(got->with));
  CHECK(std::get<AzureSas>(got->with).query.reveal() == "sv=2022-11-02&sp=c&sig=a%2Fb%3D");

  environment.set(kConnection, "UseDevelopmentStorage=true");
  got = ask("devstoreaccount1");
  REQUIRE(got);
  CHECK(std::get<AzureKey>(got->with).account == "devstoreaccount1");
  CHECK(azure_endpoint_from_environment("devstoreaccount1") ==
        "http://127.0.0.1:10000/devstoreaccount1");
}

TEST_CASE("a broken connection string, key or SAS is named and not shown", "[credentials]") {
  CleanEnvironment environment;
  for (const char* text : {"topsecret", "AccountName=acc", "AccountName=acc;AccountKey=top secret!",
                           "AccountKey=c2VjcmV0", "=topsecret;AccountName=acc",
                           "AccountName=acc;SharedAccessSignature=topsecret"}) {
    environment.set(kConnection, text);
    INFO(text);
    const std::string words = error_of();
    CHECK(has(words, kConnection));
    CHECK_FALSE(has(words, "secret!"));
    CHECK_FALSE(has(words, "topsecret"));
    CHECK_FALSE(has(words, "c2VjcmV0"));
  }
  environment.unset(kConnection);
  environment.set("AZURE_STORAGE_KEY", "topsecret!");
  CHECK(has(error_of(), "AZURE_STORAGE_KEY: the account key is not base64"));
  environment.unset("AZURE_STORAGE_KEY");
  environment.set("AZURE_STORAGE_SAS_TOKEN", "topsecret");
  CHECK(has(error_of(), "AZURE_STORAGE_SAS_TOKEN: the SAS is not a query with a signature"));
  CHECK_FALSE(has(error_of(), "topsecret"));
}

TEST_CASE("account key, then SAS, for the account they are for", "[credentials]") {
  CleanEnvironment environment;
  environment.set("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=x");
  auto got = ask();
  REQUIRE(got);
  CHECK(std::get<AzureSas>(got->with).query.reveal() == "sv=1&sig=x");
  environment.set("AZURE_STORAGE_KEY", kKey);
  got = ask();
  REQUIRE(got);
  CHECK(std::get<AzureKey>(got->with).key.reveal() == kKey);
  environment.set("AZURE_STORAGE_ACCOUNT", "elsewhere");
  CHECK(has(error_of(), "is for the account 'elsewhere' (AZURE_STORAGE_ACCOUNT)"));
}

TEST_CASE("a workload identity is exchanged for a token of the storage", "[credentials]") {
  CleanEnvironment environment;
  bool is_refused = false;
  CredentialPeer peer([&](const PeerRequest& request) {
    return is_refused ? PeerAnswer{401, R"({"error":"invalid_client","error_description":)"
                                        R"("AADSTS70021: No match, topsecret"})"}
                      : token_for_an_hour(request);
  });
  environment.set("AZURE_FEDERATED_TOKEN_FILE", environment.write("jwt", "to+ken\n"));
  CHECK(has(error_of(), "but not AZURE_TENANT_ID"));
  environment.set("AZURE_TENANT_ID", "ten/ant");
  CHECK(has(error_of(), "but not AZURE_CLIENT_ID"));
  environment.set("AZURE_CLIENT_ID", "client");
  environment.set("AZURE_AUTHORITY_HOST", "http://login.example.com/");
  CHECK(has(error_of(), "AZURE_AUTHORITY_HOST must be an https:// URL"));
  environment.set("AZURE_AUTHORITY_HOST", "http://169.254.169.254/");
  CHECK(has(error_of(), "AZURE_AUTHORITY_HOST must be an https:// URL"));
  environment.set("AZURE_AUTHORITY_HOST", peer.url() + "/");
  const auto got = ask();
  CHECK(token_of(got) == "jwt");
  const auto left = *std::get<BearerToken>(got->with).expires - WallClock::now();
  CHECK(left <= std::chrono::seconds(3599));
  CHECK(left > std::chrono::seconds(3000));
  const PeerRequest asked = peer.requests().back();
  CHECK(asked.target == "/ten%2Fant/oauth2/v2.0/token");
  CHECK(asked.body ==
        "grant_type=client_credentials&client_id=client&scope=https%3A%2F%2Fstorage.azure.com%2F."
        "default&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-"
        "bearer&client_assertion=to%2Bken");
  is_refused = true;
  CHECK(has(error_of(), "401 invalid_client AADSTS70021;"));
  CHECK_FALSE(has(error_of(), "topsecret"));
  CHECK_FALSE(has(error_of(), "to+ken"));
}

TEST_CASE("a managed identity is asked for as each service wants it", "[credentials]") {
  CleanEnvironment environment;
  CredentialPeer peer(token_for_an_hour);
  const std::string resource = "resource=https%3A%2F%2Fstorage.azure.com%2F";
  SECTION("App Service and Container Apps") {
    environment.set("IDENTITY_ENDPOINT", peer.url() + "/msi/token");
    CHECK(has(error_of(), "but not IDENTITY_HEADER"));
    environment.set("IDENTITY_HEADER", "hdr");
    environment.set("AZURE_CLIENT_ID", "me");
    CHECK(token_of(ask()) == "jwt");
    const PeerRequest asked = peer.requests().back();
    CHECK(asked.target == "/msi/token?api-version=2019-08-01&" + resource + "&client_id=me");
    CHECK(header(asked, "x-identity-header") == "hdr");
  }
  SECTION("Azure ML") {
    environment.set("MSI_ENDPOINT", peer.url() + "/auth");
    environment.set("MSI_SECRET", "shh");
    environment.set("DEFAULT_IDENTITY_CLIENT_ID", "def");
    CHECK(token_of(ask()) == "jwt");
    const PeerRequest asked = peer.requests().back();
    CHECK(asked.target == "/auth?api-version=2017-09-01&" + resource + "&clientid=def");
    CHECK(header(asked, "secret") == "shh");
  }
  SECTION("Cloud Shell") {
    environment.set("MSI_ENDPOINT", peer.url() + "/oauth2/token");
    CHECK(token_of(ask()) == "jwt");
    const PeerRequest asked = peer.requests().back();
    CHECK(asked.method == "POST");
    CHECK(asked.body == resource);
    CHECK(header(asked, "metadata") == "true");
  }
  SECTION("a virtual machine") {
    environment.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", peer.url());
    CHECK(token_of(ask()) == "jwt");
    const PeerRequest asked = peer.requests().back();
    CHECK(asked.target == "/metadata/identity/oauth2/token?api-version=2018-02-01&" + resource);
    CHECK(header(asked, "metadata") == "true");
  }
  SECTION("not over the open network") {
    environment.set("IDENTITY_HEADER", "topsecret");
    environment.set("IDENTITY_ENDPOINT", "http://example.com/msi");
    CHECK(has(error_of(), "IDENTITY_ENDPOINT must be an https:// URL"));
    environment.unset("IDENTITY_ENDPOINT");
    environment.set("MSI_ENDPOINT", "http://10.1.2.3/msi");
    CHECK(has(error_of(), "MSI_ENDPOINT must be an https:// URL"));
    CHECK(peer.requests().empty());
  }
}

TEST_CASE("a managed identity that fails says whether to wait or to mend", "[credentials]") {
  CleanEnvironment environment;
  PeerAnswer answer;
  CredentialPeer peer([&](const PeerRequest&) { return answer; });
  environment.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", peer.url());
  const auto code = [] { return ask().error().code; };
  answer = {400, R"({"error":"invalid_request","error_description":"Identity not found"})"};
  CHECK(code() == Errc::invalid_argument);
  CHECK(has(error_of(), "400 invalid_request"));
  for (const int status : {404, 410, 429, 500}) {
    answer = {status};
    CHECK(code() == Errc::unavailable);
  }
  answer = {200, R"({"token":"topsecret"})"};
  CHECK(code() == Errc::unavailable);
  CHECK_FALSE(has(error_of(), "topsecret"));
  // The oldest endpoint gives a date for people: the token is used until it is refused.
  answer = {200, R"({"access_token":"jwt","expires_on":"9/20/2026 5:10:11 PM +00:00"})"};
  const auto got = ask();
  CHECK(token_of(got) == "jwt");
  CHECK_FALSE(std::get<BearerToken>(got->with).expires);
  answer = {200, R"({"access_token":"jwt","expires_in":99999999999999999999})"};
  CHECK(token_of(ask()) == "jwt");
}
