#include "moment.hpp"

#include <charconv>
#include <chrono>
#include <cmath>

#include "cli/units.hpp"

namespace runlog::tools {
namespace {

// Takes exactly `digits` digits from the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return {};
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return {};
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int64_t> take_fraction_ns(std::string_view& text) {
  std::int64_t ns = 0;
  std::int64_t unit = kSecond_ns / 10;
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    ns += (text[digits] - '0') * unit;
    unit /= 10;
    ++digits;
  }
  if (digits == 0) return {};
  text.remove_prefix(digits);
  return ns;
}

std::optional<std::int64_t> take_offset_seconds(std::string_view& text) {
  if (text.empty() || take(text, 'Z') || take(text, 'z')) return 0;
  const bool is_west = text.front() == '-';
  if (!take(text, '+') && !take(text, '-')) return {};
  const auto hours = take_number(text, 2);
  take(text, ':');
  const auto minutes = take_number(text, 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return {};
  const std::int64_t seconds = *hours * 3600 + *minutes * 60;
  return is_west ? -seconds : seconds;
}

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const auto y = take_number(text, 4);
  const bool has_dash = take(text, '-');
  const auto m = take_number(text, 2);
  if (!take(text, '-') || !has_dash) return {};
  const auto d = take_number(text, 2);
  if (!y || !m || !d) return {};
  const year_month_day date =
      year(*y) / month(static_cast<unsigned>(*m)) / day(static_cast<unsigned>(*d));
  if (!date.ok() || *y < 1678 || *y > 2261) return {};  // what 64 bits of nanoseconds can hold
  std::int64_t seconds = sys_days(date).time_since_epoch().count() * std::int64_t{86400};
  std::int64_t fraction_ns = 0;
  if (text.empty()) return seconds * kSecond_ns;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return {};
  const auto hour = take_number(text, 2);
  if (!take(text, ':')) return {};
  const auto minute = take_number(text, 2);
  if (!hour || !minute || *hour > 23 || *minute > 59) return {};
  seconds += *hour * 3600 + *minute * 60;
  if (take(text, ':')) {
    const auto second = take_number(text, 2);
    if (!second || *second > 60) return {};
    seconds += *second;
    if (take(text, '.')) {
      const auto ns = take_fraction_ns(text);
      if (!ns) return {};
      fraction_ns = *ns;
    }
  }
  const auto offset = take_offset_seconds(text);
  if (!offset || !text.empty()) return {};
  return (seconds - *offset) * kSecond_ns + fraction_ns;
}

}  // namespace

std::int64_t now_unix_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_ns) {
  std::int64_t whole = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (end.ec == std::errc{} && end.ptr == text.data() + text.size()) return whole;
  double amount = 0;
  const auto number = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (number.ec == std::errc{} && number.ptr + 1 == text.data() + text.size() && amount >= 0) {
    double seconds = 0;
    switch (*number.ptr) {
      case 's':
        seconds = 1;
        break;
      case 'm':
        seconds = 60;
        break;
      case 'h':
        seconds = 3600;
        break;
      case 'd':
        seconds = 86400;
        break;
      case 'w':
        seconds = 7 * 86400;
        break;
      default:
        return {};
    }
    const double ago_ns = amount * seconds * static_cast<double>(kSecond_ns);
    if (!(ago_ns < 9e18)) return {};
    return now_ns - static_cast<std::int64_t>(ago_ns);
  }
  return parse_rfc3339(text);
}

}  // namespace runlog::tools
