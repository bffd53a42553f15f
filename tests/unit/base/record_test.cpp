// The kinds of records: runlog/kinds.def, the enumeration, the names and docs/format.md agree.
#include "runlog/record.hpp"

#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/process.hpp"

using runlog::Kind;

namespace {

struct Row {
  std::size_t number = 0;
  std::string name = {};
  std::string holds = {};
};

const std::vector<Row> kRows = {
#define RUNLOG_KIND(number, name, family, holds) {(number), #name, holds},
#include "runlog/kinds.def"
};

// The items of "11, 13" or "image, file".
std::vector<std::string> items(const std::string& list) {
  std::vector<std::string> all;
  std::istringstream stream(list);
  for (std::string item; stream >> item;) {
    if (item.back() == ',') item.pop_back();
    all.push_back(item);
  }
  return all;
}

// number → name and what it holds, from the table in section 3.6.
std::map<std::size_t, std::pair<std::string, std::string>> documented_kinds() {
  std::map<std::size_t, std::pair<std::string, std::string>> kinds;
  std::ifstream document(test::source("docs/format.md"));
  const std::string head = "number  kind              holds";
  std::string line;
  while (std::getline(document, line) && line != head) continue;
  const std::size_t kind_column = head.find("kind");
  const std::size_t holds_column = head.find("holds");
  while (std::getline(document, line) && line != "```") {
    const auto numbers = items(line.substr(0, kind_column));
    const auto names = items(line.substr(kind_column, holds_column - kind_column));
    REQUIRE(numbers.size() == names.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      kinds[std::stoul(numbers[i])] = {names[i], line.substr(holds_column)};
    }
  }
  return kinds;
}

}  // namespace

TEST_CASE("each kind has a number, a name that leads back to it, and a family") {
  REQUIRE(kRows.size() == runlog::kKind_count);
  for (const Row& row : kRows) {
    INFO(row.name);
    const auto kind = static_cast<Kind>(row.number);
    CHECK(runlog::kind_name(kind) == row.name);
    CHECK(runlog::kind_from_name(row.name) == kind);
  }
  CHECK(runlog::kind_name(static_cast<Kind>(runlog::kKind_count)) == "unknown");
  CHECK(runlog::kind_name(static_cast<Kind>(255)) == "unknown");
  CHECK(runlog::kind_from_name("") == Kind::unknown);
  CHECK(runlog::kind_from_name("metrics") == Kind::unknown);
  CHECK(runlog::kind_family(Kind::metric) == runlog::KindFamily::series);
  CHECK(runlog::kind_family(Kind::status) == runlog::KindFamily::fact);
  CHECK(runlog::kind_family(Kind::gap) == runlog::KindFamily::gap);
  CHECK(runlog::kind_family(static_cast<Kind>(255)) == runlog::KindFamily::other);
}

TEST_CASE("docs/format.md has each kind with its number and what it holds") {
  const auto documented = documented_kinds();
  CHECK(documented.size() == kRows.size() - 1);  // all but `unknown`
  for (const Row& row : kRows) {
    if (row.number == 0) continue;
    INFO(row.number << " " << row.name);
    REQUIRE(documented.contains(row.number));
    const auto& [name, holds] = documented.at(row.number);
    CHECK(name == row.name);
    // The document may say more.
    CHECK(holds.substr(0, row.holds.size()) == row.holds);
  }
}
