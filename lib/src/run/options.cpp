// Options: environment, launchers, defaults, ranges. One table row per variable.
#include "runlog/options.hpp"

#include <charconv>

#include "base/ids.hpp"
#include "base/out_of_memory.hpp"
#include "base/utf8.hpp"
#include "journal/meta.hpp"
#include "platform/clock.hpp"
#include "platform/process.hpp"
#include "platform/random.hpp"
#include "platform/signals.hpp"
#include "segment/layout.hpp"
#include "store/object_store.hpp"

namespace runlog {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLabel_bytes_max = 512;

Error invalid(std::string_view what, std::string_view value, std::string_view allowed) {
  return Error{Errc::invalid_argument, 0,
               std::string(what) + "='" + mend_utf8(value) + "': " + std::string(allowed)};
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return {};
  return value;
}

// "250ms", "1.5s", "2m", "1h"; a bare number is seconds.
std::optional<milliseconds> parse_duration(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || !(value >= 0) || value > 1e9) return {};
  const std::string_view unit(parsed.ptr,
                              static_cast<std::size_t>(text.data() + text.size() - parsed.ptr));
  double scale = 0;
  if (unit == "ms") scale = 1;
  if (unit == "s" || unit.empty()) scale = 1e3;
  if (unit == "m" || unit == "min") scale = 60e3;
  if (unit == "h") scale = 3600e3;
  if (scale == 0) return {};
  return milliseconds(static_cast<std::int64_t>(value * scale));
}

// "1048576", "64KiB", "16MiB", "1GiB" (K, M, G and KB, MB, GB mean the same powers of 1024).
std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return {};
  std::string_view unit(parsed.ptr,
                        static_cast<std::size_t>(text.data() + text.size() - parsed.ptr));
  int shift = 0;
  if (!unit.empty() && unit != "B") {
    if (unit[0] == 'K') shift = 10;
    if (unit[0] == 'M') shift = 20;
    if (unit[0] == 'G') shift = 30;
    unit.remove_prefix(1);
    if (shift == 0 || !(unit.empty() || unit == "B" || unit == "iB")) return {};
  }
  if (value > (UINT64_MAX >> shift)) return {};
  return value << shift;
}

std::optional<bool> parse_bool(std::string_view text) {
  if (text == "1" || text == "true" || text == "on" || text == "yes") return true;
  if (text == "0" || text == "false" || text == "off" || text == "no") return false;
  return {};
}

std::optional<Sync> parse_sync(std::string_view text) {
  if (text == "never") return Sync::never;
  if (text == "interval") return Sync::interval;
  if (text == "each_record") return Sync::each_record;
  return {};
}

std::optional<Overflow> parse_overflow(std::string_view text) {
  if (text == "drop_newest_counted") return Overflow::drop_newest_counted;
  if (text == "block") return Overflow::block;
  if (text == "drop_oldest_packed") return Overflow::drop_oldest_packed;
  return {};
}

std::optional<Resume> parse_resume(std::string_view text) {
  if (text == "never") return Resume::never;
  if (text == "allow") return Resume::allow;
  if (text == "must") return Resume::must;
  return {};
}

void set_text(std::string& field, const char* variable) {
  if (field.empty()) field = environment(variable).value_or("");
}

// Leaves a set field alone; else takes the variable, else the default.
template <typename T, typename Parse>
Result<void> set_field(std::optional<T>& field, const char* variable, T standard, Parse parse,
                       std::string_view allowed) {
  if (field) return {};
  const auto text = environment(variable);
  if (!text) {
    field = standard;
    return {};
  }
  field = parse(*text);
  if (!field) return invalid(variable, *text, allowed);
  return {};
}

// The first variable that is there, and not empty, decides. Messages name it, else `option`. What
// `is_index` is 0 or more.
Result<void> set_from_launcher(std::optional<std::int64_t>& field, const char* option,
                               std::initializer_list<const char*> variables, bool is_index,
                               std::int64_t standard) {
  const auto check = [&](const char* what) -> Result<void> {
    if (!is_index || (*field >= 0 && *field <= INT32_MAX)) return {};
    return invalid(what, std::to_string(*field), "must be 0 to " + std::to_string(INT32_MAX));
  };
  if (field) return check(option);
  for (const char* variable : variables) {
    const auto text = environment(variable);
    if (!text) continue;
    field = parse_integer(*text);
    // A launcher's too: two ranks that both took themselves for rank 0 would be told apart by
    // nobody.
    if (!field) return invalid(variable, *text, "must be a whole number");
    return check(variable);
  }
  field = standard;
  return {};
}

