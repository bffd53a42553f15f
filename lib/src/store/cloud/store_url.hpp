// StoreUrl: what a store URL says, checked; and what the kinds of stores make their parsers of.
// Strict, because a typo that is accepted sends a week of records to the wrong place: unknown
// parameters and empty parts are errors that say what is right. It knows no network and no
// credentials but a SAS that stands in the URL itself.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runlog/result.hpp"
#include "store/credentials/credentials.hpp"

namespace runlog {

struct StoreKind;

struct StoreUrl {
  const StoreKind* kind = nullptr;  ///< its row, see store_kind.hpp
  std::string account = {};         ///< Azure
  std::string bucket = {};          ///< bucket or container; empty for http
  std::string prefix = {};          ///< decoded, without '/' at either end; may be empty
  /// "https://host[:port][/path]" without '/' at the end. Of http stores: the server. Of the
  /// others: the `endpoint` parameter; empty: the cloud's own.
  std::string endpoint = {};
  std::string region = {};
  std::string profile = {};
  Secret sas = {};            ///< Azure; as it stood in the URL
  bool sends_crc32c = false;  ///< checksum=crc32c
  std::string shown = {};     ///< for messages: without secrets
};

/// The parts of a URL, cut at the places RFC 3986 says, still encoded. Views of `whole`.
struct UrlParts {
  std::string_view whole = {};
  std::string_view scheme = {};
  std::string_view authority = {};
  std::string_view path = {};  ///< without the '/' in front
  std::string_view query = {};
};
/// `url` has a "://".
[[nodiscard]] UrlParts cut_url(std::string_view url);

/// invalid_argument: "store <url without secrets>: <why>".
[[nodiscard]] Error refuse_url(const UrlParts& url, std::string_view why);
[[nodiscard]] bool has_control(std::string_view text);
/// Whether `text` is made of characters of `allowed` only.
[[nodiscard]] bool is_one_of(std::string_view text, std::string_view allowed);

/// Sets store.prefix to `path`, which is the whole path of `url` or its end.
[[nodiscard]] Result<void> set_prefix(StoreUrl& store, const UrlParts& url, std::string_view path,
                                      bool is_encoded);
/// Sets what the query says. `known`, of region, endpoint, profile and checksum: the parameters
/// that this kind has. base/url lists them, too: others would not be written down for recovery.
[[nodiscard]] Result<void> set_parameters(StoreUrl& store, const UrlParts& url,
                                          std::span<const std::string_view> known);
/// scheme://bucket/prefix?parameters.
[[nodiscard]] Result<StoreUrl> parse_bucket_url(StoreUrl store, const UrlParts& url,
                                                std::span<const std::string_view> known);

/// Whether it is a URL of HTTP: https, http, davs or dav.
[[nodiscard]] bool is_web(const UrlParts& url);
[[nodiscard]] bool is_https(const UrlParts& url);  ///< or davs
/// Whether a URL of HTTP names a host, and no user.
[[nodiscard]] Result<void> check_server(const UrlParts& url);

/// "scheme://host[:port]" and the path of an endpoint that check_endpoint accepted.
struct Endpoint {
  bool is_https = true;
  std::string host = {};  ///< with port, if one was given and is not the scheme's own
  std::string path = {};  ///< "" or "/path"
};
[[nodiscard]] Endpoint split_endpoint(std::string_view endpoint);

/// Checks and normalises an endpoint URL from wherever it comes; `where` names that for messages.
[[nodiscard]] Result<std::string> check_endpoint(std::string_view endpoint, std::string_view where);

}  // namespace runlog
