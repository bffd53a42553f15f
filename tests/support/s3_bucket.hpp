// As much of S3 as a writer sees: objects that are created once, and told of. For tests that say
// what else it answers.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "support/scoped_environment.hpp"
#include "support/scripted_server.hpp"

namespace test {

/// What a process needs to know for it, and nothing that is found on the machine; and `more`.
inline std::map<std::string, std::string> s3_variables(
    std::map<std::string, std::string> more = {}) {
  more.merge(std::map<std::string, std::string>{{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                                                {"AWS_SECRET_ACCESS_KEY", "SECRETEXAMPLE"},
                                                {"AWS_SESSION_TOKEN", ""},
                                                {"AWS_PROFILE", ""},
                                                {"AWS_CONFIG_FILE", "/nonexistent/aws"},
                                                {"AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/aws"},
                                                {"AWS_ENDPOINT_URL", ""},
                                                {"AWS_ENDPOINT_URL_S3", ""}});
  return more;
}

class S3Bucket {
 public:
  /// An answer that is given instead of the bucket's own. Called for one request at a time.
  using Instead =
      std::function<std::optional<ScriptedServer::Answer>(const ScriptedServer::Request&)>;
  explicit S3Bucket(Instead instead) : instead_(std::move(instead)) {}

  [[nodiscard]] std::string url() const {
    return "s3://bucket/p?region=r&endpoint=" + server_.url();
  }
  /// Objects with `part` in their names.
  [[nodiscard]] std::size_t count(const std::string& part) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(
        objects_.begin(), objects_.end(),
        [&](const auto& object) { return object.first.find(part) != std::string::npos; }));
  }
  /// PUTs that were refused because the name was taken.
  [[nodiscard]] int taken() const {
    const std::lock_guard lock(mutex_);
    return taken_;
  }
  [[nodiscard]] ScriptedServer& server() { return server_; }
  /// Writes what it holds below `directory`, which is a store then that can be read. Where an
  /// object was put more often, all of them were the same.
  void save_to(const std::filesystem::path& directory) const {
    const std::string prefix = "/bucket/p/";
    for (const ScriptedServer::Request& request : server_.requests()) {
      const std::lock_guard lock(mutex_);
      const auto known = objects_.find(request.target);
      const bool is_whole = request.method == "PUT" && known != objects_.end() &&
                            std::to_string(request.body.size()) == known->second.first;
      if (!is_whole || !request.target.starts_with(prefix)) continue;
      std::string name = request.target.substr(prefix.size());
      for (std::size_t at = 0; (at = name.find("%3D", at)) != std::string::npos;) {
        name.replace(at, 3, "=");
      }
      std::filesystem::create_directories((directory / name).parent_path());
      std::ofstream(directory / name, std::ios::binary) << request.body;
    }
  }

  /// For `Instead`: the object has arrived, whatever is answered.
  void accept(const ScriptedServer::Request& request) {
    const std::lock_guard lock(mutex_);
    keep(request);
  }

 private:
  void keep(const ScriptedServer::Request& request) {
    objects_[request.target] = {request.header("content-length"),
                                request.header("x-amz-content-sha256")};
  }
  ScriptedServer::Answer answer(const ScriptedServer::Request& request) {
    if (auto instead = instead_(request)) return std::move(*instead);
    const std::lock_guard lock(mutex_);
    const auto known = objects_.find(request.target);
    if (request.method == "HEAD") {
      if (known == objects_.end()) {
        return {"HTTP/1.1 404 Not Found\r\n\r\n", ScriptedServer::Answer::Then::close};
      }
      return {"HTTP/1.1 200 OK\r\nContent-Length: " + known->second.first +
              "\r\nx-amz-meta-runlog-sha256: " + known->second.second + "\r\n\r\n"};
    }
    if (known != objects_.end()) {
      ++taken_;
      return {http_answer(412)};
    }
    keep(request);
    return {http_answer(200, "ETag: \"x\"\r\n")};
  }

  const ScopedEnvironment environment_{s3_variables()};
  const Instead instead_;
  mutable std::mutex mutex_;
  std::map<std::string, std::pair<std::string, std::string>> objects_;  // guarded by mutex_
  int taken_ = 0;                                                       // guarded by mutex_
  ScriptedServer server_{[this](const auto& request) { return answer(request); }};
};

}  // namespace test
