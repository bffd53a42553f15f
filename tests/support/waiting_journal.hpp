// A dead journal whose packs and artifact all wait for a store, and what can become of its files.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "journal/meta.hpp"
#include "platform/file_system.hpp"
#include "runlog/recover.hpp"
#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

namespace test {

inline constexpr std::int64_t kWaiting_steps = 12'000;

/// A journal that has ended and whose packs and artifact all wait.
struct Waiting {
  explicit Waiting(runlog::Overflow overflow = runlog::Overflow::drop_newest_counted) {
    std::ofstream(directory / "file") << std::string(100'000, 'x');
    auto run = runlog::start_logging({.root = directory / "runs",
                                      .run_id = "job",
                                      .pack_bytes = 64u << 10,
                                      .segment_bytes = 64u << 10,
                                      .overflow = overflow});
    REQUIRE(run);
    journal = run->journal_path();
    REQUIRE(run->upload_file("output", directory / "file"));
    for (std::int64_t step = 0; step < kWaiting_steps;) {
      for (const auto end = step + kWaiting_steps / 6; step < end; ++step)
        run->log("loss", std::sin(step), step);
      const auto count = packs_below(journal / "packs").size();
      run->log("chunk", 1.0);  // there is something to pack, whatever has been packed by now
      run->flush();
      while (packs_below(journal / "packs").size() == count) std::this_thread::yield();
    }
    run->complete();
    packs = packs_below(journal);
    REQUIRE(packs.size() > 3);
    for (const auto& entry : std::filesystem::directory_iterator(journal / "blobs"))
      blob = entry.path();
    REQUIRE(!blob.empty());
    rows = read(journal).rows.size();
  }

  runlog::RecoverOutcome recover() const {
    auto outcomes = runlog::recover(directory / "runs", {.store = store().native()});
    REQUIRE(outcomes);
    REQUIRE(outcomes->size() == 1);
    return outcomes->front();
  }
  std::filesystem::path store() const { return directory / "store"; }
  std::uint64_t lost_by_end() const {
    const auto json = runlog::read_file(journal / "shipped" / "end.json", 10'000);
    REQUIRE(json);
    return runlog::parse_end(*json, "end.json").value().records_lost;
  }

  test::TemporaryDirectory directory;
  std::filesystem::path journal, blob;
  std::vector<std::filesystem::path> packs;
  std::size_t rows = 0;
};

/// What can become of a file, by name.
inline const std::map<std::string, std::function<void(const std::filesystem::path&)>> kDamages = {
    {"flipped",
     [](const std::filesystem::path& path) {
       std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
       file.seekp(2000);
       file.write("\xff\xfe", 2);
     }},
    {"halved",
     [](const std::filesystem::path& path) {
       std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
     }},
    {"emptied", [](const std::filesystem::path& path) { std::filesystem::resize_file(path, 0); }},
    {"removed", [](const std::filesystem::path& path) { std::filesystem::remove(path); }},
};

inline bool is_named(const runlog::RecoverOutcome& outcome, const std::filesystem::path& file) {
  return std::any_of(outcome.damage.begin(), outcome.damage.end(), [&](const auto& damage) {
    return damage.path.find(file.filename().native()) != std::string::npos;
  });
}

inline std::size_t kept_in_torn(const std::filesystem::path& journal) {
  if (!std::filesystem::exists(journal / "torn")) return 0;
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(journal / "torn"),
                    std::filesystem::directory_iterator()));
}

}  // namespace test
