// power BASE NOTES SHADOW MODE POINT: a job whose power fails. Logs numbers into BASE/runs, with
// BASE/store as its store, and notes in NOTES what has returned and what is Durable
// (support/acknowledged.hpp), until it has ended or come to the POINT-th call that moves a file or
// makes something safe; there it and its children die.
//
//   MODE  packing | holding: packs are made and shipped all the time, or only at the end
//
// SHADOW is what the disk has for sure, after support/shadow_disk.hpp: files/KEY, the bytes of a
// file that were synced, and directories/KEY, the names as of the last sync of a directory.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "runlog/runlog.hpp"
#include "support/acknowledged.hpp"
#include "support/shadow_disk.hpp"

namespace {

using namespace std::chrono_literals;

// Of all processes of the job.
struct Shared {
  std::atomic<long> calls = 0;
  std::atomic_flag is_busy = {};
};
Shared* shared = nullptr;
std::string shadow;
long last_call = 0;

// One at a time, over all processes. The power does not fail in the middle of a shadow's writing.
class Turn {
 public:
  Turn() {
    while (shared->is_busy.test_and_set()) ::usleep(50);
  }
  ~Turn() {
    if (++shared->calls == last_call) ::kill(0, SIGKILL);
    shared->is_busy.clear();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
};

void fail(const char* what) {
  std::perror(what);
  std::_Exit(9);
}

// Copies bytes of a file to its shadow, which gets the file's size.
void keep_bytes(int fd, off_t begin, off_t end) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail("fstat");
  const std::string path = shadow + "/files/" + test::key_of(fd);
  // One that can only be written to is opened anew.
  const std::string again = "/proc/self/fd/" + std::to_string(fd);
  const int source = ::open(again.c_str(), O_RDONLY | O_CLOEXEC);
  const int copy = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (source < 0 || copy < 0 || ::ftruncate(copy, info.st_size) != 0) fail(path.c_str());
  std::array<char, 65536> buffer{};
  for (off_t at = begin; at < std::min(end, info.st_size);) {
    const auto wanted = std::min<off_t>(static_cast<off_t>(buffer.size()), end - at);
    const ssize_t got = ::pread(source, buffer.data(), static_cast<std::size_t>(wanted), at);
    if (got < 0) fail("pread");
    if (got == 0) break;
    if (::pwrite(copy, buffer.data(), static_cast<std::size_t>(got), at) != got) fail("pwrite");
    at += got;
  }
  ::close(copy);
  ::close(source);
}

void keep_names(int fd) {
  std::string names;
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  DIR* const directory = ::opendir(path.c_str());
  if (directory == nullptr) fail("opendir");
  while (const dirent* const entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (const auto key = test::key_of(path + "/" + name); !key.empty()) {
      names += key + " " + name + "\n";
    }
  }
  ::closedir(directory);
  std::ofstream(shadow + "/directories/" + test::key_of(fd), std::ios::trunc) << names;
}

int keep(int fd, long number) {
  if (shared == nullptr) return static_cast<int>(::syscall(number, fd));
  const Turn turn;
  struct stat info {};
  if (::fstat(fd, &info) != 0) return -1;
  if (S_ISDIR(info.st_mode)) {
    keep_names(fd);
  } else if (S_ISREG(info.st_mode)) {
    keep_bytes(fd, 0, info.st_size);
  }
  return 0;
}

}  // namespace

