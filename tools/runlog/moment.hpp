// Moments on the command line: "2026-11-22T17:00:00Z", "10m" (ago), or nanoseconds since 1970.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace runlog::tools {

std::int64_t now_unix_ns();

/// RFC 3339 (a date alone is midnight UTC; no offset means UTC), a number with s, m, h, d or w
/// (that long before `now_ns`), or a bare number: ns since 1970. Nothing for anything else.
std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_ns);

}  // namespace runlog::tools
