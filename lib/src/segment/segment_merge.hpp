// SegmentMerge: the records of several segments of one journal, merged by time. The packer, the
// reader and recovery all read segments through it.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/file_bytes.hpp"
#include "segment/segment_batch.hpp"
#include "segment/segment_walker.hpp"

namespace runlog {

struct SegmentInput {
  std::span<const std::byte> bytes = {};  ///< must outlive the merge; of a file nothing
  /// Where the bytes are, if not in memory: read when the lane comes to this segment.
  std::shared_ptr<const FileBytes> file = {};
  format::SegmentHeader header = {};
  std::string path = {};
  std::optional<std::int64_t> end_seq = {};  ///< seq after its last record, where known
  std::uint64_t settled_end = UINT64_MAX;    ///< see format::WalkOptions
  /// What is lost of it may be gap records, whose calls nobody else tells: a lower bound.
  bool may_hide_drops = false;
};

using FindName = std::function<std::optional<std::string>(std::uint32_t)>;

/// The bytes of a segment, for one walk. A file is copied: others may cut it.
class SegmentBytes {
 public:
  /// Throws std::bad_alloc.
  explicit SegmentBytes(const SegmentInput& input);
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  FileCopy copy_;
  std::span<const std::byte> bytes_;
};

class SegmentMerge {
 public:
  /// Segments in any order; those of one lane are read one after the other by first_seq. Where two
  /// neighbours of a lane are both given, the second tells where the first must end.
  explicit SegmentMerge(std::vector<SegmentInput> segments, FindName find_name = {});
  ~SegmentMerge();
  SegmentMerge(SegmentMerge&&) noexcept;
  SegmentMerge& operator=(SegmentMerge&&) noexcept;

  /// The next record by (time, lane, seq); nullptr at the end. It and its views live until the next
  /// call.
  const Record* next();
  /// The same, copied; false at the end.
  bool next(Record& record) {
    const Record* const found = next();
    if (found != nullptr) record = *found;
    return found != nullptr;
  }
  /// The record next() would return, or nullptr.
  [[nodiscard]] const Record* peek();

  /// Metrics of one lane that come next one after the other, as they lie in their segment, or one
  /// record of any kind.
  struct Run {
    format::MetricRun metrics = {};
    std::span<const std::string_view> names = {};  ///< of `metrics`, by series number
    format::SeriesEntries* entries = nullptr;      ///< for the writer that packs them
    const Record* record = nullptr;                ///< where there are no metrics
    [[nodiscard]] bool is_end() const noexcept { return metrics.count == 0 && record == nullptr; }
  };
  /// The next ones; what is_end() at the end. They live until the next call. May be mixed with
  /// next(), but all runs must go to the same writer.
  Run next_run();

  /// Complete at the end.
  [[nodiscard]] const std::vector<Damage>& damage() const noexcept { return damage_; }

  /// Per segment, in the order given; complete at the end.
  struct Count {
    std::int64_t first_seq = 0, end_seq = 0;
    std::uint64_t damage_stretches = 0, records_lost = 0;
  };
  [[nodiscard]] const std::vector<Count>& counts() const noexcept { return counts_; }

 private:
  struct LaneCursor;
  struct Key {
    std::int64_t time_ns = 0;
    std::int32_t lane = 0;
    std::int64_t seq = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  void fill(LaneCursor& lane);
  [[nodiscard]] LaneCursor* first();
  [[nodiscard]] LaneCursor* choose();

  std::vector<SegmentInput> segments_;
  FindName find_name_;
  std::vector<std::unique_ptr<LaneCursor>> lanes_;
  LaneCursor* current_ = nullptr;  // the lane of the last record
  std::optional<Key> runner_up_;   // the first record of all other lanes, if they have one
  std::vector<Damage> damage_;
  std::vector<Count> counts_;
};

/// `files`: segments of which nothing can be read, each counted as one record at least. Where the
/// segment before such a file was not sealed yet, the merge misses the file's records behind its
/// last one, and tells how many: `damage`. Those files are then counted exactly, as nothing more;
/// the number of them, from the first.
std::size_t count_among_tails(std::span<Damage> files, std::span<const Damage> damage);

/// Names declared in any of `segments`, for records whose own declaration is damaged. Lazy: the
/// first question walks them all.
FindName names_in(std::vector<SegmentInput> segments);

}  // namespace runlog
