/* cvt.h - the public interface of libcvt, and the only installed header.
 *
 * Three objects. A cvt_model is a network with its weights: immutable once opened and safe to share between threads.
 * A cvt_session is one thread's working memory over a model: one forward pass at a time. A cvt_image holds the pixels
 * of one picture and the buffers that decoding needs; it only grows, so reuse it.
 *
 * Every function that can fail returns a cvt_status and fills the cvt_error given last (which may be NULL). The
 * library never prints, never exits and changes no global state. Strings that it returns live as long as the object
 * they come from. Tensors are f32, C order, images as [N, C, H, W]. */
#ifndef CVT_H
#define CVT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default) /* the library is built with all else hidden */
#endif

#define CVT_VERSION "0.2.0"

/* ---- errors ---------------------------------------------------------------------------------------------------- */

typedef enum cvt_status {
    CVT_OK = 0,
    CVT_NOT_FOUND,   /* no such file */
    CVT_UNREADABLE,  /* it exists and cannot be read */
    CVT_FORMAT,      /* not a format that is known here */
    CVT_TRUNCATED,   /* data ends early */
    CVT_CORRUPT,     /* data contradict themselves */
    CVT_UNSUPPORTED, /* legal, but not done here */
    CVT_TOO_LARGE,   /* over a limit */
    CVT_NON_FINITE,  /* NaN or infinity in an input or a result */
    CVT_CONFIG,      /* the architecture config is wrong */
    CVT_WEIGHTS,     /* the weights do not fit the config */
    CVT_USAGE,       /* the caller's arguments are wrong */
    CVT_OUTPUT,      /* a result cannot be written */
    CVT_NO_MEMORY,
} cvt_status;

#define CVT_MESSAGE_MAX 1024

/* message: one line, valid UTF-8 without control bytes, cut at CVT_MESSAGE_MAX. */
typedef struct cvt_error {
    cvt_status status;
    char message[CVT_MESSAGE_MAX];
} cvt_error;

/* "not_found", "truncated", ...: the word that stands for a status in records. */
const char *cvt_status_code(cvt_status status);

/* ---- models ---------------------------------------------------------------------------------------------------- */

typedef struct cvt_model cvt_model;
typedef struct cvt_session cvt_session;

typedef struct cvt_options {
    const char *config;         /* a config file to use instead of the one beside the weights, or NULL */
    const char *labels;         /* a file with a label a line, or NULL for what the model carries */
    const char *default_labels; /* such a file for models of 1000 classes that carry none, or NULL */
    const char *const *taps;    /* names of values that runs must retain, or the single name "all"; NULL for none */
    size_t n_taps;
    bool embedding;        /* runs must retain what the last linear layer reads, for cvt_session_embedding */
    int height, width;     /* build for this input size; 0: what the config says */
    const int (*sizes)[2]; /* the same for every input of a model of several: sizes[0] is not read, 0: as above */
    size_t n_sizes;
    int images;            /* images expected in the model's life: decides whether packing weights ahead pays */
    bool no_weights;       /* build the graph from the config alone: enough for listings, not for sessions */
    bool weights_later;    /* stop where images can be read for the model; cvt_model_load does the rest */
    const char *precision; /* "f32", "f16", "int8": of products with weights; NULL: int8 for int8 weights, else f32 */
    bool random_weights;   /* with no file: draw weights from `seed` (tests, benchmarks) */
    bool reference;        /* unfused plan on reference kernels: slow, the oracle of the other one */
    uint64_t seed;
} cvt_options;

/* Opens a model: a directory, a .safetensors file that carries its config, or (no_weights, random_weights) a config
 * file. Every tensor's name, type and shape is checked. options may be NULL. */
cvt_status cvt_model_open(cvt_model **out, const char *path, const cvt_options *options, cvt_error *error);
/* Binds the weights of a model that was opened with weights_later: before the first session, once. Other threads may
 * read images for the model meanwhile. */
cvt_status cvt_model_load(cvt_model *model, cvt_error *error);
/* One more tap that runs must retain: before cvt_model_load. CVT_USAGE where there is none of that name. */
cvt_status cvt_model_retain(cvt_model *model, const char *tap, cvt_error *error);
void cvt_model_free(cvt_model *model);

/* Reads every weight once and fails on the first value that is not finite. */
cvt_status cvt_model_check(const cvt_model *model, cvt_error *error);

typedef struct cvt_tensor_info {
    const char *name;
    int rank;
    int64_t shape[8]; /* of one image: without N */
} cvt_tensor_info;

