#include "journal/lane.hpp"

#include <algorithm>
#include <chrono>
#include <new>

#include "base/out_of_memory.hpp"
#include "platform/clock.hpp"
#include "platform/crash_point.hpp"
#include "platform/file_system.hpp"
#include "platform/in_call.hpp"

namespace runlog {
namespace {

// Of a clock that nobody sets.
std::int64_t monotonic_ns() noexcept {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

constexpr std::int64_t kRetry_prepare_ns = 100'000'000;
/// So long a writer that drops works for room, each time; what it has not come to is the keeper's.
constexpr std::chrono::milliseconds kHelp_max{500};
// An append needs at most a few rounds: a segment found closed, one that is full, a fresh one.
constexpr int kAppend_rounds_max = 8;

// Once in sixteen blocks, and so kept out of append_in_block_order().
[[gnu::noinline, gnu::hot]] bool declare_behind_head(format::SegmentWriter& writer,
                                                     format::Declarations& declarations,
                                                     const SeriesTable& table, std::uint32_t series,
                                                     bool has_step, std::int64_t step,
                                                     std::int64_t time_ns) noexcept {
  const std::string_view name = table.name(series);
  if (name.empty() || !declarations.has_room(series)) return false;
  while (!writer.try_append_series<true>(series, name)) {
    const std::size_t bytes = format::SegmentWriter::series_bytes(name);
    if (!writer.try_begin_block<true>(bytes, has_step, step, time_ns)) return false;
  }
  return declarations.set_declared(series);
}

}  // namespace

Lane::~Lane() {
  if (OpenSegment* const segment = segment_) segment->release();
}

// All in one piece and, where nothing has to be declared, without a call: what runs so rarely has
// left the caches when its turn comes, and each further place that code or data is fetched from
// took 0.1 to 1 µs (docs/decisions/0010).
bool Lane::append_in_block_order(format::SegmentWriter& writer, format::Tag tag,
                                 std::uint32_t series, std::uint64_t bits, bool has_step,
                                 std::int64_t step, std::int64_t time_ns) noexcept {
  if (writer.stretch_is_over()) {
    writer.begin_stretch();
    declarations_.begin_stretch();
  }
  if (!declarations_.is_declared(series) &&
      !declare_behind_head(writer, declarations_, shared_.series, series, has_step, step,
                           time_ns)) {
    return false;
  }
  while (!writer.try_append_metric<true>(tag, series, bits, has_step, step, time_ns)) {
    if (!writer.try_begin_block<true>(format::kMetric_bytes, has_step, step, time_ns)) return false;
  }
  return true;
}

template <typename Put>
bool Lane::append(std::int64_t time_ns, Put&& put) noexcept {
  std::int64_t give_up_at_ns = 0;
  for (int round = 0; round < kAppend_rounds_max; ++round) {
    OpenSegment* const segment = segment_.load(std::memory_order_relaxed);
    if (segment == nullptr) [[unlikely]] {
      if (!open_segment(time_ns, give_up_at_ns)) break;
      continue;
    }
    if (const std::uint32_t requests = segment->gate.enter(shared_.asymmetric_gate)) [[unlikely]] {
      if ((requests & Gate::kClose) != 0) {
        let_go();
        continue;
      }
      segment->gate.done(Gate::kMove_on);
      (void)segment->writer.begin_block(
          time_ns);  // when it does not fit, the append will not either
    }
    if (segment->writer.stretch_is_over()) [[unlikely]] {
      segment->writer.begin_stretch();
      declarations_.begin_stretch();
    }
    const bool is_in = put(segment->writer);
    if (is_in) {
      if (shared_.sync_each_record) sync_record();
      segment->gate.leave();
      return true;
    }
    segment->gate.request(Gate::kClose);  // full
    let_go();
  }
  return false;
}

void Lane::append_any(std::span<const Scalar> scalars, bool has_step, std::int64_t step,
                      std::int64_t time_ns) noexcept {
  // Of a segment that fills up in the middle, the rest goes into another.
  std::size_t next = 0;
  std::size_t unknown = 0;
  (void)append(time_ns, [&](format::SegmentWriter& writer) {
    for (; next < scalars.size(); ++next) {
      const Scalar& scalar = scalars[next];
      if (!declarations_.is_declared(scalar.series)) {
        if (scalar.series >= shared_.series.size()) {  // a handle that got no series
          ++unknown;
          continue;
        }
        if (!declare(writer, scalar.series, time_ns)) return false;
      }
      if (!writer.append_metric(scalar.tag, scalar.series, scalar.bits, has_step, step, time_ns)) {
        return false;
      }
    }
    return true;
  });
  if (next != scalars.size()) drops_.add(no_segment_why_, scalars.size() - next, time_ns);
  if (unknown != 0) drops_.add(DropReason::series, unknown, time_ns);
}

bool Lane::append_event(const format::Event& event) noexcept {
  if (try_append_event(event)) return true;
  drops_.add(no_segment_why_, 1, event.time_ns);
  return false;
}

bool Lane::try_append_event(const format::Event& event) noexcept {
  return format::SegmentWriter::fits(event.payload_bytes(), shared_.pool.limits().segment_bytes) &&
         append(event.time_ns,
                [&](format::SegmentWriter& writer) { return writer.append_event(event); });
}

bool Lane::append_gap(DropReason reason, std::uint64_t calls, std::int64_t time_ns) noexcept {
  return append(time_ns, [&](format::SegmentWriter& writer) {
    return put_gap(writer, reason, calls, time_ns);
  });
}

bool Lane::put_gap(format::SegmentWriter& writer, DropReason reason, std::uint64_t calls,
                   std::int64_t time_ns) noexcept {
  drops_.begin_telling(reason, calls, writer.next_seq());
  const bool is_told = writer.append_event(gap_event(reason, calls, time_ns));
  drops_.end_telling(reason, calls, is_told);
  return is_told;
}

bool Lane::declare(format::SegmentWriter& writer, std::uint32_t series,
                   std::int64_t time_ns) noexcept {
  return writer.append_series(series, shared_.series.name(series), time_ns) &&
         declarations_.set_declared(series);
}

// Ends the append that is under way, and the lane's claim on its segment: what was appended belongs
// to the keeper now. The next segment continues the numbering.
void Lane::let_go() noexcept {
  OpenSegment* const segment = segment_;
  next_seq_ = segment->writer.next_seq();
  segment->gate.leave();
  quick_segment_ = nullptr;
  segment_ = nullptr;
  segment->release();
}

std::uint64_t Lane::records() const noexcept {
  const SegmentLook look;
  const OpenSegment* const segment = segment_;
  const std::int64_t next = segment != nullptr ? segment->writer.next_seq() : next_seq_.load();
  return static_cast<std::uint64_t>(next);
}

template <typename Work>
void Lane::report_failure(Work&& work) noexcept {
  try {
    const Result<void> done = work();
    if (!done && shared_.report) shared_.report(done.error());
  } catch (const std::bad_alloc&) {
    if (shared_.report) shared_.report(out_of_memory());
  }
}

// `work` takes its time. Of the lane that threads share, others are the writer meanwhile, so that
// each waits its own time and not one behind the other; they may have opened a segment then.
template <typename Work>
void Lane::let_others_in(Work&& work) noexcept {
  if (shared_by_ != nullptr) shared_by_->unlock();
  work();
  if (shared_by_ != nullptr) shared_by_->lock();
}

// There was no room. nullptr: there is none now either, or another thread has opened a segment.
OpenSegment* Lane::wait_for_room(const Error& why, std::int64_t give_up_at_ns) noexcept {
  if (shared_.wake) shared_.wake();
  OpenSegment* segment = nullptr;
  if (shared_.help && why.code == Errc::no_space) {
    const bool blocks = shared_.overflow == Overflow::block;
    let_others_in(
        [&] { shared_.help(blocks ? std::min(shared_.overflow_block, kHelp_max) : kHelp_max); });
    if (segment_ == nullptr) segment = shared_.pool.take();
  }
  if (shared_.overflow != Overflow::block || !shared_.wait_for_spare) return segment;
  // Again where another lane was quicker.
  while (segment == nullptr && segment_ == nullptr &&
         !shared_.is_ending.load(std::memory_order_relaxed)) {
    const std::int64_t left_ns = give_up_at_ns - monotonic_ns();
    if (left_ns <= 0) break;
    let_others_in([&] {
      shared_.wait_for_spare(
          std::chrono::ceil<std::chrono::milliseconds>(std::chrono::nanoseconds(left_ns)));
    });
    if (segment_ == nullptr) segment = shared_.pool.take();
  }
  return segment;
}

// The keeper is late, or there is none (a forked child): the writer makes a segment itself.
// nullptr: there is no room, or another thread was quicker and segment_ is set.
OpenSegment* Lane::prepare_segment(std::int64_t now_ns, std::int64_t& give_up_at_ns) noexcept {
  // The file system may take its time to say no.
  Result<OpenSegment*> prepared = nullptr;
  const auto prepare = [&] { prepared = shared_.pool.prepare(); };
  const bool blocks = shared_.overflow == Overflow::block;
  if (blocks) {
    let_others_in(prepare);
  } else {
    prepare();
  }
  if (segment_ != nullptr) {
    if (prepared) shared_.pool.add(*prepared);
    return nullptr;
  }
  if (prepared) {
    shared_.pool.count_late();
    return *prepared;
  }
  no_segment_why_ = drop_reason(prepared.error());
  const bool is_worth_telling = prepared.error().code != Errc::finished && !is_parents_call();
  if (is_worth_telling && shared_.report) shared_.report(prepared.error());
  // Under `block` each call waits its time.
  retry_at_ns_ = blocks ? now_ns : now_ns + kRetry_prepare_ns;
  if (give_up_at_ns == 0) {
    give_up_at_ns = now_ns + std::chrono::nanoseconds(shared_.overflow_block).count();
  }
  return wait_for_room(prepared.error(), give_up_at_ns);
}

// `give_up_at_ns`: of this call under Overflow::block, once it has waited; 0 before.
bool Lane::open_segment(std::int64_t time_ns, std::int64_t& give_up_at_ns) noexcept {
  const InCall in_call;
  OpenSegment* segment = is_for_end_ ? shared_.pool.take_for_end() : shared_.pool.take();
  if (segment == nullptr && is_for_end_) return false;
  if (segment == nullptr) {
    // Not by the record's time, which may be any: the caller may have given it.
    const std::int64_t now_ns = monotonic_ns();
    if (now_ns >= retry_at_ns_) segment = prepare_segment(now_ns, give_up_at_ns);
    if (segment_ != nullptr) return true;
    if (segment == nullptr) return false;
  }
  retry_at_ns_ = 0;
  drops_.note_segment(segment->number);
  segment->lane = number_;
  segment->header = {.session = shared_.session,
                     .number = segment->number,
                     .lane = number_,
                     .first_seq = next_seq_,
                     .created_ns = time_ns,
                     .segment_bytes = static_cast<std::uint32_t>(segment->file.bytes().size())};
  segment->writer.begin(segment->file.bytes(), segment->header, time_ns);
  declarations_.begin_stretch();
  tell_drops(segment->writer, time_ns);
  segment_ = segment;
  quick_segment_ = is_quick_ ? segment : nullptr;
  crash_point("in_lane_change");
  hand_over(*segment);
  return true;
}

// To the keeper and the syncer.
void Lane::hand_over(OpenSegment& segment) noexcept {
  segment.retain();
  OpenSegment* head = shared_.opened.load(std::memory_order_relaxed);
  do {
    segment.next_opened = head;
    // release: pairs with the acquire of Journal::take_opened
  } while (!shared_.opened.compare_exchange_weak(head, &segment, std::memory_order_release,
                                                 std::memory_order_relaxed));
  if (shared_.sync_each_record) {
    // The record is only as durable as the name of its file.
    report_failure([&]() -> Result<void> {
      auto synced = sync_directory(segment.file.path().parent_path());
      if (!synced) segment.gate.request(Gate::kBroken);  // the keeper saves what it holds
      return synced;
    });
  }
  if (shared_.pool.is_low() && shared_.wake) shared_.wake();
}

void Lane::tell_drops(format::SegmentWriter& writer, std::int64_t time_ns) noexcept {
  for (std::size_t i = 0; i < kDrop_reasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    const std::uint64_t untold = drops_.claim(reason);
    if (untold != 0 && !put_gap(writer, reason, untold, time_ns)) drops_.give_back(reason, untold);
  }
}

// Sync::each_record. Inside the gate, so the keeper cannot end the map meanwhile.
void Lane::sync_record() noexcept {
  const InCall in_call;
  OpenSegment* const segment = segment_;
  report_failure([&]() -> Result<void> {
    auto synced = segment->file.sync(0, segment->writer.at());
    if (synced) return synced;
    // The file is not trusted again (keep/syncer); the keeper saves what it holds.
    segment->gate.request(Gate::kClose);
    segment->gate.request(Gate::kBroken);
    if (shared_.wake) shared_.wake();
    return synced;
  });
}

}  // namespace runlog
