#include "store/cloud/store_url.hpp"

#include <algorithm>

#include "base/url.hpp"
#include "store/http/encoding.hpp"

namespace runlog {
namespace {

constexpr std::size_t kPrefix_bytes_max = 512;

constexpr std::string_view kName =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
constexpr std::string_view kHost =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:[]";

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

}  // namespace

UrlParts cut_url(std::string_view url) {
  UrlParts parts{.whole = url};
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

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

bool is_one_of(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

Error refuse_url(const UrlParts& url, std::string_view why) {
  return Error{Errc::invalid_argument, 0,
               "store " + without_secrets(url.whole) + ": " + std::string(why)};
}

Result<void> set_prefix(StoreUrl& store, const UrlParts& url, std::string_view path,
                        bool is_encoded) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (is_encoded) {
    auto decoded = percent_decode(path);
    if (!decoded)
      return refuse_url(url, "the path has a '%' that is not followed by two hex digits");
    store.prefix = std::move(*decoded);
  } else {
    store.prefix = path;
  }
  if (const std::string_view fault = prefix_fault(store.prefix); !fault.empty()) {
    return refuse_url(url, fault);
  }
  return {};
}

Result<void> set_parameters(StoreUrl& store, const UrlParts& url,
                            std::span<const std::string_view> known) {
  std::string_view query = url.query;
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
      return refuse_url(url, names.empty() ? "such URLs have no parameters"
                                           : "an unknown parameter; known are " + names);
    }
    const auto value =
        percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!value || value->empty() || has_control(*value)) {
      return refuse_url(url, "the value of " + std::string(key) + " is empty or not valid");
    }
    if (key == "region") {
      if (!is_one_of(*value, kName)) return refuse_url(url, "that is not the name of a region");
      store.region = *value;
    } else if (key == "profile") {
      store.profile = *value;
    } else if (key == "endpoint") {
      auto endpoint = check_endpoint(*value, "store " + without_secrets(url.whole));
      if (!endpoint) return std::move(endpoint).error();
      store.endpoint = std::move(*endpoint);
    } else {
      if (*value != "crc32c") return refuse_url(url, "checksum can only be crc32c");
      store.sends_crc32c = true;
    }
  }
  return {};
}

Result<StoreUrl> parse_bucket_url(StoreUrl store, const UrlParts& url,
                                  std::span<const std::string_view> known) {
  store.bucket = url.authority;
  if (url.authority.find('@') != std::string_view::npos) {
    return refuse_url(
        url, "keys do not belong into the URL; see docs/clouds.md for where they are found");
  }
  if (store.bucket.empty()) return refuse_url(url, "it names no bucket: scheme://bucket/prefix");
  if (store.bucket.size() > 255 || !is_one_of(store.bucket, kName) || store.bucket.front() == '.' ||
      store.bucket.front() == '-') {
    return refuse_url(url, "'" + store.bucket + "' cannot be the name of a bucket");
  }
  if (auto taken = set_parameters(store, url, known); !taken) return taken.error();
  if (auto set = set_prefix(store, url, url.path, false); !set) return set.error();
  return store;
}

bool is_web(const UrlParts& url) {
  return url.scheme == "https" || url.scheme == "http" || url.scheme == "davs" ||
         url.scheme == "dav";
}

bool is_https(const UrlParts& url) {
  return url.scheme == "https" || url.scheme == "davs";
}

Result<void> check_server(const UrlParts& url) {
  if (url.authority.find('@') != std::string_view::npos) {
    return refuse_url(
        url,
        "user and password do not belong into the URL; put them into ~/.netrc, or set "
        "RUNLOG_HTTP_USER and RUNLOG_HTTP_PASSWORD, or RUNLOG_HTTP_BEARER");
  }
  if (!is_host(url.authority)) return refuse_url(url, "it has no valid host name");
  return {};
}

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
  const UrlParts parts = cut_url(endpoint);
  if (!is_host(parts.authority)) return fault("has no valid host name");
  if (!prefix_fault(parts.path).empty()) return fault("has a path that no server has");
  return std::string(endpoint);
}

Endpoint split_endpoint(std::string_view endpoint) {
  const UrlParts parts = cut_url(endpoint);
  Endpoint out;
  out.is_https = parts.scheme == "https";
  out.host = parts.authority;
  // The Host header that libcurl sends leaves the scheme's own port out, and Host is signed.
  const std::string_view own_port = out.is_https ? ":443" : ":80";
  if (out.host.ends_with(own_port)) out.host.erase(out.host.size() - own_port.size());
  if (!parts.path.empty()) out.path = "/" + std::string(parts.path);
  return out;
}

}  // namespace runlog
