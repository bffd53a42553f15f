// The network and the servers nobody wishes for. Listens on a free port of 127.0.0.1 and passes
// each request on to the server behind it, but for the first COUNT of METHOD, which meet a fault.
//   fault_proxy DIR UPSTREAM_PORT METHOD COUNT FAULT [ARGUMENT]
// METHOD may be "any", and may go on with ":TEXT", which the target must hold; COUNT -1 is all.
// Faults:
//   answer FILE    answers with the bytes of FILE, whatever was asked
//   lose           passes on, reads the answer, and says 504
//   drop           passes on, reads the answer, and closes the connection
//   reset N        resets the connection after N bytes of the request's body
//   cut N          passes on; resets the connection after N bytes of the answer
//   hang           reads the request and says nothing until the client gives up
//   garbage        answers with 64 KiB of noise
//   headers        answers with header lines that never end
//   flood N        answers 200 with a body of N zeros
//   rate N         passes on, at N bytes a second in each direction
//   pass           passes on
// DIR/port tells the port. DIR/requests gets a line per finished request: method, target, what was
// done, and the status of the server behind. One connection, one request: that is simplest, and
// clients must bear it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace {

constexpr std::size_t kHead_bytes_max = 64 << 10;
constexpr std::size_t kPiece_bytes = 64 << 10;

