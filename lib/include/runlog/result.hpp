// Result: a value, or an Error that says what we were doing, to which path, and why it failed.
// runlog reports expected failures this way and throws nothing: the job must never die of its log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "runlog/export.hpp"

namespace runlog {

/// What went wrong, in the terms a caller can act on.
enum class Errc : std::uint8_t {
  invalid_argument,  ///< an option, name or path is unusable as given
  not_found,         ///< the path, run or record does not exist
  already_exists,    ///< the thing to be created is there already, with other content
  io,                ///< a system call failed: see os_errno
  no_space,          ///< disk full, quota reached, or the disk budget is used up
  read_only,         ///< the file system refuses writes
  busy,              ///< a live process holds the journal
  corrupt,           ///< bytes that fail their checks
  unsupported,       ///< valid, but of a version or kind this build does not know
  too_large,         ///< over a documented limit
  finished,          ///< the run has been completed, failed or cancelled already
  timeout,           ///< the stated time passed first
  unavailable,       ///< a store that may answer later
};

/// The name of `code` as it appears in messages, for example "no_space".
RUNLOG_EXPORT std::string_view errc_name(Errc code) noexcept;

/// A failure. `message` names the action and the path, and ends with the system's words if a system
/// call failed: "cannot preallocate 4194304 bytes at runs/a/r0-…: No space left on device".
struct Error {
  Errc code = Errc::io;
  int os_errno = 0;  ///< errno, or 0 where no system call was involved
  std::string message;
};

/// Builds an Error from an errno, and chooses its Errc. `doing`: as "cannot open"; `path`: what was
/// to be opened.
RUNLOG_EXPORT Error os_error(int os_errno, std::string_view doing, std::string_view path);

namespace detail {
/// For value() of an Error and error() of a value: writes a line to stderr and aborts, in every
/// build. `error`: what the Result holds instead of a value; nullptr when it holds a value.
[[noreturn]] RUNLOG_EXPORT void end_for_wrong_result(const Error* error) noexcept;
}  // namespace detail

/// Either a T or an Error. Test it before use: `value()`, `*` and `->` on an Error, and `error()`
/// on a value, write a line to stderr and abort, also in a Release build:
/// "runlog: value() of a failed result: <message>".
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return get(); }
  T&& value() && { return std::move(get()); }
  const T& value() const& { return const_cast<Result*>(this)->get(); }
  T& operator*() & { return get(); }
  T&& operator*() && { return std::move(get()); }
  const T& operator*() const& { return const_cast<Result*>(this)->get(); }
  T* operator->() { return &get(); }
  const T* operator->() const { return &const_cast<Result*>(this)->get(); }

  const Error& error() const& { return failure(); }
  Error&& error() && { return std::move(const_cast<Error&>(failure())); }

 private:
  T& get() {
    T* const there = std::get_if<0>(&state_);
    if (there == nullptr) [[unlikely]]
      detail::end_for_wrong_result(std::get_if<1>(&state_));
    return *there;
  }
  const Error& failure() const {
    const Error* const there = std::get_if<1>(&state_);
    if (there == nullptr) [[unlikely]]
      detail::end_for_wrong_result(nullptr);
    return *there;
  }
  std::variant<T, Error> state_;
};

/// Success, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error)
      : error_(std::move(error)), ok_(false) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return ok_; }
  explicit operator bool() const noexcept { return ok_; }

  const Error& error() const& { return failure(); }
  Error&& error() && { return std::move(const_cast<Error&>(failure())); }

 private:
  const Error& failure() const {
    if (ok_) [[unlikely]]
      detail::end_for_wrong_result(nullptr);
    return error_;
  }
  Error error_;
  bool ok_ = true;
};

}  // namespace runlog
