// DiskRoom: what a journal takes of the disk beside its segments, and what of it can go. Counts are
// taken from the directory and not summed up: others remove files too (`runlog clean`), and a
// difference that was missed once would be missed for ever.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "journal/journal_dir.hpp"

namespace runlog {

class DiskRoom {
 public:
  /// `artifact_budget`: of artifacts that wait and copies of those that the store has, in bytes.
  DiskRoom(JournalDir directory, std::uint64_t artifact_budget);

  /// Counts anew what has changed since the last look: four system calls where nothing has, one
  /// more for each file else. Any thread.
  void look() noexcept;

  /// Packs that wait, kept copies of packs, and originals in torn/. As of the last look.
  [[nodiscard]] std::uint64_t pack_bytes() const noexcept;
  /// Artifacts that wait, and kept copies. As of the last look.
  [[nodiscard]] std::uint64_t artifact_bytes() const noexcept;
  /// A pack was made: it counts until the next look does it.
  void add_pack(std::uint64_t bytes) noexcept {
    extra_pack_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }

  enum class Copies : std::uint8_t { packs, artifacts, all };
  /// Removes copies of what the store has acknowledged, the oldest first, until they had `wanted`
  /// bytes or none is left. Returns how many they had. Any thread.
  std::uint64_t drop_copies(std::uint64_t wanted, Copies which) noexcept;

  /// The same on a full disk: first this journal's copies, then those of the others of this owner
  /// below the root, live or dead. Finding none there it looks again after half a minute.
  std::uint64_t drop_copies_below_root(std::uint64_t wanted) noexcept;

  /// Whether what becomes free on a full disk is for packs alone, which free more than they take:
  /// neither segments nor artifacts are begun. Any thread.
  void keep_for_packs(bool keeps) noexcept {
    is_for_packs_.store(keeps, std::memory_order_relaxed);
  }
  [[nodiscard]] bool is_for_packs() const noexcept {
    return is_for_packs_.load(std::memory_order_relaxed);
  }

  /// Room for an artifact of `bytes` within the budget; copies of artifacts go for it. Errors:
  /// no_space.
  Result<void> check_artifact(std::uint64_t bytes, const std::filesystem::path& source);

 private:
  // One directory of the journal, as it was at the last look. Guarded by mutex_, but for the sums.
  struct Part {
    std::int64_t mtime_ns = -1;  // -1: look again
    std::atomic<std::uint64_t> pack_bytes = 0;
    std::atomic<std::uint64_t> artifact_bytes = 0;
  };
  void look_at(Part& part, const std::filesystem::path& path);
  void look_at_all();
  std::uint64_t drop_some(std::uint64_t wanted, Copies which);
  std::uint64_t drop_others(std::uint64_t wanted);

  const JournalDir directory_;
  const std::uint64_t artifact_budget_;
  std::mutex mutex_;
  std::array<Part, 4> parts_;  // packs/, shipped/, blobs/, torn/
  std::chrono::steady_clock::time_point next_look_at_others_ = {};
  std::atomic<std::uint64_t> extra_pack_bytes_ = 0;
  std::atomic<bool> is_for_packs_ = false;
};

}  // namespace runlog
