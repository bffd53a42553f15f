/* SHA-256 (FIPS 180-4), for processes without libcrypto. */
#ifndef RUNLOG_PYTHON_SHA256_H
#define RUNLOG_PYTHON_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32 };

typedef struct Sha256State {
  uint32_t hash[8];
  uint64_t bytes; /* in all */
  unsigned char block[64];
} Sha256State;

void sha256_begin(Sha256State* state);
void sha256_add(Sha256State* state, const void* data, size_t bytes);
void sha256_end(Sha256State* state, unsigned char digest[SHA256_BYTES]);

#endif
