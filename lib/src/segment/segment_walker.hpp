// SegmentWalker: reads one segment from any bytes. It yields every record that validates, steps
// over damage, and says where the damage is and how many records are lost. It knows bytes, not
// files.
//
// How lost records are counted: each block head carries the sequence number of the record behind
// it, the seal the number after the last. Between two such anchors, (difference − records read) is
// exactly the number lost. Behind the last anchor only the next segment of the lane (`end_seq`)
// gives it; without that the walker counts the records that the damaged bytes still show, as a
// lower bound (Damage::exact = false).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runlog/record.hpp"
#include "segment/layout.hpp"
#include "segment/segment_batch.hpp"
#include "segment/segment_header.hpp"

namespace runlog::format {

/// So many damaged stretches of one segment are told apart; what comes behind is told as one, with
/// all that was lost in it. A file of nothing but damage must not cost more than it is worth.
inline constexpr std::size_t kDamage_stretches_max = 1024;
/// Records longer than a block are checked in full only so many times the segment's length: in a
/// whole segment they lie side by side, in a forged one each block might begin one.
inline constexpr std::uint64_t kLong_checks_max = 8;

struct WalkOptions {
  std::string path = {};                     ///< for Damage
  std::optional<std::int64_t> end_seq = {};  ///< seq after the last record, where known
  /// Bytes before this offset are final; an unreadable record at or behind it is simply not written
  /// yet. The whole segment unless its writer is alive.
  std::uint64_t settled_end = UINT64_MAX;
  /// Asked for a series name that the segment does not declare (its declaration was damaged).
  std::function<std::optional<std::string>(std::uint32_t)> find_name = {};
};

class SegmentWalker {
 public:
  /// `bytes` must outlive the walker and the records it yields.
  SegmentWalker(std::span<const std::byte> bytes, const SegmentHeader& header, WalkOptions options);

  /// Replaces `batch` by the next records (at least one); false at the end. The views point into
  /// the segment's bytes or into the walker. The metrics' names are in names().
  bool next(SegmentBatch& batch);
  /// The same, with each metric as a Record.
  bool next(std::vector<Record>& batch);

  /// Names by series number, empty where none is declared, as of the last batch. Valid until
  /// next().
  [[nodiscard]] std::span<const std::string_view> names() const noexcept { return names_; }
  /// Changes when a number that had a name in an earlier batch has got another one. No writer does
  /// that.
  [[nodiscard]] std::uint64_t names_version() const noexcept { return names_version_; }

  [[nodiscard]] const std::vector<Damage>& damage() const noexcept { return damage_; }
  /// After the end: seq after the last record, lost ones included.
  [[nodiscard]] std::int64_t end_seq() const noexcept { return base_seq_; }
  [[nodiscard]] bool is_sealed() const noexcept { return sealed_; }
  /// After the end: bytes in use.
  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return at_; }
  /// One more than the largest series number declared.
  [[nodiscard]] std::uint32_t names_end() const noexcept {
    return static_cast<std::uint32_t>(names_.size());
  }
  /// The declared name of `series`, empty when there is none. After the end: all of the segment's.
  [[nodiscard]] std::string_view name_of(std::uint32_t series) const noexcept;

 private:
  enum class Check : std::uint8_t { zero, valid, invalid };
  struct Stretch {
    std::uint64_t begin = 0, end = 0;
    std::size_t before_index = 0;  // records of the batch before it
    std::int64_t guess = 0;        // records it held, going by its commit words
    bool is_explained = false;     // those words account for every byte of it
    std::int64_t share = 0;        // of the lost records, once the next anchor is known
    const char* why = "";
  };

  [[nodiscard]] Check check(std::uint64_t at, bool in_block) noexcept;
  [[nodiscard]] bool is_head(std::uint64_t at) const noexcept;
  bool take_metrics(SegmentBatch& batch);
  void take_metric(std::uint64_t word, SegmentBatch& batch);
  [[nodiscard]] MetricRun metrics_here(std::uint64_t word, std::size_t count) const noexcept;
  void take_record(std::uint64_t word, SegmentBatch& batch);
  void take_event(std::uint64_t word, SegmentBatch& batch);
  void take_head() noexcept;
  void end_with_file(SegmentBatch& batch);
  void take_invalid(Check verdict, SegmentBatch& batch);
  bool take_valid(std::uint64_t word, SegmentBatch& batch);
  bool take_block(std::uint64_t word, SegmentBatch& batch);
  bool skip_damage(const char* why, std::size_t before_index);
  void add_stretch(std::uint64_t end, std::size_t before_index, const char* why, bool is_tail);
  void push_stretch(Stretch stretch);
  void add_damage(Damage damage);
  void settle_rebuilt(SegmentBatch& batch, std::int64_t anchor_seq);
  void settle(SegmentBatch& batch, std::optional<std::int64_t> anchor_seq, bool is_end);
  void share_out(std::int64_t lost, bool is_end);
  std::string_view resolve_name(std::uint32_t series);

  std::span<const std::byte> bytes_;
  SegmentHeader header_;
  WalkOptions options_;
  std::uint32_t seed_;
  std::uint32_t group_seed_ = 0;
  std::uint64_t at_ = kHeader_bytes;
  bool behind_head_ = false;  // a record longer than a block may start here
  bool has_mark_ = false;
  std::int64_t mark_time_ns_ = 0;
  std::int64_t mark_step_ = 0;
  bool is_rebuilt_;        // the bytes have no whole header, and no head was met yet
  std::int64_t base_seq_;  // of the first record of the current batch
  std::uint64_t long_check_bytes_left_;
  bool sealed_ = false;
  bool done_ = false;
  bool names_only_ = false;  // a walk made to find declarations further on
  bool looked_ahead_ = false;
  std::vector<Stretch> stretches_;
  std::vector<Damage> damage_;
  bool is_merging_ = false;              // damage_ is full: its last entry takes in what comes
  std::vector<std::string_view> names_;  // by series number
  std::uint64_t names_version_ = 0;
  SegmentBatch scratch_;  // of next() for Records
  // From find_name. Its nodes stay where they are: records hold views of the strings.
  std::unordered_map<std::uint32_t, std::string> found_names_;
};

}  // namespace runlog::format
