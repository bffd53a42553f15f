// JournalSource, as far as it adds up: from the footers of packs, and from the records of segments
// and of packs whose footers do not tell.
#include <algorithm>

#include "read/journal_list.hpp"
#include "read/journal_source.hpp"

namespace runlog {
namespace {

bool is_end_open(const JournalInfo& info) {
  return info.state == JournalState::crashed || info.state == JournalState::unknown;
}

// The end record is the writer's own word; end.json only repeats it.
void take_status(JournalInfo& info, std::string_view name, std::string_view why) {
  const RunEnd end = run_end_from_name(name);
  if (!is_end_open(info) || end == RunEnd::open) return;
  if (info.state == JournalState::crashed && take_death_after_exit(info)) return;
  const JournalState told = journal_state_of(end);
  if (told != JournalState::unknown) info.state = told;
  info.end_reason = why;
  info.end_signal = 0;
}

void take_status(JournalInfo& info, const Record& record) {
  if (record.kind == Kind::status) take_status(info, record.name, record.text.value_or(""));
}

void add_to_counts(JournalInfo& info, const Record& record) {
  ++info.records;
  if (record.step && (!info.last_step || *record.step > *info.last_step)) {
    info.last_step = record.step;
  }
  info.last_time_ns = std::max(info.last_time_ns, record.time_ns);
  if (record.kind == Kind::gap && record.int_value.value_or(0) > 0) {
    info.records_dropped += static_cast<std::uint64_t>(*record.int_value);
  }
}

void add_footer_to_counts(JournalInfo& info, const PackCursor& pack) {
  const PackCursor::Sums& sums = pack.sums();
  info.records += sums.rows;
  if (sums.step_max)
    info.last_step = std::max(info.last_step.value_or(*sums.step_max), *sums.step_max);
  info.last_time_ns = std::max(info.last_time_ns, sums.time_max_ns);
  info.records_dropped += pack.info().records_dropped;
}

// Decodes the pack and gives its memory back.
template <typename Visit>
void read_rows(PackCursor& pack, ReadFindings& findings, Visit&& visit) {
  while (!pack.is_over()) {
    if (!pack.has_row()) pack.load_next(findings);
    for (; pack.has_row(); pack.pop()) visit(pack.row());
  }
  pack.close(findings);
}

}  // namespace

void count_record(JournalInfo& info, const Record& record) {
  add_to_counts(info, record);
  take_status(info, record);
}

void JournalSource::sum_up(JournalInfo& info) {
  for (const auto& pack : packs_) {
    if (pack->sums().may_hold_status) path_without_end_.clear();
    if (pack->sums().are_known) {
      add_footer_to_counts(info, *pack);
    } else {  // of a writer that leaves statistics out
      read_rows(*pack, findings_, [&](const Record& record) { count_record(info, record); });
    }
  }
  for (Record record; segments_->next(record);) count_record(info, record);
  find_end(info);
  packs_.clear();
  check_end();
}

void JournalSource::sum_up(JournalInfo& info, format::PackSummary& summary) {
  std::vector<Fact> facts;
  const auto take = [&](const format::PackSummary& more) {
    for (const auto& [key, series] : more.series) summary.merge(series);
    more.facts.for_each([&](const Fact& fact) { facts.push_back(fact); });
  };
  // As peek() has it: of records of equal time the one in the earlier pack comes first, and
  // segments come last.
  for (; !packs_.empty(); packs_.pop_back()) {
    PackCursor& pack = *packs_.back();
    if (const auto said = pack.take_summary(); said && pack.sums().are_known) {
      add_footer_to_counts(info, pack);
      take(*said);
      continue;
    }
    format::RecordSums sums;
    read_rows(pack, findings_, [&](const Record& record) {
      add_to_counts(info, record);
      sums.add(record);
    });
    take(sums.summary());
  }
  const std::size_t facts_in_packs = facts.size();
  format::RecordSums sums;
  for (Record record; segments_->next(record);) {
    add_to_counts(info, record);
    sums.add(record);
  }
  for (std::size_t i = 0; i < facts_in_packs; ++i) {
    const bool tells_end =
        facts[i].kind == Kind::status && run_end_from_name(facts[i].name) != RunEnd::open;
    if (tells_end) path_without_end_.clear();
  }
  take(sums.summary());
  std::stable_sort(facts.begin(), facts.end(),
                   [](const Fact& a, const Fact& b) { return a.time_ns < b.time_ns; });
  for (Fact& fact : facts) {
    if (fact.kind == Kind::status) take_status(info, fact.name, fact.text.value_or(""));
    summary.facts.add(std::move(fact));
  }
  check_end();
}

// A journal whose end no file tells, live ones aside, may have told it in its last pack.
void JournalSource::find_end(JournalInfo& info) {
  if (!is_end_open(info)) return;
  PackCursor* last = nullptr;
  for (const auto& pack : packs_) {
    if (last == nullptr || pack->sums().time_max_ns > last->sums().time_max_ns) last = pack.get();
  }
  if (last == nullptr || last->is_over() || !last->sums().may_hold_status) return;
  auto visited = last->visit_last_status([&](const Record& record) { take_status(info, record); });
  // What is damaged there says nothing of the end. What a store does not give might.
  if (!visited) last->note_failure(visited.error(), findings_);
}

}  // namespace runlog
