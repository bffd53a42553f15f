#include "journal/disk_room.hpp"

#include <algorithm>
#include <cassert>
#include <new>
#include <string>
#include <vector>

#include "base/sha256.hpp"
#include "platform/clock.hpp"
#include "platform/directories.hpp"
#include "platform/file_system.hpp"
#include "platform/in_call.hpp"

namespace runlog {
namespace {

/// A directory's time stamp is that of a tick of the kernel. What changed in the tick of the last
/// look may have changed behind it: such a look is not remembered.
constexpr std::int64_t kTick_ns_max = 50'000'000;
constexpr std::chrono::seconds kLook_at_others{30};

bool is_temporary(const std::string& name) {
  return name.starts_with("tmp-");
}

std::uint64_t drop_copies_of(const JournalDir& directory, std::uint64_t wanted,
                             DiskRoom::Copies which) {
  struct Copy {
    std::int64_t mtime_ns;
    std::uint64_t bytes;
    std::filesystem::path path;
  };
  std::vector<Copy> copies;
  for (const std::string& name : names_in_directory(directory.shipped())) {
    const bool is_artifact = is_sha256_hex(name);
    if (!is_artifact && !parse_numbered_name(name, kPack_suffix)) continue;  // end.json stays
    if (is_artifact ? which == DiskRoom::Copies::packs : which == DiskRoom::Copies::artifacts)
      continue;
    std::filesystem::path path = directory.shipped() / name;
    const auto file = stat_file(path);
    if (file) copies.push_back({file->mtime_ns, file->disk_bytes, std::move(path)});
  }
  std::sort(copies.begin(), copies.end(), [](const Copy& a, const Copy& b) {
    return a.mtime_ns != b.mtime_ns ? a.mtime_ns < b.mtime_ns : a.path < b.path;
  });
  std::uint64_t freed = 0;
  for (const Copy& copy : copies) {
    if (freed >= wanted) break;
    if (remove_file(copy.path)) freed += copy.bytes;
  }
  return freed;
}

}  // namespace

ArtifactRoom::~ArtifactRoom() {
  if (room_ == nullptr) return;
  const InCall in_call;
  const std::lock_guard lock(room_->mutex_);
  room_->reserved_bytes_ -= bytes_;
}

Result<void> ArtifactRoom::publish(const std::function<Result<void>()>& rename) {
  assert(room_ != nullptr);
  const std::lock_guard lock(room_->mutex_);
  auto renamed = rename();
  if (!renamed) return renamed;
  room_->extra_artifact_bytes_.fetch_add(bytes_, std::memory_order_relaxed);
  room_->reserved_bytes_ -= bytes_;
  room_ = nullptr;
  return renamed;
}

DiskRoom::DiskRoom(JournalDir directory, std::uint64_t artifact_budget)
    : directory_(std::move(directory)), artifact_budget_(artifact_budget) {}

std::uint64_t DiskRoom::pack_bytes() const noexcept {
  std::uint64_t bytes = extra_pack_bytes_.load(std::memory_order_relaxed);
  for (const Part& part : parts_) bytes += part.pack_bytes.load(std::memory_order_relaxed);
  return bytes;
}

std::uint64_t DiskRoom::named_artifact_bytes() const noexcept {
  std::uint64_t bytes = extra_artifact_bytes_.load(std::memory_order_relaxed);
  for (const Part& part : parts_) bytes += part.artifact_bytes.load(std::memory_order_relaxed);
  return bytes;
}

std::uint64_t DiskRoom::artifact_bytes() const noexcept {
  std::uint64_t bytes = named_artifact_bytes();
  for (const Part& part : parts_) bytes += part.temporary_bytes.load(std::memory_order_relaxed);
  return bytes;
}

void DiskRoom::look() noexcept {
  const InCall in_call;
  try {
    const std::lock_guard lock(mutex_);
    look_at_all();
  } catch (const std::bad_alloc&) {
    // The counts of the last look stand.
  }
}

void DiskRoom::look_at_all() {
  // shipped/ behind the two that things come from: what moves meanwhile is seen once at least.
  const std::array paths = {directory_.packs(), directory_.blobs(), directory_.shipped(),
                            directory_.torn()};
  const std::uint64_t extra = extra_pack_bytes_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < parts_.size(); ++i) look_at(parts_[i], paths[i]);
  extra_pack_bytes_.fetch_sub(extra, std::memory_order_relaxed);
  extra_artifact_bytes_.store(0, std::memory_order_relaxed);
}

