#include "support/credential_peer.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string_view>

namespace test {
namespace {

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// The head of a request, without its body.
PeerRequest parse_head(std::string_view head) {
  PeerRequest request;
  const std::size_t line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  const std::size_t first = line.find(' ');
  const std::size_t second = line.find(' ', first + 1);
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, second - first - 1);
  head.remove_prefix(line_end + 2);
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view field = head.substr(0, end);
    const std::size_t colon = field.find(':');
    if (colon != std::string_view::npos) {
      std::string_view value = field.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      request.headers[lower(std::string(field.substr(0, colon)))] = value;
    }
    head.remove_prefix(std::min(end + 2, head.size()));
  }
  return request;
}

}  // namespace

CredentialPeer::CredentialPeer(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (listener_ < 0 || stop_ < 0 || ::bind(listener_, raw, size) != 0 ||
      ::listen(listener_, 16) != 0 || ::getsockname(listener_, raw, &size) != 0) {
    throw std::runtime_error("cannot listen on loopback");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

CredentialPeer::~CredentialPeer() {
  const std::uint64_t one = 1;
  (void)!::write(stop_, &one, sizeof one);
  thread_.join();
  ::close(listener_);
  ::close(stop_);
}

std::string CredentialPeer::url() const {
  return "http://127.0.0.1:" + std::to_string(port_);
}

std::vector<PeerRequest> CredentialPeer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void CredentialPeer::serve() {
  for (;;) {
    std::array<pollfd, 2> waiting{pollfd{listener_, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting[1].revents != 0) return;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    serve_one(connection);
    ::close(connection);
  }
}

// One request for each connection; the answer says so.
void CredentialPeer::serve_one(int connection) {
  std::string text;
  std::size_t head_end = std::string::npos;
  std::size_t body_bytes = 0;
  PeerRequest request;
  while (head_end == std::string::npos || text.size() < head_end + 4 + body_bytes) {
    std::array<pollfd, 2> waiting{pollfd{connection, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting[1].revents != 0) return;
    std::array<char, 4096> chunk{};
    const ssize_t got = ::recv(connection, chunk.data(), chunk.size(), 0);
    if (got <= 0) return;
    text.append(chunk.data(), static_cast<std::size_t>(got));
    if (head_end != std::string::npos) continue;
    head_end = text.find("\r\n\r\n");
    if (head_end == std::string::npos) continue;
    request = parse_head(std::string_view(text).substr(0, head_end));
    const auto length = request.headers.find("content-length");
    if (length != request.headers.end()) body_bytes = std::stoul(length->second);
  }
  request.body = text.substr(head_end + 4, body_bytes);
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const PeerAnswer answer = handler_(request);
  if (answer.hangs_up) return;
  const std::string out =
      "HTTP/1.1 " + std::to_string(answer.status) +
      " Scripted\r\nConnection: close\r\nContent-Length: " + std::to_string(answer.body.size()) +
      "\r\n\r\n" + answer.body;
  for (std::string_view rest = out; !rest.empty();) {
    const ssize_t sent = ::send(connection, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace test
