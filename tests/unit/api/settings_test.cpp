// Promise: each option has a setting of its name, which reads what the option's variable would
// hold.
#include "api/settings.hpp"

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/process.hpp"

namespace {

using namespace runlog;
using namespace runlog::api;
using namespace std::chrono_literals;

using Settings = std::vector<runlog_setting>;

// The fields of a struct in a public header, by what is written there.
std::vector<std::string> fields_of(const std::string& header, const std::string& type) {
  std::ifstream file(test::source("lib/include/runlog/" + header));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::size_t begin = text.find("\nstruct " + type + " {");
  REQUIRE(begin != std::string::npos);
  const std::string body = text.substr(begin, text.find("\n};", begin) - begin);
  const std::regex field("\n  [A-Za-z0-9_:<>*&(), ]* ([a-z_]+) = ");
  std::vector<std::string> names;
  for (std::sregex_iterator one(body.begin(), body.end(), field), end; one != end; ++one) {
    names.push_back((*one)[1]);
  }
  return names;
}

// Hooks are no settings; a list is given element by element.
template <typename Read>
void check_names(const std::string& header, const std::string& type, Read read) {
  const std::set<std::string> hooks = {"on_error",    "on_wait",    "on_unread",
                                       "on_progress", "on_outcome", "memory"};
  const std::set<std::string> lists = {"tags", "params", "runs", "ranks", "trusted_stores"};
  const auto fields = fields_of(header, type);
  CHECK(fields.size() >= 6);
  for (std::string name : fields) {
    if (hooks.contains(name)) continue;
    if (lists.contains(name)) name.pop_back();
    INFO(type << "::" << name);
    const auto result = read(Settings{runlog_set(name.c_str(), "?")});
    if (!result) CHECK(result.error().message.find("no setting is called") == std::string::npos);
  }
  const auto unknown = read(Settings{runlog_set("nothing", "1")});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == Errc::invalid_argument);
  CHECK(unknown.error().message.starts_with("no setting is called 'nothing'; there are "));
}

std::string message_of(const char* name, const char* text) {
  const auto options = run_options(Settings{runlog_set(name, text)});
  return options ? "" : options.error().message;
}

}  // namespace

TEST_CASE("each option has a setting") {
  check_names("options.hpp", "Options", &run_options);
  check_names("reader.hpp", "ReadOptions", &read_options);
  check_names("recover.hpp", "RecoverOptions", &recover_options);
}

TEST_CASE("settings are read as their variables are") {
  const auto options = run_options(Settings{
      runlog_set("root", "/a b"), runlog_set("tag", "a=1"), runlog_set("tag", "b=x,y=z"),
      runlog_set("param", "lr=1e-3"), runlog_set("param", "layers=24"),
      runlog_set("param", "name=adamw"), runlog_set("rank", "3"), runlog_set("sync", "each_record"),
      runlog_set("sync_interval", "1.5s"), runlog_set("pack_bytes", "16MiB"),
      runlog_set("overflow", "block"), runlog_set("resume", "must"),
      runlog_set("keep_shipped", "off"), runlog_set("name", "first"), runlog_set("name", "last")});
  REQUIRE(options);
  CHECK(options->root == "/a b");
  REQUIRE(options->tags.size() == 2);
  CHECK(options->tags[1] == std::pair<std::string, std::string>("b", "x,y=z"));
  REQUIRE(options->params.size() == 3);
  CHECK(std::get<double>(options->params[0].second) == 1e-3);
  CHECK(std::get<std::int64_t>(options->params[1].second) == 24);
  CHECK(std::get<std::string>(options->params[2].second) == "adamw");
  CHECK(options->rank == 3);
  CHECK(options->sync == Sync::each_record);
  CHECK(options->sync_interval == 1500ms);
  CHECK(options->pack_bytes == 16u << 20);
  CHECK(options->overflow == Overflow::block);
  CHECK(options->resume == Resume::must);
  CHECK(options->keep_shipped == false);
  CHECK(options->name == "last");
  CHECK_FALSE(options->world);
}

TEST_CASE("a text with a length needs no zero behind it, and may have one within") {
  const auto options = run_options(Settings{{.name = {"name!", 4}, .text = {"a\0b!", 3}}});
  REQUIRE(options);
  CHECK(options->name == std::string("a\0b", 3));
  const auto empty = run_options(Settings{{.name = {"name", 4}, .text = {nullptr, 0}}});
  REQUIRE(empty);
  CHECK(empty->name.empty());
}

TEST_CASE("a text that does not parse is named, with what is allowed") {
  CHECK(message_of("rank", "3x") == "rank='3x': must be a whole number");
  CHECK(message_of("sync", "often") == "sync='often': must be never, interval or each_record");
  CHECK(message_of("pack_bytes", "-1") ==
        "pack_bytes='-1': must be a size such as 65536, 16MiB, 1GiB");
  CHECK(message_of("pack_bytes", "17179869184GiB").starts_with("pack_bytes="));
  CHECK(message_of("ship_interval", "-1s").starts_with("ship_interval='-1s': must be a duration"));
  CHECK(message_of("ship_interval", "1e99").starts_with("ship_interval="));
  // The limit holds for the time, whatever its unit.
  for (const char* text :
       {"1e12s", "3e6h", "1e9min", "nan", "nanh", "inf", "1e-1e", "1e400ms", "s"}) {
    CHECK(message_of("ship_interval", text).starts_with("ship_interval="));
  }
  for (const char* text :
       {"1e30GiB", "-1GiB", "nan", "18446744073709551616", "18014398509481984KiB"}) {
    CHECK(message_of("disk_budget", text).starts_with("disk_budget="));
  }
  CHECK(message_of("rank", "9223372036854775808").starts_with("rank="));
  CHECK(message_of("crash_marker", "maybe") == "crash_marker='maybe': must be 0 or 1");
  CHECK(message_of("tag", "=x") == "tag='=x': must be name=value");
}

TEST_CASE("readers and recoveries have settings, too") {
  for (const char* text : {"3e6h", "5e6h", "1e9h", "nan", "-1s"}) {
    CHECK_FALSE(recover_options(Settings{runlog_set("timeout", text)}));
  }
  const auto read = read_options(Settings{runlog_set("run", "a*"), runlog_set("run", "b"),
                                          runlog_set("rank", "0"), runlog_set("apply_rewind", "1"),
                                          runlog_set("since_unix_ns", "5")});
  REQUIRE(read);
  CHECK(read->runs == std::vector<std::string>{"a*", "b"});
  CHECK(read->ranks == std::vector<std::int64_t>{0});
  CHECK(read->apply_rewind);
  CHECK(read->since_unix_ns == 5);
  const auto recover = recover_options(
      Settings{runlog_set("timeout", "2m"), runlog_set("retries", "0"), runlog_set("store", "s")});
  REQUIRE(recover);
  CHECK(recover->timeout == 2min);
  CHECK_FALSE(recover->retries);
  const auto clean = clean_options(Settings{runlog_set("dry_run", "true")});
  REQUIRE(clean);
  CHECK(clean->dry_run);
}
