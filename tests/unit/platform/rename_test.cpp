// Promise: what may not be overwritten is not, and packs are made, also where renameat2 is refused:
// by an old file system, or by a sandbox that does not know the call.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <thread>

#include "platform/file_system.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using runlog::Errc;
using runlog::rename_file;

namespace {

// In this thread, and in what it starts, renameat2 answers `os_errno`. False where that cannot be.
bool refuse_renameat2(int os_errno) {
  std::array<sock_filter, 4> code = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(os_errno)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{code.size(), code.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// A filter stays for good, and so gets a thread of its own.
template <typename Work>
void where_refused(int os_errno, Work&& work) {
  bool is_refused = false;
  std::thread([&] {
    is_refused = refuse_renameat2(os_errno);
    if (is_refused) work();
  }).join();
  if (!is_refused) WARN("no filter can be set here");
}

}  // namespace

TEST_CASE("a rename that may not replace works where renameat2 is refused") {
  for (const int os_errno : {EPERM, ENOSYS, EINVAL, EOPNOTSUPP}) {
    INFO("errno " << os_errno);
    const test::TemporaryDirectory directory;
    std::ofstream(directory / "a") << "a";
    std::ofstream(directory / "taken") << "b";
    where_refused(os_errno, [&] {
      const auto refused = rename_file(directory / "a", directory / "taken", false);
      CHECK((!refused && refused.error().code == Errc::already_exists));
      CHECK(rename_file(directory / "a", directory / "free", false));
      CHECK_FALSE(std::filesystem::exists(directory / "a"));
      CHECK(runlog::read_file(directory / "free", 10).value() == "a");
      CHECK(runlog::read_file(directory / "taken", 10).value() == "b");
    });
  }
}

TEST_CASE("packs are made and shipped where renameat2 is refused") {
  const test::TemporaryDirectory directory;
  where_refused(EPERM, [&] {
    const auto [exit, output] =
        test::run_command({test::victim("writer"), "everything", directory / "runs", "complete"},
                          {{"RUNLOG_STORE", (directory / "store").native()}});
    CHECK(exit.code == 0);
    const auto contents = test::read(directory / "store");
    CHECK(contents.steps("train/loss") == test::counting(100));
    CHECK(contents.damage.empty());
  });
}
