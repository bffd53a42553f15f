// The text of an errno.
#pragma once

#include <features.h>

#include <cstring>
#include <string>
#include <system_error>

namespace runlog {

/// Untranslated. Not strerror(), nor what libstdc++ makes of it: that looks for a translation under
/// a lock of the C library, which fork() copies as it is. A child forked at that moment then hangs
/// in exit(), where other libraries free their locales.
[[nodiscard]] inline std::string errno_text(int os_errno) {
#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 32)
  const char* const text = ::strerrordesc_np(os_errno);
  return text != nullptr ? text : "Unknown error " + std::to_string(os_errno);
#endif
#endif
  return std::generic_category().message(os_errno);
}

}  // namespace runlog
