// The driver's side of a measurement.
#include "bench/compare/measure.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <nlohmann/json.hpp>

namespace bench {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Child {
  pid_t pid = 0;
  int output = -1;
};

Child start(const Peer& peer, const Measurement& what, const fs::path& directory) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const std::string threads = std::to_string(what.threads);
  const std::string scale = std::to_string(what.scale);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    if (what.mode.find("tight") != std::string::npos) ::setenv("BENCH_TIGHT", "1", 1);
    ::execl("/proc/self/exe", "compare", "--child", peer.name.c_str(), what.mode.c_str(),
            threads.c_str(), scale.c_str(), directory.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(pipe[1]);
  return {pid, pipe[0]};
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

// Kills the process in full flight and compares what returned with what is found.
json kill_it(const Peer& peer, const Measurement& what, const fs::path& directory, unsigned round) {
  const fs::path counter = directory.native() + ".returned";
  { std::ofstream(counter) << std::string(sizeof(std::uint64_t), '\0'); }
  const int fd = ::open(counter.c_str(), O_RDWR | O_CLOEXEC);
  void* const map = ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  if (map == MAP_FAILED) throw std::runtime_error("no counter");
  const auto& returned = *static_cast<const std::atomic<std::uint64_t>*>(map);
  const Child child = start(peer, what, directory);
  while (returned.load(std::memory_order_acquire) == 0) {
    if (::waitpid(child.pid, nullptr, WNOHANG) != 0) {
      throw std::runtime_error(peer.name + " ended before it was killed");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  // Somewhere in the first seconds; a different moment each round.
  const unsigned wait_ms = what.mode == "kill" ? 300 + round * 137 % 400 : 60 + round * 37 % 100;
  std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
  ::kill(child.pid, SIGKILL);
  ::waitpid(child.pid, nullptr, 0);
  ::close(child.output);
  const auto calls = static_cast<std::int64_t>(returned.load(std::memory_order_acquire));
  ::munmap(map, sizeof(std::uint64_t));
  fs::remove(counter);
  if (peer.after != nullptr) peer.after();
  const std::int64_t found = peer.count(directory);
  if (found < 0) throw std::runtime_error(peer.name + ": the records cannot be counted");
  return {
      {"returned", calls}, {"found", found}, {"lost", std::max<std::int64_t>(0, calls - found)}};
}

double children_cpu_ns() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

}  // namespace

json measure(const Peer& peer, const Measurement& what, const fs::path& scratch) {
  static unsigned round = 0;
  const fs::path directory = scratch / (peer.name + "-" + std::to_string(++round));
  fs::create_directories(directory);
  struct Cleanup {
    const Peer& peer;
    const fs::path& directory;
    ~Cleanup() {
      if (peer.after != nullptr) peer.after();
      std::error_code ignored;
      fs::remove_all(directory, ignored);
    }
  } const cleanup{peer, directory};
  if (peer.before != nullptr) peer.before(directory);
  if (what.mode.starts_with("kill")) return kill_it(peer, what, directory, round);

  const Child child = start(peer, what, directory);
  const std::string output = read_all(child.output);
  ::close(child.output);
  int status = 0;
  ::waitpid(child.pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error(peer.name + " " + what.label() + " failed");
  }
  json result = json::parse(output);
  if (what.mode == "rate") {
    const double records = result["records"];
    if (peer.after != nullptr) {
      // The daemon's CPU is known once it has been waited for; stopping it is a part of that.
      const double before = children_cpu_ns();
      peer.after();
      result["background_cpu_ns"] =
          result["background_cpu_ns"].get<double>() + (children_cpu_ns() - before) / records;
    }
    const auto log = peer.log_bytes != nullptr ? peer.log_bytes(directory) : bytes_below(directory);
    result["disk_bytes"] = static_cast<double>(log) / records;
    if (peer.shipped_bytes != nullptr) {
      result["shipped_bytes"] = static_cast<double>(peer.shipped_bytes(directory)) / records;
    }
  }
  return result;
}

std::int64_t count_lines(const fs::path& directory) {
  std::int64_t lines = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || entry.is_symlink()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::array<char, 1 << 16> buffer;
    while (file.read(buffer.data(), buffer.size()) || file.gcount() > 0) {
      lines += std::count(buffer.data(), buffer.data() + file.gcount(), '\n');
    }
  }
  return lines;
}

std::int64_t bytes_below(const fs::path& directory) {
  std::int64_t bytes = 0;
  if (!fs::exists(directory)) return 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    struct stat info {};
    if (::lstat(entry.path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    bytes += std::min<std::int64_t>(info.st_size, info.st_blocks * 512);
  }
  return bytes;
}

}  // namespace bench
