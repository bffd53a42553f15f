#include "api/views.hpp"

#include <optional>

namespace runlog::api {
namespace {

// A new kind: to runlog.h, too.
static_assert(RUNLOG_KIND_SPILL == static_cast<int>(Kind::spill) &&
              RUNLOG_KIND_SPILL + 1 == kKind_count);
static_assert(RUNLOG_KIND_GAP == static_cast<int>(Kind::gap));
static_assert(RUNLOG_KIND_CHILD == static_cast<int>(Kind::child));
static_assert(RUNLOG_KIND_STATUS == static_cast<int>(Kind::status));
static_assert(RUNLOG_KIND_REWIND == static_cast<int>(Kind::rewind));
static_assert(RUNLOG_KIND_FILE == static_cast<int>(Kind::file));
static_assert(RUNLOG_KIND_JSON == static_cast<int>(Kind::json));
static_assert(RUNLOG_KIND_IMAGE == static_cast<int>(Kind::image));
static_assert(RUNLOG_KIND_HISTOGRAM == static_cast<int>(Kind::histogram));
static_assert(RUNLOG_KIND_TABLE == static_cast<int>(Kind::table));
static_assert(RUNLOG_KIND_ROW == static_cast<int>(Kind::row));
static_assert(RUNLOG_KIND_LIST == static_cast<int>(Kind::list));
static_assert(RUNLOG_KIND_PROPERTY == static_cast<int>(Kind::property));
static_assert(RUNLOG_KIND_TAG_REMOVED == static_cast<int>(Kind::tag_removed));
static_assert(RUNLOG_KIND_TAG == static_cast<int>(Kind::tag));
static_assert(RUNLOG_KIND_PARAM == static_cast<int>(Kind::param));
static_assert(RUNLOG_KIND_TEXT == static_cast<int>(Kind::text));
static_assert(RUNLOG_KIND_METRIC == static_cast<int>(Kind::metric));
static_assert(RUNLOG_JOURNAL_LIVE == static_cast<int>(JournalState::live));
static_assert(RUNLOG_JOURNAL_COMPLETE == static_cast<int>(JournalState::complete));
static_assert(RUNLOG_JOURNAL_FAILED == static_cast<int>(JournalState::failed));
static_assert(RUNLOG_JOURNAL_CANCELLED == static_cast<int>(JournalState::cancelled));
static_assert(RUNLOG_JOURNAL_CRASHED == static_cast<int>(JournalState::crashed));
static_assert(RUNLOG_JOURNAL_UNKNOWN == static_cast<int>(JournalState::unknown));
static_assert(RUNLOG_VERDICT_SHIPPED == static_cast<int>(RecoverOutcome::Verdict::shipped));
static_assert(RUNLOG_VERDICT_LIVE == static_cast<int>(RecoverOutcome::Verdict::live));
static_assert(RUNLOG_VERDICT_WAITING == static_cast<int>(RecoverOutcome::Verdict::waiting));
static_assert(RUNLOG_VERDICT_FAILED == static_cast<int>(RecoverOutcome::Verdict::failed));
static_assert(RUNLOG_VERDICT_FOREIGN == static_cast<int>(RecoverOutcome::Verdict::foreign));

// Sets `field` and returns `flag` if there is a value.
template <typename T, typename Field>
std::uint32_t take(const std::optional<T>& value, Field& field, std::uint32_t flag) noexcept {
  if (!value) return 0;
  if constexpr (std::is_arithmetic_v<T>) {
    field = *value;
  } else {
    field = text_of(*value);
  }
  return flag;
}

}  // namespace

runlog_journal view_of(const JournalInfo& info) noexcept {
  return {.path = text_of(info.path.native()),
          .run_id = text_of(info.run_id),
          .project = text_of(info.project),
          .experiment = text_of(info.experiment),
          .name = text_of(info.name),
          .group = text_of(info.group),
          .parent_run = text_of(info.parent_run),
          .parent_session = text_of(info.parent_session),
          .session = text_of(info.session),
          .follows = text_of(info.follows),
          .host = text_of(info.host),
          .command_line = text_of(info.command_line),
          .store_url = text_of(info.store_url),
          .end_reason = text_of(info.end_reason),
          .refused = text_of(info.refused),
          .rank = info.rank,
          .world = info.world,
          .pid = info.pid,
          .created_unix_ns = info.created_unix_ns,
          .attempt = info.attempt,
          .state = static_cast<std::int32_t>(info.state),
          .end_signal = info.end_signal,
          .has_last_step = info.last_step.has_value(),
          .last_step = info.last_step.value_or(0),
          .last_time_ns = info.last_time_ns,
          .records = info.records,
          .records_lost = info.records_lost,
          .records_dropped = info.records_dropped,
          .segments_waiting = info.segments_waiting,
          .packs_waiting = info.packs_waiting,
          .blobs_waiting = info.blobs_waiting,
          .packs_shipped = info.packs_shipped,
          .bytes_waiting = info.bytes_waiting};
}

runlog_record view_of(const Record& record, const runlog_journal* journal) noexcept {
  runlog_record view{.seq = record.seq,
                     .time_ns = record.time_ns,
                     .lane = record.lane,
                     .kind = static_cast<std::int32_t>(record.kind),
                     .has = 0,
                     .step = 0,
                     .value = 0,
                     .int_value = 0,
                     .name = text_of(record.name),
                     .text = text_of({}),
                     .payload = text_of({}),
                     .journal = journal};
  view.has = take(record.step, view.step, RUNLOG_HAS_STEP) |
             take(record.value, view.value, RUNLOG_HAS_VALUE) |
             take(record.int_value, view.int_value, RUNLOG_HAS_INT_VALUE) |
             take(record.text, view.text, RUNLOG_HAS_TEXT) |
             take(record.payload, view.payload, RUNLOG_HAS_PAYLOAD);
  return view;
}

runlog_damage view_of(const Damage& damage) noexcept {
  return {.path = text_of(damage.path),
          .why = text_of(damage.why),
          .begin = damage.begin,
          .end = damage.end,
          .records_lost = damage.records_lost,
          .exact = damage.exact};
}

runlog_error view_of(const Error& error) noexcept {
  return {
      .code = code_of(error.code), .os_errno = error.os_errno, .message = text_of(error.message)};
}

runlog_series_summary view_of(const SeriesSummary& series) noexcept {
  const SeriesStep step = series.last_step.value_or(SeriesStep{});
  const SeriesNumbers numbers = series.numbers.value_or(SeriesNumbers{});
  return {.name = text_of(series.name),
          .kind = static_cast<std::int32_t>(series.kind),
          .has_last_step = series.last_step.has_value(),
          .last_step = step.step,
          .last_step_time_ns = step.time_ns,
          .records = series.records,
          .has_numbers = series.numbers.has_value(),
          .first = numbers.first,
          .last = numbers.last,
          .min = numbers.min,
          .max = numbers.max,
          .first_time_ns = numbers.first_time_ns,
          .last_time_ns = numbers.last_time_ns};
}

runlog_fact view_of(const Fact& fact) noexcept {
  runlog_fact view{.name = text_of(fact.name),
                   .text = text_of({}),
                   .kind = static_cast<std::int32_t>(fact.kind),
                   .has = 0,
                   .value = 0,
                   .int_value = 0,
                   .time_ns = fact.time_ns};
  view.has = take(fact.text, view.text, RUNLOG_HAS_TEXT) |
             take(fact.value, view.value, RUNLOG_HAS_VALUE) |
             take(fact.int_value, view.int_value, RUNLOG_HAS_INT_VALUE);
  return view;
}

runlog_cleaned_file view_of(const CleanedFile& file) noexcept {
  return {.path = text_of(file.path.native()),
          .why_kept = text_of(file.why_kept),
          .bytes = file.bytes,
          .removed = file.removed};
}

runlog_progress view_of(const RecoverProgress& progress) noexcept {
  return {.journals_done = progress.journals_done,
          .journals = progress.journals,
          .bytes_shipped = progress.bytes_shipped,
          .bytes_waiting = progress.bytes_waiting,
          .run_id = text_of(progress.run_id)};
}

OutcomeView::OutcomeView(RecoverOutcome outcome)
    : info_(std::move(outcome.journal)),
      message_(std::move(outcome.message)),
      damage_(std::move(outcome.damage)),
      journal_(view_of(info_)),
      view_{.journal = &journal_,
            .verdict = static_cast<std::int32_t>(outcome.verdict),
            .message = text_of(message_),
            .records_kept = outcome.records_kept,
            .records_damaged = outcome.records_damaged,
            .records_dropped = outcome.records_dropped,
            .packs_shipped = outcome.packs_shipped,
            .bytes_shipped = outcome.bytes_shipped,
            .damage = damage_.items(),
            .damage_count = damage_.count(),
            .owner = outcome.owner} {}

}  // namespace runlog::api

using namespace runlog;

const char* runlog_journal_state_name(int state) {
  if (state < 0 || state > UINT8_MAX) return "unknown";
  return journal_state_name(static_cast<JournalState>(state)).data();
}

const char* runlog_verdict_name(int verdict) {
  if (verdict < 0 || verdict > UINT8_MAX) return "unknown";
  return verdict_name(static_cast<RecoverOutcome::Verdict>(verdict)).data();
}

const char* runlog_kind_name(int kind) {
  if (kind < 0 || kind > UINT8_MAX) return "unknown";
  return kind_name(static_cast<Kind>(kind)).data();
}

int runlog_kind_from_name(const char* name, size_t name_bytes) {
  return static_cast<int>(kind_from_name(api::view(name, name_bytes)));
}
