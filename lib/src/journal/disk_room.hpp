// DiskRoom: how much of the disk a journal takes beside its segments, and which files may be
// removed. It reads the directory instead of keeping sums: other programs remove files too (`runlog
// clean`), and a sum that is wrong once stays wrong.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>
#include <utility>

#include "journal/journal_dir.hpp"
#include "runlog/result.hpp"

namespace runlog {

class DiskRoom;

/// Room set aside for one artifact on its way into blobs/, so that others that are staged beside it
/// see it taken. Given back when this goes, or when the artifact gets its name and counts by
/// itself.
class ArtifactRoom {
 public:
  ArtifactRoom(ArtifactRoom&& other) noexcept
      : room_(std::exchange(other.room_, nullptr)), bytes_(other.bytes_) {}
  ArtifactRoom& operator=(ArtifactRoom&&) = delete;
  ~ArtifactRoom();

  /// Runs `rename`, which gives the artifact its name. At no moment it counts twice, or not at all.
  Result<void> publish(const std::function<Result<void>()>& rename);

 private:
  friend class DiskRoom;
  ArtifactRoom(DiskRoom& room, std::uint64_t bytes) noexcept : room_(&room), bytes_(bytes) {}
  DiskRoom* room_;  // null: given back
  std::uint64_t bytes_;
};

class DiskRoom {
 public:
  /// `artifact_budget`: of artifacts that wait and copies of those that the store has, in bytes.
  DiskRoom(JournalDir directory, std::uint64_t artifact_budget);

  /// Counts anew what has changed since the last look: four system calls where nothing has, one
  /// more for each file else. Any thread.
  void look() noexcept;

  /// Packs that wait, kept copies of packs, and originals in torn/. As of the last look.
  [[nodiscard]] std::uint64_t pack_bytes() const noexcept;
  /// Artifacts that wait or are just being staged, and kept copies. As of the last look.
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

  /// Room for an artifact of `bytes` within the budget; copies of artifacts go for it. `what` names
  /// it in the message. Any thread. Errors: no_space.
  Result<ArtifactRoom> reserve_artifact(std::uint64_t bytes, std::string_view what);

 private:
  friend class ArtifactRoom;
  // One directory of the journal, as it was at the last look. Guarded by mutex_, but for the sums.
  struct Part {
    std::int64_t mtime_ns = -1;  // -1: look again
    std::atomic<std::uint64_t> pack_bytes = 0;
    std::atomic<std::uint64_t> artifact_bytes = 0;
    std::atomic<std::uint64_t> temporary_bytes = 0;  // of artifacts without a name yet
  };
  void look_at(Part& part, const std::filesystem::path& path);
  void look_at_all();
  std::uint64_t drop_some(std::uint64_t wanted, Copies which);
  std::uint64_t drop_others(std::uint64_t wanted);
  [[nodiscard]] std::uint64_t named_artifact_bytes() const noexcept;

  const JournalDir directory_;
  const std::uint64_t artifact_budget_;
  std::mutex mutex_;
  std::array<Part, 4> parts_;  // packs/, blobs/, shipped/, torn/
  std::chrono::steady_clock::time_point next_look_at_others_ = {};
  std::atomic<std::uint64_t> extra_pack_bytes_ = 0;
  // Of artifacts named since the last look. Guarded by mutex_ for who changes it.
  std::atomic<std::uint64_t> extra_artifact_bytes_ = 0;
  std::uint64_t reserved_bytes_ = 0;  // guarded by mutex_
  std::atomic<bool> is_for_packs_ = false;
};

}  // namespace runlog
