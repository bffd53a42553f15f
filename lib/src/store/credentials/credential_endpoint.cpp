#include "store/credentials/credential_endpoint.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "platform/ip_address.hpp"
#include "store/http/encoding.hpp"
#include "store/http/peer_limits.hpp"

namespace runlog {
namespace {

constexpr int kTries = 3;
constexpr std::chrono::milliseconds kMetadata_connect{1'000};
/// An endpoint that accepts and does not answer: a container behind IMDS's hop limit sees that.
constexpr std::chrono::milliseconds kMetadata_timeout{3'000};
constexpr std::chrono::milliseconds kService_connect{5'000};
constexpr std::chrono::milliseconds kService_timeout{20'000};

// "host" or "host:port" or "[v6]:port" of an http URL; empty for others.
std::string_view host_of(std::string_view url) noexcept {
  constexpr std::string_view kHttp = "http://";
  if (!url.starts_with(kHttp)) return {};
  url.remove_prefix(kHttp.size());
  std::string_view host = url.substr(0, std::min(url.find_first_of("/?#"), url.size()));
  if (host.starts_with('[')) return host.substr(0, std::min(host.find(']'), host.size()));
  return host.substr(0, std::min(host.find(':'), host.size()));
}

// The address in network order, compared as such: fd00:ec2:0:0::23 is fd00:ec2::23.
bool is_ipv6(std::string_view host, std::string_view wanted) noexcept {
  if (!host.starts_with('[')) return false;
  const auto address = parse_ipv6(host.substr(1));
  return address && address == parse_ipv6(wanted);
}

bool is_link_local(std::string_view host) noexcept {
  const auto address = parse_ipv4(host);
  return address && (*address >> 16) == 0xA9FE;
}

Error no_answer(const HttpFailure& failure, const std::string& what) {
  Error error{Errc::unavailable, 0, what + ": " + failure.error.message};
  switch (failure.kind) {
    case HttpFailure::Kind::not_sent:
      error.code = Errc::timeout;
      break;
    case HttpFailure::Kind::untrusted:
      error.code = Errc::invalid_argument;
      error.message += "; if its CA is a private one, name the PEM file in RUNLOG_CA_BUNDLE";
      break;
    case HttpFailure::Kind::local:
      error.code = Errc::invalid_argument;
      break;
    case HttpFailure::Kind::ambiguous:
    case HttpFailure::Kind::interrupted:
    case HttpFailure::Kind::too_large:
    case HttpFailure::Kind::sink:
      break;
  }
  return error;
}

}  // namespace

Result<EndpointAnswer> ask_endpoint(HttpClient& client, HttpRequest request, EndpointKind kind,
                                    const std::string& what) {
  const bool is_metadata = kind == EndpointKind::metadata;
  request.use_proxy = !is_metadata;
  request.connect_timeout = is_metadata ? kMetadata_connect : kService_connect;
  request.timeout = is_metadata ? kMetadata_timeout : kService_timeout;
  request.whole_timeout = is_metadata ? kMetadata_time_max : kToken_service_time_max;
  std::string body;
  body.reserve(request.answer_bytes_max);  // growing would leave pieces of it in freed memory
  // Through a sink, so that no copy stays behind in the answer.
  request.sink = [&body](const HttpResponse&, std::span<const std::byte> bytes) {
    body += as_text(bytes);
    return Result<void>();
  };
  Result<EndpointAnswer> result = Error{};
  for (int tries = is_metadata ? kTries : 1; tries > 0; --tries) {
    wipe(body);
    auto answer = client.send(request);
    if (!answer) {
      result = no_answer(answer.failure(), what);
      // A service's answer may have been lost with the token used up: the caller's next turn.
      const bool may_help = answer.failure().kind == HttpFailure::Kind::not_sent ||
                            answer.failure().kind == HttpFailure::Kind::ambiguous;
      if (may_help) continue;
      break;
    }
    const int status = answer->status;
    if (status == 429 || status >= 500) {
      result = Error{Errc::unavailable, 0, what + " answered " + std::to_string(status)};
      continue;
    }
    EndpointAnswer good{.status = status};
    if (status >= 200 && status < 300) {
      good.body = Secret(std::move(body));
    } else {
      good.refusal = Secret(std::string(answer->body));
    }
    result = std::move(good);
    break;
  }
  wipe(body);
  for (auto& [name, value] : request.headers) wipe(value);
  return result;
}

bool may_ask_for_credentials(std::string_view url, bool is_aws) noexcept {
  const std::string_view authority = url.substr(0, url.find_first_of("/?#", url.find("://") + 3));
  if (authority.find('@') != std::string_view::npos) return false;
  if (may_carry_secrets(url)) return true;
  const std::string_view host = host_of(url);
  if (!is_aws) return is_link_local(host);
  return host == "169.254.170.2" || host == "169.254.170.23" || host == "169.254.169.254" ||
         is_ipv6(host, "fd00:ec2::23") || is_ipv6(host, "fd00:ec2::254");
}

Error told_but_down(Error error) {
  if (error.code == Errc::timeout) error.code = Errc::unavailable;
  return error;
}

Error refused_endpoint(const std::string& variable) {
  return Error{Errc::invalid_argument, 0,
               variable +
                   " must be an https:// URL, or http:// to this machine or to its cloud's "
                   "metadata address: anyone on the way could read the credentials"};
}

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace runlog
