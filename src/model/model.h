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
    bool converted;       /* one file, as cvt convert writes it: its labels count before those of its config */
    cvt_weights *weights; /* NULL where none were asked for */
    bool borrowed;        /* the weights are another model's, which outlives this one */
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
    const char *labels_from; /* the document that has them */
    cvt_score_kind score;
    const char *learned;    /* what a file that is written says in CVT_META_LEARNED; NULL: what the own file says */
    const char *remarks[8]; /* cvt_model_remark; ends with NULL */
    const char *warning;    /* cvt_model_warning, or NULL */
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
/* lib.c: a model of these files, which are its own from then on, after a failure too. Errors as for cvt_model_open. */
cvt_status cvt_model_open_bundle(cvt_model **out, cvt_bundle *files, const cvt_options *options, cvt_error *error);

/* locate.c. *path: NULL before; the caller's to free, also after a failure. */
/* DIRECTORY/NAME; NULL without memory. */
char *cvt_path_join(const char *directory, const char *name);
/* Is a file of this name one of weights? */
bool cvt_weights_named(const char *path);
/* The file of a directory that holds the weights. */
cvt_status cvt_weights_locate(char **path, const char *directory, cvt_error *error);
/* The snapshot of a repository in the hub's cache, "models--org--name"; *path stays NULL where it is none. */
cvt_status cvt_snapshot_of(char **path, const char *directory, cvt_error *error);
/* CVT_NOT_FOUND: the directory has none of these; perhaps it is not downloaded yet. */
cvt_status cvt_fail_without(const char *directory, const char *what, cvt_error *error);

/* labels.c: reads the labels from the first of these that is there: options.labels, id2label or label_names of the
 * config, labels.txt, and options.default_labels for models of 1000 classes. */
cvt_status cvt_labels_read(cvt_model *model, const cvt_options *options, cvt_error *error);

/* scores.c: what scores are, as asked, else as a converted file keeps it, else by the config. CVT_USAGE, CVT_CONFIG. */
cvt_status cvt_score_choose(cvt_model *model, const char *asked, cvt_error *error);
/* What a converted file has to keep of it; NULL: nothing, the config says it. */
const char *cvt_score_kept(const cvt_model *model);

/* remarks.c: what the model was read from, and whether its preprocessing is a guess, or for another size than that of
 * its config; `sized`: the caller has chosen the size. */
cvt_status cvt_remarks_make(cvt_model *model, bool sized, cvt_error *error);

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
#define CVT_META_SCORE "cvt.score"     /* where it is not what the config says */
#define CVT_META_LEARNED "cvt.learned" /* JSON: from what cvt learn has made the last layer, and how good it is */
#define CVT_META_ORIGIN "cvt.origin"
#define CVT_META_PRECISION "cvt.precision" /* "int8": weights of products may be I8, and names are native */
#define CVT_META_PACKED "cvt.packed"       /* the layouts of panels that stand in place of weights */

#endif
