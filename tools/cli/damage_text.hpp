// Damage in words: which file, which bytes, how much was lost, why.
#pragma once

#include <string>

#include "runlog/record.hpp"
#include "units.hpp"

namespace runlog::tools {

/// "runs/…/0-07.seg: bytes [4096, 8192): 12 records lost: checksum does not match", not yet
/// visible().
inline std::string damage_text(const Damage& damage) {
  std::string out = damage.path;
  out += damage.path.empty() ? "" : ": ";
  if (damage.begin != 0 || damage.end != 0) {
    out += "bytes [" + std::to_string(damage.begin) + ", " + std::to_string(damage.end) + "): ";
  }
  out += damage.exact ? "" : "at least ";
  out += counted(damage.records_lost, "record") + " lost";
  if (!damage.why.empty()) out += ": " + damage.why;
  return out;
}

}  // namespace runlog::tools
