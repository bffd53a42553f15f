// A credential_process: a program that prints credentials. Run without a shell, for a bounded time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runlog/result.hpp"
#include "ship/cloud/credentials.hpp"

namespace runlog {

/// Words as a POSIX shell would split them: quotes and backslashes, nothing expanded. Nothing when
/// a quote is left open.
[[nodiscard]] std::optional<std::vector<std::string>> split_command(std::string_view command);

/// What `command` prints on stdout, at most 64 KiB; it has 60 s, then it is killed. Its stderr is
/// the job's: what it has to say is for the same person. `what` begins every error; the command's
/// words are never quoted, because people put secrets there. Errors: invalid_argument, unavailable.
[[nodiscard]] Result<Secret> run_credential_process(const std::string& command,
                                                    std::string_view what);

}  // namespace runlog
