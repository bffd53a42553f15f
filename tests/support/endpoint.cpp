#include "support/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <stdexcept>

namespace test {

Endpoint::Endpoint(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::pipe(wake_) != 0) {
    throw std::runtime_error("cannot listen on 127.0.0.1");
  }
  url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this] { serve(); });
}

Endpoint::~Endpoint() {
  (void)!::write(wake_[1], "x", 1);
  thread_.join();
  ::close(wake_[0]);
  ::close(wake_[1]);
  ::close(listener_);
}

std::vector<EndpointRequest> Endpoint::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void Endpoint::serve() {
  for (;;) {
    std::array<pollfd, 2> waiting{pollfd{.fd = listener_, .events = POLLIN, .revents = 0},
                                  pollfd{.fd = wake_[0], .events = POLLIN, .revents = 0}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting[1].revents != 0) return;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    serve_one(connection);
    ::close(connection);
  }
}

void Endpoint::serve_one(int connection) {
  std::string text;
  std::size_t head_end = std::string::npos;
  std::size_t wanted = std::string::npos;
  EndpointRequest request;
  while (text.size() < wanted) {
    std::array<char, 4096> chunk{};
    const ssize_t got = ::read(connection, chunk.data(), chunk.size());
    if (got <= 0) return;
    text.append(chunk.data(), static_cast<std::size_t>(got));
    if (head_end != std::string::npos) continue;
    head_end = text.find("\r\n\r\n");
    if (head_end == std::string::npos) continue;
    request.method = text.substr(0, text.find(' '));
    const std::size_t target = request.method.size() + 1;
    request.target = text.substr(target, text.find(' ', target) - target);
    for (std::size_t at = text.find("\r\n") + 2; at < head_end;) {
      const std::size_t end = text.find("\r\n", at);
      const std::size_t colon = text.find(':', at);
      std::string name = text.substr(at, colon - at);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      request.headers[name] = text.substr(colon + 2, end - colon - 2);
      at = end + 2;
    }
    const auto length = request.headers.find("content-length");
    wanted =
        head_end + 4 +
        (length == request.headers.end() ? 0 : std::strtoul(length->second.c_str(), nullptr, 10));
  }
  request.body = text.substr(head_end + 4);
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const std::string reply = handler_(request);
  for (std::size_t sent = 0; sent < reply.size();) {
    const ssize_t put = ::send(connection, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
    if (put <= 0) return;
    sent += static_cast<std::size_t>(put);
  }
}

std::string answer(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " x\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

ScopedEnvironment::ScopedEnvironment(const std::map<std::string, std::string>& values) {
  for (const auto& [name, value] : values) {
    const char* const old = std::getenv(name.c_str());
    before_[name] = old == nullptr ? "" : old;
    if (value.empty()) {
      ::unsetenv(name.c_str());
    } else {
      ::setenv(name.c_str(), value.c_str(), 1);
    }
  }
}

ScopedEnvironment::~ScopedEnvironment() {
  for (const auto& [name, value] : before_) {
    if (value.empty()) {
      ::unsetenv(name.c_str());
    } else {
      ::setenv(name.c_str(), value.c_str(), 1);
    }
  }
}

}  // namespace test
