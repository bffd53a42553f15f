// The calendar, without gmtime_r and timegm: these take the time zone's lock. A child that is
// forked while another thread of its parent holds that lock would wait for ever.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace runlog {

/// The fields of UTC, tm_yday apart.
[[nodiscard]] inline std::tm utc_time(std::int64_t unix_seconds) noexcept {
  const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::tm fields{};
  fields.tm_year = static_cast<int>(date.year()) - 1900;
  fields.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  fields.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
  fields.tm_wday = static_cast<int>(std::chrono::weekday(day).c_encoding());
  fields.tm_hour = static_cast<int>(clock.hours().count());
  fields.tm_min = static_cast<int>(clock.minutes().count());
  fields.tm_sec = static_cast<int>(clock.seconds().count());
  return fields;
}

}  // namespace runlog
