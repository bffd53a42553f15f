// summarize_series says what reading every record would say, from footers where they tell.
#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <thread>
#include <utility>

#include "support/contents.hpp"
#include "support/pack_patch.hpp"
#include "support/store_fixture.hpp"

using namespace std::chrono_literals;
using namespace runlog;
using test::packs_below;
using test::Reading;
using test::ship_run;
using test::TemporaryDirectory;

namespace {

std::string text_of(double value) {
  return value == 0 ? "0" : std::to_string(value);  // -0 is as low as 0
}

// What summarize_series says of one journal, a line each.
std::vector<std::string> lines_of(const JournalSummary& journal) {
  std::vector<std::string> lines;
  const JournalInfo& info = journal.info;
  lines.push_back(std::string(journal_state_name(info.state)) + " " + info.end_reason + " " +
                  std::to_string(info.records) + " lost " + std::to_string(info.records_lost) +
                  " dropped " + std::to_string(info.records_dropped) + " step " +
                  std::to_string(info.last_step.value_or(-1)) + " at " +
                  std::to_string(info.last_time_ns));
  for (const SeriesSummary& one : journal.series) {
    std::string line = std::string(kind_name(one.kind)) + " " + one.name + " " +
                       std::to_string(one.records) + " step " +
                       (one.last_step ? std::to_string(one.last_step->step) : "none");
    if (one.numbers) {
      line += " " + text_of(one.numbers->first) + " " + text_of(one.numbers->last) + " " +
              text_of(one.numbers->min) + " " + text_of(one.numbers->max);
    }
    lines.push_back(line);
  }
  for (const Fact& fact : journal.facts) {
    lines.push_back(std::string(kind_name(fact.kind)) + " " + fact.name + " " +
                    (fact.text ? "'" + *fact.text + "' " : "") +
                    (fact.value ? text_of(*fact.value) + " " : "") +
                    (fact.int_value ? std::to_string(*fact.int_value) : ""));
  }
  return lines;
}

std::vector<std::vector<std::string>> summed(const std::filesystem::path& path,
                                             std::vector<Damage>* damage = nullptr) {
  auto journals = summarize_series(path, damage);
  REQUIRE(journals);
  std::vector<std::vector<std::string>> all;
  for (const JournalSummary& journal : *journals) all.push_back(lines_of(journal));
  return all;
}

// The same of what a Reader yields, record by record.
std::vector<std::vector<std::string>> read_summed(const std::filesystem::path& path) {
  auto reader = Reader::open(path);
  REQUIRE(reader);
  std::map<const JournalInfo*, std::map<std::pair<Kind, std::string>, SeriesSummary>> series;
  std::map<const JournalInfo*, std::vector<Fact>> facts;
  Reader::Entry entry;
  while (reader->next(entry)) {
    const Record& record = entry.record;
    const auto is_any = [&](std::initializer_list<Kind> kinds) {
      return std::find(kinds.begin(), kinds.end(), record.kind) != kinds.end();
    };
    if (record.kind == Kind::gap) continue;
    if (is_any({Kind::param, Kind::tag, Kind::tag_removed, Kind::property, Kind::file, Kind::child,
                Kind::status})) {
      auto& all = facts[entry.journal];
      const auto same = std::find_if(all.begin(), all.end(), [&](const Fact& fact) {
        const auto family = [](Kind kind) { return kind == Kind::tag_removed ? Kind::tag : kind; };
        return fact.name == record.name && family(fact.kind) == family(record.kind) &&
               !is_any({Kind::file, Kind::child, Kind::status});
      });
      if (same != all.end() && record.kind == Kind::property) continue;
      if (same != all.end()) all.erase(same);
      Fact& fact = all.emplace_back(Fact{.kind = record.kind,
                                         .name = std::string(record.name),
                                         .value = record.value,
                                         .int_value = record.int_value});
      if (record.text) fact.text = *record.text;
      continue;
    }
    SeriesSummary& one = series[entry.journal][{record.kind, std::string(record.name)}];
    one.kind = record.kind;
    one.name = record.name;
    ++one.records;
    if (record.step) one.last_step = {.step = *record.step};
    if (record.kind != Kind::metric || (!record.value && !record.int_value)) continue;
    const double value = record.value ? *record.value : static_cast<double>(*record.int_value);
    if (!one.numbers) one.numbers = {.first = value};
    one.numbers->last = value;
    if (std::isnan(value)) continue;
    one.numbers->min = std::fmin(one.numbers->min, value);
    one.numbers->max = std::fmax(one.numbers->max, value);
  }
  std::vector<std::vector<std::string>> all;
  for (const JournalInfo& info : reader->journals()) {
    JournalSummary journal{.info = info};
    for (auto& [key, one] : series[&info]) journal.series.push_back(one);
    journal.facts = facts[&info];
    all.push_back(lines_of(journal));
  }
  return all;
}

// Where the footer of a pack begins.
std::uint64_t data_end(const std::filesystem::path& path) {
  auto pack = format::PackReader::open_file(path);
  REQUIRE(pack);
  return pack->row_groups().back().end;
}

// Every byte of every page becomes another one; footer and magic numbers stay.
void ruin_rows(const std::filesystem::path& path) {
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

// Packs of one journal that overlap in time, each of one lane, whose clocks run back now and then.
void write_random_packs(const std::filesystem::path& store, unsigned seed) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t end) { return random() % end; };
  const std::string session(32, 'a');
  const format::ObjectOwner owner{.project = "p", .run_id = "r", .session = session};
  std::map<std::int32_t, std::int64_t> next_seq;
  for (std::uint32_t number = 0; number < 6; ++number) {
    const auto path = store / format::pack_object(owner, number);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    format::PackWriter writer([&](std::span<const std::byte> bytes) {
      file.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
      return Result<void>{};
    });
    const auto lane = static_cast<std::int32_t>(number % 2);
    std::int64_t time_ns = 1'000'000 + static_cast<std::int64_t>(number / 2 * 900 + below(100));
    const std::int64_t first_seq = next_seq[lane];
    for (int i = 0; i < 400; ++i) {
      time_ns += static_cast<std::int64_t>(below(6)) - (below(40) == 0 ? 60 : 0);
      const std::string name = "n" + std::to_string(below(6));
      const std::string text = "v" + std::to_string(below(100));
      Record record{.seq = next_seq[lane]++, .lane = lane, .time_ns = time_ns, .name = name};
      constexpr Kind kKinds[] = {Kind::metric, Kind::text,        Kind::param,    Kind::row,
                                 Kind::tag,    Kind::tag_removed, Kind::property, Kind::file,
                                 Kind::child,  Kind::rewind,      Kind::gap,      Kind::status};
      record.kind = below(2) == 0 ? Kind::metric : kKinds[below(std::size(kKinds))];
      if (below(3) != 0) record.step = static_cast<std::int64_t>(below(100));
      if (record.kind == Kind::metric) {
        record.value = below(9) == 0 ? std::nan("") : static_cast<double>(below(1000)) - 500;
        if (below(3) == 0) record.int_value = static_cast<std::int64_t>(below(50));
        if (below(5) == 0) record.value.reset();
      } else {
        record.text = text;
      }
      REQUIRE(writer.append(record));
    }
    REQUIRE(writer.finish({.run_id = "r",
                           .project = "p",
                           .session = session,
                           .segments = {{number, lane, first_seq, next_seq[lane] - first_seq}}}));
  }
}

}  // namespace

