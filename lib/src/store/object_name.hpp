// Object names: the names in a store, relative to its prefix. They are Hive-partitioned, so that
// engines prune by project, run and rank. An object always has the same name, so shipping it twice
// has the effect of shipping it once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace runlog::format {

/// Whose objects.
struct ObjectOwner {
  std::string_view project, run_id, session;
  std::int64_t rank = 0;
};
/// Of a Meta or a JournalInfo, which must outlive it.
template <typename Journal>
[[nodiscard]] ObjectOwner owner_of(const Journal& journal) noexcept {
  return {.project = journal.project,
          .run_id = journal.run_id,
          .session = journal.session,
          .rank = journal.rank};
}

/// "project=p/run_id=r"
[[nodiscard]] std::string run_prefix(const ObjectOwner& owner);
/// "rank=00007"
[[nodiscard]] std::string rank_component(std::int64_t rank);
/// "<run prefix>/rank=00007/<session>-00000042.parquet"
[[nodiscard]] std::string pack_object(const ObjectOwner& owner, std::uint32_t number);
/// "<run prefix>/_runlog/<session>.json"
[[nodiscard]] std::string meta_object(const ObjectOwner& owner);
/// "<run prefix>/_runlog/<session>.end.json"
[[nodiscard]] std::string end_object(const ObjectOwner& owner);
/// "<run prefix>/_runlog/blobs/<sha256>": shared by the sessions of a run
[[nodiscard]] std::string blob_object(const ObjectOwner& owner, std::string_view sha256);

/// The value in one component "key=value" of a name, where it is an id as runs and projects have.
[[nodiscard]] std::optional<std::string_view> id_in_component(std::string_view component,
                                                              std::string_view key);
/// The rank in "rank=00007".
[[nodiscard]] std::optional<std::int64_t> parse_rank(std::string_view component);

/// What an object of a run is, told by its name below the run prefix. A store is not trusted: a
/// name that none of the functions above could have made is none of ours, so what parses is also
/// safe as a relative path.
struct RunObject {
  enum class What : std::uint8_t { meta, blob, pack, end };
  What what = What::pack;
  std::int64_t rank = 0;       ///< of a pack
  std::uint32_t number = 0;    ///< of a pack
  std::string_view session{};  ///< 32 hex digits; empty for a blob
  std::string_view sha256{};   ///< of a blob
};
/// `name` without the run prefix: "rank=00007/…" or "_runlog/…". The views point into it.
[[nodiscard]] std::optional<RunObject> parse_run_object(std::string_view name);

}  // namespace runlog::format