Result<std::vector<std::pair<std::string, std::string>>> parse_pairs(const char* variable) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const auto text = environment(variable);
  if (!text) return pairs;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string_view pair = rest.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return invalid(variable, *text, "must be name=value,name=value");
    }
    pairs.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return pairs;
}

// A parameter from the environment is an integer or a real if all of it reads as one.
Value guess_value(const std::string& text) {
  if (const auto integer = parse_integer(text)) return *integer;
  double real = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), real);
  if (parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size()) return real;
  return text;
}

Result<void> set_identity(Options& options) {
  if (options.root.empty()) options.root = environment("RUNLOG_ROOT").value_or("runs");
  set_text(options.project, "RUNLOG_PROJECT");
  if (options.project.empty()) options.project = "default";
  set_text(options.experiment, "RUNLOG_EXPERIMENT");
  set_text(options.name, "RUNLOG_NAME");
  set_text(options.group, "RUNLOG_GROUP");
  set_text(options.parent_run, "RUNLOG_PARENT_RUN");
  set_text(options.store, "RUNLOG_STORE");
  set_text(options.stop_signals, "RUNLOG_STOP_SIGNALS");
  set_text(options.run_id, "RUNLOG_RUN_ID");
  constexpr std::string_view kId = "must be 1-128 of [A-Za-z0-9._-], not starting with '.' or '_'";
  if (!options.run_id.empty() && !is_valid_id(options.run_id)) {
    return invalid("run_id (RUNLOG_RUN_ID)", options.run_id, kId);
  }
  for (const char* variable : {"TORCHELASTIC_RUN_ID", "SLURM_JOB_ID"}) {
    // torchrun's default id is "none": two jobs would share it.
    const auto id = environment(variable);
    if (options.run_id.empty() && id && *id != "none") options.run_id = mend_id(*id);
  }
  if (options.run_id.empty()) options.run_id = make_run_id(realtime_ns());
  if (!is_valid_id(options.project))
    return invalid("project (RUNLOG_PROJECT)", options.project, kId);
  if (!options.parent_run.empty() && !is_valid_id(options.parent_run)) {
    return invalid("parent_run (RUNLOG_PARENT_RUN)", options.parent_run, kId);
  }
  for (std::string* label : {&options.experiment, &options.name, &options.group}) {
    *label = std::string(utf8_prefix(mend_utf8(*label), kLabel_bytes_max));
  }
  return {};
}

Result<void> set_ranks(Options& options) {
  for (auto result :
       {set_from_launcher(
            options.rank, "rank",
            {"RUNLOG_RANK", "RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK"}, true, 0),
        set_from_launcher(
            options.world, "world",
            {"RUNLOG_WORLD", "WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"},
            false, 1),
        set_from_launcher(options.local_rank, "local_rank",
                          {"RUNLOG_LOCAL_RANK", "LOCAL_RANK", "SLURM_LOCALID",
                           "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"},
                          false, 0)}) {
    if (!result) return result;
  }
  return {};
}