TEST_CASE("from footers or from rows, the sums are those of the records in the order of reading") {
  const auto seed = GENERATE(range(1u, 21u));
  CAPTURE(seed);
  TemporaryDirectory directory;
  write_random_packs(directory.path(), seed);
  const auto expected = read_summed(directory.path());
  REQUIRE(expected.size() == 1);
  CHECK(summed(directory.path()) == expected);
  const auto packs = packs_below(directory.path());
  REQUIRE(packs.size() == 6);
  // One after the other as an earlier version wrote them.
  for (const auto& pack : packs) {
    REQUIRE(test::remove_summary(pack));
    CHECK(summed(directory.path()) == expected);
  }
}

TEST_CASE("of records of the same time in several packs, the earlier pack's come first") {
  TemporaryDirectory directory;
  // The later number begins first.
  const bool is_swapped = GENERATE(false, true);
  CAPTURE(is_swapped);
  const std::string session(32, 'a');
  const format::ObjectOwner owner{.project = "p", .run_id = "r", .session = session};
  for (std::uint32_t number = 0; number < 2; ++number) {
    const auto path = directory / format::pack_object(owner, number);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    format::PackWriter writer([&](std::span<const std::byte> bytes) {
      file.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
      return Result<void>{};
    });
    const auto lane = static_cast<std::int32_t>(number);
    const bool is_first = (number == 0) != is_swapped;
    const double value = number;
    REQUIRE(writer.append(
        {.lane = lane, .time_ns = is_first ? 10 : 15, .kind = Kind::text, .name = "info"}));
    REQUIRE(writer.append({.seq = 1,
                           .lane = lane,
                           .time_ns = 20,
                           .kind = Kind::metric,
                           .name = "n",
                           .step = number,
                           .value = value}));
    REQUIRE(writer.append(
        {.seq = 2, .lane = lane, .time_ns = 20, .kind = Kind::param, .name = "p", .value = value}));
    REQUIRE(writer.finish(
        {.run_id = "r", .project = "p", .session = session, .segments = {{number, lane, 0, 3}}}));
  }
  const auto lines = summed(directory.path());
  CHECK(lines == read_summed(directory.path()));
  REQUIRE(lines.front().size() == 4);
  CHECK(lines.front()[1] == (is_swapped ? "metric n 2 step 0 1.000000 0 0 1.000000"
                                        : "metric n 2 step 1 0 1.000000 0 1.000000"));
  CHECK(lines.front()[3] == (is_swapped ? "param p 0 " : "param p 1.000000 "));
}

