#include "platform/crash_report.hpp"

#include <cxxabi.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/crc32c.hpp"
#include "base/ids.hpp"
#include "base/utf8.hpp"
#include "platform/crash_layout.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

using crash::Backtrace;
using crash::Exception;
using crash::Mark;
using crash::Module;

constexpr std::size_t kType_text_bytes_max = 512;
/// An uncaught exception ends its process at once, or when a handler has written a report.
constexpr std::int64_t kException_ns_max = 60'000'000'000;

// A part of the file, if its checksum, which covers all from `checked_at`, is right.
template <typename Part>
std::optional<Part> read_part(std::span<const std::byte> bytes, std::size_t at,
                              std::size_t checked_at) {
  if (bytes.size() < at + sizeof(Part)) return {};
  Part part;
  std::memcpy(&part, bytes.data() + at, sizeof part);
  if (crc32c(bytes.subspan(at + checked_at, sizeof part - checked_at)) != part.crc) return {};
  return part;
}

std::optional<Mark> read_mark(std::span<const std::byte> bytes, std::size_t at) {
  auto mark = read_part<Mark>(bytes, at, offsetof(Mark, kind));
  if (!mark || (mark->magic ^ crash::kMagic_mask) != crash::kMagic_masked) return {};
  return mark;
}

std::string text_of(const char* text, std::size_t bytes) {
  return mend_utf8(std::string_view(text, ::strnlen(text, bytes)));
}

std::string type_text(const std::string& mangled) {
  // "*": a type of an unnamed namespace or of one function.
  const char* const name = mangled.c_str() + (mangled.starts_with('*') ? 1 : 0);
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  const std::string text = readable != nullptr ? readable.get() : name;
  return std::string(utf8_prefix(mend_utf8(text), kType_text_bytes_max));
}

bool is_fault(int signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL ||
         signal == SIGTRAP;
}

std::string hex(std::uint64_t value) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return "0x" + std::string(digits.data(), end.ptr);
}

std::string with_name(std::string text, const std::string& name) {
  return name.empty() ? text : text + " (" + name + ")";
}

// "SIGSEGV at address 0x10", "SIGTERM sent by pid 17 (slurmstepd), uid 0".
std::string signal_text(const Mark& mark, const CrashReport& report) {
  const char* const name = mark.signal > 0 ? ::sigabbrev_np(mark.signal) : nullptr;
  std::string text =
      name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(mark.signal);
  if (mark.code > 0 && is_fault(mark.signal)) {
    text += " at address " + hex(mark.address);
  } else if (mark.code > 0 && mark.signal == SIGSYS) {
    text += " for system call " + std::to_string(mark.number);
  } else if (mark.sender_pid != 0 && mark.sender_pid != mark.pid) {
    text += with_name(" sent by pid " + std::to_string(mark.sender_pid), report.sender_name) +
            ", uid " + std::to_string(mark.sender_uid);
  } else if (mark.sender_pid != 0 && mark.signal != SIGABRT && mark.signal != SIGPIPE &&
             mark.signal != SIGXFSZ) {  // which nobody else sends
    text += " sent by itself";
  }
  const bool is_of_thread = mark.signal == SIGABRT || (mark.code > 0 && is_fault(mark.signal));
  if (is_of_thread && mark.tid != mark.pid) {
    text += with_name(" in thread " + std::to_string(mark.tid), report.thread_name);
  }
  if (report.exit_status) text += " after exit(" + std::to_string(*report.exit_status) + ")";
  return text;
}

void add_exception(CrashReport& report, const Mark& mark, std::span<const std::byte> bytes) {
  const auto noted =
      read_part<Exception>(bytes, crash::kException_at, offsetof(Exception, type_bytes));
  if (!noted || noted->tid != mark.tid || noted->type_bytes > crash::kType_bytes_max ||
      noted->what_bytes > crash::kWhat_bytes_max || mark.time_ns < noted->time_ns ||
      mark.time_ns - noted->time_ns > kException_ns_max) {
    return;
  }
  const std::string type(noted->text, noted->type_bytes);
  report.exception_type = type.empty() ? "" : type_text(type);
  const std::string_view what(noted->text + noted->type_bytes, noted->what_bytes);
  report.exception_text = mend_utf8(utf8_prefix(what, what.size()));
  if ((noted->flags & crash::kHandled) != 0) {
    report.reason += " while " + report.exception_type + " was handled";
    if (!report.exception_text.empty()) report.reason += ": " + report.exception_text;
    return;
  }
  report.reason += report.reason.empty() ? "" : ": ";
  if (report.exception_type.empty()) {
    report.reason += "std::terminate without an exception";
  } else {
    report.reason += report.exception_type;
    if (!report.exception_text.empty()) report.reason += ": " + report.exception_text;
  }
}

