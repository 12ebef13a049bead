/* golden_store.h - what makes golden data and what compares them, in common. Private to golden*.c and save.c. */
#ifndef CVT_MODEL_GOLDEN_STORE_H
#define CVT_MODEL_GOLDEN_STORE_H

#include "base/sha256.h"
#include "model/golden.h"
#include "model/model.h"

#define CVT_META_GOLDEN "cvt.golden"
enum { CVT_GOLDEN_TOP = 5 }; /* best classes that are stored */

/* One golden input at a time, made from the seed and run. */
typedef struct cvt_golden_run {
    const cvt_model *model;
    uint64_t seed;
    cvt_session *session;
    cvt_image *image; /* NULL: the model reads no images, and gets random tensors */
    float **tensors;  /* these tensors, one for each input of the model */
    cvt_str jpeg;
    char image_hash[CVT_SHA256_TEXT];    /* of the bytes of the image; empty: none */
    char prepared_hash[CVT_SHA256_TEXT]; /* of the tensors that the model is fed, as f32 in C order */
} cvt_golden_run;

cvt_status cvt_golden_begin(cvt_golden_run *run, const cvt_model *model, uint64_t seed, int threads, cvt_error *error);
void cvt_golden_end(cvt_golden_run *run);
/* Makes and prepares input `index`, and hashes it. */
cvt_status cvt_golden_prepare(cvt_golden_run *run, int index, cvt_error *error);
/* Runs what was prepared last. *output: values of one image, valid until the next run. */
cvt_status cvt_golden_output(cvt_golden_run *run, const float **output, cvt_error *error);
/* The values of an output. */
size_t cvt_golden_outputs(const cvt_model *model);

/* The SHA-256 of a tensor as a file holds it: of its type, its shape and its bytes. */
void cvt_golden_hash_tensor(const cvt_tensor *tensor, char text[CVT_SHA256_TEXT]);
void cvt_golden_hash_text(const char *text, char hash[CVT_SHA256_TEXT]);

/* The strings of metadata that golden data have a hash of, beside the config; NULL ends the list. */
extern const char *const cvt_golden_metadata[];

/* Appends the golden data, as JSON, of a model that was opened from the file that they are for, with
 * options.reference. */
cvt_status cvt_golden_make(cvt_str *to, const cvt_model *model, const cvt_golden_plan *plan, cvt_error *error);

#endif
