// Sha256: names blobs and proves copies equal. OpenSSL does the work.
#pragma once

#include <memory>
#include <span>
#include <string>

namespace runlog {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::span<const std::byte> bytes);
  /// 64 lower-case hex digits. Call once, last.
  [[nodiscard]] std::string finish_hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] bool is_sha256_hex(std::string_view text) noexcept;

}  // namespace runlog
