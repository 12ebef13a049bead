/* jpeg_pieces.c - cuts a JPEG into pieces that can be decoded on their own, where its restart markers allow it.
 *
 * Behind a restart marker the decoder begins anew: no bit and no value of what came before is needed, only the rows of
 * pixels beside, for upsampling. So each piece reads as a JPEG file of its own: the headers of the whole one, in which
 * only the height is another, then the data between two restart markers, numbered from 0, then an end marker. In front
 * of that stands an empty comment, unless the file itself ends here: libjpeg may count bytes that are too many before a
 * marker when it finds that one, and tell when it looks for the next.
 *
 * Only what is plain is cut: one sequential scan of all components, 8 bits, Huffman coding, every marker in its place,
 * as ITU-T T.81 (annexes B and F) has it. All else is decoded as a whole, which then finds what is wrong with it. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "image/image.h"
#include "image/jpeg_markers.h"
#include "image/jpeg_pieces.h"

enum { MAX_SIDE = 65500 /* of libjpeg */ };

static int two_bytes(const uint8_t *at) { return at[0] << 8 | at[1]; }

/* What the headers say. */
typedef struct headers {
    size_t data;      /* where the scan's data begin */
    size_t height_at; /* where the height stands; 0: no frame yet */
    int width, height, components;
    int block_width, block_height; /* pixels of an MCU */
    int interval;                  /* MCUs from one restart marker to the next; 0: there are none */
} headers;

/* Reads a frame's segment behind its length. */
static bool read_frame(headers *h, const uint8_t *bytes, size_t at, size_t length) {
    const uint8_t *s = bytes + at;
    if (h->height_at || length < 6 || s[0] != 8) return false;
    h->height_at = at + 1;
    h->height = two_bytes(s + 1);
    h->width = two_bytes(s + 3);
    h->components = s[5];
    if ((h->components != 1 && h->components != 3) || length != 6 + 3 * (size_t)h->components) return false;
    if (!h->width || !h->height || h->width > MAX_SIDE || h->height > MAX_SIDE) return false;
    int across = 1, down = 1;
    for (int c = 0; c < h->components; c++) {
        const int sampling = s[7 + 3 * c];
        if (sampling >> 4 < 1 || sampling >> 4 > 4 || (sampling & 15) < 1 || (sampling & 15) > 4) return false;
        across = cvt_max_int(across, sampling >> 4);
        down = cvt_max_int(down, sampling & 15);
    }
    h->block_width = 8 * across;
    h->block_height = 8 * down;
    return h->components == 3 || (across == 1 && down == 1);
}

/* Reads all headers of an image that is plain. */
static bool read_headers(headers *h, const uint8_t *bytes, size_t size) {
    for (size_t at = 2; at + 4 <= size;) {
        const int code = bytes[at + 1];
        if (bytes[at] != 0xff || code < CVT_JPEG_SOF0 || code == CVT_JPEG_EOI || cvt_jpeg_stands_alone(code))
            return false;
        const size_t length = (size_t)two_bytes(bytes + at + 2), segment = at + 4;
        if (length < 2 || length > size - at - 2) return false;
        at += 2 + length;
        if (cvt_jpeg_begins_frame(code) && (code > CVT_JPEG_SOF0 + 1 || !read_frame(h, bytes, segment, length - 2)))
            return false;
        if (code == CVT_JPEG_DRI && length != 4) return false;
        if (code == CVT_JPEG_DRI) h->interval = two_bytes(bytes + segment);
        if (code != CVT_JPEG_SOS) continue;
        h->data = at;
        return h->height_at && h->interval && length > 2 && bytes[segment] == h->components;
    }
    return false;
}

/* Finds where each unit begins. All restart markers must be there, in their order, and the end marker behind. */
static bool find_units(cvt_jpeg_cuts *cuts, const headers *h, const uint8_t *bytes, size_t size, int64_t intervals) {
    size_t at = h->data;
    cuts->starts[0] = at;
    for (int64_t i = 1;; i++) {
        const uint8_t *mark;
        do {
            mark = at < size ? memchr(bytes + at, 0xff, size - at) : NULL;
            if (!mark || (size_t)(mark - bytes) + 1 >= size) return false;
            at = (size_t)(mark - bytes) + 2;
        } while (mark[1] == 0);
        const bool last = i == intervals;
        if (mark[1] != (last ? CVT_JPEG_EOI : CVT_JPEG_RST0 + (int)((i - 1) % 8))) return false;
        if (last || i % cuts->intervals == 0) cuts->starts[(i + cuts->intervals - 1) / cuts->intervals] = at;
        if (last) return true;
    }
}

