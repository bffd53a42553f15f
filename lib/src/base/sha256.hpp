// Sha256: the names of blobs, and the comparison of copies.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/crypto.hpp"

namespace runlog {

class Sha256 {
 public:
  void update(std::span<const std::byte> bytes) noexcept { digest_.update(bytes); }
  /// 64 lower-case hex digits. Call once, last.
  [[nodiscard]] std::string finish_hex();

 private:
  Digest digest_{Digest::Kind::sha256};
};

[[nodiscard]] bool is_sha256_hex(std::string_view text) noexcept;

}  // namespace runlog
