// SigV4: signs requests with AWS4-HMAC-SHA256, and with Google's variant of the same algorithm. Our
// own because libcurl's signer differs in what it gets wrong from version to version; see decision
// 0012.
#pragma once

#include <string>
#include <string_view>

#include "store/credentials/credentials.hpp"
#include "store/http/encoding.hpp"
#include "store/http/http_client.hpp"

namespace runlog {

/// What differs between the variants.
struct SigV4Flavor {
  std::string_view algorithm = "AWS4-HMAC-SHA256";
  std::string_view key_prefix = "AWS4";
  std::string_view service = "s3";
  std::string_view terminator = "aws4_request";
  std::string_view date_header = "x-amz-date";
  std::string_view digest_header = "x-amz-content-sha256";
  std::string_view token_header = "x-amz-security-token";
};
inline constexpr SigV4Flavor kAws_flavor = {};
inline constexpr SigV4Flavor kGoogle_flavor = {.algorithm = "GOOG4-HMAC-SHA256",
                                               .key_prefix = "GOOG4",
                                               .service = "storage",
                                               .terminator = "goog4_request",
                                               .date_header = "x-goog-date",
                                               .digest_header = "x-goog-content-sha256",
                                               .token_header = "x-goog-security-token"};

struct SigV4Request {
  std::string_view method = {};
  std::string_view host = {};  ///< with the port unless it is the scheme's own
  std::string_view path = {};  ///< encoded, exactly as it is sent
  const Query& query;
  std::string_view payload_sha256 = {};
  WallTime time = {};
  std::string_view region = {};
};

class SigV4Signer {
 public:
  explicit SigV4Signer(const SigV4Flavor& flavor) : flavor_(flavor) {}
  ~SigV4Signer() { wipe(key_); }
  SigV4Signer(const SigV4Signer&) = delete;
  SigV4Signer& operator=(const SigV4Signer&) = delete;

  /// Adds date, digest, token and Authorization to `headers`, whose names are in lower case. All of
  /// them are signed but those that proxies change: range, accept, user-agent.
  void sign(const SigV4Request& request, const AccessKey& key, HttpHeaders& headers);

 private:
  const std::string& signing_key(const AccessKey& key, const std::string& date,
                                 std::string_view region);

  SigV4Flavor flavor_;
  std::string key_of_;  // what key_ was made for: id, day and region, and a digest of the secret
  std::string key_;
};

}  // namespace runlog