void DiskRoom::look_at(Part& part, const std::filesystem::path& path) {
  const auto info = stat_file(path);
  if (info && part.mtime_ns == info->mtime_ns) return;
  const bool may_change_unseen = !info || realtime_ns() - info->mtime_ns < kTick_ns_max;
  part.mtime_ns = may_change_unseen ? -1 : info->mtime_ns;
  std::uint64_t packs = 0;
  std::uint64_t artifacts = 0;
  std::uint64_t temporaries = 0;
  for (const std::string& name : names_in_directory(path)) {
    const auto file = stat_file(path / name);
    if (!file) continue;
    if (is_sha256_hex(name)) {
      artifacts += file->disk_bytes;
    } else if (is_temporary(name)) {
      temporaries += file->disk_bytes;
    } else {
      packs += file->bytes;
    }
  }
  part.pack_bytes.store(packs, std::memory_order_relaxed);
  part.artifact_bytes.store(artifacts, std::memory_order_relaxed);
  part.temporary_bytes.store(temporaries, std::memory_order_relaxed);
}

std::uint64_t DiskRoom::drop_copies(std::uint64_t wanted, Copies which) noexcept {
  const InCall in_call;
  try {
    const std::lock_guard lock(mutex_);
    return drop_some(wanted, which);
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

std::uint64_t DiskRoom::drop_copies_below_root(std::uint64_t wanted) noexcept {
  const InCall in_call;
  try {
    const std::lock_guard lock(mutex_);
    const std::uint64_t freed = drop_some(wanted, Copies::all);
    if (freed >= wanted || std::chrono::steady_clock::now() < next_look_at_others_) return freed;
    const std::uint64_t others = drop_others(wanted - freed);
    if (others == 0) next_look_at_others_ = std::chrono::steady_clock::now() + kLook_at_others;
    return freed + others;
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

// Those whose copies are the oldest come first.
std::uint64_t DiskRoom::drop_others(std::uint64_t wanted) {
  const std::filesystem::path root = directory_.path().parent_path().parent_path();
  const auto disk = stat_file(root);
  const auto journals = find_journals(root);
  if (!disk || !journals) return 0;
  std::vector<std::pair<std::int64_t, std::filesystem::path>> others;
  for (const std::filesystem::path& path : *journals) {
    if (path == directory_.path() || !is_own_journal(path)) continue;
    const auto shipped = stat_file(JournalDir(path).shipped());
    if (shipped && shipped->device == disk->device) {
      others.emplace_back(shipped->mtime_ns, path);
    }
  }
  std::sort(others.begin(), others.end());
  std::uint64_t freed = 0;
  for (const auto& [time_ns, path] : others) {
    if (freed >= wanted) break;
    freed += drop_copies_of(JournalDir(path), wanted - freed, Copies::all);
  }
  return freed;
}

std::uint64_t DiskRoom::drop_some(std::uint64_t wanted, Copies which) {
  const std::uint64_t freed = drop_copies_of(directory_, wanted, which);
  if (freed > 0) look_at_all();
  return freed;
}

// What was named since the last look only adds to it, and others only remove: while it fits without
// a look, it fits.
Result<ArtifactRoom> DiskRoom::reserve_artifact(std::uint64_t bytes, std::string_view what) {
  if (is_for_packs()) {
    return Error{Errc::no_space, 0,
                 "the disk is full, and what becomes free is needed to pack what is there: " +
                     std::string(what) + " was not taken"};
  }
  const std::lock_guard lock(mutex_);
  const auto taken = [&] { return named_artifact_bytes() + reserved_bytes_; };
  const auto over = [&] {
    const std::uint64_t all = taken() + bytes;
    return all > artifact_budget_ ? all - artifact_budget_ : 0;
  };
  if (over() > 0) look_at_all();
  if (over() > 0 && bytes <= artifact_budget_) (void)drop_some(over(), Copies::artifacts);
  if (over() > 0) {
    return Error{Errc::no_space, 0,
                 "cannot stage " + std::string(what) + ": it takes " + std::to_string(bytes) +
                     " bytes, and of the artifact budget of " + std::to_string(artifact_budget_) +
                     " bytes " + std::to_string(taken()) + " are waiting for the store in " +
                     directory_.blobs().native() +
                     "; make the store reachable, or raise RUNLOG_ARTIFACT_BUDGET"};
  }
  reserved_bytes_ += bytes;
  return ArtifactRoom(*this, bytes);
}

}  // namespace runlog
