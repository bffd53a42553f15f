// summarize and summarize_series: journals in numbers.
#include <utility>

#include "base/out_of_memory.hpp"
#include "platform/in_call.hpp"
#include "read/journal_list.hpp"
#include "runlog/reader.hpp"

namespace runlog {
namespace {

// Calls `sum_up(source, info)` for each journal below `path`, one after the other: adding up needs
// no merge, and so the memory of one only. Damage and failures as summarize() has them.
template <typename SumUp>
Result<void> for_each_source(const std::filesystem::path& path,
                             const JournalSource::Settings& settings, std::vector<Damage>* damage,
                             std::vector<Error>* failures, SumUp&& sum_up) {
  std::vector<Error> unread;
  auto found = find_journal_files(path, {}, &unread);
  if (!found) return std::move(found).error();
  const auto note = [&](const Error& error) {
    if (failures != nullptr) failures->push_back(error);
    return failures != nullptr;
  };
  for (const Error& one : unread) {
    if (!note(one)) return one;
  }
  for (JournalFiles& files : *found) {
    JournalInfo info = files.info;
    std::vector<Damage> met;
    auto source = JournalSource::open(files, settings);
    // One that cannot be read does not hide the others.
    if (!source && (found->size() == 1 || !note(source.error()))) return std::move(source).error();
    JournalInfo& kept = sum_up(source ? source->get() : nullptr, std::move(info));
    if (source) {
      met = (*source)->damage();
      for (const Error& one : (*source)->failures()) {
        if (!note(one)) return one;
      }
    }
    for (Damage& one : met) {
      kept.records_lost += one.records_lost;
      if (damage != nullptr) damage->push_back(std::move(one));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<JournalInfo>> summarize(const std::filesystem::path& path,
                                           std::vector<Damage>* damage,
                                           std::vector<Error>* failures) {
  const InCall in_call;
  return catch_no_memory([&]() -> Result<std::vector<JournalInfo>> {
    std::vector<JournalInfo> infos;
    const auto done = for_each_source(path, {}, damage, failures,
                                      [&](JournalSource* source, JournalInfo info) -> JournalInfo& {
                                        if (source != nullptr) source->sum_up(info);
                                        return infos.emplace_back(std::move(info));
                                      });
    if (!done) return done.error();
    return infos;
  });
}

Result<std::vector<JournalSummary>> summarize_series(const std::filesystem::path& path,
                                                     std::vector<Damage>* damage,
                                                     std::vector<Error>* failures) {
  const InCall in_call;
  return catch_no_memory([&]() -> Result<std::vector<JournalSummary>> {
    std::vector<JournalSummary> journals;
    const auto done = for_each_source(
        path, {.fields = format::Fields::sums}, damage, failures,
        [&](JournalSource* source, JournalInfo info) -> JournalInfo& {
          JournalSummary& journal = journals.emplace_back();
          journal.info = std::move(info);
          if (source == nullptr) return journal.info;
          format::PackSummary summary;
          source->sum_up(journal.info, summary);
          for (auto& [key, series] : summary.series) journal.series.push_back(std::move(series));
          summary.facts.for_each([&](const Fact& fact) { journal.facts.push_back(fact); });
          return journal.info;
        });
    if (!done) return done.error();
    return journals;
  });
}

}  // namespace runlog
