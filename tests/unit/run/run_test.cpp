// The public API, in-process, against a real journal.
#include "runlog/run.hpp"

#include <sys/stat.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;
using runlog::Kind;
using test::TemporaryDirectory;

namespace {

runlog::Run start(const TemporaryDirectory& root, runlog::Options options = {}) {
  options.root = root.path();
  auto run = runlog::start_logging(std::move(options));
  REQUIRE(run);
  return *run;
}

test::Row only(const std::vector<test::Row>& rows) {
  REQUIRE(rows.size() == 1);
  return rows[0];
}

// Sets a variable for one scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("every kind of metric value is kept exactly") {
  TemporaryDirectory root;
  auto run = start(root);
  run.log("double", 0.1, 1);
  run.log("float", 0.1f, 2);
  run.log("int", std::int64_t{-9'007'199'254'740'993}, 3);
  run.log("bool", true, 4);
  run.log("nan", std::nan(""), 5);
  run.log("inf", -std::numeric_limits<double>::infinity(), 6);
  run.log("no step", 7);
  run.log("far step", 8, INT64_MAX);
  run.log("far step", 8, INT64_MIN);
  run.log("unsigned", UINT64_MAX, 9);
  const auto contents = test::read(run.journal_path());
  std::map<std::string, test::Row> rows;
  for (const auto& row : contents.of(Kind::metric)) rows.emplace(row.name, row);
  CHECK(rows.at("double").value == 0.1);
  CHECK(rows.at("float").value == static_cast<double>(0.1f));
  CHECK(rows.at("int").int_value == -9'007'199'254'740'993);
  CHECK(rows.at("bool").int_value == 1);
  CHECK(std::isnan(*rows.at("nan").value));
  CHECK(std::isinf(*rows.at("inf").value));
  CHECK_FALSE(rows.at("no step").step);
  CHECK(contents.steps("far step") == std::vector<std::int64_t>{INT64_MAX, INT64_MIN});
  CHECK(rows.at("unsigned").value == 18446744073709551615.0);
}

TEST_CASE("a row shares one time stamp and one step") {
  TemporaryDirectory root;
  auto run = start(root);
  run.log(17, {{"a", 1}, {"b", 2.5}, {"c", true}});
  const auto rows = test::read(run.journal_path()).of(Kind::metric);
  REQUIRE(rows.size() == 3);
  for (const auto& row : rows) {
    CHECK(row.step == 17);
    CHECK(row.time_ns == rows[0].time_ns);
  }
}

TEST_CASE("what is logged in a step scope shares its step and one time stamp") {
  TemporaryDirectory root;
  auto run = start(root);
  const auto a = run.metric("a"), b = run.metric("b");
  constexpr std::int64_t kSteps = 500;  // through the shared lane, and through several blocks
  for (std::int64_t i = 0; i < kSteps; ++i) {
    auto step = run.step(i);
    step.log(a, i);
    step.log("by name", 0.5);
    step.log(b, 2.5);
  }
  std::map<std::int64_t, std::vector<test::Row>> by_step;
  for (const auto& row : test::read(run.journal_path()).of(Kind::metric)) {
    by_step[row.step.value()].push_back(row);
  }
  REQUIRE(by_step.size() == kSteps);
  for (const auto& [step, rows] : by_step) {
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].name == "a");
    CHECK(rows[0].int_value == step);
    CHECK(rows[1].value == 0.5);
    CHECK(rows[2].name == "b");
    CHECK(rows[2].value == 2.5);
    CHECK(rows[0].time_ns == rows[1].time_ns);
    CHECK(rows[0].time_ns == rows[2].time_ns);
  }
}

TEST_CASE("a step scope drops and counts metrics of another run, and all of them after the end") {
  TemporaryDirectory root;
  auto run = start(root);
  auto other = start(root);
  auto mine = run.metric("mine");
  const auto foreign = other.metric("foreign");
  for (std::int64_t i = 0; i < 100; ++i) mine.log(i, i);  // a lane of its own
  auto step = run.step(100);
  step.log(mine, 100);
  step.log(foreign, 1);
  step.log(runlog::Metric(), 2);
  CHECK(run.stats().dropped == 2);
  CHECK(other.stats().dropped == 0);
  run.complete();
  step.log(mine, 101);
  step.log("mine", 102);
  CHECK(run.stats().dropped == 4);
  CHECK(test::read(run.journal_path()).steps("mine") == test::counting(101));
  runlog::Run().step(1).log(mine, 103);  // of an inert run: nothing happens
  CHECK(run.stats().dropped == 4);
}

TEST_CASE("structured values are kept as JSON") {
  TemporaryDirectory root;
  auto run = start(root);
  const std::vector<double> values = {0.1, std::nan(""), 3};
  run.log_list("list", values, 1);
  run.log_row("row", {{"x", 1}, {"y \"quoted\"", 0.5}});
  const std::vector<runlog::Column> columns = {{"x", values}, {"y", values}};
  run.log_table("table", columns);
  const std::vector<double> edges = {0, 1, 2};
  const std::vector<double> counts = {5, 6};
  run.log_histogram("histogram", edges, counts, 3);
  run.log_histogram("bad shape", edges, edges);
  run.log_json("schema/1", R"({"k":[1,2]})");
  run.text(runlog::Level::warning, "careful");
  const auto contents = test::read(run.journal_path());
  CHECK(only(contents.of(Kind::list)).text == R"([0.1,"NaN",3])");
  CHECK(only(contents.of(Kind::row)).text == R"({"x":1,"y \"quoted\"":0.5})");
  CHECK(only(contents.of(Kind::table)).text == R"({"x":[0.1,"NaN",3],"y":[0.1,"NaN",3]})");
  CHECK(only(contents.of(Kind::histogram)).text == R"({"edges":[0,1,2],"counts":[5,6]})");
  CHECK(only(contents.of(Kind::json)).name == "schema/1");
  CHECK(only(contents.of(Kind::text)).name == "warning");
  CHECK(run.stats().dropped == 1);
}

