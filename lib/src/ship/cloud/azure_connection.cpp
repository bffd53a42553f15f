#include "ship/cloud/azure_connection.hpp"

#include <algorithm>
#include <map>

namespace runlog {
namespace {

// The emulator's account and key are printed in its manual and the same everywhere.
constexpr std::string_view kEmulator_account = "devstoreaccount1";
constexpr std::string_view kEmulator_key =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

}  // namespace

Result<AzureConnection> parse_azure_connection(std::string_view text) {
  const auto invalid = [](const char* why) {
    return Error{Errc::invalid_argument, 0,
                 std::string("AZURE_STORAGE_CONNECTION_STRING ") + why +
                     "; copy it from the storage account's page \"Access keys\""};
  };
  std::map<std::string, std::string, std::less<>> fields;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view field = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (field.empty()) continue;
    const std::size_t equals = field.find('=');  // values have '=' too: base64, SAS
    if (equals == std::string_view::npos) return invalid("has a part without '='");
    fields.emplace(field.substr(0, equals), field.substr(equals + 1));
  }
  const auto field = [&](const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  };
  AzureConnection connection;
  if (field("UseDevelopmentStorage") == "true") {
    connection.account = kEmulator_account;
    connection.key = Secret(std::string(kEmulator_key));
    connection.blob_endpoint = "http://127.0.0.1:10000/" + connection.account;
    return connection;
  }
  connection.account = field("AccountName");
  connection.key = Secret(field("AccountKey"));
  std::string sas = field("SharedAccessSignature");
  if (sas.starts_with('?')) sas.erase(0, 1);
  connection.sas = Secret(std::move(sas));
  connection.blob_endpoint = field("BlobEndpoint");
  while (connection.blob_endpoint.ends_with('/')) connection.blob_endpoint.pop_back();
  if (connection.account.empty() && !connection.blob_endpoint.empty()) {
    // A string made for a SAS names no account; the endpoint's host begins with it.
    const std::size_t host = connection.blob_endpoint.find("://");
    if (host != std::string::npos) {
      connection.account = connection.blob_endpoint.substr(host + 3);
      connection.account.resize(
          std::min(connection.account.find_first_of("./:"), connection.account.size()));
    }
  }
  if (connection.account.empty()) return invalid("has no AccountName");
  if (connection.key.empty() && connection.sas.empty()) {
    return invalid("has neither AccountKey nor SharedAccessSignature");
  }
  const std::string suffix = field("EndpointSuffix");
  if (connection.blob_endpoint.empty() && !suffix.empty()) {
    const std::string protocol = field("DefaultEndpointsProtocol");
    connection.blob_endpoint =
        (protocol.empty() ? "https" : protocol) + "://" + connection.account + ".blob." + suffix;
  }
  return connection;
}

}  // namespace runlog
