#include "base/url.hpp"

#include <algorithm>
#include <utility>

namespace runlog {
namespace {

// What may stay is listed, not what must go: the next secret's name is not known yet.
bool may_be_shown(std::string_view pair) {
  const std::string_view key = pair.substr(0, std::min(pair.find('='), pair.size()));
  return key == "region" || key == "endpoint" || key == "profile" || pair == "checksum=crc32c";
}

bool is_scheme_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '-' || c == '.';
}

// Of a value that is a URL: it could hold user:password@ or a query of its own, encoded or not.
bool is_plain(std::string_view pair) {
  for (const std::string_view part : {"@", "?", "#", "%40", "%3f", "%3F"}) {
    if (pair.find(part) != std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

std::size_t authority_begin(std::string_view text) noexcept {
  constexpr std::size_t kNone = std::string_view::npos;
  constexpr std::string_view kSlashes = "://";
  const auto behind_slashes = [&](std::size_t at) {
    return std::min(text.find_first_not_of('/', at), text.size());
  };
  const std::size_t colon = text.find(':');
  const std::string_view scheme = text.substr(0, colon);
  const std::size_t slashes = text.find(kSlashes);
  const bool has_scheme = colon != kNone && colon != 0 && colon != slashes &&
                          !text.starts_with("file:") &&
                          std::all_of(scheme.begin(), scheme.end(), is_scheme_character);
  if (has_scheme) {
    const std::size_t begin = behind_slashes(colon + 1);
    // Without a slash, "s3:user:password@bucket" alone.
    const std::size_t user_end = text.find(':', begin);
    const bool has_password = user_end != kNone && text.find('@', user_end) != kNone;
    if (begin > colon + 1 || has_password) return begin;
  }
  if (slashes == kNone) return kNone;
  const std::size_t begin = slashes + kSlashes.size();
  return text.starts_with("file") ? begin : behind_slashes(begin);
}

bool has_open_password(std::string_view url) noexcept {
  const std::size_t begin = authority_begin(url);
  if (begin == std::string_view::npos || url.find('@', begin) != std::string_view::npos) {
    return false;
  }
  const std::size_t end = std::min(url.find_first_of("/?#", begin), url.size());
  const std::size_t colon = url.find(':', begin);
  return colon < end && url.find_first_not_of("0123456789", colon + 1) < end;
}

namespace {

std::string take_secrets(std::string_view url) {
  const std::size_t begin = authority_begin(url);
  if (begin == std::string_view::npos) return std::string(url);
  std::string out(url);
  const std::size_t host_end = std::min(out.find_first_of("/?#", begin), out.size());
  std::size_t at = out.substr(0, host_end).rfind('@');
  const std::size_t host = at == std::string::npos || at < begin ? begin : at + 1;
  const std::size_t brackets = out[std::min(host, out.size())] == '[' ? out.find(']', host) : host;
  const std::size_t colon = out.find(':', brackets);
  const bool has_port = colon < host_end && std::min(out.find_first_not_of("0123456789", colon + 1),
                                                     out.size()) == host_end;
  // A password with a raw '/', '?' or '#' in it seems to end the host: what follows the colon
  // then is no port, and everything up to the last '@' goes.
  if (colon < host_end && !has_port) at = out.rfind('@');
  if (at != std::string::npos && at >= begin) out.erase(begin, at + 1 - begin);
  const std::size_t query = out.find_first_of(url.starts_with("file") ? "?" : "?#");
  if (query == std::string::npos) return out;
  std::string kept;
  std::string_view rest = std::string_view(out).substr(out[query] == '?' ? query + 1 : out.size());
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    if (is_plain(pair) && may_be_shown(pair)) {
      kept += (kept.empty() ? '?' : '&');
      kept += pair;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out.substr(0, query) + kept;
}

}  // namespace

// What is left may be read as another URL, with a user in it: of one without a host, say.
std::string without_secrets(std::string_view url) {
  std::string shown = take_secrets(url);
  for (std::string next = take_secrets(shown); next != shown; next = take_secrets(shown)) {
    shown = std::move(next);
  }
  return shown;
}

}  // namespace runlog
