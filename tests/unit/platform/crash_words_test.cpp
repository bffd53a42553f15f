// What is said in a crash file is read from it again, and what is half written is nothing.
#include "platform/crash_words.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "platform/crash_report.hpp"
#include "support/catch.hpp"

using namespace runlog;

namespace {

class CrashFile {
 public:
  CrashFile() { CHECK_FALSE(parse_crash(bytes)); }
  std::byte* part(std::size_t at) { return bytes.data() + at; }

  std::vector<std::byte> bytes = std::vector<std::byte>(crash::kFile_bytes);
};

siginfo_t sent_by(pid_t pid, int code) {
  siginfo_t info{};
  info.si_signo = SIGTERM;
  info.si_code = code;
  info.si_pid = pid;
  info.si_uid = 17;
  return info;
}

}  // namespace

TEST_CASE("a signal: its number, who sent it, and who got it") {
  CrashFile file;
  const siginfo_t info = sent_by(::getppid(), SI_USER);
  const auto mark = crash::describe({.number = SIGTERM, .info = &info, .is_certain = true});
  crash::write_mark(file.part(crash::kMark_at), mark);
  CHECK(crash::has_mark(file.part(crash::kMark_at)));
  const auto report = parse_crash(file.bytes);
  REQUIRE(report);
  CHECK(report->signal == SIGTERM);
  CHECK(report->sender_pid == ::getppid());
  CHECK(report->sender_uid == 17);
  CHECK_FALSE(report->sender_name.empty());
  CHECK(report->pid == ::getpid());
  CHECK(report->thread == crash::own_tid());
  CHECK_FALSE(report->exit_status);
}

TEST_CASE("a fault: its address, and no sender") {
  CrashFile file;
  siginfo_t info{};
  info.si_signo = SIGSEGV;
  info.si_code = SEGV_MAPERR;
  info.si_addr = &file;
  const auto mark = crash::describe({.number = SIGSEGV, .info = &info, .is_certain = true});
  crash::write_mark(file.part(crash::kMark_at), mark);
  const auto report = parse_crash(file.bytes);
  REQUIRE(report);
  CHECK(report->address == reinterpret_cast<std::uint64_t>(&file));
  CHECK(report->sender_pid == 0);
}

TEST_CASE("a mark that is removed, or damaged anywhere, is none") {
  CrashFile file;
  crash::write_mark(file.part(crash::kMark_at), crash::describe_self(crash::kQuick_exit));
  const std::vector<std::byte> whole = file.bytes;
  REQUIRE(parse_crash(whole));
  for (std::size_t at = 0; at < crash::kMark_bytes; ++at) {
    INFO("byte " << at);
    std::vector<std::byte> damaged = whole;
    damaged[crash::kMark_at + at] ^= std::byte{1};
    CHECK_FALSE(parse_crash(damaged));
  }
  crash::remove_mark(file.part(crash::kMark_at));
  CHECK_FALSE(crash::has_mark(file.part(crash::kMark_at)));
  CHECK_FALSE(parse_crash(file.bytes));
}

TEST_CASE("an exception is read if its checksum holds and it belongs to the mark") {
  CrashFile file;
  const auto mark = crash::describe_self(crash::kTerminate);
  crash::write_mark(file.part(crash::kMark_at), mark);
  crash::Exception exception = {};
  exception.time_ns = mark.time_ns;
  exception.tid = mark.tid;
  constexpr std::string_view kText = "St9exceptionwhy";
  exception.type_bytes = 12;
  exception.what_bytes = 3;
  std::memcpy(exception.text, kText.data(), kText.size());
  const auto text_with = [&] {
    std::memcpy(file.part(crash::kException_at), &exception, sizeof exception);
    const auto report = parse_crash(file.bytes);
    REQUIRE(report);
    return report->exception_text;
  };
  CHECK(text_with().empty());
  crash::set_crc(exception);
  CHECK(text_with() == "why");
}
