#include "store/cloud/store_url.hpp"

#include <algorithm>
#include <array>

#include "base/url.hpp"
#include "store/http/encoding.hpp"

namespace runlog {
namespace {

constexpr std::size_t kPrefix_bytes_max = 512;

Error invalid(std::string_view url, std::string_view why) {
  return Error{Errc::invalid_argument, 0,
               "store " + without_secrets(url) + ": " + std::string(why)};
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

bool is_one_of(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kName =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
constexpr std::string_view kHost =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:[]";

// The parts of a URL, cut at the places RFC 3986 says, still encoded.
struct Parts {
  std::string_view scheme = {};
  std::string_view authority = {};
  std::string_view path = {};  // without the '/' in front
  std::string_view query = {};
};

Parts cut(std::string_view url) {
  Parts parts;
  const std::size_t scheme = url.find("://");
  parts.scheme = url.substr(0, scheme);
  url.remove_prefix(scheme + 3);
  const std::size_t query = url.find('?');
  if (query != std::string_view::npos) {
    parts.query = url.substr(query + 1);
    url = url.substr(0, query);
  }
  const std::size_t path = url.find('/');
  parts.authority = url.substr(0, path);
  if (path != std::string_view::npos) parts.path = url.substr(path + 1);
  return parts;
}

std::string_view take_segment(std::string_view& path) {
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(std::min(end + 1, path.size()));
  return segment;
}

// A port is digits up to 65535; an IPv6 address is in brackets.
bool is_host(std::string_view authority) {
  if (authority.empty() || !is_one_of(authority, kHost)) return false;
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return false;
    port = authority.substr(end + 1);
  } else {
    if (authority.find_first_of("[]") != std::string_view::npos) return false;
    const std::size_t colon = authority.find(':');
    if (colon == 0) return false;
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (port.empty()) return true;
  if (port.size() < 2 || port.size() > 6 || port.front() != ':') return false;
  port.remove_prefix(1);
  if (!is_one_of(port, "0123456789")) return false;
  const int number = std::stoi(std::string(port));
  return number > 0 && number < 65536;
}

// "" or an error's words. '.' and '..' mean other places to some servers and none to others.
std::string_view prefix_fault(std::string_view prefix) {
  if (prefix.size() > kPrefix_bytes_max) return "the prefix is longer than 512 bytes";
  if (has_control(prefix)) return "the prefix has control characters in it";
  if (prefix.empty()) return {};
  while (true) {
    const std::size_t slash = prefix.find('/');
    const std::string_view segment = prefix.substr(0, slash);
    if (segment.empty()) return "the prefix has an empty part ('//')";
    if (segment == "." || segment == "..") return "the prefix may not have '.' or '..' as a part";
    if (slash == std::string_view::npos) return {};
    prefix.remove_prefix(slash + 1);
  }
}

Result<void> set_prefix(StoreUrl& store, std::string_view url, std::string_view path,
                        bool is_encoded) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (is_encoded) {
    auto decoded = percent_decode(path);
    if (!decoded) return invalid(url, "the path has a '%' that is not followed by two hex digits");
    store.prefix = std::move(*decoded);
  } else {
    store.prefix = path;
  }
  if (const std::string_view fault = prefix_fault(store.prefix); !fault.empty()) {
    return invalid(url, fault);
  }
  return {};
}

Result<void> set_parameters(StoreUrl& store, std::string_view url, std::string_view query,
                            std::span<const std::string_view> known) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      std::string names;
      for (const std::string_view name : known) {
        names += (names.empty() ? "" : ", ") + std::string(name);
      }
      // The key's text is not shown: it may be the beginning of a secret.
      return invalid(url, names.empty() ? "such URLs have no parameters"
                                        : "an unknown parameter; known are " + names);
    }
    const auto value =
        percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!value || value->empty() || has_control(*value)) {
      return invalid(url, "the value of " + std::string(key) + " is empty or not valid");
    }
    if (key == "region") {
      if (!is_one_of(*value, kName)) return invalid(url, "that is not the name of a region");
      store.region = *value;
    } else if (key == "profile") {
      store.profile = *value;
    } else if (key == "endpoint") {
      auto endpoint = check_endpoint(*value, "store " + without_secrets(url));
      if (!endpoint) return std::move(endpoint).error();
      store.endpoint = std::move(*endpoint);
    } else {
      if (*value != "crc32c") return invalid(url, "checksum can only be crc32c");
      store.sends_crc32c = true;
    }
  }
  return {};
}

