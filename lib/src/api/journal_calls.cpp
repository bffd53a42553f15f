// Lists of journals by runlog.h: which there are, their summaries, and what recover and clean did.
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "api/call.hpp"
#include "api/settings.hpp"
#include "api/views.hpp"
#include "runlog/reader.hpp"
#include "runlog/recover.hpp"

struct runlog_stop {
  std::stop_source source;
};

struct runlog_store_memory {
  runlog::StoreMemory memory;
};

namespace runlog::api {
namespace {

// What a list says about what it lacks.
template <typename List>
void set_faults(List& list, const ErrorViews& failures, const DamageViews& damage) noexcept {
  list.failures = failures.items();
  list.failures_count = failures.count();
  list.damage = damage.items();
  list.damage_count = damage.count();
}

struct OwnedJournals : runlog_journal_list {
  OwnedJournals(std::vector<JournalInfo> all, std::vector<Error> errors, std::vector<Damage> lost)
      : runlog_journal_list{},
        infos(std::move(all)),
        failure_views(std::move(errors)),
        damage_views(std::move(lost)) {
    items = infos.items();
    count = infos.count();
    set_faults(*this, failure_views, damage_views);
  }
  Views<JournalInfo, runlog_journal> infos;
  ErrorViews failure_views;
  DamageViews damage_views;
};

struct SummaryView {
  explicit SummaryView(JournalSummary summary)
      : info(std::move(summary.info)),
        series(std::move(summary.series)),
        facts(std::move(summary.facts)),
        journal(view_of(info)),
        view{.journal = &journal,
             .series = series.items(),
             .series_count = series.count(),
             .facts = facts.items(),
             .facts_count = facts.count()} {}
  SummaryView(const SummaryView&) = delete;
  SummaryView& operator=(const SummaryView&) = delete;

  JournalInfo info;
  Views<SeriesSummary, runlog_series_summary> series;
  Views<Fact, runlog_fact> facts;
  runlog_journal journal;
  runlog_summary view;
};

struct OwnedSummaries : runlog_summary_list {
  OwnedSummaries(std::vector<JournalSummary> all, std::vector<Error> errors,
                 std::vector<Damage> lost)
      : runlog_summary_list{}, failure_views(std::move(errors)), damage_views(std::move(lost)) {
    for (JournalSummary& one : all) {
      pointers.push_back(&summaries.emplace_back(std::move(one)).view);
    }
    items = pointers.data();
    count = pointers.size();
    set_faults(*this, failure_views, damage_views);
  }
  std::deque<SummaryView> summaries = {};
  std::vector<const runlog_summary*> pointers = {};
  ErrorViews failure_views;
  DamageViews damage_views;
};

struct OwnedOutcomes : runlog_outcome_list {
  explicit OwnedOutcomes(std::vector<RecoverOutcome> all) : runlog_outcome_list{} {
    for (RecoverOutcome& one : all) {
      pointers.push_back(&outcomes.emplace_back(std::move(one)).view());
    }
    items = pointers.data();
    count = pointers.size();
  }
  std::deque<OutcomeView> outcomes = {};
  std::vector<const runlog_outcome*> pointers = {};
};

struct OwnedCleaned : runlog_cleaned_list {
  explicit OwnedCleaned(std::vector<CleanedFile> all)
      : runlog_cleaned_list{}, files(std::move(all)) {
    items = files.items();
    count = files.count();
  }
  Views<CleanedFile, runlog_cleaned_file> files;
};

void set_hooks(RecoverOptions& options, const runlog_recover_hooks& hooks) {
  if (hooks.on_wait != nullptr) {
    options.on_wait = [hooks](const std::string& message) {
      hooks.on_wait(hooks.context, message.c_str(), message.size());
    };
  }
  if (hooks.on_unread != nullptr) {
    options.on_unread = [hooks](const Error& error) {
      const runlog_error view = view_of(error);
      hooks.on_unread(hooks.context, &view);
    };
  }
  if (hooks.on_progress != nullptr) {
    options.on_progress = [hooks](const RecoverProgress& progress) {
      const runlog_progress view = view_of(progress);
      hooks.on_progress(hooks.context, &view);
    };
  }
  if (hooks.memory != nullptr) options.memory = &hooks.memory->memory;
}

std::function<void(const RecoverOutcome&)> on_outcome_of(const runlog_recover_hooks& hooks) {
  if (hooks.on_outcome == nullptr) return {};
  return [hooks](const RecoverOutcome& outcome) {
    const OutcomeView copy(outcome);
    hooks.on_outcome(hooks.context, &copy.view());
  };
}

}  // namespace
}  // namespace runlog::api