struct Plan {
  std::string dir = {};
  std::uint16_t upstream_port = 0;
  std::string method = {};
  std::string text = {};  // in the target
  std::string fault = {};
  std::string answer = {};
  std::int64_t number = 0;  // the fault's argument
};

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int get() const noexcept { return fd_; }

  bool send(std::string_view bytes) const noexcept {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // At most `bytes_max`; empty at the end or on an error.
  [[nodiscard]] std::string receive(std::size_t bytes_max) const {
    std::string bytes(std::min(bytes_max, kPiece_bytes), '\0');
    const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }

  void reset() noexcept {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

Socket connect_to(std::uint16_t port) {
  Socket server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Socket(-1);
  }
  return server;
}

struct Message {
  std::string head = {};     // with the empty line
  std::string body = {};     // what came along with the head
  std::uint64_t length = 0;  // of the whole body
  [[nodiscard]] std::string word(std::size_t index) const {
    std::size_t begin = 0;
    for (; index > 0; --index) begin = head.find(' ', begin) + 1;
    return head.substr(begin, head.find_first_of(" \r", begin) - begin);
  }
};

bool read_head(const Socket& from, Message& message) {
  std::string& head = message.head;
  std::size_t end = std::string::npos;
  while ((end = head.find("\r\n\r\n")) == std::string::npos) {
    const std::string more = from.receive(kPiece_bytes);
    if (more.empty() || head.size() > kHead_bytes_max) return false;
    head += more;
  }
  message.body = head.substr(end + 4);
  head.resize(end + 4);
  std::string lower = head;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  constexpr std::string_view kLength = "\r\ncontent-length:";
  if (const std::size_t at = lower.find(kLength); at != std::string::npos) {
    message.length = std::strtoull(lower.c_str() + at + kLength.size(), nullptr, 10);
  }
  return true;
}

// The server behind is to close when it has answered: that ends its answer, whatever its framing.
std::string with_close(const std::string& head) {
  std::string out;
  for (std::size_t begin = 0; begin < head.size();) {
    const std::size_t end = head.find("\r\n", begin) + 2;
    const std::string line = head.substr(begin, end - begin);
    if (line == "\r\n") out += "Connection: close\r\n";
    if (::strncasecmp(line.c_str(), "connection:", 11) != 0) out += line;
    begin = end;
  }
  return out;
}

class Proxy {
 public:
  Proxy(Plan plan, std::int64_t count) : plan_(std::move(plan)), left_(count) {}

  void serve(Socket client) {
    Message request;
    if (!read_head(client, request)) return;
    const bool is_met = meets_fault(request.word(0), request.word(1));
    const std::string fault = is_met ? plan_.fault : "pass";
    if (fault == "reset") {
      take_body(client, request, static_cast<std::uint64_t>(plan_.number));
      log(request, fault, "-");
      return client.reset();
    }
    if (fault == "pass" || fault == "lose" || fault == "drop" || fault == "cut" ||
        fault == "rate") {
      return pass(client, request, fault);
    }
    take_body(client, request, request.length);
    log(request, fault, "-");
    if (fault == "answer") {
      client.send(plan_.answer);
    } else if (fault == "hang") {
      while (!client.receive(kPiece_bytes).empty()) {
      }
    } else if (fault == "garbage") {
      std::string noise(64 << 10, '\0');
      std::uint64_t state = 88172645463325252u;
      for (char& byte : noise) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        byte = static_cast<char>(state);
      }
      client.send(noise);
    } else if (fault == "headers") {
      const std::string line = "x-noise: " + std::string(1000, 'n') + "\r\n";
      if (client.send("HTTP/1.1 200 OK\r\n"))
        while (client.send(line)) {
        }
    } else if (fault == "flood") {
      client.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(plan_.number) +
                  "\r\n\r\n");
      const std::string zeros(kPiece_bytes, '\0');
      for (std::int64_t left = plan_.number; left > 0;
           left -= static_cast<std::int64_t>(kPiece_bytes))
        if (!client.send(zeros)) break;
    }
  }

 private:
  bool meets_fault(const std::string& method, const std::string& target) {
    if (plan_.method != "any" && plan_.method != method) return false;
    if (target.find(plan_.text) == std::string::npos) return false;
    const std::lock_guard lock(mutex_);
    if (left_ == 0) return false;
    if (left_ > 0) --left_;
    return true;
  }

  static void take_body(const Socket& client, const Message& request, std::uint64_t bytes) {
    std::uint64_t got = request.body.size();
    while (got < std::min(bytes, request.length)) {
      const std::string more = client.receive(kPiece_bytes);
      if (more.empty()) return;
      got += more.size();
    }
  }

  void pass(Socket& client, const Message& request, const std::string& fault) {
    const Socket server = connect_to(plan_.upstream_port);
    if (!server.is_open()) {
      log(request, fault, "refused");
      return client.reset();
    }
    const bool is_slow = fault == "rate";
    bool is_whole = server.send(with_close(request.head)) && forward(server, request.body, is_slow);
    for (std::uint64_t sent = request.body.size(); is_whole && sent < request.length;) {
      const std::string piece = client.receive(piece_bytes(is_slow));
      is_whole = !piece.empty() && forward(server, piece, is_slow);
      sent += piece.size();
    }
    if (!is_whole) return log(request, fault, "unfinished");
    std::string status = "-";
    std::int64_t answered = 0;
    const bool is_kept = fault == "lose" || fault == "drop";
    for (;;) {
      std::string piece = server.receive(piece_bytes(is_slow));
      if (status == "-" && piece.size() > 12) status = piece.substr(9, 3);
      if (piece.empty()) break;
      if (fault == "cut" && answered + static_cast<std::int64_t>(piece.size()) > plan_.number) {
        piece.resize(static_cast<std::size_t>(plan_.number - answered));
        client.send(piece);
        log(request, fault, status);
        return client.reset();
      }
      answered += static_cast<std::int64_t>(piece.size());
      if (!is_kept && !forward(client, piece, is_slow)) break;
    }
    log(request, fault, status);
    if (fault == "lose") {
      client.send("HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
  }

  [[nodiscard]] std::size_t piece_bytes(bool is_slow) const {
    return is_slow ? std::max<std::size_t>(1, static_cast<std::size_t>(plan_.number) / 20)
                   : kPiece_bytes;
  }

  bool forward(const Socket& to, const std::string& bytes, bool is_slow) const {
    if (!is_slow) return to.send(bytes);
    // In twenty pieces a second: a link that moves, if slowly.
    const std::size_t step = piece_bytes(true);
    for (std::size_t begin = 0; begin < bytes.size(); begin += step) {
      if (!to.send(std::string_view(bytes).substr(begin, step))) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return true;
  }

  void log(const Message& request, const std::string& fault, const std::string& status) {
    const std::lock_guard lock(mutex_);
    std::ofstream(plan_.dir + "/requests", std::ios::app)
        << request.word(0) << ' ' << request.word(1) << ' ' << fault << ' ' << status << '\n';
  }

  const Plan plan_;
  std::mutex mutex_;
  std::int64_t left_;  // guarded by mutex_
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: fault_proxy DIR UPSTREAM_PORT METHOD COUNT FAULT [ARGUMENT]\n");
    return 2;
  }
  const std::string argument = argc > 6 ? argv[6] : "";
  Plan plan{.dir = argv[1],
            .upstream_port = static_cast<std::uint16_t>(std::atoi(argv[2])),
            .method = argv[3],
            .fault = argv[5]};
  if (const std::size_t colon = plan.method.find(':'); colon != std::string::npos) {
    plan.text = plan.method.substr(colon + 1);
    plan.method.resize(colon);
  }
  if (plan.fault == "answer") {
    std::ifstream file(argument, std::ios::binary);
    if (!file) {
      std::perror(argument.c_str());
      return 1;
    }
    plan.answer.assign(std::istreambuf_iterator<char>(file), {});
  } else {
    plan.number = std::atoll(argument.c_str());
  }
  std::signal(SIGPIPE, SIG_IGN);
  const Socket listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener.get(), 64) != 0 ||
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    std::perror("fault_proxy: cannot listen on 127.0.0.1");
    return 1;
  }
  // Aside and renamed: whoever waits for the file reads all of it.
  std::ofstream(plan.dir + "/port.new") << ntohs(address.sin_port) << '\n';
  if (std::rename((plan.dir + "/port.new").c_str(), (plan.dir + "/port").c_str()) != 0) return 1;

  Proxy proxy(std::move(plan), std::atoll(argv[4]));
  for (;;) {
    const int client = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    std::thread([&proxy, client] { proxy.serve(Socket(client)); }).detach();
  }
}
