#include "platform/ip_address.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace runlog {
namespace {

template <typename Address, std::size_t kText_bytes>
bool parse(int family, std::string_view text, Address& address) noexcept {
  std::array<char, kText_bytes> zero_ended{};
  if (text.size() >= zero_ended.size()) return false;
  std::copy(text.begin(), text.end(), zero_ended.begin());
  return ::inet_pton(family, zero_ended.data(), &address) == 1;
}

}  // namespace

std::optional<std::uint32_t> parse_ipv4(std::string_view text) noexcept {
  in_addr address{};
  if (!parse<in_addr, INET_ADDRSTRLEN>(AF_INET, text, address)) return {};
  return ntohl(address.s_addr);
}

std::optional<std::array<std::uint8_t, 16>> parse_ipv6(std::string_view text) noexcept {
  std::array<std::uint8_t, 16> address{};
  if (!parse<std::array<std::uint8_t, 16>, INET6_ADDRSTRLEN>(AF_INET6, text, address)) return {};
  return address;
}

}  // namespace runlog
