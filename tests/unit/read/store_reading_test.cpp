// Reading from a store that is not a directory: by lists, heads and ranges, from a store that may
// fail, change or lie at any moment.
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "support/contents.hpp"
#include "support/store_fixture.hpp"

using namespace runlog;
using test::Outcome;
using test::pack_name;
using test::read_all;
using test::read_only_one;
using test::Reading;
using test::ship_run;
using test::TemporaryDirectory;
using test::write_pack;

namespace {

// The address sanitizer keeps what was freed for a while, so there the memory in use says nothing.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCountsMemory = false;
#elif defined(__has_feature)
constexpr bool kCountsMemory = !__has_feature(address_sanitizer);
#else
constexpr bool kCountsMemory = true;
#endif

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t pages = 0;
  file >> pages >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("a store read by ranges gives what its directory gives, record by record") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  const auto expected = test::read(directory / "store");
  Reading reading(directory / "store");
  auto found = reading.find();
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  const JournalInfo& info = found->front().info;
  CHECK(info.run_id == "a");
  CHECK(info.project == "p");
  CHECK(info.state == JournalState::complete);
  CHECK(info.pid == ::getpid());
  CHECK(info.path == "test://bucket/prefix/project=p/run_id=a");
  CHECK(info.packs_shipped > 3);
  const Outcome outcome = read_all(found->front(), true);
  CHECK(outcome.damage.empty());
  REQUIRE(outcome.records.size() == expected.rows.size());
  for (std::size_t i = 0; i < expected.rows.size(); ++i) {
    const test::Row& row = expected.rows[i];
    CHECK(outcome.records[i] == std::tuple(row.lane, row.seq, row.time_ns));
  }
  // A pack that came whole with its end is not asked for again.
  for (const auto& [name, bytes] : reading.store->got) {
    CHECK(bytes == std::filesystem::file_size(directory / "store" / name));
  }
}

TEST_CASE("naming a run asks for no other run") {
  TemporaryDirectory directory;
  for (const char* run : {"a1", "a2", "b1"}) ship_run(directory, run);
  const auto runs_found = [](const Result<std::vector<JournalFiles>>& found) {
    REQUIRE(found);
    std::vector<std::string> runs;
    for (const JournalFiles& files : *found) runs.push_back(files.info.run_id);
    return runs;
  };
  using Names = std::vector<std::string>;
  Reading by_url(directory / "store");
  CHECK(runs_found(by_url.find("project=p/run_id=a1")) == Names{"a1"});
  CHECK(by_url.store->listed == Names{"project=p/run_id=a1/**"});
  Reading by_name(directory / "store");
  CHECK(runs_found(by_name.find("project=p", {.runs = {"a1"}})) == Names{"a1"});
  CHECK(by_name.store->listed == Names{"project=p/run_id=a1/**"});
  Reading by_glob(directory / "store");
  CHECK(runs_found(by_glob.find("", {.runs = {"a*"}})) == Names{"a1", "a2"});
  CHECK(by_glob.store->listed ==
        Names{"", "project=p/", "project=p/run_id=a1/**", "project=p/run_id=a2/**"});
  for (const auto& [name, bytes] : by_glob.store->got)
    CHECK(name.find("run_id=b1") == std::string::npos);
  Reading by_rank(directory / "store");
  CHECK(runs_found(by_rank.find("project=p/run_id=b1/rank=00000")) == Names{"b1"});
  CHECK(by_rank.store->listed ==
        Names{"project=p/run_id=b1/rank=00000/**", "project=p/run_id=b1/_runlog/"});
  CHECK(runs_found(by_rank.find("project=p/run_id=b1", {.ranks = {7}})).empty());
  Reading nowhere(directory / "store");
  auto missing = nowhere.find("project=p/run_id=c");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::not_found);
}

