// Promise: each room of lib/src includes only rooms below it. This table is where the floors are
// written down.
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>

#include "support/catch.hpp"

namespace {

namespace fs = std::filesystem;

// Rooms on one floor do not know each other. `run` alone puts all together; it stands above
// `recover`, because a live job adopts its dead neighbours.
const std::map<std::string, int> kFloors = {
    {"base", 1}, {"platform", 2}, {"segment", 3}, {"store", 3},   {"journal", 4}, {"pack", 4},
    {"ship", 5}, {"export", 6},   {"keep", 6},    {"read", 6},    {"recover", 7}, {"run", 8},
};

// Within a room, where it has rooms of its own.
const std::map<std::string, int> kInner_floors = {
    {"pack/parquet", 1},
    {"store/http", 1},
    {"store/credentials", 2},
    {"store/cloud", 3},
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

}  // namespace

TEST_CASE("a room includes only rooms below it") {
  const fs::path source = fs::path(RUNLOG_SOURCE_DIR) / "lib" / "src";
  const std::regex include("^\\s*#\\s*include\\s*\"([^\"]+)\".*");
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(source)) {
    if (!entry.is_regular_file()) continue;
    const fs::path file = fs::relative(entry.path(), source);
    INFO(file);
    REQUIRE(kFloors.contains(room_of(file)));
    ++files;
    std::ifstream text(entry.path());
    std::smatch found;
    for (std::string line; std::getline(text, line);) {
      if (!std::regex_match(line, found, include)) continue;
      const fs::path included = found[1].str();
      if (room_of(included) == "runlog") continue;  // the public headers
      INFO(included);
      REQUIRE(kFloors.contains(room_of(included)));
      if (room_of(included) != room_of(file)) {
        CHECK(kFloors.at(room_of(included)) < kFloors.at(room_of(file)));
      } else if (inner_room_of(included) != inner_room_of(file)) {
        // What lies in the room itself is for all of it, but for what needs nothing of it.
        CHECK(inner_floor_of(included, 2) <= inner_floor_of(file, 3));
      }
    }
  }
  CHECK(files > 100);
}
