/* attend_picture.h - the files that cvt attend makes of an image: pictures of its maps, or their numbers. */
#ifndef CVT_CLI_ATTEND_PICTURE_H
#define CVT_CLI_ATTEND_PICTURE_H

#include "batch/batch.h"
#include "cli/attend_map.h"
#include "cli/output.h"
#include "report/thumbnail.h"

/* A form of file, a row of the table in attend_picture.c. */
typedef struct cvt_attend_form {
    const char *name, *ending; /* as --format has it; of file names */
    cvt_output_kind kind;
} cvt_attend_form;
/* By a name of --format, which is one of them. */
const cvt_attend_form *cvt_attend_form_named(const char *name);
/* By the ending of a path; a path without one is a PNG, and NULL means that the ending is of no form. */
const cvt_attend_form *cvt_attend_form_of(const char *path);

/* What one thread needs to make files. Zero-initialise it. */
typedef struct cvt_attend_desk {
    cvt_attend_room room;
    cvt_image *image; /* decodes the image once more, upright */
    cvt_image_options options;
    cvt_thumbnailer thumbnailer;
    cvt_pixels photo, drawn, sheet; /* photo: borrowed from the image, or from the thumbnailer */
    cvt_view view;                  /* the part of the photo that the model sees */
    cvt_str png, text;
} cvt_attend_desk;
void cvt_attend_desk_free(cvt_attend_desk *desk);

/* Writes the file of an image, whose pass is the session's last. *class_index becomes the class that its class
 * activation map is of; -1: none. *bare: a picture has no colours, since no number is above 0. */
typedef struct cvt_attend_result {
    int class_index;
    bool bare;
} cvt_attend_result;
cvt_status cvt_attend_write(const cvt_attend *a, const cvt_attend_form *form, cvt_attend_desk *desk,
                            const cvt_session *session, const cvt_batch_image *of, const char *to,
                            cvt_attend_result *result, cvt_error *error);

/* Appends a small JPEG of the image under its first map, whose longer side has at most `side` pixels. */
cvt_status cvt_attend_thumbnail(const cvt_attend *a, cvt_attend_desk *desk, const cvt_session *session,
                                const cvt_batch_image *of, int side, cvt_str *jpeg, cvt_error *error);

#endif
