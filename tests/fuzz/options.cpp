// Any bytes as values of RUNLOG_* variables, one a line, whose first byte picks the variable:
// resolve() says no, or gives options inside their ranges.
#include <stdlib.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "fuzz/fuzz.hpp"
#include "runlog/options.hpp"

namespace {

// Picked by the low five bits: '@' the first, 'A' the second, …
constexpr const char* kVariables[] = {"RUNLOG_ROOT",
                                      "RUNLOG_RUN_ID",
                                      "RUNLOG_PROJECT",
                                      "RUNLOG_EXPERIMENT",
                                      "RUNLOG_NAME",
                                      "RUNLOG_GROUP",
                                      "RUNLOG_PARENT_RUN",
                                      "RUNLOG_TAGS",
                                      "RUNLOG_PARAMS",
                                      "RUNLOG_RANK",
                                      "RUNLOG_WORLD",
                                      "RUNLOG_LOCAL_RANK",
                                      "RUNLOG_STORE",
                                      "RUNLOG_SYNC",
                                      "RUNLOG_SYNC_INTERVAL",
                                      "RUNLOG_SHIP_INTERVAL",
                                      "RUNLOG_PACK_BYTES",
                                      "RUNLOG_SEGMENT_BYTES",
                                      "RUNLOG_DISK_BUDGET",
                                      "RUNLOG_ARTIFACT_BUDGET",
                                      "RUNLOG_OVERFLOW",
                                      "RUNLOG_OVERFLOW_BLOCK",
                                      "RUNLOG_FINISH_DEADLINE",
                                      "RUNLOG_RESUME",
                                      "RUNLOG_CRASH_MARKER",
                                      "RUNLOG_STOP_SIGNALS",
                                      "RUNLOG_SIGBUS_GUARD",
                                      "RUNLOG_KEEP_SHIPPED",
                                      "RUNLOG_COMMAND_LINE",
                                      "RUNLOG_NETWORK_ROOT",
                                      "RUNLOG_SHARE",
                                      "RUNLOG_OPEN_ROOT"};

void set_variables(std::string_view text) {
  ::setenv("AWS_CONFIG_FILE", "/dev/null", 1);
  ::setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
  for (const char* const name : kVariables) ::unsetenv(name);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const auto which = static_cast<unsigned char>(line[0]) % std::size(kVariables);
    ::setenv(kVariables[which], line.c_str() + 1, 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_variables({reinterpret_cast<const char*>(data), size});
  const auto options = runlog::resolve({});
  if (!options) return 0;
  const bool is_in_range =
      *options->segment_bytes >= 64u << 10 && *options->segment_bytes <= 64u << 20 &&
      *options->disk_budget >= 4 * *options->segment_bytes && *options->rank >= 0 &&
      options->name.size() <= 512 && options->sync_interval->count() >= 10 &&
      options->ship_interval->count() >= 100 && options->overflow_block->count() >= 0 &&
      options->finish_deadline->count() >= 0;
  if (!is_in_range) std::abort();
  return 0;
}
