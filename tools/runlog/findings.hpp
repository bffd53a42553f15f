// Findings: what the reading of a path came across, as words on stderr and as an exit code.
#pragma once

#include <string>
#include <vector>

#include "runlog/record.hpp"

namespace runlog::tools {

/// Says on stderr what could not be read. exit_damaged when there is anything, else exit_whole.
int warn_of_damage(const std::string& path, const std::vector<Damage>& damage);

}  // namespace runlog::tools
