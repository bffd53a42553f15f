#include <charconv>

#include "base/bytes.hpp"
#include "store/credentials/azure_places.hpp"
#include "store/credentials/credential_endpoint.hpp"
#include "store/credentials/credential_text.hpp"
#include "store/http/encoding.hpp"

namespace runlog {
namespace {

constexpr const char* kEntra = "Microsoft Entra ID";
constexpr const char* kIdentity = "the managed identity endpoint";
constexpr const char* kMetadata = "Azure instance metadata";
constexpr const char* kResource = "https://storage.azure.com/";

// Seconds, since 1970 or from now; nothing for what is not a sound number of them.
std::optional<std::chrono::seconds> seconds_in(std::string_view text) {
  constexpr std::int64_t kSeconds_max = 366 * 86'400 * std::int64_t{kPeer_year_max - 1970};
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  if (!is_whole || value < 0 || value > kSeconds_max) return {};
  return std::chrono::seconds(value);
}

// A token that is said to live longer is asked for again after that time.
constexpr std::chrono::hours kLife_max{24 * 365};

// expires_in first: it does not depend on our clock. The oldest endpoint gives neither it nor a
// number in expires_on; such a token is used until the store refuses it.
std::optional<WallClock::time_point> expiry_in(const JsonText& json) {
  if (const auto life = seconds_in(json.text("expires_in"))) {
    return WallClock::now() + std::min<std::chrono::seconds>(*life, kLife_max);
  }
  if (const auto end = seconds_in(json.text("expires_on"))) {
    return WallClock::time_point(*end);
  }
  return {};
}

Result<AzureCredentials> read_token(const EndpointAnswer& answer, const std::string& from) {
  const auto json = read_credential_json(answer.body.reveal(), from);
  const std::string_view token = json ? json->text("access_token") : std::string_view();
  if (token.empty() || has_control_character(token)) {
    return Error{Errc::unavailable, 0, from + " answered without an access token"};
  }
  return AzureCredentials{BearerToken{Secret(std::string(token)), expiry_in(*json)}, from};
}

// " invalid_client AADSTS70021" of a refusal: the codes people search for.
std::string codes_in(const EndpointAnswer& answer) {
  const auto json = JsonText::parse(answer.refusal.reveal(), "refusal", kToken_bytes_max);
  if (!json) return {};
  std::string codes = clean_code(json->text("error"));
  const std::string_view words = json->text("error_description");
  if (words.starts_with("AADSTS")) codes += " " + clean_code(words);
  return codes.empty() ? codes : " " + codes;
}

std::string resource_query(std::string_view version) {
  return "?api-version=" + std::string(version) + "&resource=" + percent_encode(kResource, false);
}

std::string with_client(std::string_view name, const EnvironmentCopy& environment) {
  const auto id = environment.get("AZURE_CLIENT_ID");
  return id ? "&" + std::string(name) + "=" + percent_encode(*id, false) : std::string();
}

Result<AzureCredentials> read_identity(Result<EndpointAnswer> answer, const std::string& from) {
  if (!answer) return told_but_down(std::move(answer).error());
  if (answer->status == 200) return read_token(*answer, from);
  return unusable_credentials(
      from + " refused: " + std::to_string(answer->status) + codes_in(*answer) +
      "; check that the identity is assigned, and AZURE_CLIENT_ID where there are "
      "several");
}

// App Service, Functions, Container Apps, and Azure ML's newer computes.
Result<AzureCredentials> ask_app_service(const EnvironmentCopy& environment,
                                         const std::string& endpoint, HttpClient& client) {
  if (!may_ask_for_credentials(endpoint, false)) return refused_endpoint("IDENTITY_ENDPOINT");
  auto header = environment.get_printable("IDENTITY_HEADER");
  if (!header) return std::move(header).error();
  if (header->empty()) {
    return unusable_credentials(
        "IDENTITY_ENDPOINT is set but not IDENTITY_HEADER; Azure Arc is not supported");
  }
  HttpRequest request{
      .url = endpoint + resource_query("2019-08-01") + with_client("client_id", environment),
      .headers = {{"x-identity-header", *header}}};
  wipe(*header);
  return read_identity(ask_endpoint(client, std::move(request), EndpointKind::metadata, kIdentity),
                       "managed identity (IDENTITY_ENDPOINT)");
}

// Azure ML's computes with the secret, Cloud Shell without.
Result<AzureCredentials> ask_msi(const EnvironmentCopy& environment, const std::string& endpoint,
                                 HttpClient& client) {
  if (!may_ask_for_credentials(endpoint, false)) return refused_endpoint("MSI_ENDPOINT");
  auto secret = environment.get_printable("MSI_SECRET");
  if (!secret) return std::move(secret).error();
  HttpRequest request;
  const std::string form = "resource=" + percent_encode(kResource, false);
  if (secret->empty()) {
    request.method = "POST";
    request.url = endpoint;
    request.headers = {{"metadata", "true"}, {"content-type", "application/x-www-form-urlencoded"}};
    request.body = as_bytes(form);
  } else {
    std::string client_id = with_client("clientid", environment);
    if (const auto fallback = environment.get("DEFAULT_IDENTITY_CLIENT_ID");
        client_id.empty() && fallback) {
      client_id = "&clientid=" + percent_encode(*fallback, false);
    }
    request.url = endpoint + resource_query("2017-09-01") + client_id;
    request.headers = {{"secret", *secret}};
    wipe(*secret);
  }
  return read_identity(ask_endpoint(client, std::move(request), EndpointKind::metadata, kIdentity),
                       "managed identity (MSI_ENDPOINT)");
}

}  // namespace

Result<AzureCredentials> ask_workload_identity(const EnvironmentCopy& environment,
                                               HttpClient& client) {
  constexpr const char* kFile = "AZURE_FEDERATED_TOKEN_FILE";
  const auto path = environment.get(kFile);
  if (!path) return no_credentials(std::string(kFile) + " is not set");
  const auto tenant = environment.get("AZURE_TENANT_ID");
  const auto client_id = environment.get("AZURE_CLIENT_ID");
  if (!tenant) return unusable_credentials(std::string(kFile) + " is set but not AZURE_TENANT_ID");
  if (!client_id)
    return unusable_credentials(std::string(kFile) + " is set but not AZURE_CLIENT_ID");
  const std::string authority = without_slash(
      environment.get("AZURE_AUTHORITY_HOST").value_or("https://login.microsoftonline.com"));
  // Not the link-local addresses: Entra ID is on the internet, and gets a token of ours.
  if (!may_carry_secrets(authority) || !may_ask_for_credentials(authority, true)) {
    return refused_endpoint("AZURE_AUTHORITY_HOST");
  }
  auto token = read_token_file(*path, kFile);
  if (!token) return std::move(token).error();
  const Secret form(
      "grant_type=client_credentials&client_id=" + percent_encode(*client_id, false) + "&scope=" +
      percent_encode(std::string(kResource) + ".default", false) + "&client_assertion_type=" +
      percent_encode("urn:ietf:params:oauth:client-assertion-type:jwt-bearer", false) +
      "&client_assertion=" + percent_encode(token->reveal(), false));
  auto answer =
      ask_endpoint(client,
                   {.method = "POST",
                    .url = authority + "/" + percent_encode(*tenant, false) + "/oauth2/v2.0/token",
                    .headers = {{"content-type", "application/x-www-form-urlencoded"}},
                    .body = as_bytes(form.reveal())},
                   EndpointKind::service, kEntra);
  if (!answer) return told_but_down(std::move(answer).error());
  if (answer->status == 200) return read_token(*answer, "workload identity " + *client_id);
  return unusable_credentials(std::string(kEntra) + " refused the token in " + *path +
                              " for the client " + *client_id + ": " +
                              std::to_string(answer->status) + codes_in(*answer) +
                              "; check the federated credential of that identity");
}

Result<AzureCredentials> ask_identity_endpoint(const EnvironmentCopy& environment,
                                               HttpClient& client) {
  if (const auto endpoint = environment.get("IDENTITY_ENDPOINT")) {
    return ask_app_service(environment, *endpoint, client);
  }
  if (const auto endpoint = environment.get("MSI_ENDPOINT")) {
    return ask_msi(environment, *endpoint, client);
  }
  return no_credentials("IDENTITY_ENDPOINT is not set");
}

Result<AzureCredentials> ask_azure_metadata(const EnvironmentCopy& environment, HttpClient& client,
                                            bool& has_answered) {
  // The name Microsoft's own libraries have for another address.
  constexpr const char* kVariable = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
  const auto named = environment.get(kVariable);
  const std::string base = without_slash(named.value_or("http://169.254.169.254"));
  if (!may_ask_for_credentials(base, false)) return refused_endpoint(kVariable);
  auto answer =
      ask_endpoint(client,
                   {.url = base + "/metadata/identity/oauth2/token" + resource_query("2018-02-01") +
                           with_client("client_id", environment),
                    .headers = {{"metadata", "true"}}},
                   EndpointKind::metadata, kMetadata);
  if (!answer) {
    const bool is_there = named || has_answered || client.is_interrupted();
    const bool is_silent =
        answer.error().code == Errc::timeout || answer.error().code == Errc::unavailable;
    if (!is_there && is_silent) return no_credentials("no Azure metadata service answers");
    return told_but_down(std::move(answer).error());
  }
  // 404 and 410: the service is being updated. Also what another cloud's service at this address
  // says, so it counts only where it has answered well before.
  if (answer->status == 404 || answer->status == 410) {
    if (!named && !has_answered) return no_credentials("the metadata service is not Azure's");
    return Error{Errc::unavailable, 0,
                 std::string(kMetadata) + " answered " + std::to_string(answer->status)};
  }
  has_answered = true;
  return read_identity(std::move(answer), kMetadata);
}

}  // namespace runlog
