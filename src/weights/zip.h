/* zip.h - zip archives whose members are stored without compression, so that they can be used where they lie in the
 * map. Private to weights/. Nothing is ever extracted or decompressed; the names of members are only labels. */
#ifndef CVT_WEIGHTS_ZIP_H
#define CVT_WEIGHTS_ZIP_H

#include "base/file.h"

typedef struct cvt_zip_member {
    const char *name; /* UTF-8 without control characters; a relative path of plain components; no 0 at the end */
    uint32_t name_size, crc;
    bool compressed; /* its data are of no use here */
    const unsigned char *data;
    size_t size;       /* bytes, as stored */
    size_t start, end; /* offsets in the file of everything that belongs to the member */
} cvt_zip_member;

typedef struct cvt_zip {
    const cvt_file *file;
    cvt_zip_member *members; /* sorted by name */
    size_t count;
} cvt_zip;

/* Reads the central directory, ZIP64 or not, and checks everything in it against the file: local headers and data
 * descriptors must agree with it, members must not overlap, and no name may be there twice. Encrypted members are
 * refused. Errors: CVT_WEIGHTS, CVT_NO_MEMORY. */
cvt_status cvt_zip_open(cvt_zip *out, const cvt_file *file, cvt_error *error);
void cvt_zip_close(cvt_zip *zip);

/* Returns a member by its name, or NULL if there is none. */
const cvt_zip_member *cvt_zip_find(const cvt_zip *zip, const char *name, uint32_t name_size);
/* Reads a member and compares its CRC-32. A compressed member is refused. */
cvt_status cvt_zip_check(const cvt_zip *zip, const cvt_zip_member *member, cvt_error *error);

#endif
