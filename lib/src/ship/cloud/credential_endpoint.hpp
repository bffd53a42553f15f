// Asking an endpoint that hands out credentials: bounded tries, no proxy for local ones, JSON out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json_read.hpp"
#include "ship/cloud/credentials.hpp"
#include "ship/cloud/http_client.hpp"

namespace runlog {

/// Sends `request` up to three times while no answer or a 5xx comes. `what` begins every error:
/// "EC2 metadata (http://169.254.169.254)". Errors: unavailable; invalid_argument when the endpoint
/// refuses (4xx), with what it says, cut and without our request.
[[nodiscard]] Result<HttpResponse> ask_endpoint(HttpClient& client, const HttpRequest& request,
                                                std::string_view what);

/// A request to a metadata endpoint on this machine or link: no proxy, 1 s to connect.
[[nodiscard]] HttpRequest local_request(std::string url);

/// Whether a metadata endpoint may be asked there: https, loopback, or an address that never leaves
/// the link (169.254.0.0/16 and the fd00:ec2:: ones of AWS).
[[nodiscard]] bool may_ask_locally(std::string_view url) noexcept;

/// The content of a token file, read each time it is needed and without white space around it.
/// Errors name `variable` and the file.
[[nodiscard]] Result<Secret> read_token_file(const std::string& path, std::string_view variable);

/// "2026-11-22T21:40:00Z", with or without fractions, or with "+00:00".
[[nodiscard]] std::optional<WallClock::time_point> parse_iso_time(std::string_view text);

/// AccessKeyId, SecretAccessKey, Token or SessionToken, Expiration: what the container endpoint,
/// EC2 and credential_process answer with. Errors: invalid_argument.
[[nodiscard]] Result<AccessKey> access_key_from_json(std::string_view json, std::string_view what);

}  // namespace runlog