using namespace runlog;
using namespace runlog::api;

int runlog_journals_list(const char* path, size_t path_bytes, runlog_journal_list** journals) {
  return guarded_new(journals, [&]() -> Result<std::unique_ptr<OwnedJournals>> {
    std::vector<Error> failures;
    auto found = list_journals(view(path, path_bytes), &failures);
    if (!found) return std::move(found).error();
    return std::make_unique<OwnedJournals>(std::move(*found), std::move(failures),
                                           std::vector<Damage>());
  });
}

int runlog_journals_summarize(const char* path, size_t path_bytes, runlog_journal_list** journals) {
  return guarded_new(journals, [&]() -> Result<std::unique_ptr<OwnedJournals>> {
    std::vector<Damage> damage;
    std::vector<Error> failures;
    auto found = summarize(view(path, path_bytes), &damage, &failures);
    if (!found) return std::move(found).error();
    return std::make_unique<OwnedJournals>(std::move(*found), std::move(failures),
                                           std::move(damage));
  });
}

void runlog_journal_list_release(runlog_journal_list* journals) {
  delete static_cast<OwnedJournals*>(journals);
}

int runlog_journals_summarize_series(const char* path, size_t path_bytes,
                                     runlog_summary_list** summaries) {
  return guarded_new(summaries, [&]() -> Result<std::unique_ptr<OwnedSummaries>> {
    std::vector<Damage> damage;
    std::vector<Error> failures;
    auto found = summarize_series(view(path, path_bytes), &damage, &failures);
    if (!found) return std::move(found).error();
    return std::make_unique<OwnedSummaries>(std::move(*found), std::move(failures),
                                            std::move(damage));
  });
}

void runlog_summary_list_release(runlog_summary_list* summaries) {
  delete static_cast<OwnedSummaries*>(summaries);
}

runlog_stop* runlog_stop_create(void) {
  runlog_stop* stop = nullptr;
  guarded_new(&stop, []() -> Result<std::unique_ptr<runlog_stop>> {
    return std::make_unique<runlog_stop>();
  });
  return stop;
}

void runlog_stop_request(runlog_stop* stop) {
  if (stop != nullptr) stop->source.request_stop();
}

void runlog_stop_release(runlog_stop* stop) {
  delete stop;
}

runlog_store_memory* runlog_store_memory_create(void) {
  runlog_store_memory* memory = nullptr;
  guarded_new(&memory, []() -> Result<std::unique_ptr<runlog_store_memory>> {
    return std::make_unique<runlog_store_memory>();
  });
  return memory;
}

void runlog_store_memory_release(runlog_store_memory* memory) {
  delete memory;
}

int runlog_journals_recover(const char* root, size_t root_bytes, const runlog_setting* settings,
                            size_t settings_count, const runlog_recover_hooks* hooks,
                            runlog_outcome_list** outcomes) {
  std::unique_ptr<OwnedOutcomes> made;
  if (outcomes != nullptr) *outcomes = nullptr;
  const int code = guarded([&]() -> Result<void> {
    const auto all_hooks = taken(hooks, "hooks");
    if (!all_hooks) return all_hooks.error();
    auto options = recover_options(settings_of(settings, settings_count));
    if (!options) return std::move(options).error();
    set_hooks(*options, *all_hooks);
    const std::stop_token stop =
        all_hooks->stop != nullptr ? all_hooks->stop->source.get_token() : std::stop_token{};
    auto recovered = recover(view(root, root_bytes), *options, on_outcome_of(*all_hooks), stop);
    if (!recovered) return std::move(recovered).error();
    made = std::make_unique<OwnedOutcomes>(std::move(*recovered));
    return {};
  });
  if (outcomes != nullptr) *outcomes = made.release();
  return code;
}

void runlog_outcome_list_release(runlog_outcome_list* outcomes) {
  delete static_cast<OwnedOutcomes*>(outcomes);
}

int runlog_journals_clean(const char* root, size_t root_bytes, const runlog_setting* settings,
                          size_t settings_count, runlog_cleaned_list** cleaned) {
  return guarded_new(cleaned, [&]() -> Result<std::unique_ptr<OwnedCleaned>> {
    const auto options = clean_options(settings_of(settings, settings_count));
    if (!options) return options.error();
    auto files =
        clean(view(root, root_bytes), options->store, options->dry_run, options->any_owner);
    if (!files) return std::move(files).error();
    return std::make_unique<OwnedCleaned>(std::move(*files));
  });
}

void runlog_cleaned_list_release(runlog_cleaned_list* cleaned) {
  delete static_cast<OwnedCleaned*>(cleaned);
}
