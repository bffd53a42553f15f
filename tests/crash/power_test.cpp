// Promise: what wait_until(Durable) said Done to survives a power loss, whenever it comes. The
// power of a job fails at one call after the other that moves a file or makes one safe; from what
// was synced until then the disk is made as it may be found, recovery is run on it, and every
// durable record must be in the store, once. So nothing goes before what replaces it is on the
// disk.
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "support/acknowledged.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/shadow_disk.hpp"

namespace fs = std::filesystem;

namespace {

constexpr unsigned kSeed = 20261127;
/// Of each mode; RUNLOG_POWER_POINTS may be more, to the number of calls.
constexpr long kPoints = 4;
/// The library does not sync the directory that a new directory is in. POSIX wants it; ext4, XFS
/// and btrfs save the way to a file that is synced.
constexpr bool kTrusts_new_directories = true;

/// What becomes of the names in a directory that were changed since its last sync: any file system
/// may do any of it. The bytes of files are there only as far as they were synced.
enum class Names {
  changed,      ///< all changes are there
  unchanged,    ///< none is
  all_removed,  ///< names that were removed are, and what is new is not there
};

class Disk {
 public:
  Disk(fs::path shadow, const fs::path& base, Names names)
      : shadow_(std::move(shadow)), names_(names) {
    for (const auto& entry : fs::recursive_directory_iterator(base)) {
      keys_.insert(test::key_of(entry.path().native()));
    }
  }

  /// Makes `target` of `source`, of which `key` is known.
  void make(const fs::path& source, const std::string& key, const fs::path& target) const {
    fs::create_directories(target);
    for (const auto& [name, child] : names_in(source, key)) {
      const bool is_directory = is_a_directory(source / name, child);
      if (is_directory) {
        make(source / name, child, target / name);
      } else if (const auto bytes = shadow_ / "files" / child; fs::exists(bytes)) {
        fs::copy_file(bytes, target / name);
      } else {
        std::ofstream(target / name).flush();
      }
    }
  }

 private:
  std::map<std::string, std::string> names_in(const fs::path& source,
                                              const std::string& key) const {
    std::map<std::string, std::string> now;
    if (fs::exists(source)) {
      for (const auto& entry : fs::directory_iterator(source)) {
        now[entry.path().filename()] = test::key_of(entry.path().native());
      }
    }
    if (names_ == Names::changed) return now;
    std::map<std::string, std::string> synced;
    std::ifstream lines(shadow_ / "directories" / key);
    for (std::string line; std::getline(lines, line);) {
      const auto space = line.find(' ');
      synced[line.substr(space + 1)] = line.substr(0, space);
    }
    if (kTrusts_new_directories) {
      for (const auto& [name, child] : now) {
        if (fs::is_directory(source / name)) synced[name] = child;
      }
    }
    if (names_ == Names::all_removed) {
      // Renamed, or replaced, is not removed: that happens as a whole or not at all.
      std::erase_if(synced, [&](const auto& entry) {
        return !keys_.contains(entry.second) && !now.contains(entry.first);
      });
    }
    return synced;
  }
  bool is_a_directory(const fs::path& now, const std::string& key) const {
    return fs::exists(shadow_ / "directories" / key) ||
           (fs::is_directory(now) && test::key_of(now.native()) == key);
  }

