// The error of a call that got no memory.
#pragma once

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "runlog/result.hpp"

namespace runlog {

/// Needs none itself: the text is short enough to lie within the string.
[[nodiscard]] inline Error out_of_memory() noexcept {
  return Error{Errc::io, ENOMEM, "out of memory"};
}

[[nodiscard]] inline bool is_out_of_memory(const Error& error) noexcept {
  return error.os_errno == ENOMEM;
}

/// What `work` returns, a Result; out_of_memory() where it finds none, and an error where a thread
/// cannot be started. For public calls.
template <typename Work>
[[nodiscard]] auto catch_no_memory(Work&& work) -> decltype(std::forward<Work>(work)()) {
  try {
    return std::forward<Work>(work)();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::system_error& error) {
    return Error{Errc::io, error.code().value(), "no thread"};  // short, as above
  }
}

}  // namespace runlog
