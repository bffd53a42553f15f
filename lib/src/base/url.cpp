#include "base/url.hpp"

#include <algorithm>

namespace runlog {
namespace {

// What may stay is listed, not what must go: the next secret's name is not known yet.
bool may_be_shown(std::string_view pair) {
  const std::string_view key = pair.substr(0, std::min(pair.find('='), pair.size()));
  return key == "region" || key == "endpoint" || key == "profile" || pair == "checksum=crc32c";
}

}  // namespace

std::string without_secrets(std::string_view url) {
  std::string out(url);
  const std::size_t scheme = out.find("://");
  if (scheme != std::string::npos) {
    const std::size_t host_end = std::min(out.find_first_of("/?#", scheme + 3), out.size());
    std::size_t at = out.rfind('@', host_end);
    const std::size_t colon = out.find(':', scheme + 3);
    const bool has_port =
        colon < host_end && out.find_first_not_of("0123456789", colon + 1) == host_end;
    // A password with a raw '/', '?' or '#' in it seems to end the host: what follows the colon
    // then is no port, and everything up to the last '@' goes.
    if (at == std::string::npos && colon < host_end && !has_port) at = out.rfind('@');
    if (at != std::string::npos && at > scheme) out.erase(scheme + 3, at - scheme - 2);
  }
  const std::size_t query = out.find('?');
  if (query == std::string::npos || scheme == std::string::npos) return out;
  std::string kept;
  std::string_view rest = std::string_view(out).substr(query + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    // A value that is a URL could hold user:password@ or a query of its own, encoded or not.
    const bool is_plain = pair.find_first_of("@?") == std::string_view::npos &&
                          pair.find("%40") == std::string_view::npos &&
                          pair.find("%3f") == std::string_view::npos &&
                          pair.find("%3F") == std::string_view::npos;
    if (is_plain && may_be_shown(pair)) {
      kept += (kept.empty() ? '?' : '&');
      kept += pair;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out.substr(0, query) + kept;
}

}  // namespace runlog
