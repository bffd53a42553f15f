// netrc: names and passwords by host, as curl, git and ftp read them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ship/cloud/credentials.hpp"

namespace runlog {

/// The entry of `host` in a netrc file's text, else its `default` entry, which may only come last.
/// Values may be quoted. Macros are skipped. Takes any text.
[[nodiscard]] std::optional<HttpCredentials> find_in_netrc(std::string_view text,
                                                           std::string_view host);

}  // namespace runlog
