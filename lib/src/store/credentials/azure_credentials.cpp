#include "store/credentials/azure_connection.hpp"
#include "store/credentials/azure_places.hpp"
#include "store/credentials/credential_chain.hpp"
#include "store/credentials/credential_text.hpp"
#include "store/credentials/credentials.hpp"
#include "store/http/encoding.hpp"

namespace runlog {
namespace {

constexpr const char* kConnection = "AZURE_STORAGE_CONNECTION_STRING";
constexpr const char* kRemedy =
    "set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_KEY, or give the machine an identity "
    "with "
    "the role Storage Blob Data Contributor";

class AzureKeys {
 public:
  AzureKeys(std::string account, HttpClient& client)
      : environment_(std::make_shared<EnvironmentCopy>()),
        account_(std::move(account)),
        client_(client) {}

  Result<AzureCredentials> fetch() {
    const Places<AzureCredentials> places = {
        [this] { return from_connection_string(); },
        [this] { return from_key(); },
        [this] { return from_sas(); },
        [this] { return ask_workload_identity(*environment_, client_); },
        [this] { return ask_identity_endpoint(*environment_, client_); },
        [this] { return ask_azure_metadata(*environment_, client_, imds_has_answered_); }};
    return ask_in_order(places, "credentials for the storage account " + account_, kRemedy);
  }

 private:
  static Result<AzureCredentials> with_key(const std::string& account, Secret key,
                                           const std::string& from) {
    if (!from_base64(key.reveal())) {
      return unusable_credentials(from + ": the account key is not base64; copy it again, whole");
    }
    return AzureCredentials{AzureKey{account, std::move(key)}, from};
  }

  static Result<AzureCredentials> with_sas(std::string_view query, const std::string& from) {
    if (query.starts_with('?')) query.remove_prefix(1);
    const bool is_signed = query.starts_with("sig=") || query.find("&sig=") != query.npos;
    if (!is_signed || query.find_first_of(" #\"<>?") != query.npos) {
      return unusable_credentials(from + ": the SAS is not a query with a signature (sv=…&sig=…)");
    }
    return AzureCredentials{AzureSas{Secret(std::string(query))}, from};
  }

  Result<AzureCredentials> from_connection_string() const {
    auto text = environment_->get_printable(kConnection);
    if (!text) return std::move(text).error();
    const Secret kept(std::move(*text));
    if (kept.empty()) return Error{Errc::not_found, 0, std::string(kConnection) + " is not set"};
    auto connection = parse_azure_connection(kept.reveal(), kConnection);
    if (!connection) return std::move(connection).error();
    if (!connection->account.empty() && connection->account != account_) {
      return unusable_credentials(std::string(kConnection) + " is for the account '" +
                                  connection->account + "', the store's is '" + account_ +
                                  "'; unset it or set the right one");
    }
    if (!connection->key.empty()) return with_key(account_, connection->key, kConnection);
    return with_sas(connection->sas.reveal(), kConnection);
  }

  Result<AzureCredentials> from_key() const {
    auto key = environment_->get_printable("AZURE_STORAGE_KEY");
    if (!key) return std::move(key).error();
    Secret kept(std::move(*key));
    if (kept.empty()) return Error{Errc::not_found, 0, "AZURE_STORAGE_KEY is not set"};
    if (auto wrong = other_account("AZURE_STORAGE_KEY")) return std::move(*wrong);
    return with_key(account_, std::move(kept), "AZURE_STORAGE_KEY");
  }

  Result<AzureCredentials> from_sas() const {
    auto sas = environment_->get_printable("AZURE_STORAGE_SAS_TOKEN");
    if (!sas) return std::move(sas).error();
    const Secret kept(std::move(*sas));
    if (kept.empty()) return Error{Errc::not_found, 0, "AZURE_STORAGE_SAS_TOKEN is not set"};
    if (auto wrong = other_account("AZURE_STORAGE_SAS_TOKEN")) return std::move(*wrong);
    return with_sas(kept.reveal(), "AZURE_STORAGE_SAS_TOKEN");
  }

  // A key signs for one account. Sent to another one it would only be refused there, with words
  // that do not say why.
  [[nodiscard]] std::optional<Error> other_account(const std::string& variable) const {
    const auto named = environment_->get("AZURE_STORAGE_ACCOUNT");
    if (!named || *named == account_) return {};
    return unusable_credentials(variable + " is for the account '" + *named +
                                "' (AZURE_STORAGE_ACCOUNT), the " + "store's is '" + account_ +
                                "'; set both for the store's account");
  }

  const SharedEnvironment environment_;
  const std::string account_;
  HttpClient& client_;
  bool imds_has_answered_ = false;
};

}  // namespace

std::string azure_endpoint_from_environment(const std::string& account) {
  const EnvironmentCopy environment;
  const auto text = environment.get(kConnection);
  if (!text) return {};
  // A broken one is reported when credentials are asked for: there it has a caller to tell.
  auto connection = parse_azure_connection(*text, kConnection);
  if (!connection) return {};
  const bool fits = connection->account.empty() || connection->account == account;
  return fits ? connection->endpoint : std::string();
}

std::unique_ptr<CredentialSource<AzureCredentials>> azure_credentials(const std::string& account,
                                                                      HttpClient& client) {
  auto keys = std::make_shared<AzureKeys>(account, client);
  return std::make_unique<Refreshing<AzureCredentials>>([keys] { return keys->fetch(); });
}

}  // namespace runlog
