/* preprocess.h - how a checkpoint wants its images prepared: read from preprocessor_config.json (Hugging Face),
 * pretrained_cfg (timm) or "preprocess" (native), then resolved for the input size in use into what image/ does. */
#ifndef CVT_ARCH_PREPROCESS_H
#define CVT_ARCH_PREPROCESS_H

#include "base/json.h"
#include "image/image.h"

typedef enum cvt_preprocess_kind {
    CVT_PREPROCESS_CONVNEXT,    /* below 384: shorter edge to int(size / crop_pct), crop; from 384: squash */
    CVT_PREPROCESS_SQUASH,      /* to the size */
    CVT_PREPROCESS_SQUASH_CROP, /* to `resize`, crop to the size */
    CVT_PREPROCESS_CENTER,      /* timm: shorter edge to floor(size / crop_pct), crop */
    CVT_PREPROCESS_TIMM_SQUASH, /* timm: to floor(size / crop_pct), crop */
    CVT_PREPROCESS_BORDER,      /* timm: longer edge, padded */
    CVT_PREPROCESS_WINDOWS,     /* lines of text: the height, padded; windows of a longer one */
} cvt_preprocess_kind;

typedef struct cvt_preprocess_spec {
    bool given; /* a file said so; else the family's defaults count */
    cvt_preprocess_kind kind;
    int size[2];    /* height, width that the file names; 0: none */
    int resize[2];  /* for CVT_PREPROCESS_SQUASH_CROP */
    bool shortest;  /* Hugging Face: the shorter edge is resized to `resize`, the aspect kept */
    int entries[2]; /* of mean and std where a file lists them; 0: it does not */
    double crop_pct;
    int filter; /* a cvt_filter */
    bool half_even, do_resize, do_crop, do_rescale, do_normalize;
    bool minus_one, divide_again; /* as in cvt_preprocess */
    const char *guessed;          /* no document says so: whose default it is; else NULL */
    double rescale_factor, mean[3], std[3];
} cvt_preprocess_spec;

/* ImageNet mean and std, bicubic, everything on. */
cvt_preprocess_spec cvt_preprocess_default(cvt_preprocess_kind kind, int size, double crop_pct);

/* What the processor does by default that goes with this model_type, of which spec->guessed then has the class; false
 * if none is known. */
bool cvt_preprocess_guess(cvt_preprocess_spec *spec, const char *model_type);

/* A document of its own, in any of these forms: preprocessor_config.json; processor_config.json, where it is the
 * "image_processor"; timm's pretrained_cfg, alone or in its config; "preprocess" of a native config. */
cvt_status cvt_preprocess_read(cvt_preprocess_spec *spec, const cvt_json *object, const char *model_type, int channels,
                               const char *origin, cvt_error *error);
/* Hugging Face: absent keys are the defaults of the processor's class, an absent class follows from model_type (may be
 * NULL). channels: the model's. CVT_CONFIG, naming origin and key. */
cvt_status cvt_preprocess_read_hf(cvt_preprocess_spec *spec, const cvt_json *object, const char *model_type,
                                  int channels, const char *origin, cvt_error *error);
/* Does the object have a member of timm's pretrained_cfg that no other document has? */
bool cvt_preprocess_has_timm(const cvt_json *object);
/* timm's pretrained_cfg; also the native "preprocess", where unknown keys are errors (strict). */
cvt_status cvt_preprocess_read_timm(cvt_preprocess_spec *spec, const cvt_json *object, int channels, bool strict,
                                    const char *origin, cvt_error *error);

/* For a model that reads height x width of `channels`. */
cvt_status cvt_preprocess_resolve(cvt_preprocess *out, const cvt_preprocess_spec *spec, int height, int width,
                                  int channels, cvt_error *error);

#endif
