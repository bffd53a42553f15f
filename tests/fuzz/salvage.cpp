// Any bytes as a core dump or a disk image: scanned for segments, through the public call and so
// through a file, which lies in memory.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "fuzz/fuzz.hpp"
#include "runlog/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int fd = ::memfd_create("image", MFD_CLOEXEC);
  if (fd < 0 || ::ftruncate(fd, 0) != 0) return 0;
  if (::pwrite(fd, data, size, 0) != static_cast<ssize_t>(size)) return 0;
  std::uint64_t records = 0;
  const auto report = runlog::salvage_image("/proc/self/fd/" + std::to_string(fd),
                                            [&](const runlog::Reader::Entry&) { ++records; });
  if (report && report->records != records) __builtin_trap();
  return 0;
}
