#include "run/run_settings.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/url.hpp"
#include "platform/clock.hpp"
#include "platform/file_system.hpp"
#include "platform/process.hpp"
#include "recover/neighbours.hpp"
#include "runlog/version.hpp"

namespace runlog {

Result<void> make_paths_whole(Options& options) {
  std::error_code failed;
  options.root = std::filesystem::absolute(options.root, failed);
  if (failed) return os_error(failed.value(), "cannot resolve", options.root.native());
  if (!options.store.empty() && options.store.find("://") == std::string::npos) {
    options.store = std::filesystem::absolute(options.store, failed).native();
  }
  return {};
}

Rights rights_of(const Options& options) noexcept {
  return *options.share == Share::group ? Rights::group : Rights::own;
}

namespace {

constexpr std::string_view kOpen_root =
    ", who could exchange the journals in it; set RUNLOG_OPEN_ROOT=1 where there is nobody else";

Error of_another_user(const std::filesystem::path& path, std::uint32_t owner) {
  return Error{Errc::invalid_argument, 0,
               path.native() + " belongs to another user (uid " + std::to_string(owner) + ")" +
                   std::string(kOpen_root)};
}

// A directory of journals that is there already, and the link to it. The owner of a sticky one may
// still exchange what is in it; one to which not everybody may write was not made as a trap.
Result<void> check_who_writes(const std::filesystem::path& path) {
  const auto directory = stat_file(path);
  const auto name = stat_name(path);
  if (!directory || !name) return {};
  if (directory->is_writable_by_all && !directory->is_sticky) {
    return Error{Errc::invalid_argument, 0,
                 path.native() + " may be written to by every user (chmod +t or o-w it)" +
                     std::string(kOpen_root)};
  }
  if (directory->is_writable_by_all && !is_trusted(*directory)) {
    return of_another_user(path, directory->owner);
  }
  if (!name->is_directory && !is_trusted(*name)) return of_another_user(path, name->owner);
  return {};
}

Result<void> check_who_writes(const Options& options) {
  if (*options.open_root) return {};
  const std::filesystem::path run = options.root / options.run_id;
  if (auto root = check_who_writes(options.root); !root) return root;
  // A server may show what this user has made as another's.
  const auto made = stat_name(run);
  if (made && !is_trusted(*made) && !*options.network_root)
    return of_another_user(run, made->owner);
  return check_who_writes(run);
}

}  // namespace

Result<std::string> check_root(const Options& options, const FindFileSystem& find_file_system) {
  if (auto checked = check_who_writes(options); !checked) return checked.error();
  if (*options.network_root) return std::string{};
  const FileSystemKind kind = find_file_system(options.root);
  const std::string where = options.root.native() + " is on " + std::string(kind.name);
  switch (kind.place) {
    case FileSystemKind::Place::here:
      return std::string{};
    case FileSystemKind::Place::unclear:
      return where +
             ": what was logged survives this process only if the program behind that mount "
             "does; a local disk is safer (RUNLOG_NETWORK_ROOT=1 silences this)";
    case FileSystemKind::Place::network:
      break;
  }
  return Error{Errc::unsupported, 0,
               where +
                   ", where a log call may wait for the server, and records may be lost when the "
                   "server's disk is full; use a local disk and a store, or set "
                   "RUNLOG_NETWORK_ROOT=1 to log there all the same"};
}

namespace {

Meta make_meta(const Options& options, const Session& session, const ProcessIdentity& process,
               std::string parent_session) {
  Meta meta;
  meta.runlog_version = kVersion;
  meta.run_id = options.run_id;
  meta.project = options.project;
  meta.experiment = options.experiment;
  meta.name = options.name;
  meta.group = options.group;
  meta.parent_run = options.parent_run;
  meta.parent_session = std::move(parent_session);
  meta.session = to_hex(session);
  meta.rank = *options.rank;
  meta.world = *options.world;
  meta.local_rank = *options.local_rank;
  meta.host = process.host;
  meta.boot_id = process.boot_id;
  meta.pid = process.pid;
  meta.start_ticks = process.start_ticks;
  if (*options.command_line) meta.command_line = process.command_line;
  meta.created_unix_ns = realtime_ns();
  meta.store_url = without_secrets(options.store);
  meta.segment_bytes = *options.segment_bytes;
  meta.evicts_unshipped = *options.overflow == Overflow::drop_oldest_packed;
  return meta;
}

}  // namespace

Journal::Settings journal_settings(const Options& options, const Session& session,
                                   std::string parent_session,
                                   std::shared_ptr<ErrorReporter> reporter) {
  ProcessIdentity process = this_process();
  Meta meta = make_meta(options, session, process, std::move(parent_session));
  return {.directory = JournalDir::of(options.root, options.run_id, *options.rank, session),
          .meta = std::move(meta),
          .process = std::move(process),
          .session = session,
          .limits = {.segment_bytes = *options.segment_bytes,
                     .disk_budget = *options.disk_budget,
                     .artifact_budget = *options.artifact_budget,
                     .guard_sigbus = *options.sigbus_guard},
          .overflow = *options.overflow,
          .overflow_block = *options.overflow_block,
          .sync_each_record = *options.sync == Sync::each_record,
          .crash_marker = *options.crash_marker,
          .rights = rights_of(options),
          .report = [reporter = std::move(reporter)](const Error& error) { (*reporter)(error); }};
}

Keeper::Settings keeper_settings(const Options& options, const FindFileSystem& find_file_system,
                                 const Journal& journal) {
  auto neighbours =
      std::make_shared<Neighbours>(Neighbours::Settings{.journal = journal.directory().path(),
                                                        .root = options.root,
                                                        .store_url = options.store,
                                                        .keep_shipped = *options.keep_shipped,
                                                        .trusts_all = *options.open_root,
                                                        .find_file_system = find_file_system,
                                                        .report = journal.settings().report});
  return {.sync = *options.sync,
          .sync_interval = *options.sync_interval,
          .ship_interval = *options.ship_interval,
          .pack_bytes = *options.pack_bytes,
          .overflow = *options.overflow,
          .keep_shipped = *options.keep_shipped,
          .store_url = options.store,
          .adopt_neighbours = [neighbours](const Adoptions& work) { neighbours->adopt(work); },
          .report = journal.settings().report};
}

}  // namespace runlog
