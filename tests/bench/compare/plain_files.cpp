// write(2) per record, and fwrite into a buffer: 48-byte records.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <ctime>
#include <mutex>
#include <stdexcept>

#include "bench/compare/writer.hpp"

namespace bench {
namespace {

struct Binary {
  std::int64_t time_ns;
  std::int64_t step;
  double value;
  char name[24];
};
static_assert(sizeof(Binary) == 48);

Binary make_binary(std::int64_t step, double value) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  Binary record{now.tv_sec * 1'000'000'000 + now.tv_nsec, step, value, {}};
  std::memcpy(record.name, kSeries.data(), kSeries.size());
  return record;
}

int format_line(char (&line)[160], std::int64_t step, double value) {
  return std::snprintf(line, sizeof line, "%s %ld %g\n", kText, static_cast<long>(step), value);
}

struct Write {
  int fd = -1;
  void open(const std::filesystem::path& directory) {
    fd = ::open((directory / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) throw std::runtime_error("cannot create the log");
  }
  void close() { ::close(fd); }
  void put(const void* bytes, std::size_t size) {
    if (::write(fd, bytes, size) != static_cast<ssize_t>(size)) {
      throw std::runtime_error("short write");
    }
  }
  void metric(std::int64_t step, double value) {
    const Binary record = make_binary(step, value);
    put(&record, sizeof record);
  }
  void text(std::int64_t step, double value) {
    char line[160];
    put(line, static_cast<std::size_t>(format_line(line, step, value)));
  }
};

struct Buffered {
  std::FILE* file = nullptr;
  void open(const std::filesystem::path& directory) {
    file = std::fopen((directory / "log").c_str(), "we");
    if (file == nullptr) throw std::runtime_error("cannot create the log");
  }
  void close() { std::fclose(file); }
  void metric(std::int64_t step, double value) {
    const Binary record = make_binary(step, value);
    std::fwrite(&record, sizeof record, 1, file);
  }
  void text(std::int64_t step, double value) {
    char line[160];
    std::fwrite(line, static_cast<std::size_t>(format_line(line, step, value)), 1, file);
  }
};

std::int64_t count_binary(const std::filesystem::path& directory) {
  return static_cast<std::int64_t>(std::filesystem::file_size(directory / "log") / sizeof(Binary));
}

}  // namespace

void add_plain_files(std::vector<Peer>& peers) {
  peers.push_back({.name = "write",
                   .promise = "nothing",
                   .make = make_writer<Write>,
                   .count = count_binary,
                   .tight_divisor = 5});
  peers.push_back({.name = "fwrite",
                   .promise = "its buffer",
                   .make = make_writer<Buffered>,
                   .count = count_binary});
}

}  // namespace bench
