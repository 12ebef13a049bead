/* webp.c - decodes WebP to RGB. This is the only file that uses libwebp, where the build has found it.
 *
 * Pixels are those that Pillow takes from WebPAnimDecoder: of an animation the first frame, on a canvas that is black
 * and transparent where the frame does not reach; alpha is dropped, so that what lies hidden under it shows. A file
 * must be whole: the demultiplexer refuses one that ends early, with allow_truncated too. */
#include "image/image.h"

#ifdef CVT_WITH_WEBP

#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "base/num.h"

enum { MAX_SIDE = 1 << 24 }; /* what the format has room for */

typedef struct reader {
    const cvt_decode_options *options;
    cvt_pixels *out; /* of the canvas's size */
    cvt_error *error;
} reader;

static cvt_status status_of(VP8StatusCode code, cvt_error *error) {
    switch (code) {
    case VP8_STATUS_OK: return CVT_OK;
    case VP8_STATUS_OUT_OF_MEMORY: return cvt_fail_memory(error);
    case VP8_STATUS_UNSUPPORTED_FEATURE: return cvt_fail(error, CVT_UNSUPPORTED, "WebP with an unknown feature");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED: return cvt_fail(error, CVT_TRUNCATED, "WebP data ends early");
    default: return cvt_fail(error, CVT_CORRUPT, "WebP data is damaged");
    }
}

/* Decodes a frame to `to`, whose rows are `stride` bytes apart. */
static cvt_status decode_to(uint8_t *to, size_t stride, bool alpha, const WebPIterator *frame, cvt_error *error) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return cvt_fail(error, CVT_UNSUPPORTED, "another libwebp than was built for");
    const size_t row = (size_t)frame->width * (alpha ? 4 : 3), size = stride * ((size_t)frame->height - 1) + row;
    config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = (WebPRGBABuffer){.rgba = to, .stride = (int)stride, .size = size};
    return status_of(WebPDecode(frame->fragment.bytes, frame->fragment.size, &config), error);
}

static cvt_status blend_frame(const reader *r, uint8_t *to, size_t stride, const WebPIterator *frame) {
    const size_t row = (size_t)frame->width * 4;
    size_t bytes;
    if (!cvt_mul_size(row, (size_t)frame->height, &bytes)) return cvt_fail_memory(r->error);
    uint8_t *rgba = malloc(bytes);
    if (!rgba) return cvt_fail_memory(r->error);
    cvt_status status = decode_to(rgba, row, true, frame, r->error);
    for (int y = 0; status == CVT_OK && y < frame->height; y++)
        cvt_pixels_blend(to + (size_t)y * stride, rgba + (size_t)y * row, (size_t)frame->width, r->options->alpha);
    free(rgba);
    return status;
}

static cvt_status read_frame(const reader *r, const WebPIterator *frame) {
    const int width = r->out->width, height = r->out->height;
    const size_t stride = (size_t)width * 3;
    if (frame->x_offset < 0 || frame->y_offset < 0 || frame->width < 1 || frame->height < 1 ||
        frame->width > width - frame->x_offset || frame->height > height - frame->y_offset)
        return cvt_fail(r->error, CVT_CORRUPT, "WebP: a frame that reaches over the image");
    if (frame->width != width || frame->height != height)
        memset(r->out->data, r->options->alpha == CVT_ALPHA_WHITE ? 255 : 0, stride * (size_t)height);
    const size_t corner = (size_t)frame->y_offset * stride + (size_t)frame->x_offset * 3;
    uint8_t *to = r->out->data + corner;
    if (frame->has_alpha && r->options->alpha != CVT_ALPHA_DROP) return blend_frame(r, to, stride, frame);
    return decode_to(to, stride, false, frame, r->error);
}

static int orientation(WebPDemuxer *file) {
    WebPChunkIterator chunk;
    if (!WebPDemuxGetChunk(file, "EXIF", 1, &chunk)) return 1;
    const int found = cvt_exif_orientation(chunk.chunk.bytes, chunk.chunk.size);
    WebPDemuxReleaseChunkIterator(&chunk);
    return found;
}

static cvt_status read_file(const reader *r, WebPDemuxer *file) {
    WebPIterator frame;
    const uint32_t width = WebPDemuxGetI(file, WEBP_FF_CANVAS_WIDTH);
    const uint32_t height = WebPDemuxGetI(file, WEBP_FF_CANVAS_HEIGHT);
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
        return cvt_fail(r->error, CVT_CORRUPT, "WebP of %u x %u pixels", width, height);
    if (!WebPDemuxGetFrame(file, 1, &frame)) return cvt_fail(r->error, CVT_CORRUPT, "WebP without a frame");
    cvt_status status = cvt_pixels_resize(r->out, (int)width, (int)height, r->error);
    if (status == CVT_OK) status = read_frame(r, &frame);
    WebPDemuxReleaseIterator(&frame);
    return status;
}

cvt_status cvt_webp_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                           const cvt_decode_options *options, cvt_error *error) {
    *info = (cvt_decoded){.orientation = 1};
    const reader r = {options, out, error};
    const WebPData data = {bytes, size};
    WebPDemuxState state;
    WebPDemuxer *file = WebPDemuxPartial(&data, &state);
    cvt_status status = CVT_OK;
    if (state == WEBP_DEMUX_PARSE_ERROR)
        status = cvt_fail(error, CVT_CORRUPT, "WebP: its chunks contradict each other");
    else if (file) /* of a file that is too large only the beginning has been read */
        status = cvt_pixels_limit(WebPDemuxGetI(file, WEBP_FF_CANVAS_WIDTH), WebPDemuxGetI(file, WEBP_FF_CANVAS_HEIGHT),
                                  options, error);
    if (status == CVT_OK && (!file || state != WEBP_DEMUX_DONE))
        status = cvt_fail(error, CVT_TRUNCATED, "WebP data ends early");
    if (status == CVT_OK) {
        info->orientation = orientation(file);
        status = read_file(&r, file);
    }
    if (file) WebPDemuxDelete(file);
    return status;
}

#endif
