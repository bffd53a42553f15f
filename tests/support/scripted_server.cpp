#include "support/scripted_server.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <stdexcept>

namespace test {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

ScriptedServer::Request parse_head(const std::string& head) {
  ScriptedServer::Request request;
  const std::size_t method_end = head.find(' ');
  request.method = head.substr(0, method_end);
  const std::size_t target_end = head.find(' ', method_end + 1);
  request.target = head.substr(method_end + 1, target_end - method_end - 1);
  std::size_t at = head.find("\r\n");
  while (at != std::string::npos && at + 2 < head.size()) {
    const std::size_t end = head.find("\r\n", at + 2);
    const std::string line = head.substr(at + 2, end - at - 2);
    if (const std::size_t colon = line.find(": "); colon != std::string::npos) {
      request.headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
    }
    at = end;
  }
  return request;
}

}  // namespace

ScriptedServer::ScriptedServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, plain, size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, plain, &size) != 0) {
    throw std::runtime_error("cannot listen on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

ScriptedServer::~ScriptedServer() {
  const std::uint64_t one = 1;
  (void)!::write(stop_, &one, sizeof one);
  thread_.join();
  for (std::thread& worker : workers_) worker.join();
  ::close(listener_);
  ::close(stop_);
}

std::vector<ScriptedServer::Request> ScriptedServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void ScriptedServer::wait_for_hang() {
  is_hanging_.wait(false);
}

bool ScriptedServer::is_readable(int fd) {
  std::array<pollfd, 2> fds = {pollfd{fd, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
  while (::poll(fds.data(), fds.size(), -1) < 0) {
  }
  return fds[1].revents == 0;
}

void ScriptedServer::serve() {
  while (is_readable(listener_)) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    workers_.emplace_back([this, fd] {
      while (serve_connection(fd)) {
      }
      ::close(fd);
    });
  }
}

// One request; false when the connection is over.
bool ScriptedServer::serve_connection(int fd) {
  std::string bytes;
  std::array<char, 65536> chunk{};
  const auto read_more = [&] {
    if (!is_readable(fd)) return false;
    const ssize_t got = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (got <= 0) return false;
    bytes.append(chunk.data(), static_cast<std::size_t>(got));
    return true;
  };
  while (bytes.find("\r\n\r\n") == std::string::npos) {
    if (!read_more()) return false;
  }
  const std::size_t head = bytes.find("\r\n\r\n") + 4;
  Request request = parse_head(bytes.substr(0, head));
  const std::string length = request.header("content-length");
  const std::size_t whole = head + (length.empty() ? 0 : std::stoul(length));
  Answer answer;
  {
    // The body may stay unread, so what to answer is asked first, with what is there of it.
    request.body = bytes.substr(head);
    const std::lock_guard lock(mutex_);
    answer = handler_(request);
  }
  while (answer.reads_body && bytes.size() < whole) {
    if (!read_more()) return false;
  }
  request.body = bytes.substr(head);
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
  }
  return respond(fd, answer);
}

bool ScriptedServer::respond(int fd, const Answer& answer) {
  const auto send_all = [&](const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      std::array<pollfd, 2> fds = {pollfd{fd, POLLOUT, 0}, pollfd{stop_, POLLIN, 0}};
      if (::poll(fds.data(), fds.size(), -1) < 0) continue;
      if (fds[1].revents != 0) return false;
      const ssize_t sent =
          ::send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) return false;
      at += static_cast<std::size_t>(sent);
    }
    return true;
  };
  bool goes_on = send_all(answer.bytes);
  switch (answer.then) {
    case Answer::Then::keep:
      return goes_on;
    case Answer::Then::close:
      return false;
    case Answer::Then::reset: {
      const linger at_once{1, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      return false;
    }
    case Answer::Then::hang: {
      is_hanging_ = true;
      is_hanging_.notify_all();
      // Until the client gives up or the test ends.
      std::array<char, 4096> ignored{};
      while (is_readable(fd) && ::recv(fd, ignored.data(), ignored.size(), 0) > 0) {
      }
      return false;
    }
    case Answer::Then::repeat_for_ever: {
      const std::string more(65536, 'x');
      while (goes_on) goes_on = send_all(more);
      return false;
    }
  }
  return false;
}

std::string http_answer(int status, const std::string& headers, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " Something\r\n" + headers +
         (status == 204 ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" +
         body;
}

}  // namespace test
