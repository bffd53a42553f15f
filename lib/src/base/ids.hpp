// Identities of runs, children and journals: their parts and their text forms. platform/random
// makes new ones.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hex.hpp"

namespace runlog {

/// Random per process incarnation; names the journal.
struct Session {
  std::array<std::uint8_t, 16> bytes = {};
  friend bool operator==(const Session&, const Session&) = default;
};

[[nodiscard]] inline std::string to_hex(const Session& session) {
  return to_hex(session.bytes);
}

/// 1–128 of [A-Za-z0-9._-], first character a letter, digit or '-': safe as a file name, an object
/// name and a Hive partition value, and never hidden or reserved.
[[nodiscard]] bool is_valid_id(std::string_view id) noexcept;

/// Replaces what is_valid_id forbids by '-' and cuts at 128.
[[nodiscard]] std::string mend_id(std::string_view id);

/// The run id of the child `name` of the run `parent`: "<parent>.<name>", the same wherever it is
/// asked for. What is not of [A-Za-z0-9_-] in the name becomes '-' (also '.', which would look like
/// one more generation), and the whole is cut at 128; "-" and 8 hex digits of a checksum of what
/// was meant then keep two children apart.
[[nodiscard]] std::string child_id(std::string_view parent, std::string_view name);

}  // namespace runlog
