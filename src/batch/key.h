/* key.h - what an input is called from one run to another: by its path, or by an archive and the path of an entry in
 * it. Shards and finished inputs go by this, and by nothing else. */
#ifndef CVT_BATCH_KEY_H
#define CVT_BATCH_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of all inputs: those whose hash is `index` modulo `count`; 1 <= index <= count. count 0: all inputs. */
typedef struct cvt_shard {
    int64_t index, count;
} cvt_shard;

/* Does the input belong to the shard? tar: the archive, or NULL. The hash is 64-bit FNV-1a: of the bytes of the path,
 * or of an archive's entry of those of its key, which is the path without what follows the first dot of its last part;
 * so an image and its labels share a shard. */
bool cvt_shard_has(cvt_shard shard, const char *tar, const char *path);

/* How many bytes of the path of an archive's entry are its key. */
size_t cvt_key_length(const char *path);

enum { CVT_KEY_SIZE = 16 };
/* 128 bits that no two inputs share: the first of the SHA-256 of the archive's name, a NUL, and the path. */
void cvt_key_digest(unsigned char digest[CVT_KEY_SIZE], const char *tar, const char *path);

#endif
