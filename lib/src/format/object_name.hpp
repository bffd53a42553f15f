// Object names: where things lie in a store, relative to its prefix. Hive-partitioned, so that
// engines prune by project, run and rank; fixed by what the object is, so that shipping twice is
// shipping once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace runlog::format {

/// Whose objects.
struct ObjectOwner {
  std::string_view project, run_id, session;
  std::int64_t rank = 0;
};

/// "project=p/run_id=r"
[[nodiscard]] std::string run_prefix(const ObjectOwner& owner);
/// "<run prefix>/rank=00007/<session>-00000042.parquet"
[[nodiscard]] std::string pack_object(const ObjectOwner& owner, std::uint32_t number);
/// "<run prefix>/_runlog/<session>.json"
[[nodiscard]] std::string meta_object(const ObjectOwner& owner);
/// "<run prefix>/_runlog/<session>.end.json"
[[nodiscard]] std::string end_object(const ObjectOwner& owner);
/// "<run prefix>/_runlog/blobs/<sha256>": shared by the sessions of a run
[[nodiscard]] std::string blob_object(const ObjectOwner& owner, std::string_view sha256);

}  // namespace runlog::format
