// URLs of stores as text: which parts may be shown and written down. store/cloud/store_url knows
// what they mean.
#pragma once

#include <string>
#include <string_view>

namespace runlog {

/// `url` without user:password@ and without the values of query keys that may be secret.
[[nodiscard]] std::string without_secrets(std::string_view url);

}  // namespace runlog
