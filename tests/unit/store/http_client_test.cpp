// The HTTP client against peers that misbehave: every wait ends, every answer is bounded, and what
// a failure allows to conclude is said.
#include "store/http/http_client.hpp"

#include <dlfcn.h>
#include <netdb.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <future>
#include <thread>

#include "base/bytes.hpp"
#include "runlog/runlog.hpp"
#include "store/http/http_proxy.hpp"
#include "store/http/http_text.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/scoped_environment.hpp"
#include "support/scripted_server.hpp"

using namespace runlog;
using namespace std::chrono_literals;
using test::http_answer;
using test::ScriptedServer;
using Then = ScriptedServer::Answer::Then;
using Failure = HttpFailure::Kind;

namespace {

// The name server that does not answer: libcurl's resolver thread ends up here, because the
// program's symbols go before the C library's. It leaks one blocked thread, as the real one would.
constexpr const char* kSilent_host = "silent.runlog.test";
std::atomic<bool> is_resolving = false;

HttpAnswer get(const std::string& url, std::chrono::milliseconds timeout = 10s) {
  HttpClient client;
  return client.send({.url = url, .timeout = timeout});
}

}  // namespace

extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** result) {
  if (node != nullptr && std::strcmp(node, kSilent_host) == 0) {
    is_resolving = true;
    is_resolving.notify_all();
    for (;;) ::pause();
  }
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto original = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return original(node, service, hints, result);
}

TEST_CASE("an answer arrives as it was sent") {
  ScriptedServer server([](const ScriptedServer::Request& request) {
    return ScriptedServer::Answer{http_answer(200, "X-A:  b \r\nx-a: c\r\n", request.target)};
  });
  const auto answer = get(server.url() + "/a/../b%2F?q=1");
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->header("x-a") == "b");
  CHECK(answer->header("x-b").empty());
  CHECK(answer->body == "/a/../b%2F?q=1");
  const auto seen = server.requests().at(0);
  CHECK(seen.headers.count("expect") == 0);
  CHECK(seen.headers.count("content-type") == 0);
}

TEST_CASE("a file is sent whole, from its beginning, and the connection is used again") {
  ScriptedServer server(
      [](const ScriptedServer::Request&) { return ScriptedServer::Answer{http_answer(201)}; });
  const test::TemporaryDirectory directory;
  std::string content(3 << 20, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31 >> 3);
  std::ofstream(directory / "f") << content;
  HttpClient client;
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.send({.method = "PUT",
                                     .url = server.url() + "/f",
                                     .body_file = directory / "f",
                                     .body_file_bytes = content.size()});
    REQUIRE(answer);
    CHECK(server.requests().back().body == content);
  }
  CHECK(server.connections() == 1);
  const std::string body = "body";
  REQUIRE(client.send({.method = "POST", .url = server.url(), .body = as_bytes(body)}));
  CHECK(server.requests().back().body == "body");
  REQUIRE(client.send({.method = "PUT", .url = server.url()}));
  CHECK(server.requests().back().header("content-length") == "0");
}

TEST_CASE("a body's file that is missing or becomes shorter is our trouble, not the server's") {
  ScriptedServer server(
      [](const ScriptedServer::Request&) { return ScriptedServer::Answer{http_answer(200)}; });
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "f") << "short";
  for (const char* name : {"f", "absent"}) {
    const auto answer = HttpClient().send({.method = "PUT",
                                           .url = server.url(),
                                           .body_file = directory / name,
                                           .body_file_bytes = 1000});
    REQUIRE_FALSE(answer);
    CHECK(answer.failure().kind == Failure::local);
    CHECK(answer.failure().error.message.find((directory / name).native()) != std::string::npos);
  }
}

