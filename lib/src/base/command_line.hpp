// A command line as it may be written down.
#pragma once

#include <string>
#include <string_view>

namespace runlog {

/// `arguments`, each with a NUL behind it, joined by blanks; "***" stands for what is secret or may
/// be: the value of `--api-key VALUE`, `--password=VALUE`, `HF_TOKEN=VALUE`, `Authorization: VALUE`
/// and of other names that say so, also within an argument, such as a script for a shell; and in
/// URLs, what without_secrets() leaves out. Rather too much than too little: `--pad-token VALUE`,
/// too. What no name tells cannot be known.
[[nodiscard]] std::string shown_command_line(std::string_view arguments);

}  // namespace runlog
