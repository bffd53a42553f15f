#include "base/crypto.hpp"

#include <openssl/crypto.h>

namespace runlog {

bool prepare_crypto() noexcept {
  return ::OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr) == 1;
}

}  // namespace runlog