TEST_CASE("names of every kind have a defined answer") {
  TemporaryDirectory root;
  auto run = start(root);
  const std::string long_a = std::string(600, 'x') + "a";
  const std::string long_b = std::string(600, 'x') + "b";
  run.log("", 1, 0);
  run.log(long_a, 2, 0);
  run.log(long_b, 3, 0);
  run.log("bad\xFFutf8", 4, 0);
  run.log(std::string_view("nul\0inside", 10), 5, 0);
  const auto rows = test::read(run.journal_path()).of(Kind::metric);
  REQUIRE(rows.size() == 5);
  CHECK(rows[0].name == "unnamed");
  CHECK(rows[1].name.size() <= 512);
  CHECK(rows[2].name.size() <= 512);
  CHECK(rows[1].name != rows[2].name);
  CHECK(rows[3].name.starts_with("bad\xEF\xBF\xBDutf8~"));
  CHECK(rows[3].name.size() == std::string("bad\xEF\xBF\xBDutf8~12345678").size());
  CHECK(rows[4].name == std::string("nul\0inside", 10));
  CHECK(run.stats().names_mended == 4);
}

TEST_CASE("names that differ in bad bytes only stay two: of series, tags, artifacts and columns") {
  TemporaryDirectory root;
  auto run = start(root);
  const std::string one = "bad\xFF", other = "bad\xFE";
  std::ofstream(root / "file") << "content";
  for (const std::string& name : {one, other, one}) {
    run.log(name, 1, 1);
    run.param(name, 1);
    run.tag(name, "x");
    run.log_json(name, "{}");
    REQUIRE(run.upload_file(name, root / "file"));
  }
  run.log_row("row", {{one, 1}, {other, 2}, {"good", 3}});
  const std::vector<double> values = {1};
  run.log_table("table", {{one, values}, {other, values}});
  const auto contents = test::read(run.journal_path());
  const std::string mended = "bad\xEF\xBF\xBD~";
  for (const Kind kind : {Kind::metric, Kind::param, Kind::tag, Kind::json, Kind::file}) {
    const auto rows = contents.of(kind);
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].name.starts_with(mended));
    CHECK(rows[1].name.starts_with(mended));
    CHECK(rows[0].name != rows[1].name);
    CHECK(rows[0].name == rows[2].name);
  }
  const std::string a = contents.of(Kind::tag)[0].name, b = contents.of(Kind::tag)[1].name;
  CHECK(only(contents.of(Kind::row)).text == R"({")" + a + R"(":1,")" + b + R"(":2,"good":3})");
  CHECK(only(contents.of(Kind::table)).text == R"({")" + a + R"(":[1],")" + b + R"(":[1]})");
}

