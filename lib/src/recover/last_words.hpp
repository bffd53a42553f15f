// Last words: how a dead journal's process has ended, as its records, its crash file and its
// launcher tell.
#pragma once

#include <string>

#include "journal/journal_dir.hpp"
#include "journal/meta.hpp"

namespace runlog {

/// The record of a run's end; open: there is none.
struct LastStatus {
  RunEnd end = RunEnd::open;
  std::string text = {};
};

/// The end may be in a pack made earlier, by the keeper or by a recovery that was killed. Whether
/// packs/ can be listed has been asked by now.
[[nodiscard]] LastStatus find_status_in_packs(const JournalDir& directory);

/// For end.json, but for what is lost. `error_file`: torchelastic's, or empty.
[[nodiscard]] End end_of_dead(const JournalDir& directory, const LastStatus& status,
                              const std::string& error_file);

}  // namespace runlog
