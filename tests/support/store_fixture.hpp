// What the tests of reading from stores share: runs and packs in a directory store, and what the
// remote path makes of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "pack/pack.hpp"
#include "read/journal_list.hpp"
#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/observed_store.hpp"
#include "support/process.hpp"

namespace test {

using namespace runlog;
using namespace std::chrono_literals;

inline constexpr std::int64_t kShipped_steps = 6000;

// A run with several packs, an artifact and an end, in a directory store.
inline void ship_run(const TemporaryDirectory& directory, const std::string& run_id,
                     std::int64_t rank = 0) {
  auto run = start_logging({.root = directory / "runs",
                            .project = "p",
                            .run_id = run_id,
                            .rank = rank,
                            .store = (directory / "store").native(),
                            .pack_bytes = 64u << 10,
                            .segment_bytes = 64u << 10});
  REQUIRE(run);
  for (std::int64_t step = 0; step < kShipped_steps; ++step) {
    run->log("loss", 1.0 / static_cast<double>(step + 1), step);
    if (step % 1000 == 999) {
      run->flush();
      REQUIRE(run->wait_until(Shipped, 60s) == Wait::Done);
    }
  }
  std::ofstream(directory / "artifact") << "twelve bytes";
  REQUIRE(run->upload_file("output", directory / "artifact"));
  run->complete();
}

// What the remote path makes of `place`.
struct Reading {
  explicit Reading(const std::filesystem::path& directory)
      : reading(std::make_shared<StoreReading>()) {
    auto observed = std::make_unique<ObservedStore>(directory);
    store = observed.get();
    reading->store = std::move(observed);
  }
  Result<std::vector<JournalFiles>> find(const std::string& place = "",
                                         const JournalSelection& selection = {}) {
    return find_journal_files(reading, split_store_url("test://bucket/prefix/" + place), selection);
  }
  std::shared_ptr<StoreReading> reading;
  ObservedStore* store = nullptr;
};

struct Outcome {
  std::vector<std::tuple<std::int32_t, std::int64_t, std::int64_t>> records;  // lane, seq, time
  std::vector<Damage> damage;
  std::vector<Error> failures;
  [[nodiscard]] std::uint64_t lost() const {
    std::uint64_t total = 0;
    for (const Damage& one : damage) total += one.records_lost;
    return total;
  }
};

inline Outcome read_all(const JournalFiles& files, bool checks_digests = false) {
  Outcome outcome;
  auto source = JournalSource::open(files, {.checks_digests = checks_digests});
  REQUIRE(source);
  while (const Record* const record = (*source)->peek()) {
    outcome.records.emplace_back(record->lane, record->seq, record->time_ns);
    (*source)->pop();
  }
  outcome.damage = (*source)->damage();
  outcome.failures = (*source)->failures();
  return outcome;
}

inline Outcome read_only_one(Reading& reading, bool checks_digests = false) {
  auto found = reading.find();
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  return read_all(found->front(), checks_digests);
}

// A pack with `rows` metrics, one a microsecond from `begin_ns`, as pack `number` of a journal. The
// values do not compress, so that a pack of many rows is larger than what comes with its end.
inline void write_pack(const std::filesystem::path& store, std::uint32_t number,
                       std::int64_t begin_ns, std::int64_t rows) {
  const std::string session(32, 'a');
  const format::ObjectOwner owner{.project = "p", .run_id = "r", .session = session};
  const auto path = store / format::pack_object(owner, number);
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  format::PackWriter writer([&](std::span<const std::byte> bytes) {
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return Result<void>{};
  });
  const std::int64_t first_seq = number * rows;
  bool is_written = true;
  std::mt19937_64 random(number);  // NOLINT: the same each time
  for (std::int64_t row = 0; row < rows; ++row) {
    is_written = is_written && writer
                                   .append({.seq = first_seq + row,
                                            .time_ns = begin_ns + row * 1000,
                                            .kind = Kind::metric,
                                            .name = "loss",
                                            .step = row,
                                            .value = std::generate_canonical<double, 53>(random)})
                                   .has_value();
  }
  REQUIRE(is_written);
  REQUIRE(writer.finish({.run_id = "r",
                         .project = "p",
                         .session = session,
                         .segments = {{number, 0, first_seq, rows}}}));
}

// The name of the pack that is the n-th by time.
inline std::string pack_name(Reading& reading, std::size_t n) {
  auto found = reading.find();
  REQUIRE(found);
  REQUIRE(found->front().remote_packs.size() > n);
  return found->front().remote_packs[n].name;
}

}  // namespace test
