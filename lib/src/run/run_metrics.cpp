// The metrics of a Run, a Metric and a Step: the hot path. Their common case is one straight piece
// of code (docs/decisions/0010), for which this file has a compiler flag of its own.
#include <array>
#include <span>

#include "run/run_core.hpp"
#include "runlog/run.hpp"

namespace runlog {
namespace {

// A metric goes through the lane's three tiers (journal/lane.hpp). The first, all or nothing and
// without a call: so the public functions need no frame and end in a jump to a function that does
// the rest.
template <typename SeriesOf>
[[gnu::always_inline]] inline bool append_fast(RunCore* core, SeriesOf&& series_of, Number value,
                                               bool has_step, const std::int64_t& step) noexcept {
  if (core == nullptr) return false;
  Journal* const journal = core->journal_at_hand();
  if (journal == nullptr) return false;
  Lane* const lane = journal->lane_at_hand();
  std::int64_t time_ns = 0;
  return lane != nullptr && journal->clock().try_now_ns(time_ns) &&
         lane->append_fast(make_scalar(series_of(*lane), value), has_step, step, time_ns);
}

// The second, and the third where a thread has no lane yet.
[[gnu::always_inline]] inline void append_in_block_order(Journal& journal, const Scalar& scalar,
                                                         bool has_step, std::int64_t step,
                                                         std::int64_t time_ns) noexcept {
  Lane* const lane = journal.lane_at_hand();
  if (lane == nullptr || !lane->append_in_block_order(scalar, has_step, step, time_ns)) {
    journal.lane()->append_any({&scalar, 1}, has_step, step, time_ns);
  }
}

// Once a block; and where the run has ended.
[[gnu::noinline, gnu::hot]] void append_in_block_order(RunCore* core, std::uint32_t series,
                                                       Number value, bool has_step,
                                                       std::int64_t step) noexcept {
  if (core == nullptr) return;
  Journal* const journal = core->journal();
  if (journal == nullptr) return core->count_drop();
  append_in_block_order(*journal, make_scalar(series, value), has_step, step, journal->now_ns());
}

// The same for a name, and where it has to be looked up.
[[gnu::noinline, gnu::hot]] void append_in_block_order(RunCore* core, std::string_view name,
                                                       Number value, std::int64_t step) noexcept {
  if (core == nullptr) return;
  if (Journal* const journal = core->journal()) {
    append_in_block_order(core, core->series(*journal, name), value, true, step);
  } else {
    core->count_drop();
  }
}
[[gnu::noinline]] void append_in_block_order(RunCore* core, std::string_view name,
                                             Number value) noexcept {
  if (core == nullptr) return;
  if (Journal* const journal = core->journal()) {
    append_in_block_order(core, core->series(*journal, name), value, false, 0);
  } else {
    core->count_drop();
  }
}

}  // namespace

void append_row_any(RunCore& core, Journal& journal, std::int64_t step, std::int64_t time_ns,
                    std::span<const NamedNumber> row) noexcept {
  std::array<Scalar, kScalars_max> scalars;
  std::size_t count = 0;
  for (const auto& [name, value] : row) {
    scalars[count++] = make_scalar(core.series(journal, name), value);
    if (count == scalars.size()) {
      journal.lane()->append_any(scalars, true, step, time_ns);
      count = 0;
    }
  }
  if (count > 0) {
    journal.lane()->append_any(std::span(scalars).first(count), true, step, time_ns);
  }
}

[[gnu::hot]] void Metric::log(Number value) noexcept {
  const auto series = [this](Lane&) { return series_; };
  if (!append_fast(core_.get(), series, value, false, 0)) [[unlikely]]
    append_in_block_order(core_.get(), series_, value, false, 0);
}

[[gnu::hot]] void Metric::log(Number value, std::int64_t step) noexcept {
  const auto series = [this](Lane&) { return series_; };
  if (!append_fast(core_.get(), series, value, true, step)) [[unlikely]]
    append_in_block_order(core_.get(), series_, value, true, step);
}

[[gnu::hot]] Step::Step(RunCore* core, std::int64_t step) noexcept
    : core_(core),
      journal_(core != nullptr ? core->journal() : nullptr),
      lane_(journal_ != nullptr ? journal_->lane_at_hand() : nullptr),
      step_(step),
      time_ns_(journal_ != nullptr ? journal_->now_ns() : 0) {}

[[gnu::hot]] void Step::log(const Metric& metric, Number value) noexcept {
  // The journal is another one, or none, when the run has ended or the process has forked. Where
  // there is a lane there is a core.
  if (metric.core_.get() != core_) [[unlikely]]
    return drop();
  if (lane_ == nullptr || !core_->has_journal(journal_) ||
      !lane_->append_fast(make_scalar(metric.series_, value), true, step_, time_ns_)) [[unlikely]] {
    append_in_block_order(metric.series_, value);
  }
}

[[gnu::hot]] void Step::log(std::string_view name, Number value) noexcept {
  const bool is_quick = lane_ != nullptr && core_->has_journal(journal_);
  const Scalar scalar =
      make_scalar(is_quick ? lane_->names().guess(name) : SeriesTable::kNo_series, value);
  if (!is_quick || !lane_->append_fast(scalar, true, step_, time_ns_)) [[unlikely]] {
    append_in_block_order(name, value);
  }
}

void Step::drop() noexcept {
  if (core_ != nullptr) core_->count_drop();
}

[[gnu::hot]] void Step::append_in_block_order(std::uint32_t series, Number value) noexcept {
  if (core_ == nullptr) return;
  Journal* const journal = core_->journal();
  if (journal == nullptr) return core_->count_drop();
  runlog::append_in_block_order(*journal, make_scalar(series, value), true, step_, time_ns_);
}

void Step::append_in_block_order(std::string_view name, Number value) noexcept {
  if (core_ == nullptr) return;
  Journal* const journal = core_->journal();
  if (journal == nullptr) return core_->count_drop();
  append_in_block_order(core_->series(*journal, name), value);
}

[[gnu::hot]] void Run::log(std::string_view name, Number value) noexcept {
  const auto series = [&](Lane& lane) { return lane.names().guess(name); };
  if (!append_fast(core_, series, value, false, 0)) [[unlikely]]
    append_in_block_order(core_, name, value);
}

[[gnu::hot]] void Run::log(std::string_view name, Number value, std::int64_t step) noexcept {
  const auto series = [&](Lane& lane) { return lane.names().guess(name); };
  if (!append_fast(core_, series, value, true, step)) [[unlikely]]
    append_in_block_order(core_, name, value, step);
}

[[gnu::hot]] void Run::log(std::int64_t step, std::initializer_list<NamedNumber> row) noexcept {
  log(step, std::span(row.begin(), row.size()));
}

[[gnu::hot]] void Run::log(std::int64_t step, std::span<const NamedNumber> row) noexcept {
  if (core_ == nullptr) return;
  Journal* const journal = core_->journal();
  if (journal == nullptr) return core_->count_drop(row.size());
  const std::int64_t time_ns = journal->now_ns();
  // Looked up and appended in one loop: an array in between cost three stores a metric, and stores
  // are what limits a row.
  if (Lane* const lane = journal->lane_at_hand()) [[likely]] {
    const NameCache& names = lane->names();
    const std::size_t done = lane->append_row_in_block_order(
        row.size(),
        [&](std::size_t i) { return make_scalar(names.guess(row[i].first), row[i].second); }, true,
        step, time_ns);
    if (done == row.size()) return;
    row = row.subspan(done);
  }
  append_row_any(*core_, *journal, step, time_ns, row);
}

[[gnu::hot]] Step Run::step(std::int64_t step) noexcept {
  return {core_, step};
}

Metric Run::metric(std::string_view name) noexcept {
  if (core_ == nullptr) return {};
  Journal* const journal = core_->journal();
  return {core_->shared_from_this(),
          journal != nullptr ? core_->series(*journal, name) : core_->series_without_journal(name)};
}

}  // namespace runlog
