// When a file was made, according to its file system.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace runlog {

struct FileTimes {
  std::int64_t born_ns = 0;
  std::int64_t modified_ns = 0;
};
/// Nothing where the file system does not keep it, or the file cannot be looked at.
[[nodiscard]] std::optional<FileTimes> file_times(const std::filesystem::path& path) noexcept;

}  // namespace runlog
