// Runs in a store: which part of a store a URL names, which runs are there, and which objects a run
// has. Prefixes are listed one level at a time, so that naming a run never lists the others. A
// store is not trusted: names that runlog cannot have made are ignored.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runlog/result.hpp"
#include "store/http/peer_limits.hpp"
#include "store/object_name.hpp"
#include "store/object_store.hpp"

namespace runlog {

/// Which journals to look at. Empty lists let everything through.
struct JournalSelection {
  std::vector<std::string> runs = {};  ///< globs over run ids
  std::vector<std::int64_t> ranks = {};

  [[nodiscard]] bool has_run(const std::string& run_id) const;
  [[nodiscard]] bool has_rank(std::int64_t rank) const;
};

/// A URL in two parts: the store's own, and what it names there.
struct StorePlace {
  std::string store_url = {};  ///< for open_store; ends where our names begin
  std::string project = {};    ///< empty: all
  std::string run_id = {};     ///< empty: all
  std::optional<std::int64_t> rank = {};
  std::string object = {};  ///< a single pack, relative to store_url; the others are then empty
};
/// "s3://b/p/project=x/run_id=y?region=r" → "s3://b/p?region=r", x, y. Also for plain paths.
[[nodiscard]] StorePlace split_store_url(std::string_view url);

/// `name` appended to the path of `url`, in front of a query. For messages.
[[nodiscard]] std::string url_of_object(std::string_view url, std::string_view name);

struct StoreRun {
  std::string prefix = {};  ///< "project=x/run_id=y/", relative to the store's prefix
  std::string project = {};
  std::string run_id = {};
};

/// Calls `visit` for each run, by name. A run that the place or the selection spells out is not
/// looked for but visited, whether it is there or not: list_run tells.
/// Errors: those of list(), too_large, and what `visit` returns.
Result<void> visit_runs(ObjectStore& store, const StorePlace& place,
                        const JournalSelection& selection,
                        const std::function<Result<void>(const StoreRun&)>& visit);

struct StoreObject {
  std::string name = {};  ///< relative to the store's prefix
  std::uint64_t bytes = 0;
  format::RunObject parsed = {};  ///< its views are empty; see id
  std::string id = {};            ///< session, or sha256 of a blob
};

/// The objects of a run, ordered by name, each once. With ranks selected: their packs, and the meta
/// and end of all, without the blobs.
Result<std::vector<StoreObject>> list_run(ObjectStore& store, const StoreRun& run,
                                          const JournalSelection& selection);

}  // namespace runlog
