#include "platform/backtrace.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <string_view>

#include "platform/memory_probe.hpp"

namespace runlog {
namespace {

using crash::Backtrace;
using crash::Module;

constinit std::atomic<bool> unwinds_without_lock = false;

struct Place {
  std::uint64_t instruction = 0;
  std::uint64_t stack = 0;
};

Place place_of(const void* context) noexcept {
  if (context == nullptr || !is_readable(context, sizeof(ucontext_t))) return {};
  const auto* const interrupted = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
  return {static_cast<std::uint64_t>(interrupted->uc_mcontext.gregs[REG_RIP]),
          static_cast<std::uint64_t>(interrupted->uc_mcontext.gregs[REG_RSP])};
#elif defined(__aarch64__)
  return {interrupted->uc_mcontext.pc, interrupted->uc_mcontext.sp};
#else
  return {};
#endif
}

struct Walk {
  Backtrace* out;
  std::uint64_t begin;  // 0: all frames count
  bool has_begun;
};

_Unwind_Reason_Code add_frame(_Unwind_Context* context, void* given) noexcept {
  Walk& walk = *static_cast<Walk*>(given);
  const std::uint64_t at = _Unwind_GetIP(context);
  if (at == 0) return _URC_END_OF_STACK;
  walk.has_begun = walk.has_begun || walk.begin == 0 || at == walk.begin;
  if (!walk.has_begun) return _URC_NO_REASON;
  if (walk.out->frames >= crash::kFrames_max) return _URC_END_OF_STACK;
  walk.out->frame[walk.out->frames++] = at;
  return _URC_NO_REASON;
}

// Lines of /proc/self/maps, one after the other, through a small buffer.
class Maps {
 public:
  Maps() noexcept : fd_(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC)) {}
  ~Maps() {
    if (fd_ >= 0) ::close(fd_);
  }
  Maps(const Maps&) = delete;
  Maps& operator=(const Maps&) = delete;

  // Without its newline; cut where it is longer than the buffer. False at the end.
  bool next(std::string_view& line) noexcept {
    while (fd_ >= 0) {
      const std::string_view there(buffer_.data() + begin_, end_ - begin_);
      const std::size_t newline = there.find('\n');
      if (newline != std::string_view::npos) {
        line = there.substr(0, newline);
        begin_ += newline + 1;
        return true;
      }
      std::memmove(buffer_.data(), buffer_.data() + begin_, there.size());
      end_ = there.size();
      begin_ = 0;
      if (end_ == buffer_.size()) end_ = 0;  // no path is that long
      const ssize_t got = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
      if (got <= 0) return false;
      end_ += static_cast<std::size_t>(got);
    }
    return false;
  }

 private:
  int fd_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  static std::array<char, 8192> buffer_;  // a signal stack is small; one thread at a time
};
constinit std::array<char, 8192> Maps::buffer_ = {};

std::uint64_t take_hex(std::string_view& text) noexcept {
  std::uint64_t value = 0;
  while (!text.empty()) {
    const char c = text.front();
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) break;
    value = value << 4 | static_cast<std::uint64_t>(digit);
    text.remove_prefix(1);
  }
  return value;
}

template <typename T>
const T* at_address(std::uint64_t address) noexcept {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel and ELF headers name addresses
  const auto* const memory = reinterpret_cast<const T*>(address);
  return is_readable(memory, sizeof(T)) ? memory : nullptr;
}

// From the headers at the beginning of the mapped file: where its addresses were moved to, and its
// build id.
void read_elf(Module& module, std::uint64_t begin) noexcept {
  module.bias = begin;
  const auto* const header = at_address<ElfW(Ehdr)>(begin);
  if (header == nullptr || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return;
  const std::size_t count = std::min<std::size_t>(header->e_phnum, 64);
  std::array<ElfW(Phdr), 8> notes;
  std::size_t notes_count = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto* const part =
        at_address<ElfW(Phdr)>(begin + header->e_phoff + i * sizeof(ElfW(Phdr)));
    if (part == nullptr) return;
    if (part->p_type == PT_LOAD && part->p_offset == 0) module.bias = begin - part->p_vaddr;
    if (part->p_type == PT_NOTE && notes_count < notes.size()) notes[notes_count++] = *part;
  }
  for (std::size_t i = 0; i < notes_count; ++i) {
    const std::uint64_t end = module.bias + notes[i].p_vaddr + notes[i].p_memsz;
    std::uint64_t at = module.bias + notes[i].p_vaddr;
    for (int rest = 64; rest > 0 && at + sizeof(ElfW(Nhdr)) <= end; --rest) {
      const auto* const note = at_address<ElfW(Nhdr)>(at);
      if (note == nullptr) break;
      const std::uint64_t name_at = at + sizeof *note;
      const std::uint64_t id_at =
          name_at + ((note->n_namesz + std::uint64_t{3}) & ~std::uint64_t{3});
      if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4) {
        const auto* const name = at_address<std::array<char, 4>>(name_at);
        const auto bytes = std::min<std::size_t>(note->n_descsz, crash::kBuild_id_bytes);
        // NOLINTNEXTLINE(performance-no-int-to-ptr)
        const auto* const id = reinterpret_cast<const std::uint8_t*>(id_at);
        if (name != nullptr && std::memcmp(name->data(), "GNU", 4) == 0 && is_readable(id, bytes)) {
          std::memcpy(module.id, id, bytes);
          module.id_bytes = static_cast<std::uint8_t>(bytes);
          return;
        }
      }
      at = id_at + ((note->n_descsz + std::uint64_t{3}) & ~std::uint64_t{3});
    }
  }
}

