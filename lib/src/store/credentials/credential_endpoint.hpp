// CredentialEndpoint: one question to a server that hands out credentials. It decides where such a
// question may go at all, and what the ways of not answering mean.
#pragma once

#include <string>
#include <string_view>

#include "runlog/result.hpp"
#include "store/credentials/credentials.hpp"
#include "store/http/http_client.hpp"

namespace runlog {

enum class EndpointKind : std::uint8_t {
  metadata,  ///< on this machine or its link: no proxy, 1 s to connect, three tries
  service,   ///< STS, Entra ID: on the internet, by a proxy where there is one
};

struct EndpointAnswer {
  int status = 0;
  Secret body = {};     ///< of a 2xx answer
  Secret refusal = {};  ///< of any other: take codes out of it, never sentences
};

/// Sends `request`, whose header values and body are wiped afterwards. Answers of 2xx and 4xx are
/// for the caller. Errors: unavailable (no answer, or 429 and 5xx, at the last try), timeout in
/// place of it where nothing was reached at all, invalid_argument (a certificate, an unusable URL).
/// `what` begins the message: "the credentials endpoint of the container".
Result<EndpointAnswer> ask_endpoint(HttpClient& client, HttpRequest request, EndpointKind kind,
                                    const std::string& what);

/// The error of ask_endpoint() where the endpoint was named, and is not just looked for: that it is
/// not there comes to the same as that it is down.
[[nodiscard]] Error told_but_down(Error error);

/// Whether credentials may be asked for there: https, loopback, and over http the addresses at
/// which clouds put their metadata services (`is_aws`: 169.254.170.2, 169.254.170.23,
/// 169.254.169.254, fd00:ec2::23 and fd00:ec2::254; else all of 169.254.0.0/16).
[[nodiscard]] bool may_ask_for_credentials(std::string_view url, bool is_aws) noexcept;

/// The error for a URL that fails that test, or has user information in it.
[[nodiscard]] Error refused_endpoint(const std::string& variable);

/// `url` without the '/' at its end.
[[nodiscard]] std::string without_slash(std::string url);

}  // namespace runlog
