// Findings: what the reading of a path came across, as words on stderr and as an exit code.
#pragma once

#include <string>
#include <vector>

#include "runlog/reader.hpp"

namespace runlog::tools {

/// Says on stderr what could not be read. exit_damaged when there is anything, else exit_whole.
int warn_of_damage(const std::string& path, const std::vector<Damage>& damage);

/// Says on stderr what a store did not give. exit_failed when there is anything, else exit_whole.
int warn_of_failures(const std::string& path, const std::vector<Error>& failures);

/// Both. Damage is the graver news, and decides the exit code.
int warn_of_findings(const std::string& path, const std::vector<Damage>& damage,
                     const std::vector<Error>& failures);
/// Both, of a reader that is at its end.
int warn_of_findings(const std::string& path, const Reader& reader);

}  // namespace runlog::tools
