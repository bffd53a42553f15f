// Promise: an export format's bytes stay as they are.
#include "runlog/exporter.hpp"

#include <string>

#include "support/catch.hpp"

namespace {

std::string export_as(std::string_view format, const runlog::Reader::Entry& entry,
                      runlog::ShowText* show = nullptr) {
  for (const auto& one : runlog::export_formats()) {
    if (one.name != format) continue;
    const auto exporter = one.make(show);
    std::string out;
    exporter->begin(out);
    exporter->record(entry, out);
    exporter->end(out);
    return out;
  }
  return "there is no such format";
}

const std::string kHead = "t,run,rank,session,lane,seq,kind,name,step,value,text,payload\r\n";

}  // namespace

TEST_CASE("a record is a line of JSON, and a row of CSV below its header") {
  const runlog::JournalInfo journal{.run_id = "run", .session = "ab12", .rank = 3};
  const runlog::Record record{.seq = 7,
                              .lane = 2,
                              .time_ns = 1'500,
                              .kind = runlog::Kind::metric,
                              .name = "a,\"b\"",
                              .step = 5,
                              .value = 0.0003};
  const runlog::Reader::Entry entry{.record = record, .journal = &journal};
  CHECK(export_as("json", entry) ==
        "{\"t\":1500,\"run\":\"run\",\"rank\":3,\"session\":\"ab12\",\"lane\":2,\"seq\":7,"
        "\"kind\":\"metric\",\"name\":\"a,\\\"b\\\"\",\"step\":5,\"value\":3e-04}\n");
  CHECK(export_as("csv", entry) ==
        kHead + "1500,run,3,ab12,2,7,metric,\"a,\"\"b\"\"\",5,0.0003,,\r\n");
}

TEST_CASE("text stands for the value where there is no number, else beside it; raw bytes are hex") {
  runlog::Record record{.kind = runlog::Kind::file, .name = "f", .int_value = 9, .text = "é\n"};
  CHECK(export_as("csv", {.record = record}) == kHead + "0,,0,,0,0,file,f,,9,\"é\n\",\r\n");
  record.int_value.reset();
  record.payload = "\xFF\x0A";
  CHECK(export_as("csv", {.record = record}) == kHead + "0,,0,,0,0,file,f,,\"é\n\",,ff0a\r\n");
  CHECK(export_as("json", {.record = record})
            .ends_with("\"value\":\"é\\n\",\"payload\":\"ff0a\"}\n"));
}

TEST_CASE("what a terminal is shown goes through the caller's function") {
  const runlog::Record record{.kind = runlog::Kind::text, .name = "info", .text = "bell\a"};
  const auto show = [](std::string& out, std::string_view text, bool in_json) {
    for (const char c : text) out += c == '\a' ? (in_json ? '!' : '?') : c;
  };
  CHECK(export_as("csv", {.record = record}, show).ends_with(",text,info,,bell?,,\r\n"));
  CHECK(export_as("json", {.record = record}, show).ends_with("\"value\":\"bell\\u0007\"}\n"));
}
