#include "base/ids.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"

namespace runlog {
namespace {

constexpr std::size_t kId_bytes_max = 128;

bool is_id_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

}  // namespace

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
