// Finding journals and what their small files tell, for the reader.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "faces/journal_source.hpp"
#include "journal/meta.hpp"
#include "ship/store_runs.hpp"

namespace runlog {

/// Every journal under `path`, ordered by run, rank, start time; see list_journals. `path` may be
/// the URL of a store. The selection saves requests to a store; local journals come unselected.
Result<std::vector<JournalFiles>> find_journal_files(const std::filesystem::path& path,
                                                     const JournalSelection& selection = {});

/// The journals of `place` in a store. For URLs, and for tests that bring a store of their own.
Result<std::vector<JournalFiles>> find_journal_files(std::shared_ptr<StoreReading> reading,
                                                     const StorePlace& place,
                                                     const JournalSelection& selection);

// What both ways of finding share.
void take_meta(JournalInfo& info, const Meta& meta);
bool take_end(JournalInfo& info, std::string_view json, std::string_view where);
/// Sorts by run, rank and start, and counts the attempts.
void number_attempts(std::vector<JournalFiles>& found);

}  // namespace runlog
