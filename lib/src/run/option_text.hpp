// The text of an option: of a RUNLOG_* variable, and of a setting of the C interface.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runlog/options.hpp"

namespace runlog {

/// Longer durations of a run are this one, which is for ever: added to the time of day they could
/// overflow.
inline constexpr std::chrono::milliseconds kDuration_max = std::chrono::hours(24 * 365);
/// Larger sizes of a run are this one: there is no such disk, and 64 bits hold sums of some.
inline constexpr std::uint64_t kSize_bytes_max = 1ull << 60;

/// The value that all of `text` says; empty: it says none. For bool, std::int64_t, std::uint64_t (a
/// size: "16MiB"), std::chrono::milliseconds ("1.5s", a bare number is seconds) and the policies.
template <typename T>
[[nodiscard]] std::optional<T> parse_option(std::string_view text);

/// What the text of such a value must be, for messages: "a whole number".
template <typename T>
[[nodiscard]] std::string option_form();

/// A parameter as text is an integer or a real if all of it reads as one.
[[nodiscard]] Value guess_value(const std::string& text);

/// "name=value", split at the first '='; empty: there is none, or no name.
[[nodiscard]] std::optional<std::pair<std::string, std::string>> parse_pair(std::string_view text);

}  // namespace runlog