TEST_CASE(
    "a text that is not UTF-8 keeps its bytes, one of 1 MiB is whole, a larger one becomes a "
    "blob") {
  TemporaryDirectory root;
  auto run = start(root);
  run.text(runlog::Level::info,
           "a\xFF"
           "b");
  const std::string mib(1 << 20, 'm');
  run.text(runlog::Level::info, mib);
  run.text(runlog::Level::info, mib + "+");
  const auto contents = test::read(run.journal_path());
  const auto texts = contents.of(Kind::text);
  REQUIRE(texts.size() == 2);
  CHECK(texts[0].text ==
        "a\xEF\xBF\xBD"
        "b");
  CHECK(texts[0].payload ==
        "a\xFF"
        "b");
  CHECK(texts[1].text == mib);
  const auto spill = only(contents.of(Kind::spill));
  const std::size_t at = spill.text->find("\"sha256\":\"");
  REQUIRE(at != std::string::npos);
  const auto blob = run.journal_path() / "blobs" / spill.text->substr(at + 10, 64);
  CHECK(std::filesystem::file_size(blob) == mib.size() + 1);
  CHECK(run.stats().spilled == 1);
}

TEST_CASE("100 000 distinct series are kept") {
  TemporaryDirectory root;
  auto run = start(root);
  for (int i = 0; i < 100'000; ++i) run.log("series/" + std::to_string(i), i, i);
  run.complete();
  const auto rows = test::read(root.path()).of(Kind::metric);
  REQUIRE(rows.size() == 100'000);
  for (const auto& row : rows) {
    if (row.name != "series/" + std::to_string(*row.step)) FAIL(row.name);
  }
}

TEST_CASE("a property is set once; another value is kept and reported") {
  TemporaryDirectory root;
  auto run = start(root);
  CHECK(run.property("dataset", "v1"));
  CHECK(run.property("dataset", "v1"));
  CHECK_FALSE(run.property("dataset", "v2"));
  const auto rows = test::read(run.journal_path()).of(Kind::property);
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].text == "v2");
  CHECK(rows[1].int_value == 1);
  CHECK(run.stats().property_conflicts == 1);
}

TEST_CASE("tags, params and their removal are records") {
  TemporaryDirectory root;
  auto run = start(root, {.tags = {{"a", "1"}},
                          .params = {{"lr", 1e-3}, {"name", std::string("x")}, {"on", true}}});
  const std::vector<std::pair<std::string, std::string>> tags = {{"b", "2"}, {"c", "3"}};
  run.set_tags(tags);
  const std::vector<std::string> names = {"b"};
  run.remove_tags(names);
  const auto contents = test::read(run.journal_path());
  CHECK(contents.of(Kind::tag).size() == 3);
  CHECK(only(contents.of(Kind::tag_removed)).name == "b");
  CHECK(contents.of(Kind::param).size() == 3);
}

TEST_CASE("upload_file has the content when it returns: the source may be deleted or overwritten") {
  TemporaryDirectory root;
  auto run = start(root);
  const auto source = root / "output.txt";
  std::ofstream(source) << "first";
  REQUIRE(run.upload_file("output", source));
  std::ofstream(source) << "second!";
  REQUIRE(run.upload_file("output", source));
  std::filesystem::remove(source);
  const auto rows = test::read(run.journal_path()).of(Kind::file);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].int_value == 5);
  CHECK(rows[1].int_value == 7);
  std::ifstream blob(run.journal_path() / "blobs" / *rows[0].text);
  std::string text;
  blob >> text;
  CHECK(text == "first");
  CHECK_FALSE(run.upload_file("nothing", root / "absent"));
  CHECK_FALSE(run.upload_file("directory", root.path()));
  REQUIRE(::mkfifo((root / "fifo").c_str(), 0600) == 0);
  CHECK_FALSE(run.upload_file("fifo", root / "fifo"));
}