Result<void> set_policies(Options& options) {
  constexpr std::string_view kDuration = "must be a duration such as 250ms, 1s, 5m";
  constexpr std::string_view kBytes = "must be a size such as 65536, 16MiB, 1GiB";
  constexpr std::string_view kBool = "must be 0 or 1";
  for (auto result :
       {set_field(options.sync, "RUNLOG_SYNC", Sync::interval, parse_sync,
                  "must be never, interval or each_record"),
        set_field(options.sync_interval, "RUNLOG_SYNC_INTERVAL", milliseconds(1000), parse_duration,
                  kDuration),
        set_field(options.ship_interval, "RUNLOG_SHIP_INTERVAL", milliseconds(30'000),
                  parse_duration, kDuration),
        set_field(options.pack_bytes, "RUNLOG_PACK_BYTES", std::uint64_t{16} << 20, parse_bytes,
                  kBytes),
        set_field(options.segment_bytes, "RUNLOG_SEGMENT_BYTES", std::uint64_t{4} << 20,
                  parse_bytes, kBytes),
        set_field(options.disk_budget, "RUNLOG_DISK_BUDGET", std::uint64_t{1} << 30, parse_bytes,
                  kBytes),
        set_field(options.artifact_budget, "RUNLOG_ARTIFACT_BUDGET", std::uint64_t{64} << 30,
                  parse_bytes, kBytes),
        set_field(options.overflow, "RUNLOG_OVERFLOW", Overflow::drop_newest_counted,
                  parse_overflow, "must be drop_newest_counted, block or drop_oldest_packed"),
        set_field(options.overflow_block, "RUNLOG_OVERFLOW_BLOCK", milliseconds(100),
                  parse_duration, kDuration),
        set_field(options.finish_deadline, "RUNLOG_FINISH_DEADLINE", milliseconds(30'000),
                  parse_duration, kDuration),
        set_field(options.resume, "RUNLOG_RESUME", Resume::allow, parse_resume,
                  "must be never, allow or must"),
        set_field(options.crash_marker, "RUNLOG_CRASH_MARKER", true, parse_bool, kBool),
        set_field(options.sigbus_guard, "RUNLOG_SIGBUS_GUARD", true, parse_bool, kBool),
        set_field(options.keep_shipped, "RUNLOG_KEEP_SHIPPED", true, parse_bool, kBool),
        set_field(options.network_root, "RUNLOG_NETWORK_ROOT", false, parse_bool, kBool)}) {
    if (!result) return result;
  }
  return {};
}

Result<void> check_ranges(const Options& options) {
  const auto ms = [](milliseconds value) { return std::to_string(value.count()) + "ms"; };
  if (*options.sync_interval < milliseconds(10)) {
    return invalid("sync_interval (RUNLOG_SYNC_INTERVAL)", ms(*options.sync_interval),
                   "must be 10ms or more");
  }
  if (*options.ship_interval < milliseconds(100)) {
    return invalid("ship_interval (RUNLOG_SHIP_INTERVAL)", ms(*options.ship_interval),
                   "must be 100ms or more");
  }
  if (*options.segment_bytes < format::kSegment_bytes_min ||
      *options.segment_bytes > format::kSegment_bytes_max || *options.segment_bytes % 4096 != 0) {
    return invalid("segment_bytes (RUNLOG_SEGMENT_BYTES)", std::to_string(*options.segment_bytes),
                   "must be 64KiB to 64MiB and a multiple of 4096");
  }
  if (*options.pack_bytes < (64u << 10)) {
    return invalid("pack_bytes (RUNLOG_PACK_BYTES)", std::to_string(*options.pack_bytes),
                   "must be 64KiB or more");
  }
  if (*options.disk_budget < 4 * *options.segment_bytes) {
    return invalid(
        "disk_budget (RUNLOG_DISK_BUDGET)", std::to_string(*options.disk_budget),
        "must be 4 segments (" + std::to_string(4 * *options.segment_bytes) + " bytes) or more");
  }
  if (!parse_stop_signals(options.stop_signals)) {
    return invalid("stop_signals (RUNLOG_STOP_SIGNALS)", options.stop_signals,
                   "must be names of HUP, INT, QUIT, USR1, USR2, TERM, PWR, XCPU with commas "
                   "between them");
  }
  if (!options.store.empty()) {
    auto store = open_store(options.store);
    if (!store) {
      return Error{store.error().code, 0, "store (RUNLOG_STORE): " + store.error().message};
    }
  }
  return {};
}

Result<Options> resolve_all(Options options) {
  if (auto result = set_identity(options); !result) return std::move(result).error();
  if (auto result = set_ranks(options); !result) return std::move(result).error();
  if (auto result = set_policies(options); !result) return std::move(result).error();
  auto tags = parse_pairs("RUNLOG_TAGS");
  if (!tags) return std::move(tags).error();
  options.tags.insert(options.tags.begin(), tags->begin(), tags->end());
  auto params = parse_pairs("RUNLOG_PARAMS");
  if (!params) return std::move(params).error();
  // In front, so that a value set in code is the later one, and stands.
  std::vector<std::pair<std::string, Value>> all_params;
  for (const auto& [name, text] : *params) all_params.emplace_back(name, guess_value(text));
  all_params.insert(all_params.end(), options.params.begin(), options.params.end());
  options.params = std::move(all_params);
  if (auto result = check_ranges(options); !result) return std::move(result).error();
  // Beyond a year is for ever; added to the time of day it could overflow.
  for (auto* duration : {&options.sync_interval, &options.ship_interval, &options.overflow_block,
                         &options.finish_deadline}) {
    *duration = std::min<milliseconds>(**duration, std::chrono::hours(24 * 365));
  }
  return options;
}

}  // namespace

Result<Options> resolve(Options options) {
  return catch_no_memory([&] { return resolve_all(std::move(options)); });
}

}  // namespace runlog
