// Finding journals and what their small files tell, for the reader.
#pragma once

#include <filesystem>
#include <vector>

#include "faces/journal_source.hpp"

namespace runlog {

/// Every journal under `path`, ordered by run, rank, start time; see list_journals.
Result<std::vector<JournalFiles>> find_journal_files(const std::filesystem::path& path);

}  // namespace runlog
