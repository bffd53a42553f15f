// Meta: meta.json (who writes), end.json (how it ended) and moved.json (the new store). The only
// place that knows their keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "journal/journal_dir.hpp"
#include "runlog/result.hpp"

namespace runlog {

/// A journal of a higher version is not to be sealed, packed or judged by this one.
inline constexpr int kMeta_version = 1;

struct Meta {
  int version = kMeta_version;
  std::string runlog_version = {};
  std::string run_id = {}, project = {}, experiment = {}, name = {}, group = {};
  std::string parent_run = {}, parent_session = {};
  std::string follows = {};  ///< session of the attempt before, where the start found one
  std::string session = {};
  std::int64_t rank = 0, world = 1, local_rank = 0;
  std::string host = {}, boot_id = {}, command_line = {};
  std::int64_t pid = 0, start_ticks = 0;
  std::int64_t created_unix_ns = 0;
  std::string store_url = {};  ///< without secrets
  bool uses_tsc = false;
  double ticks_per_second = 0;
  std::uint64_t segment_bytes = 0;
  bool evicts_unshipped =
      false;  ///< overflow drop_oldest_packed: packs may be missing, told by gaps
  /// Its process had another directory before this one. Not in meta.json, which may be in the store
  /// by then: in the tally, and in end.json.
  bool continues = false;
};

[[nodiscard]] std::string to_json(const Meta& meta);
/// Unknown keys are ignored, absent ones keep their defaults. Errors: corrupt (not our JSON).
[[nodiscard]] Result<Meta> parse_meta(std::string_view json, std::string_view path);

/// How a run ended, as its status records and end.json have it.
enum class RunEnd : std::uint8_t {
  open,       ///< it has not: the status record of a start
  complete,   ///< by complete(), or by exit(0)
  failed,     ///< by fail(), or by exit() with another status
  cancelled,  ///< by cancel()
  crashed,    ///< the writer told none; end.json only
  moved,      ///< it goes on in another journal, its directory was moved; end.json only
  unknown,    ///< of a later version
};
/// "started" for open, then "complete", "failed", …
[[nodiscard]] std::string_view run_end_name(RunEnd end) noexcept;
/// The inverse; open where there is no name.
[[nodiscard]] RunEnd run_end_from_name(std::string_view name) noexcept;

struct End {
  RunEnd state = RunEnd::open;
  std::string unknown_state = {};  ///< with RunEnd::unknown: how a later version calls it
  std::string reason = {};
  int signal = 0;
  std::int64_t ended_unix_ns = 0;
  std::uint64_t records_lost = 0;
  bool continues = false;  ///< read only: as in Meta
};
[[nodiscard]] std::string to_json(const End& end, const Meta& meta);
[[nodiscard]] Result<End> parse_end(std::string_view json, std::string_view path);

/// What a journal has in shipped/ is in this store, and in no other one that counts.
struct Moved {
  std::string store_url = {};       ///< without secrets; goes before the one in meta.json
  std::string from_store_url = {};  ///< where it shipped to before; may be the same, or empty
  bool may_lack = false;            ///< it may have shipped what is in neither
};
[[nodiscard]] std::string to_json(const Moved& moved);
[[nodiscard]] Result<Moved> parse_moved(std::string_view json, std::string_view path);

inline constexpr std::uint64_t kMeta_bytes_max = 256u << 10;

/// meta.json, or, where it is missing or damaged, what the directory's name and place tell. The
/// store is that of moved.json where there is one.
[[nodiscard]] Meta read_meta(const JournalDir& directory);

/// moved.json, or nothing: the journal ships to the store that meta.json names. Errors: it cannot
/// be read, or is damaged.
[[nodiscard]] Result<std::optional<Moved>> read_moved(const JournalDir& directory);

/// The message in a TORCHELASTIC_ERROR_FILE (JSON), or nothing.
[[nodiscard]] std::optional<std::string> parse_torchelastic_error(std::string_view json);

}  // namespace runlog
