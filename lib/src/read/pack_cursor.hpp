// PackCursor: one pack as a stream of records, from a file or from a store. At first it reads only
// the footer. It opens the pack when the merge reaches its time, holds one decoded row group, and
// frees everything at its end. So a journal of thousands of packs needs the memory and descriptors
// of the few that overlap in time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/sha256.hpp"
#include "pack/pack.hpp"
#include "pack/pack_summary.hpp"
#include "platform/file_bytes.hpp"
#include "runlog/record.hpp"
#include "store/object_window.hpp"
#include "store/patience.hpp"

namespace runlog {

/// What reading came across.
struct ReadFindings {
  std::vector<Damage> damage = {};
  /// What a store did not give, though it may well have it: see Reader::failures.
  std::vector<Error> failures = {};
};

/// A store that is being read. Shared by the packs of all journals found in it.
struct StoreReading {
  std::unique_ptr<ObjectStore> store = {};
  std::size_t kept_bytes = 0;  ///< of ends of packs, kept between the first look and the reading

  /// get() and head(), but they fail at once when the store has stopped answering (Patience).
  /// Errors: not_found, corrupt and too_large are about the object; anything else says that the
  /// store did not answer (unavailable) or refused (read_only), and nothing about the object.
  Result<void> fetch(ObjectWindow& window, ByteRange range);
  Result<ObjectInfo> head(const std::string& name);

  /// Whether the error is the store's and not the object's.
  [[nodiscard]] static bool is_failure(const Error& error) noexcept {
    return error.code == Errc::unavailable || error.code == Errc::read_only;
  }
  /// Adds a failure; that the store has stopped answering is said once, not for each object.
  void note(Error error, std::vector<Error>& failures);

 private:
  [[nodiscard]] Error gone() const;
  Error settle(Error error) noexcept;
  Patience patience_;
  bool has_told_ = false;
};

class PackCursor {
 public:
  /// Where a pack is: a file, or an object of `reading`.
  struct Place {
    std::filesystem::path path = {};  ///< of the file; for messages also of the object
    std::shared_ptr<StoreReading> reading = {};
    std::string object = {};
    std::uint64_t object_bytes = 0;
  };
  struct Settings {
    std::optional<std::int64_t> since_ns = {};  ///< row groups that end before it are skipped
    /// The file may be removed or moved while we read: keep it mapped from the start.
    bool keeps_file = false;
    /// Compare an object's bytes with the digest the store keeps. Costs a request, no traffic.
    bool checks_digest = false;
    format::Fields fields = format::Fields::all;
    /// Compare the footer's summary with the rows. For readers of all rows; where one is left out,
    /// it says nothing.
    bool checks_summary = false;
  };
  /// What the footer tells of all rows together.
  struct Sums {
    std::uint64_t rows = 0;
    std::optional<std::int64_t> step_max = {};
    std::int64_t time_max_ns = 0;
    bool are_known = true;  ///< false: only the rows tell time_max_ns and step_max
    bool may_hold_status = false;
  };

  /// Reads the footer. Errors: not_found, corrupt, unsupported, unavailable; they name the pack.
  static Result<std::unique_ptr<PackCursor>> open(Place place, const Settings& settings);
  ~PackCursor();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return place_.path; }
  [[nodiscard]] const format::PackInfo& info() const noexcept { return info_; }
  [[nodiscard]] const Sums& sums() const noexcept { return sums_; }
  /// What the footer tells of each series, and the facts; nothing where it does not. Instead of
  /// reading rows, or before: opens the pack, and gives its memory back if there was something.
  [[nodiscard]] std::optional<format::PackSummary> take_summary();

  [[nodiscard]] bool has_row() const noexcept { return row_ < rows_.size(); }
  [[nodiscard]] bool is_over() const noexcept { return !has_row() && next_group_ >= groups_; }
  /// A lower bound for the time of its next record; that time itself when there is a row.
  [[nodiscard]] std::int64_t time() const noexcept {
    return has_row() ? rows_[row_].time_ns : next_time_ns_;
  }
  [[nodiscard]] const Record& row() const noexcept { return rows_[row_]; }
  void pop() {
    if (++row_ == rows_.size() && !has_group_ended()) make_rows();
  }

  /// Decodes the next row group; call when !has_row() && !is_over(). What cannot be read goes to
  /// `findings`, and the pack goes on behind it; dropped calls that were told there are told by a
  /// gap record in its place.
  void load_next(ReadFindings& findings);
  /// When it is over: gives its memory back, and reports what only the end shows.
  void close(ReadFindings& findings);

  /// Visits the records of kind status in the last row group, in a cursor that nothing has been
  /// read from; afterwards it is over. Reads one column; the others only if there is one. Nothing
  /// is visited where that fails.
  Result<void> visit_last_status(const std::function<void(const Record&)>& visit);
  /// Notes an error of reading this pack, if it is one of the store and not of the pack.
  void note_failure(const Error& error, ReadFindings& findings);

 private:
  PackCursor() = default;
  Result<void> open_reader();
  Result<void> open_file();
  Result<void> fetch_end();
  Result<void> fetch_group(std::size_t index);
  [[nodiscard]] bool has_group_ended() const noexcept { return next_row_ >= group_rows_; }
  void make_rows();
  void lose_group(std::size_t index, const Error& why, ReadFindings& findings);
  [[nodiscard]] Result<std::optional<Record>> lost_gap();
  void forget_rows() noexcept;
  [[nodiscard]] std::optional<format::PackSummary> summary() const;
  void sum_up(const std::vector<format::PackReader::RowGroup>& groups);
  void check_digest(ReadFindings& findings);
  void check_summary(ReadFindings& findings);
  void lose_rest(ReadFindings& findings, const Error& why);
  [[nodiscard]] bool is_failure(const Error& error) const noexcept;
  void release() noexcept;

  Place place_;
  bool keeps_file_ = false;
  format::Fields fields_ = format::Fields::all;
  format::PackInfo info_;
  Sums sums_;
  std::uint64_t rows_left_ = 0;  // in row groups not yet loaded
  std::size_t groups_ = 0;
  std::size_t next_group_ = 0;
  std::int64_t next_time_ns_ = 0;

  // While it is open.
  std::shared_ptr<const FileBytes> file_;
  ObjectWindow window_;
  std::uint64_t end_begin_ = 0;  // of the window, what lies behind is in memory till the end
  std::optional<format::PackReader> reader_;
  std::span<const Record> rows_;  // a few of the row group that is decoded
  std::size_t row_ = 0;           // in rows_
  std::size_t next_row_ = 0;      // of the row group, behind rows_
  std::size_t group_rows_ = 0;
  std::optional<Record> gap_;    // in the place of those of damaged row groups
  bool has_sought_gap_ = false;  // which is done once

  bool checks_summary_ = false;
  std::unique_ptr<format::RecordSums> seen_sums_;  // to compare with it; else empty
  std::uint64_t seen_rows_ = 0;                    // that they are of

  std::vector<std::byte> kept_end_;  // the object's last bytes, if there was room to keep them
  std::optional<Sha256> digest_;     // of the first digested_bytes_; empty when that is broken off
  std::uint64_t digested_bytes_ = 0;
};

}  // namespace runlog
