// Whose: what of find_journals()'s `others` is told to who has asked for it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace runlog {

struct LeftAlone {
  std::uint32_t owner = 0;  ///< the number of the user
  /// Its owner leaves it alone, too, as others could have exchanged it, and this user is that
  /// owner, or that of its run: nobody else tells.
  bool is_nobodys = false;
  std::string why = {};  ///< and what to do
};

/// Nothing: it is gone. `program`: what is to be run by its owner. Looks at names alone.
[[nodiscard]] std::optional<LeftAlone> left_alone(const std::filesystem::path& path,
                                                  std::string_view program);

}  // namespace runlog
