#include "store/cloud/azure_signature.hpp"

#include <algorithm>
#include <array>

namespace runlog {
namespace {

std::string_view header(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

std::string azure_string_to_sign(const AzureSignatureInput& request, std::string_view account) {
  std::string text(request.method);
  text += "\n\n\n";  // Content-Encoding and Content-Language, which we do not send
  if (request.body_bytes != 0) text += std::to_string(request.body_bytes);
  text += '\n';
  // Date stays empty: x-ms-date is among the canonical headers.
  constexpr std::array<std::string_view, 8> kNames = {
      "content-md5",   "content-type",        "date", "if-modified-since", "if-match",
      "if-none-match", "if-unmodified-since", "range"};
  for (const std::string_view name : kNames) {
    text += header(request.headers, name);
    text += '\n';
  }
  HttpHeaders own;
  for (const auto& [name, value] : request.headers) {
    if (name.starts_with("x-ms-")) own.emplace_back(name, value);
  }
  std::sort(own.begin(), own.end());
  for (const auto& [name, value] : own) text += name + ':' + value + '\n';
  text += '/';
  text += account;
  text += request.path;
  Query sorted = request.query;
  std::sort(sorted.begin(), sorted.end());
  for (const auto& [name, value] : sorted) text += '\n' + name + ':' + value;
  return text;
}

Result<std::string> azure_shared_key(const AzureSignatureInput& request, const AzureKey& key) {
  auto secret = from_base64(key.key.reveal());
  if (!secret) {
    return Error{Errc::invalid_argument, 0,
                 "the key of Azure storage account " + key.account +
                     " is not base64; copy it again from the portal, as a whole"};
  }
  const std::string mac = hmac_sha256(*secret, azure_string_to_sign(request, key.account));
  wipe(*secret);
  return "SharedKey " + key.account + ':' +
         base64({reinterpret_cast<const std::uint8_t*>(mac.data()), mac.size()});
}

}  // namespace runlog
