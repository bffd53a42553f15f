// The floor: the least that a log can do and still survive SIGKILL. Into a mapped file whose pages
// were all touched before: copy the record, rdtsc, CRC-32C, release store of the commit word. No
// segments, no keeper, no second thread safety: a file per thread, as long as it must be.
#include <fcntl.h>
#include <nmmintrin.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include "bench/compare/writer.hpp"

namespace bench {
namespace {

constexpr std::size_t kFile_bytes = std::size_t{1}
                                    << 30;  // laps when full: pages are then recycled

// A prepared stretch of pages, and the position in it.
struct Pages {
  std::byte* base = nullptr;
  std::size_t at = 0;
};

thread_local Pages pages;
std::atomic<int> files = 0;
std::filesystem::path place;
std::size_t prepared_bytes = 0;

void prepare_pages() {
  const auto path = place / (std::to_string(files.fetch_add(1)) + ".floor");
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ::posix_fallocate(fd, 0, static_cast<off_t>(kFile_bytes)) != 0) {
    throw std::runtime_error("no room for " + path.native());
  }
  void* const map = ::mmap(nullptr, kFile_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) throw std::runtime_error("cannot map " + path.native());
  ::madvise(map, prepared_bytes, 23);  // MADV_POPULATE_WRITE
  ::close(fd);
  pages.base = static_cast<std::byte*>(map);
}

#define BENCH_TARGET __attribute__((target("sse4.2")))

template <std::size_t kBytes>
BENCH_TARGET inline void append(const std::uint64_t (&words)[kBytes / 8 - 1]) {
  if (pages.at + kBytes > prepared_bytes) [[unlikely]]
    pages.at = 0;
  std::byte* const record = pages.base + pages.at;
  std::memcpy(record + 8, words, kBytes - 8);
  std::uint64_t crc = pages.at;
  for (const std::uint64_t word : words) crc = _mm_crc32_u64(crc, word);
  std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(record))
      .store(crc << 32 | kBytes, std::memory_order_release);
  pages.at += kBytes;
}

void open_floor(const std::filesystem::path& directory) {
  place = directory;
  // The tight loop may use all of it; the others need little.
  const char* const wanted = std::getenv("BENCH_TIGHT");
  prepared_bytes = wanted != nullptr ? kFile_bytes : 64u << 20;
}

std::int64_t count_floor(const std::filesystem::path& directory) {
  std::int64_t records = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    void* const map = ::mmap(nullptr, kFile_bytes, PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    if (map == MAP_FAILED) return -1;
    const auto* const words = static_cast<const std::uint64_t*>(map);
    for (std::size_t at = 0; at < kFile_bytes / 8;) {
      const std::uint64_t bytes = words[at] & 0xFFFFFFFFu;
      if (bytes == 0) break;
      ++records;
      at += bytes / 8;
    }
    ::munmap(map, kFile_bytes);
  }
  return records;
}

// Name (its hash), step, value, time stamp: 48 bytes with the commit word.
struct Floor {
  void open(const std::filesystem::path& directory) { open_floor(directory); }
  void close() {}
  BENCH_TARGET void metric(std::int64_t step, double value) {
    if (pages.base == nullptr) [[unlikely]]
      prepare_pages();
    std::uint64_t words[5] = {0x1234567890ABCDEF, static_cast<std::uint64_t>(step), 0, __rdtsc(),
                              1};
    std::memcpy(&words[2], &value, 8);
    append<48>(words);
  }
  void text(std::int64_t, double) {}
};

// One time stamp for a row of eight: 24 bytes a metric.
struct FloorRow {
  void open(const std::filesystem::path& directory) { open_floor(directory); }
  void close() {}
  void metric(std::int64_t, double) {}
  BENCH_TARGET void row(std::int64_t step) {
    if (pages.base == nullptr) [[unlikely]]
      prepare_pages();
    const std::uint64_t now = __rdtsc();
    for (std::uint64_t i = 0; i < kRow_metrics; ++i) {
      std::uint64_t words[2] = {i | now << 32, 0};
      const double value = value_of(step + static_cast<std::int64_t>(i));
      std::memcpy(&words[1], &value, 8);
      append<24>(words);
    }
  }
  void text(std::int64_t, double) {}
};

}  // namespace

void add_floor(std::vector<Peer>& peers) {
  peers.push_back({.name = "floor",
                   .promise = "nothing",
                   .make = make_writer<Floor>,
                   .count = count_floor,
                   .has_text = false});
  peers.push_back({.name = "floor-row",
                   .promise = "nothing",
                   .make = make_writer<FloorRow>,
                   .count = count_floor,
                   .has_text = false,
                   .is_row = true});
}

}  // namespace bench
