#include "store/cloud/dialect.hpp"

#include <chrono>

#include "base/bytes.hpp"
#include "base/utf8.hpp"
#include "runlog/shown.hpp"
#include "store/http/http_text.hpp"

namespace runlog {
namespace {

constexpr std::size_t kText_bytes_max = 200;
constexpr std::size_t kPart_digest_bytes = 16;
// Not ".part", nor with a '.' in front: there are servers that refuse these.
constexpr std::string_view kPart_suffix = ".upload";

}  // namespace

Meaning meaning_of_status(const CloudCall& call, int status) {
  const bool is_put = call.method == "PUT";
  if (status == 200 || status == 201 || status == 204) return Meaning::done;
  if (status == 206 && call.method == "GET") return Meaning::done;
  switch (status) {
    case 401:
      return Meaning::stale;
    case 404:
    case 410:
      return is_put || call.is_bucket ? Meaning::refused : Meaning::absent;
    case 409:
    case 408:
    case 425:
    case 429:
      return Meaning::again;
    case 412:
      return call.creates ? Meaning::exists : Meaning::again;
    case 411:
    case 413:
    case 414:
      return is_put ? Meaning::refused_object : Meaning::refused;
    case 405:
      return Meaning::unsupported;
    case 501:
      return call.creates ? Meaning::no_condition : Meaning::unsupported;
    case 507:
      return Meaning::refused;
    default:
      break;
  }
  if (status >= 300 && status < 500) return Meaning::refused;
  return Meaning::again;  // 5xx, and what no server should say
}

std::string clean_text(std::string_view text) {
  text = text.substr(0, std::min(text.find_first_of("\r\n"), text.size()));
  return visible(utf8_prefix(text, kText_bytes_max));
}

std::string encoded_key(const std::string& prefix, const std::string& name) {
  const bool needs_slash = !prefix.empty() && !name.empty();
  return percent_encode(prefix + (needs_slash ? "/" : "") + name, true);
}

std::string part_name(const std::string& name, const std::string& sha256_hex) {
  const std::size_t slash = name.rfind('/');
  const std::size_t leaf = slash == std::string::npos ? 0 : slash + 1;
  return name.substr(0, leaf) + "_" + name.substr(leaf) + "." +
         sha256_hex.substr(0, kPart_digest_bytes) + std::string(kPart_suffix);
}

bool is_part_name(std::string_view name) noexcept {
  const std::size_t slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  return name.starts_with('_') && name.ends_with(kPart_suffix);
}

std::optional<std::string> relative_name(const std::string& prefix, std::string_view key) {
  if (prefix.empty()) return std::string(key);
  if (!key.starts_with(prefix) || !key.substr(prefix.size()).starts_with('/')) return {};
  return std::string(key.substr(prefix.size() + 1));
}

std::string set_body(const CloudCall& call, HttpRequest& request) {
  if (call.content == nullptr) {
    request.body = as_bytes(call.body);
    return sha256_hex(call.body);
  }
  // An empty file has nothing to stream.
  if (call.content->bytes != 0) {
    request.body_file = call.content->file;
    request.body_file_bytes = call.content->bytes;
  }
  return call.content->sha256_hex;
}

std::string redirect_target(const HttpResponse& answer) {
  const std::string_view location = answer.header("location");
  if (!location.starts_with("http://") && !location.starts_with("https://")) return {};
  return clean_text(without_query(location));
}

std::string credentials_text(const std::string& from,
                             const std::optional<WallClock::time_point>& expires) {
  std::string text = "from " + from;
  if (!expires) return text;
  const auto left = std::chrono::duration_cast<std::chrono::minutes>(*expires - WallClock::now());
  return text + ", valid for " + std::to_string(left.count()) + " minutes more";
}

Error not_in_the_clear(const StoreUrl& url, std::string_view what) {
  return Error{Errc::invalid_argument, 0,
               "store " + url.shown + ": " + std::string(what) +
                   " would cross the network in the clear; use https (plain http is for this "
                   "machine's own loopback address)"};
}

}  // namespace runlog
