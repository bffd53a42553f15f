// Pack: a Parquet file made from sealed segments, the unit of shipping. This room turns records
// into Parquet bytes and back; it knows the pack's schema and nothing of journals or stores.
//
// The schema is flat (docs/format.md, "Packs"): seq, lane, time, kind, name, step, value,
// int_value, text, payload. All else is key-value metadata.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pack/parquet/pack_bytes.hpp"
#include "runlog/record.hpp"
#include "runlog/result.hpp"
#include "segment/segment_batch.hpp"

namespace runlog::format {

/// Which part of a lane a pack holds: one per source segment.
struct PackSegment {
  std::uint32_t number = 0;  ///< the segment's number, unique in its journal
  std::int32_t lane = 0;
  std::int64_t first_seq = 0;  ///< of the segment; records [first_seq, first_seq + records)
  std::int64_t records = 0;    ///< records the segment held, lost ones included
};

/// The key-value metadata of a pack, prefixed "runlog." in the file.
struct PackInfo {
  std::uint32_t format_version = 1;
  std::string run_id = {};
  std::string project = {};
  std::string session = {};
  std::int64_t rank = 0;
  std::vector<PackSegment> segments = {};
  std::vector<Damage> damage = {};    ///< what the source segments had lost
  std::uint64_t records_dropped = 0;  ///< sum of the gap records' counts
};

/// Limits, each there so that a hostile or absurd input cannot exhaust memory.
inline constexpr std::size_t kRow_group_rows_max = 65536;
inline constexpr std::size_t kRow_group_bytes_max = 8u << 20;  ///< of text and payload, then flush
inline constexpr std::size_t kFooter_bytes_max = 64u << 20;

/// Writes one pack by streaming rows into row groups; memory is bounded by one row group.
/// Not thread-safe. Append order is row order.
class PackWriter {
 public:
  /// Receives the file's bytes in order. Returns an error to abort (the disk is full).
  using Sink = std::function<Result<void>(std::span<const std::byte>)>;

  explicit PackWriter(Sink sink);
  ~PackWriter();
  PackWriter(const PackWriter&) = delete;
  PackWriter& operator=(const PackWriter&) = delete;

  /// Copies what it needs of `record`.
  Result<void> append(const Record& record);
  /// The same for each of `metrics`, at a third of the cost. `names` is by series number.
  Result<void> append(MetricRun metrics, std::span<const std::string_view> names,
                      SeriesEntries& entries);

  /// Flushes the last row group and writes the footer with `info` as metadata. Call once, last.
  Result<void> finish(const PackInfo& info);

  [[nodiscard]] std::uint64_t rows() const noexcept;
  [[nodiscard]] std::uint64_t bytes_written() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Which fields of its records a reader decodes.
enum class Fields : std::uint8_t {
  all,
  /// What sums are made of: time, kind, name, step and the numbers, and the text of facts
  /// (pack_summary.hpp).
  sums,
};

/// Reads a pack that PackWriter wrote, row group by row group. Every length in the file is
/// untrusted: damage yields Errc::corrupt (message: what, where), a foreign Parquet file (other
/// schema, codec or encoding) Errc::unsupported. Not thread-safe.
class PackReader {
 public:
  struct RowGroup {
    std::uint64_t begin = 0, end = 0;  ///< byte range of its column chunks in the file
    std::uint64_t rows = 0;
    // From the statistics:
    std::int64_t time_min_ns = 0, time_max_ns = 0;
    std::optional<std::int64_t> step_max = {};
    std::string kind_min = {}, kind_max = {};  ///< both empty: not known
    /// Another writer may leave statistics out: then only the rows tell time_max_ns and step_max.
    bool has_bounds = false;
    std::uint64_t kind_begin = 0, kind_end = 0;  ///< byte range of the column of kinds
    std::uint64_t sums_begin = 0, sums_end = 0;  ///< of all that Fields::sums may take

    /// False: no row is of this kind.
    [[nodiscard]] bool may_hold(Kind kind) const noexcept {
      const std::string_view name = kind_name(kind);
      return kind_max.empty() || (kind_min <= name && name <= kind_max);
    }
  };

  /// `bytes` must outlive the reader.
  static Result<PackReader> open(std::span<const std::byte> bytes);
  static Result<PackReader> open(PackBytes bytes);
  /// Errors: not_found, io as well.
  static Result<PackReader> open_file(const std::filesystem::path& path);
  ~PackReader();
  PackReader(PackReader&&) noexcept;
  PackReader& operator=(PackReader&&) noexcept;

  [[nodiscard]] const PackInfo& info() const noexcept;
  [[nodiscard]] const std::vector<RowGroup>& row_groups() const noexcept;
  [[nodiscard]] std::uint64_t rows() const noexcept;
  /// What the footer says of the records in sum, for parse_summary. Nothing in packs of an earlier
  /// version, where it would have been too large, and where it is there twice.
  [[nodiscard]] std::optional<std::string_view> summary_text() const noexcept;

  /// Whether every page is as its checksum says. Reads the whole file and decodes nothing: what a
  /// pack that was written well needs before it is sent. Errors: corrupt, unsupported.
  [[nodiscard]] Result<void> check_pages();

  /// Calls `visit` for each row of row group `index`, in order. The views in Record point into a
  /// buffer that is valid until the next call of read. Checks the page CRCs. A damaged row group
  /// yields an error and no rows; the others stay readable.
  Result<void> read(std::size_t index, const std::function<void(const Record&)>& visit);

  /// Decodes row group `index` wholly: the records' views stay valid until the next read/load.
  Result<std::span<const Record>> load(std::size_t index);

  /// The same in two steps, in less memory and time: first the columns, then a few records after
  /// the other, in a buffer that each call uses again. Fields that `fields` does not name are left
  /// as in an empty Record. The views in the records stay valid until the next read/load.
  Result<void> load_columns(std::size_t index, Fields fields = Fields::all);
  [[nodiscard]] std::span<const Record> records(std::size_t begin, std::size_t count);

  /// Whether row group `index` holds a row of this kind. Decodes one column, which lies in
  /// [kind_begin, kind_end). Errors as for load.
  Result<bool> holds(std::size_t index, Kind kind);

 private:
  struct State;
  explicit PackReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace runlog::format