const char *cvt_model_arch(const cvt_model *model); /* "cvt" */
const char *
cvt_model_dialect(const cvt_model *model); /* whose weight names: "hf", "microsoft", ...; "" without weights */
int cvt_model_inputs(const cvt_model *model);
cvt_tensor_info cvt_model_input(const cvt_model *model, int index);
cvt_tensor_info cvt_model_output(const cvt_model *model);
int cvt_model_taps(const cvt_model *model); /* every value that could be retained */
cvt_tensor_info cvt_model_tap(const cvt_model *model, int index);
int cvt_model_find_tap(const cvt_model *model, const char *name); /* its index, or -1 */
cvt_tensor_info cvt_model_embedding(const cvt_model *model); /* what the last linear layer reads; name NULL: unknown */
const char *cvt_model_precision(const cvt_model *model);     /* "f32", ...: what its runs use */
int64_t cvt_model_parameters(const cvt_model *model);
int64_t cvt_model_buffers(const cvt_model *model);
int64_t cvt_model_macs(const cvt_model *model);
int cvt_model_classes(const cvt_model *model);
/* True if what one image gives depends on the others of its pass (batch statistics): run such images one by one. */
bool cvt_model_batch_dependent(const cvt_model *model);
const char *cvt_model_label(const cvt_model *model, int class_index); /* NULL where there is none */

/* A tap that holds attention: [heads, queries, keys]. Of the keys the first `prefix` (class tokens) lie nowhere on the
 * image, the others are a grid of height x width cells that covers it, row by row; height 0: that is not known. */
typedef struct cvt_attention_info {
    int heads, queries, keys;
    int prefix, height, width;
    int class_query; /* the query of the class token; -1: none of them is */
    bool map;        /* the probabilities of a layer ("map", "block1.attn.map"); else scores on the way there */
    /* Landmark attention has no such tap. Its "scatter" counts as map, and all above tells of the product of it and
     * these two taps, for each head; -1: the tap stands for itself. */
    int factors[2];
} cvt_attention_info;
cvt_attention_info cvt_model_attention(const cvt_model *model, int tap); /* heads 0: no attention */
/* Attention rollout (Abnar and Zuidema 2020): the maps by which each layer passes on the tokens that reach the one of
 * `tap`, first to last, that one included. All are [heads, T, T], with the largest T in `tap`: to an earlier one the
 * class tokens that join later are strangers. chain: room for cvt_model_taps. CVT_USAGE where there is no such chain.
 */
cvt_status cvt_model_rollout(const cvt_model *model, int tap, int *chain, int *n, cvt_error *error);

/* A class activation map (Zhou et al. 2016) tells how much each place of the picture speaks for a class. It exists
 * where the classifier is a linear layer that reads the mean of a map: then the logit of the class is the mean of the
 * activation map plus the bias. The map's name and shape, [height, width], whose cells cover the input row by row; rank
 * 0: this model has none. */
cvt_tensor_info cvt_model_class_map(const cvt_model *model);
/* Runs must retain what cvt_session_class_map reads: before cvt_model_load. CVT_UNSUPPORTED where there is no such map.
 */
cvt_status cvt_model_retain_class_map(cvt_model *model, cvt_error *error);

/* The listing. CVT_ROWS_CVT: a row per layer that computes, parameters counted once. CVT_ROWS_TORCHSUMMARY: a row per
 * call of a module and per container, children first, parameters counted at every call, as torchsummary does. */
typedef enum cvt_row_style { CVT_ROWS_CVT, CVT_ROWS_TORCHSUMMARY } cvt_row_style;
typedef struct cvt_row {
    const char *name; /* dotted path, "stage0.block1.attn.q" */
    const char *type; /* module class, "Linear" */
    int rank;
    int64_t shape[8]; /* of the output for one image, in logical order: maps [C, H, W], tokens [T, C] */
    int64_t parameters, macs;
} cvt_row;
int cvt_model_rows(const cvt_model *model, cvt_row_style style);
cvt_row cvt_model_row(const cvt_model *model, cvt_row_style style, int index);

/* Writes the model as one self-contained safetensors file: weights, config, preprocessing, labels. dtype: "f32", "f16",
 * "bf16", "int8" (of the products' weights, under native names), or NULL to keep what is stored; names: a dialect of
 * the family ("native", "hf", ...), or NULL to keep. pack: the weights of products as the kernels of this machine read
 * them, so that they are used straight from the file, and by no other kind of machine; under native names, of a model
 * opened for many images, in the precision that it was opened for. */
cvt_status cvt_model_save(const cvt_model *model, const char *path, const char *dtype, const char *names, bool pack,
                          cvt_error *error);

/* The families, in the order of arch.def, then NULL. */
const char *cvt_arch_name(int index);
const char *cvt_arch_about(int index); /* one line on it */

