// pull, doctor and check_blobs against stores that work, fail and lie.
#include <algorithm>
#include <fstream>

#include "read/pull.hpp"
#include "runlog/runlog.hpp"
#include "store/store_doctor.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/observed_store.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;
using namespace runlog;
using test::ObservedStore;
using test::TemporaryDirectory;
using Verdict = PulledObject::Verdict;

namespace {

void ship_run(const TemporaryDirectory& directory, const std::string& run_id) {
  auto run = start_logging({.root = directory / "runs",
                            .project = "p",
                            .run_id = run_id,
                            .store = (directory / "store").native()});
  REQUIRE(run);
  for (std::int64_t step = 0; step < 100; ++step) run->log("loss", 0.5, step);
  std::ofstream(directory / "artifact") << "twelve bytes";
  REQUIRE(run->upload_file("output", directory / "artifact"));
  run->complete();
}

// Names and contents of all files below, but those that begin with a dot.
std::map<std::string, std::string> tree(const std::filesystem::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || entry.path().filename().native().starts_with('.')) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files[std::filesystem::relative(entry.path(), directory).native()] = {
        std::istreambuf_iterator<char>(file), {}};
  }
  return files;
}

std::string name_with(const std::filesystem::path& directory, const std::string& part) {
  for (const auto& [name, content] : tree(directory)) {
    if (name.find(part) != std::string::npos) return name;
  }
  FAIL("no " + part);
  return {};
}

struct Pulling {
  explicit Pulling(const std::filesystem::path& directory) : store(directory) {
    options.retry_pause = 0ms;
    options.on_object = [this](const PulledObject& object) { objects.push_back(object); };
  }
  Result<PullReport> into(const std::filesystem::path& directory) {
    objects.clear();
    return pull_from(store, {}, directory, options, {});
  }
  ObservedStore store;
  PullOptions options;
  std::vector<PulledObject> objects;
};

const StoreCheck& find(const std::vector<StoreCheck>& checks, const std::string& name) {
  const auto found = std::find_if(checks.begin(), checks.end(),
                                  [&](const StoreCheck& check) { return check.check == name; });
  REQUIRE(found != checks.end());
  return *found;
}

}  // namespace

TEST_CASE("pull makes a directory store of the same content, and repeats for nothing") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  ship_run(directory, "b");
  Pulling pulling(directory / "store");
  auto report = pulling.into(directory / "copy");
  REQUIRE(report);
  CHECK(report->runs == 2);
  CHECK(report->copied == 8);  // meta, blob, pack, end of each
  CHECK(report->damaged + report->failed + report->present == 0);
  CHECK(tree(directory / "copy") == tree(directory / "store"));
  // The end of a run comes after all it speaks of.
  CHECK(pulling.objects[3].name.ends_with(".end.json"));
  CHECK(pulling.objects[7].name.ends_with(".end.json"));
  CHECK(test::read(directory / "copy").rows == test::read(directory / "store").rows);
  pulling.store.got.clear();
  report = pulling.into(directory / "copy");
  REQUIRE(report);
  CHECK(report->present == 8);
  CHECK(report->copied == 0);
  // What has no digest and no checksum is small, and is looked at.
  CHECK(pulling.store.got.size() == 4);
  for (const auto& [name, bytes] : pulling.store.got) CHECK(name.ends_with(".json"));
  pulling.options.runs = {"b"};
  report = pulling.into(directory / "other");
  REQUIRE(report);
  CHECK(report->runs == 1);
  CHECK(std::filesystem::exists(directory / "other/project=p/run_id=b"));
  CHECK_FALSE(std::filesystem::exists(directory / "other/project=p/run_id=a"));
}

TEST_CASE("pull goes on where a transfer stopped, and gives up on a store that is gone") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  Pulling pulling(directory / "store");
  SECTION("answers that break off in the middle") {
    pulling.store.faults.cut.insert(name_with(directory / "store", ".parquet"));
    auto report = pulling.into(directory / "copy");
    REQUIRE(report);
    CHECK(report->damaged + report->failed == 2);  // at last a single byte is cut to none
    CHECK(report->copied == 2);
    CHECK_FALSE(
        std::filesystem::exists(directory / "copy" / name_with(directory / "store", ".parquet")));
  }
  SECTION("no answer, twice") {
    pulling.store.faults.flaky[name_with(directory / "store", ".parquet")] = 2;
    auto report = pulling.into(directory / "copy");
    REQUIRE(report);
    CHECK(report->copied == 4);
    CHECK(tree(directory / "copy") == tree(directory / "store"));
  }
  SECTION("no answer ever") {
    for (const auto& [name, content] : tree(directory / "store")) {
      pulling.store.faults.unavailable.insert(name);
    }
    auto report = pulling.into(directory / "copy");
    REQUIRE(report);
    CHECK(report->failed == 3);
    CHECK_FALSE(report->stopped_by.empty());
    CHECK(tree(directory / "copy").empty());
  }
  // Nothing half-done is left behind.
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory / "copy")) {
    CHECK(entry.path().extension() != ".part");
  }
}