// In the place of the C library's, also for the libraries of this program.
extern "C" int fsync(int fd) {
  return keep(fd, SYS_fsync);
}
extern "C" int fdatasync(int fd) {
  return keep(fd, SYS_fdatasync);
}
extern "C" int msync(void* begin, std::size_t bytes, int flags) {
  if (shared == nullptr || (flags & MS_SYNC) == 0) {
    return static_cast<int>(::syscall(SYS_msync, begin, bytes, flags));
  }
  const Turn turn;
  const auto first = reinterpret_cast<std::uintptr_t>(begin);
  if (first % 4096 != 0) {
    errno = EINVAL;
    return -1;
  }
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long from = 0;
    unsigned long to = 0;
    unsigned long offset = 0;
    int at = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %*s %lx %*s %*s %n", &from, &to, &offset, &at) != 3) {
      continue;
    }
    if (first < from || first >= to) continue;
    const int fd = ::open(line.c_str() + at, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;  // it was removed: nothing of it will be there
    const auto start = static_cast<off_t>(first - from + offset);
    keep_bytes(fd, start, start + static_cast<off_t>((bytes + 4095) / 4096 * 4096));
    ::close(fd);
    return 0;
  }
  errno = ENOMEM;
  return -1;
}
extern "C" int rename(const char* source, const char* target) noexcept {
  const auto call = [&] { return static_cast<int>(::syscall(SYS_rename, source, target)); };
  if (shared == nullptr) return call();
  const Turn turn;
  return call();
}
extern "C" int renameat2(int from, const char* source, int to, const char* target,
                         unsigned flags) noexcept {
  const auto call = [&] {
    return static_cast<int>(::syscall(SYS_renameat2, from, source, to, target, flags));
  };
  if (shared == nullptr) return call();
  const Turn turn;
  return call();
}
extern "C" int unlink(const char* path) noexcept {
  const auto call = [&] { return static_cast<int>(::syscall(SYS_unlink, path)); };
  if (shared == nullptr) return call();
  const Turn turn;
  return call();
}

namespace {

/// Of a thread that logs while the main thread asks, so that records arrive in the middle of a
/// sync.
constexpr std::size_t kOther_slot = 2;

// Whether what has returned is Durable now; of slot 0, of the other thread's too.
void ask(runlog::Run& run, test::Acknowledged& notes, std::size_t slot) {
  const auto records = notes.records[slot].load();
  const auto of_other = notes.records[kOther_slot].load();
  const auto files = notes.files.load();
  if (run.wait_until(runlog::Durable, 60s) != runlog::Wait::Done) std::_Exit(7);
  notes.durable[slot].store(records);
  if (slot != 0) return;
  notes.durable_files.store(files);
  notes.durable[kOther_slot].store(of_other);
}

void log_numbers(runlog::Run& run, test::Acknowledged& notes, std::size_t slot, int count) {
  auto metric = run.metric(test::slot_name(slot));
  for (int i = 0; i < count; ++i) {
    const auto number = static_cast<std::int64_t>(notes.records[slot].load());
    metric.log(number, number);
    ++notes.records[slot];
  }
}

void upload(runlog::Run& run, test::Acknowledged& notes, const std::string& scratch) {
  const auto number = notes.files.load();
  const std::string source = scratch + ".source";
  std::ofstream(source) << test::artifact_content(number);
  if (!run.upload_file(test::artifact_name(number), source)) std::_Exit(6);
  std::remove(source.c_str());
  notes.files.store(number + 1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  ::setpgid(0, 0);
  const std::string base = argv[1];
  const bool is_packing = std::string(argv[4]) == "packing";
  auto* const notes = test::map_acknowledged(argv[2]);
  if (notes == nullptr) return 2;
  shadow = argv[3];
  last_call = std::atol(argv[5]);
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 2;
  shared = new (memory) Shared;
  auto started = runlog::start_logging({.root = base + "/runs",
                                        .store = base + "/store",
                                        .sync_interval = 1h,
                                        .ship_interval = is_packing ? 100ms : 1h,
                                        .pack_bytes = is_packing ? 64u << 10 : 1u << 30,
                                        .segment_bytes = 64u << 10});
  if (!started) {
    std::fprintf(stderr, "power: %s\n", started.error().message.c_str());
    return 8;
  }
  runlog::Run run = *started;
  for (int round = 0; round < 6; ++round) {
    // A few at first, so that the sync of a page that is not full decides; then several segments.
    log_numbers(run, *notes, 0, 7 + round * 1500);
    std::thread other;
    if (round > 2) other = std::thread([&] { log_numbers(run, *notes, kOther_slot, 5000); });
    ask(run, *notes, 0);
    upload(run, *notes, argv[2]);
    for (int time = 0; time < 4; ++time) ask(run, *notes, 0);
    if (other.joinable()) other.join();
    if (is_packing && round % 2 == 1) (void)run.wait_until(runlog::Shipped, 60s);
    if (round != 2) continue;
    if (::fork() == 0) {
      log_numbers(run, *notes, 1, 100);
      ask(run, *notes, 1);
      ::_exit(0);
    }
    while (::wait(nullptr) > 0) {
    }
  }
  run.complete();
  notes->has_ended.store(true);
  std::printf("calls %ld\n", shared->calls.load());
  return 0;
}
