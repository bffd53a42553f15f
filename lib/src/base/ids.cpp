#include "base/ids.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "base/utc_time.hpp"

namespace runlog {
namespace {

constexpr std::size_t kId_bytes_max = 128;

bool is_id_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

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

std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15u];
  }
  return text;
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

bool is_valid_id(std::string_view id) noexcept {
  if (id.empty() || id.size() > kId_bytes_max || id[0] == '.' || id[0] == '_') return false;
  for (const char c : id) {
    if (!is_id_character(c)) return false;
  }
  return true;
}

std::string child_id(std::string_view parent, std::string_view name) {
  constexpr std::size_t kTail_bytes = 9;
  const std::string meant = std::string(parent) + "." + std::string(name);
  std::string id = name.empty() ? meant + "unnamed" : meant;
  for (std::size_t i = parent.size() + 1; i < id.size(); ++i) {
    if (!is_id_character(id[i]) || id[i] == '.') id[i] = '-';
  }
  if (id == meant && id.size() <= kId_bytes_max) return id;
  std::array<char, kTail_bytes + 1> tail{};
  std::snprintf(tail.data(), tail.size(), "-%08x", crc32c(as_bytes(meant)));
  id.resize(std::min(id.size(), kId_bytes_max - kTail_bytes));
  return id + tail.data();
}

std::string mend_id(std::string_view id) {
  std::string mended(id.substr(0, kId_bytes_max));
  for (char& c : mended) {
    if (!is_id_character(c)) c = '-';
  }
  if (mended.empty()) mended = "-";
  if (mended[0] == '.' || mended[0] == '_') mended[0] = '-';
  return mended;
}

}  // namespace runlog
