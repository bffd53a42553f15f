// Promise: the table of options has all fields of Options, and the documents have all of the table.
#include "run/option_table.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "run/option_text.hpp"
#include "support/catch.hpp"
#include "support/clean_environment.hpp"
#include "support/process.hpp"

namespace {

namespace fs = std::filesystem;

std::string read_source(const char* name) {
  std::ifstream file(test::source(name));
  return {std::istreambuf_iterator<char>(file), {}};
}

// Without what a line's width decides.
std::string on_one_line(const std::string& text) {
  return std::regex_replace(text, std::regex("\\s+"), " ");
}

// "- `tags`, `params`: k=v,k=v …\n- …", as docs/guide.md has it. Neighbours that have nothing else
// to say share a line.
std::string list_options() {
  std::string list;
  std::string entries;
  std::string_view help;
  const auto end_line = [&] {
    if (!entries.empty())
      list += "- " + entries + (help.empty() ? "" : ": ") + std::string(help) + '\n';
    entries.clear();
  };
  for (const auto& row : runlog::option_table()) {
    if (row.help != help) end_line();
    help = row.help;
    entries += (entries.empty() ? "`" : ", `") + std::string(row.name) + '`';
    if (!row.standard.empty()) entries += " (`" + std::string(row.standard) + "`)";
  }
  end_line();
  return list;
}

}  // namespace

TEST_CASE("each field of Options has a row, and its comment names the variable") {
  const std::string header = read_source("lib/include/runlog/options.hpp");
  const std::string fields = header.substr(header.find("struct Options {"));
  std::set<std::string> rows;
  for (const auto& row : runlog::option_table()) {
    rows.emplace(row.name);
    const std::string variable = runlog::variable_of(row.name);
    INFO(variable << " is to be named in runlog/options.hpp");
    CHECK(std::regex_search(fields, std::regex(variable + "\\b")));
  }
  const std::regex field("\n  [^/\n]*[ >](\\w+) = \\{\\};");
  std::size_t seen = 0;
  for (std::sregex_iterator at(fields.begin(), fields.end(), field), end; at != end; ++at, ++seen) {
    const std::string name = (*at)[1];
    INFO(name << " is to have a row in run/option_table.cpp");
    CHECK((name == "on_error" || rows.contains(name)));
  }
  CHECK(seen == rows.size() + 1);
}

TEST_CASE("the guide lists the options, their defaults and their launchers as the table has them") {
  const std::string guide = on_one_line(read_source("docs/guide.md"));
  const std::string list = list_options();
  INFO("docs/guide.md is to have:\n" << list);
  CHECK(guide.find(on_one_line(list)) != std::string::npos);
  for (const auto& row : runlog::option_table()) {
    if (row.launchers.front() == nullptr) continue;
    std::string variables = '`' + runlog::variable_of(row.name) + '`';
    for (const char* launcher : row.launchers) {
      if (launcher != nullptr) variables += ", `" + std::string(launcher) + '`';
    }
    const bool is_id = row.name == "run_id";  // with a remark between them
    INFO("docs/guide.md is to have: " << variables);
    CHECK((is_id || guide.find(variables) != std::string::npos));
  }
}

TEST_CASE("a value that is too long or too large for sums is the largest that is not") {
  using std::chrono::milliseconds;
  const test::CleanEnvironment environment;
  const auto options = runlog::resolve({.run_id = "run",
                                        .sync_interval = milliseconds::max(),
                                        .pack_bytes = UINT64_MAX,
                                        .disk_budget = UINT64_MAX,
                                        .overflow_block = milliseconds::min(),
                                        .finish_deadline = milliseconds::max()});
  REQUIRE(options);
  CHECK(*options->sync_interval == runlog::kDuration_max);
  CHECK(*options->finish_deadline == runlog::kDuration_max);
  CHECK(*options->overflow_block == milliseconds(0));
  CHECK(*options->pack_bytes == runlog::kSize_bytes_max);
  CHECK(*options->disk_budget == runlog::kSize_bytes_max);
  test::CleanEnvironment told;
  told.set("RUNLOG_FINISH_DEADLINE", "100000h");
  CHECK(*runlog::resolve({.run_id = "run"})->finish_deadline == runlog::kDuration_max);
  told.set("RUNLOG_FINISH_DEADLINE", "3e6h");
  CHECK_FALSE(runlog::resolve({.run_id = "run"}));
}

TEST_CASE("each default can be read, and its variable says the same") {
  const test::CleanEnvironment environment;
  const auto standard = runlog::resolve({.run_id = "run"});
  REQUIRE(standard);
  for (const auto& row : runlog::option_table()) {
    INFO(row.name);
    if (row.standard.empty()) continue;
    test::CleanEnvironment told;
    told.set(runlog::variable_of(row.name), std::string(row.standard));
    const auto options = runlog::resolve({.run_id = "run"});
    REQUIRE(options);
    const bool same =
        std::visit([&](auto field) { return (*options).*field == (*standard).*field; }, row.field);
    CHECK(same);
  }
}
