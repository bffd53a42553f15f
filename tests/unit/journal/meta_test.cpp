// meta.json and end.json: what we write is read back; what anybody else wrote does no harm.
#include "journal/meta.hpp"

#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "base/url.hpp"
#include "support/catch.hpp"

using runlog::Errc;
using runlog::parse_meta;
using runlog::without_secrets;

namespace {

runlog::Meta full_meta() {
  runlog::Meta meta;
  meta.runlog_version = "0.1.0";
  meta.run_id = "run-1";
  meta.project = "gpt2";
  meta.experiment = "e";
  meta.name = "a \"name\"\n\xE2\x82\xAC";
  meta.group = "g";
  meta.parent_run = "p";
  meta.parent_session = "s";
  meta.session = std::string(32, 'a');
  meta.rank = 7;
  meta.world = 8;
  meta.local_rank = 3;
  meta.host = "node";
  meta.boot_id = "b";
  meta.pid = 4'000'000'000;
  meta.start_ticks = std::numeric_limits<std::int64_t>::max();
  meta.command_line = "python train.py --x={\"a\":[1]}";
  meta.created_unix_ns = 1'700'000'000'000'000'001;
  meta.store_url = "s3://bucket/prefix";
  meta.uses_tsc = true;
  meta.ticks_per_second = 2.25e9;
  meta.segment_bytes = 4u << 20;
  return meta;
}

}  // namespace

TEST_CASE("meta.json is read back as it was written") {
  const runlog::Meta meta = full_meta();
  const std::string json = runlog::to_json(meta);
  CHECK(nlohmann::json::parse(json).at("run_id") == "run-1");
  const auto read = parse_meta(json, "meta.json");
  REQUIRE(read);
  CHECK(runlog::to_json(*read) == json);
  CHECK(read->name == meta.name);
  CHECK(read->start_ticks == meta.start_ticks);
  CHECK(read->created_unix_ns == meta.created_unix_ns);
}

TEST_CASE("end.json is read back as it was written") {
  runlog::End end{.state = runlog::RunEnd::failed,
                  .reason = "CUDA \"error\"",
                  .signal = 11,
                  .ended_unix_ns = 5,
                  .records_lost = 3};
  const std::string json = runlog::to_json(end, full_meta());
  CHECK(nlohmann::json::parse(json).at("session") == std::string(32, 'a'));
  const auto read = runlog::parse_end(json, "end.json");
  REQUIRE(read);
  CHECK(read->state == end.state);
  CHECK(read->reason == end.reason);
  CHECK(read->signal == 11);
  CHECK(read->ended_unix_ns == 5);
  CHECK(read->records_lost == 3);
}

TEST_CASE("unknown keys are ignored and absent ones keep their defaults") {
  const auto read = parse_meta(R"({"run_id":"a","later":{"x":[1,2]},"rank":"2"})", "m");
  REQUIRE(read);
  CHECK(read->run_id == "a");
  CHECK(read->rank == 2);
  CHECK(read->world == 1);
  REQUIRE(parse_meta("{}", "m"));
}

TEST_CASE("values of the wrong kind keep the default") {
  const auto read = parse_meta(R"({"rank":"seven","world":[1],"ticks_per_second":"fast"})", "m");
  REQUIRE(read);
  CHECK(read->rank == 0);
  CHECK(read->world == 1);
  CHECK(read->ticks_per_second == 0);
}

TEST_CASE("deep nesting is refused and does not overflow the stack") {
  for (const char* const open : {"[", "{\"a\":", "[{\"a\":"}) {
    std::string json;
    while (json.size() < 200'000) json += open;
    const auto read = parse_meta(json, "deep.json");
    REQUIRE_FALSE(read);
    CHECK(read.error().code == Errc::corrupt);
    CHECK(read.error().message.find("deep.json") != std::string::npos);
  }
}

TEST_CASE("a text cut at any length is refused or read, and never crashes") {
  const std::string json = runlog::to_json(full_meta());
  for (std::size_t size = 0; size + 2 < json.size(); ++size) {
    CHECK_FALSE(parse_meta(json.substr(0, size), "cut"));
    CHECK_FALSE(runlog::parse_end(json.substr(0, size), "cut"));
  }
}

TEST_CASE("a text beyond the limit is refused") {
  const std::string json = "{\"name\":\"" + std::string(runlog::kMeta_bytes_max, 'x') + "\"}";
  const auto read = parse_meta(json, "m");
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Errc::corrupt);
}

