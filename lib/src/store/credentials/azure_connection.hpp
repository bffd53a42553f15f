// AzureConnection: a connection string as the Azure portal shows it, taken apart.
#pragma once

#include <string>
#include <string_view>

#include "runlog/result.hpp"
#include "store/credentials/credentials.hpp"

namespace runlog {

struct AzureConnection {
  std::string account = {};   ///< empty where neither the string nor its endpoint names one
  std::string endpoint = {};  ///< of the blob service; empty: the public cloud's
  Secret key = {};
  Secret sas = {};
};

/// Errors: invalid_argument, in which `named_by` stands for the text.
Result<AzureConnection> parse_azure_connection(std::string_view text, const std::string& named_by);

}  // namespace runlog
