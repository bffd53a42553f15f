// Stats: how far a run's records have come, and what it counts.
#pragma once

#include <cstdint>
#include <string>

namespace runlog {

/// How far records have come. Committed: they survive a crash of the process; true when the call
/// returns. Durable: they survive power loss. Shipped: the store has acknowledged them.
enum class Stage : std::uint8_t { Committed, Durable, Shipped };
inline constexpr Stage Committed = Stage::Committed;
inline constexpr Stage Durable = Stage::Durable;
inline constexpr Stage Shipped = Stage::Shipped;

/// Done: the stage is reached. Timeout: not yet. Failed: it cannot be reached (no store, the store
/// rejects, the disk fails); stats().last_error says why.
enum class Wait : std::uint8_t { Done, Timeout, Failed };

enum class RunStatus : std::uint8_t { running, complete, failed, cancelled };

/// Counters since the start, readable at any time. Each only grows, except packs_waiting,
/// objects_refused and disk_bytes_now.
struct Stats {
  std::uint64_t records = 0;         ///< appended
  std::uint64_t dropped = 0;         ///< by overflow, after the end, or over a limit
  std::uint64_t dropped_series = 0;  ///< of those: values of a series beyond the limit
  /// To damage noticed while packing (file truncated, …), or with waiting packs that were removed.
  std::uint64_t records_lost = 0;
  std::uint64_t spilled = 0;       ///< values kept as blobs because they were too large
  std::uint64_t names_mended = 0;  ///< names or texts that were empty, too long or not UTF-8
  std::uint64_t times_mended = 0;  ///< Run::at() before 1970 or after now
  std::uint64_t property_conflicts = 0;
  std::uint64_t segments_late = 0;  ///< segments that a writer had to prepare itself
  std::uint64_t syncs = 0;          ///< rounds of syncing
  std::uint64_t segments_sealed = 0;
  std::uint64_t packs_made = 0;
  std::uint64_t packs_shipped = 0;
  std::uint64_t bytes_shipped = 0;
  std::uint64_t records_shipped = 0;
  std::uint64_t ship_retries = 0;
  std::uint64_t packs_waiting = 0;
  /// Packs, artifacts and other objects that the store refuses while it takes others; `last_error`
  /// names one of them.
  std::uint64_t objects_refused = 0;
  std::uint64_t disk_bytes_now = 0;  ///< segments, packs, artifacts, and kept copies
  std::uint64_t lanes = 0;
  std::uint64_t series = 0;
  std::uint64_t sigbus_caught = 0;
  std::uint64_t journals_adopted = 0;  ///< dead journals that this run has finished
  /// Background failures that were not reported: stderr was closed, full or unread, or on_error
  /// threw.
  std::uint64_t reports_unwritten = 0;
  std::string last_error = {};  ///< the last background failure and what to do; empty: none
};

}  // namespace runlog
