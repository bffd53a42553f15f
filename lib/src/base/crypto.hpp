// crypto: digests and MACs of OpenSSL's libcrypto, and its first use in this process. They throw
// std::bad_alloc when libcrypto has no memory, or when an exit handler has shut it down.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace runlog {

/// To be called before libcrypto is used, by us or by what we load; cheap, any thread. Where nobody
/// has used it before, it registers no exit handler: runs ship what they have until the last
/// instruction of the process, behind all handlers. False: somebody else's handler has ended it.
[[nodiscard]] bool prepare_crypto() noexcept;

/// A message digest of what it is given piece by piece. Not thread-safe.
class Digest {
 public:
  enum class Kind : std::uint8_t { sha256, md5 };
  explicit Digest(Kind kind);
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  /// False: a policy forbids it (MD5 under FIPS); then it does nothing.
  [[nodiscard]] bool is_allowed() const noexcept { return is_allowed_; }
  void update(std::span<const std::byte> bytes) noexcept;
  /// Call once, last.
  struct Value {
    std::array<std::uint8_t, 64> bytes = {};
    std::size_t size = 0;
    [[nodiscard]] std::span<const std::uint8_t> span() const noexcept {
      return std::span(bytes).first(size);
    }
  };
  [[nodiscard]] Value finish() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
  bool is_allowed_ = false;
};

/// 32 bytes.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view text);

[[nodiscard]] std::string base64(std::span<const std::uint8_t> bytes);
/// Nothing for what is no base64 of whole groups of four.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

/// Overwrites `bytes`; no compiler leaves it out.
void cleanse(std::span<char> bytes) noexcept;

}  // namespace runlog
