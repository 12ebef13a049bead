/* model.h - what a cvt_model is made of. Private to model/ and lib.c. */
#ifndef CVT_MODEL_MODEL_H
#define CVT_MODEL_MODEL_H

#include "arch/arch.h"
#include "base/file.h"
#include "plan/plan.h"
#include "weights/bind.h"

/* The documents and the weights of a model, from wherever they lie. */
typedef struct cvt_bundle {
    char *config, *preprocessor;               /* JSON texts; preprocessor NULL: none */
    char *config_origin, *preprocessor_origin; /* for messages */
    char *labels, *labels_origin;              /* a label on each line; NULL: none */
    bool labels_first;                         /* labels of a converted file count before those of its config */
    cvt_weights *weights;                      /* NULL where none were asked for */
} cvt_bundle;

struct cvt_model {
    cvt_arena arena;
    cvt_options options; /* only numbers and flags; its pointers are NULL, as what they pointed to may be gone */
    const char *isa;     /* a copy of options.isa */
    cvt_bundle files;
    cvt_json_document *document; /* the config as JSON */
    cvt_config config;
    const cvt_dialect *names;  /* the dialect of the weights */
    const cvt_dialect *origin; /* the dialect that the checkpoint had before it was converted */
    cvt_graph *graph;
    cvt_precision precision;
    cvt_source *sources;
    const cvt_tensor **tensors; /* NULL for random weights */
    cvt_plan *plan;             /* NULL without weights */
    bool *retain;               /* for every value: do sessions keep it? */
    int *taps, n_taps;          /* the values that have a name as a tap */
    int *lines, n_lines;        /* the nodes that have a line in the listing CVT_ROWS_CVT */
    int64_t *line_parameters;   /* the parameters of each line that no earlier line has counted */
    const char **labels;
    int n_labels;
    cvt_preprocess preprocess;
    cvt_error no_preprocess; /* why there is no preprocessing; CVT_OK if there is one */
};

/* options.c: copies the options that a program gave, which may be NULL or of another version of the struct, to *own.
 * Errors: CVT_USAGE, CVT_UNSUPPORTED. */
cvt_status cvt_options_take(cvt_options *own, const cvt_options *given, cvt_error *error);
cvt_status cvt_image_options_take(cvt_image_options *own, const cvt_image_options *given, cvt_error *error);

/* Where the model is: at a path, else in memory, else behind a descriptor. */
typedef struct cvt_place {
    const char *path;
    const void *bytes;
    size_t size;
    int fd; /* -1: none */
} cvt_place;

/* files.c: finds and reads the files at a place. Errors as for cvt_model_open. */
cvt_status cvt_bundle_open(cvt_bundle *bundle, const cvt_place *place, const cvt_options *options, cvt_error *error);
void cvt_bundle_close(cvt_bundle *bundle);

/* labels.c: reads the labels from the first of these that is there: options.labels, id2label or label_names of the
 * config, labels.txt, and options.default_labels for models of 1000 classes. */
cvt_status cvt_labels_read(cvt_model *model, const cvt_options *options, cvt_error *error);

/* describe.c: makes the listing CVT_ROWS_CVT. */
cvt_status cvt_listing_make(cvt_model *model, cvt_error *error);

/* class_map.c: computes the class activation maps of the n images of the last run, [n, height, width]. Errors as for
 * cvt_session_class_map. */
cvt_status cvt_class_map_make(float *to, const cvt_model *model, const cvt_exec *exec, int n, int class_index,
                              cvt_error *error);

/* stored.c: writes the layouts of a plan's panels as CVT_META_PACKED holds them, "f32 4x16, f16 4x16, int8
 * 4x16x4/64". */
void cvt_packed_layout(cvt_str *to, const cvt_kernels *kernels, cvt_precision precision);
/* stored.c: says how the model's file may hold each parameter. CVT_WEIGHTS where it is packed for other kernels or
 * another precision. */
cvt_status cvt_stored_forms(cvt_stored_form **forms, cvt_model *model, const cvt_kernels *kernels, cvt_error *error);

/* Copies a value of one image into `to` in the order that cvt.h promises: maps as [C,H,W], the rest as it is stored. */
void cvt_value_export(float *to, const float *stored, cvt_shape shape);
cvt_tensor_info cvt_value_describe(const char *name, cvt_shape shape);

/* The keys of the metadata of a converted file. */
#define CVT_META_CONFIG "cvt.config"
#define CVT_META_PREPROCESSOR "cvt.preprocessor"
#define CVT_META_LABELS "cvt.labels"
#define CVT_META_ORIGIN "cvt.origin"
#define CVT_META_PRECISION "cvt.precision" /* "int8": weights of products may be I8, and names are native */
#define CVT_META_PACKED "cvt.packed"       /* the layouts of panels that stand in place of weights */

#endif
