/* heif.c - decodes HEIC and AVIF to RGB. This is the only file that uses libheif, where the build has found it.
 *
 * The library is loaded with the first such image.
 *
 * It asks libheif for what pillow-heif asks for: the primary image, turned and cut as its own properties say, converted
 * to 8-bit RGB. Those properties take the place of an EXIF orientation, which repeats them: it is not applied again,
 * and `--exif ignore` leaves them. Alpha is dropped. A file must be whole. */
#include "image/image.h"

#ifdef CVT_WITH_HEIF

#include <setjmp.h>
#include <string.h>

#include <libheif/heif.h>

#include "base/library.h"

/* The functions that are used, by their own names. */
/* clang-format off */
#define FUNCTIONS(F) \
    F(heif_context_alloc) F(heif_context_free) F(heif_context_get_primary_image_handle) \
    F(heif_context_read_from_memory_without_copy) F(heif_decode_image) F(heif_decoding_options_alloc) \
    F(heif_decoding_options_free) F(heif_image_get_height) F(heif_image_get_plane_readonly) \
    F(heif_image_get_width) F(heif_image_handle_get_height) F(heif_image_handle_get_width) \
    F(heif_image_handle_has_alpha_channel) F(heif_image_handle_release) F(heif_image_release)
#define LIBRARY "libheif.so.1"
CVT_LIBRARY(LIBRARY, FUNCTIONS)
/* clang-format on */

typedef struct reader {
    struct heif_context *context;
    struct heif_image_handle *handle;
    struct heif_decoding_options *how;
    struct heif_image *image;
    const cvt_decode_options *options;
    cvt_pixels *out;
    cvt_error *error;
} reader;

/* ---- exceptions ------------------------------------------------------------------------------------------------- */

/* libheif is written in C++ and lets exceptions pass through its functions, as where memory runs out. Nothing above
 * catches them, and then C++ calls a handler and ends the program, with the results of all other images. This handler
 * jumps back to guarded() instead. The stack is not unwound: what libheif holds for this image is never freed, and is
 * not used again. An exception in a thread of libheif's own, or of somebody else's C++, goes to the handler that was
 * there before. */
typedef void handler(void);
static _Thread_local jmp_buf *way_back; /* NULL: this thread is not in guarded() */
static handler *handler_before;

static void on_exception(void) {
    if (way_back) longjmp(*way_back, 1);
    if (handler_before) handler_before(); /* C++ ends the program where a handler returns */
}

static void set_handler(void) {
    handler *(*set)(handler *);
    void *found = cvt_library_symbol(LIBRARY, "_ZSt13set_terminatePFvvE"); /* std::set_terminate */
    if (!found) return;
    memcpy(&set, &found, sizeof set);
    handler_before = set(on_exception);
}

/* ---- decoding --------------------------------------------------------------------------------------------------- */

static cvt_status fail(const reader *r, struct heif_error found) {
    const char *text = found.message ? found.message : "unknown error";
    switch (found.code) {
    case heif_error_Ok: return CVT_OK;
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature: return cvt_fail(r->error, CVT_UNSUPPORTED, "HEIF: %s", text);
    case heif_error_Memory_allocation_error:
        if (found.subcode == heif_suberror_Security_limit_exceeded)
            return cvt_fail(r->error, CVT_TOO_LARGE, "HEIF: %s", text);
        return cvt_fail_memory(r->error);
    default: break;
    }
    if (found.subcode == heif_suberror_End_of_data) return cvt_fail(r->error, CVT_TRUNCATED, "HEIF data ends early");
    return cvt_fail(r->error, CVT_CORRUPT, "HEIF: %s", text);
}

#define HEIF(call)                                                \
    do {                                                          \
        const struct heif_error found_ = (call);                  \
        if (found_.code != heif_error_Ok) return fail(r, found_); \
    } while (0)

static cvt_status copy(const reader *r, int width, int height, bool blend) {
    int stride = 0;
    const uint8_t *from = lib.heif_image_get_plane_readonly(r->image, heif_channel_interleaved, &stride);
    const int got_width = lib.heif_image_get_width(r->image, heif_channel_interleaved);
    const int got_height = lib.heif_image_get_height(r->image, heif_channel_interleaved);
    if (!from || got_width != width || got_height != height || stride < width * (blend ? 4 : 3))
        return cvt_fail(r->error, CVT_CORRUPT, "HEIF: the image is not of %d x %d pixels, as its header says", width,
                        height);
    TRY(cvt_pixels_resize(r->out, width, height, r->error));
    const size_t row = (size_t)width * 3;
    for (int y = 0; y < height; y++, from += stride) {
        uint8_t *to = r->out->data + (size_t)y * row;
        if (blend)
            cvt_pixels_blend(to, from, (size_t)width, r->options->alpha);
        else
            memcpy(to, from, row);
    }
    return CVT_OK;
}

static cvt_status read_image(reader *r, const uint8_t *bytes, size_t size) {
    r->context = lib.heif_context_alloc();
    r->how = lib.heif_decoding_options_alloc();
    if (!r->context || !r->how) return cvt_fail_memory(r->error);
    r->how->convert_hdr_to_8bit = 1;
    HEIF(lib.heif_context_read_from_memory_without_copy(r->context, bytes, size, NULL));
    HEIF(lib.heif_context_get_primary_image_handle(r->context, &r->handle));
    const int width = lib.heif_image_handle_get_width(r->handle), height = lib.heif_image_handle_get_height(r->handle);
    if (width < 1 || height < 1) return cvt_fail(r->error, CVT_CORRUPT, "HEIF: an image without pixels");
    TRY(cvt_pixels_limit((uint64_t)width, (uint64_t)height, r->options, r->error));
    const bool blend = r->options->alpha != CVT_ALPHA_DROP && lib.heif_image_handle_has_alpha_channel(r->handle);
    HEIF(lib.heif_decode_image(r->handle, &r->image, heif_colorspace_RGB,
                               blend ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, r->how));
    if (!r->image) return cvt_fail(r->error, CVT_CORRUPT, "HEIF: an image without pixels"); /* and yet it said OK */
    return copy(r, width, height, blend);
}

/* This is a function of its own because a jump back to it must not find local variables that have changed. */
static cvt_status guarded(reader *r, const uint8_t *bytes, size_t size) {
    jmp_buf here;
    if (setjmp(here) != 0) {
        way_back = NULL;
        *r = (reader){.error = r->error};
        return cvt_fail(r->error, CVT_NO_MEMORY, "HEIF: libheif gave up, as it does where memory runs out");
    }
    way_back = &here;
    cvt_status status = read_image(r, bytes, size);
    way_back = NULL;
    return status;
}

cvt_status cvt_heif_decode(cvt_pixels *out, cvt_decoded *info, const uint8_t *bytes, size_t size,
                           const cvt_decode_options *options, cvt_error *error) {
    *info = (cvt_decoded){.orientation = 1};
    reader r = {.options = options, .out = out, .error = error};
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    TRY(need(error));
    pthread_once(&once, set_handler);
    cvt_status status = guarded(&r, bytes, size);
    if (r.image) lib.heif_image_release(r.image);
    if (r.handle) lib.heif_image_handle_release(r.handle);
    if (r.how) lib.heif_decoding_options_free(r.how);
    if (r.context) lib.heif_context_free(r.context);
    return status;
}

#endif
