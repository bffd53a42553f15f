// What a recovery knows of the stores; StoreMemory keeps it for the next one.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "runlog/recover.hpp"
#include "ship/refusals.hpp"
#include "store/store_set.hpp"

namespace runlog {

/// One store: how it is, and until when it is left alone.
struct StoreState {
  std::chrono::steady_clock::time_point due = {};  ///< not to be asked before
  int failures = 0;                                ///< in a row
  bool needs_owner = false;                        ///< waiting alone will not help
  std::string trouble = {};                        ///< the last failure's message
  Refusals refusals = {};
  bool went_through = false;  ///< something did, since it was last left alone
};

struct StoreMemory::State {
  std::unique_ptr<StoreSet> stores = std::make_unique<StoreSet>();
  std::map<std::string, StoreState> by_url = {};
};

}  // namespace runlog
