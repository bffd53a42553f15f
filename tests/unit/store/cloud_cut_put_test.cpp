// A PUT that is cut, on servers that write in place: what is under an object's name is the whole
// object, or becomes it. A WebDAV server of a few lines stands for them.
#include <fstream>
#include <optional>
#include <set>

#include "store/cloud/cloud_store.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/scoped_environment.hpp"
#include "support/scripted_server.hpp"

using namespace runlog;
using namespace std::chrono_literals;
using test::http_answer;
using test::ScriptedServer;
using Then = ScriptedServer::Answer::Then;
using Verdict = PutAnswer::Verdict;

namespace {

const std::string kContent = "PAR1, the bytes of a pack, PAR1";
const std::string kTarget = "/s/a%3D1/x.parquet";

class InPlaceDav {
 public:
  InPlaceDav()
      : environment_(
            {{"RUNLOG_HTTP_USER", ""}, {"RUNLOG_HTTP_BEARER", ""}, {"NETRC", "/dev/null"}}),
        server_([this](const ScriptedServer::Request& request) { return answer(request); }) {
    std::ofstream(directory_ / "pack") << kContent;
    REQUIRE(open());
  }

  // As a new process would.
  bool open() {
    auto store = CloudStore::open(server_.url() + "/s", {.timeout = 200ms});
    if (!store) return false;
    store_ = std::move(*store);
    return true;
  }
  PutAnswer put() { return store_->put("a=1/x.parquet", directory_ / "pack"); }
  [[nodiscard]] std::string methods() const {
    std::string all;
    for (const auto& request : server_.requests()) {
      all += (all.empty() ? "" : " ") + request.method;
    }
    return all;
  }
  [[nodiscard]] std::vector<ScriptedServer::Request> requests() const { return server_.requests(); }
  [[nodiscard]] std::string names() {
    std::string all;
    const auto listed =
        store_->list("a=1/", true, [&](const ObjectInfo& object) { all += object.name + " "; });
    return listed ? all : "error: " + listed.error().message;
  }

  // Between requests only. The server's own lock, which it holds while it answers, orders the two.
  std::map<std::string, std::string>& files() {
    (void)server_.requests();
    return files_;
  }
  int cut_puts = 0;                    // so many PUTs break off after ten bytes
  int lost_puts = 0;                   // so many PUTs arrive and are not answered
  std::map<std::string, int> refused;  // method: status
  bool moves_elsewhere = false;        // answers 201 to a MOVE, and the target does not appear

 private:
  ScriptedServer::Answer answer(const ScriptedServer::Request& request) {
    if (const auto found = refused.find(request.method); found != refused.end()) {
      return {http_answer(found->second)};
    }
    const auto file = files_.find(request.target);
    if (request.method == "PUT") return take(request);
    if (request.method == "PROPFIND") return {http_answer(207, "", listing())};
    // libcurl repeats what breaks off on a connection that it uses again; so none is.
    if (request.method == "HEAD") {
      const bool is_there = file != files_.end();
      return {std::string(is_there ? "HTTP/1.1 200 OK" : "HTTP/1.1 404 Not Found") +
                  "\r\nConnection: close\r\nContent-Length: " +
                  std::to_string(is_there ? file->second.size() : 0) + "\r\n\r\n",
              Then::close};
    }
    if (file == files_.end()) return {http_answer(404)};
    if (request.method == "GET") {
      return {http_answer(200, "Connection: close\r\n", file->second), Then::close};
    }
    if (request.method == "DELETE") {
      files_.erase(file);
      return {http_answer(204)};
    }
    if (request.method == "MOVE") {
      const std::string target = request.header("destination");
      if (files_.count(target) != 0 && request.header("overwrite") == "F") {
        return {http_answer(412)};
      }
      if (!moves_elsewhere) files_[target] = file->second;
      files_.erase(request.target);
      return {http_answer(201)};
    }
    return {http_answer(405)};
  }

