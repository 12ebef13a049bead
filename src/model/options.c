/* options.c - takes structs of options from programs that may be older or newer than the library.
 *
 * A struct grows at its end, in whole fields of 8 bytes or with explicit filling, because padding in an older
 * program's struct holds any bytes. The FIRST_SIZE of each struct is its size in version 0.2.0, and never changes. */
#include <string.h>

#include "model/model.h"

static const size_t first_size = offsetof(cvt_options, threads), first_image_size = offsetof(cvt_image_options, alpha);

/* Sets a struct that begins with its size to 0, except for that size. */
static void clear(void *options, size_t size) {
    memset(options, 0, size);
    if (size >= sizeof size) memcpy(options, &size, sizeof size);
}

void cvt_options_init(cvt_options *options, size_t size) { clear(options, size); }
void cvt_image_options_init(cvt_image_options *options, size_t size) { clear(options, size); }

/* Copies as much as there is of `given` to `own`, which is all 0. The fields that a newer program has behind it must be
 * 0. */
static cvt_status take(void *own, size_t known, size_t min, const void *given, const char *name, cvt_error *error) {
    size_t size;
    memcpy(&size, given, sizeof size);
    if (size < min)
        return cvt_fail(error, CVT_USAGE, "the size in %s is %zu, not that of the struct: call %s_init", name, size,
                        name);
    const unsigned char *bytes = given;
    for (size_t i = known; i < size; i++)
        if (bytes[i])
            return cvt_fail(error, CVT_UNSUPPORTED, "%s has fields that libcvt %s does not know", name, CVT_VERSION);
    memcpy(own, given, size < known ? size : known);
    return CVT_OK;
}

cvt_status cvt_options_take(cvt_options *own, const cvt_options *given, cvt_error *error) {
    *own = (cvt_options){0};
    return given ? take(own, sizeof *own, first_size, given, "cvt_options", error) : CVT_OK;
}

cvt_status cvt_image_options_take(cvt_image_options *own, const cvt_image_options *given, cvt_error *error) {
    *own = (cvt_image_options){0};
    return given ? take(own, sizeof *own, first_image_size, given, "cvt_image_options", error) : CVT_OK;
}