bool cvt_jpeg_cut(cvt_jpeg_cuts *cuts, const uint8_t *bytes, size_t size) {
    headers h = {0};
    *cuts = (cvt_jpeg_cuts){0};
    if (size < 4 || bytes[0] != 0xff || bytes[1] != CVT_JPEG_SOI || !read_headers(&h, bytes, size)) return false;
    const int64_t across = (h.width + h.block_width - 1) / h.block_width;
    const int64_t down = (h.height + h.block_height - 1) / h.block_height;
    int64_t rows = 1; /* of MCUs in a unit: as few as are whole intervals */
    while (rows * across % h.interval != 0 && rows < down) rows++;
    *cuts = (cvt_jpeg_cuts){.bytes = bytes,
                            .header = h.data,
                            .height_at = h.height_at,
                            .width = h.width,
                            .height = h.height,
                            .rows = (int)rows * h.block_height,
                            .n = (int)((down + rows - 1) / rows)};
    if (cuts->n < 2) return false;
    cuts->intervals = rows * across / h.interval;
    cuts->starts = malloc(((size_t)cuts->n + 1) * sizeof *cuts->starts);
    if (cuts->starts && find_units(cuts, &h, bytes, size, (across * down + h.interval - 1) / h.interval)) return true;
    cvt_jpeg_cuts_free(cuts);
    return false;
}

void cvt_jpeg_cuts_free(cvt_jpeg_cuts *cuts) {
    free(cuts->starts);
    cuts->starts = NULL;
}

cvt_jpeg_piece cvt_jpeg_piece_of(const cvt_jpeg_cuts *cuts, int first, int last) {
    return (cvt_jpeg_piece){.bytes = cuts->bytes,
                            .header = cuts->header,
                            .height_at = cuts->height_at,
                            .height = cvt_min_int(last * cuts->rows, cuts->height) - first * cuts->rows,
                            .at = cuts->starts[first],
                            .end = cuts->starts[last] - 2,
                            .is_last = last == cuts->n};
}

/* Copies n bytes of the headers from byte `from` on, with the height of the piece. */
static void copy_headers(uint8_t *to, const cvt_jpeg_piece *piece, size_t from, size_t n) {
    memcpy(to, piece->bytes + from, n);
    for (size_t i = 0; i < 2; i++) {
        const size_t at = piece->height_at + i;
        if (at >= from && at - from < n) to[at - from] = (uint8_t)(i ? piece->height : piece->height >> 8);
    }
}

/* Numbers the restart markers of n bytes. */
static void number_restarts(uint8_t *data, size_t n, cvt_jpeg_piece *piece) {
    for (size_t i = 0; i < n; i++) {
        if (piece->marks && data[i] != 0) data[i] = (uint8_t)(CVT_JPEG_RST0 + piece->restarts++ % 8);
        piece->marks = false;
        const uint8_t *mark = memchr(data + i, 0xff, n - i);
        if (!mark) return;
        piece->marks = true;
        i = (size_t)(mark - data);
    }
}

size_t cvt_jpeg_piece_read(cvt_jpeg_piece *piece, uint8_t *to, size_t n) {
    static const uint8_t comment_and_end[] = {0xff, CVT_JPEG_COM, 0, 2, 0xff, CVT_JPEG_EOI};
    if (piece->headers_read < piece->header) {
        n = n < piece->header - piece->headers_read ? n : piece->header - piece->headers_read;
        copy_headers(to, piece, piece->headers_read, n);
        piece->headers_read += n;
        return n;
    }
    if (piece->at < piece->end) {
        n = n < piece->end - piece->at ? n : piece->end - piece->at;
        memcpy(to, piece->bytes + piece->at, n);
        number_restarts(to, n, piece);
        piece->at += n;
        return n;
    }
    const uint8_t *tail = piece->is_last ? comment_and_end + 4 : comment_and_end;
    n = piece->is_last ? 2 : sizeof comment_and_end;
    memcpy(to, tail, n);
    return n;
}
