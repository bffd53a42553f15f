// For tests that mount file systems. Who has no right to is told that nothing was tested; who has
// it, as CI does, gets a failure: a test that is left out must not look like one that passed.
#pragma once

#include <fstream>
#include <string>

#include "support/catch.hpp"

namespace test {

/// Whether this process has CAP_SYS_ADMIN.
inline bool may_mount() {
  constexpr unsigned kCap_sys_admin = 21;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("CapEff:")) {
      return (std::stoull(line.substr(7), nullptr, 16) >> kCap_sys_admin & 1) != 0;
    }
  }
  return false;
}

inline void tell_unmounted(const std::string& what) {
  if (may_mount()) FAIL("may mount, but cannot: " << what);
  WARN("no right to mount: not tested with " << what);
}

}  // namespace test
