// library_file: a shared library's file, before the dynamic linker maps it.
#pragma once

#include <filesystem>
#include <optional>

namespace runlog {

/// The file that dlopen(name), called in this library, is about to map, if it is shorter than its
/// own headers say (an interrupted installation, a full disk). Mapped, it raises SIGBUS in the
/// dynamic linker, with its lock held, and nobody can survive that. Nothing: it is whole, or is not
/// found, or is no ELF file, of which dlopen() says so. Looks where dlinfo() tells that the linker
/// looks; what only its cache knows, and what the library needs in turn, is not looked at.
[[nodiscard]] std::optional<std::filesystem::path> find_cut_library(const char* name);

}  // namespace runlog
