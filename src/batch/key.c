/* key.c - hashes of what inputs are called. */
#include "batch/key.h"

#include <string.h>

#include "base/file.h"
#include "base/num.h"
#include "base/sha256.h"

size_t cvt_key_length(const char *path) {
    const char *last = cvt_file_name(path);
    return (size_t)(last - path) + strcspn(last, ".");
}

bool cvt_shard_has(cvt_shard shard, const char *tar, const char *path) {
    if (shard.count < 2) return true;
    const uint64_t count = (uint64_t)shard.count;
    return cvt_fnv1a(0, path, tar ? cvt_key_length(path) : strlen(path)) % count == (uint64_t)shard.index % count;
}

void cvt_key_digest(unsigned char digest[CVT_KEY_SIZE], const char *tar, const char *path) {
    unsigned char whole[CVT_SHA256_SIZE];
    cvt_sha256 hash;
    cvt_sha256_begin(&hash);
    if (tar) cvt_sha256_add(&hash, tar, strlen(tar));
    cvt_sha256_add(&hash, "", 1);
    cvt_sha256_add(&hash, path, strlen(path));
    cvt_sha256_end(&hash, whole);
    memcpy(digest, whole, CVT_KEY_SIZE);
}
