/* jpeg_pieces.h - a JPEG with restart markers as several, one below the other, that can be decoded on their own. */
#ifndef CVT_IMAGE_JPEG_PIECES_H
#define CVT_IMAGE_JPEG_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a JPEG can be cut: into n units, each so many rows of pixels high that it begins behind a restart marker and at
 * the left edge. The last may have fewer rows. */
typedef struct cvt_jpeg_cuts {
    const uint8_t *bytes;
    size_t header;    /* bytes up to the scan's data */
    size_t height_at; /* where in them the height stands */
    int width, height, rows, n;
    int64_t intervals; /* from one restart marker to the next, in a unit */
    size_t *starts;    /* of each unit's data, and where one more would begin */
} cvt_jpeg_cuts;

/* Finds the cuts. False where there are none, or no memory, or where anything is not as plain as can be: then the image
 * must be decoded whole. */
bool cvt_jpeg_cut(cvt_jpeg_cuts *cuts, const uint8_t *bytes, size_t size);
void cvt_jpeg_cuts_free(cvt_jpeg_cuts *cuts);

/* Units [first, last), to be read as a file of their own. */
typedef struct cvt_jpeg_piece {
    const uint8_t *bytes;
    size_t header, height_at;
    int height;
    size_t headers_read, at, end; /* data: what is still to be read */
    bool is_last;                 /* it ends with the whole image */
    bool marks;                   /* the last byte that was read began a marker or a stuffed byte */
    unsigned restarts;            /* markers that were numbered */
} cvt_jpeg_piece;

cvt_jpeg_piece cvt_jpeg_piece_of(const cvt_jpeg_cuts *cuts, int first, int last);

/* Reads the next bytes of that file: at least one, at most n, which is at least 8. Behind the end marker its end is
 * read once more. */
size_t cvt_jpeg_piece_read(cvt_jpeg_piece *piece, uint8_t *to, size_t n);

#endif