bool holds_a_frame(const Backtrace& out, std::uint64_t begin, std::uint64_t end) noexcept {
  return std::any_of(out.frame, out.frame + out.frames,
                     [&](std::uint64_t at) { return at >= begin && at < end; });
}

void add_modules(Backtrace& out) noexcept {
  Maps maps;
  std::uint64_t file_begin = 0;          // of the file that the lines before are about
  std::array<char, 512> file_path = {};  // a copy: the buffer moves on
  std::size_t path_bytes = 0;
  for (std::string_view line; maps.next(line);) {
    // begin-end rwxp offset major:minor inode   path
    const std::uint64_t begin = take_hex(line);
    if (line.empty()) continue;
    line.remove_prefix(1);
    const std::uint64_t end = take_hex(line);
    if (line.size() < 6) continue;
    line.remove_prefix(6);
    const std::uint64_t offset = take_hex(line);
    const std::size_t path_at = line.find_first_of("/[");
    if (path_at == std::string_view::npos) continue;
    const std::string_view path = line.substr(path_at, file_path.size());
    if (offset == 0 || path != std::string_view(file_path.data(), path_bytes)) {
      file_begin = begin - offset;
      std::memcpy(file_path.data(), path.data(), path.size());
      path_bytes = path.size();
    }
    if (!holds_a_frame(out, begin, end)) continue;
    Module* const last = out.modules > 0 ? &out.module[out.modules - 1] : nullptr;
    if (last != nullptr && last->begin == file_begin) {
      last->end = end;
      continue;
    }
    if (out.modules == crash::kModules_max) return;
    Module& module = out.module[out.modules++];
    module = {};
    module.begin = file_begin;
    module.end = end;
    if (out.text_bytes + path.size() <= sizeof out.text) {
      module.path_at = static_cast<std::uint16_t>(out.text_bytes);
      module.path_bytes = static_cast<std::uint16_t>(path.size());
      std::memcpy(out.text + out.text_bytes, path.data(), path.size());
      out.text_bytes += static_cast<std::uint32_t>(path.size());
    }
    read_elf(module, file_begin);
  }
}

}  // namespace

void prepare_backtrace() noexcept {
  static_assert(sizeof(Backtrace) == crash::kBacktrace_bytes);
  if (unwinds_without_lock.load(std::memory_order_relaxed)) return;
  if (::dlsym(RTLD_DEFAULT, "_dl_find_object") == nullptr) return;
  // Its tables of registers are made at the first use, under a once flag.
  _Unwind_Backtrace([](_Unwind_Context*, void*) { return _URC_NO_REASON; }, nullptr);
  unwinds_without_lock.store(true, std::memory_order_release);
}

void take_backtrace(Backtrace& out, const void* context) noexcept {
  std::memset(&out, 0, sizeof out);
  const Place place = place_of(context);
  if (unwinds_without_lock.load(std::memory_order_acquire)) {
    Walk walk{.out = &out, .begin = place.instruction, .has_begun = false};
    _Unwind_Backtrace(&add_frame, &walk);
  }
  if (out.frames == 0 && context != nullptr) {
    // The way from here to there could not be followed: a call of an address where there is no
    // code, say. What called it is on top of the stack then.
    out.frame[out.frames++] = place.instruction;
    if (const auto* const caller = at_address<std::uint64_t>(place.stack)) {
      if (*caller != 0) out.frame[out.frames++] = *caller;
    }
  }
  add_modules(out);
}

}  // namespace runlog
