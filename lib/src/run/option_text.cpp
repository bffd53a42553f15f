#include "run/option_text.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>

namespace runlog {
namespace {

using std::chrono::milliseconds;

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return {};
  return value;
}

// "250ms", "1.5s", "2m", "1h"; a bare number is seconds.
std::optional<milliseconds> parse_duration(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || !(value >= 0)) return {};  // nor NaN
  const std::string_view unit(parsed.ptr,
                              static_cast<std::size_t>(text.data() + text.size() - parsed.ptr));
  double scale = 0;
  if (unit == "ms") scale = 1;
  if (unit == "s" || unit.empty()) scale = 1e3;
  if (unit == "m" || unit == "min") scale = 60e3;
  if (unit == "h") scale = 3600e3;
  if (scale == 0) return {};
  constexpr double kMilliseconds_max = 1e12;  // some thirty years; more is a slip of the hand
  if (value * scale > kMilliseconds_max) return {};
  return milliseconds(static_cast<std::int64_t>(value * scale));
}

// "1048576", "64KiB", "16MiB", "1GiB" (K, M, G and KB, MB, GB mean the same powers of 1024).
std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return {};
  std::string_view unit(parsed.ptr,
                        static_cast<std::size_t>(text.data() + text.size() - parsed.ptr));
  int shift = 0;
  if (!unit.empty() && unit != "B") {
    if (unit[0] == 'K') shift = 10;
    if (unit[0] == 'M') shift = 20;
    if (unit[0] == 'G') shift = 30;
    unit.remove_prefix(1);
    if (shift == 0 || !(unit.empty() || unit == "B" || unit == "iB")) return {};
  }
  if (value > (UINT64_MAX >> shift)) return {};
  return value << shift;
}

std::optional<bool> parse_bool(std::string_view text) {
  if (text == "1" || text == "true" || text == "on" || text == "yes") return true;
  if (text == "0" || text == "false" || text == "off" || text == "no") return false;
  return {};
}

// Of a policy: the text of each value; empty: there is no such value. They count up from 0, so that
// parse_policy() finds all that the compiler makes us name here.
constexpr std::string_view name_of(Sync sync) {
  switch (sync) {
    case Sync::never:
      return "never";
    case Sync::interval:
      return "interval";
    case Sync::each_record:
      return "each_record";
  }
  return {};
}

constexpr std::string_view name_of(Overflow overflow) {
  switch (overflow) {
    case Overflow::drop_newest_counted:
      return "drop_newest_counted";
    case Overflow::block:
      return "block";
    case Overflow::drop_oldest_packed:
      return "drop_oldest_packed";
  }
  return {};
}

constexpr std::string_view name_of(Resume resume) {
  switch (resume) {
    case Resume::never:
      return "never";
    case Resume::allow:
      return "allow";
    case Resume::must:
      return "must";
  }
  return {};
}

constexpr std::string_view name_of(Share share) {
  switch (share) {
    case Share::none:
      return "none";
    case Share::group:
      return "group";
  }
  return {};
}

template <typename Policy>
std::optional<Policy> parse_policy(std::string_view text) {
  for (std::uint8_t i = 0; !name_of(Policy{i}).empty(); ++i) {
    if (name_of(Policy{i}) == text) return Policy{i};
  }
  return {};
}

// "never, interval or each_record".
template <typename Policy>
std::string list_policies() {
  std::string names;
  for (std::uint8_t i = 0; !name_of(Policy{i}).empty(); ++i) {
    const bool is_last = name_of(Policy{static_cast<std::uint8_t>(i + 1)}).empty();
    if (i > 0) names += is_last ? " or " : ", ";
    names += name_of(Policy{i});
  }
  return names;
}

}  // namespace

template <>
std::optional<bool> parse_option(std::string_view text) {
  return parse_bool(text);
}
template <>
std::string option_form<bool>() {
  return "0 or 1";
}

template <>
std::optional<std::int64_t> parse_option(std::string_view text) {
  return parse_integer(text);
}
template <>
std::string option_form<std::int64_t>() {
  return "a whole number";
}

template <>
std::optional<std::uint64_t> parse_option(std::string_view text) {
  return parse_bytes(text);
}
template <>
std::string option_form<std::uint64_t>() {
  return "a size such as 65536, 16MiB, 1GiB";
}

template <>
std::optional<milliseconds> parse_option(std::string_view text) {
  return parse_duration(text);
}
template <>
std::string option_form<milliseconds>() {
  return "a duration such as 250ms, 1s, 5m";
}

template <>
std::optional<Sync> parse_option(std::string_view text) {
  return parse_policy<Sync>(text);
}
template <>
std::string option_form<Sync>() {
  return list_policies<Sync>();
}

template <>
std::optional<Overflow> parse_option(std::string_view text) {
  return parse_policy<Overflow>(text);
}
template <>
std::string option_form<Overflow>() {
  return list_policies<Overflow>();
}

template <>
std::optional<Resume> parse_option(std::string_view text) {
  return parse_policy<Resume>(text);
}
template <>
std::string option_form<Resume>() {
  return list_policies<Resume>();
}

template <>
std::optional<Share> parse_option(std::string_view text) {
  return parse_policy<Share>(text);
}
template <>
std::string option_form<Share>() {
  return list_policies<Share>();
}

Value guess_value(const std::string& text) {
  if (const auto integer = parse_integer(text)) return *integer;
  double real = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), real);
  if (parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size()) return real;
  return text;
}

std::optional<std::pair<std::string, std::string>> parse_pair(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return {};
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

}  // namespace runlog