TEST_CASE("upload_folder takes regular files below it, by their relative names") {
  TemporaryDirectory root;
  auto run = start(root);
  const auto folder = root / "folder";
  std::filesystem::create_directories(folder / "sub");
  std::ofstream(folder / "a") << "a";
  std::ofstream(folder / "sub/b") << "b";
  std::filesystem::create_symlink(folder / "a", folder / "link");
  REQUIRE(run.upload_folder("all", folder));
  const auto names = run.get_file_names();
  REQUIRE(names);
  CHECK(*names == std::vector<std::string>{"all/a", "all/sub/b"});
  CHECK_FALSE(run.upload_folder("none", root / "absent"));
}

TEST_CASE("images are blobs with a step") {
  TemporaryDirectory root;
  auto run = start(root);
  const std::string png = "\x89PNG not really";
  REQUIRE(run.log_image("sample", std::as_bytes(std::span(png)), 5));
  const auto row = only(test::read(run.journal_path()).of(Kind::image));
  CHECK(row.step == 5);
  CHECK(row.int_value == static_cast<std::int64_t>(png.size()));
}

TEST_CASE("a rewind hides what was logged before it from there on, on request only") {
  TemporaryDirectory root;
  auto run = start(root);
  for (int step = 0; step < 10; ++step) run.log("loss", step, step);
  run.rewind(6);
  for (int step = 6; step < 8; ++step) run.log("loss", 100 + step, step);
  CHECK(test::read(run.journal_path()).steps("loss").size() == 12);
  runlog::ReadOptions options;
  options.apply_rewind = true;
  const auto contents = test::read(run.journal_path(), options);
  CHECK(contents.steps("loss") == test::counting(8));
}

TEST_CASE("reading back in-process sees every call that returned") {
  TemporaryDirectory root;
  auto run = start(root);
  for (int step = 0; step < 5000; ++step) run.log("a/loss", step * 0.5, step);
  run.log("b", 1);
  auto metrics = run.get_metrics("a/*");
  REQUIRE(metrics);
  REQUIRE(metrics->size() == 1);
  CHECK(metrics->at(0).first == "a/loss");
  REQUIRE(metrics->at(0).second.size() == 5000);
  CHECK(metrics->at(0).second[4999].value == 2499.5);
  // The reader has not disturbed the journal's lock.
  CHECK(runlog::list_journals(run.journal_path())->at(0).state == runlog::JournalState::live);
}

TEST_CASE("wait_until tells how far records have come") {
  TemporaryDirectory root;
  TemporaryDirectory store;
  auto run = start(root, {.store = store.path()});
  run.log("loss", 1, 1);
  CHECK(run.wait_until(runlog::Committed, 0ms) == runlog::Wait::Done);
  CHECK(run.wait_until(runlog::Durable, 10s) == runlog::Wait::Done);
  CHECK(run.wait_until(runlog::Shipped, 20s) == runlog::Wait::Done);
  CHECK(test::read(store.path()).steps("loss") == std::vector<std::int64_t>{1});
  auto local = start(root);
  CHECK(local.wait_until(runlog::Shipped, 10s) == runlog::Wait::Failed);
}

TEST_CASE("after the end calls are counted, and the first end stands") {
  TemporaryDirectory root;
  auto run = start(root);
  auto metric = run.metric("loss");
  metric.log(1, 1);
  run.fail("E42", "no more data");
  run.complete();
  metric.log(2, 2);
  run.log("loss", 3, 3);
  run.text(runlog::Level::info, "late");
  CHECK(run.stats().dropped == 3);
  CHECK(run.get_status() == runlog::RunStatus::failed);
  const auto contents = test::read(root.path());
  CHECK(contents.steps("loss") == std::vector<std::int64_t>{1});
  CHECK(contents.journals.at(0).state == runlog::JournalState::failed);
  CHECK(contents.journals.at(0).end_reason == "E42: no more data");
}