  // All that is ever put here is kContent, or nothing.
  ScriptedServer::Answer take(const ScriptedServer::Request& request) {
    if (request.header("if-none-match") == "*" && files_.count(request.target) != 0) {
      return {http_answer(412)};
    }
    if (cut_puts > 0) {
      --cut_puts;
      files_[request.target] = kContent.substr(0, 10);
      return {.then = Then::reset, .reads_body = false};
    }
    files_[request.target] = kContent.substr(0, std::stoul(request.header("content-length")));
    if (lost_puts > 0) {
      --lost_puts;
      return {.then = Then::close};
    }
    return {http_answer(201)};
  }

  [[nodiscard]] std::string listing() const {
    std::string out = "<D:multistatus xmlns:D=\"DAV:\">";
    for (const auto& [name, bytes] : files_) {
      out += "<D:response><D:href>" + name + "</D:href><D:propstat><D:prop><D:getcontentlength>" +
             std::to_string(bytes.size()) +
             "</D:getcontentlength></D:prop></D:propstat></D:response>";
    }
    return out + "</D:multistatus>";
  }

  std::map<std::string, std::string> files_;
  test::ScopedEnvironment environment_;
  test::TemporaryDirectory directory_;
  ScriptedServer server_;
  std::unique_ptr<CloudStore> store_;
};

}  // namespace

TEST_CASE("a PUT that is cut leaves nothing under the object's name, and its part is used again") {
  InPlaceDav dav;
  dav.cut_puts = 1;
  CHECK(dav.put().verdict == Verdict::retry);
  CHECK(dav.files().count(kTarget) == 0);
  CHECK(dav.files().size() == 1);
  CHECK(dav.names().empty());  // no reader takes a part for a pack
  REQUIRE(dav.open());
  CHECK(dav.put().verdict == Verdict::stored);
  CHECK(dav.files() == std::map<std::string, std::string>{{kTarget, kContent}});
  CHECK(dav.names() == "a=1/x.parquet ");
}

TEST_CASE("a part has a name that query engines pass over, in the object's folder") {
  InPlaceDav dav;
  dav.cut_puts = 1;
  (void)dav.put();
  REQUIRE(dav.files().size() == 1);
  const std::string name = dav.files().begin()->first;
  CHECK(name.starts_with("/s/a%3D1/_x.parquet."));
  CHECK_FALSE(name.ends_with(".parquet"));
}

TEST_CASE("a part whose PUT was not answered is moved and not sent again") {
  InPlaceDav dav;
  dav.lost_puts = 1;
  CHECK(dav.put().verdict == Verdict::retry);
  CHECK(dav.put().verdict == Verdict::stored);
  CHECK(dav.files() == std::map<std::string, std::string>{{kTarget, kContent}});
  CHECK(dav.methods() == "HEAD PUT HEAD HEAD GET MOVE HEAD");
}

TEST_CASE("the beginning of our bytes under the object's name is finished, of whatever length") {
  for (const std::size_t length : {std::size_t{0}, std::size_t{10}, kContent.size() - 1}) {
    for (const bool has_move : {true, false}) {
      InPlaceDav dav;
      if (!has_move) dav.refused["MOVE"] = 405;
      dav.files()[kTarget] = kContent.substr(0, length);
      CHECK(dav.put().verdict == Verdict::stored);
      CHECK(dav.files() == std::map<std::string, std::string>{{kTarget, kContent}});
    }
  }
}

TEST_CASE("other bytes under the object's name are not overwritten, shorter or not") {
  for (const std::string& other : {std::string("PAR2"), kContent + "x", std::string(31, 'x')}) {
    InPlaceDav dav;
    dav.files()[kTarget] = other;
    CHECK(dav.put().verdict == Verdict::reject);
    CHECK(dav.files() == std::map<std::string, std::string>{{kTarget, other}});
    CHECK(dav.methods().find("PUT") == std::string::npos);
  }
}

