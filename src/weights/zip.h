/* zip.h - zip archives whose members are stored, not compressed, so that they can be used where they lie in the map.
 * Private to weights/. Nothing is ever extracted or decompressed: member names are labels. */
#ifndef CVT_WEIGHTS_ZIP_H
#define CVT_WEIGHTS_ZIP_H

#include "base/file.h"

typedef struct cvt_zip_member {
    const char *name; /* UTF-8 without control characters; relative, with plain components; not terminated */
    uint32_t name_size, crc;
    bool compressed; /* the data then are of no use here */
    const unsigned char *data;
    size_t size;       /* as stored */
    size_t start, end; /* of everything that belongs to the member, as offsets in the file */
} cvt_zip_member;

typedef struct cvt_zip {
    const cvt_file *file;
    cvt_zip_member *members; /* sorted by name */
    size_t count;
} cvt_zip;

/* Reads the central directory, ZIP64 or not, and checks all that it says against the file: local headers and data
 * descriptors agree with it, members do not overlap, no name is there twice. Encrypted members are refused.
 * Errors: CVT_WEIGHTS, CVT_NO_MEMORY. */
cvt_status cvt_zip_open(cvt_zip *out, const cvt_file *file, cvt_error *error);
void cvt_zip_close(cvt_zip *zip);

/* NULL if there is none. */
const cvt_zip_member *cvt_zip_find(const cvt_zip *zip, const char *name, size_t name_size);
/* Reads a member and compares its CRC-32; refuses a compressed one. */
cvt_status cvt_zip_check(const cvt_zip *zip, const cvt_zip_member *member, cvt_error *error);

#endif
