#include "base/sha256.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <new>

#include "base/crypto.hpp"
#include "base/ids.hpp"

namespace runlog {

struct Sha256::State {
  EVP_MD_CTX* context = prepare_crypto() ? EVP_MD_CTX_new() : nullptr;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (state_->context == nullptr ||
      EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1) {
    throw std::bad_alloc();  // or libcrypto has been ended; callers treat both as this
  }
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
}

std::string Sha256::finish_hex() {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_DigestFinal_ex(state_->context, digest.data(), &length);
  return to_hex(std::span(digest).first(length));
}

bool is_sha256_hex(std::string_view text) noexcept {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace runlog
