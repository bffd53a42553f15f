// Symbols: the functions of a backtrace, from the files that its process had loaded, where they are
// still the same ones. The files are named by a journal and are believed in nothing: regular files
// of the same build id only, and every offset in them is checked.
#pragma once

#include <string>
#include <vector>

#include "runlog/crash.hpp"

namespace runlog::tools {

/// For each frame "recurse(int)+0x1f", or nothing where the file is gone, is another one, or has no
/// symbol there. Reads each file once.
std::vector<std::string> function_names(const std::vector<CrashFrame>& frames);

}  // namespace runlog::tools