TEST_CASE("with every byte of every page ruined, the sums are the same") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  ship_run(directory, "b");
  const std::string place = GENERATE("runs", "store");
  const auto expected = read_summed(directory / place);
  REQUIRE(expected.size() == 2);
  CHECK(summed(directory / place) == expected);
  for (const auto& pack : packs_below(directory / place)) ruin_rows(pack);
  CHECK(summed(directory / place) == expected);
}

TEST_CASE("of packs in which one has no summary, the rows of that one are read and of no other") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  const auto packs = packs_below(directory / "store");
  REQUIRE(packs.size() > 2);
  const auto expected = read_summed(directory / "store");
  REQUIRE(test::remove_summary(packs[1]));
  for (const auto& pack : packs) {
    if (pack != packs[1]) ruin_rows(pack);
  }
  std::vector<Damage> damage;
  CHECK(summed(directory / "store", &damage) == expected);
  CHECK(damage.empty());
  // And it is the rows that are read.
  ruin_rows(packs[1]);
  CHECK(summed(directory / "store", &damage) != expected);
  CHECK(damage.size() == 1);
}

TEST_CASE("of a store, only the ends of packs are asked for") {
  TemporaryDirectory directory;
  constexpr std::int64_t kRows = 140'000;  // far more than comes with the footer
  for (std::uint32_t number = 0; number < 3; ++number) {
    test::write_pack(directory.path(), number, number * 1'000'000'000LL, kRows);
  }
  const auto expected = read_summed(directory.path());
  Reading reading(directory.path());
  auto found = reading.find();
  REQUIRE(found);
  reading.store->ranges.clear();
  auto source = JournalSource::open(found->front(), {.fields = format::Fields::sums});
  REQUIRE(source);
  JournalSummary journal{.info = found->front().info};
  format::PackSummary summary;
  (*source)->sum_up(journal.info, summary);
  for (const auto& [key, series] : summary.series) journal.series.push_back(series);
  CHECK(lines_of(journal) == expected.front());
  CHECK((*source)->damage().empty());
  REQUIRE(reading.store->ranges.size() == 3);
  for (const auto& [name, range] : reading.store->ranges) {
    CHECK(range.end == std::filesystem::file_size(directory / name));
    CHECK(range.end - range.begin == 64u << 10);
  }
}

TEST_CASE("beside a live writer, packs and segments add up") {
  TemporaryDirectory directory;
  auto run = start_logging({.root = directory / "runs",
                            .run_id = "live",
                            .pack_bytes = 64u << 10,
                            .segment_bytes = 64u << 10});
  REQUIRE(run);
  run->param("lr", 0.5);
  for (std::int64_t step = 0; step < 20'000; ++step) {
    run->log("loss", 1.0 / static_cast<double>(step + 1), step);
    if (step % 1000 == 0)
      run->set_tags(std::vector{std::pair<std::string, std::string>{"at", std::to_string(step)}});
  }
  REQUIRE(run->wait_until(Durable, 60s) == Wait::Done);
  while (run->stats().packs_made == 0) std::this_thread::yield();
  const auto lines = summed(directory / "runs");
  CHECK(lines == read_summed(directory / "runs"));
  REQUIRE(lines.size() == 1);
  CHECK(lines.front()[1] == "metric loss 20000 step 19999 1.000000 0.000050 0.000050 1.000000");
  CHECK_FALSE(packs_below(directory / "runs").empty());
}

TEST_CASE("a summary that does not agree with the rows is told by who reads them all") {
  TemporaryDirectory directory;
  test::write_pack(directory.path(), 0, 0, 70'000);
  const auto damage_of = [&](ReadOptions options) {
    return test::read(directory.path(), std::move(options)).damage;
  };
  CHECK(damage_of({.check_summaries = true}).empty());
  const auto pack = packs_below(directory.path()).front();
  REQUIRE(test::patch_footer(pack, "loss:70000:69999", "loss:70000:69998"));
  CHECK(damage_of({}).empty());
  const auto damage = damage_of({.check_summaries = true});
  REQUIRE(damage.size() == 1);
  CHECK(damage[0].path == pack.native());
  CHECK(damage[0].records_lost == 0);
  CHECK(damage[0].why.find("sums its records up") != std::string::npos);
  // It is believed until then, and where the rows are not all read, they prove nothing.
  CHECK(summed(directory.path()).front()[1].starts_with("metric loss 70000 step 69998 "));
  CHECK(damage_of({.since_unix_ns = 66'000'000, .check_summaries = true}).empty());
  // One that says more than there can be is not believed, and neither is one that cannot be read.
  REQUIRE(test::patch_footer(pack, "loss:70000:69998", "loss:70001:69999"));
  CHECK(summed(directory.path()).front()[1].starts_with("metric loss 70000 step 69999 "));
  CHECK(damage_of({.check_summaries = true}).empty());
}
