#include "ship/expected_packs.hpp"

#include <algorithm>
#include <new>
#include <string>

#include "platform/directories.hpp"

namespace runlog {

void ExpectedPacks::expect(std::uint32_t pack, std::uint64_t records) noexcept {
  try {
    const std::size_t home = home_.times_revived();
    const auto folder = stat_file(directory_.packs());
    if (!folder) return;
    const std::lock_guard lock(mutex_);
    expected_[pack] = {records, folder->device, folder->inode, home};
  } catch (const std::bad_alloc&) {
    // Then nobody misses it while the job lives.
  }
}

void ExpectedPacks::sends(std::optional<std::uint32_t> pack) {
  const std::lock_guard lock(mutex_);
  sending_ = pack ? std::int64_t{*pack} : kNo_pack;
}

void ExpectedPacks::arrived(std::uint32_t pack) {
  const std::lock_guard lock(mutex_);
  expected_.erase(pack);
  in_doubt_.erase(pack);
}

void ExpectedPacks::doubt(std::uint32_t pack) {
  const std::lock_guard lock(mutex_);
  in_doubt_.insert(pack);
}

std::vector<ExpectedPacks::Missing> ExpectedPacks::missing() {
  std::vector<Missing> all;
  {
    const std::lock_guard lock(mutex_);
    if (expected_.empty()) return all;
  }
  const std::filesystem::path packs = directory_.packs();
  const auto folder = stat_file(packs);
  const auto names = list_directory(packs);
  if (!folder || !names) return all;
  const std::lock_guard lock(mutex_);
  const auto is_elsewhere = [&](const Expected& one) {
    return one.device != folder->device || one.inode != folder->inode;
  };
  std::erase_if(expected_, [&](const auto& one) {
    return is_elsewhere(one.second) && !home_.was_removed(one.second.home);
  });
  for (const auto& [number, expected] : expected_) {
    if (is_elsewhere(expected)) {
      all.push_back({number, expected.records});
      continue;
    }
    const std::string name = numbered_name(number, kPack_suffix);
    const bool is_listed = std::binary_search(names->begin(), names->end(), name);
    if (!is_listed && is_absent(packs / name)) all.push_back({number, expected.records});
  }
  return all;
}

}  // namespace runlog