Result<StoreUrl> parse_bucket_url(StoreUrl store, std::string_view url, const Parts& parts) {
  store.bucket = parts.authority;
  if (parts.authority.find('@') != std::string_view::npos) {
    return invalid(url,
                   "keys do not belong into the URL; see docs/clouds.md for where they are found");
  }
  if (store.bucket.empty()) return invalid(url, "it names no bucket: scheme://bucket/prefix");
  if (store.bucket.size() > 255 || !is_one_of(store.bucket, kName) || store.bucket.front() == '.' ||
      store.bucket.front() == '-') {
    return invalid(url, "'" + store.bucket + "' cannot be the name of a bucket");
  }
  constexpr std::array<std::string_view, 4> kS3 = {"region", "endpoint", "profile", "checksum"};
  const std::span<const std::string_view> known(kS3);
  const auto taken = set_parameters(store, url, parts.query,
                                    store.kind == StoreUrl::Kind::s3 ? known : known.subspan(1, 1));
  if (!taken) return taken.error();
  if (auto set = set_prefix(store, url, parts.path, false); !set) return set.error();
  return store;
}

bool is_container(std::string_view name) {
  return name == "$root" || (name.size() >= 3 && name.size() <= 63 &&
                             is_one_of(name, std::string(kLower) + '-') && name.front() != '-');
}

Result<StoreUrl> parse_azure(StoreUrl store, std::string_view url, std::string_view account,
                             std::string_view path, bool is_encoded) {
  store.kind = StoreUrl::Kind::azure;
  store.account = account;
  if (account.size() < 3 || account.size() > 24 || !is_one_of(account, kLower)) {
    return invalid(url,
                   "an Azure storage account's name has 3 to 24 lower-case letters and digits: "
                   "azblob://account/container/prefix");
  }
  store.bucket = take_segment(path);
  if (!is_container(store.bucket)) {
    return invalid(url,
                   "a container's name has 3 to 63 lower-case letters, digits and hyphens: "
                   "azblob://account/container/prefix");
  }
  if (auto set = set_prefix(store, url, path, is_encoded); !set) return set.error();
  return store;
}

// "account" of account.blob.core.windows.net and its sisters, or nothing.
std::string_view azure_account(std::string_view host) {
  constexpr std::array<std::string_view, 4> kDomains = {
      ".blob.core.windows.net", ".blob.core.usgovcloudapi.net", ".blob.core.chinacloudapi.cn",
      ".blob.storage.azure.net"};
  for (const std::string_view domain : kDomains) {
    if (host.size() > domain.size() && host.ends_with(domain)) {
      return host.substr(0, host.find('.'));
    }
  }
  return {};
}

Result<StoreUrl> parse_http(StoreUrl store, std::string_view url, const Parts& parts) {
  const bool is_https = parts.scheme == "https" || parts.scheme == "davs";
  if (parts.authority.find('@') != std::string_view::npos) {
    return invalid(url,
                   "user and password do not belong into the URL; put them into ~/.netrc, or set "
                   "RUNLOG_HTTP_USER and RUNLOG_HTTP_PASSWORD, or RUNLOG_HTTP_BEARER");
  }
  if (!is_host(parts.authority)) return invalid(url, "it has no valid host name");
  const std::string_view account = azure_account(parts.authority);
  if (!account.empty()) {
    if (!is_https) return invalid(url, "Azure is reached by https only");
    store.endpoint = "https://" + std::string(parts.authority);
    store.sas = Secret(std::string(parts.query));
    if (!parts.query.empty() && parts.query.find("sig=") == std::string_view::npos) {
      return invalid(url, "what follows '?' is not a SAS (it has no sig=)");
    }
    if (has_control(parts.query) || parts.query.find(' ') != std::string_view::npos) {
      return invalid(url, "the SAS has blanks or control characters in it");
    }
    return parse_azure(std::move(store), url, account, parts.path, true);
  }
  store.kind = StoreUrl::Kind::http;
  if (!parts.query.empty()) return invalid(url, "such URLs have no parameters");
  store.endpoint = (is_https ? "https://" : "http://") + std::string(parts.authority);
  if (auto set = set_prefix(store, url, parts.path, true); !set) return set.error();
  return store;
}

}  // namespace

