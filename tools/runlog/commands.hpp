// The subcommands. Each writes data to `out`, words to stderr, and returns its exit code.
#pragma once

#include <string>

#include "options.hpp"
#include "output.hpp"

namespace runlog::tools {

int run(const ListCommand& command, Output& out);
int run(const CatCommand& command, Output& out);
int run(const TailCommand& command, Output& out);
int run(const StatCommand& command, Output& out);
int run(const VerifyCommand& command, Output& out);
int run(const PlotCommand& command, Output& out);
int run(const SalvageCommand& command, Output& out);
int run(const CleanCommand& command, Output& out);
int run(const PullCommand& command, Output& out);
int run(const DoctorCommand& command, Output& out);

}  // namespace runlog::tools
