// Netrc: user and password for a host, from the file curl, git and ftp read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runlog/result.hpp"
#include "store/credentials/credentials.hpp"

namespace runlog {

struct NetrcEntry {
  std::string user = {};
  Secret password = {};
};

/// The entry of `host`, else that of `default`; nothing when there is neither. Words may be in
/// double quotes, with \" \\ \n \r \t in them. Errors: invalid_argument, with the line, never with
/// its text.
Result<std::optional<NetrcEntry>> find_in_netrc(std::string_view text, std::string_view host);

}  // namespace runlog