Result<std::string> check_endpoint(std::string_view endpoint, std::string_view where) {
  const auto fault = [&](std::string_view why) {
    return Error{Errc::invalid_argument, 0,
                 std::string(where) + ": the endpoint " + std::string(why) +
                     "; endpoints look like https://host:9000"};
  };
  if (!endpoint.starts_with("https://") && !endpoint.starts_with("http://")) {
    return fault("begins neither with https:// nor with http://");
  }
  if (endpoint.find_first_of("?#@%") != std::string_view::npos || has_control(endpoint)) {
    return fault("has a '?', '#', '@', '%' or control character in it");
  }
  const std::size_t begin = endpoint.find("://") + 3;
  while (endpoint.size() > begin && endpoint.ends_with('/')) endpoint.remove_suffix(1);
  const Parts parts = cut(endpoint);
  if (!is_host(parts.authority)) return fault("has no valid host name");
  if (!prefix_fault(parts.path).empty()) return fault("has a path that no server has");
  return std::string(endpoint);
}

Endpoint split_endpoint(std::string_view endpoint) {
  const Parts parts = cut(endpoint);
  Endpoint out;
  out.is_https = parts.scheme == "https";
  out.host = parts.authority;
  // The Host header that libcurl sends leaves the scheme's own port out, and Host is signed.
  const std::string_view own_port = out.is_https ? ":443" : ":80";
  if (out.host.ends_with(own_port)) out.host.erase(out.host.size() - own_port.size());
  if (!parts.path.empty()) out.path = "/" + std::string(parts.path);
  return out;
}

Result<StoreUrl> parse_store_url(std::string_view url) {
  if (url.find("://") == std::string_view::npos) {
    return invalid(url, "a store is a directory or scheme://…");
  }
  if (has_control(url)) return invalid(url, "it has control characters in it");
  const Parts parts = cut(url);
  if (url.find('#') != std::string_view::npos) return invalid(url, "it may not have a '#' in it");
  StoreUrl store;
  store.shown = without_secrets(url);
  if (parts.scheme == "s3") return parse_bucket_url(std::move(store), url, parts);
  if (parts.scheme == "gs") {
    store.kind = StoreUrl::Kind::gcs;
    return parse_bucket_url(std::move(store), url, parts);
  }
  if (parts.scheme == "azblob") {
    constexpr std::array<std::string_view, 1> kKnown = {"endpoint"};
    if (parts.query.find("sig=") != std::string_view::npos) {
      return invalid(url,
                     "put the SAS into AZURE_STORAGE_SAS_TOKEN, or use the "
                     "https://account.blob.core.windows.net/container/prefix?sas form");
    }
    if (auto taken = set_parameters(store, url, parts.query, kKnown); !taken) return taken.error();
    return parse_azure(std::move(store), url, parts.authority, parts.path, false);
  }
  if (parts.scheme == "https" || parts.scheme == "http" || parts.scheme == "dav" ||
      parts.scheme == "davs") {
    return parse_http(std::move(store), url, parts);
  }
  return Error{Errc::unsupported, 0,
               "store " + without_secrets(url) +
                   ": unknown scheme; known are s3://, gs://, azblob://, https://, http://, "
                   "davs://, dav://, file:// and plain paths"};
}

}  // namespace runlog
