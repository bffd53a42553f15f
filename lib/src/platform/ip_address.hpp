// IP addresses in text, read as the system reads them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace runlog {

/// "127.0.0.1" and nothing shorter, in the host's order.
[[nodiscard]] std::optional<std::uint32_t> parse_ipv4(std::string_view text) noexcept;
/// Without brackets, in network order.
[[nodiscard]] std::optional<std::array<std::uint8_t, 16>> parse_ipv6(
    std::string_view text) noexcept;

}  // namespace runlog
