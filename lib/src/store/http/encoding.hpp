// The encodings requests are made of: percent-encoding, query strings, dates; base64 and
// MACs are base/crypto's. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crypto.hpp"

namespace runlog {

/// RFC 3986: everything but A–Z a–z 0–9 - . _ ~ becomes %XX; `keep_slash` leaves '/' as it is.
[[nodiscard]] std::string percent_encode(std::string_view text, bool keep_slash);
/// Nothing when a '%' is not followed by two hex digits.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text,
                                                        bool plus_is_space = false);

/// Not yet encoded.
using Query = std::vector<std::pair<std::string, std::string>>;
/// Encoded, sorted by encoded name, "k=" for an empty value: what SigV4 signs, and good as a URL's.
[[nodiscard]] std::string canonical_query(const Query& query);

using WallTime = std::chrono::system_clock::time_point;
/// "20130524T000000Z".
[[nodiscard]] std::string basic_date(WallTime time);
/// "Fri, 24 May 2013 00:00:00 GMT", whatever the locale.
[[nodiscard]] std::string http_date(WallTime time);
/// The same read back; nothing for any other form.
[[nodiscard]] std::optional<WallTime> parse_http_date(std::string_view text);

[[nodiscard]] std::string sha256_hex(std::string_view text);
/// Lower-case hex of `bytes`.
[[nodiscard]] std::string hex(std::string_view bytes);
/// Overwrites `text` so that the optimiser cannot leave it out.
void wipe(std::string& text) noexcept;

}  // namespace runlog
