#include "run/run_core.hpp"

#include <algorithm>
#include <cassert>
#include <new>

#include "base/json_text.hpp"
#include "base/out_of_memory.hpp"
#include "base/sha256.hpp"
#include "base/utf8.hpp"
#include "platform/fault_guard.hpp"
#include "platform/fork.hpp"
#include "platform/in_call.hpp"
#include "platform/process.hpp"
#include "platform/process_exit.hpp"
#include "platform/process_key.hpp"
#include "platform/random.hpp"
#include "platform/signals.hpp"
#include "read/attempts.hpp"
#include "run/run_settings.hpp"
#include "run/start_claim.hpp"

namespace runlog {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kInline_bytes_max = 1u << 20;
/// Of the reason of an end, in its record: the segment that is set aside for it holds 64 KiB.
constexpr std::size_t kEnd_text_bytes_max = 16u << 10;
/// For what was logged after the end by exit(): a few segments at most, to be packed.
constexpr std::chrono::milliseconds kLeave_deadline{2'000};
/// What a parent sees of the status.
constexpr int kExit_status_mask = 0xff;

}  // namespace

RunEnd run_end_of(RunStatus status) noexcept {
  switch (status) {
    case RunStatus::running:
      return RunEnd::open;
    case RunStatus::complete:
      return RunEnd::complete;
    case RunStatus::failed:
      return RunEnd::failed;
    case RunStatus::cancelled:
      return RunEnd::cancelled;
  }
  return RunEnd::unknown;
}

void* RunCore::operator new(std::size_t bytes) noexcept {
  static_assert(sizeof(RunWiped) == alignof(RunWiped));
  return map_wiped(sizeof(RunWiped), bytes - sizeof(RunWiped));
}

void RunCore::operator delete(void* memory) noexcept {
  if (memory != nullptr) unmap_wiped(memory, sizeof(RunWiped), sizeof(RunCore) - sizeof(RunWiped));
}

RunCore::RunCore(Options options) : options_(std::move(options)) {
  assert(static_cast<void*>(&wiped_) == static_cast<void*>(this));
}

RunCore::~RunCore() {
  // In a child that has no part this is the parent's: copies without their threads and locks.
  delete part();
}

Result<std::shared_ptr<RunCore>> RunCore::start(Options given,
                                                const FindFileSystem& find_file_system) {
  auto options = resolve(std::move(given));
  if (!options) return std::move(options).error();
  if (auto whole = make_paths_whole(*options); !whole) return std::move(whole).error();
  const auto doubt = check_root(*options, find_file_system);
  if (!doubt) return doubt.error();
  auto claim = StartClaim::take(*options);
  if (!claim) return std::move(claim).error();
  // While exit() runs nothing is taken from those that may still call.
  std::shared_ptr<RunCore> core(new RunCore(std::move(*options)), [](RunCore* given_up) {
    const InCall in_call;  // it closes files
    if (!is_exiting()) delete given_up;
  });
  if (core == nullptr) return out_of_memory();
  core->find_file_system_ = find_file_system;
  // OpenSSL sets itself up with its first digest, and does not survive it where memory is short.
  // Not in a child: a thread of its parent may hold a lock of just that, for ever.
  if (!is_child()) (void)Sha256().finish_hex();
  const Session session = make_session();
  auto part = std::make_unique<Part>();
  part->session = to_hex(session);
  part->began = steady_clock::now();
  part->reporter = std::make_shared<ErrorReporter>(core->options_.on_error);
  auto settings = journal_settings(core->options_, session, "", part->reporter);
  settings.meta.follows = last_attempt(settings.directory.path().parent_path(), settings.meta.rank);
  auto journal = Journal::create(std::move(settings));
  if (!journal) return std::move(journal).error();
  part->journal = std::move(*journal);
  auto keeper = catch_no_memory([&] {
    return Keeper::start(part->journal,
                         keeper_settings(core->options_, core->find_file_system_, *part->journal));
  });
  if (!keeper) {
    part->journal->home().discard();
    return std::move(keeper).error();
  }
  watch_stops(parse_stop_signals(core->options_.stop_signals).value_or(0));
  claim->keep();
  part->keeper_owner = std::move(*keeper);
  part->keeper = part->keeper_owner.get();
  Part& shown = *part;
  core->part_.store(part.release(), std::memory_order_release);
  core->wiped_.has_part.store(true, std::memory_order_release);
  core->wiped_.journal.store(shown.journal.get(), std::memory_order_release);
  if (!doubt->empty()) core->report(Error{Errc::unsupported, 0, *doubt});
  return core;
}

void RunCore::report(const Error& error) const noexcept {
  if (const Part* const mine = part()) (*mine->reporter)(error);
}

std::string_view RunCore::mend_name(std::string_view name, std::string& storage) noexcept {
  if (!name.empty() && name.size() <= format::kName_bytes_max && is_utf8(name)) [[likely]]
    return name;
  wiped_.mended.fetch_add(1, std::memory_order_relaxed);
  if (name.empty()) return "unnamed";
  try {
    storage = runlog::mend_name(name, format::kName_bytes_max);
    return storage;
  } catch (const std::bad_alloc&) {
    return "unnamed";
  }
}

std::uint32_t RunCore::add_series(Journal& journal, const std::string_view& name) noexcept {
  std::string storage;
  return journal.series().find_or_add(mend_name(name, storage)).value_or(SeriesTable::kNo_series);
}

void RunCore::count_drop(std::uint64_t calls) noexcept {
  const Part* const mine = part();
  if (mine != nullptr && mine->takes_calls.load(std::memory_order_acquire)) {
    mine->journal->lane()->drops().add(DropReason::value, calls, mine->journal->now_ns());
    return;
  }
  wiped_.dropped.fetch_add(calls, std::memory_order_relaxed);
  // A child without a journal may be killed before it has one to tell of them.
  if (mine != nullptr || !takes_calls()) return;
  if (part_.load(std::memory_order_acquire)->journal->add_childs_drops(calls)) {
    wiped_.told_by_parent.fetch_add(calls, std::memory_order_relaxed);
  }
}

bool RunCore::event(format::Event event) noexcept {
  const InCall in_call;
  Journal* const journal = this->journal();
  if (journal == nullptr) {
    count_drop();
    return false;
  }
  try {
    std::string name_storage;
    std::string text_storage;
    if (event.time_ns == 0) event.time_ns = journal->now_ns();
    event.name = mend_name(event.name, name_storage);
    const std::size_t size = event.text ? event.text->size() : 0;
    if (size > kInline_bytes_max ||
        !format::SegmentWriter::fits(2 * size + 1024, *options_.segment_bytes)) {
      auto blob = stage_bytes(journal->home().living_directory(), journal->pool().room(),
                              as_bytes(*event.text));
      if (!blob) {
        report(blob.error());
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
      wiped_.spilled.fetch_add(1, std::memory_order_relaxed);
    } else if (event.text && !is_utf8(*event.text)) {
      text_storage = mend_utf8(*event.text);
      event.payload = *event.text;
      event.text = text_storage;
      wiped_.mended.fetch_add(1, std::memory_order_relaxed);
    }
    return journal->lane()->append_event(event);
  } catch (const std::bad_alloc&) {
    count_drop();
    return false;
  }
}

bool RunCore::set_property(std::string_view name, std::string_view value) noexcept {
  bool is_conflict = false;
  (void)journal();  // a child's first call: it gets its part
  if (Part* const mine = part()) {
    try {
      const std::lock_guard lock(wiped_.mutex);
      const auto [entry, is_new] = mine->properties.try_emplace(std::string(name), value);
      is_conflict = !is_new && entry->second != value;
      if (!is_new && !is_conflict) return true;  // the same value again: nothing to record
    } catch (const std::bad_alloc&) {
    }
  }
  if (is_conflict) wiped_.conflicts.fetch_add(1, std::memory_order_relaxed);
  format::Event event{.kind = Kind::property, .name = name, .text = value};
  if (is_conflict) event.int_value = 1;
  return this->event(event) && !is_conflict;
}

Result<void> RunCore::add_blob(Kind kind, std::string_view name, std::optional<std::int64_t> step,
                               const Result<Blob>& blob) {
  if (!blob) return blob.error();
  format::Event record{.kind = kind,
                       .name = name,
                       .step = step,
                       .int_value = static_cast<std::int64_t>(blob->bytes),
                       .text = blob->sha256};
  if (blob->source == Blob::Source::torn) record.payload = "changed while it was read";
  if (blob->source == Blob::Source::grew) record.payload = "grew while it was read";
  if (!event(record)) {
    return Error{Errc::no_space, 0,
                 "the record of artifact '" + std::string(name) + "' was dropped; see stats()"};
  }
  return {};
}

bool RunCore::takes_calls() const noexcept {
  // In a child that has not logged: as its parent's were when it was made.
  const Part* const shown = part_.load(std::memory_order_acquire);
  return shown != nullptr && shown->takes_calls.load(std::memory_order_acquire);
}

// The first end wins.
bool RunCore::claim_end(RunStatus status) noexcept {
  auto running = RunStatus::running;
  return status_.compare_exchange_strong(running, status);
}

void RunCore::end(RunStatus status, std::string_view code, std::string_view message) noexcept {
  const InCall in_call;
  Part* const mine = part();
  if (mine == nullptr) return;
  const auto deadline = steady_clock::now() + *options_.finish_deadline;
  try {
    std::string why(code);
    if (!message.empty()) why += (why.empty() ? "" : ": ") + std::string(message);
    End end;
    end.state = run_end_of(status);
    end.reason = mend_utf8(why);
    if (!claim_end(status)) return;
    unwatch_stops(parse_stop_signals(options_.stop_signals).value_or(0));
    append_end(*mine, status, end.reason);  // calls are still taken: only this thread gets here
    Keeper* keeper = nullptr;
    {
      const std::lock_guard lock(wiped_.mutex);  // a child may be about to get a keeper
      mine->takes_calls.store(false, std::memory_order_release);
      wiped_.journal.store(nullptr, std::memory_order_release);
      keeper = mine->keeper.load(std::memory_order_acquire);
    }
    if (keeper == nullptr) {
      (void)sync_without_keeper(*mine);
      mine->journal->home().unlock();
      return;
    }
    end.ended_unix_ns = realtime_ns();
    keeper->finish(std::move(end), deadline);
  } catch (const std::bad_alloc&) {
    // Recovery ends it.
  }
}

void RunCore::end_at_exit(int exit_status, steady_clock::time_point began) noexcept {
  const InCall in_call;
  Part* const mine = part();
  if (mine == nullptr) return;
  const auto deadline = began + *options_.finish_deadline;
  try {
    exit_status &= kExit_status_mask;
    const auto status = exit_status == 0 ? RunStatus::complete : RunStatus::failed;
    if (!claim_end(status)) return;
    End end;
    end.state = run_end_of(status);
    if (exit_status != 0) end.reason = "exit status " + std::to_string(exit_status);
    end.ended_unix_ns = realtime_ns();
    append_end(*mine, status, end.reason);
    Keeper* const keeper = mine->keeper.load(std::memory_order_acquire);
    if (keeper == nullptr) {
      (void)sync_without_keeper(*mine);
    } else {
      keeper->finish_at_exit(std::move(end), deadline);
    }
  } catch (const std::bad_alloc&) {
    // Recovery ends it.
  }
}

void RunCore::leave() noexcept {
  Part* const mine = part();
  if (mine == nullptr || !mine->takes_calls.load(std::memory_order_acquire)) return;
  const InCall in_call;
  try {
    if (Keeper* const keeper = mine->keeper.load(std::memory_order_acquire)) {
      keeper->leave(steady_clock::now() + std::min(kLeave_deadline, *options_.finish_deadline));
    }
  } catch (const std::bad_alloc&) {
    // What was logged is in the segments.
  }
}

// The last records: what was dropped where no later record of its lane could tell, and how the run
// ended. Where there is no room for them they go where room was set aside. The whole of a long
// reason is in end.json.
void RunCore::append_end(Part& part, RunStatus status, std::string_view why) noexcept {
  Journal& journal = *part.journal;
  journal.begin_end();
  journal.tell_drops_at_end(wiped_.dropped.load(std::memory_order_relaxed) -
                            wiped_.told_by_parent.load(std::memory_order_relaxed));
  format::Event record{
      .kind = Kind::status, .time_ns = journal.now_ns(), .name = run_end_name(run_end_of(status))};
  if (!why.empty()) record.text = utf8_prefix(why, kEnd_text_bytes_max);
  journal.end_event(record);
}

Wait RunCore::wait_until(Stage stage, std::chrono::milliseconds timeout) noexcept {
  const InCall in_call;
  if (stage == Stage::Committed) return Wait::Done;
  Part* const mine = part();
  // A child that has logged nothing has nothing to wait for, and no store of its own.
  if (mine == nullptr) return stage == Stage::Durable ? Wait::Done : Wait::Failed;
  if (mine->keeper.load(std::memory_order_acquire) == nullptr) {
    if (stage == Stage::Durable) return sync_without_keeper(*mine);
    start_childs_keeper(*mine);
  }
  Keeper* const keeper = mine->keeper.load(std::memory_order_acquire);
  if (keeper == nullptr) return Wait::Failed;
  using std::chrono::milliseconds;
  // A timeout beyond a year is for ever; adding it, or one long past, to now() could overflow.
  const auto bounded =
      std::clamp<milliseconds>(timeout, milliseconds(0), std::chrono::hours(24 * 365));
  return keeper->wait_until(stage, steady_clock::now() + bounded);
}

void RunCore::flush() noexcept {
  const InCall in_call;
  Part* const mine = part();
  if (mine == nullptr) return;
  start_childs_keeper(*mine);
  if (Keeper* const keeper = mine->keeper.load(std::memory_order_acquire)) keeper->flush();
}

Stats RunCore::stats() const {
  Stats stats;
  stats.dropped = wiped_.dropped.load(std::memory_order_relaxed);
  stats.spilled = wiped_.spilled.load(std::memory_order_relaxed);
  stats.names_mended = wiped_.mended.load(std::memory_order_relaxed);
  stats.times_mended = wiped_.times_mended.load(std::memory_order_relaxed);
  stats.property_conflicts = wiped_.conflicts.load(std::memory_order_relaxed);
  stats.sigbus_caught = sigbus_caught();
  const Part* const mine = part();
  if (mine == nullptr) return stats;
  Journal& journal = *mine->journal;
  try {
    stats.last_error = mine->reporter->last();
  } catch (const std::bad_alloc&) {
    // The numbers are more than the words.
  }
  stats.reports_unwritten = mine->reporter->unwritten();
  stats.records = journal.records();
  stats.dropped += journal.dropped();
  stats.dropped_series = journal.dropped_series();
  stats.segments_late = journal.pool().late();
  SegmentPool& pool = journal.pool();
  pool.room().look();
  stats.disk_bytes_now = pool.budgeted_bytes() + pool.room().artifact_bytes();
  stats.lanes = journal.lanes();
  stats.series = journal.series().size();
  if (const Keeper* const keeper = mine->keeper.load(std::memory_order_acquire)) {
    keeper->add_stats(stats);
  }
  return stats;
}

// Of the process itself or, in a child that has not logged, of the one it comes from.
std::string RunCore::session() const {
  const Part* const shown = part_.load(std::memory_order_acquire);
  return shown != nullptr ? shown->session : std::string{};
}

std::filesystem::path RunCore::journal_path() const {
  const Part* const shown = part_.load(std::memory_order_acquire);
  return shown != nullptr ? shown->journal->directory().path() : std::filesystem::path{};
}

}  // namespace runlog
