// Promise: bytes of a file are read without a signal, also where the file has been cut since it was
// opened, and where a sandbox forbids the system call that reads them.
#include "platform/file_bytes.hpp"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "support/catch.hpp"
#include "support/process.hpp"

namespace {

using runlog::FileBytes;

constexpr std::size_t kPage_bytes = 4096;

std::filesystem::path make_file(const test::TemporaryDirectory& scratch, std::size_t bytes) {
  const std::filesystem::path path = scratch / "file";
  std::ofstream(path) << std::string(bytes, 'x');
  return path;
}

std::size_t count(const std::vector<std::byte>& bytes, char c) {
  return static_cast<std::size_t>(
      std::count(bytes.begin(), bytes.end(), static_cast<std::byte>(c)));
}

// Of four pages, cut to one and a half: what is left, and zeros.
bool reads_what_is_left(const FileBytes& file) {
  std::vector<std::byte> bytes(file.size(), std::byte{'y'});
  const auto part = file.read(0, bytes);
  const auto copy = file.copy(file.size());
  return part.whole == 2 * kPage_bytes && part.end == part.whole &&
         count(bytes, 'x') == 3 * kPage_bytes / 2 && count(bytes, 'y') == 0 && file.was_cut() &&
         copy.bytes.size() == 3 * kPage_bytes / 2;
}

// From here on process_vm_readv answers EPERM, in this thread.
bool forbid_reading() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = std::size(filter), .filter = filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

TEST_CASE("a file is read as it is, from anywhere in it") {
  const test::TemporaryDirectory scratch;
  const auto file = FileBytes::open(make_file(scratch, 10'000));
  REQUIRE(file);
  CHECK(file->size() == 10'000);
  std::vector<std::byte> bytes(100);
  CHECK(file->read(9900, bytes).whole == 100);
  CHECK(count(bytes, 'x') == 100);
  CHECK(file->copy(5000).bytes.size() == 5000);
  CHECK(file->copy(20'000).bytes.size() == 10'000);
  CHECK_FALSE(file->was_cut());
  CHECK_FALSE(FileBytes::open(scratch.path()));
}

TEST_CASE("a file that has been moved is read all the same") {
  const test::TemporaryDirectory scratch;
  const auto path = make_file(scratch, 10'000);
  const auto file = FileBytes::open(path);
  REQUIRE(file);
  std::filesystem::rename(path, scratch / "other");
  CHECK(file->copy(20'000).bytes.size() == 10'000);
  CHECK_FALSE(file->was_cut());
}

TEST_CASE("of a file that was cut what is left is read, and zeros take the place of the rest") {
  const test::TemporaryDirectory scratch;
  const auto path = make_file(scratch, 4 * kPage_bytes);
  const auto file = FileBytes::open(path);
  REQUIRE(file);
  std::filesystem::resize_file(path, 3 * kPage_bytes / 2);
  CHECK(reads_what_is_left(*file));
  std::filesystem::resize_file(path, 0);
  CHECK(file->copy(file->size()).bytes.empty());
}

TEST_CASE("a file that was cut is read in a sandbox too") {
  const test::TemporaryDirectory scratch;
  const auto path = make_file(scratch, 4 * kPage_bytes);
  const auto file = FileBytes::open(path);
  REQUIRE(file);
  std::filesystem::resize_file(path, 3 * kPage_bytes / 2);
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(forbid_reading() && reads_what_is_left(*file) ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
