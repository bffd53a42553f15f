#include "platform/sockets.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "platform/descriptors.hpp"

namespace runlog {

int open_socket(int family, int type, int protocol) noexcept {
  return open_above_2([&] { return ::socket(family, type | SOCK_CLOEXEC, protocol); });
}

int close_socket(int socket) noexcept {
  return ::close(socket);
}

std::int64_t unsent_bytes(int socket) noexcept {
  int queued = 0;
  return ::ioctl(socket, SIOCOUTQ, &queued) == 0 ? queued : 0;
}

// Copied out: what is handed over may be declared smaller than an IPv6 address.
std::uint16_t port_of(const sockaddr& address) noexcept {
  in_port_t port = 0;
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  if (address.sa_family != AF_INET && address.sa_family != AF_INET6) return 0;
  std::memcpy(&port, reinterpret_cast<const char*>(&address) + offsetof(sockaddr_in, sin_port),
              sizeof port);
  return ntohs(port);
}

}  // namespace runlog
