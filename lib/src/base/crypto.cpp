#include "base/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <new>

namespace runlog {

static_assert(EVP_MAX_MD_SIZE <= 64);

bool prepare_crypto() noexcept {
  return ::OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr) == 1;
}

struct Digest::State {
  EVP_MD_CTX* context = prepare_crypto() ? ::EVP_MD_CTX_new() : nullptr;
  ~State() { ::EVP_MD_CTX_free(context); }
};

Digest::Digest(Kind kind) : state_(std::make_unique<State>()) {
  if (state_->context == nullptr) throw std::bad_alloc();
  const EVP_MD* const which = kind == Kind::sha256 ? ::EVP_sha256() : ::EVP_md5();
  is_allowed_ = ::EVP_DigestInit_ex(state_->context, which, nullptr) == 1;
  if (!is_allowed_ && kind == Kind::sha256) throw std::bad_alloc();
}

Digest::~Digest() = default;

void Digest::update(std::span<const std::byte> bytes) noexcept {
  if (is_allowed_) ::EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
}

Digest::Value Digest::finish() noexcept {
  Value value;
  unsigned size = 0;
  if (is_allowed_) ::EVP_DigestFinal_ex(state_->context, value.bytes.data(), &size);
  value.size = size;
  return value;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (!prepare_crypto()) throw std::bad_alloc();
  ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(out.data()), &size);
  out.resize(size);
  return out;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(),
                                     static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(std::max(size, 0)));
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return {};
  std::string out(text.size() / 4 * 3, '\0');
  const int size = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (size < 0) return {};
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

void cleanse(std::span<char> bytes) noexcept {
  ::OPENSSL_cleanse(bytes.data(), bytes.size());
}

}  // namespace runlog
