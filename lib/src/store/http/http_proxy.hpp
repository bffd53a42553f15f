// Which proxy the environment names, for messages: libcurl chooses by itself and does not say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace runlog {

struct HttpProxy {
  std::string variable = {};  ///< "https_proxy"
  std::string shown = {};     ///< its URL without user and password
  std::string host = {};
  std::uint16_t port = 0;
};

/// The one for `url` by libcurl's rules, whatever no_proxy says. Nothing when none is named, or its
/// port is no number.
[[nodiscard]] std::optional<HttpProxy> find_proxy(std::string_view url);

/// `text` as a proxy's URL; nothing when its port is no number.
[[nodiscard]] std::optional<HttpProxy> read_proxy(std::string variable, std::string_view text);

/// Whether the server of `url` has the proxy's port, so that the port does not tell them apart.
[[nodiscard]] bool has_port_of(std::string_view url, const HttpProxy& proxy);

}  // namespace runlog
