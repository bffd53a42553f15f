#include "run/option_table.hpp"

#include "base/ids.hpp"
#include "base/utf8.hpp"
#include "platform/signals.hpp"
#include "segment/layout.hpp"
#include "store/object_store.hpp"

namespace runlog {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLabel_bytes_max = 512;
constexpr std::string_view kLabel_help = "text of 512 bytes";
constexpr std::string_view kPairs_help =
    "`k=v,k=v`, added to those of the code, which win. A param that reads as a number is one";
constexpr std::string_view kId = "1-128 of [A-Za-z0-9._-], not starting with '.' or '_'";

bool is_segment_size(std::uint64_t bytes) {
  return bytes >= format::kSegment_bytes_min && bytes <= format::kSegment_bytes_max &&
         bytes % 4096 == 0;
}

Result<void> check_disk_budget(const Options& options) {
  const std::uint64_t least = 4 * *options.segment_bytes;
  if (*options.disk_budget >= least) return {};
  return not_allowed("disk_budget (RUNLOG_DISK_BUDGET)", std::to_string(*options.disk_budget),
                     "4 segments (" + std::to_string(least) + " bytes) or more");
}

Result<void> check_store(const Options& options) {
  if (options.store.empty()) return {};
  const auto store = open_store(options.store);
  if (store) return {};
  return Error{store.error().code, 0, "store (RUNLOG_STORE): " + store.error().message};
}

constexpr OptionRow kOptions[] = {
    {.name = "root", .field = &Options::root, .standard = "runs", .help = "made when missing"},
    {.name = "project",
     .field = &Options::project,
     .standard = "default",
     .is_allowed = [](const Options& options) { return is_valid_id(options.project); },
     .allowed = kId,
     .help = "same characters as `run_id`"},
    {.name = "experiment",
     .field = &Options::experiment,
     .text_bytes_max = kLabel_bytes_max,
     .help = kLabel_help},
    {.name = "name",
     .field = &Options::name,
     .text_bytes_max = kLabel_bytes_max,
     .help = kLabel_help},
    {.name = "group",
     .field = &Options::group,
     .text_bytes_max = kLabel_bytes_max,
     .help = kLabel_help},
    {.name = "run_id",  // resolve() makes one when there is none
     .field = &Options::run_id,
     .launchers = {"TORCHELASTIC_RUN_ID", "SLURM_JOB_ID"},
     .is_allowed =
         [](const Options& options) {
           return options.run_id.empty() || is_valid_id(options.run_id);
         },
     .allowed = kId,
     .help = "1–128 of `A-Za-z0-9._-`, not starting with `.` or `_`; without one "
             "`yyyymmdd-hhmmss-xxxxxx`"},
    {.name = "parent_run",
     .field = &Options::parent_run,
     .is_allowed =
         [](const Options& options) {
           return options.parent_run.empty() || is_valid_id(options.parent_run);
         },
     .allowed = kId,
     .help = "a run id"},
    {.name = "tags", .field = &Options::tags, .help = kPairs_help},
    {.name = "params", .field = &Options::params, .help = kPairs_help},
    {.name = "rank",
     .field = &Options::rank,
     .standard = "0",
     .launchers = {"RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK"},
     .is_allowed =
         [](const Options& options) { return *options.rank >= 0 && *options.rank <= INT32_MAX; },
     .allowed = "0 to 2147483647"},
    {.name = "world",
     .field = &Options::world,
     .standard = "1",
     .launchers = {"WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}},
    {.name = "local_rank",
     .field = &Options::local_rank,
     .standard = "0",
     .launchers = {"LOCAL_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"}},
    {.name = "store",
     .field = &Options::store,
     .check = check_store,
     .help = "a path, `file:///path`, or the [URL of a cloud](clouds.md)"},
    {.name = "sync",
     .field = &Options::sync,
     .standard = "interval",
     .help = "`never`, `interval`, `each_record`; see [durability](durability.md#sync-policies)"},
    {.name = "sync_interval",
     .field = &Options::sync_interval,
     .standard = "1s",
     .is_allowed =
         [](const Options& options) { return *options.sync_interval >= milliseconds(10); },
     .allowed = "10ms or more",
     .help = "10 ms or more"},
    {.name = "ship_interval",
     .field = &Options::ship_interval,
     .standard = "30s",
     .is_allowed =
         [](const Options& options) { return *options.ship_interval >= milliseconds(100); },
     .allowed = "100ms or more",
     .help = "100 ms or more; how old a record may get before it is packed"},
    {.name = "pack_bytes",
     .field = &Options::pack_bytes,
     .standard = "16MiB",
     .is_allowed = [](const Options& options) { return *options.pack_bytes >= 64u << 10; },
     .allowed = "64KiB or more",
     .help = "64 KiB or more; this much in segments is packed at once"},
    {.name = "segment_bytes",
     .field = &Options::segment_bytes,
     .standard = "4MiB",
     .is_allowed = [](const Options& options) { return is_segment_size(*options.segment_bytes); },
     .allowed = "64KiB to 64MiB and a multiple of 4096",
     .help = "64 KiB to 64 MiB, a multiple of 4096"},
    {.name = "disk_budget",
     .field = &Options::disk_budget,
     .standard = "1GiB",
     .check = check_disk_budget,
     .help = "4 segments or more; segments and packs of one journal"},
    {.name = "artifact_budget",
     .field = &Options::artifact_budget,
     .standard = "64GiB",
     .help = "artifacts of one journal, and its values over 1 MiB"},
    {.name = "overflow",
     .field = &Options::overflow,
     .standard = "drop_newest_counted",
     .help = "or `block`, `drop_oldest_packed`; see [below](#when-the-disk-is-full)"},
    {.name = "overflow_block",
     .field = &Options::overflow_block,
     .standard = "100ms",
     .help = "how long `block` waits"},
    {.name = "finish_deadline",
     .field = &Options::finish_deadline,
     .standard = "30s",
     .help = "how long the end may take"},
    {.name = "resume",
     .field = &Options::resume,
     .standard = "allow",
     .help = "`never`: fail when this rank of the run has a journal; `must`: fail when no rank has "
             "one"},
    {.name = "crash_marker",
     .field = &Options::crash_marker,
     .standard = "1",
     .help = "note [how the process died](#signals)"},
    {.name = "stop_signals",
     .field = &Options::stop_signals,
     .is_allowed =
         [](const Options& options) {
           return parse_stop_signals(options.stop_signals).has_value();
         },
     .allowed = "names of HUP, INT, QUIT, USR1, USR2, TERM, PWR, XCPU with commas between them",
     .help = "`TERM,USR1`: what announces a pre-emption; see [below](#signals)"},
    {.name = "sigbus_guard",
     .field = &Options::sigbus_guard,
     .standard = "1",
     .help = "survive a segment that is truncated under the map"},
    {.name = "keep_shipped",
     .field = &Options::keep_shipped,
     .standard = "1",
     .help = "keep shipped packs and artifacts until `runlog clean`, a budget or a full disk "
             "removes them"},
    {.name = "command_line",
     .field = &Options::command_line,
     .standard = "1",
     .help = "keep the command line in `meta.json`, without [secrets](clouds.md#credentials)"},
    {.name = "network_root",
     .field = &Options::network_root,
     .standard = "0",
     .help = "`1`: accept a root on "
             "[NFS, SMB, Lustre …](operations.md#nfs-lustre-and-other-network-file-systems)"},
    {.name = "share",
     .field = &Options::share,
     .standard = "none",
     .help = "`group`: the group may read the journals; else only their owner"},
    {.name = "open_root",
     .field = &Options::open_root,
     .standard = "0",
     .help = "`1`: accept a root that [every user may write to](operations.md#the-root)"},
};

}  // namespace

std::span<const OptionRow> option_table() noexcept {
  return kOptions;
}

std::string variable_of(std::string_view name) {
  std::string variable = "RUNLOG_";
  for (const char c : name) {
    variable += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return variable;
}

Error not_allowed(std::string_view what, std::string_view value, std::string_view allowed) {
  return Error{Errc::invalid_argument, 0,
               std::string(what) + "='" + mend_utf8(value) + "': must be " + std::string(allowed)};
}

}  // namespace runlog
