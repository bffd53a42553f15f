#include "base/sha256.hpp"

#include "base/hex.hpp"

namespace runlog {

std::string Sha256::finish_hex() {
  return to_hex(digest_.finish().span());
}

bool is_sha256_hex(std::string_view text) noexcept {
  return text.size() == 64 && text.find_first_not_of(kHex_digits) == std::string_view::npos;
}

}  // namespace runlog