TEST_CASE("pull keeps no byte that is not what was stored") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  Pulling pulling(directory / "store");
  const std::string pack = name_with(directory / "store", ".parquet");
  const std::string blob = name_with(directory / "store", "/blobs/");
  std::string meta = name_with(directory / "store", ".end.json");
  meta.erase(meta.size() - 9, 4);  // without ".end"
  std::string bad;
  SECTION("a pack that its digest disowns") {
    bad = pack;
    pulling.store.faults.digests[pack] = std::string(64, '0');
  }
  SECTION("a pack without a digest that does not decode") {
    bad = pack;
    pulling.store.faults.scrambled.insert(pack);
  }
  SECTION("a blob that is not what its name says") {
    bad = blob;
    pulling.store.faults.scrambled.insert(blob);
  }
  SECTION("a meta.json that its digest disowns") {
    bad = meta;
    pulling.store.faults.digests[meta] = std::string(64, '0');
  }
  SECTION("more bytes than there are") {
    bad = pack;
    pulling.store.faults.talkative.insert(pack);
  }
  SECTION("a size that is not its own") {
    bad = pack;
    pulling.store.faults.sizes[pack] = 1'000'000;
  }
  auto report = pulling.into(directory / "copy");
  REQUIRE(report);
  CHECK(report->damaged == 1);
  CHECK(report->copied == 2);
  CHECK(report->failed == 1);  // the end, which would say that all is here
  CHECK_FALSE(std::filesystem::exists(directory / "copy" / bad));
  const auto told =
      std::find_if(pulling.objects.begin(), pulling.objects.end(),
                   [](const PulledObject& object) { return object.verdict == Verdict::damaged; });
  REQUIRE(told != pulling.objects.end());
  CHECK(told->name == bad);
  CHECK_FALSE(told->message.empty());
}

TEST_CASE("pull reads what is here again, and fetches a damaged copy again") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  Pulling pulling(directory / "store");
  std::map<std::string, std::string> parts = {{"pack", ".parquet"}, {"blob", "/blobs/"}};
  parts["end"] = ".end.json";
  REQUIRE(pulling.into(directory / "copy"));
  const std::string part = GENERATE("pack", "blob", "end");
  const std::string name = name_with(directory / "store", parts.at(part));
  // The store keeps a digest of some objects, and of others not.
  const bool has_digest = GENERATE(true, false);
  if (has_digest) pulling.store.faults.digests[name] = *pulling.store.sha256(name);
  INFO(part << (has_digest ? " with" : " without") << " a digest");
  {
    std::fstream file(directory / "copy" / name, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(9);
    file.put('\x7f');
    REQUIRE(file.good());
  }
  REQUIRE(tree(directory / "copy") != tree(directory / "store"));
  SECTION("from a store that answers") {
    auto report = pulling.into(directory / "copy");
    REQUIRE(report);
    CHECK(report->copied == 1);
    CHECK(report->replaced == 1);
    CHECK(report->present == 3);
    CHECK(tree(directory / "copy") == tree(directory / "store"));
  }
  SECTION("from one that does not, nothing is thrown away") {
    const auto before = tree(directory / "copy");
    pulling.store.faults.unavailable.insert(name);
    auto report = pulling.into(directory / "copy");
    REQUIRE(report);
    CHECK(report->copied == 0);
    CHECK(report->damaged == 0);
    CHECK(report->failed >= 1);
    CHECK(tree(directory / "copy") == before);
  }
}

TEST_CASE("pull never overwrites, never leaves the directory, and works alone in it") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  Pulling pulling(directory / "store");
  const std::string pack = name_with(directory / "store", ".parquet");
  SECTION("another file of that name") {
    std::filesystem::create_directories((directory / "copy" / pack).parent_path());
    std::ofstream(directory / "copy" / pack) << "mine";
    auto report = pulling.into(directory / "copy");
    REQUIRE(report);
    CHECK(report->failed == 2);  // this one, and the end
    CHECK(report->copied == 2);
    CHECK(tree(directory / "copy").at(pack) == "mine");
  }
  SECTION("another whole pack of that name and size") {
    // As after a conflict: the store's digest is of other bytes than these, which are whole.
    REQUIRE(pulling.into(directory / "copy"));
    const auto before = tree(directory / "copy");
    pulling.store.faults.digests[pack] = std::string(64, '0');
    auto report = pulling.into(directory / "copy");
    REQUIRE(report);
    CHECK(report->failed == 2);
    CHECK(report->copied == 0);
    CHECK(tree(directory / "copy") == before);
  }
  SECTION("what an interrupted pull left") {
    const auto path = directory / "copy" / pack;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path.parent_path() / ("." + path.filename().native() + ".part")) << "half";
    REQUIRE(pulling.into(directory / "copy"));
    CHECK(tree(directory / "copy") == tree(directory / "store"));
  }
  SECTION("names that lead elsewhere") {
    for (const char* name :
         {"project=p/run_id=a/../../../x", "project=p/run_id=a/rank=00000/../../x.parquet",
          "/etc/x", "project=p/run_id=a/_runlog/blobs/../x"}) {
      pulling.store.faults.invented.push_back({.name = name, .bytes = 1});
    }
    auto report = pulling.into(directory / "copy");
    REQUIRE(report);
    CHECK(report->copied == 4);
    CHECK(tree(directory / "copy") == tree(directory / "store"));
  }
  SECTION("two at once") {
    std::optional<Errc> second;
    pulling.options.on_bytes = [&](std::uint64_t) {
      const auto other = pull((directory / "store").native(), directory / "copy");
      if (!other) second = other.error().code;
    };
    REQUIRE(pulling.into(directory / "copy"));
    CHECK(second == Errc::busy);
  }
}

