/* The functions of libcrypto that the library calls, for a module that does not link it. It is
 * loaded when the first byte is digested or signed; one that the process has already is taken.
 * Where there is none, SHA-256 is computed here, more slowly; MD5 and signatures, of which stores
 * over HTTP alone have need, fail. EVP_MD_CTX and EVP_MD are ours: lib/src/base/crypto.cpp sees
 * nothing of them. */
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"

static const char kLibrary[] = "libcrypto.so.3";

static struct {
  int (*init)(uint64_t, const OPENSSL_INIT_SETTINGS*);
  EVP_MD_CTX* (*new_context)(void);
  void (*free_context)(EVP_MD_CTX*);
  const EVP_MD* (*sha256)(void);
  const EVP_MD* (*md5)(void);
  int (*digest_init)(EVP_MD_CTX*, const EVP_MD*, ENGINE*);
  int (*digest_update)(EVP_MD_CTX*, const void*, size_t);
  int (*digest_final)(EVP_MD_CTX*, unsigned char*, unsigned*);
  unsigned char* (*hmac)(const EVP_MD*, const void*, int, const unsigned char*, size_t,
                         unsigned char*, unsigned*);
  int (*encode)(unsigned char*, const unsigned char*, int);
  int (*decode)(unsigned char*, const unsigned char*, int);
} crypto;
static bool is_loaded;
static pthread_once_t loading = PTHREAD_ONCE_INIT;

static bool find(void* library, const char* name, void* function) {
  void* const found = dlsym(library, name);
  memcpy(function, &found, sizeof found); /* ISO C has no cast from an object to a function */
  return found != NULL;
}

static void load(void) {
  void* const library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  is_loaded =
      library != NULL && find(library, "OPENSSL_init_crypto", &crypto.init) &&
      find(library, "EVP_MD_CTX_new", &crypto.new_context) &&
      find(library, "EVP_MD_CTX_free", &crypto.free_context) &&
      find(library, "EVP_sha256", &crypto.sha256) && find(library, "EVP_md5", &crypto.md5) &&
      find(library, "EVP_DigestInit_ex", &crypto.digest_init) &&
      find(library, "EVP_DigestUpdate", &crypto.digest_update) &&
      find(library, "EVP_DigestFinal_ex", &crypto.digest_final) &&
      find(library, "HMAC", &crypto.hmac) && find(library, "EVP_EncodeBlock", &crypto.encode) &&
      find(library, "EVP_DecodeBlock", &crypto.decode) &&
      crypto.init(OPENSSL_INIT_NO_ATEXIT, NULL) == 1;
}

static bool is_ready(void) {
  (void)pthread_once(&loading, load);
  return is_loaded;
}

/* The caller wants it set up before somebody else does: where the process has none, nobody does. */
int OPENSSL_init_crypto(uint64_t options, const OPENSSL_INIT_SETTINGS* settings) {
  void* const there = dlopen(kLibrary, RTLD_LAZY | RTLD_NOLOAD);
  if (there == NULL) return 1;
  (void)dlclose(there); /* a count of users; it stays */
  return is_ready() ? crypto.init(options, settings) : 1;
}

/* ---- Digests ---- */

static const char kSha256, kMd5; /* which; their addresses count */

const EVP_MD* EVP_sha256(void) {
  return (const EVP_MD*)&kSha256;
}
const EVP_MD* EVP_md5(void) {
  return (const EVP_MD*)&kMd5;
}

static const EVP_MD* real_type(const EVP_MD* type) {
  return type == EVP_md5() ? crypto.md5() : crypto.sha256();
}

typedef struct Context {
  const EVP_MD* type;
  EVP_MD_CTX* real; /* NULL: `own` has what has come so far */
  bool has_begun;
  Sha256State own;
} Context;

EVP_MD_CTX* EVP_MD_CTX_new(void) {
  return (EVP_MD_CTX*)calloc(1, sizeof(Context));
}

void EVP_MD_CTX_free(EVP_MD_CTX* context) {
  if (context != NULL && ((Context*)context)->real != NULL) {
    crypto.free_context(((Context*)context)->real);
  }
  free(context);
}

/* 1, or 0 where libcrypto is there and says so. */
static int begin(Context* context) {
  context->has_begun = true;
  sha256_begin(&context->own);
  if (!is_ready()) return 1;
  context->real = crypto.new_context();
  return context->real != NULL &&
         crypto.digest_init(context->real, real_type(context->type), NULL) == 1;
}

int EVP_DigestInit_ex(EVP_MD_CTX* context, const EVP_MD* type, ENGINE* engine) {
  (void)engine;
  Context* const own = (Context*)context;
  own->type = type;
  if (type == EVP_sha256()) return 1; /* an empty digest needs no library */
  return is_ready() && begin(own);
}

int EVP_DigestUpdate(EVP_MD_CTX* context, const void* data, size_t bytes) {
  Context* const own = (Context*)context;
  if (!own->has_begun && begin(own) != 1) {
    if (own->real != NULL) crypto.free_context(own->real);
    own->real = NULL; /* no memory for it, or a policy: ours gives the same digest */
  }
  if (own->real != NULL) return crypto.digest_update(own->real, data, bytes);
  sha256_add(&own->own, data, bytes);
  return 1;
}

int EVP_DigestFinal_ex(EVP_MD_CTX* context, unsigned char* digest, unsigned* bytes) {
  Context* const own = (Context*)context;
  if (own->real != NULL) return crypto.digest_final(own->real, digest, bytes);
  if (!own->has_begun) sha256_begin(&own->own);
  sha256_end(&own->own, digest);
  *bytes = SHA256_BYTES;
  return 1;
}

/* ---- Of stores over HTTP ---- */

unsigned char* HMAC(const EVP_MD* type, const void* key, int key_bytes, const unsigned char* data,
                    size_t bytes, unsigned char* digest, unsigned* digest_bytes) {
  if (!is_ready()) return NULL;
  return crypto.hmac(real_type(type), key, key_bytes, data, bytes, digest, digest_bytes);
}
int EVP_EncodeBlock(unsigned char* to, const unsigned char* from, int bytes) {
  return is_ready() ? crypto.encode(to, from, bytes) : -1;
}
int EVP_DecodeBlock(unsigned char* to, const unsigned char* from, int bytes) {
  return is_ready() ? crypto.decode(to, from, bytes) : -1;
}
void OPENSSL_cleanse(void* data, size_t bytes) {
  explicit_bzero(data, bytes);
}
