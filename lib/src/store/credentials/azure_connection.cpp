#include "store/credentials/azure_connection.hpp"

#include <map>

#include "store/credentials/credential_text.hpp"

namespace runlog {
namespace {

// The account and the key that every copy of Microsoft's storage emulator has. It protects nothing.
constexpr const char* kEmulator_account = "devstoreaccount1";
constexpr const char* kEmulator_key =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

using Fields = std::map<std::string, Secret, std::less<>>;

const std::string& field(const Fields& fields, std::string_view name) {
  static const std::string none;
  const auto found = fields.find(name);
  return found == fields.end() ? none : found->second.reveal();
}

// "acc" of "https://acc.blob.core.windows.net/"; of any other host nothing can be said.
std::string account_of(std::string_view endpoint) {
  const std::size_t scheme = endpoint.find("://");
  if (scheme == std::string_view::npos) return {};
  endpoint.remove_prefix(scheme + 3);
  const std::size_t blob = endpoint.find(".blob.");
  if (blob == std::string_view::npos || blob > endpoint.find('/')) return {};
  return std::string(endpoint.substr(0, blob));
}

AzureConnection emulator(const Fields& fields) {
  std::string base = field(fields, "developmentstorageproxyuri");
  if (base.empty()) base = "http://127.0.0.1";
  while (base.ends_with('/')) base.pop_back();
  AzureConnection connection;
  connection.account = kEmulator_account;
  connection.key = Secret(std::string(kEmulator_key));
  connection.endpoint = base + ":10000/" + kEmulator_account;
  return connection;
}

}  // namespace

Result<AzureConnection> parse_azure_connection(std::string_view text, const std::string& named_by) {
  const auto broken = [&](const std::string& why) {
    return Error{Errc::invalid_argument, 0,
                 named_by + " " + why + "; copy it again from the storage account's access keys"};
  };
  Fields fields;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view part = trim_blanks(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      return broken("is not a list of name=value with ';' between them");
    }
    fields.insert_or_assign(to_lower(trim_blanks(part.substr(0, equals))),
                            Secret(std::string(trim_blanks(part.substr(equals + 1)))));
  }
  if (to_lower(field(fields, "usedevelopmentstorage")) == "true") return emulator(fields);

  AzureConnection connection;
  connection.account = field(fields, "accountname");
  connection.endpoint = field(fields, "blobendpoint");
  connection.key = Secret(std::string(field(fields, "accountkey")));
  std::string_view sas = field(fields, "sharedaccesssignature");
  if (sas.starts_with('?')) sas.remove_prefix(1);
  connection.sas = Secret(std::string(sas));
  if (connection.account.empty()) connection.account = account_of(connection.endpoint);
  const std::string& suffix = field(fields, "endpointsuffix");
  if (connection.endpoint.empty() && !suffix.empty() && !connection.account.empty()) {
    const bool is_http = to_lower(field(fields, "defaultendpointsprotocol")) == "http";
    connection.endpoint =
        (is_http ? "http://" : "https://") + connection.account + ".blob." + suffix;
  }
  while (connection.endpoint.ends_with('/')) connection.endpoint.pop_back();
  if (connection.key.empty() && connection.sas.empty()) {
    return broken("has neither an AccountKey nor a SharedAccessSignature");
  }
  if (!connection.key.empty() && connection.account.empty()) return broken("has no AccountName");
  return connection;
}

}  // namespace runlog