TEST_CASE("nonsense, silence, half an answer and an end without one are ambiguous") {
  const ScriptedServer::Answer answers[] = {
      {"garbage\r\n\r\n", Then::close},
      {"", Then::close},
      {"", Then::reset},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Then::close},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Then::reset},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Then::close},
      {"HTTP/1.1 200 OK\r\nContent-Le", Then::close},
      {"HTTP/1.1 100 Continue\r\n\r\n", Then::close},
      {"", Then::hang},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Then::hang},
  };
  for (const auto& answer : answers) {
    INFO(answer.bytes << " then " << static_cast<int>(answer.then));
    ScriptedServer server([&](const ScriptedServer::Request&) { return answer; });
    const auto got = get(server.url() + "/x?secret", 200ms);
    REQUIRE_FALSE(got);
    CHECK(got.failure().kind == Failure::ambiguous);
    CHECK(got.failure().error.code == Errc::unavailable);
    CHECK(got.failure().error.message.find("GET " + server.url() + "/x: ") == 0);
  }
}

TEST_CASE("an answer without end is cut off, in its head and in its body") {
  ScriptedServer head([](const ScriptedServer::Request&) {
    return ScriptedServer::Answer{"HTTP/1.1 200 OK\r\nX: ", Then::repeat_for_ever};
  });
  CHECK_FALSE(get(head.url()));
  ScriptedServer lines([](const ScriptedServer::Request&) {
    std::string many = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 20'000; ++i) many += "X: 1\r\n";
    return ScriptedServer::Answer{many, Then::hang};
  });
  const auto of_lines = get(lines.url());
  REQUIRE_FALSE(of_lines);
  CHECK(of_lines.failure().kind == Failure::too_large);
  ScriptedServer body([](const ScriptedServer::Request&) {
    return ScriptedServer::Answer{"HTTP/1.1 200 OK\r\n\r\n", Then::repeat_for_ever};
  });
  const auto of_body = get(body.url());
  REQUIRE_FALSE(of_body);
  CHECK(of_body.failure().kind == Failure::too_large);
  CHECK(of_body.failure().error.code == Errc::too_large);
}

TEST_CASE("a request that has a limit in time ends there, however much arrives") {
  ScriptedServer server([](const ScriptedServer::Request&) {
    return ScriptedServer::Answer{"HTTP/1.1 200 OK\r\n\r\n", Then::repeat_for_ever};
  });
  HttpClient client;
  const auto answer = client.send(
      {.url = server.url(),
       .sink = [](const HttpResponse&, std::span<const std::byte>) { return Result<void>(); },
       .answer_bytes_max = UINT64_MAX,
       .whole_timeout = std::chrono::milliseconds(100)});
  REQUIRE_FALSE(answer);
  CHECK(answer.failure().error.message.find("not answered within 100 ms") != std::string::npos);
}

TEST_CASE("of a refusal the status counts, however long its page") {
  ScriptedServer server([](const ScriptedServer::Request&) {
    return ScriptedServer::Answer{"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n",
                                  Then::repeat_for_ever};
  });
  const auto answer = get(server.url());
  REQUIRE(answer);
  CHECK(answer->status == 503);
  CHECK(answer->header("retry-after") == "7");
  CHECK(answer->body.size() <= 64u << 10);
}

TEST_CASE("a refusal before the body is through is heard") {
  ScriptedServer server([](const ScriptedServer::Request&) {
    return ScriptedServer::Answer{http_answer(413, "Connection: close\r\n", "too much"), Then::hang,
                                  false};
  });
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "f") << std::string(16 << 20, 'x');
  const auto answer = HttpClient().send({.method = "PUT",
                                         .url = server.url(),
                                         .body_file = directory / "f",
                                         .body_file_bytes = 16 << 20});
  REQUIRE(answer);
  CHECK(answer->status == 413);
}

