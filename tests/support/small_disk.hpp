// A disk that fills: a tmpfs of a few MiB. Needs the right to mount; is_mounted() tells.
#pragma once

#include <filesystem>
#include <string>

namespace test {

class SmallDisk {
 public:
  SmallDisk(const std::filesystem::path& where, const std::string& size);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  [[nodiscard]] bool is_mounted() const noexcept { return is_mounted_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// As fill_disk() and free_disk() do.
  void fill(std::size_t leave_bytes);
  void free_space();
  bool remount(bool read_only);

 private:
  std::filesystem::path path_;
  bool is_mounted_ = false;
};

/// Fills what is free below a directory, but for `leave_bytes`, with one file; free_disk() removes
/// it.
void fill_disk(const std::filesystem::path& directory, std::size_t leave_bytes);
void free_disk(const std::filesystem::path& directory);

}  // namespace test
