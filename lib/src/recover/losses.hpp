// Losses: how many records a dead journal has lost in files that are damaged, empty or missing, as
// far as its other files and its store show. Computed from the places of the files each time, so
// that a killed recovery counts nothing twice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "journal/journal_dir.hpp"
#include "journal/lane_holes.hpp"
#include "journal/meta.hpp"
#include "pack/pack.hpp"
#include "store/object_name.hpp"
#include "store/object_store.hpp"

namespace runlog {

class Losses {
 public:
  /// Both must outlive it.
  Losses(const JournalDir& directory, const Meta& meta) : directory_(directory), meta_(meta) {}

  /// First: moves packs of which nothing can be read to torn/, before their segments, if those are
  /// still in lanes/, are taken for packed.
  Result<void> sort_out_packs();

  /// This call has come across `damage`: a whole file. settle() counts it.
  void add_file(Damage damage) { found_.insert(std::move(damage.path)); }
  void add_folder(Damage damage);
  /// Before anything is packed: segments that a lane has come to, and those that are there.
  void expect_segments(std::vector<std::uint32_t> numbers) { expected_ = std::move(numbers); }
  void add_segment(std::uint32_t number) { segments_.insert(number); }

  /// Once all is packed, before anything is shipped and may be removed: what the packs here tell.
  Result<void> survey();

  /// Before a blob or pack is put: see UploadOptions::check. What can be read of a damaged pack
  /// goes on under its name.
  Result<bool> check(const std::filesystem::path& path, ObjectStore& store);

  /// Last, when it is known what the store has: counts the whole files, exactly where holes in the
  /// lanes tell. `store`: null where there is none, or it does not answer.
  /// Once it has succeeded, nothing more is counted. Errors: unavailable: the store does not tell.
  Result<void> settle(ObjectStore* store);

  /// In the place of settle(): somebody knows what is lost, and has said that it is.
  void settle_as(std::vector<Damage> losses);

  /// Records lost, in all that the journal has gone through.
  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
  /// The numbers of files of which nothing can be read: holes in the lanes may be what they held.
  [[nodiscard]] std::set<std::uint32_t> lost_files() const;
  /// Records that the job dropped, as the packs tell whose footers have been read.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
  /// What this call has come across since it was asked last.
  std::vector<Damage> take_news() { return std::exchange(news_, {}); }

 private:
  [[nodiscard]] std::vector<LaneHole> holes_here() const;
  void add_ranges(const format::PackInfo& info);
  /// By number, what the store has beyond what is here; nothing where that cannot be known.
  using Elsewhere = std::optional<std::set<std::uint32_t>>;
  [[nodiscard]] Result<Elsewhere> packs_elsewhere(ObjectStore* store) const;
  void count_losses(const std::vector<LaneHole>& holes, std::uint64_t evicted);
  void add_lacking(std::uint64_t packs, std::uint64_t told_before);
  [[nodiscard]] std::vector<std::uint32_t> gone_segments() const;
  void add_records_beyond(std::uint64_t told, const std::vector<LaneHole>& holes);
  Result<bool> check_blob(const std::filesystem::path& path, ObjectStore& store);
  Result<bool> check_pack_file(const std::filesystem::path& path, std::uint32_t number,
                               ObjectStore& store);
  Result<void> tell_missing_blobs(const std::set<std::string>& blobs, ObjectStore* store);
  Result<void> check_blobs_of_packs(ObjectStore* store);
  [[nodiscard]] Result<format::PackInfo> stored_footer(ObjectStore& store,
                                                       std::uint32_t number) const;
  Result<void> read_stored_footers(ObjectStore& store, std::set<std::uint32_t>& numbers);

  const JournalDir& directory_;
  const Meta& meta_;
  LaneRanges ranges_;
  std::vector<std::uint32_t> expected_;  // segments that were there
  std::set<std::uint32_t> segments_;     // that are, or are in packs here
  std::set<std::uint32_t> packs_;        // that are here
  std::uint64_t records_ = 0;
  std::uint64_t dropped_ = 0;
  std::vector<Damage> files_;    // of which nothing can be read: "at least one record" each
  std::set<std::string> found_;  // those of them that this call came across, by path
  std::set<std::string> told_blobs_;
  std::vector<Damage> news_;
  std::set<std::uint32_t> unread_packs_;   // that are here: holes may be what they hold
  std::set<std::uint32_t> checked_packs_;  // whose artifacts have been looked for
  bool is_settled_ = false;
};

}  // namespace runlog
