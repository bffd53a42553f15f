#include "symbols.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "cli/text.hpp"

namespace runlog::tools {
namespace {

void append_hex(std::string& out, char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += kDigits[static_cast<unsigned char>(byte) >> 4];
  out += kDigits[static_cast<unsigned char>(byte) & 15u];
}

constexpr std::size_t kSections_max = 4096;
constexpr std::size_t kNote_bytes_max = 4096;
constexpr std::uint64_t kSymbols_bytes_max = 512u << 20;
constexpr std::size_t kName_bytes_max = 512;
constexpr std::size_t kShown_bytes_max = 200;

class ElfFile {
 public:
  explicit ElfFile(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY)) {
    struct stat info {};
    if (fd_ < 0 || ::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) return;
    size_ = static_cast<std::uint64_t>(info.st_size);
    read_sections();
  }
  ~ElfFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  [[nodiscard]] const std::vector<Elf64_Shdr>& sections() const { return sections_; }

  // False when not all of it is there.
  bool read(std::uint64_t at, void* target, std::size_t bytes) const {
    if (at > size_ || bytes > size_ - at) return false;
    return ::pread(fd_, target, bytes, static_cast<off_t>(at)) == static_cast<ssize_t>(bytes);
  }

  [[nodiscard]] std::string build_id() const {
    for (const Elf64_Shdr& section : sections_) {
      if (section.sh_type != SHT_NOTE) continue;
      std::vector<char> notes(std::min<std::uint64_t>(section.sh_size, kNote_bytes_max));
      if (!read(section.sh_offset, notes.data(), notes.size())) continue;
      for (std::size_t at = 0; at + sizeof(Elf64_Nhdr) + 4 <= notes.size();) {
        Elf64_Nhdr note;
        std::memcpy(&note, notes.data() + at, sizeof note);
        const std::uint64_t id_at =
            at + sizeof note + ((note.n_namesz + std::uint64_t{3}) & ~std::uint64_t{3});
        const std::uint64_t end = id_at + ((note.n_descsz + std::uint64_t{3}) & ~std::uint64_t{3});
        if (end > notes.size()) break;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            std::memcmp(notes.data() + at + sizeof note, "GNU", 4) == 0) {
          std::string hex;
          for (std::uint64_t i = id_at; i < id_at + std::min<std::uint64_t>(note.n_descsz, 20);
               ++i) {
            append_hex(hex, notes[i]);
          }
          return hex;
        }
        at = end;
      }
    }
    return {};
  }

  // The section of symbols: all of them, else those that others may link to.
  [[nodiscard]] const Elf64_Shdr* symbols() const {
    const Elf64_Shdr* found = nullptr;
    for (const Elf64_Shdr& section : sections_) {
      const bool is_whole = section.sh_type == SHT_SYMTAB;
      if (is_whole || (section.sh_type == SHT_DYNSYM && found == nullptr)) found = &section;
      if (is_whole) break;
    }
    const bool is_sound = found != nullptr && found->sh_link < sections_.size() &&
                          found->sh_entsize == sizeof(Elf64_Sym) &&
                          found->sh_size <= kSymbols_bytes_max;
    return is_sound ? found : nullptr;
  }

 private:
  void read_sections() {
    Elf64_Ehdr header;
    if (!read(0, &header, sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum > kSections_max) {
      return;
    }
    sections_.resize(header.e_shnum);
    if (!read(header.e_shoff, sections_.data(), sections_.size() * sizeof(Elf64_Shdr))) {
      sections_.clear();
    }
  }

  int fd_;
  std::uint64_t size_ = 0;
  std::vector<Elf64_Shdr> sections_;
};

struct Wanted {
  std::size_t frame;
  std::uint64_t address;
  std::optional<Elf64_Sym> symbol = {};
};

void find_symbols(const ElfFile& file, const Elf64_Shdr& section, std::vector<Wanted>& wanted) {
  constexpr std::size_t kAt_once = 4096;
  std::vector<Elf64_Sym> symbols(kAt_once);
  const std::uint64_t count = section.sh_size / sizeof(Elf64_Sym);
  for (std::uint64_t begin = 0; begin < count; begin += kAt_once) {
    const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(kAt_once, count - begin));
    if (!file.read(section.sh_offset + begin * sizeof(Elf64_Sym), symbols.data(),
                   here * sizeof(Elf64_Sym))) {
      return;
    }
    for (std::size_t i = 0; i < here; ++i) {
      const Elf64_Sym& symbol = symbols[i];
      const unsigned type = symbol.st_info & 15u;
      if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF) continue;
      for (Wanted& one : wanted) {
        if (one.address >= symbol.st_value && one.address - symbol.st_value < symbol.st_size) {
          one.symbol = symbol;
        }
      }
    }
  }
}

std::string readable_name(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  std::string text = demangled != nullptr ? demangled.get() : name;
  if (text.size() > kShown_bytes_max) text = text.substr(0, kShown_bytes_max) + "…";
  return text;
}

std::string name_of(const ElfFile& file, const Elf64_Shdr& texts, const Elf64_Sym& symbol,
                    std::uint64_t offset) {
  std::array<char, kName_bytes_max + 1> name{};
  if (symbol.st_name >= texts.sh_size) return {};
  const std::uint64_t bytes =
      std::min<std::uint64_t>(kName_bytes_max, texts.sh_size - symbol.st_name);
  if (!file.read(texts.sh_offset + symbol.st_name, name.data(), bytes) || name[0] == '\0')
    return {};
  std::array<char, 24> distance{};
  std::snprintf(distance.data(), distance.size(), "+0x%llx",
                static_cast<unsigned long long>(offset - symbol.st_value));
  return readable_name(name.data()) + distance.data();
}

}  // namespace

std::vector<std::string> function_names(const std::vector<CrashFrame>& frames) {
  std::vector<std::string> names(frames.size());
  std::vector<bool> is_done(frames.size());
  for (std::size_t first = 0; first < frames.size(); ++first) {
    const CrashFrame& of = frames[first];
    if (is_done[first] || !of.module.starts_with('/') || of.build_id.empty()) continue;
    std::vector<Wanted> wanted;
    for (std::size_t i = first; i < frames.size(); ++i) {
      if (frames[i].module != of.module || frames[i].build_id != of.build_id) continue;
      is_done[i] = true;
      // What follows a call may be another function already.
      wanted.push_back({.frame = i, .address = frames[i].offset - (i > 0 ? 1 : 0)});
    }
    const ElfFile file(of.module);
    const Elf64_Shdr* const symbols = file.symbols();
    if (symbols == nullptr || file.build_id() != of.build_id) continue;
    find_symbols(file, *symbols, wanted);
    const Elf64_Shdr& texts = file.sections()[symbols->sh_link];
    for (const Wanted& one : wanted) {
      if (one.symbol) {
        names[one.frame] = name_of(file, texts, *one.symbol, frames[one.frame].offset);
      }
    }
  }
  return names;
}

}  // namespace runlog::tools