TEST_CASE("a stopped pull keeps what it has and finishes later") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  ObservedStore store(directory / "store");
  std::stop_source stop;
  PullOptions options;
  options.on_object = [&](const PulledObject&) { stop.request_stop(); };
  auto report = pull_from(store, {}, directory / "copy", options, stop.get_token());
  REQUIRE(report);
  CHECK(report->copied == 1);
  CHECK(report->stopped_by == "interrupted");
  report = pull_from(store, {}, directory / "copy", {}, {});
  REQUIRE(report);
  CHECK(report->copied == 3);
  CHECK(tree(directory / "copy") == tree(directory / "store"));
}

TEST_CASE("blobs are compared with their names, in journals and in stores") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  auto checks = check_blobs(directory / "store");
  REQUIRE(checks);
  REQUIRE(checks->size() == 1);
  CHECK(checks->front().fault.empty());
  CHECK(checks->front().is_in_store);
  CHECK(checks->front().bytes == 12);
  std::ofstream(directory / "store" / name_with(directory / "store", "/blobs/")) << "other bytes!";
  checks = check_blobs(directory / "store/project=p/run_id=a");
  REQUIRE(checks);
  REQUIRE(checks->size() == 1);
  CHECK(checks->front().fault.find("SHA-256") != std::string::npos);
  checks = check_blobs(directory / "runs");  // the journal's own copy is whole
  REQUIRE(checks);
  REQUIRE(checks->size() == 1);
  CHECK(checks->front().fault.empty());
  CHECK_FALSE(checks->front().is_in_store);
}

TEST_CASE("doctor finds a working store fit and leaves nothing in it") {
  TemporaryDirectory directory;
  const auto checks = diagnose_store(directory.path().native());
  CHECK(is_fit_for_shipping(checks));
  for (const StoreCheck& check : checks) CHECK(check.verdict == StoreCheck::Verdict::good);
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("doctor names what is wrong") {
  TemporaryDirectory directory;
  ObservedStore store(directory.path());
  std::vector<StoreCheck> checks;
  using Is = StoreCheck::Verdict;
  SECTION("a store that overwrites") {
    store.faults.overwrites = true;
    examine_store(store, checks);
    CHECK(find(checks, "overwrite").verdict == Is::bad);
    CHECK_FALSE(is_fit_for_shipping(checks));
  }
  SECTION("one that cannot list") {
    store.faults.is_list_forbidden = true;
    examine_store(store, checks);
    CHECK(find(checks, "list").verdict == Is::warning);
    CHECK(is_fit_for_shipping(checks));
  }
  SECTION("one that returns other bytes, or none") {
    store.faults.scrambles_all = true;
    examine_store(store, checks);
    CHECK(find(checks, "read").verdict == Is::bad);
    CHECK(find(checks, "create").verdict == Is::good);
  }
  SECTION("one where nothing can be created") {
    store.faults.refuses_puts = true;
    examine_store(store, checks);
    CHECK(find(checks, "create").verdict == Is::bad);
    CHECK(find(checks, "create").remedy.find("ask its owner") != std::string::npos);
    CHECK(find(checks, "overwrite").verdict == Is::skipped);
    CHECK(find(checks, "list").verdict == Is::good);
  }
  SECTION("no store at all") {
    for (const char* url : {"", "s3://", "nonsense://x/y", "/nowhere/at/all"}) {
      const auto found = diagnose_store(url);
      CHECK_FALSE(is_fit_for_shipping(found));
      CHECK_FALSE(found.back().remedy.empty());
    }
  }
  for (const StoreCheck& check : checks) {
    if (check.verdict == Is::bad || check.verdict == Is::warning) CHECK_FALSE(check.remedy.empty());
  }
}
