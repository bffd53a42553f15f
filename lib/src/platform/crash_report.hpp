// CrashReport from the bytes of a crash file. The bytes are not trusted: every length and text is
// checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "runlog/crash.hpp"

namespace runlog {

/// Fills `bytes` with what stands at `at` in a crash file, which may be anything: not a link, a
/// pipe or a device. Returns how many there are.
[[nodiscard]] std::size_t read_crash_bytes(const std::filesystem::path& path, std::uint64_t at,
                                           std::span<std::byte> bytes);

/// The report in a crash file, if a dying process left one there.
[[nodiscard]] std::optional<CrashReport> read_crash_file(const std::filesystem::path& path);
[[nodiscard]] std::optional<CrashReport> parse_crash(std::span<const std::byte> bytes);

/// Whether a signal ended the process after exit() had been called. An end that was told then, as
/// exit() found it, is not how it ended.
[[nodiscard]] bool died_after_exit(const std::optional<CrashReport>& report);

}  // namespace runlog
