/* sha256.h - the hash SHA-256 (FIPS 180-4), by which the header of records names the weights and the config. */
#ifndef CVT_BASE_SHA256_H
#define CVT_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { CVT_SHA256_SIZE = 32, CVT_SHA256_TEXT = 65 };

/* A hash that is being computed: begin, then add any number of times, then end. */
typedef struct cvt_sha256 {
    uint32_t state[8];
    uint64_t size;           /* bytes so far */
    unsigned char block[64]; /* the last size % 64 of them */
} cvt_sha256;

void cvt_sha256_begin(cvt_sha256 *hash);
void cvt_sha256_add(cvt_sha256 *hash, const void *bytes, size_t n);
void cvt_sha256_end(cvt_sha256 *hash, unsigned char digest[CVT_SHA256_SIZE]);
/* The same as 64 lower-case hexadecimal digits and a 0, as sha256sum prints it. */
void cvt_sha256_end_text(cvt_sha256 *hash, char text[CVT_SHA256_TEXT]);
/* All of it, for n bytes that lie in one piece. */
void cvt_sha256_of(const void *bytes, size_t n, char text[CVT_SHA256_TEXT]);

#endif
