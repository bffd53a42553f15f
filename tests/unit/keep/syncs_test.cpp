// Which bytes a sync takes with it. The calls of the C library are replaced by ones that note what
// they were asked for: no other test could see a page left out, but for a real loss of power.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "journal/segment_pool.hpp"
#include "platform/mapped_file.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

namespace {

struct Sync {
  const void* begin = nullptr;  // of msync
  std::size_t bytes = 0;
  ino_t inode = 0;  // of fdatasync and fsync
  bool is_all_zero = false;
};
thread_local std::vector<Sync>* noted = nullptr;

bool is_zero(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  std::ifstream file(path, std::ios::binary);
  return std::all_of(std::istreambuf_iterator<char>(file), {}, [](char one) { return one == 0; });
}
int note(int fd, long number) {
  struct stat info {};
  if (noted != nullptr && ::fstat(fd, &info) == 0) {
    noted->push_back({.inode = info.st_ino, .is_all_zero = S_ISREG(info.st_mode) && is_zero(fd)});
  }
  return static_cast<int>(::syscall(number, fd));
}

// What this thread syncs while it lives.
class Noting {
 public:
  Noting() { noted = &syncs; }
  ~Noting() { noted = nullptr; }
  Noting(const Noting&) = delete;
  Noting& operator=(const Noting&) = delete;
  std::vector<Sync> syncs;
};

}  // namespace

extern "C" int msync(void* begin, std::size_t bytes, int flags) {
  if (noted != nullptr && (flags & MS_SYNC) != 0)
    noted->push_back({.begin = begin, .bytes = bytes});
  return static_cast<int>(::syscall(SYS_msync, begin, bytes, flags));
}
extern "C" int fdatasync(int fd) {
  return note(fd, SYS_fdatasync);
}
extern "C" int fsync(int fd) {
  return note(fd, SYS_fsync);
}

TEST_CASE("a sync takes the page that its range begins in, and the one that it ends in") {
  const test::TemporaryDirectory place;
  const auto file = runlog::MappedFile::create(place / "mapped", 64u << 10);
  REQUIRE(file);
  const Noting noting;
  REQUIRE(file->sync(5000, 5100));
  REQUIRE(file->sync(4095, 4097));
  REQUIRE(file->sync((64u << 10) - 1, 64u << 10));
  const std::byte* const begin = file->bytes().data();
  REQUIRE(noting.syncs.size() == 3);
  CHECK(noting.syncs[0].begin == begin + 4096);
  CHECK(noting.syncs[0].bytes == 4096);
  CHECK(noting.syncs[1].begin == begin);
  CHECK(noting.syncs[1].bytes == 8192);
  CHECK(noting.syncs[2].begin == begin + (60u << 10));
  CHECK(noting.syncs[2].bytes == 4096);
}

TEST_CASE("the zeros of a recycled segment are on the disk before it is a spare") {
  const test::TemporaryDirectory place;
  const runlog::JournalDir directory(place / "journal");
  REQUIRE(directory.create());
  runlog::SegmentPool pool(directory, {.segment_bytes = 64u << 10});
  auto segment = pool.prepare();
  REQUIRE(segment);
  std::fill((*segment)->file.bytes().begin(), (*segment)->file.bytes().end(), std::byte{'x'});
  struct stat info {};
  REQUIRE(::stat((*segment)->file.path().c_str(), &info) == 0);
  const Noting noting;
  REQUIRE(pool.recycle(*segment));
  const auto synced = std::find_if(noting.syncs.begin(), noting.syncs.end(),
                                   [&](const Sync& one) { return one.inode == info.st_ino; });
  REQUIRE(synced != noting.syncs.end());
  CHECK(synced->is_all_zero);
  CHECK(pool.spares() == 1);
}
