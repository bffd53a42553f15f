// JSON for what is not a record: journals, findings, cleaned files. One object per line. The keys
// of records are the library's (append_json).
#pragma once

#include <string>

#include "runlog/reader.hpp"
#include "runlog/recover.hpp"
#include "runlog/store.hpp"

namespace runlog::tools {

/// `for_terminal`: also escape what JSON allows but a terminal would act on.
std::string journal_json(const JournalInfo& info, bool with_counts, bool for_terminal);

/// One thing that `verify` found, in words and in numbers.
struct Finding {
  std::string what =
      {};  ///< "damage", "blob", "dropped", "kinds", "property", "twins", "unreadable"
  std::string path = {};
  std::string run = {};
  std::string name = {};
  Damage damage = {};         ///< for "damage"
  std::uint64_t records = 0;  ///< how many are missing
  std::string message = {};
};
std::string finding_json(const Finding& finding, bool for_terminal);

std::string cleaned_json(const CleanedFile& file, bool for_terminal);
std::string pulled_json(const PulledObject& object, bool for_terminal);
std::string check_json(const StoreCheck& check, bool for_terminal);

/// "copied", "present", "damaged" or "failed".
const char* verdict_text(PulledObject::Verdict verdict);

}  // namespace runlog::tools
