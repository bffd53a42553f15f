// Reader, Follower and salvage_image by runlog.h.
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "api/call.hpp"
#include "api/settings.hpp"
#include "api/views.hpp"
#include "runlog/reader.hpp"

namespace runlog::api {
namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};

// A journal, and the names of its metrics with their indices.
struct SeenJournal {
  runlog_journal view = {};
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> series = {};
};

// The journals of entries, by where their JournalInfo lies: as long as those live.
class SeenJournals {
 public:
  SeenJournal& of(const JournalInfo* info) {
    if (info == last_info_) return *last_;
    const auto [found, is_new] = journals_.try_emplace(info);
    if (is_new) found->second.view = view_of(*info);
    last_info_ = info;
    last_ = &found->second;
    return *last_;
  }

 private:
  std::unordered_map<const JournalInfo*, SeenJournal> journals_;
  const JournalInfo* last_info_ = nullptr;
  SeenJournal* last_ = nullptr;
};

struct OwnedSalvage : runlog_salvage_report {
  explicit OwnedSalvage(SalvageReport report)
      : runlog_salvage_report{}, views(std::move(report.damage)) {
    segments = report.segments;
    records = report.records;
    damage = views.items();
    damage_count = views.count();
  }
  DamageViews views;
};

Error no_handle(const char* what) {
  return Error{Errc::finished, 0, std::string("there is no ") + what};
}

}  // namespace
}  // namespace runlog::api

using namespace runlog;
using namespace runlog::api;

struct runlog_reader {
  Reader reader;
  Reader::Entry entry = {};
  SeenJournals journals = {};
  std::deque<runlog_series> series = {};
  runlog_record record = {};
  runlog_damage damage = {};
  runlog_error failure = {};

  std::uint32_t series_index() {
    SeenJournal& journal = journals.of(entry.journal);
    auto found = journal.series.find(entry.record.name);
    if (found == journal.series.end()) {
      found = journal.series.emplace(entry.record.name, series.size()).first;
      series.push_back({.name = text_of(found->first), .journal = &journal.view});
    }
    return found->second;
  }
};

struct runlog_follower {
  Follower follower;
};

int runlog_reader_open(const char* path, size_t path_bytes, const runlog_setting* settings,
                       size_t settings_count, runlog_reader** reader) {
  return guarded_new(reader, [&]() -> Result<std::unique_ptr<runlog_reader>> {
    auto options = read_options(settings_of(settings, settings_count));
    if (!options) return std::move(options).error();
    auto opened = Reader::open(view(path, path_bytes), std::move(*options));
    if (!opened) return std::move(opened).error();
    return std::unique_ptr<runlog_reader>(new runlog_reader{.reader = std::move(*opened)});
  });
}

void runlog_reader_release(runlog_reader* reader) {
  delete reader;
}

int runlog_reader_next(runlog_reader* reader, const runlog_record** record) {
  bool has_record = false;
  const int code = guarded([&]() -> Result<void> {
    if (reader == nullptr) return no_handle("reader");
    if (record == nullptr) return Error{Errc::invalid_argument, 0, "no place for the record"};
    has_record = reader->reader.next(reader->entry);
    if (!has_record) return {};
    const runlog_journal& journal = reader->journals.of(reader->entry.journal).view;
    reader->record = view_of(reader->entry.record, &journal);
    *record = &reader->record;
    return {};
  });
  return code == RUNLOG_OK ? (has_record ? 1 : 0) : -code;
}

namespace {

template <typename T>
void put(T* column, std::size_t row, T value) noexcept {
  if (column != nullptr) column[row] = value;
}

void fill_row(runlog_reader& reader, const runlog_metric_columns& columns, std::size_t row) {
  const Record& record = reader.entry.record;
  const auto flag_if = [](bool is_set, std::uint32_t flag) { return is_set ? flag : 0; };
  const std::uint32_t has = flag_if(record.step.has_value(), RUNLOG_HAS_STEP) |
                            flag_if(record.value.has_value(), RUNLOG_HAS_VALUE) |
                            flag_if(record.int_value.has_value(), RUNLOG_HAS_INT_VALUE);
  const std::int64_t integer = record.int_value.value_or(0);
  if (columns.series != nullptr) columns.series[row] = reader.series_index();
  put(columns.time_ns, row, record.time_ns);
  put(columns.has, row, static_cast<std::uint8_t>(has));
  put(columns.step, row, record.step.value_or(0));
  put(columns.value, row, record.value ? *record.value : static_cast<double>(integer));
  put(columns.int_value, row, integer);
}

}  // namespace

int64_t runlog_reader_next_metrics(runlog_reader* reader, const runlog_metric_columns* columns,
                                   size_t rows_max) {
  std::size_t rows = 0;
  const int code = guarded([&]() -> Result<void> {
    if (reader == nullptr) return no_handle("reader");
    const auto all = taken(columns, "columns");
    if (!all) return all.error();
    while (rows < rows_max && reader->reader.next(reader->entry)) {
      if (reader->entry.record.kind != Kind::metric) continue;
      fill_row(*reader, *all, rows);
      ++rows;
    }
    return {};
  });
  return code == RUNLOG_OK ? static_cast<std::int64_t>(rows) : -code;
}

size_t runlog_reader_series_count(const runlog_reader* reader) {
  return reader != nullptr ? reader->series.size() : 0;
}