TEST_CASE("a single pack is read by its URL") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  Reading reading(directory / "store");
  const std::string name = pack_name(reading, 1);
  reading.store->faults.is_list_forbidden = true;
  auto found = reading.find(name);
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  CHECK(found->front().info.run_id == "a");
  CHECK(read_all(found->front()).records.size() ==
        test::read(directory / "store" / name).rows.size());
  auto listing = reading.find();
  REQUIRE_FALSE(listing);
  CHECK(listing.error().code == Errc::unsupported);
}

TEST_CASE("what goes wrong with one pack costs its records, is told, and spares the others") {
  TemporaryDirectory directory;
  for (std::uint32_t number = 0; number < 3; ++number) {
    write_pack(directory.path(), number, number * 1'000'000'000LL, 20000);
  }
  const std::string middle =
      format::pack_object({.project = "p", .run_id = "r", .session = std::string(32, 'a')}, 1);
  Reading reading(directory.path());
  test::StoreFaults& faults = reading.store->faults;
  std::string words;
  SECTION("gone between list and get") {
    faults.vanished.insert(middle);
    words = "no such object";
  }
  SECTION("cut off") {
    faults.cut.insert(middle);
    words = "shorter";
  }
  SECTION("more than was asked for") {
    faults.talkative.insert(middle);
    words = "more bytes";
  }
  SECTION("other bytes") {
    faults.scrambled.insert(middle);
    words = "";
  }
  SECTION("a size that is too small") {
    faults.sizes[middle] = 1000;
    words = "";
  }
  SECTION("a size that is too large") {
    faults.sizes[middle] = 30'000'000;
    words = "shorter";
  }
  SECTION("a size beyond all memory") {
    faults.sizes[middle] = UINT64_MAX / 2;
    words = "up to";
  }
  SECTION("no size at all") {
    faults.sizes[middle] = 0;
    words = "";
  }
  const Outcome outcome = read_only_one(reading);
  CHECK(outcome.records.size() == 40000);
  REQUIRE(outcome.damage.size() == 1);
  CHECK(outcome.damage[0].path == "test://bucket/prefix/" + middle);
  CHECK(outcome.damage[0].records_lost > 0);
  CHECK(outcome.damage[0].why.find(words) != std::string::npos);
}

TEST_CASE("a store that is gone is not asked for ever") {
  TemporaryDirectory directory;
  for (std::uint32_t number = 0; number < 20; ++number) {
    write_pack(directory.path(), number, number * 1'000'000'000LL, 100);
  }
  Reading reading(directory.path());
  for (std::size_t n = 0; n < 20; ++n) {
    reading.store->faults.unavailable.insert(pack_name(reading, n));
  }
  reading.store->gets = 0;
  const Outcome outcome = read_only_one(reading);
  CHECK(outcome.records.empty());
  CHECK(outcome.damage.empty());
  REQUIRE(outcome.failures.size() == 4);  // three objects, and that the rest was not asked for
  CHECK(outcome.failures.back().message.find("stopped answering") != std::string::npos);
  CHECK(reading.store->gets < 10);
}

TEST_CASE("an object that changes while it is read is damage, not a crash") {
  TemporaryDirectory directory;
  write_pack(directory.path(), 0, 0, 140'000);  // three row groups, more than comes with the end
  Reading reading(directory.path());
  auto found = reading.find();
  REQUIRE(found);
  auto source = JournalSource::open(found->front(), {});
  REQUIRE(source);
  std::int64_t records = 0;
  for (; (*source)->peek() != nullptr; (*source)->pop()) {
    if (++records != 1000) continue;
    SECTION("shorter") {
      reading.store->faults.cut.insert(pack_name(reading, 0));
    }
    SECTION("gone") {
      reading.store->faults.vanished.insert(pack_name(reading, 0));
    }
    SECTION("other bytes") {
      reading.store->faults.scrambled.insert(pack_name(reading, 0));
    }
  }
  const auto damage = (*source)->damage();
  REQUIRE_FALSE(damage.empty());
  std::uint64_t lost = 0;
  for (const Damage& one : damage) lost += one.records_lost;
  CHECK(lost + static_cast<std::uint64_t>(records) == 140'000);
}

TEST_CASE("bytes that differ from the digest the store keeps are told, even where they decode") {
  TemporaryDirectory directory;
  write_pack(directory.path(), 0, 0, 70'000);
  write_pack(directory.path(), 1, 1'000'000'000, 100);
  Reading reading(directory.path());
  for (std::size_t n = 0; n < 2; ++n) {
    const std::string name = pack_name(reading, n);
    reading.store->faults.digests[name] = *reading.store->sha256(name);
  }
  CHECK(read_only_one(reading, true).damage.empty());
  CHECK(reading.store->heads == 2);
  reading.store->faults.digests[pack_name(reading, 1)] = std::string(64, '0');
  const Outcome outcome = read_only_one(reading, true);
  REQUIRE(outcome.damage.size() == 1);
  CHECK(outcome.damage[0].records_lost == 0);
  CHECK(outcome.damage[0].why.find("SHA-256") != std::string::npos);
  CHECK(outcome.records.size() == 70'100);
  CHECK(read_only_one(reading, false).damage.empty());
}

TEST_CASE("a pack that is missing from a run that has ended is a loss") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  Reading reading(directory / "store");
  const std::string name = pack_name(reading, 1);
  const auto rows = test::read(directory / "store" / name).rows.size();
  std::filesystem::remove(directory / "store" / name);
  const Outcome outcome = read_only_one(reading);
  REQUIRE(outcome.damage.size() == 1);
  CHECK(outcome.damage[0].records_lost == rows);
  CHECK(test::read(directory / "store").lost() == rows);
}

TEST_CASE("a run that has ended, without the packs that tell of its end, is not whole") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  Reading reading(directory / "store");
  auto found = reading.find();
  REQUIRE(found);
  const std::size_t packs = found->front().remote_packs.size();
  const bool removes_all = GENERATE(false, true);
  for (std::size_t n = removes_all ? 0 : packs - 1; n < packs; ++n) {
    std::filesystem::remove(directory / "store" / found->front().remote_packs[n].name);
  }
  const Outcome outcome = read_only_one(reading);
  REQUIRE(outcome.damage.size() == 1);
  CHECK_FALSE(outcome.damage[0].exact);
  CHECK(outcome.damage[0].why.find("end") != std::string::npos);
}

TEST_CASE("names that runlog cannot have made are passed over") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  Reading reading(directory / "store");
  const std::string run = "project=p/run_id=a/";
  const std::string session(32, 'b');
  for (const std::string& name :
       {run + "rank=00000/../../../../etc/passwd",
        run + "rank=0x0/" + session + "-00000000.parquet",
        run + "rank=00000/" + session + "-00000000.parquet/", run + "rank=00000/.parquet",
        run + "_runlog/../" + session + ".json", run + "_runlog/blobs/../" + session,
        run + "rank=00000/" + session + "-99999999999.parquet", std::string("/etc/passwd"),
        std::string(), std::string("project=../run_id=a/"), std::string("run_id=/")}) {
    reading.store->faults.invented.push_back({.name = name, .bytes = 10});
    reading.store->faults.invented.push_back({.name = name, .bytes = 10, .is_prefix = true});
  }
  CHECK(read_only_one(reading).damage.empty());
  for (const auto& [name, bytes] : reading.store->got) {
    CHECK(std::filesystem::exists(directory / "store" / name));
  }
}

TEST_CASE("meta.json from a store is capped, and its name outweighs its content") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  std::string meta;
  for (const auto& entry :
       std::filesystem::directory_iterator(directory / "store/project=p/run_id=a/_runlog")) {
    const std::string name = entry.path().filename().native();
    if (name.ends_with(".json") && !name.ends_with(".end.json")) meta = entry.path().native();
  }
  REQUIRE_FALSE(meta.empty());
  Reading reading(directory / "store");
  SECTION("a huge one") {
    std::filesystem::resize_file(meta, 10u << 20);
    auto found = reading.find();
    REQUIRE(found);
    CHECK(found->front().info.host.empty());
    for (const auto& [name, bytes] : reading.store->got) CHECK(bytes < (1u << 20));
  }
  SECTION("one of another run") {
    std::ofstream(meta) << R"({"run_id":"../../x","project":"/etc","session":"y","rank":0})";
    auto found = reading.find();
    REQUIRE(found);
    CHECK(found->front().info.run_id == "a");
    CHECK(found->front().info.project == "p");
    CHECK(found->front().info.session.size() == 32);
  }
}

TEST_CASE("many packs are read in the memory of a few") {
  TemporaryDirectory directory;
  constexpr std::int64_t kPacks = 10;
  constexpr std::int64_t kRows = 65536;
  for (std::uint32_t number = 0; number < kPacks; ++number) {
    write_pack(directory.path(), number, number * 1'000'000'000LL, kRows);
  }
  Reading reading(directory.path());
  const bool is_remote = GENERATE(true, false);
  auto found = is_remote ? reading.find() : find_journal_files(directory.path());
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  auto source = JournalSource::open(found->front(), {});
  REQUIRE(source);
  const std::uint64_t before = resident_bytes();
  std::uint64_t most = 0;
  std::int64_t records = 0;
  for (; (*source)->peek() != nullptr; (*source)->pop()) {
    if (records++ % 10000 == 0) most = std::max(most, resident_bytes());
  }
  CHECK((*source)->damage().empty());
  CHECK(records == kPacks * kRows);
  // One row group takes about 15 MiB decoded: all of them would take about 150.
  if (kCountsMemory) CHECK(most - std::min(most, before) < (75u << 20));
}

TEST_CASE("a journal has more packs than there are descriptors, and packs that all overlap") {
  TemporaryDirectory directory;
  constexpr std::uint32_t kPacks = 300;
  for (std::uint32_t number = 0; number < kPacks; ++number) {
    write_pack(directory.path(), number, 0, 10);
  }
  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  rlimit few = usual;
  few.rlim_cur = 64;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  const auto contents = test::read(directory.path());
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
  CHECK(contents.damage.empty());
  CHECK(contents.rows.size() == kPacks * 10);
  CHECK(contents.is_free_of_duplicates());
}

TEST_CASE("a URL is split where our names begin") {
  const auto check = [](const char* url, const StorePlace& expected) {
    const StorePlace place = split_store_url(url);
    INFO(url);
    CHECK(place.store_url == expected.store_url);
    CHECK(place.project == expected.project);
    CHECK(place.run_id == expected.run_id);
    CHECK(place.rank == expected.rank);
    CHECK(place.object == expected.object);
  };
  check("s3://b", {.store_url = "s3://b"});
  check("s3://b/", {.store_url = "s3://b/"});
  check("s3://b/p?region=r", {.store_url = "s3://b/p?region=r"});
  check("s3://b/p/project=x", {.store_url = "s3://b/p", .project = "x"});
  check("s3://b/project=x/run_id=y/?region=r",
        {.store_url = "s3://b?region=r", .project = "x", .run_id = "y"});
  check("s3://b/run_id=y", {.store_url = "s3://b", .run_id = "y"});
  check("s3://b/p/project=x/run_id=y/rank=00007",
        {.store_url = "s3://b/p", .project = "x", .run_id = "y", .rank = 7});
  check("s3://b/p/project=x/run_id=y/rank=00007/f.parquet?q=/a/b",
        {.store_url = "s3://b/p?q=/a/b", .object = "project=x/run_id=y/rank=00007/f.parquet"});
  check("https://h/dir/f.parquet", {.store_url = "https://h/dir", .object = "f.parquet"});
  check("s3://b/rank=00007", {.store_url = "s3://b/rank=00007"});
  check("s3://b/project=../run_id=y", {.store_url = "s3://b/project=..", .run_id = "y"});
  check("s3://project=x", {.store_url = "s3://project=x"});
}
