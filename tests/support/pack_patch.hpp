// A pack whose footer says something else and is sound all the same: as another writer could have
// made it.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/crc32.hpp"

namespace test {

/// Replaces the last `from` in the footer, which must be there, by `to`, of the same length, and
/// mends the checksum.
inline bool patch_footer(std::string& pack, std::string_view from, std::string_view to) {
  if (pack.size() < 12 || from.size() != to.size()) return false;
  const std::size_t size =
      runlog::load<std::uint32_t>(runlog::as_bytes(pack).data() + pack.size() - 8);
  const std::size_t begin = pack.size() - 8 - size;
  const std::size_t at = pack.rfind(from);
  if (at == std::string::npos || at < begin) return false;
  pack.replace(at, to.size(), to);
  constexpr std::string_view kKey = "runlog.footer_crc32";
  const std::size_t end = pack.rfind(kKey) + kKey.size();
  std::array<char, 9> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x",
                runlog::crc32(runlog::as_bytes(std::string_view(pack).substr(begin, end - begin))));
  pack.replace(end + 2, 8, digits.data(), 8);  // behind the value's field and length
  return true;
}

inline bool patch_footer(const std::filesystem::path& path, std::string_view from,
                         std::string_view to) {
  std::ifstream in(path, std::ios::binary);
  std::string pack{std::istreambuf_iterator<char>(in), {}};
  if (!patch_footer(pack, from, to)) return false;
  std::ofstream(path, std::ios::binary | std::ios::trunc) << pack;
  return true;
}

/// As an earlier version wrote it.
template <typename Pack>
bool remove_summary(Pack&& pack) {
  return patch_footer(pack, "runlog.summary", "runlog.no_such");
}

}  // namespace test
