// An HTTP server on 127.0.0.1 inside the test that answers as it is told, wrongly if told so. For
// what real servers do not do on demand: nonsense, endless bodies, silence, lost answers.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace test {

class ScriptedServer {
 public:
  struct Request {
    std::string method = {};
    std::string target = {};                          ///< as it stood in the request line
    std::map<std::string, std::string> headers = {};  ///< names in lower case
    std::string body = {};

    [[nodiscard]] std::string header(const std::string& name) const {
      const auto found = headers.find(name);
      return found == headers.end() ? "" : found->second;
    }
  };
  struct Answer {
    std::string bytes = {};  ///< head and body, exactly as sent
    enum class Then { keep, close, reset, hang, repeat_for_ever } then = Then::keep;
    bool reads_body = true;  ///< false: answers (and ends) with the body half read
  };
  using Handler = std::function<Answer(const Request&)>;

  /// `handler` is called for each request, one at a time.
  explicit ScriptedServer(Handler handler);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// All requests so far.
  [[nodiscard]] std::vector<Request> requests() const;
  [[nodiscard]] int connections() const noexcept { return connections_.load(); }
  /// Blocks until a request is being answered with `hang`.
  void wait_for_hang();

 private:
  void serve();
  bool serve_connection(int fd);
  bool respond(int fd, const Answer& answer);
  [[nodiscard]] bool is_readable(int fd);

  Handler handler_;
  int listener_ = -1;
  int stop_ = -1;  // an eventfd: readable once the test is over
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;  // guarded by mutex_
  std::atomic<bool> is_hanging_ = false;
  std::vector<std::thread> workers_;  // serve()'s thread only, until it is joined
  std::thread thread_;
};

/// "HTTP/1.1 200 OK" with Content-Length and the given header lines ("A: b\r\n").
[[nodiscard]] std::string http_answer(int status, const std::string& headers = "",
                                      const std::string& body = "");

}  // namespace test
