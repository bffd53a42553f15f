// What the options of a run mean for its parts: journal and keeper.
#pragma once

#include <memory>
#include <string>

#include "base/ids.hpp"
#include "journal/journal.hpp"
#include "keep/keeper.hpp"
#include "platform/file_system_kind.hpp"
#include "run/error_reporter.hpp"
#include "runlog/options.hpp"
#include "runlog/result.hpp"

namespace runlog {

/// Root and store, where that is a directory, as whole paths: the job may change its directory, and
/// recovery runs in another. Errors: io.
[[nodiscard]] Result<void> make_paths_whole(Options& options);

/// Of the directories below the root, by Options::share. Resolved options given, here as below.
[[nodiscard]] Rights rights_of(const Options& options) noexcept;

/// Whether a journal may be below the root. Success may come with a warning for the user, else
/// empty. Errors: unsupported: a network file system; invalid_argument: open to every user.
[[nodiscard]] Result<std::string> check_root(const Options& options,
                                             const FindFileSystem& find_file_system);

/// `parent_session`: in a forked child, else empty.
[[nodiscard]] Journal::Settings journal_settings(const Options& options, const Session& session,
                                                 std::string parent_session,
                                                 std::shared_ptr<ErrorReporter> reporter);

[[nodiscard]] Keeper::Settings keeper_settings(const Options& options,
                                               const FindFileSystem& find_file_system,
                                               const Journal& journal);

}  // namespace runlog
