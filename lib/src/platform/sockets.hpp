// sockets: operations on the sockets of an HTTP library that it does not offer itself.
#pragma once

#include <cstdint>

struct sockaddr;

namespace runlog {

/// socket(2), with O_CLOEXEC and a number above 2. -1 with errno.
[[nodiscard]] int open_socket(int family, int type, int protocol) noexcept;
/// close(2): 0, or -1 with errno.
int close_socket(int socket) noexcept;
/// What the kernel has taken and the peer has not acknowledged; 0 where it does not tell.
[[nodiscard]] std::int64_t unsent_bytes(int socket) noexcept;
/// The port of an IPv4 or IPv6 address; else 0.
[[nodiscard]] std::uint16_t port_of(const sockaddr& address) noexcept;

}  // namespace runlog
