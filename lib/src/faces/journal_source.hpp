// JournalSource: one journal as a stream of records by time, from its segments and packs together,
// live or dead, or from the packs a store has of it. The Reader merges several of these.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "format/pack.hpp"
#include "journal/journal_dir.hpp"
#include "journal/segment_merge.hpp"
#include "platform/mapped_file.hpp"
#include "runlog/reader.hpp"

namespace runlog {

/// The files of one journal.
struct JournalFiles {
  JournalInfo info = {};
  /// Directory of a journal; empty where the files come from a store or were named one by one.
  std::filesystem::path directory = {};
  bool evicts_unshipped = false;  ///< missing packs are told by gap records, not damage
  std::vector<std::filesystem::path> packs = {};     ///< of a store, or named
  std::vector<std::filesystem::path> segments = {};  ///< named
};

class JournalSource {
 public:
  /// Takes a snapshot: every record committed before the call is in it.
  static Result<std::unique_ptr<JournalSource>> open(const JournalFiles& files,
                                                     std::optional<std::int64_t> since_ns);
  ~JournalSource();

  /// The next record by time, or nullptr. Valid until pop().
  const Record* peek();
  void pop();

  /// Complete at the end.
  [[nodiscard]] std::vector<Damage> damage() const;
  /// Segments that hold records and are in no pack yet.
  [[nodiscard]] std::uint64_t segments() const noexcept { return segment_count_; }

 private:
  struct PackCursor;
  JournalSource() = default;
  Result<void> snapshot(const JournalFiles& files, std::optional<std::int64_t> since_ns);
  Result<void> add_segment(const std::filesystem::path& path,
                           const std::optional<JournalName>& name, bool is_live);
  Result<void> add_pack(const std::filesystem::path& path, std::optional<std::int64_t> since_ns);
  void check_continuity(const JournalFiles& files);
  PackCursor* first_pack();

  std::vector<std::vector<std::byte>> copies_;  // segments of a live journal
  std::vector<MappedFile> maps_;                // segments of a dead one
  std::vector<SegmentInput> inputs_;
  std::optional<SegmentMerge> segments_;
  std::vector<std::unique_ptr<PackCursor>> packs_;
  std::vector<Damage> damage_;
  std::uint64_t segment_count_ = 0;
  enum class From : std::uint8_t { none, segments, pack } from_ = From::none;
  PackCursor* current_pack_ = nullptr;
};

}  // namespace runlog
