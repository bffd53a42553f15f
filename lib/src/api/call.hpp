// What each function of runlog.h does with its texts, its steps and its errors. Nothing is thrown
// across that interface: guarded() makes errors of what is thrown below it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/out_of_memory.hpp"
#include "platform/in_call.hpp"
#include "runlog/result.hpp"
#include "runlog/runlog.h"

namespace runlog::api {

[[nodiscard]] constexpr int code_of(Errc code) noexcept {
  return static_cast<int>(code) + 1;
}

/// Keeps `error` as the last one of this thread. Returns its runlog_code.
int fail(const Error& error) noexcept;

/// A text that the caller passed.
[[nodiscard]] inline std::string_view view(const char* text, std::size_t text_bytes) noexcept {
  if (text == nullptr) return {};
  return {text, text_bytes == RUNLOG_ZERO_TERMINATED ? std::strlen(text) : text_bytes};
}
[[nodiscard]] inline std::string_view view(const runlog_text& text) noexcept {
  return view(text.data, text.bytes);
}

/// The step that the caller gave, if any.
using MaybeStep = std::optional<std::int64_t>;
[[nodiscard]] inline MaybeStep step_of(const runlog_when* when) noexcept {
  if (when == nullptr || (when->has & RUNLOG_WHEN_STEP) == 0) return {};
  return when->step;
}
[[nodiscard]] inline bool has_time(const runlog_when* when) noexcept {
  return when != nullptr && (when->has & RUNLOG_WHEN_TIME) != 0;
}

[[nodiscard]] inline Error invalid(const char* message) {
  return Error{Errc::invalid_argument, 0, message};
}

/// A text for the caller; `text` must outlive it.
[[nodiscard]] inline runlog_text text_of(std::string_view text) noexcept {
  return {.data = text.data() != nullptr ? text.data() : "", .bytes = text.size()};
}

/// What the functions with a buffer return, after they have filled it.
std::size_t copy_out(std::string_view text, char* buffer, std::size_t buffer_bytes) noexcept;

/// Fills a struct of the caller, which may be of an older or a newer runlog.h.
template <typename T>
void fill(T* target, std::size_t target_bytes, const T& source) noexcept {
  if (target == nullptr) return;
  std::memset(target, 0, target_bytes);
  std::memcpy(target, &source, std::min(target_bytes, sizeof(T)));
}

/// Reads a struct of the caller that begins with struct_bytes; what an older one lacks is zero.
template <typename T>
[[nodiscard]] Result<T> taken(const T* given, std::string_view what) {
  T all{};
  if (given == nullptr) return all;
  if (given->struct_bytes <= sizeof(std::size_t)) {
    return Error{Errc::invalid_argument, 0,
                 std::string(what) + ": struct_bytes must be the struct's sizeof"};
  }
  std::memcpy(&all, given, std::min(given->struct_bytes, sizeof(T)));
  return all;
}

/// Does `work`, which returns a Result<void>, and returns a runlog_code.
template <typename Work>
int guarded(Work&& work) noexcept {
  const InCall in_call;
  try {
    const Result<void> result = catch_no_memory(std::forward<Work>(work));
    return result ? RUNLOG_OK : fail(result.error());
  } catch (const std::exception& error) {
    return fail(catch_no_memory([&]() -> Result<void> {
                  return Error{Errc::io, 0, error.what()};
                }).error());
  }
}

/// The same for a function that hands out a new object: `work` returns a Result of a
/// std::unique_ptr, which goes to `out`; nullptr on failure.
template <typename T, typename Work>
int guarded_new(T** out, Work&& work) noexcept {
  if (out != nullptr) *out = nullptr;
  return guarded([&]() -> Result<void> {
    if (out == nullptr) {
      return Error{Errc::invalid_argument, 0, "the pointer for the result is NULL"};
    }
    auto made = work();
    if (!made) return std::move(made).error();
    *out = made->release();
    return {};
  });
}

}  // namespace runlog::api
