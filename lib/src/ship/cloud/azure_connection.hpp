// AzureConnection: the connection string, as the portal shows it.
#pragma once

#include <string>
#include <string_view>

#include "runlog/result.hpp"
#include "ship/cloud/credentials.hpp"

namespace runlog {

struct AzureConnection {
  std::string account = {};
  Secret key = {};
  Secret sas = {};
  std::string blob_endpoint = {};  ///< without a '/' at its end; empty: the account's usual one
};

/// Key=Value;… with AccountName, AccountKey, SharedAccessSignature, BlobEndpoint, EndpointSuffix,
/// DefaultEndpointsProtocol, or UseDevelopmentStorage=true. Errors: invalid_argument, without the
/// text.
[[nodiscard]] Result<AzureConnection> parse_azure_connection(std::string_view text);

}  // namespace runlog
