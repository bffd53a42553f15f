// What credentials are read from has these in common: short texts from outside, to be trimmed,
// checked and dated. None of the messages made here holds any of the text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/json_read.hpp"
#include "runlog/result.hpp"
#include "store/credentials/credentials.hpp"
#include "store/http/peer_limits.hpp"

namespace runlog {

/// What a source of credentials answers when it is set up and of no use: invalid_argument, and the
/// search ends with it.
[[nodiscard]] Error unusable_credentials(std::string words);
/// And when it has none: not_found, and the next source is asked.
[[nodiscard]] Error no_credentials(std::string words);

[[nodiscard]] std::string_view trim_blanks(std::string_view text) noexcept;
[[nodiscard]] bool has_control_character(std::string_view text) noexcept;
/// Whether all of `key` may go into headers.
[[nodiscard]] bool is_printable(const AccessKey& key) noexcept;
[[nodiscard]] std::string to_lower(std::string_view text);

/// A code a server gave, fit for a message: its letters, digits, '.', '_' and '-', at most 64.
/// Codes only: a server's sentence could repeat what it was sent.
[[nodiscard]] std::string clean_code(std::string_view code);

/// "2026-11-22T10:00:00Z", also with a fraction or an offset. Nothing for any other form. A time
/// before 1970 or after kPeer_year_max is the first or last one between them.
[[nodiscard]] std::optional<WallClock::time_point> parse_iso_time(std::string_view text);

/// A token kept in a file, without the white space around it. Read anew each time: whoever mounted
/// it replaces it. `named_by` is the variable for the message. Errors: invalid_argument.
Result<Secret> read_token_file(const std::filesystem::path& path, std::string_view named_by);

/// The whole file, for parsers; empty when there is none, or it is /dev/null. The caller wipes it.
/// Errors: invalid_argument when it is there and cannot be read, or is too large.
Result<std::string> read_optional_file(const std::filesystem::path& path);

/// What a helper or an endpoint, `from`, answered in JSON. Errors: invalid_argument, or io without
/// memory.
Result<JsonText> read_credential_json(std::string_view text, const std::string& from);

}  // namespace runlog
