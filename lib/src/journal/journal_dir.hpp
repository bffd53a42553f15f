// JournalDir: the names inside a journal directory. The directory is the state: the place of a file
// is its state, and a rename moves it to the next one.
//
//   <root>/<run_id>/r<rank>-<session>/
//     LOCK              held by the writer, or by an adopter
//     meta.json         who and where; written once
//     crash             how the process died, written by itself (platform/crash_layout)
//     end.json          how it ended; written at the end or by recovery
//     lanes/NNNNNNNN.seg    segments, open, sealed or spare
//     packs/NNNNNNNN.parquet   packed, not yet acknowledged by the store
//     blobs/<sha256>    staged artifacts, not yet acknowledged
//     shipped/          packs, blobs and end.json the store has
//     refused           what the store refuses of it, as text; absent: nothing
//     moved.json        the store that it ships to, if another than in meta.json
//     torn/             originals of damaged files
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "platform/file_system.hpp"
#include "runlog/result.hpp"

namespace runlog {

class JournalDir {
 public:
  JournalDir() = default;
  explicit JournalDir(std::filesystem::path path) : path_(std::move(path)) {}

  static JournalDir of(const std::filesystem::path& root, std::string_view run_id,
                       std::int64_t rank, const Session& session);

  /// Creates the directory and its subdirectories, and those of its run and root. `rights`: of what
  /// is not there yet.
  [[nodiscard]] Result<void> create(Rights rights = Rights::own) const;
  /// Its subdirectories alone, of a journal that is there.
  [[nodiscard]] Result<void> create_folders() const;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::filesystem::path lock() const { return path_ / "LOCK"; }
  [[nodiscard]] std::filesystem::path meta() const { return path_ / "meta.json"; }
  [[nodiscard]] std::filesystem::path crash() const { return path_ / "crash"; }
  [[nodiscard]] std::filesystem::path end() const { return path_ / "end.json"; }
  [[nodiscard]] std::filesystem::path refused() const { return path_ / "refused"; }
  [[nodiscard]] std::filesystem::path moved() const { return path_ / "moved.json"; }
  [[nodiscard]] std::filesystem::path lanes() const { return path_ / "lanes"; }
  [[nodiscard]] std::filesystem::path packs() const { return path_ / "packs"; }
  [[nodiscard]] std::filesystem::path blobs() const { return path_ / "blobs"; }
  [[nodiscard]] std::filesystem::path shipped() const { return path_ / "shipped"; }
  [[nodiscard]] std::filesystem::path torn() const { return path_ / "torn"; }
  [[nodiscard]] std::filesystem::path segment(std::uint32_t number) const;
  [[nodiscard]] std::filesystem::path pack(std::uint32_t number) const;
  /// An empty file that the next pack is written to: see reserve_pack() in keep/packer.hpp.
  [[nodiscard]] std::filesystem::path pack_reserve() const { return packs() / "reserve.tmp"; }

 private:
  std::filesystem::path path_;
};

/// "00000042" + suffix.
[[nodiscard]] std::string numbered_name(std::uint32_t number, std::string_view suffix);
/// The number in such a name; nothing when it is another name.
[[nodiscard]] std::optional<std::uint32_t> parse_numbered_name(std::string_view name,
                                                               std::string_view suffix);

/// Rank and session in "r<rank>-<session>".
struct JournalName {
  std::int64_t rank = 0;
  Session session = {};
};
[[nodiscard]] std::optional<JournalName> parse_journal_name(std::string_view name);
[[nodiscard]] std::optional<Session> parse_session(std::string_view hex);

/// The journal directories at or below `path` (a journal, a run or a root), sorted by path, each
/// once.
/// not_found when `path` does not exist; other names are skipped. `unread` gets the run directories
/// that could not be looked into. `others`, where given, gets what is not this user's instead, or
/// lies where another user could exchange it: a journal, or a whole run directory, in which nothing
/// but names is looked at.
[[nodiscard]] Result<std::vector<std::filesystem::path>> find_journals(
    const std::filesystem::path& path, std::vector<Error>* unread = nullptr,
    std::vector<std::filesystem::path>* others = nullptr);

/// Makes a run's directory below its root, and the root. `rights`: of what is not there yet.
[[nodiscard]] Result<void> make_run_directory(const std::filesystem::path& run, Rights rights);

/// Whether this user has made it, or the superuser, who may do everything anyway.
[[nodiscard]] bool is_trusted(const FileStat& info) noexcept;

/// Whether `path` is a directory, no link, that this user has made and not everybody may write to,
/// in a run's directory, or behind a link, of this user or the superuser. What another has made is
/// not to be believed: a job under a root that several users share leaves it alone.
[[nodiscard]] bool is_own_journal(const std::filesystem::path& path);

/// Whether only this user, or the superuser, can exchange what lies in the directory `root`, to
/// which a link may lead. Of the directories above it nothing is asked.
[[nodiscard]] bool is_safe_root(const std::filesystem::path& root);

/// The first of a journal's files and folders, LOCK aside, in whose place there is a link, which
/// would lead out of it. What is in the folders is looked at by who opens it.
[[nodiscard]] std::optional<std::filesystem::path> find_link(const JournalDir& directory);

inline constexpr std::string_view kSegment_suffix = ".seg";
inline constexpr std::string_view kPack_suffix = ".parquet";

}  // namespace runlog
