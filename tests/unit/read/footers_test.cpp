// What `ls` knows it knows from footers: no record body is read, in a directory or in a store.
#include <fstream>

#include "pack/pack_summary.hpp"
#include "support/contents.hpp"
#include "support/store_fixture.hpp"

using namespace std::chrono_literals;
using namespace runlog;
using test::pack_name;
using test::packs_below;
using test::Reading;
using test::ship_run;
using test::TemporaryDirectory;
using test::write_pack;

namespace {

// Where the footer of a pack begins.
std::uint64_t data_end(const std::filesystem::path& path) {
  auto pack = format::PackReader::open_file(path);
  REQUIRE(pack);
  return pack->row_groups().back().end;
}

// Every byte of every page becomes another one; footers and magic numbers stay.
void ruin_rows(const std::filesystem::path& directory) {
  for (const auto& path : packs_below(directory)) {
    const std::uint64_t end = data_end(path);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    std::string bytes(end - 4, '\0');
    file.seekg(4);
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    for (char& byte : bytes) byte = static_cast<char>(~byte);
    file.seekp(4);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(file.good());
  }
}

// What `ls` shows of each journal.
std::vector<std::string> listed(const std::filesystem::path& path) {
  std::vector<Damage> damage;
  auto infos = summarize(path, &damage);
  REQUIRE(infos);
  CHECK(damage.empty());
  std::vector<std::string> lines;
  for (const JournalInfo& info : *infos) {
    lines.push_back(
        info.run_id + " " + std::string(journal_state_name(info.state)) + " " + info.end_reason +
        " " + std::to_string(info.records) + " lost " + std::to_string(info.records_lost) +
        " dropped " + std::to_string(info.records_dropped) + " step " +
        std::to_string(info.last_step.value_or(-1)) + " at " + std::to_string(info.last_time_ns));
  }
  return lines;
}

}  // namespace

TEST_CASE("the footers' sums are those of the records") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  for (const char* place : {"runs", "store"}) {
    auto infos = summarize(directory / place);
    REQUIRE(infos);
    REQUIRE(infos->size() == 1);
    const JournalInfo& info = infos->front();
    const auto contents = test::read(directory / place);
    CHECK(info.records == contents.rows.size());
    CHECK(info.last_step == test::kShipped_steps - 1);
    CHECK(info.last_time_ns == contents.rows.back().time_ns);
    CHECK(info.state == JournalState::complete);
    CHECK(info.records_lost == 0);
  }
}

