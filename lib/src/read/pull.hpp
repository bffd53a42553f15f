// Pull from any ObjectStore, so that tests can use one that fails.
#pragma once

#include "runlog/store.hpp"
#include "store/store_runs.hpp"

namespace runlog {

Result<PullReport> pull_from(ObjectStore& store, const StorePlace& place,
                             const std::filesystem::path& directory, const PullOptions& options,
                             std::stop_token stop);

}  // namespace runlog