  fs::path shadow_;
  Names names_;
  std::set<std::string> keys_;
};

// What is wrong with the recovery of what is left.
std::string problem_with(const fs::path& disk, const test::Acknowledged& notes) {
  const auto store = disk / "store";
  const auto exit =
      test::run_command({test::tool("runlog-recover"), disk / "runs", "--store", store, "-q"})
          .first;
  if (exit.signal != 0) return "recovery ends with signal " + std::to_string(exit.signal);
  if (exit.code == 4) return "recovery leaves something";
  if (notes.durable[0] == 0) return {};
  const auto contents = test::read(store);
  if (!contents.is_free_of_duplicates()) return "a record is there twice";
  for (std::size_t slot = 0; slot < 3; ++slot) {
    const auto numbers = test::numbers_of(contents, test::slot_name(slot));
    const std::set<std::int64_t> kept(numbers.begin(), numbers.end());
    const auto logged = static_cast<std::int64_t>(notes.records[slot]) + 1;
    for (const auto number : kept) {
      if (number < 0 || number >= logged) return "a record that nobody logged";
    }
    for (std::int64_t number = 0; number < static_cast<std::int64_t>(notes.durable[slot]);
         ++number) {
      if (kept.contains(number)) continue;
      return test::slot_name(slot) + ": " + std::to_string(number) + " of " +
             std::to_string(notes.durable[slot]) + " durable ones is not there";
    }
  }
  std::map<std::string, std::string> blobs;
  for (const test::Row& row : contents.of(runlog::Kind::file)) {
    blobs[row.name] = row.text.value_or("");
  }
  for (std::uint64_t number = 0; number < notes.durable_files; ++number) {
    const std::string sha256 = blobs[test::artifact_name(number)];
    if (sha256.empty()) return test::artifact_name(number) + " has no record";
    bool is_there = false;
    for (const auto& entry : fs::recursive_directory_iterator(store)) {
      if (entry.path().filename() != sha256) continue;
      std::ifstream file(entry.path());
      const std::string content{std::istreambuf_iterator<char>(file), {}};
      is_there = content == test::artifact_content(number);
    }
    if (!is_there) return test::artifact_name(number) + " has not its content";
  }
  for (const auto& journal : contents.journals) {
    const bool is_parent = journal.parent_session.empty();
    if (is_parent && notes.has_ended && journal.state != runlog::JournalState::complete) {
      return "a run that has ended is not complete";
    }
  }
  return {};
}

// Returns how many calls came by.
long fail_power(const std::string& mode, long point) {
  const test::TemporaryDirectory place;
  const fs::path base = place / "base";
  const fs::path shadow = place / "shadow";
  for (const char* const name : {"runs", "store"}) fs::create_directories(base / name);
  for (const char* const name : {"files", "directories"}) fs::create_directories(shadow / name);
  const auto* const notes = test::map_acknowledged(place / "notes");
  REQUIRE(notes != nullptr);
  const auto [exit, output] = test::run_command(
      {test::victim("power"), base, place / "notes", shadow, mode, std::to_string(point)});
  INFO(mode << ", power fails at call " << point << "; durable " << notes->durable[0] << " of "
            << notes->records[0]);
  CHECK((exit.code == 0 || exit.signal == SIGKILL));
  // The disk comes back under its own path: a store at another one would be another store, which is
  // asked for all that the journal ever had, and what was not durable may be gone.
  const fs::path before = place / "before";
  fs::rename(base, before);
  for (const Names names : {Names::changed, Names::unchanged, Names::all_removed}) {
    INFO("names " << static_cast<int>(names));
    const Disk image(shadow, before, names);
    for (const char* const name : {"runs", "store"}) {
      image.make(before / name, test::key_of((before / name).native()), base / name);
    }
    CHECK(problem_with(base, *notes) == "");
    fs::remove_all(base);
  }
  long calls = 0;
  (void)std::sscanf(output.c_str(), "calls %ld", &calls);
  return calls;
}

void fail_at_points(const std::string& mode) {
  std::mt19937 random(kSeed);
  const long calls = fail_power(mode, 0);
  REQUIRE(calls > 20);
  const char* const wanted = std::getenv("RUNLOG_POWER_POINTS");
  const long points = std::min(calls, wanted != nullptr ? std::atol(wanted) : kPoints);
  const long stride = calls / points;
  for (long i = 0; i < points; ++i) {
    const auto within = random() % static_cast<unsigned long>(stride);
    (void)fail_power(mode, 1 + i * stride + static_cast<long>(within));
  }
}

}  // namespace

TEST_CASE("the power fails while packs are made and shipped: nothing durable is lost") {
  fail_at_points("packing");
}

TEST_CASE("the power fails while all lies in segments: nothing durable is lost") {
  fail_at_points("holding");
}