TEST_CASE("beside a live writer, what is packed and what is not yet count once") {
  TemporaryDirectory directory;
  auto run = start_logging({.root = directory / "runs",
                            .run_id = "live",
                            .pack_bytes = 64u << 10,
                            .segment_bytes = 64u << 10});
  REQUIRE(run);
  for (std::int64_t step = 0; step < 20'000; ++step) run->log("loss", 0.5, step);
  REQUIRE(run->wait_until(Durable, 60s) == Wait::Done);
  auto infos = summarize(directory / "runs");
  REQUIRE(infos);
  REQUIRE(infos->size() == 1);
  CHECK(infos->front().state == JournalState::live);
  CHECK(infos->front().records == 20'001);  // and that it has started
  CHECK(infos->front().last_step == 19'999);
  CHECK(infos->front().records_lost == 0);
}

TEST_CASE("with every byte of every page ruined, ls lists the same and reading finds the damage") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  ship_run(directory, "b");
  const std::string place = GENERATE("runs", "store");
  const auto before = listed(directory / place);
  REQUIRE(before.size() == 2);
  const auto rows = test::read(directory / place).rows.size();
  ruin_rows(directory / place);
  CHECK(listed(directory / place) == before);
  const auto contents = test::read(directory / place);
  CHECK(contents.rows.empty());
  // The record of a run's end, which a store is known to have, is among them.
  CHECK(contents.lost() == rows);
}

TEST_CASE("of a store, ls asks for the packs' footers only") {
  TemporaryDirectory directory;
  constexpr std::int64_t kRows = 140'000;  // far more than comes with the footer
  for (std::uint32_t number = 0; number < 3; ++number) {
    write_pack(directory.path(), number, number * 1'000'000'000LL, kRows);
  }
  Reading reading(directory.path());
  auto found = reading.find();
  REQUIRE(found);
  reading.store->got.clear();
  reading.store->ranges.clear();
  auto source = JournalSource::open(found->front(), {});
  REQUIRE(source);
  JournalInfo info = found->front().info;
  (*source)->sum_up(info);
  CHECK(info.records == 3 * kRows);
  CHECK(info.last_step == kRows - 1);
  CHECK(info.last_time_ns == 2'000'000'000 + (kRows - 1) * 1000);
  CHECK((*source)->damage().empty());
  REQUIRE(reading.store->ranges.size() == 3);
  for (const auto& [name, range] : reading.store->ranges) {
    // The last 64 KiB, which hold the footer.
    CHECK(range.end == std::filesystem::file_size(directory / name));
    CHECK(range.end - range.begin == 64u << 10);
    CHECK(range.begin < data_end(directory / name));
  }
}

TEST_CASE("of a run whose end no file tells, the last pack does") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  std::filesystem::path end;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory / "store")) {
    if (entry.path().native().ends_with(".end.json")) end = entry.path();
  }
  REQUIRE(std::filesystem::remove(end));
  auto infos = summarize(directory / "store");
  REQUIRE(infos);
  CHECK(infos->front().state == JournalState::complete);
  SECTION("also through ranges") {
    Reading reading(directory / "store");
    auto found = reading.find();
    REQUIRE(found);
    auto source = JournalSource::open(found->front(), {});
    REQUIRE(source);
    JournalInfo info = found->front().info;
    CHECK(info.state == JournalState::unknown);
    (*source)->sum_up(info);
    CHECK(info.state == JournalState::complete);
  }
  SECTION("and where it is ruined, nothing tells") {
    ruin_rows(directory / "store");
    infos = summarize(directory / "store");
    REQUIRE(infos);
    CHECK(infos->front().state == JournalState::unknown);
    CHECK(infos->front().records_lost == 0);
  }
}

TEST_CASE("a pack that is gone is missed by its footer's brothers") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  Reading reading(directory / "store");
  const std::string name = pack_name(reading, 1);
  const auto rows = test::read(directory / "store" / name).rows.size();
  std::filesystem::remove(directory / "store" / name);
  auto infos = summarize(directory / "store");
  REQUIRE(infos);
  CHECK(infos->front().records_lost == rows);
}

TEST_CASE("sums need no other columns: the same numbers, without place, payload and long texts") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  Reading reading(directory / "store");
  auto found = reading.find();
  REQUIRE(found);
  auto whole = JournalSource::open(found->front(), {});
  auto sums = JournalSource::open(found->front(), {.fields = format::Fields::sums});
  REQUIRE(whole);
  REQUIRE(sums);
  bool has_params = false;
  for (; const Record* const was = (*whole)->peek(); (*whole)->pop(), (*sums)->pop()) {
    const Record* const is = (*sums)->peek();
    REQUIRE(is != nullptr);
    CHECK(is->time_ns == was->time_ns);
    CHECK(is->kind == was->kind);
    CHECK(is->name == was->name);
    CHECK(is->step == was->step);
    CHECK(is->value == was->value);
    CHECK(is->int_value == was->int_value);
    if (format::is_fact(was->kind)) CHECK(is->text == was->text);
    has_params = has_params || was->text;
    CHECK(is->seq == 0);
    CHECK_FALSE(is->payload);
  }
  CHECK((*sums)->peek() == nullptr);
  CHECK(has_params);
}

TEST_CASE("sums from a store leave out the columns at both ends, and are the same numbers") {
  TemporaryDirectory directory;
  constexpr std::int64_t kRows = 140'000;  // three row groups
  write_pack(directory.path(), 0, 0, kRows);
  Reading reading(directory.path());
  const auto add_up = [&](format::Fields fields) {
    auto found = reading.find();
    REQUIRE(found);
    reading.store->got.clear();
    auto source = JournalSource::open(found->front(), {.fields = fields});
    REQUIRE(source);
    std::pair<std::int64_t, double> sums;
    for (; const Record* const record = (*source)->peek(); (*source)->pop()) {
      sums.first += *record->step;
      sums.second += *record->value;
    }
    CHECK((*source)->damage().empty());
    return sums;
  };
  const auto whole = add_up(format::Fields::all);
  const std::uint64_t bytes = reading.store->got.begin()->second;
  CHECK(bytes == std::filesystem::file_size(directory / reading.store->got.begin()->first));
  CHECK(add_up(format::Fields::sums) == whole);
  CHECK(reading.store->got.begin()->second < bytes);
}
