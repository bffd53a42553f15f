// Numbers and times as people read them. Times are UTC in RFC 3339, because ranks and readers sit
// in different time zones and a log line must mean the same to all of them.
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

namespace runlog::tools {

inline constexpr std::int64_t kSecond_ns = 1'000'000'000;

/// "2026-11-22T17:47:38.123Z"; `digits` of the second's fraction, 0–9.
inline void append_time(std::string& out, std::int64_t unix_ns, int digits = 3) {
  std::int64_t seconds = unix_ns / kSecond_ns;
  std::int64_t fraction_ns = unix_ns % kSecond_ns;
  if (fraction_ns < 0) {
    fraction_ns += kSecond_ns;
    --seconds;
  }
  const std::time_t when = seconds;
  std::tm parts = {};
  gmtime_r(&when, &parts);
  std::array<char, 40> text = {};
  out.append(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts));
  if (digits > 0) {
    out += '.';
    std::int64_t unit = kSecond_ns / 10;
    for (int i = 0; i < digits; ++i, unit /= 10) {
      out += static_cast<char>('0' + fraction_ns / unit % 10);
    }
  }
  out += 'Z';
}

/// The time to the second, or "-" for 0 (no record).
inline std::string short_time(std::int64_t unix_ns) {
  if (unix_ns == 0) return "-";
  std::string out;
  append_time(out, unix_ns, 0);
  return out;
}

/// The shortest decimal that reads back as the same double; "NaN", "Infinity", "-Infinity".
inline void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "Infinity" : "-Infinity";
  } else {
    // 0.0003 rather than 3e-04, though it is a digit longer.
    const double size = std::abs(value);
    std::array<char, 40> text = {};
    const auto end =
        size >= 1e-5 && size < 1e16
            ? std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed)
            : std::to_chars(text.data(), text.data() + text.size(), value);
    out.append(text.data(), end.ptr);
  }
}

inline void append_number(std::string& out, std::int64_t value) {
  std::array<char, 24> text = {};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), end.ptr);
}

/// At most `digits` significant digits: for tables and axes, not for data.
inline std::string short_number(double value, int digits = 6) {
  std::string out;
  if (!std::isfinite(value)) {
    append_number(out, value);
    return out;
  }
  std::array<char, 40> text = {};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::general, digits);
  out.append(text.data(), end.ptr);
  return out;
}

/// "812 B", "4.0 KiB", "1.2 GiB".
inline std::string short_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double amount = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (amount >= 1023.95 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  std::array<char, 40> text = {};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), amount, std::chars_format::fixed, 1);
  return std::string(text.data(), end.ptr) + " " + kUnits[unit];
}

/// "17 s", "4m 05s", "3h 12m", "2d 07h".
inline std::string short_duration(std::int64_t ns) {
  const std::int64_t seconds = ns / kSecond_ns;
  const auto two = [](std::int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m " + two(seconds % 60) + "s";
  if (seconds < 86400) {
    return std::to_string(seconds / 3600) + "h " + two(seconds / 60 % 60) + "m";
  }
  return std::to_string(seconds / 86400) + "d " + two(seconds / 3600 % 24) + "h";
}

/// "1 record", "12 records".
inline std::string counted(std::uint64_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

inline std::string step_text(const std::optional<std::int64_t>& step) {
  return step ? std::to_string(*step) : "-";
}

}  // namespace runlog::tools
