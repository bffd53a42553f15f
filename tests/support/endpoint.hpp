// Endpoint: a server on 127.0.0.1 that answers each request with what the test's function returns.
// One request per connection; it remembers what it was asked.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace test {

struct EndpointRequest {
  std::string method = {}, target = {}, body = {};
  std::map<std::string, std::string> headers = {};  ///< names in lower case
};

class Endpoint {
 public:
  /// Returns the whole answer, status line and all; see answer().
  using Handler = std::function<std::string(const EndpointRequest&)>;

  explicit Endpoint(Handler handler);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  /// "http://127.0.0.1:<port>"
  [[nodiscard]] const std::string& url() const noexcept { return url_; }
  [[nodiscard]] std::vector<EndpointRequest> requests() const;

 private:
  void serve();
  void serve_one(int connection);

  Handler handler_;
  std::string url_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  mutable std::mutex mutex_;
  std::vector<EndpointRequest> requests_;  // guarded by mutex_
  std::thread thread_;
};

/// A whole HTTP answer with this status and body.
[[nodiscard]] std::string answer(int status, const std::string& body);

/// Sets environment variables for one scope; an empty value unsets one.
class ScopedEnvironment {
 public:
  explicit ScopedEnvironment(const std::map<std::string, std::string>& values);
  ~ScopedEnvironment();
  ScopedEnvironment(const ScopedEnvironment&) = delete;
  ScopedEnvironment& operator=(const ScopedEnvironment&) = delete;

 private:
  std::map<std::string, std::string> before_;
};

}  // namespace test