TEST_CASE("redirects are not followed, and other protocols not spoken") {
  ScriptedServer other(
      [](const ScriptedServer::Request&) { return ScriptedServer::Answer{http_answer(200)}; });
  ScriptedServer server([&](const ScriptedServer::Request&) {
    return ScriptedServer::Answer{http_answer(307, "Location: " + other.url() + "\r\n")};
  });
  const auto answer = get(server.url());
  REQUIRE(answer);
  CHECK(answer->status == 307);
  CHECK(other.requests().empty());
  for (const char* url :
       {"file:///etc/passwd", "ftp://127.0.0.1/", "nonsense://x", "http://u@127.0.0.1/"}) {
    const auto refused = get(url);
    REQUIRE_FALSE(refused);
    CHECK(refused.failure().kind == Failure::local);
  }
}

TEST_CASE("a sink's error ends the request and comes back") {
  ScriptedServer server([](const ScriptedServer::Request&) {
    return ScriptedServer::Answer{http_answer(200, "X: y\r\n", "body")};
  });
  const auto answer = HttpClient().send(
      {.url = server.url(),
       .sink = [](const HttpResponse& head, std::span<const std::byte> bytes) -> Result<void> {
         CHECK(head.status == 200);
         CHECK(head.header("x") == "y");
         return Error{Errc::no_space, 0, std::string(as_text(bytes))};
       }});
  REQUIRE_FALSE(answer);
  CHECK(answer.failure().kind == Failure::sink);
  CHECK(answer.failure().error.message == "body");
}

TEST_CASE("a header with a line break in it is not sent") {
  ScriptedServer server(
      [](const ScriptedServer::Request&) { return ScriptedServer::Answer{http_answer(200)}; });
  for (const std::string& value :
       {std::string("a\r\nb: c"), std::string("a\nb"), std::string("a\0b", 3)}) {
    const auto answer =
        HttpClient().send({.url = server.url(), .headers = {{"authorization", value}}});
    REQUIRE_FALSE(answer);
    CHECK(answer.failure().kind == Failure::local);
    CHECK(answer.failure().error.message.find("b: c") == std::string::npos);
  }
  CHECK(server.requests().empty());
}

TEST_CASE("nobody there, and a file of CAs that is none, are told apart") {
  std::string url;
  {
    ScriptedServer gone([](const ScriptedServer::Request&) { return ScriptedServer::Answer{}; });
    url = gone.url();
  }
  const auto refused = get(url);
  REQUIRE_FALSE(refused);
  CHECK(refused.failure().kind == Failure::not_sent);
  CHECK(refused.failure().error.message.find("Connection refused") != std::string::npos);
  ScriptedServer server(
      [](const ScriptedServer::Request&) { return ScriptedServer::Answer{http_answer(200)}; });
  const auto untrusted = HttpClient({.ca_bundle = "/nonexistent/ca.pem"})
                             .send({.url = "https" + server.url().substr(4)});
  REQUIRE_FALSE(untrusted);
  CHECK(untrusted.failure().kind == Failure::untrusted);
  CHECK(untrusted.failure().error.message.find("/nonexistent/ca.pem") != std::string::npos);
}

TEST_CASE("a proxy is not asked for this machine's own services") {
  const std::map<std::string, std::string> proxy = {{"http_proxy", "http://127.0.0.1:1"},
                                                    {"no_proxy", ""}};
  const test::ScopedEnvironment environment(proxy);
  ScriptedServer server(
      [](const ScriptedServer::Request&) { return ScriptedServer::Answer{http_answer(200)}; });
  CHECK(get(server.url()));
  const auto other = get("http://192.0.2.1/");
  REQUIRE_FALSE(other);
  CHECK(other.failure().kind == Failure::not_sent);
  HttpClient client;
  const auto metadata = client.send({.url = "http://silent.invalid/", .use_proxy = false});
  REQUIRE_FALSE(metadata);
  CHECK(metadata.failure().error.message.find("127.0.0.1") == std::string::npos);
}

