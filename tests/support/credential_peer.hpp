// CredentialPeer: a metadata or token endpoint on loopback, in this process, that gives scripted
// answers and remembers what it was asked. For credentials only: the stores are tested against real
// servers.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace test {

struct PeerRequest {
  std::string method = {};
  std::string target = {};                          ///< path and query
  std::map<std::string, std::string> headers = {};  ///< names in lower case
  std::string body = {};
};

struct PeerAnswer {
  int status = 200;
  std::string body = {};
  bool hangs_up = false;  ///< closes the connection in place of an answer
};

class CredentialPeer {
 public:
  /// Called in the peer's thread, once for each request.
  using Handler = std::function<PeerAnswer(const PeerRequest&)>;

  explicit CredentialPeer(Handler handler);
  ~CredentialPeer();
  CredentialPeer(const CredentialPeer&) = delete;
  CredentialPeer& operator=(const CredentialPeer&) = delete;

  /// "http://127.0.0.1:PORT".
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::vector<PeerRequest> requests() const;

 private:
  void serve();
  void serve_one(int connection);

  const Handler handler_;
  int listener_ = -1;
  int stop_ = -1;  // an eventfd
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<PeerRequest> requests_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace test
