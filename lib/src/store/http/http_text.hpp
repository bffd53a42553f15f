// What can be said of URLs and header lines without libcurl.
#pragma once

#include <string>
#include <string_view>

namespace runlog {

/// http(s)://127.x.x.x, localhost or [::1], with or without a port, and nothing in front.
[[nodiscard]] bool is_loopback(std::string_view url) noexcept;

/// For messages: queries hold signatures, user information holds passwords.
[[nodiscard]] std::string without_query(std::string_view url);

/// Without blanks and line ends around it.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

/// libcurl's words without " after 12 ms": what stays the same can be told once.
[[nodiscard]] std::string without_milliseconds(std::string text);

[[nodiscard]] bool has_line_break(std::string_view text) noexcept;

}  // namespace runlog
