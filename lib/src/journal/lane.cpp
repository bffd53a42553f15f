#include "journal/lane.hpp"

#include "platform/clock.hpp"
#include "platform/crash_point.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

constexpr std::int64_t kRetry_prepare_ns = 100'000'000;
// An append needs at most a few rounds: a segment found closed, one that is full, a fresh one.
constexpr int kAppend_rounds_max = 8;
/// Of declare_behind_head(): 0x2f1 bytes as g++ 12 makes it.
constexpr std::size_t kDeclare_code_bytes = 768;

// Once in sixteen blocks, and so kept out of append_behind_head().
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

// For a declaration a block later. What it needs has left the caches since the last one, and would
// be waited for line by line (docs/decisions/0017). Code fetched as data comes as far as the second
// cache.
[[gnu::noinline]] void prefetch_declaration(const SeriesTable& table,
                                            std::uint32_t series) noexcept {
  const auto* const code = reinterpret_cast<const char*>(&declare_behind_head);
  for (std::size_t at = 0; at < kDeclare_code_bytes; at += 64) __builtin_prefetch(code + at);
  __builtin_prefetch(table.name(series).data());
}

}  // namespace

Lane::~Lane() {
  if (OpenSegment* const segment = segment_) segment->release();
}

// All in one piece and, where nothing has to be declared, without a call: what runs so rarely has
// left the caches when its turn comes, and each further place that code or data is fetched from
// took 0.1 to 1 µs (docs/decisions/0017).
bool Lane::append_behind_head(format::SegmentWriter& writer, format::Tag tag, std::uint32_t series,
                              std::uint64_t bits, bool has_step, std::int64_t step,
                              std::int64_t time_ns) noexcept {
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
  if (writer.is_at_end_of_stretch()) prefetch_declaration(shared_.series, series);
  return true;
}

template <typename Put>
bool Lane::append(std::int64_t time_ns, Put&& put) noexcept {
  for (int round = 0; round < kAppend_rounds_max; ++round) {
    OpenSegment* const segment = segment_.load(std::memory_order_relaxed);
    if (segment == nullptr) [[unlikely]] {
      if (!open_segment(time_ns)) break;
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

void Lane::append_metrics_slowly(std::span<const Scalar> scalars, bool has_step, std::int64_t step,
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
  if (const std::size_t lost = scalars.size() - next + unknown; lost != 0) count(dropped_, lost);
}

bool Lane::append_event(const format::Event& event) noexcept {
  if (!format::SegmentWriter::fits(event.payload_bytes(), shared_.pool.limits().segment_bytes)) {
    count(dropped_, 1);
    return false;
  }
  const bool is_in = append(
      event.time_ns, [&](format::SegmentWriter& writer) { return writer.append_event(event); });
  if (!is_in) count(dropped_, 1);
  return is_in;
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

bool Lane::open_segment(std::int64_t time_ns) noexcept {
  OpenSegment* segment = shared_.pool.take();
  if (segment == nullptr && time_ns >= retry_at_ns_) {
    // The keeper is late, or there is none (a forked child): the writer goes on by itself.
    auto prepared = shared_.pool.prepare();
    if (prepared) {
      segment = *prepared;
      shared_.pool.count_late();
    } else {
      const bool is_worth_telling = prepared.error().code != Errc::finished;
      if (is_worth_telling && shared_.report) shared_.report(prepared.error());
      if (shared_.wake) shared_.wake();
      if (shared_.overflow == Overflow::block && shared_.wait_for_spare) {
        shared_.wait_for_spare(shared_.overflow_block);
        segment = shared_.pool.take();
      }
      retry_at_ns_ = time_ns + kRetry_prepare_ns;
    }
  }
  if (segment == nullptr) return false;
  retry_at_ns_ = 0;
  segment->lane = number_;
  segment->header = {.session = shared_.session,
                     .number = segment->number,
                     .lane = number_,
                     .first_seq = next_seq_,
                     .created_ns = time_ns,
                     .segment_bytes = static_cast<std::uint32_t>(segment->file.bytes().size())};
  segment->writer.begin(segment->file.bytes(), segment->header, time_ns);
  declarations_.begin_stretch();
  if (const std::uint64_t pending = dropped() - gapped(); pending > 0) {
    const format::Event gap{.kind = Kind::gap,
                            .time_ns = time_ns,
                            .name = "dropped",
                            .int_value = static_cast<std::int64_t>(pending),
                            .text = "no space for a segment (disk full, quota or disk budget)"};
    if (segment->writer.append_event(gap)) count(gapped_, pending);
  }
  segment_ = segment;
  quick_segment_ = is_quick_ ? segment : nullptr;
  crash_point("in_lane_change");
  segment->retain();  // the keeper's
  OpenSegment* head = shared_.opened.load(std::memory_order_relaxed);
  do {
    segment->next_opened = head;
    // release: pairs with the acquire of Journal::take_opened
  } while (!shared_.opened.compare_exchange_weak(head, segment, std::memory_order_release,
                                                 std::memory_order_relaxed));
  if (shared_.sync_each_record) {
    // The record is only as durable as the name of its file.
    const auto synced = sync_directory(segment->file.path().parent_path());
    if (!synced && shared_.report) shared_.report(synced.error());
  }
  if (shared_.pool.is_low() && shared_.wake) shared_.wake();
  return true;
}

// Sync::each_record. Inside the gate, so the keeper cannot end the map meanwhile.
void Lane::sync_record() noexcept {
  const OpenSegment* const segment = segment_;
  const auto synced = sync_data(segment->file.fd(), segment->file.path());
  if (!synced && shared_.report) shared_.report(synced.error());
}

}  // namespace runlog
