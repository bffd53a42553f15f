// Promise: a job without standard input, output or error prints into no file of ours.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include "platform/child_output.hpp"
#include "platform/directories.hpp"
#include "platform/file_system.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"
#include "support/scripted_server.hpp"

using test::http_answer;
using test::Process;
using test::ScriptedServer;
using test::TemporaryDirectory;
using test::victim;

namespace {

std::string content(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

bool is_printed_on(const std::filesystem::path& directory) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && content(entry.path()).find("PRINTED BY") != std::string::npos)
      return true;
  }
  return false;
}

struct Seen {
  std::string report;
  std::vector<std::int64_t> steps;
};

Seen run_with_closed(int mask, const TemporaryDirectory& directory,
                     std::vector<std::pair<std::string, std::string>> environment) {
  environment.emplace_back("RUNLOG_SHIP_INTERVAL", "100ms");
  // What it prints where its numbers are open is read and forgotten.
  const std::string report = directory / "report";
  Process job({"/bin/sh", "-c", "exec \"$0\" \"$@\" >/dev/null 2>/dev/null",
               victim("closed_numbers"), std::to_string(mask), directory / "runs", report},
              environment);
  (void)job.read_all();
  CHECK(job.wait().code == 0);
  CHECK_FALSE(is_printed_on(directory.path()));
  return {content(report), test::read(directory / "runs").steps("loss")};
}

}  // namespace

TEST_CASE("with 0, 1 and 2 closed, one by one and together, nothing printed reaches a journal") {
  for (int mask = 1; mask < 8; ++mask) {
    INFO("closed: " << mask);
    const TemporaryDirectory directory;
    const Seen seen = run_with_closed(mask, directory, {{"RUNLOG_STORE", directory / "store"}});
    CHECK(seen.report == "durable shipped\n");
    CHECK(seen.steps == test::counting(3000));
    CHECK(test::read(directory / "store").steps("loss") == test::counting(3000));
  }
}

TEST_CASE("nor what is sent to a store over HTTP, with credentials that a program tells") {
  for (const int mask : {1, 2, 4, 7}) {
    INFO("closed: " << mask);
    const TemporaryDirectory directory;
    std::mutex mutex;
    std::map<std::string, std::string> objects;  // guarded by mutex
    ScriptedServer server([&](const ScriptedServer::Request& request) {
      const std::lock_guard lock(mutex);
      if (request.method != "PUT") return ScriptedServer::Answer{"HTTP/1.1 404 Not Found\r\n\r\n"};
      if (!objects.emplace(request.target, request.body).second) {
        return ScriptedServer::Answer{http_answer(412)};
      }
      return ScriptedServer::Answer{http_answer(200, "ETag: \"x\"\r\n")};
    });
    const std::string config = directory / "config";
    const std::string helper = directory / "helper";
    std::ofstream(helper)
        << "#!/bin/sh\n"
           "echo 'words for stderr' >&2\n"
           "echo '{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\"}'\n";
    std::filesystem::permissions(helper, std::filesystem::perms(0755));
    std::ofstream(config) << "[default]\ncredential_process = " << helper << "\n";
    const Seen seen =
        run_with_closed(mask, directory,
                        {{"RUNLOG_STORE", "s3://bucket/p?region=r&endpoint=" + server.url()},
                         {"AWS_CONFIG_FILE", config},
                         {"AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/aws"},
                         {"AWS_ACCESS_KEY_ID", ""},
                         {"AWS_SECRET_ACCESS_KEY", ""},
                         {"AWS_PROFILE", ""}});
    CHECK(seen.report == "durable shipped\n");
    CHECK(seen.steps == test::counting(3000));
    const std::lock_guard lock(mutex);
    CHECK(objects.size() >= 3);  // meta, packs, end
    for (const auto& [name, bytes] : objects) CHECK(bytes.find("PRINTED") == std::string::npos);
  }
}

TEST_CASE("a descriptor of ours is above 2, and a program that we run finds its 2 taken") {
  const TemporaryDirectory directory;
  const pid_t pid = ::fork();  // closes its own numbers
  if (pid == 0) {
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    const auto file = runlog::OpenFile::open(directory / "file", O_RDWR | O_CREAT);
    if (!file || file->fd() < 3) ::_exit(1);
    if (!runlog::list_directory(directory.path())) ::_exit(2);
    for (int fd = 0; fd < 3; ++fd) {
      if (::fcntl(fd, F_GETFD) >= 0) ::_exit(3);
    }
    const auto output = runlog::output_of_child(
        {.arguments = {"/bin/sh", "-c", "readlink /proc/self/fd/0 /proc/self/fd/2"}});
    if (!output || *output != "/dev/null\n/dev/null\n") ::_exit(4);
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  CHECK(WEXITSTATUS(status) == 0);
}
