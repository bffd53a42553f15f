#include "platform/random.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <span>

#include "base/utc_time.hpp"

namespace runlog {
namespace {

void fill_random(std::span<std::uint8_t> bytes) noexcept {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::getrandom(bytes.data() + done, bytes.size() - done, 0);
    if (got > 0) {
      done += static_cast<std::size_t>(got);
    } else if (got < 0 && errno != EINTR) {
      break;  // A kernel before 3.17, or a filter that forbids it: fall back below.
    }
  }
  // Time, pid and an address are poor but distinct between processes; better than refusing to
  // start.
  for (; done < bytes.size(); ++done) {
    const auto ticks = std::chrono::steady_clock::now().time_since_epoch().count();
    const auto mixed = static_cast<std::uint64_t>(ticks) * 0x9E3779B97F4A7C15u +
                       static_cast<std::uint64_t>(::getpid()) * (done + 1);
    bytes[done] = static_cast<std::uint8_t>(mixed >> 40);
  }
}

}  // namespace

Session make_session() noexcept {
  Session session;
  fill_random(session.bytes);
  return session;
}

std::string make_run_id(std::int64_t unix_ns) {
  const std::tm utc = utc_time(unix_ns / 1'000'000'000);
  std::array<std::uint8_t, 3> tail{};
  fill_random(tail);
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), "%04d%02d%02d-%02d%02d%02d-", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return text.data() + to_hex(tail);
}

}  // namespace runlog
