// Whether a checksum that was read is the one that was computed. Builds for fuzzing
// (RUNLOG_FUZZ_NO_CHECKSUMS, which only the CMake option RUNLOG_FUZZ sets) take most for right: no
// fuzzer guesses one, and what lies behind would not be reached. Some they refuse, so that what
// goes on behind damage is reached as well.
#pragma once

#include <cstdint>

namespace runlog {

#if defined(RUNLOG_FUZZ_NO_CHECKSUMS)
inline constexpr bool kTakes_any_checksum = true;
[[nodiscard]] constexpr bool is_checksum(std::uint32_t read, std::uint32_t) noexcept {
  return (read & 7) != 5;
}
#else
inline constexpr bool kTakes_any_checksum = false;
[[nodiscard]] constexpr bool is_checksum(std::uint32_t read, std::uint32_t computed) noexcept {
  return read == computed;
}
#endif

}  // namespace runlog