TEST_CASE("without MOVE objects are written directly, and what is cut is put again") {
  for (const int status : {403, 405, 409, 501}) {
    InPlaceDav dav;
    dav.refused["MOVE"] = status;
    CHECK(dav.put().verdict == Verdict::stored);
    CHECK(dav.files() == std::map<std::string, std::string>{{kTarget, kContent}});
    // It has learnt.
    dav.files().clear();
    dav.cut_puts = 1;
    CHECK(dav.put().verdict == Verdict::retry);
    CHECK(dav.files() == std::map<std::string, std::string>{{kTarget, kContent.substr(0, 10)}});
    CHECK(dav.put().verdict == Verdict::stored);
    CHECK(dav.files() == std::map<std::string, std::string>{{kTarget, kContent}});
    CHECK(dav.methods().ends_with("HEAD PUT HEAD GET PUT HEAD"));
  }
}

TEST_CASE("a MOVE that always fails on a server that takes the rest is done without") {
  for (const int status : {500, 502}) {
    InPlaceDav dav;
    dav.refused["MOVE"] = status;
    CHECK(dav.put().verdict == Verdict::retry);
    CHECK(dav.put().verdict == Verdict::retry);
    CHECK(dav.files().count(kTarget) == 0);
    CHECK(dav.put().verdict == Verdict::stored);
    CHECK(dav.files() == std::map<std::string, std::string>{{kTarget, kContent}});
  }
  InPlaceDav busy;
  busy.refused["MOVE"] = 503;
  for (int i = 0; i < 5; ++i) CHECK(busy.put().verdict == Verdict::retry);
  busy.refused.clear();
  CHECK(busy.put().verdict == Verdict::stored);
  CHECK(busy.requests().back().target == kTarget);
}

TEST_CASE("a part that cannot be removed is emptied") {
  InPlaceDav dav;
  dav.refused = {{"MOVE", 405}, {"DELETE", 405}};
  CHECK(dav.put().verdict == Verdict::stored);
  CHECK(dav.files().at(kTarget) == kContent);
  REQUIRE(dav.files().size() == 2);
  CHECK(dav.files().begin()->second.empty());
}

TEST_CASE("a MOVE that succeeds and moves nothing there is no MOVE") {
  InPlaceDav dav;
  dav.moves_elsewhere = true;
  CHECK(dav.put().verdict == Verdict::stored);
  CHECK(dav.files().at(kTarget) == kContent);
}

TEST_CASE("a MOVE overwrites nothing, and names its target by path") {
  InPlaceDav dav;
  CHECK(dav.put().verdict == Verdict::stored);
  const auto requests = dav.requests();
  REQUIRE(requests.size() == 4);
  CHECK(requests[2].method == "MOVE");
  CHECK(requests[2].header("destination") == kTarget);
  CHECK(requests[2].header("overwrite") == "F");
}

TEST_CASE("a name that is taken while the part arrives is compared, and the part is removed") {
  for (const bool is_ours : {true, false}) {
    test::ScopedEnvironment environment(
        {{"RUNLOG_HTTP_USER", ""}, {"RUNLOG_HTTP_BEARER", ""}, {"NETRC", "/dev/null"}});
    const std::string there = is_ours ? kContent : std::string(kContent.size(), 'x');
    bool is_taken = false;
    ScriptedServer server([&](const ScriptedServer::Request& request) -> ScriptedServer::Answer {
      if (request.method == "PUT") is_taken = true;
      if (request.method == "PUT") return {http_answer(201)};
      if (request.method == "MOVE") return {http_answer(412)};
      if (request.method == "DELETE") return {http_answer(204)};
      if (request.method == "GET") return {http_answer(200, "", there)};
      if (!is_taken) return {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
      return {"HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(there.size()) + "\r\n\r\n"};
    });
    const test::TemporaryDirectory directory;
    std::ofstream(directory / "pack") << kContent;
    auto store = CloudStore::open(server.url() + "/s", {.timeout = 200ms});
    REQUIRE(store);
    const auto answer = (*store)->put("x.parquet", directory / "pack");
    CHECK(answer.verdict == (is_ours ? Verdict::stored : Verdict::reject));
    CHECK(server.requests().back().method == "DELETE");
    CHECK(server.requests().back().target.starts_with("/s/_x.parquet."));
  }
}
