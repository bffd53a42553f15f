// A file system in a file, mounted: what the kernel does at its limits and after its errors, for
// real. Needs the right to mount; is_mounted() tells.
#pragma once

#include <filesystem>
#include <string>

namespace test {

class LoopDisk {
 public:
  /// `kind`: ext4, xfs or btrfs. Image and mount point are made in `place`.
  LoopDisk(const std::filesystem::path& place, const std::string& kind);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  [[nodiscard]] bool is_mounted() const noexcept { return is_mounted_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// ext4: the kernel turns it read-only under its users, as it does after an I/O error.
  bool abort();
  /// btrfs: a directory with a quota of its own, `path()/name`.
  bool make_limited(const std::string& name, const std::string& limit);
  /// `none` lifts it.
  bool limit(const std::string& name, const std::string& limit);

 private:
  std::filesystem::path image_;
  std::filesystem::path path_;
  bool is_mounted_ = false;
};

}  // namespace test
