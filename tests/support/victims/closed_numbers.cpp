// A job with some of the descriptors 0, 1 and 2 closed, that prints all the time: to stdout, to
// stderr and to the numbers themselves. Usage: closed_numbers MASK ROOT REPORT; bit n of MASK
// closes n. Logs 3000 steps, waits until what can be shipped is, and writes to the file REPORT what
// it saw under the closed numbers that was not closed, and how its waits ended. Completes.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "runlog/runlog.hpp"

using namespace std::chrono_literals;

namespace {

constexpr char kPrinted[] = "PRINTED BY THE JOB ";

// What is open under a number that was closed, and could take a print or is of the journal: ""
// where nothing is. What libraries below read for a moment (a time zone, openssl.cnf) is not ours.
std::string seen_under(int fd, const std::string& root) {
  std::array<char, 256> target{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  if (::readlink(link.c_str(), target.data(), target.size() - 1) <= 0) return {};
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_PATH) != 0) return {};
  const std::string seen = target.data();
  return (flags & O_ACCMODE) != O_RDONLY || seen.starts_with(root) ? seen : std::string{};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const int mask = std::atoi(argv[1]);
  const int opened = ::open(argv[3], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const int report = ::fcntl(opened, F_DUPFD_CLOEXEC, 100);
  ::close(opened);
  for (int fd = 0; fd < 3; ++fd) {
    if ((mask >> fd & 1) != 0) ::close(fd);
  }
  std::atomic<bool> is_over = false;
  std::array<std::string, 3> seen;
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    while (!is_over) {
      std::printf("%s", kPrinted);
      std::fflush(stdout);
      std::fprintf(stderr, "%s", kPrinted);
      ::usleep(20);
    }
  });
  for (int fd = 0; fd < 3; ++fd) {
    if ((mask >> fd & 1) == 0) continue;
    threads.emplace_back([&, fd] {
      while (!is_over) {
        (void)!::write(fd, kPrinted, sizeof kPrinted - 1);
        if (const std::string link = seen_under(fd, argv[2]); !link.empty())
          seen[static_cast<std::size_t>(fd)] = link;
        ::usleep(20);
      }
    });
  }
  std::string told;
  {
    auto run = runlog::start_logging({.root = argv[2]});
    if (!run) {
      told = "error " + run.error().message;
    } else {
      for (std::int64_t step = 0; step < 3000; ++step) {
        run->log("loss", 1.0 / static_cast<double>(step + 1), step);
        if (step % 500 == 499) run->flush();
      }
      const bool is_durable = run->wait_until(runlog::Durable, 30s) == runlog::Wait::Done;
      const bool is_shipped = run->wait_until(runlog::Shipped, 30s) == runlog::Wait::Done;
      run->complete();
      told = std::string(is_durable ? "durable" : "not durable") +
             (is_shipped ? " shipped" : " not shipped");
      if (const auto stats = run->stats(); !stats.last_error.empty())
        told += " error " + stats.last_error;
    }
  }
  is_over = true;
  for (auto& thread : threads) thread.join();
  for (const std::string& link : seen) {
    if (!link.empty()) told += " seen " + link;
  }
  told += "\n";
  if (::write(report, told.data(), told.size()) < 0) return 9;
  return 0;
}