TEST_CASE("random and damaged texts never crash") {
  std::mt19937_64 random(5);
  const std::string json = runlog::to_json(full_meta());
  for (int round = 0; round < 500; ++round) {
    std::string text = json;
    for (int i = 0; i < 5; ++i) text[random() % text.size()] = static_cast<char>(random());
    (void)parse_meta(text, "m");
    (void)runlog::parse_end(text, "m");
    for (char& c : text) c = "{}[]\",:\\u0e1"[random() % 12];
    (void)parse_meta(text, "m");
    (void)runlog::parse_torchelastic_error(text);
  }
}

TEST_CASE("passwords and unknown query keys do not get into meta.json") {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"/data/store", "/data/store"},
      {"s3://bucket/prefix", "s3://bucket/prefix"},
      {"https://user:password@host/path", "https://host/path"},
      {"https://token@host", "https://host"},
      {"https://user:p@ss@host/path", "https://host/path"},
      {"https://host/a@b", "https://host/a@b"},
      {"s3://bucket/p?region=eu&X-Amz-Signature=abc", "s3://bucket/p?region=eu"},
      {"s3://bucket/p?sig=abc&region=eu&endpoint=http://minio:9000",
       "s3://bucket/p?region=eu&endpoint=http://minio:9000"},
      {"az://account/c?sig=abc", "az://account/c"},
      {"s3://bucket?profile=a&", "s3://bucket?profile=a"},
      {"s3://bucket?", "s3://bucket"},
      {"s3://bucket?=secret&&x", "s3://bucket"},
      {"https://user:password@host?access_key=x", "https://host"},
      {"https://user:pass/w?r#d@host/p", "https://host/p"},
      {"https://host:8080/a@b", "https://host:8080/a@b"},
      {"s3://b/p?endpoint=http://u:p@h&region=r", "s3://b/p?region=r"},
  };
  for (const auto& [url, expected] : cases) CHECK(without_secrets(url) == expected);
  const auto meta = runlog::parse_meta(R"({"store":"s3://u:SECRET@b/p?sig=SECRET"})", "meta.json");
  REQUIRE(meta);
  CHECK(meta->store_url == "s3://b/p");
}

TEST_CASE("the message of a torchelastic error file is found in both its shapes") {
  CHECK(runlog::parse_torchelastic_error(R"({"message":"boom"})") == "boom");
  CHECK(runlog::parse_torchelastic_error(R"({"message":{"message":"boom","extraInfo":{"a":1}}})") ==
        "boom");
  CHECK_FALSE(runlog::parse_torchelastic_error(R"({"other":1})"));
  CHECK_FALSE(runlog::parse_torchelastic_error("boom"));
  CHECK_FALSE(runlog::parse_torchelastic_error(""));
}

TEST_CASE("an end that a later version has named keeps its name when it is written again") {
  auto end = runlog::parse_end(R"({"state":"paused","records_lost":3})", "end.json");
  REQUIRE(end);
  CHECK(end->state == runlog::RunEnd::unknown);
  end->records_lost = 4;
  const auto again = runlog::parse_end(runlog::to_json(*end, {}), "end.json");
  REQUIRE(again);
  CHECK(again->unknown_state == "paused");
  CHECK(again->records_lost == 4);
}

TEST_CASE("each end has a name that leads back to it; no name is no end, a strange one unknown") {
  using runlog::RunEnd;
  for (const RunEnd end : {RunEnd::open, RunEnd::complete, RunEnd::failed, RunEnd::cancelled,
                           RunEnd::crashed, RunEnd::moved, RunEnd::unknown}) {
    CHECK(runlog::run_end_from_name(runlog::run_end_name(end)) == end);
  }
  CHECK(runlog::run_end_name(RunEnd::open) == "started");
  CHECK(runlog::run_end_name(RunEnd::crashed) == "crashed");
  CHECK(runlog::run_end_from_name("") == RunEnd::open);
  CHECK(runlog::run_end_from_name("paused") == RunEnd::unknown);
}
