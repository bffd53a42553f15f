#include "platform/library_file.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "platform/file_system.hpp"

namespace runlog {
namespace {

constexpr std::size_t kDirectories_bytes_max = std::size_t{1} << 20;

std::vector<std::filesystem::path> search_directories() {
  std::vector<std::filesystem::path> directories;
  Dl_info here{};
  const bool is_known = ::dladdr(reinterpret_cast<void*>(&search_directories), &here) != 0;
  // Not by its name where this code is part of the program.
  void* handle = is_known ? ::dlopen(here.dli_fname, RTLD_LAZY | RTLD_NOLOAD) : nullptr;
  if (handle == nullptr) handle = ::dlopen(nullptr, RTLD_LAZY);
  if (handle == nullptr) return directories;
  Dl_serinfo size{};
  if (::dlinfo(handle, RTLD_DI_SERINFOSIZE, &size) == 0 && size.dls_size < kDirectories_bytes_max) {
    std::vector<std::max_align_t> memory(size.dls_size / sizeof(std::max_align_t) + 1);
    auto* const told = reinterpret_cast<Dl_serinfo*>(memory.data());
    *told = size;
    if (::dlinfo(handle, RTLD_DI_SERINFO, told) == 0) {
      for (unsigned i = 0; i < told->dls_cnt; ++i) {
        directories.emplace_back(told->dls_serpath[i].dls_name);
      }
    }
  }
  ::dlclose(handle);
  return directories;
}

// Also of one whose headers are not there in full.
bool is_cut(const OpenFile& file, const std::filesystem::path& path) {
  const auto info = stat_file(file.fd(), path);
  ElfW(Ehdr) header{};
  const auto bytes = std::as_writable_bytes(std::span(&header, 1));
  const auto got = read_at(file.fd(), 0, bytes, path);
  if (!info || !got || *got < SELFMAG || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return false;
  }
  if (*got < sizeof header) return true;
  if (header.e_phentsize != sizeof(ElfW(Phdr))) return false;
  std::vector<ElfW(Phdr)> parts(header.e_phnum);
  const auto table = std::as_writable_bytes(std::span(parts));
  const auto read = read_at(file.fd(), header.e_phoff, table, path);
  if (!read) return false;
  if (*read < table.size()) return true;
  for (const ElfW(Phdr) & part : parts) {
    if (part.p_type != PT_LOAD || part.p_filesz == 0) continue;
    if (part.p_offset > info->bytes || part.p_filesz > info->bytes - part.p_offset) return true;
  }
  return false;
}

}  // namespace

std::optional<std::filesystem::path> find_cut_library(const char* name) {
  if (void* const loaded = ::dlopen(name, RTLD_LAZY | RTLD_NOLOAD)) {  // by the program, and whole
    ::dlclose(loaded);
    return {};
  }
  for (const auto& directory : search_directories()) {
    const std::filesystem::path path = directory / name;
    const auto file = OpenFile::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) continue;
    return is_cut(*file, path) ? std::optional(path) : std::nullopt;
  }
  return {};
}

}  // namespace runlog
