// current_exception: type and text of the exception that this thread handles, for the crash mark.
// In std::terminate that is the uncaught exception.
#pragma once

#include <cstddef>
#include <typeinfo>

namespace runlog {

/// nullptr: there is none, or it has no text.
struct CurrentException {
  const std::type_info* type = nullptr;
  const char* what = nullptr;
};

/// Calls what() of whatever std::exception it is. Not in a signal handler.
[[nodiscard]] CurrentException look_at_exception() noexcept;

/// Async-signal-safe, in a handler of the thread itself: abort() may have been called with any lock
/// held, and a what() of the program may want that lock, or memory. So the text is taken only of
/// what the C++ library brings along, which is also what is mostly derived from. May fault where
/// the exception's memory is broken: the caller is ready for that.
[[nodiscard]] CurrentException look_at_exception_in_handler() noexcept;

/// At most `bytes_max` of a text that may be anything. Returns how many.
[[nodiscard]] std::size_t copy_text(char* target, const char* text, std::size_t bytes_max) noexcept;

}  // namespace runlog
