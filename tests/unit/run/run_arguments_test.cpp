// What may be given to the calls: numbers of any type, strings of any kind, lists in braces.
#include <array>
#include <deque>
#include <limits>

#include "base/ids.hpp"
#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"
#include "support/start_run.hpp"

using runlog::Kind;
using test::TemporaryDirectory;

namespace {

std::vector<std::string> texts(const std::vector<test::Row>& rows) {
  std::vector<std::string> all;
  for (const auto& row : rows) all.push_back(row.text.value_or("none"));
  return all;
}

// What must not compile.
template <typename T>
concept IsList = std::is_convertible_v<const T&, runlog::Numbers>;
static_assert(IsList<std::vector<float>> && IsList<std::array<std::uint8_t, 3>>);
static_assert(IsList<std::span<const long>> && IsList<std::vector<runlog::Number>>);
static_assert(!IsList<std::string> && !IsList<char[4]> && !IsList<std::vector<std::string>>);
static_assert(!IsList<std::vector<bool>> && !IsList<std::deque<int>> && !IsList<double>);

}  // namespace

TEST_CASE("lists and histograms take vectors, arrays and spans of any number type, and braces") {
  TemporaryDirectory root;
  auto run = test::start_run(root);
  const std::vector<float> floats = {0.5f, 0.1f, std::numeric_limits<float>::infinity()};
  const std::vector<int> ints = {-1, 2};
  const std::vector<std::int64_t> longs = {INT64_MIN, 9'007'199'254'740'993};
  const std::array<std::uint64_t, 2> unsigneds = {1, UINT64_MAX};
  const double raw[] = {1.5, -0.0};
  std::vector<std::uint8_t> bytes = {0, 255};
  run.log_list("list", floats);
  run.log_list("list", ints);
  run.log_list("list", longs);
  run.log_list("list", unsigneds);
  run.log_list("list", raw);
  run.log_list("list", std::span(bytes));
  run.log_list("list", std::span<const float>(floats).first(1));
  run.log_list("list", std::vector<short>{7});
  run.log_list("list", {1, 2.5, 3u, true});
  run.log_list("list", {0.25f}, 9);
  run.log_list("list", {});
  run.log_list("list", std::array<bool, 2>{true, false});
  CHECK(texts(test::read(run.journal_path()).of(Kind::list)) ==
        std::vector<std::string>{"[0.5,0.10000000149011612,\"Infinity\"]", "[-1,2]",
                                 "[-9223372036854775808,9007199254740993]",
                                 "[1,18446744073709551616]", "[1.5,-0]", "[0,255]", "[0.5]", "[7]",
                                 "[1,2.5,3,1]", "[0.25]", "[]", "[1,0]"});
  run.log_histogram("histogram", std::vector<float>{0, 0.5f, 1}, std::vector<int>{3, 4});
  run.log_histogram("histogram", {0, 1, 2}, std::array<std::size_t, 2>{5, 6}, 3);
  run.log_histogram("bad", {1, 0.5, 2}, {1, 2});
  run.log_histogram("bad", longs, {1, 2});
  CHECK(texts(test::read(run.journal_path()).of(Kind::histogram)) ==
        std::vector<std::string>{R"({"edges":[0,0.5,1],"counts":[3,4]})",
                                 R"({"edges":[0,1,2],"counts":[5,6]})"});
  CHECK(run.stats().dropped == 2);
  run.log_table("table", {{"f", floats}, {"i", ints}, {"braces", {1, 2.5}}}, 4);
  CHECK(texts(test::read(run.journal_path()).of(Kind::table)) ==
        std::vector<std::string>{
            R"({"f":[0.5,0.10000000149011612,"Infinity"],"i":[-1,2],"braces":[1,2.5]})"});
}

TEST_CASE("params take any number and any string, and none is ambiguous") {
  TemporaryDirectory root;
  const std::string_view view = "a view, not its end";
  auto run = test::start_run(root, {.params = {{"batch", std::size_t{32}},
                                               {"name", "x"},
                                               {"view", view.substr(0, 6)},
                                               {"on", true},
                                               {"rate", 0.5f},
                                               {"seed", UINT64_MAX}}});
  const std::string text = "string";
  char buffer[] = "buffer";
  const char* const pointer = "pointer";
  run.param("p", std::size_t{7});
  run.param("p", 7u);
  run.param("p", -7);
  run.param("p", -7L);
  run.param("p", 7LL);
  run.param("p", static_cast<unsigned char>(7));
  run.param("p", true);
  run.param("p", 0.1f);
  run.param("p", 0.1);
  run.param("p", UINT64_MAX);
  run.param("p", static_cast<std::uint64_t>(INT64_MAX));
  run.param("p", view.substr(0, 6));
  run.param("p", text);
  run.param("p", std::string("moved"));
  run.param("p", "literal");
  run.param("p", buffer);
  run.param("p", pointer);
  run.param("p", runlog::Value(3));
  run.param("p", runlog::Value(view));
  const auto rows = test::read(run.journal_path()).of(Kind::param);
  std::vector<std::string> shown;
  for (const auto& row : rows) {
    shown.push_back(row.text                                  ? "'" + *row.text + "'"
                    : row.int_value                           ? std::to_string(*row.int_value)
                    : *row.value == static_cast<double>(0.1f) ? "0.1f"
                                                              : std::to_string(*row.value));
  }
  CHECK(shown == std::vector<std::string>{"32",
                                          "'x'",
                                          "'a view'",
                                          "1",
                                          "0.500000",
                                          "'18446744073709551615'",
                                          "7",
                                          "7",
                                          "-7",
                                          "-7",
                                          "7",
                                          "7",
                                          "1",
                                          "0.1f",
                                          "0.100000",
                                          "'18446744073709551615'",
                                          "9223372036854775807",
                                          "'a view'",
                                          "'string'",
                                          "'moved'",
                                          "'literal'",
                                          "'buffer'",
                                          "'pointer'",
                                          "3",
                                          "'a view, not its end'"});
}

TEST_CASE("a null text is an empty one, logged or given") {
  TemporaryDirectory root;
  const char* const nothing = nullptr;
  auto run = test::start_run(root, {.params = {{"given", nothing}}});
  run.param("logged", nothing);
  const auto rows = test::read(run.journal_path()).of(Kind::param);
  CHECK(texts(rows) == std::vector<std::string>{"", ""});
}

TEST_CASE("tags are set and removed in braces, too") {
  TemporaryDirectory root;
  auto run = test::start_run(root);
  const std::string value = "v";
  run.set_tags({{"a", "1"}});
  run.set_tags({{"b", value}, {"c", std::string_view("3")}});
  run.set_tags(std::vector<std::pair<std::string, std::string>>{{"d", "4"}});
  run.remove_tags({"a"});
  run.remove_tags({"b", "c"});
  run.remove_tags(std::vector<std::string>{"d"});
  const auto contents = test::read(run.journal_path());
  std::string all;
  for (const auto& row : contents.of(Kind::tag)) all += row.name + "=" + *row.text + " ";
  for (const auto& row : contents.of(Kind::tag_removed)) all += "-" + row.name + " ";
  CHECK(all == "a=1 b=v c=3 d=4 -a -b -c -d ");
}

TEST_CASE("a child run has one id on every rank and in every attempt") {
  TemporaryDirectory root;
  std::string id;
  for (const std::int64_t rank : {0, 1}) {
    for (int attempt = 1; attempt <= 2; ++attempt) {
      auto run = test::start_run(root, {.run_id = "parent", .rank = rank, .world = 2});
      auto child = run.child_run("fold-0");
      REQUIRE(child);
      if (id.empty()) id = child->run_id();
      CHECK(child->run_id() == id);
      child->log("val/loss", 0.5, attempt);
      child->complete();
      const auto named = test::read(run.journal_path()).of(Kind::child);
      REQUIRE(named.size() == 1);
      CHECK(named[0].name == id);
    }
  }
  CHECK(id == "parent.fold-0");
  const auto journals = runlog::list_journals(root / "runs" / id);
  REQUIRE(journals);
  REQUIRE(journals->size() == 4);
  for (const auto& journal : *journals) CHECK(journal.parent_run == "parent");
  CHECK(journals->at(1).attempt == 2);
  CHECK(journals->at(3).rank == 1);
  CHECK(test::read(root / "runs" / id).steps("val/loss").size() == 4);
}

TEST_CASE("two children of one name at once are two journals of one run") {
  TemporaryDirectory root;
  auto run = test::start_run(root, {.run_id = "parent", .resume = runlog::Resume::never});
  auto one = run.child_run("same");
  auto two = run.child_run("same");
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one->run_id() == two->run_id());
  CHECK(one->session() != two->session());
}

TEST_CASE("ids of children are valid, as far apart as their names, and at most 128 long") {
  using runlog::child_id;
  CHECK(child_id("p", "fold-0") == "p.fold-0");
  CHECK(child_id("p", "fold_0") == "p.fold_0");
  std::vector<std::string> ids;
  for (const char* name :
       {"a b", "a/b", "a.b", "a-b", "", ".", "unnamed", "fälle", "f\xFF", "f\xFE"}) {
    ids.push_back(child_id("p", name));
  }
  ids.push_back(child_id(child_id("p", "a"), "b"));
  ids.push_back(child_id("p", std::string(200, 'x') + "1"));
  ids.push_back(child_id("p", std::string(200, 'x') + "2"));
  std::string deep = "run";
  for (int i = 0; i < 50; ++i) ids.push_back(deep = child_id(deep, "generation"));
  for (const auto& id : ids) {
    INFO(id);
    CHECK(runlog::is_valid_id(id));
  }
  std::sort(ids.begin(), ids.end());
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
}