const Module* module_of(const Backtrace& trace, std::uint64_t address) {
  const Module* const end = trace.module + trace.modules;
  const Module* const found = std::find_if(trace.module, end, [&](const Module& module) {
    return address >= module.begin && address < module.end;
  });
  return found != end ? found : nullptr;
}

void add_frames(CrashReport& report, const Mark& mark, std::span<const std::byte> bytes) {
  const auto trace = read_part<Backtrace>(bytes, crash::kBacktrace_at, offsetof(Backtrace, frames));
  if (!trace || trace->time_ns != mark.time_ns || trace->frames > crash::kFrames_max ||
      trace->modules > crash::kModules_max || trace->text_bytes > sizeof trace->text) {
    return;
  }
  for (std::uint32_t i = 0; i < trace->frames; ++i) {
    CrashFrame& frame = report.frames.emplace_back();
    frame.address = frame.offset = trace->frame[i];
    // A call may be the last instruction of its function: what follows it belongs to another.
    const Module* const module = module_of(*trace, frame.address - (i > 0 ? 1 : 0));
    if (module == nullptr) continue;
    frame.offset = frame.address - module->bias;
    const std::size_t path_end = std::size_t{module->path_at} + module->path_bytes;
    if (path_end <= trace->text_bytes) {
      frame.module = mend_utf8(std::string_view(trace->text + module->path_at, module->path_bytes));
    }
    if (module->id_bytes <= crash::kBuild_id_bytes) {
      frame.build_id = to_hex(std::span(module->id, module->id_bytes));
    }
  }
}

void take_mark(CrashReport& report, const Mark& mark) {
  report.signal = mark.kind == crash::kSignal ? mark.signal : 0;
  report.code = mark.code;
  report.address = mark.address;
  report.time_ns = mark.time_ns;
  report.sender_pid = mark.sender_pid;
  report.sender_uid = mark.sender_uid;
  report.sender_name = text_of(mark.sender_name, sizeof mark.sender_name);
  report.pid = mark.pid;
  report.thread = mark.tid;
  report.thread_name = text_of(mark.thread_name, sizeof mark.thread_name);
  if ((mark.flags & crash::kAfter_exit) != 0) report.exit_status = mark.exit_status;
}

}  // namespace

std::optional<CrashReport> parse_crash(std::span<const std::byte> bytes) {
  CrashReport report;
  if (const auto stop = read_mark(bytes, crash::kStop_at); stop && stop->kind == crash::kSignal) {
    CrashReport request;
    take_mark(request, *stop);
    report.stop_request = signal_text(*stop, request);
  }
  const auto mark = read_mark(bytes, crash::kMark_at);
  if (!mark) {
    if (report.stop_request.empty()) return {};
    report.reason = "no trace after " + report.stop_request + " asked it to stop";
    return report;
  }
  take_mark(report, *mark);
  switch (mark->kind) {
    case crash::kSignal:
      report.reason = signal_text(*mark, report);
      add_exception(report, *mark, bytes);
      add_frames(report, *mark, bytes);
      break;
    case crash::kQuick_exit:
      report.reason = "quick_exit";
      break;
    case crash::kTerminate:
      add_exception(report, *mark, bytes);
      if (report.reason.empty()) report.reason = "std::terminate";
      break;
    default:  // of a later version
      return {};
  }
  return report;
}

std::size_t read_crash_bytes(const std::filesystem::path& path, std::uint64_t at,
                             std::span<std::byte> bytes) {
  // Not to wait for whoever writes to a pipe of that name.
  const auto file = OpenFile::open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
  if (!file) return 0;
  const auto info = stat_file(file->fd(), path);
  if (!info || !info->is_regular) return 0;
  const auto got = read_at(file->fd(), at, bytes, path);
  return got ? *got : 0;
}

std::optional<CrashReport> read_crash_file(const std::filesystem::path& path) {
  std::vector<std::byte> bytes(crash::kTally_at);  // what a report is made of
  const std::size_t got = read_crash_bytes(path, 0, bytes);
  return parse_crash(std::span(bytes).first(got));
}

bool died_after_exit(const std::optional<CrashReport>& report) {
  return report && report->signal != 0 && report->exit_status;
}

}  // namespace runlog
