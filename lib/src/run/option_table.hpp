// The table of the options of start_logging, one row each: resolve() fills and checks Options by
// it, docs/guide.md lists it, and option_table_test holds the table against that list and against
// runlog/options.hpp. It lacks on_error, which is a function and has no variable.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runlog/options.hpp"
#include "runlog/result.hpp"

namespace runlog {

/// Where the value goes. The type says how a text is read: run/options.cpp has a parser for each.
using OptionField =
    std::variant<std::string Options::*, std::filesystem::path Options::*,
                 std::vector<std::pair<std::string, std::string>> Options::*,
                 std::vector<std::pair<std::string, Value>> Options::*,
                 std::optional<bool> Options::*, std::optional<std::int64_t> Options::*,
                 std::optional<std::uint64_t> Options::*,
                 std::optional<std::chrono::milliseconds> Options::*,
                 std::optional<Sync> Options::*, std::optional<Overflow> Options::*,
                 std::optional<Resume> Options::*, std::optional<Share> Options::*>;

struct OptionRow {
  std::string_view name = {};  ///< of the field
  OptionField field = {};
  std::string_view standard = {};  ///< the default, as the variable would say it; empty: none
  /// Variables of launchers, for when RUNLOG_… is not set. The first that is there decides.
  std::array<const char*, 4> launchers = {};
  std::size_t text_bytes_max =
      0;  ///< longer text is cut, bytes that are no UTF-8 are mended; 0: not
  /// Whether the value may be used, and what a message says it must be.
  bool (*is_allowed)(const Options&) = nullptr;
  std::string_view allowed = {};
  /// In place of these two, where the error has more to tell.
  Result<void> (*check)(const Options&) = nullptr;
  std::string_view help = {};  ///< for docs/guide.md; neighbours with the same help share a line
};

/// In the order of docs/guide.md. A check may look at fields of earlier rows.
[[nodiscard]] std::span<const OptionRow> option_table() noexcept;

/// RUNLOG_ and the name in capitals.
[[nodiscard]] std::string variable_of(std::string_view name);

/// invalid_argument: "<what>='<value>': must be <allowed>".
[[nodiscard]] Error not_allowed(std::string_view what, std::string_view value,
                                std::string_view allowed);

}  // namespace runlog
