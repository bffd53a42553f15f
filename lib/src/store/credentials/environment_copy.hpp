// EnvironmentCopy: the environment as it was when a store was opened. The thread that ships reads
// this copy and not the environment itself, which the user's threads may change at any time: a
// getenv beside a setenv reads freed memory.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runlog/result.hpp"
#include "store/credentials/credentials.hpp"

namespace runlog {

class EnvironmentCopy {
 public:
  EnvironmentCopy();

  /// Without white space at its ends (a secret mounted from a file often ends in a newline);
  /// nothing when unset or blank.
  [[nodiscard]] std::optional<std::string> get(std::string_view name) const;

  /// The same for what goes into headers and signatures. Errors: invalid_argument when there are
  /// control characters in it; names the variable, not the value.
  Result<std::string> get_printable(std::string_view name) const;

  /// $HOME, else what the user database says; empty when neither knows.
  [[nodiscard]] std::filesystem::path home() const;
  /// The path that `variable` names, with a leading "~/" expanded, else `below_home` in home().
  [[nodiscard]] std::filesystem::path file(std::string_view variable,
                                           std::string_view below_home) const;

  /// For a child process: "NAME=value" each.
  [[nodiscard]] const std::vector<Secret>& entries() const noexcept { return entries_; }

 private:
  std::vector<Secret> entries_;
};

using SharedEnvironment = std::shared_ptr<const EnvironmentCopy>;

}  // namespace runlog