const runlog_series* runlog_reader_series(const runlog_reader* reader, size_t index) {
  return index < runlog_reader_series_count(reader) ? &reader->series[index] : nullptr;
}

size_t runlog_reader_journals_count(const runlog_reader* reader) {
  return reader != nullptr ? reader->reader.journals().size() : 0;
}

const runlog_journal* runlog_reader_journal(runlog_reader* reader, size_t index) {
  if (index >= runlog_reader_journals_count(reader)) return nullptr;
  const runlog_journal* journal = nullptr;
  guarded([&]() -> Result<void> {
    const JournalInfo& info = reader->reader.journals()[index];
    runlog_journal& view = reader->journals.of(&info).view;
    view = view_of(info);  // the counts grow while it is read
    journal = &view;
    return {};
  });
  return journal;
}

size_t runlog_reader_damage_count(const runlog_reader* reader) {
  return reader != nullptr ? reader->reader.damage().size() : 0;
}

const runlog_damage* runlog_reader_damage(runlog_reader* reader, size_t index) {
  if (index >= runlog_reader_damage_count(reader)) return nullptr;
  reader->damage = view_of(reader->reader.damage()[index]);
  return &reader->damage;
}

size_t runlog_reader_failures_count(const runlog_reader* reader) {
  return reader != nullptr ? reader->reader.failures().size() : 0;
}

const runlog_error* runlog_reader_failure(runlog_reader* reader, size_t index) {
  if (index >= runlog_reader_failures_count(reader)) return nullptr;
  reader->failure = view_of(reader->reader.failures()[index]);
  return &reader->failure;
}

size_t runlog_record_json(const runlog_record* record, char* buffer, size_t buffer_bytes) {
  std::string line;
  guarded([&]() -> Result<void> {
    if (record == nullptr) return no_handle("record");
    const auto if_has = [&]<typename T>(std::uint32_t flag, const T& value) {
      return (record->has & flag) != 0 ? std::optional<T>(value) : std::nullopt;
    };
    JournalInfo info;  // what a line says of it
    if (record->journal != nullptr) {
      info.run_id = view(record->journal->run_id);
      info.session = view(record->journal->session);
      info.rank = record->journal->rank;
    }
    const bool is_kind = record->kind >= 0 && record->kind <= UINT8_MAX;
    append_json({.record = {.seq = record->seq,
                            .lane = record->lane,
                            .time_ns = record->time_ns,
                            .kind = is_kind ? static_cast<Kind>(record->kind) : Kind::unknown,
                            .name = view(record->name),
                            .step = if_has(RUNLOG_HAS_STEP, record->step),
                            .value = if_has(RUNLOG_HAS_VALUE, record->value),
                            .int_value = if_has(RUNLOG_HAS_INT_VALUE, record->int_value),
                            .text = if_has(RUNLOG_HAS_TEXT, view(record->text)),
                            .payload = if_has(RUNLOG_HAS_PAYLOAD, view(record->payload))},
                 .journal = &info},
                line);
    return {};
  });
  return copy_out(line, buffer, buffer_bytes);
}

int runlog_follower_open(const char* path, size_t path_bytes, const runlog_setting* settings,
                         size_t settings_count, runlog_follower** follower) {
  return guarded_new(follower, [&]() -> Result<std::unique_ptr<runlog_follower>> {
    auto options = read_options(settings_of(settings, settings_count));
    if (!options) return std::move(options).error();
    auto opened = Follower::open(view(path, path_bytes), std::move(*options));
    if (!opened) return std::move(opened).error();
    return std::unique_ptr<runlog_follower>(new runlog_follower{std::move(*opened)});
  });
}

int runlog_follower_poll(runlog_follower* follower, runlog_visit* visit, void* context) {
  bool is_alive = false;
  const int code = guarded([&]() -> Result<void> {
    if (follower == nullptr) return no_handle("follower");
    if (visit == nullptr) return Error{Errc::invalid_argument, 0, "there is no function to call"};
    SeenJournals journals;  // of this poll: the next one has others
    const auto polled = follower->follower.poll([&](const Reader::Entry& entry) {
      const runlog_record record = view_of(entry.record, &journals.of(entry.journal).view);
      visit(context, &record);
    });
    if (!polled) return polled.error();
    is_alive = *polled;
    return {};
  });
  return code == RUNLOG_OK ? (is_alive ? 1 : 0) : -code;
}

void runlog_follower_release(runlog_follower* follower) {
  delete follower;
}

int runlog_image_salvage(const char* path, size_t path_bytes, runlog_visit* visit, void* context,
                         runlog_salvage_report** report) {
  std::unique_ptr<OwnedSalvage> made;
  if (report != nullptr) *report = nullptr;
  const int code = guarded([&]() -> Result<void> {
    if (visit == nullptr) return Error{Errc::invalid_argument, 0, "there is no function to call"};
    auto salvaged = salvage_image(view(path, path_bytes), [&](const Reader::Entry& entry) {
      // Not remembered: each segment has its JournalInfo at the same place.
      const runlog_journal journal = view_of(*entry.journal);
      const runlog_record record = view_of(entry.record, &journal);
      visit(context, &record);
    });
    if (!salvaged) return std::move(salvaged).error();
    made = std::make_unique<OwnedSalvage>(std::move(*salvaged));
    return {};
  });
  if (report != nullptr) *report = made.release();
  return code;
}

void runlog_salvage_report_release(runlog_salvage_report* report) {
  delete static_cast<OwnedSalvage*>(report);
}
