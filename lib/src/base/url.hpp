// URLs of stores as text: which parts may be shown and written down. store/cloud/store_url knows
// what they mean.
#pragma once

#include <cstddef>
#include <string_view>

#include "runlog/shown.hpp"  // without_secrets()

namespace runlog {

/// Where what follows "scheme:" and its slashes begins; npos: `text` does not begin with a URL.
/// Where the slashes are not two, only a scheme other than file makes a URL of it.
[[nodiscard]] std::size_t authority_begin(std::string_view text) noexcept;

/// Whether `url` has a user with a password whose '@' is not in it: the password may have a
/// character in it that seems to end the URL.
[[nodiscard]] bool has_open_password(std::string_view url) noexcept;

}  // namespace runlog
