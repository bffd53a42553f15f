// The books of a job: every call that has returned is in the data once, or told there as dropped,
// or told there as damaged. Exactly, from the data alone, and as stats() had it where the job lived
// to say so. Tests that only look for what must be there do not see what nobody tells of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/acknowledged.hpp"
#include "support/contents.hpp"

namespace test {

/// Whether the data tells of the drops that a job was killed in the middle of. False: the books of
/// such a job have only an upper bound.
inline constexpr bool kTells_drops_after_kill = true;

/// One thread: it logs the numbers 0, 1, 2, … under a name of its own, see numbers_of().
struct Account {
  std::string name;
  std::uint64_t acknowledged = 0;
};

struct Books {
  std::vector<Account> accounts = {};
  /// Records of no account: "started", params, an end, … Needed where damage may have hit one of
  /// them, or where such calls may be dropped; else they are not looked at.
  std::optional<std::uint64_t> others = {};
  /// The job was killed: of each account there may be one call that had not returned.
  bool is_killed = false;
  /// And it was dropping then.
  bool was_dropping = false;
  /// False: an account is in several lanes, and so not in order where times are equal.
  bool is_in_order = true;
  /// False: a lane may tell of drops that were in others.
  bool tells_in_its_lane = true;
  /// stats().dropped at the end.
  std::optional<std::uint64_t> dropped = {};
  /// Whether there may be damage; else there must be none.
  bool may_be_damaged = false;
};

/// Those of `killable` and its kind.
[[nodiscard]] Books books_of(const Acknowledged& acknowledged);

/// The numbers that an account's records carry, in the order read: steps of metrics, and texts
/// "name number".
[[nodiscard]] std::vector<std::int64_t> numbers_of(const Contents& contents,
                                                   const std::string& account);

/// Empty, or what is wrong.
[[nodiscard]] std::string problem_with_books(const Contents& contents, const Books& books);

/// What `runlog verify --json` says of a place, in sum.
struct Verified {
  std::uint64_t dropped = 0;
  std::uint64_t damaged = 0;
  std::string problem = {};  ///< it cannot be read, or its exit status is not that of its words
};
[[nodiscard]] Verified verify(const std::filesystem::path& place);

/// Empty, or where `runlog verify` says otherwise than `contents`, which were read there.
[[nodiscard]] std::string problem_with_verify(const Contents& contents,
                                              const std::filesystem::path& place);

/// Reads a root, a journal or a store, and wants its books to close, for our reader and for
/// `runlog verify`; the latter reads everything once more and so is asked only where that is no
/// more than kVerified_rows_max. Uses Catch's assertions. Returns what was read.
inline constexpr std::size_t kVerified_rows_max = 200'000;
Contents check_books(const std::filesystem::path& place, const Books& books);

/// What victims say at their end in a line "calls N dropped N".
struct Tally {
  std::uint64_t calls = 0;
  std::uint64_t dropped = 0;
};
Tally parse_tally(const std::string& line);

/// Of a job with one thread that logs "train/loss" and dropped some of it.
void check_tally(const std::filesystem::path& place, const Tally& tally);

}  // namespace test
