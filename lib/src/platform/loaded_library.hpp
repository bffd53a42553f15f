// LoadedLibrary: a shared library that is used if it is installed.
#pragma once

#include "runlog/result.hpp"

namespace runlog {

class LoadedLibrary {
 public:
  /// Stays loaded until close(): code of it may run at any time. Errors: unsupported, with the
  /// loader's words, which name the library, or where its file is cut off.
  static Result<LoadedLibrary> open(const char* name);
  /// nullptr: it has none of that name.
  [[nodiscard]] void* symbol(const char* name) const noexcept;
  void close() noexcept;

 private:
  explicit LoadedLibrary(void* handle) noexcept : handle_(handle) {}
  void* handle_;
};

}  // namespace runlog
