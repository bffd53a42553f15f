// Promise: each room of lib/src includes only rooms below it, the operating system is platform's,
// and a third party's header is in one file. These tables are where that is written down.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/process.hpp"

namespace {

namespace fs = std::filesystem;

// Rooms on one floor do not know each other. `run` alone puts all together; it stands above
// `recover`, because a live job adopts its dead neighbours. `api` is the C interface to all of it.
const std::map<std::string, int> kFloors = {
    {"base", 1},    {"platform", 2}, {"segment", 3}, {"store", 3}, {"journal", 4},
    {"pack", 4},    {"ship", 5},     {"export", 6},  {"keep", 6},  {"read", 6},
    {"recover", 7}, {"run", 8},      {"api", 9},
};

// Within a room, where it has rooms of its own.
const std::map<std::string, int> kInner_floors = {
    {"pack/parquet", 1},
    {"store/http", 1},
    {"store/credentials", 2},
    {"store/cloud", 3},
};

// Public headers that declare the calls of a room: for rooms that have or use these. The others
// hold values, and are for all.
const std::map<std::string, std::set<std::string>> kCallers = {
    {"runlog/options.hpp", {"run", "api"}},
    {"runlog/run.hpp", {"run", "api"}},
    {"runlog/recover.hpp", {"recover", "run", "api"}},
    {"runlog/reader.hpp", {"read", "export", "recover", "run", "api"}},
};

std::string room_of(const fs::path& file) {
  return file.begin()->native();
}

std::string inner_room_of(const fs::path& file) {
  return file.parent_path().native();
}

int inner_floor_of(const fs::path& file, int otherwise) {
  const auto floor = kInner_floors.find(inner_room_of(file));
  return floor != kInner_floors.end() ? floor->second : otherwise;
}

// Headers of the operating system, by how their names begin.
const std::vector<std::string> kSystem_headers = {
    "arpa/",    "dirent.h", "dlfcn.h",  "execinfo.h", "fcntl.h",   "linux/",
    "net",      "poll.",    "pthread.", "pwd.h",      "sched.h",   "semaphore.h",
    "signal.h", "spawn.h",  "sys/",     "termios.",   "ucontext.", "unistd.h",
};

// Third parties, by the first part of a header's name.
const std::vector<std::string> kThird_parties = {"boost", "curl",     "expat",
                                                 "lz4",   "nlohmann", "openssl"};

bool begins_with_one_of(const std::string& name, const std::vector<std::string>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](const std::string& begin) { return name.starts_with(begin); });
}

// Calls visit(file, header, whether it is in quotes) for each include below lib/src.
template <typename Visit>
std::size_t for_each_include(Visit visit) {
  const fs::path source = test::source("lib/src");
  const std::regex include("^\\s*#\\s*include\\s*([\"<])([^\">]+)[\">].*");
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(source)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    std::ifstream text(entry.path());
    std::smatch found;
    for (std::string line; std::getline(text, line);) {
      if (!std::regex_match(line, found, include)) continue;
      visit(fs::relative(entry.path(), source), found[2].str(), found[1].str() == "\"");
    }
  }
  return files;
}

}  // namespace

TEST_CASE("a room includes only rooms below it") {
  const std::size_t files =
      for_each_include([](const fs::path& file, const fs::path& included, bool is_ours) {
        if (!is_ours || room_of(included) == "runlog") return;  // the public headers
        INFO(file << " includes " << included);
        REQUIRE(kFloors.contains(room_of(file)));
        REQUIRE(kFloors.contains(room_of(included)));
        if (room_of(included) != room_of(file)) {
          CHECK(kFloors.at(room_of(included)) < kFloors.at(room_of(file)));
        } else if (inner_room_of(included) != inner_room_of(file)) {
          // What lies in the room itself is for all of it, but for what needs nothing of it.
          CHECK(inner_floor_of(included, 2) <= inner_floor_of(file, 3));
        }
      });
  CHECK(files > 100);
}

TEST_CASE("a public header with calls is included only where these are made or used") {
  std::set<std::string> seen;
  for_each_include([&](const fs::path& file, const std::string& header, bool) {
    const auto callers = kCallers.find(header);
    if (callers == kCallers.end()) return;
    seen.insert(header);
    INFO(file << " includes " << header << "; policy.hpp, stats.hpp and others have the values");
    CHECK(callers->second.contains(room_of(file)));
  });
  CHECK(seen.size() == kCallers.size());
}

TEST_CASE("the operating system is platform's, and each third party one file's") {
  std::map<std::string, std::set<std::string>> users;  // of third parties
  for_each_include([&](const fs::path& file, const std::string& header, bool is_ours) {
    if (is_ours) return;
    INFO(file << " includes " << header);
    if (begins_with_one_of(header, kSystem_headers)) CHECK(room_of(file) == "platform");
    if (begins_with_one_of(header, kThird_parties)) users[header].insert(file.native());
  });
  for (const auto& [header, files] : users) {
    INFO(header);
    CHECK(files.size() == 1);
    CHECK(fs::path(*files.begin()).extension() == ".cpp");
  }
  CHECK(users.size() > 3);
}

TEST_CASE("a unit test lies in the folder of the room that it tests") {
  for (const auto& entry : fs::directory_iterator(test::source("tests/unit"))) {
    const auto name = entry.path().filename().string();
    INFO(name);
    if (entry.is_directory()) {
      CHECK(kFloors.contains(name));
    } else {
      CHECK(name == "rooms_test.cpp");
    }
  }
}
