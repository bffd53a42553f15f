// Finds journals and reads their small files, for the reader.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "journal/meta.hpp"
#include "read/journal_source.hpp"
#include "store/store_runs.hpp"

namespace runlog {

/// Every journal under `path`, ordered by run, rank, start time; see list_journals. `path` may be
/// the URL of a store. The selection saves requests to a store; local journals come unselected.
/// `unread` gets the run directories that could not be looked into, `others` what is not this
/// user's, as in find_journals().
Result<std::vector<JournalFiles>> find_journal_files(
    const std::filesystem::path& path, const JournalSelection& selection = {},
    std::vector<Error>* unread = nullptr, std::vector<std::filesystem::path>* others = nullptr);

/// What is known of each without reading its records. `unread` gets the parts that could not be
/// looked at as well.
Result<std::vector<JournalInfo>> find_infos(const std::filesystem::path& path,
                                            std::vector<Error>& unread,
                                            std::vector<std::filesystem::path>* others = nullptr);

/// Those in a directory of this machine, or in the one file that `path` is.
Result<std::vector<JournalFiles>> find_local_journals(
    const std::filesystem::path& path, std::vector<Error>* unread,
    std::vector<std::filesystem::path>* others = nullptr);

/// The journals of `place` in a store. For URLs, and for tests that bring a store of their own.
Result<std::vector<JournalFiles>> find_journal_files(std::shared_ptr<StoreReading> reading,
                                                     const StorePlace& place,
                                                     const JournalSelection& selection);

/// Unknown where it has not ended here.
[[nodiscard]] JournalState journal_state_of(RunEnd end) noexcept;

// What both ways of finding share.
void take_meta(JournalInfo& info, const Meta& meta);
bool take_end(JournalFiles& files, std::string_view json, std::string_view where);
/// The end of a journal has been told, but its process died after exit() had told it: that is how
/// it ended. Only where its crash file is at hand.
bool take_death_after_exit(JournalInfo& info);
/// Sorts by run, rank and attempt, and numbers the attempts.
void number_attempts(std::vector<JournalFiles>& found);

}  // namespace runlog
