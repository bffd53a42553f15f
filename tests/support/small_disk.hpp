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
  /// Fills what is free, but for `leave_bytes`, with one file; free_space() removes it.
  void fill(std::size_t leave_bytes);
  void free_space();
  bool remount(bool read_only);

 private:
  std::filesystem::path path_;
  bool is_mounted_ = false;
};

}  // namespace test