/* ---- running --------------------------------------------------------------------------------------------------- */

/* max_batch: most images of one pass; threads: OpenMP threads inside a pass (1: none are started). */
cvt_status cvt_session_new(cvt_session **out, const cvt_model *model, int max_batch, int threads, cvt_error *error);
void cvt_session_free(cvt_session *session);

/* One forward pass. inputs[i]: n tensors of cvt_model_input(model, i), back to back. The results stay valid until the
 * next run. Logits that are not finite are CVT_NON_FINITE. */
cvt_status cvt_session_run(cvt_session *session, const float *const *inputs, int n, cvt_error *error);
const float *cvt_session_output(const cvt_session *session); /* [n, output shape] */
/* Copies the named tap, [n, tap shape], into `to`; the tap must be among options.taps. */
cvt_status cvt_session_tap(const cvt_session *session, const char *name, float *to, cvt_error *error);
/* The same of what the last linear layer reads, [n, embedding shape]; the model was opened with options.embedding. */
cvt_status cvt_session_embedding(const cvt_session *session, float *to, cvt_error *error);

/* The class activation map of the last run for this class, [n, class map's shape]; the model was told by
 * cvt_model_retain_class_map. CVT_USAGE where it was not, or where there is no such class. */
cvt_status cvt_session_class_map(const cvt_session *session, int class_index, float *to, cvt_error *error);

/* Time by kind of step, summed over all runs since profiling was switched on (it costs little). */
typedef struct cvt_op_time {
    const char *op; /* "linear", "attention", ... */
    double ms;
    int64_t macs; /* of one image */
    int steps;
} cvt_op_time;
void cvt_session_profile(cvt_session *session, bool on);
int cvt_session_op_times(const cvt_session *session);
cvt_op_time cvt_session_op_time(const cvt_session *session, int index);

/* Softmax over the classes of one image and the k best, ties by lowest index. */
typedef struct cvt_score {
    int index;
    float score;
} cvt_score;
void cvt_top_k(const float *logits, int classes, cvt_score *top, int k);

/* ---- images ---------------------------------------------------------------------------------------------------- */

typedef struct cvt_image cvt_image;

typedef struct cvt_image_options {
    uint64_t max_pixels;  /* 0: 100 million */
    int max_scans;        /* 0: 200 progressive scans */
    bool ignore_exif;     /* do not apply the orientation */
    bool clip_gray16;     /* 16-bit grey as Pillow does it */
    bool allow_truncated; /* take what there is of a torn file */
} cvt_image_options;

typedef enum cvt_image_stop {
    CVT_STOP_NONE,
    CVT_STOP_DECODE,
    CVT_STOP_ORIENT,
    CVT_STOP_RESIZE,
    CVT_STOP_CROP
} cvt_image_stop;

cvt_status cvt_image_new(cvt_image **out, const cvt_image_options *options, cvt_error *error);
void cvt_image_free(cvt_image *image);

/* Reads a picture from a file or from memory, as far as `stop` (CVT_STOP_NONE: all the way) by the model's preprocess.
 */
cvt_status cvt_image_read(cvt_image *image, const cvt_model *model, const char *path, cvt_image_stop stop,
                          cvt_error *error);
cvt_status cvt_image_read_memory(cvt_image *image, const cvt_model *model, const void *bytes, size_t size,
                                 cvt_image_stop stop, cvt_error *error);
/* The tensor the model is fed, [C, H, W]; the pixels [H, W, 3] as they are at the stop, without one those that the
 * tensor was made of. */
const float *cvt_image_tensor(const cvt_image *image);
const uint8_t *cvt_image_pixels(const cvt_image *image, int *height, int *width);
/* The part of an upright picture (as it is at CVT_STOP_ORIENT) of which the model's tensor is made, in pixels of the
 * picture. It reaches over the edges where the preprocessing pads. */
typedef struct cvt_view {
    double left, top, width, height;
} cvt_view;
cvt_status cvt_model_view(const cvt_model *model, int height, int width, cvt_view *out, cvt_error *error);
/* What the last read found odd and passed all the same, or NULL: one line. */
const char *cvt_image_warning(const cvt_image *image);

/* ---- about ----------------------------------------------------------------------------------------------------- */

/* "avx2", ...: the kernels in use on this machine; CVT_ISA in the environment forces a level.
 * CVT_USAGE if that level is unknown or cannot run here. */
cvt_status cvt_isa(const char **name, cvt_error *error);
/* Multiply-adds a second that one thread of this machine does on registers alone: the peak that speed is measured by.
 */
double cvt_peak_macs(void);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
