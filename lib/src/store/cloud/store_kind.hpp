// StoreKind: the kinds of stores that are reached by HTTP, one row each: whose URL it is, who
// parses it, who speaks to it.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>

#include "runlog/result.hpp"
#include "store/cloud/dialect.hpp"
#include "store/cloud/store_url.hpp"

namespace runlog {

struct StoreKind {
  std::array<std::string_view, 4> schemes = {};  ///< docs/clouds.md has each of them
  std::string_view example = {};                 ///< "s3://bucket/prefix"
  /// Whether a URL of HTTP with this host is one of this kind; nullptr: none is.
  bool (*has_host)(std::string_view host) = nullptr;
  /// `store` has `kind` and `shown` already. Errors: invalid_argument.
  Result<StoreUrl> (*parse)(StoreUrl store, const UrlParts& url) = nullptr;
  /// Reads settings files, touches no network. `client` must outlive the dialect.
  Result<std::unique_ptr<Dialect>> (*make_dialect)(const StoreUrl& url,
                                                   HttpClient& client) = nullptr;
};

[[nodiscard]] std::span<const StoreKind> store_kinds() noexcept;

// The functions of the rows, each kind's in its <kind>_dialect.cpp.

/// s3://bucket/prefix?region=&endpoint=&profile=&checksum=crc32c
[[nodiscard]] Result<StoreUrl> parse_s3_url(StoreUrl store, const UrlParts& url);
[[nodiscard]] Result<std::unique_ptr<Dialect>> make_s3_dialect(const StoreUrl& url,
                                                               HttpClient& client);

/// gs://bucket/prefix?endpoint=
[[nodiscard]] Result<StoreUrl> parse_gcs_url(StoreUrl store, const UrlParts& url);
[[nodiscard]] Result<std::unique_ptr<Dialect>> make_gcs_dialect(const StoreUrl& url,
                                                                HttpClient& client);

/// azblob://account/container/prefix?endpoint=,
/// https://account.blob.core.windows.net/container/prefix?sas
[[nodiscard]] bool has_azure_host(std::string_view host);
[[nodiscard]] Result<StoreUrl> parse_azure_url(StoreUrl store, const UrlParts& url);
[[nodiscard]] Result<std::unique_ptr<Dialect>> make_azure_dialect(const StoreUrl& url,
                                                                  HttpClient& client);

/// https://host/path, http://, davs://, dav://
[[nodiscard]] Result<StoreUrl> parse_dav_url(StoreUrl store, const UrlParts& url);
[[nodiscard]] Result<std::unique_ptr<Dialect>> make_dav_dialect(const StoreUrl& url,
                                                                HttpClient& client);

// What the rows are for.

/// Errors: invalid_argument, unsupported (no kind has this scheme).
[[nodiscard]] Result<StoreUrl> parse_store_url(std::string_view url);

/// For the store at `url`, as of parse_store_url; see StoreKind::make_dialect.
[[nodiscard]] Result<std::unique_ptr<Dialect>> make_dialect(const StoreUrl& url,
                                                            HttpClient& client);

}  // namespace runlog
