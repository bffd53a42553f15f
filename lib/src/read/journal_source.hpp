// JournalSource: one journal as a stream of records by time, from its segments and packs together,
// live or dead, or from its packs in a store. The Reader merges several of these.
//
// Memory: only the packs at the current time are open, and at most kOpen_packs_max of them, however
// many overlap.
#pragma once

#include <array>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "journal/journal_dir.hpp"
#include "journal/lane_holes.hpp"
#include "platform/mapped_file.hpp"
#include "read/pack_cursor.hpp"
#include "read/seen_records.hpp"
#include "read/untold.hpp"
#include "runlog/reader.hpp"
#include "segment/segment_merge.hpp"

namespace runlog {

/// An object of a store.
struct RemoteFile {
  std::string name = {};  ///< relative to the store's prefix
  std::uint64_t bytes = 0;
};

/// The files of one journal.
struct JournalFiles {
  JournalInfo info = {};
  /// Directory of a journal; empty where the files come from a store or were named one by one.
  std::filesystem::path directory = {};
  bool evicts_unshipped = false;  ///< missing packs are told by gap records, not damage
  bool is_part = false;           ///< it was moved under its process: another one has what it lacks
  /// What its end.json says of records lost to damage; nothing where there is none, or it is alive.
  std::optional<std::uint64_t> lost_at_end = {};
  std::vector<Error> unread = {};  ///< parts of the directory that could not be looked at
  std::vector<std::filesystem::path> packs = {};     ///< of a store, or named
  std::vector<std::filesystem::path> segments = {};  ///< named

  // Where the store is not a directory:
  std::shared_ptr<StoreReading> reading = {};
  std::vector<RemoteFile> remote_packs = {};
  /// All packs of a journal that has ended are here: a hole in the numbers is a loss.
  bool is_finished_in_store = false;
};

/// More packs than these are not open at once. Packs of one journal overlap in time by one or two
/// per lane; where more do (the clock was set back, or a file lies about its times) the order of
/// the records suffers, not the memory.
inline constexpr std::size_t kOpen_packs_max = 32;

/// Counts one more record of the journal in its sums, and takes what it says of the journal's end.
void count_record(JournalInfo& info, const Record& record);

class JournalSource {
 public:
  struct Settings {
    std::optional<std::int64_t> since_ns = {};
    bool checks_digests = false;
    bool checks_summaries = false;
    const SeenRecords* seen = nullptr;  ///< packs with nothing else are left out; for open() only
    format::Fields fields = format::Fields::all;  ///< of the packs' records
  };

  /// Takes a snapshot: every record committed before the call is in it, and of what a thread logs
  /// meanwhile a first part without holes.
  static Result<std::unique_ptr<JournalSource>> open(const JournalFiles& files,
                                                     const Settings& settings);
  ~JournalSource();

  /// Fills the counts of `info` from the packs' footers and the segments' records. No row of a pack
  /// is read but, where nothing else tells how a journal ended, those of its last row group. For a
  /// source of which no record has been read; none can be afterwards.
  void sum_up(JournalInfo& info);
  /// The same, and what the records come to besides. Packs whose footers do not tell it are decoded
  /// whole, one after the other.
  void sum_up(JournalInfo& info, format::PackSummary& summary);

  /// A lower bound for the time of the next record; INT64_MAX when there is none. Cheap: no pack is
  /// opened for it.
  [[nodiscard]] std::int64_t time_bound();

  /// The next record by time, or nullptr. Valid until pop().
  const Record* peek();
  void pop();

  /// Complete at the end.
  [[nodiscard]] std::vector<Damage> damage() const;
  [[nodiscard]] const std::vector<Error>& failures() const noexcept { return findings_.failures; }
  /// Segments that hold records and are in no pack yet.
  [[nodiscard]] std::uint64_t segments() const noexcept { return segment_count_; }

 private:
  JournalSource() = default;
  Result<void> snapshot(const JournalFiles& files);
  using Numbered = std::map<std::uint32_t, std::filesystem::path>;
  Numbered list_numbered(std::initializer_list<std::filesystem::path> folders,
                         std::string_view suffix);
  Numbered list_segments(const JournalDir& directory);
  Numbered list_packs(const JournalDir& directory);
  Result<void> add_copies(const JournalDir& directory, bool is_of_shared_lane);
  [[nodiscard]] bool is_shared_lane_packed_since(const JournalDir& directory);
  Result<void> add_segment(const std::filesystem::path& path, const std::function<bool()>& is_last);
  Result<void> add_copy(const std::filesystem::path& path,
                        const std::function<bool(const format::SegmentHeader&)>& is_wanted);
  void add_dead_segments(const JournalDir& directory);
  void tell_of_segments(const std::set<std::uint32_t>& packed);
  void add_untold(const JournalDir& directory);
  void add_local_pack(const JournalDir& directory, const std::filesystem::path& path);
  void add_torn_packs(const JournalDir& directory);
  void note_failure(Error error);
  Result<void> add_pack(PackCursor::Place place);
  void add_pack_or_damage(PackCursor::Place place);
  void sort_packs();
  void note_ranges(const JournalFiles& files);
  [[nodiscard]] std::vector<Damage> missing() const;
  void check_end();
  void find_end(JournalInfo& info);
  PackCursor* first_pack();
  PackCursor* open_pack(std::size_t index);
  PackCursor* pack_before(const Record& record, const PackCursor* its_pack);
  [[nodiscard]] bool is_in_order(const Record& record) const noexcept {
    const auto lane = static_cast<std::size_t>(record.lane);
    return lane >= next_seq_.size() || record.seq <= next_seq_[lane];
  }

  std::map<std::uint32_t, std::vector<std::byte>> copies_;  // segments of a live journal
  std::optional<ToldSegment> told_;                         // what it has dropped and not told
  std::set<std::uint32_t> snapshot_packs_;                  // by number, those it has
  /// What is wrong with segments, by path, while it is opened. Exact: the header; else all of it.
  std::map<std::filesystem::path, Damage> segment_findings_;
  std::vector<SegmentInput> inputs_;
  std::optional<SegmentMerge> segments_;
  PackCursor::Settings pack_settings_;
  const SeenRecords* seen_ = nullptr;               // while it is opened
  std::vector<std::unique_ptr<PackCursor>> packs_;  // not yet open, the next one last
  std::vector<std::unique_ptr<PackCursor>> open_;   // in the order of packs_
  ReadFindings findings_;
  std::vector<Damage> unreadable_;  // whole files: "at least one record" each
  /// Of a journal whose lanes must run on without holes; else empty.
  std::string continuous_path_;
  bool has_unasked_ = false;  // some file or footer could not be had: holes prove nothing
  LaneRanges ranges_;         // that the packs hold
  std::optional<std::uint64_t> lost_at_end_;  // see JournalFiles; where all of it is read
  std::string end_path_;
  std::uint64_t segment_count_ = 0;
  std::string path_without_end_;  // the journal's, until the record of its end has been met
  enum class From : std::uint8_t { none, segments, pack } from_ = From::none;
  PackCursor* current_pack_ = nullptr;
  /// By lane, behind the record handed out last. Lanes beyond those that writers use go by time.
  std::array<std::int64_t, 64> next_seq_ = {};
};

}  // namespace runlog
