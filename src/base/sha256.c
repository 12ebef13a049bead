/* sha256.c - SHA-256 by the text of FIPS 180-4: sections 4.1.2 (functions), 4.2.2 (constants), 5.1.1 (padding), 5.3.3
 * (the first state) and 6.2.2 (a block). */
#include "base/sha256.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 64, ROUNDS = 64, LENGTH = 8 /* bytes of the length at the end */ };

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void take_block(uint32_t state[8], const unsigned char *block) {
    uint32_t w[ROUNDS], s[8];
    for (size_t t = 0; t < 16; t++)
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 | (uint32_t)block[4 * t + 2] << 8 |
               (uint32_t)block[4 * t + 3];
    for (size_t t = 16; t < ROUNDS; t++) {
        uint32_t small0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t small1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = small1 + w[t - 7] + small0 + w[t - 16];
    }
    memcpy(s, state, sizeof s);
    for (size_t t = 0; t < ROUNDS; t++) {
        uint32_t large1 = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
        uint32_t large0 = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
        uint32_t t1 = s[7] + large1 + ((s[4] & s[5]) ^ (~s[4] & s[6])) + constants[t] + w[t];
        uint32_t t2 = large0 + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (size_t i = 0; i < 8; i++) state[i] += s[i];
}

void cvt_sha256_begin(cvt_sha256 *hash) {
    *hash = (cvt_sha256){
        .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void cvt_sha256_add(cvt_sha256 *hash, const void *bytes, size_t n) {
    const unsigned char *from = bytes;
    size_t held = (size_t)(hash->size % BLOCK);
    if (n == 0) return;
    hash->size += n;
    if (held) {
        size_t more = n < BLOCK - held ? n : BLOCK - held;
        memcpy(hash->block + held, from, more);
        if (held + more < BLOCK) return;
        take_block(hash->state, hash->block);
        from += more;
        n -= more;
    }
    for (; n >= BLOCK; from += BLOCK, n -= BLOCK) take_block(hash->state, from);
    memcpy(hash->block, from, n);
}

void cvt_sha256_end(cvt_sha256 *hash, unsigned char digest[CVT_SHA256_SIZE]) {
    unsigned char tail[BLOCK + LENGTH] = {0x80};
    const uint64_t bits = 8 * hash->size;
    size_t held = (size_t)(hash->size % BLOCK);
    size_t zeros = (held < BLOCK - LENGTH ? BLOCK - LENGTH : 2 * BLOCK - LENGTH) - held; /* the first bit included */
    for (size_t i = 0; i < LENGTH; i++) tail[zeros + i] = (unsigned char)(bits >> (8 * (LENGTH - 1 - i)));
    cvt_sha256_add(hash, tail, zeros + LENGTH);
    for (size_t i = 0; i < CVT_SHA256_SIZE; i++) digest[i] = (unsigned char)(hash->state[i / 4] >> (8 * (3 - i % 4)));
}

void cvt_sha256_end_text(cvt_sha256 *hash, char text[CVT_SHA256_TEXT]) {
    unsigned char digest[CVT_SHA256_SIZE];
    cvt_sha256_end(hash, digest);
    for (size_t i = 0; i < CVT_SHA256_SIZE; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

void cvt_sha256_of(const void *bytes, size_t n, char text[CVT_SHA256_TEXT]) {
    cvt_sha256 hash;
    cvt_sha256_begin(&hash);
    cvt_sha256_add(&hash, bytes, n);
    cvt_sha256_end_text(&hash, text);
}
