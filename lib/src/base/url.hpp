// URLs of stores as text: what of them may be shown and kept. What they mean is store_url's to say.
#pragma once

#include <string>
#include <string_view>

namespace runlog {

/// `url` without user:password@ and without the values of query keys that may be secret.
[[nodiscard]] std::string without_secrets(std::string_view url);

}  // namespace runlog
