// The Azure chain: connection string, account key, SAS, workload identity, managed identity.
#include <algorithm>

#include "base/bytes.hpp"
#include "base/json_read.hpp"
#include "platform/process.hpp"
#include "ship/cloud/azure_connection.hpp"
#include "ship/cloud/cached_credentials.hpp"
#include "ship/cloud/credential_endpoint.hpp"
#include "ship/cloud/encoding.hpp"

namespace runlog {
namespace {

using Answer = Result<std::optional<AzureCredentials>>;

constexpr std::size_t kToken_bytes_max = 64u << 10;
constexpr std::string_view kResource = "https://storage.azure.com/";

Error invalid(const std::string& message) {
  return Error{Errc::invalid_argument, 0, message};
}

std::optional<AzureCredentials> none() {
  return {};
}

// One for another account is somebody else's: the next source is asked.
Answer ask_connection_string(const std::string& account) {
  const auto text = environment("AZURE_STORAGE_CONNECTION_STRING");
  if (!text) return none();
  auto connection = parse_azure_connection(*text);
  if (!connection) return std::move(connection).error();
  if (connection->account != account) return none();
  AzureCredentials found;
  found.from = "AZURE_STORAGE_CONNECTION_STRING";
  if (!connection->key.empty()) {
    found.with = AzureKey{.account = account, .key = std::move(connection->key)};
  } else {
    found.with = AzureSas{.query = std::move(connection->sas)};
  }
  return std::optional(std::move(found));
}

Answer ask_key_or_sas(const std::string& account) {
  if (environment("AZURE_STORAGE_ACCOUNT").value_or(account) != account) return none();
  AzureCredentials found;
  if (auto key = environment("AZURE_STORAGE_KEY")) {
    found.from = "AZURE_STORAGE_KEY";
    found.with = AzureKey{.account = account, .key = Secret(std::move(*key))};
    return std::optional(std::move(found));
  }
  if (auto sas = environment("AZURE_STORAGE_SAS_TOKEN")) {
    if (sas->starts_with('?')) sas->erase(0, 1);
    found.from = "AZURE_STORAGE_SAS_TOKEN";
    found.with = AzureSas{.query = Secret(std::move(*sas))};
    return std::optional(std::move(found));
  }
  return none();
}

// {"access_token":"…","expires_on":"1900000000"} or {"…","expires_in":3599}.
Answer token_from(HttpResponse& answer, const std::string& what) {
  auto document = JsonText::parse(answer.body, what + ": the answer", kToken_bytes_max);
  wipe(answer.body);
  if (!document) return invalid(std::move(document).error().message);
  BearerToken token;
  token.token = Secret(document->text("access_token"));
  if (token.token.empty()) return invalid(what + ": the answer has no access_token");
  const std::int64_t on = document->integer("expires_on", 0);
  const std::int64_t in = document->integer("expires_in", 0);
  constexpr std::int64_t kFar = 4'102'444'800;  // the year 2100: what is later would overflow sums
  if (on > 0) {
    token.expires = WallClock::from_time_t(std::min(on, kFar));
  } else if (in > 0) {
    token.expires = WallClock::now() + std::chrono::seconds(std::min<std::int64_t>(in, 86'400));
  }
  AzureCredentials found;
  found.with = std::move(token);
  found.from = what;
  return std::optional(std::move(found));
}

Answer ask_workload_identity(HttpClient& client) {
  const auto file = environment("AZURE_FEDERATED_TOKEN_FILE");
  if (!file) return none();
  const auto tenant = environment("AZURE_TENANT_ID");
  const auto id = environment("AZURE_CLIENT_ID");
  if (!tenant || !id) {
    return invalid(
        "AZURE_FEDERATED_TOKEN_FILE is set but AZURE_TENANT_ID or AZURE_CLIENT_ID is not");
  }
  auto assertion = read_token_file(*file, "AZURE_FEDERATED_TOKEN_FILE");
  if (!assertion) return std::move(assertion).error();
  std::string authority =
      environment("AZURE_AUTHORITY_HOST").value_or("https://login.microsoftonline.com");
  while (authority.ends_with('/')) authority.pop_back();
  if (!may_carry_secrets(authority)) {
    return invalid(
        "AZURE_AUTHORITY_HOST must be https: a token would cross the network unencrypted");
  }
  HttpRequest request;
  request.method = "POST";
  request.url = authority + "/" + percent_encode(*tenant, false) + "/oauth2/v2.0/token";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  const Secret body(
      "grant_type=client_credentials&client_id=" + percent_encode(*id, false) + "&scope=" +
      percent_encode(std::string(kResource) + ".default", false) + "&client_assertion_type=" +
      percent_encode("urn:ietf:params:oauth:client-assertion-type:jwt-bearer", false) +
      "&client_assertion=" + percent_encode(assertion->reveal(), false));
  request.body = as_bytes(body.reveal());
  const std::string what = "workload identity of " + *id;
  auto answer = ask_endpoint(client, request, what);
  if (!answer) return std::move(answer).error();
  return token_from(*answer, what);
}

// Azure ML and App Service say where to ask; a plain VM has its metadata address.
Answer ask_managed_identity(HttpClient& client) {
  const std::string resource = percent_encode(kResource, false);
  const auto id = environment("AZURE_CLIENT_ID");
  std::string url;
  HttpHeaders headers;
  bool is_announced = true;
  if (const auto endpoint = environment("IDENTITY_ENDPOINT")) {
    url = *endpoint + "?api-version=2019-08-01&resource=" + resource;
    if (id) url += "&client_id=" + percent_encode(*id, false);
    headers = {{"X-IDENTITY-HEADER", environment("IDENTITY_HEADER").value_or("")}};
  } else if (const auto old = environment("MSI_ENDPOINT")) {
    url = *old + "?api-version=2017-09-01&resource=" + resource;
    if (id) url += "&clientid=" + percent_encode(*id, false);
    headers = {{"secret", environment("MSI_SECRET").value_or("")}};
  } else {
    // The override is the one the Azure SDKs have for it.
    std::string base =
        environment("AZURE_POD_IDENTITY_AUTHORITY_HOST").value_or("http://169.254.169.254");
    while (base.ends_with('/')) base.pop_back();
    url = base + "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + resource;
    if (id) url += "&client_id=" + percent_encode(*id, false);
    headers = {{"Metadata", "true"}};
    is_announced = false;
  }
  const std::string what = "managed identity at " + url.substr(0, url.find('?'));
  if (!may_ask_locally(url)) {
    return invalid(what + " is refused: neither https nor an address of this machine or link");
  }
  HttpRequest request = local_request(url);
  request.headers = std::move(headers);
  auto answer = ask_endpoint(client, request, what);
  if (!answer) {
    // Nobody at the metadata address: this is no Azure VM, and it was the last source.
    if (!is_announced && answer.error().code == Errc::unavailable) return none();
    return std::move(answer).error();
  }
  return token_from(*answer, what);
}

}  // namespace

std::unique_ptr<CredentialSource<AzureCredentials>> azure_credentials(const std::string& account,
                                                                      HttpClient& client) {
  CachedCredentials<AzureCredentials>::Settings settings;
  settings.sources = {
      [account] { return ask_connection_string(account); },
      [account] { return ask_key_or_sas(account); },
      [&client] { return ask_workload_identity(client); },
      [&client] { return ask_managed_identity(client); },
  };
  settings.expires = [](const AzureCredentials& credentials) {
    const auto* const token = std::get_if<BearerToken>(&credentials.with);
    return token == nullptr ? std::optional<WallClock::time_point>() : token->expires;
  };
  settings.none_found = "no Azure credentials for account " + account +
                        ": looked at AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY, "
                        "AZURE_STORAGE_SAS_TOKEN, AZURE_FEDERATED_TOKEN_FILE and the managed "
                        "identity; set one of them, for this account";
  return std::make_unique<CachedCredentials<AzureCredentials>>(std::move(settings));
}

std::string azure_endpoint_from_environment(const std::string& account) {
  const auto text = environment("AZURE_STORAGE_CONNECTION_STRING");
  if (!text) return {};
  const auto connection = parse_azure_connection(*text);
  return connection && connection->account == account ? connection->blob_endpoint : std::string();
}

}  // namespace runlog