TEST_CASE("a proxy that does not answer is named, without its password, and not the store") {
  std::string dead;
  {
    ScriptedServer gone([](const ScriptedServer::Request&) { return ScriptedServer::Answer{}; });
    dead = gone.url().substr(7);
  }
  const char* const kVariables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY",
                                    "all_proxy",  "ALL_PROXY",   "no_proxy"};
  const std::pair<const char*, const char*> cases[] = {{"http_proxy", "http://192.0.2.1/x"},
                                                       {"https_proxy", "https://192.0.2.1/x"},
                                                       {"HTTPS_PROXY", "https://192.0.2.1/x"},
                                                       {"all_proxy", "http://192.0.2.1/x"}};
  for (const auto& [variable, url] : cases) {
    INFO(variable);
    std::map<std::string, std::string> variables;
    for (const char* name : kVariables) variables[name] = "";
    variables[variable] = "http://user:p%40SECRET@" + dead;
    const test::ScopedEnvironment environment(variables);
    const auto answer = get(url);
    REQUIRE_FALSE(answer);
    CHECK(answer.failure().kind == Failure::not_sent);
    const std::string& message = answer.failure().error.message;
    CHECK(message.find("the proxy http://" + dead + ", which " + variable + " names") !=
          std::string::npos);
    CHECK(message.find("Connection refused") != std::string::npos);
    CHECK(message.find("no_proxy") != std::string::npos);
    CHECK(message.find("SECRET") == std::string::npos);
    CHECK(message.find("user") == std::string::npos);
  }
}

TEST_CASE("a proxy's URL that libcurl does not understand is not repeated with its password") {
  for (const char* proxy : {"http://user:p@SECRET@127.0.0.1:1", "nonsense://user:SECRET@h:1",
                            "http://user:SECRET@h:port"}) {
    INFO(proxy);
    const test::ScopedEnvironment environment({{"http_proxy", proxy}, {"no_proxy", ""}});
    const auto answer = get("http://192.0.2.1/");
    REQUIRE_FALSE(answer);
    CHECK(answer.failure().error.message.find("proxy") != std::string::npos);
    CHECK(answer.failure().error.message.find("Success") == std::string::npos);
    CHECK(answer.failure().error.message.find("SECRET") == std::string::npos);
  }
}

TEST_CASE("a proxy whose name is unknown, or that refuses to connect, is named") {
  ScriptedServer refusing(
      [](const ScriptedServer::Request&) { return ScriptedServer::Answer{http_answer(403)}; });
  for (const std::string& proxy :
       {std::string("http://no-such-proxy.invalid:3128"), refusing.url()}) {
    const test::ScopedEnvironment environment({{"https_proxy", proxy}, {"no_proxy", ""}});
    const auto answer = get("https://192.0.2.1/");
    REQUIRE_FALSE(answer);
    const std::string& message = answer.failure().error.message;
    CHECK(message.find("the proxy " + proxy) != std::string::npos);
    CHECK(message.find("Success") == std::string::npos);
  }
}

TEST_CASE("a store that the proxy is not asked for is told by its own name") {
  const test::ScopedEnvironment environment(
      {{"http_proxy", "http://127.0.0.1:1"}, {"no_proxy", "no-such-store.invalid"}});
  const auto answer = get("http://no-such-store.invalid/");
  REQUIRE_FALSE(answer);
  CHECK(answer.failure().error.message.find("no-such-store.invalid") != std::string::npos);
  CHECK(answer.failure().error.message.find("127.0.0.1") == std::string::npos);
}

TEST_CASE("where the system names no error, libcurl's words are told, without the milliseconds") {
  CHECK(without_milliseconds("Failed to connect to h port 9 after 12 ms: Couldn't connect") ==
        "Failed to connect to h port 9: Couldn't connect");
  CHECK(without_milliseconds("the day after 3 nights") == "the day after 3 nights");
  CHECK(without_milliseconds("after all") == "after all");
}

