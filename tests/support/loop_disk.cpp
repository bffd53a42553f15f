#include "support/loop_disk.hpp"

#include <fstream>
#include <vector>

#include "support/process.hpp"

namespace test {
namespace {

constexpr std::size_t kImage_bytes = 320u << 20;  // XFS asks for 300 MiB; the file has holes
// btrfs may answer that the quota is exceeded when it is to be raised, while a commit is under way.
constexpr int kAttempts = 100;

bool run(const std::vector<std::string>& command) {
  return std::filesystem::exists(command.front()) && run_command(command).first.code == 0;
}

}  // namespace

LoopDisk::LoopDisk(const std::filesystem::path& place, const std::string& kind)
    : image_(place / "image"), path_(place / "disk") {
  std::filesystem::create_directory(path_);
  std::ofstream(image_).close();
  std::filesystem::resize_file(image_, kImage_bytes);
  is_mounted_ = run({"/usr/sbin/mkfs." + kind, "-q", image_}) &&
                run({"/usr/bin/mount", "-o", "loop", image_, path_});
}

LoopDisk::~LoopDisk() {
  if (is_mounted_) (void)run({"/usr/bin/umount", "-d", path_});
}

bool LoopDisk::abort() {
  return run({"/usr/bin/mount", "-o", "remount,abort", path_});
}

bool LoopDisk::make_limited(const std::string& name, const std::string& limit_bytes) {
  return run({"/usr/bin/btrfs", "quota", "enable", path_}) &&
         run({"/usr/bin/btrfs", "subvolume", "create", path_ / name}) && limit(name, limit_bytes);
}

bool LoopDisk::limit(const std::string& name, const std::string& limit_bytes) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (run({"/usr/bin/btrfs", "qgroup", "limit", limit_bytes, path_ / name})) return true;
  }
  return false;
}

}  // namespace test
