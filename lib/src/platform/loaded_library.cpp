#include "platform/loaded_library.hpp"

#include <dlfcn.h>

#include <string>

#include "platform/library_file.hpp"

namespace runlog {

Result<LoadedLibrary> LoadedLibrary::open(const char* name) {
  if (const auto cut = find_cut_library(name)) {
    return Error{Errc::unsupported, 0, "cannot load " + cut->native() + ": it is cut off"};
  }
  void* const handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) return LoadedLibrary(handle);
  const char* const why = ::dlerror();
  return Error{Errc::unsupported, 0, std::string("cannot load ") + (why != nullptr ? why : name)};
}

void* LoadedLibrary::symbol(const char* name) const noexcept {
  return ::dlsym(handle_, name);
}

void LoadedLibrary::close() noexcept {
  ::dlclose(handle_);
}

}  // namespace runlog
