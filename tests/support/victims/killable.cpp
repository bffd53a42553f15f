// killable ROOT ACKNOWLEDGED THREADS PACE EXTRA RECORDS: logs numbers until it is killed, and notes
// each call that has returned in the file ACKNOWLEDGED (support/acknowledged.hpp).
//
//   PACE     tight | paced: as fast as it can, or with a short nap for the training step
//   EXTRA    plain | files | fork | quiet: only numbers; artifacts too, whose sources are removed
//            at once; two children forked while the threads log, which log on their own; as files,
//            but without the hints to ship
//   RECORDS  so many per thread, then complete(); children just stop
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "runlog/runlog.hpp"
#include "support/acknowledged.hpp"

namespace {

constexpr std::size_t kChildren = 2;
constexpr useconds_t kStep_us = 200;

struct Job {
  std::string scratch;
  test::Acknowledged* acknowledged;
  bool is_paced;
  bool is_quiet;
  std::uint64_t records;
};

void upload(runlog::Run& run, const Job& job, std::uint64_t number) {
  const std::string source = job.scratch + ".source";
  std::ofstream(source) << test::artifact_content(number);
  const auto done = run.upload_file(test::artifact_name(number), source);
  std::remove(source.c_str());
  if (done) job.acknowledged->files.store(number + 1);
}

void log_numbers(runlog::Run& run, const Job& job, std::size_t slot, bool with_files) {
  const std::string name = test::slot_name(slot);
  auto metric = run.metric(name);
  const std::uint64_t file_every = job.is_paced ? 4 : 500;
  const std::uint64_t flush_every = job.is_paced ? 10 : 2'000;
  for (std::uint64_t number = 0; number < job.records; ++number) {
    const auto step = static_cast<std::int64_t>(number);
    if (test::is_logged_as_text(number)) {
      run.text(runlog::Level::info, name + " " + std::to_string(number));
    } else if (number % 4 == 0) {
      run.log(name, number, step);
    } else if (number % 4 == 1) {
      run.log(step, {{name, number}});
    } else if (number % 4 == 2) {
      run.step(step).log(metric, number);
    } else {
      metric.log(number, step);
    }
    job.acknowledged->records[slot].store(number + 1);
    if (with_files && number % file_every == 0) upload(run, job, number / file_every);
    // So that the keeper and the shipper have something to do at any instant.
    if (!job.is_quiet && number % flush_every == flush_every - 1) run.flush();
    if (job.is_paced) ::usleep(kStep_us);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const auto threads = static_cast<std::size_t>(std::atol(argv[3]));
  const std::string extra = argv[5];
  const Job job{argv[2], test::map_acknowledged(argv[2]), std::string(argv[4]) == "paced",
                extra == "quiet", static_cast<std::uint64_t>(std::atoll(argv[6]))};
  if (job.acknowledged == nullptr || threads + kChildren > test::Acknowledged::kSlots) return 2;
  auto started = runlog::start_logging({.root = argv[1]});
  if (!started) {
    std::fprintf(stderr, "killable: %s\n", started.error().message.c_str());
    return 8;
  }
  runlog::Run run = *started;
  std::vector<std::thread> workers;
  for (std::size_t slot = 0; slot < threads; ++slot) {
    const bool with_files = slot == 0 && (extra == "files" || extra == "quiet");
    workers.emplace_back(
        [&run, &job, slot, with_files] { log_numbers(run, job, slot, with_files); });
  }
  if (extra == "fork") {
    const pid_t parent = ::getpid();
    for (std::size_t child = 0; child < kChildren; ++child) {
      if (::fork() != 0) continue;
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(0);
      log_numbers(run, job, threads + child, false);
      ::_exit(0);
    }
  }
  for (std::thread& worker : workers) worker.join();
  while (::wait(nullptr) > 0) {
  }
  run.complete();
  job.acknowledged->dropped.store(run.stats().dropped);
  job.acknowledged->has_ended.store(true);
  return 0;
}
