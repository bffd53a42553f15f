#include "store/http/http_proxy.hpp"

#include <algorithm>
#include <charconv>

#include "platform/process.hpp"

namespace runlog {
namespace {

// libcurl's, where the variable has none.
constexpr std::uint16_t kPort = 1080;
constexpr std::uint16_t kTls_port = 443;

}  // namespace

std::optional<HttpProxy> read_proxy(std::string variable, std::string_view text) {
  HttpProxy proxy{.variable = std::move(variable), .port = kPort};
  std::string_view rest = text;
  std::string_view scheme = "http://";
  if (const std::size_t end = rest.find("://"); end != std::string_view::npos) {
    scheme = rest.substr(0, end + 3);
    rest.remove_prefix(end + 3);
  }
  if (scheme == "https://") proxy.port = kTls_port;
  // A password may have any of these in it, up to the last '@'.
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    rest.remove_prefix(at + 1);
  }
  rest = rest.substr(0, std::min(rest.find_first_of("/?#"), rest.size()));
  const std::size_t bracket = rest.rfind(']');
  const std::size_t colon = rest.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  if (has_port) {
    const char* const end = rest.data() + rest.size();
    const auto parsed = std::from_chars(rest.data() + colon + 1, end, proxy.port);
    if (parsed.ec != std::errc() || parsed.ptr != end) return {};
  }
  proxy.host = rest.substr(0, has_port ? colon : rest.size());
  proxy.shown = std::string(scheme) + std::string(rest);
  return proxy;
}

std::optional<HttpProxy> find_proxy(std::string_view url) {
  // Not HTTP_PROXY: a web server may have set it from a header of its client's.
  const bool is_https = url.starts_with("https://");
  for (const char* name : {is_https ? "https_proxy" : "http_proxy", is_https ? "HTTPS_PROXY" : "",
                           "all_proxy", "ALL_PROXY"}) {
    if (const auto text = *name != '\0' ? environment(name) : std::nullopt) {
      return read_proxy(name, *text);
    }
  }
  return {};
}

bool has_port_of(std::string_view url, const HttpProxy& proxy) {
  auto server = read_proxy({}, url);
  if (!server) return true;
  const bool has_port = server->shown.size() > server->shown.find("://") + 3 + server->host.size();
  if (!has_port) server->port = url.starts_with("https://") ? 443 : 80;
  return server->port == proxy.port;
}

}  // namespace runlog
