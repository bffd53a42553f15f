// Azure's SharedKey authorization: an HMAC of the request with the account's key.
#pragma once

#include <string>
#include <string_view>

#include "runlog/result.hpp"
#include "store/credentials/credentials.hpp"
#include "store/http/encoding.hpp"
#include "store/http/http_client.hpp"

namespace runlog {

struct AzureSignatureInput {
  std::string_view method = {};
  std::string_view path = {};  ///< encoded, as it is sent; an emulator's begins with the account
  const Query& query;
  const HttpHeaders& headers;  ///< names in lower case; x-ms-date is among them
  std::uint64_t body_bytes = 0;
};

/// The text that is signed; for tests and for nothing else.
[[nodiscard]] std::string azure_string_to_sign(const AzureSignatureInput& request,
                                               std::string_view account);

/// The value of Authorization. Errors: invalid_argument (the key is not base64).
[[nodiscard]] Result<std::string> azure_shared_key(const AzureSignatureInput& request,
                                                   const AzureKey& key);

}  // namespace runlog
