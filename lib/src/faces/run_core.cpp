#include "faces/run_core.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <new>

#include "base/json_text.hpp"
#include "base/utf8.hpp"
#include "platform/process.hpp"
#include "runlog/version.hpp"

namespace runlog {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kInline_bytes_max = 1u << 20;

std::string_view status_text(RunStatus status) noexcept {
  switch (status) {
    case RunStatus::running:
      return "running";
    case RunStatus::complete:
      return "complete";
    case RunStatus::failed:
      return "failed";
    case RunStatus::cancelled:
      return "cancelled";
  }
  return "unknown";
}

// Whether a journal may be below `root`. Told beside success: a doubt that the user should know of.
Result<std::string> check_root(const Options& options, const FindFileSystem& find_file_system) {
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

}  // namespace

void ErrorReporter::operator()(const Error& error) noexcept {
  try {
    {
      const std::lock_guard lock(mutex_);
      last_ = error.message;
      const auto now = steady_clock::now();
      if (now < next_at_) return;
      next_at_ = now + std::chrono::seconds(1);
    }
    if (sink_) {
      sink_(error);
    } else {
      std::fprintf(stderr, "runlog: %s\n", error.message.c_str());
    }
  } catch (...) {
    // A sink that throws, or no memory for the text: the job goes on.
  }
}

std::string ErrorReporter::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

RunCore::RunCore(Options options)
    : options_(std::move(options)), reporter_(std::make_shared<ErrorReporter>(options_.on_error)) {
  enlist();
}

RunCore::~RunCore() {
  delist();
  if (is_child_.load()) {
    // The parent's keeper and journal are copies without their threads and locks: leave them be.
    (void)new (std::nothrow) std::shared_ptr<Keeper>(std::move(keeper_));
  }
}

Meta RunCore::make_meta(const Session& session, std::string parent_session) const {
  const ProcessIdentity process = this_process();
  Meta meta;
  meta.runlog_version = kVersion;
  meta.run_id = options_.run_id;
  meta.project = options_.project;
  meta.experiment = options_.experiment;
  meta.name = options_.name;
  meta.group = options_.group;
  meta.parent_run = options_.parent_run;
  meta.parent_session = std::move(parent_session);
  meta.session = to_hex(session);
  meta.rank = *options_.rank;
  meta.world = *options_.world;
  meta.local_rank = *options_.local_rank;
  meta.host = process.host;
  meta.boot_id = process.boot_id;
  meta.pid = process.pid;
  meta.start_ticks = process.start_ticks;
  meta.command_line = process.command_line;
  meta.created_unix_ns = realtime_ns();
  meta.store_url = without_secrets(options_.store);
  meta.segment_bytes = *options_.segment_bytes;
  meta.evicts_unshipped = *options_.overflow == Overflow::drop_oldest_packed;
  return meta;
}

Journal::Settings RunCore::journal_settings(const Session& session, Meta meta) const {
  return {.directory = JournalDir::of(options_.root, options_.run_id, *options_.rank, session),
          .meta = std::move(meta),
          .session = session,
          .limits = {.segment_bytes = *options_.segment_bytes,
                     .disk_budget = *options_.disk_budget,
                     .guard_sigbus = *options_.sigbus_guard},
          .overflow = *options_.overflow,
          .overflow_block = *options_.overflow_block,
          .sync_each_record = *options_.sync == Sync::each_record,
          .crash_marker = *options_.crash_marker,
          .report = [reporter = reporter_](const Error& error) { (*reporter)(error); }};
}

Result<std::shared_ptr<RunCore>> RunCore::start(Options given,
                                                const FindFileSystem& find_file_system) {
  auto options = resolve(std::move(given));
  if (!options) return std::move(options).error();
  // The job may change its directory, and recovery runs in another: keep whole paths.
  std::error_code failed;
  options->root = std::filesystem::absolute(options->root, failed);
  if (failed) return os_error(failed.value(), "cannot resolve", options->root.native());
  if (!options->store.empty() && options->store.find("://") == std::string::npos) {
    options->store = std::filesystem::absolute(options->store, failed).native();
  }
  const auto doubt = check_root(*options, find_file_system);
  if (!doubt) return doubt.error();
  const std::filesystem::path run_path = options->root / options->run_id;
  if (*options->resume != Resume::allow) {
    const auto earlier = find_journals(run_path);
    const bool exists = earlier && !earlier->empty();
    if (exists && *options->resume == Resume::never) {
      return Error{
          Errc::already_exists, 0,
          run_path.native() + " has journals already; choose another run_id, or resume=allow"};
    }
    if (!exists && *options->resume == Resume::must) {
      return Error{Errc::not_found, 0,
                   run_path.native() + " has no journal to resume; check run_id and root"};
    }
  }
  std::shared_ptr<RunCore> core(new RunCore(std::move(*options)));
  const Options& use = core->options_;
  const Session session = make_session();
  auto journal = Journal::create(core->journal_settings(session, core->make_meta(session, "")));
  if (!journal) return std::move(journal).error();
  auto keeper = Keeper::start(*journal, {.sync = *use.sync,
                                         .sync_interval = *use.sync_interval,
                                         .ship_interval = *use.ship_interval,
                                         .pack_bytes = *use.pack_bytes,
                                         .overflow = *use.overflow,
                                         .keep_shipped = *use.keep_shipped,
                                         .store_url = use.store,
                                         .root = use.root,
                                         .find_file_system = find_file_system,
                                         .report = (*journal)->settings().report});
  if (!keeper) return std::move(keeper).error();
  core->session_ = to_hex(session);
  core->keeper_ = std::move(*keeper);
  core->journal_owner_ = std::move(*journal);
  core->journal_.store(core->journal_owner_.get(), std::memory_order_release);
  if (!doubt->empty()) (*core->reporter_)(Error{Errc::unsupported, 0, *doubt});
  return core;
}

std::string_view RunCore::mend_name(std::string_view name, std::string& storage) noexcept {
  if (!name.empty() && name.size() <= format::kName_bytes_max && is_utf8(name)) [[likely]]
    return name;
  mended_.fetch_add(1, std::memory_order_relaxed);
  if (name.empty()) return "unnamed";
  try {
    storage = mend_utf8(name);
    if (storage.size() > format::kName_bytes_max) {
      // The checksum keeps two long names apart that begin alike.
      std::array<char, 12> tail{};
      std::snprintf(tail.data(), tail.size(), "~%08x", crc32c(as_bytes(name)));
      storage = std::string(utf8_prefix(storage, format::kName_bytes_max - 9)) + tail.data();
    }
    return storage;
  } catch (const std::bad_alloc&) {
    return "unnamed";
  }
}

std::uint32_t RunCore::add_series(Journal& journal, const std::string_view& name) noexcept {
  std::string storage;
  return journal.series().find_or_add(mend_name(name, storage)).value_or(SeriesTable::kNo_series);
}

bool RunCore::event(format::Event event) noexcept {
  Journal* const journal = this->journal();
  if (journal == nullptr) {
    count_drop();
    return false;
  }
  try {
    std::string name_storage;
    std::string text_storage;
    event.time_ns = journal->now_ns();
    event.name = mend_name(event.name, name_storage);
    const std::size_t size = event.text ? event.text->size() : 0;
    if (size > kInline_bytes_max ||
        !format::SegmentWriter::fits(2 * size + 1024, *options_.segment_bytes)) {
      auto blob = stage_bytes(journal->living_directory(), as_bytes(*event.text));
      if (!blob) {
        (*reporter_)(blob.error());
        count_drop();
        return false;
      }
      JsonObject(text_storage)
          .add("kind", kind_name(event.kind))
          .add("sha256", blob->sha256)
          .add("bytes", static_cast<std::int64_t>(blob->bytes))
          .end();
      event.kind = Kind::spill;
      event.text = text_storage;
      spilled_.fetch_add(1, std::memory_order_relaxed);
    } else if (event.text && !is_utf8(*event.text)) {
      text_storage = mend_utf8(*event.text);
      event.payload = *event.text;
      event.text = text_storage;
      mended_.fetch_add(1, std::memory_order_relaxed);
    }
    return journal->event(event);
  } catch (const std::bad_alloc&) {
    count_drop();
    return false;
  }
}

bool RunCore::set_property(std::string_view name, std::string_view value) noexcept {
  bool is_conflict = false;
  try {
    const std::lock_guard lock(mutex_);
    const auto [entry, is_new] = properties_.try_emplace(std::string(name), value);
    is_conflict = !is_new && entry->second != value;
    if (!is_new && !is_conflict) return true;  // the same value again: nothing to record
  } catch (const std::bad_alloc&) {
  }
  if (is_conflict) conflicts_.fetch_add(1, std::memory_order_relaxed);
  format::Event event{.kind = Kind::property, .name = name, .text = value};
  if (is_conflict) event.int_value = 1;
  return this->event(event) && !is_conflict;
}

Result<void> RunCore::add_blob(Kind kind, std::string_view name, std::optional<std::int64_t> step,
                               const Result<Blob>& blob) noexcept {
  if (!blob) return blob.error();
  const std::string_view torn = "changed while it was read";
  format::Event record{.kind = kind,
                       .name = name,
                       .step = step,
                       .int_value = static_cast<std::int64_t>(blob->bytes),
                       .text = blob->sha256};
  if (blob->is_torn) record.payload = torn;
  if (!event(record)) {
    return Error{Errc::no_space, 0,
                 "the record of artifact '" + std::string(name) + "' was dropped; see stats()"};
  }
  return {};
}

void RunCore::end(RunStatus status, std::string_view code, std::string_view message) noexcept {
  if (is_untouched_child()) return;
  auto running = RunStatus::running;
  const auto deadline = steady_clock::now() + *options_.finish_deadline;
  try {
    std::string why(code);
    if (!message.empty()) why += (why.empty() ? "" : ": ") + std::string(message);
    if (this->status() != RunStatus::running) return;
    format::Event record{.kind = Kind::status, .name = status_text(status)};
    if (!why.empty()) record.text = why;
    if (!status_.compare_exchange_strong(running, status)) return;  // the first end wins
    append_end(record,
               deadline);  // journal_ is still set: only this thread gets past the line above
    journal_.store(nullptr, std::memory_order_release);
    if (is_child_.load()) {
      (void)sync_child();
      const std::lock_guard lock(mutex_);
      if (journal_owner_) journal_owner_->unlock();
      return;
    }
    End end;
    end.state = status_text(status);
    end.reason = mend_utf8(why);
    end.ended_unix_ns = realtime_ns();
    if (keeper_) keeper_->finish(std::move(end), deadline);
  } catch (const std::bad_alloc&) {
    // Recovery ends it.
  }
}

// What was dropped and is told by no gap record yet.
std::uint64_t RunCore::untold_drops(const Journal& journal) const noexcept {
  return journal.dropped() - journal.gapped() + dropped_.load(std::memory_order_relaxed);
}

// The last records: how the run ended, and how many were dropped where no later record of their
// lane could tell. The room they were dropped for lack of may be there once the keeper has packed.
void RunCore::append_end(const format::Event& end, steady_clock::time_point deadline) noexcept {
  Journal* const journal = this->journal();
  if (journal == nullptr) return;
  if (untold_drops(*journal) > 0 && !is_child_.load() && keeper_) (void)keeper_->pack_now(deadline);
  event(end);
  // Counted only now: the end record may have opened a segment, which begins with its lane's own
  // gap.
  if (const std::uint64_t untold = untold_drops(*journal); untold > 0) {
    (void)journal->event({.kind = Kind::gap,
                          .time_ns = journal->now_ns(),
                          .name = "dropped",
                          .int_value = static_cast<std::int64_t>(untold),
                          .text = "told at the end of the run"});
  }
}

Wait RunCore::wait_until(Stage stage, std::chrono::milliseconds timeout) noexcept {
  if (stage == Stage::Committed) return Wait::Done;
  if (is_child_.load()) {
    if (stage == Stage::Shipped) return Wait::Failed;
    return is_untouched_child() ? Wait::Done : sync_child();
  }
  // A timeout beyond a year is for ever; adding it to now() could overflow.
  const auto bounded = std::min<std::chrono::milliseconds>(timeout, std::chrono::hours(24 * 365));
  return keeper_->wait_until(stage, steady_clock::now() + bounded);
}

void RunCore::flush() noexcept {
  if (!is_child_.load() && keeper_) keeper_->flush();
}

Stats RunCore::stats() const {
  Stats stats;
  std::shared_ptr<Journal> journal;
  {
    const std::lock_guard lock(mutex_);
    journal = journal_owner_;
  }
  stats.dropped = dropped_.load(std::memory_order_relaxed);
  stats.spilled = spilled_.load(std::memory_order_relaxed);
  stats.names_mended = mended_.load(std::memory_order_relaxed);
  stats.property_conflicts = conflicts_.load(std::memory_order_relaxed);
  stats.sigbus_caught = sigbus_caught();
  stats.last_error = reporter_->last();
  if (journal && !is_untouched_child()) {
    stats.records = journal->records();
    stats.dropped += journal->dropped();
    stats.segments_late = journal->pool().late();
    stats.disk_bytes_now = journal->pool().disk_bytes();
    stats.lanes = journal->lanes();
    stats.series = journal->series().size();
  }
  if (!is_child_.load() && keeper_) keeper_->add_stats(stats);
  return stats;
}

std::string RunCore::session() const {
  const std::lock_guard lock(mutex_);
  return session_;
}

std::filesystem::path RunCore::journal_path() const {
  const std::lock_guard lock(mutex_);
  return journal_owner_ ? journal_owner_->directory().path() : std::filesystem::path{};
}

}  // namespace runlog
