// Settings: options of start_logging, Reader and recover by the names of their fields, as texts.
#pragma once

#include <span>

#include "runlog/options.hpp"
#include "runlog/reader.hpp"
#include "runlog/recover.hpp"
#include "runlog/result.hpp"
#include "runlog/runlog.h"

namespace runlog::api {

/// The arguments of clean(), which has no struct of options.
struct CleanOptions {
  std::string store = {};
  bool dry_run = false;
  bool any_owner = false;
};

/// What `settings` say; an error (invalid_argument) names the setting, its text and what is
/// allowed. Whether an option's value may be used, resolve() says.
Result<Options> run_options(std::span<const runlog_setting> settings);
Result<ReadOptions> read_options(std::span<const runlog_setting> settings);
Result<RecoverOptions> recover_options(std::span<const runlog_setting> settings);
Result<CleanOptions> clean_options(std::span<const runlog_setting> settings);

/// As two arguments of a C function.
[[nodiscard]] inline std::span<const runlog_setting> settings_of(const runlog_setting* settings,
                                                                 std::size_t count) noexcept {
  if (settings == nullptr) return {};
  return {settings, count};
}

}  // namespace runlog::api