TEST_CASE("a proxy's URL is shown without user and password, whatever is in them") {
  const std::pair<const char*, const char*> cases[] = {
      {"http://u:p@h:3128/", "http://h:3128"},
      {"u:p/?#@h:3128", "http://h:3128"},
      {"http://u@v:p@[::1]:8080", "http://[::1]:8080"},
      {"h", "http://h"},
      {"https://h", "https://h"}};
  const int ports[] = {3128, 3128, 8080, 1080, 443};
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    const auto proxy = read_proxy("http_proxy", cases[i].first);
    REQUIRE(proxy);
    CHECK(proxy->shown == cases[i].second);
    CHECK(proxy->port == ports[i]);
  }
  CHECK_FALSE(read_proxy("http_proxy", "http://h:port"));
  const HttpProxy web{.host = "h", .port = 443};
  CHECK(has_port_of("https://store/x:80", web));
  CHECK(has_port_of("http://store:443/x", web));
  CHECK_FALSE(has_port_of("http://store/x", web));
  CHECK_FALSE(has_port_of("https://[::1]:8443/", web));
}

TEST_CASE("interrupt ends a request that waits for its answer, and those that follow") {
  ScriptedServer server([](const ScriptedServer::Request&) {
    return ScriptedServer::Answer{"", Then::hang};
  });
  HttpClient client;
  auto answer = std::async(std::launch::async,
                           [&] { return client.send({.url = server.url(), .timeout = 10min}); });
  server.wait_for_hang();
  client.interrupt();
  const auto got = answer.get();
  REQUIRE_FALSE(got);
  CHECK(got.failure().kind == Failure::interrupted);
  const auto later = client.send({.url = server.url()});
  REQUIRE_FALSE(later);
  CHECK(later.failure().kind == Failure::interrupted);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("interrupt ends a request whose name server does not answer") {
  auto client = std::make_unique<HttpClient>();
  const std::string url = std::string("http://") + kSilent_host + "/";
  auto answer = std::async(std::launch::async, [&] {
    return client->send(
        {.url = url, .use_proxy = false, .connect_timeout = 10min, .timeout = 10min});
  });
  is_resolving.wait(false);
  client->interrupt();
  const auto got = answer.get();
  REQUIRE_FALSE(got);
  CHECK(got.failure().kind == Failure::interrupted);
  client.reset();  // nor does the end wait for the resolver
}

TEST_CASE("a name server that does not answer is given up at the connect timeout") {
  HttpClient client;
  const auto got = client.send({.url = std::string("http://") + kSilent_host + "/",
                                .use_proxy = false,
                                .connect_timeout = 100ms});
  REQUIRE_FALSE(got);
  CHECK(got.failure().kind == Failure::not_sent);
}

TEST_CASE("a run ends although the name server of its store does not answer") {
  const test::ScopedEnvironment keys({{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "s"}});
  const test::TemporaryDirectory directory;
  runlog::Options options;
  options.root = directory / "runs";
  options.store = std::string("s3://b/p?region=r&endpoint=https://") + kSilent_host;
  options.finish_deadline = 100ms;
  options.on_error = [](const runlog::Error&) {};
  auto run = runlog::start_logging(std::move(options));
  REQUIRE(run);
  run->log("loss", 1.0, 1);
  is_resolving = false;
  run->flush();
  std::thread waiter([&] { (void)run->wait_until(runlog::Stage::Shipped, 10min); });
  is_resolving.wait(false);
  run->complete();  // its deadline, not the name server's; the waiter is told that it is over
  waiter.join();
  CHECK(run->stats().packs_waiting >= 1);
}

TEST_CASE("a forked child neither uses nor closes its parent's connection") {
  ScriptedServer server([](const ScriptedServer::Request& request) {
    return ScriptedServer::Answer{http_answer(200, "", request.target)};
  });
  auto client = std::make_unique<HttpClient>();
  REQUIRE(client->send({.url = server.url() + "/parent"}));
  const pid_t child = ::fork();
  if (child == 0) {
    const auto answer = client->send({.url = server.url() + "/child"});
    const bool is_good = answer && answer->body == "/child";
    client.reset();
    ::_exit(is_good ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(server.connections() == 2);
  const auto answer = client->send({.url = server.url() + "/again"});
  REQUIRE(answer);
  CHECK(answer->body == "/again");
  CHECK(server.connections() == 2);
}
