#include "store/http/http_text.hpp"

#include <algorithm>
#include <array>

#include "platform/ip_address.hpp"
#include "runlog/shown.hpp"
#include "store/http/http_client.hpp"

namespace runlog {
namespace {

constexpr std::uint32_t kLoopback_net = 127;

// What follows "scheme://" up to the path.
std::string_view authority_of(std::string_view url) noexcept {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, std::min(url.find_first_of("/?#"), url.size()));
}

}  // namespace

bool is_loopback(std::string_view url) noexcept {
  std::string_view host = authority_of(url);
  if (host.find('@') != std::string_view::npos) return false;
  if (host.starts_with("[::1]")) {
    host.remove_prefix(5);
    return host.empty() || host.starts_with(':');
  }
  host = host.substr(0, std::min(host.find(':'), host.size()));
  if (host == "localhost") return true;
  const auto address = parse_ipv4(host);
  return address && (*address >> 24) == kLoopback_net;
}

std::string without_query(std::string_view url) {
  std::string out = without_secrets(url);
  out.resize(std::min(out.find_first_of("?#"), out.size()));
  return out;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && std::string_view(" \t\r\n").find(text.front()) != std::string_view::npos)
    text.remove_prefix(1);
  while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  return text;
}

std::string without_milliseconds(std::string text) {
  constexpr std::string_view kAfter = " after ";
  constexpr std::string_view kUnit = " ms";
  const std::size_t begin = text.find(kAfter);
  if (begin == std::string::npos) return text;
  const std::size_t end = text.find_first_not_of("0123456789", begin + kAfter.size());
  if (end == std::string::npos || text.compare(end, kUnit.size(), kUnit) != 0) return text;
  text.erase(begin, end + kUnit.size() - begin);
  return text;
}

bool has_line_break(std::string_view text) noexcept {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

std::string_view HttpResponse::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

bool may_carry_secrets(std::string_view url) noexcept {
  return url.starts_with("https://") || (url.starts_with("http://") && is_loopback(url));
}

}  // namespace runlog
