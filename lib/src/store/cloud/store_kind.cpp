#include "store/cloud/store_kind.hpp"

#include <algorithm>
#include <cassert>
#include <string>

#include "base/url.hpp"

namespace runlog {
namespace {

// Azure before HTTP, whose URLs are in part its own.
constexpr StoreKind kKinds[] = {
    {.schemes = {"s3"},
     .example = "s3://bucket/prefix",
     .parse = parse_s3_url,
     .make_dialect = make_s3_dialect},
    {.schemes = {"gs"},
     .example = "gs://bucket/prefix",
     .parse = parse_gcs_url,
     .make_dialect = make_gcs_dialect},
    {.schemes = {"azblob"},
     .example = "azblob://account/container/prefix",
     .has_host = has_azure_host,
     .parse = parse_azure_url,
     .make_dialect = make_azure_dialect},
    {.schemes = {"https", "http", "davs", "dav"},
     .example = "https://host/path",
     .parse = parse_dav_url,
     .make_dialect = make_dav_dialect},
};

bool is_kind_of(const StoreKind& kind, const UrlParts& url) {
  if (kind.has_host != nullptr && is_web(url) && kind.has_host(url.authority)) return true;
  return !url.scheme.empty() &&
         std::find(kind.schemes.begin(), kind.schemes.end(), url.scheme) != kind.schemes.end();
}

Error unknown_scheme(std::string_view url) {
  std::string known;
  for (const StoreKind& kind : kKinds) {
    for (const std::string_view scheme : kind.schemes) {
      if (!scheme.empty()) known += std::string(scheme) + "://, ";
    }
  }
  return Error{Errc::unsupported, 0,
               "store " + without_secrets(url) + ": unknown scheme; known are " + known +
                   "file:// and plain paths"};
}

}  // namespace

std::span<const StoreKind> store_kinds() noexcept {
  return kKinds;
}

Result<StoreUrl> parse_store_url(std::string_view url) {
  if (url.find("://") == std::string_view::npos) {
    return refuse_url({.whole = url}, "a store is a directory or scheme://…");
  }
  if (has_control(url)) return refuse_url({.whole = url}, "it has control characters in it");
  if (url.find('#') != std::string_view::npos) {
    return refuse_url({.whole = url}, "it may not have a '#' in it");
  }
  const UrlParts parts = cut_url(url);
  for (const StoreKind& kind : kKinds) {
    if (!is_kind_of(kind, parts)) continue;
    StoreUrl store;
    store.kind = &kind;
    store.shown = without_secrets(url);
    return kind.parse(std::move(store), parts);
  }
  return unknown_scheme(url);
}

Result<std::unique_ptr<Dialect>> make_dialect(const StoreUrl& url, HttpClient& client) {
  assert(url.kind != nullptr);
  return url.kind->make_dialect(url, client);
}

}  // namespace runlog