TEST_CASE("the last handle ends the run; an exception on the way makes it failed") {
  TemporaryDirectory root;
  {
    auto run = start(root, {.run_id = "good"});
    auto copy = run;  // NOLINT(performance-unnecessary-copy-initialization): a second handle
  }
  try {
    auto run = start(root, {.run_id = "bad"});
    throw 1;
  } catch (int) {
  }
  CHECK(test::read(root / "good").journals.at(0).state == runlog::JournalState::complete);
  CHECK(test::read(root / "bad").journals.at(0).state == runlog::JournalState::failed);
}

TEST_CASE("a child run has its own journal and names its parent") {
  TemporaryDirectory root;
  auto run = start(root, {.run_id = "parent"});
  auto child = run.child_run("fold 1");
  REQUIRE(child);
  child->log("loss", 1, 1);
  run.log("loss", 2, 2);
  CHECK(only(test::read(root / "parent").of(Kind::child)).name == child->run_id());
  const auto contents = test::read(root / child->run_id());
  CHECK(contents.journals.at(0).parent_run == "parent");
  CHECK(contents.steps("loss") == std::vector<std::int64_t>{1});
}

TEST_CASE("a run that must resume may have children, which are new") {
  TemporaryDirectory root;
  { auto run = start(root, {.run_id = "again"}); }
  auto run = start(root, {.run_id = "again", .resume = runlog::Resume::must});
  CHECK(run.child_run("evaluation"));
}

TEST_CASE("Run::current is the last run started and not ended, else nothing") {
  TemporaryDirectory root;
  CHECK_FALSE(runlog::Run::current());
  auto outer = start(root);
  {
    auto inner = start(root);
    CHECK(runlog::Run::current().session() == inner.session());
  }
  CHECK(runlog::Run::current().session() == outer.session());
  runlog::Run().log("inert", 1);  // an empty handle does nothing
}

TEST_CASE("resume never, allow and must") {
  TemporaryDirectory root;
  CHECK_FALSE(
      runlog::start_logging({.root = root.path(), .run_id = "r", .resume = runlog::Resume::must}));
  { auto run = start(root, {.run_id = "r", .resume = runlog::Resume::never}); }
  auto again =
      runlog::start_logging({.root = root.path(), .run_id = "r", .resume = runlog::Resume::never});
  REQUIRE_FALSE(again);
  CHECK(again.error().code == runlog::Errc::already_exists);
  { auto run = start(root, {.run_id = "r", .resume = runlog::Resume::must}); }
  const auto journals = runlog::list_journals(root.path());
  REQUIRE(journals);
  REQUIRE(journals->size() == 2);
  CHECK(journals->at(1).attempt == 2);
}

TEST_CASE("the environment fills what the code leaves open, and a bad variable is named") {
  TemporaryDirectory root;
  {
    const Variable id("RUNLOG_RUN_ID", "from-env");
    const Variable rank("RANK", "3");
    const Variable tags("RUNLOG_TAGS", "team=vision,tier=1");
    const Variable params("RUNLOG_PARAMS", "lr=0.5,depth=12,opt=adam");
    auto run = start(root);
    CHECK(run.run_id() == "from-env");
    const auto contents = test::read(run.journal_path());
    CHECK(contents.journals.at(0).rank == 3);
    CHECK(contents.of(Kind::tag).size() == 2);
    const auto rows = contents.of(Kind::param);
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].value == 0.5);
    CHECK(rows[1].int_value == 12);
    CHECK(rows[2].text == "adam");
    auto coded = start(root, {.params = {{"lr", 0.25}}});
    const auto both = test::read(coded.journal_path()).of(Kind::param);
    REQUIRE(both.size() == 4);
    CHECK(both.back().value == 0.25);  // the later record stands, and it is the code's
  }
  for (const auto& [name, value] :
       {std::pair{"RUNLOG_SYNC_INTERVAL", "fast"}, std::pair{"RUNLOG_SYNC", "sometimes"},
        std::pair{"RUNLOG_RUN_ID", "../../etc"}, std::pair{"RUNLOG_RANK", "-1"},
        std::pair{"RUNLOG_SEGMENT_BYTES", "12"}, std::pair{"RUNLOG_DISK_BUDGET", "1KiB"},
        std::pair{"RUNLOG_TAGS", "novalue"}, std::pair{"RUNLOG_STORE", "ftp://x/y"}}) {
    const Variable bad(name, value);
    auto run = runlog::start_logging({.root = root.path()});
    REQUIRE_FALSE(run);
    CHECK(run.error().message.find(name) != std::string::npos);
  }
}

TEST_CASE("a bad rank is blamed on the variable that it was read from") {
  TemporaryDirectory root;
  for (const char* name :
       {"RUNLOG_RANK", "RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK"}) {
    for (const char* value : {"-1", "2147483648"}) {
      const Variable bad(name, value);
      auto run = runlog::start_logging({.root = root.path()});
      REQUIRE_FALSE(run);
      CHECK(run.error().message == std::string(name) + "='" + value + "': must be 0 to 2147483647");
    }
  }
  const Variable unread("RANK", "-1");
  auto coded = runlog::start_logging({.root = root.path(), .rank = -2});
  REQUIRE_FALSE(coded);
  CHECK(coded.error().message == "rank='-2': must be 0 to 2147483647");
  // Of another meaning: that of "not distributed".
  const Variable local("LOCAL_RANK", "-1");
  CHECK(runlog::start_logging({.root = root.path(), .rank = 0}));
}

TEST_CASE("a launcher's variable that is no number is named, unless an earlier one decides") {
  TemporaryDirectory root;
  for (const char* name :
       {"RUNLOG_RANK", "RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "RUNLOG_WORLD",
        "WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "RUNLOG_LOCAL_RANK",
        "LOCAL_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"}) {
    for (const char* value : {"first", "3x", " 3", "1.5", "9223372036854775808"}) {
      const Variable bad(name, value);
      auto run = runlog::start_logging({.root = root.path()});
      REQUIRE_FALSE(run);
      CHECK(run.error().code == runlog::Errc::invalid_argument);
      CHECK(run.error().message == std::string(name) + "='" + value + "': must be a whole number");
    }
    const Variable empty(name, "");
    CHECK(runlog::start_logging({.root = root.path()}));
  }
  const Variable ours("RUNLOG_RANK", "2"), unread("RANK", "first");
  CHECK(runlog::start_logging({.root = root.path()}));
}

TEST_CASE("two live journals of one (run, rank) are both kept") {
  TemporaryDirectory root;
  auto one = start(root, {.run_id = "same"});
  auto two = start(root, {.run_id = "same"});
  one.log("loss", 1, 1);
  two.log("loss", 2, 2);
  CHECK(test::read(root / "same").steps("loss").size() == 2);
}

TEST_CASE("sync each_record and never work as the default does") {
  for (const auto sync : {runlog::Sync::each_record, runlog::Sync::never}) {
    TemporaryDirectory root;
    auto run = start(root, {.sync = sync});
    for (int step = 0; step < 20; ++step) run.log("loss", step, step);
    CHECK(test::read(run.journal_path()).steps("loss") == test::counting(20));
  }
}

TEST_CASE("with a store, complete() leaves nothing behind but what is marked as shipped") {
  TemporaryDirectory root;
  TemporaryDirectory store;
  std::filesystem::path journal;
  {
    auto run = start(root, {.store = store.path()});
    journal = run.journal_path();
    run.log("loss", 1, 1);
    std::ofstream(root / "artifact") << "bytes";
    REQUIRE(run.upload_file("artifact", root / "artifact"));
    run.complete();
    const auto stats = run.stats();
    CHECK(stats.packs_shipped == 1);
    CHECK(stats.records_shipped == 4);
  }
  for (const char* place : {"lanes", "packs", "blobs"})
    CHECK(std::filesystem::is_empty(journal / place));
  CHECK(test::read(store.path()).rows.size() == 4);
  CHECK(test::read(journal).rows.size() == 4);
  CHECK(test::read(store.path()).journals.at(0).state == runlog::JournalState::complete);
}
