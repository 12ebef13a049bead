/* cvt.h - the public interface of libcvt, and the only installed header. libcvt(3) has a worked example.
 *
 * Objects. A cvt_model is a network with its weights. A cvt_session is the memory that runs need: one forward pass of a
 * model at a time. A cvt_image holds one image and the buffers that decoding needs; the buffers only grow, so use one
 * cvt_image for many images. A session uses its model until it is freed; a cvt_image uses one only while it reads.
 * Every function that frees takes NULL too.
 *
 * Errors. A function that can fail returns a cvt_status and fills the cvt_error that it takes last, which may be NULL.
 * Where it fails, what it was to make is NULL and what it was to count is 0. An index that is out of range is no
 * failure: what is returned is then NULL, or a struct whose fields are all 0. A buffer of yours goes with its capacity,
 * in entries of its type; one that is too small is CVT_USAGE, and nothing is written to it.
 *
 * Threads. Different objects may be used by different threads at the same time. A session or an image is used by one
 * thread at a time, whichever it is. A model that is loaded never changes: any number of threads may use it at once.
 * While cvt_model_load works on a model that was opened with weights_later, other threads may read images for it, and
 * do nothing else with it. cvt_model_retain and the functions that free need an object for themselves. All functions
 * that take no object may be called at any time, unless the program changes its environment meanwhile (getenv).
 *
 * Memory. What you hand over, strings and arrays in options included, is read before the function returns and is yours
 * again then; only the bytes given to cvt_model_open_memory must stay. Strings that a function returns live as long as
 * the object they come from; those that come from no object live for ever.
 *
 * The process. The library never prints, never exits, installs no signal handlers and starts no threads but where it
 * was told of several: a session that was made for several starts its own in its first run, a model whose options allow
 * several while it is loaded, an image whose options do while it is read; where it cannot have all of them there are
 * fewer. It reads the environment variable CVT_ISA, and what OpenMP reads. In two cases it changes more than its own
 * memory. Before a model uses the AMX tiles of an x86 CPU for the first time, it asks Linux for the permission, which
 * holds for the whole process and is never given back (arch_prctl(2), ARCH_REQ_XCOMP_PERM). Only models that run in
 * bf16 or int8 on the kernels called avx512amx use tiles; the permission is asked for when the first of them is loaded.
 * Before the first HEIC or AVIF image is read, it puts a handler in front of the one that C++ calls for an exception
 * that nobody catches (std::set_terminate): one that libheif lets out while an image is read is then the failure of
 * that image, and all others go to the handler that was there.
 *
 * Numbers. Tensors are f32 in C order. An image is [C, H, W], several are [N, C, H, W] back to back.
 *
 * Compatibility. From 0.2.0 on, a program that was built for one version runs with all later ones whose library has
 * the same name, libcvt.so.MAJOR: functions, constants and fields are added, and none is removed or changes its
 * meaning. That is why options begin with their size, and why structs that are returned have reserved room (0 today).
 * The other structs stay as they are. What has to break waits for the next MAJOR. The bytes of results may change with
 * MINOR, and NEWS then says so; PATCH only mends faults. */
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

/* The version of this header: the one place where it stands. */
#define CVT_VERSION_MAJOR 0
#define CVT_VERSION_MINOR 2
#define CVT_VERSION_PATCH 0
#define CVT_VERSION CVT_DOTTED(CVT_VERSION_MAJOR, CVT_VERSION_MINOR, CVT_VERSION_PATCH)
#define CVT_DOTTED(major, minor, patch) CVT_DOTTED_(major, minor, patch)
#define CVT_DOTTED_(major, minor, patch) #major "." #minor "." #patch

/* The version of the library that the program runs with, as CVT_VERSION has it. */
const char *cvt_version(void);

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

/* All fields but `size` are 0 where nothing else is wanted:
 *     cvt_options options = {.size = sizeof options, .images = 1000};
 * or, in other languages than C, cvt_options_init and assignments. */
typedef struct cvt_options {
    size_t size;                /* of this struct, as the program was compiled */
    const char *config;         /* a config file to use instead of the one that goes with the weights, or NULL */
    const char *labels;         /* a file with a label a line, or NULL for what the model carries */
    const char *default_labels; /* such a file for models of 1000 classes that carry none, or NULL */
    const char *const *taps;    /* names of inner values that cvt_session_tap will ask for, or the single name "all" */
    size_t n_taps;
    bool embedding;        /* cvt_session_embedding will ask for what the last linear layer reads */
    int height, width;     /* build for this input size; 0: what the config says */
    const int (*sizes)[2]; /* the same for each input of a model of several: sizes[0] is not read, 0: as above */
    size_t n_sizes;
    int images;            /* images expected in the model's life: decides whether packing weights ahead pays */
    bool no_weights;       /* build the graph from the config alone: enough for listings, not for sessions */
    bool weights_later;    /* stop where images can be read for the model; cvt_model_load does the rest */
    const char *precision; /* of products: "f32", "f16", "bf16", "int8"; NULL: as the weights are, int8 or f32 */
    const char *isa;       /* the kernels to run on, "avx2", ...; NULL: what CVT_ISA says, else the best ones here */
    bool random_weights;   /* with no file: draw weights from `seed` (tests, benchmarks) */
    bool reference;        /* run the nodes one by one on plain C kernels, whatever isa says: slow, for comparison */
    uint64_t seed;
    const char *preprocess;    /* a preprocessor_config.json, or another document that says how images are prepared,
                                  to use instead of the model's; or NULL */
    const char *score;         /* what cvt_model_top_k gives, "softmax", "sigmoid", "none"; NULL: as the model says */
    const char *const *ignore; /* shell patterns of names: tensors that are no error though no parameter takes them */
    size_t n_ignore;
    int threads; /* that may prepare weights while the model is loaded; 0: the caller's alone */
    int padding; /* 0 */
} cvt_options;

/* Sets all fields to 0 but `size`, which is sizeof(cvt_options) where the program was compiled. */
void cvt_options_init(cvt_options *options, size_t size);

/* Opens a model: a directory, a .safetensors file that carries its config, or (no_weights, random_weights) a config
 * file. Every tensor's name, type and shape is checked. options may be NULL. Files of weights are mapped, not copied:
 * they must stay as they are until the model is freed (replacing one by a new file of its name is fine). */
cvt_status cvt_model_open(cvt_model **out, const char *path, const cvt_options *options, cvt_error *error);
/* The same from one file of weights that lies in memory, or that a descriptor was opened for: a safetensors file that
 * carries its config, or any single file of weights with options.config. An index of shards is none.
 * The bytes stay yours; they are read where they are, and must not change until cvt_model_free has returned. Let them
 * begin at a multiple of 64 bytes: files of int8 or packed weights are refused anywhere else. */
cvt_status cvt_model_open_memory(cvt_model **out, const void *bytes, size_t size, const cvt_options *options,
                                 cvt_error *error);
/* A regular file or a memfd, from its beginning, wherever the descriptor stands. The descriptor stays yours: it is
 * neither moved nor closed, and may be closed as soon as this returns. */
cvt_status cvt_model_open_fd(cvt_model **out, int fd, const cvt_options *options, cvt_error *error);
/* Binds the weights of a model that was opened with weights_later: once, before the first session. CVT_USAGE where the
 * model has them, or was opened without any. After another failure the model can only be freed. */
cvt_status cvt_model_load(cvt_model *model, cvt_error *error);
/* One more tap that cvt_session_tap will ask for: before cvt_model_load. CVT_USAGE where there is none of that name. */
cvt_status cvt_model_retain(cvt_model *model, const char *tap, cvt_error *error);
void cvt_model_free(cvt_model *model);

/* Reads every weight once and fails on the first value that is not finite. */
cvt_status cvt_model_check(const cvt_model *model, cvt_error *error);

typedef struct cvt_tensor_info {
    const char *name;
    int rank;
    int64_t shape[8]; /* of one image: without N */
    int64_t reserved[4];
} cvt_tensor_info;

const char *cvt_model_arch(const cvt_model *model); /* the family: "cvt", ... */
/* Whose names the weights have: "hf", "microsoft", ...; "" without weights. */
const char *cvt_model_dialect(const cvt_model *model);
const char *cvt_model_precision(const cvt_model *model); /* that products run in here: "f32", ... */
const char *cvt_model_isa(const cvt_model *model);       /* the kernels that it runs on; NULL before it is loaded */
int cvt_model_classes(const cvt_model *model);           /* 0: the model gives no scores of classes */
const char *cvt_model_label(const cvt_model *model, int class_index); /* NULL where there is none */
/* A line that the user of the model should see, as that its images are prepared by a guess; NULL past the last. */
const char *cvt_model_warning(const cvt_model *model, int index);
/* A line on what the model was read from, for who wants to know; NULL past the last. */
const char *cvt_model_remark(const cvt_model *model, int index);
int cvt_model_inputs(const cvt_model *model);
cvt_tensor_info cvt_model_input(const cvt_model *model, int index);
cvt_tensor_info cvt_model_output(const cvt_model *model);
int64_t cvt_model_parameters(const cvt_model *model); /* numbers that training changes */
int64_t cvt_model_buffers(const cvt_model *model);    /* other numbers that are stored: running statistics */
int64_t cvt_model_macs(const cvt_model *model);       /* multiply-adds of convolutions and products, for one image */
/* Bytes of the weights as their files hold them; of a model that was opened without any, what they would be in f32. */
int64_t cvt_model_bytes(const cvt_model *model);
/* True if what one image gives depends on the others of its pass (batch statistics): run such images one by one. */
bool cvt_model_batch_dependent(const cvt_model *model);

/* Taps: the inner values that a run can hand out, by name ("stage0.block1.attn.map"), in the order of the network. */
int cvt_model_taps(const cvt_model *model);
cvt_tensor_info cvt_model_tap(const cvt_model *model, int index);
int cvt_model_find_tap(const cvt_model *model, const char *name); /* its index, or -1 */
/* What the last linear layer reads; name NULL: the model has no such layer. */
cvt_tensor_info cvt_model_embedding(const cvt_model *model);

/* A tap that holds attention: [heads, queries, keys]. The first `prefix` keys are class tokens, which have no place on
 * the image. The other keys are a grid of height x width cells that covers the image, row by row; height 0: their
 * places are not known. */
typedef struct cvt_attention_info {
    int heads, queries, keys;
    int prefix, height, width;
    int class_query; /* the query of the class token; -1: none of them is */
    bool map;        /* the probabilities of a layer ("map", "block1.attn.map"); else scores on the way there */
    /* Landmark attention (Nystromformer) computes no map, but three factors of one. Its tap "scatter" counts as the map
     * here: all fields above describe the product, for each head, of "scatter" and these two taps. -1: not so. */
    int factors[2];
    int64_t reserved[4];
} cvt_attention_info;
cvt_attention_info cvt_model_attention(const cvt_model *model, int tap); /* heads 0: no attention */
/* Attention rollout (Abnar and Zuidema 2020) multiplies the attention maps of all layers up to one of them, which tells
 * how much of each input token has reached that layer. This finds the taps to multiply, in the order of the network;
 * the last one is `tap`. Each is [heads, T, T]. Where the network adds class tokens on its way, the maps before that
 * have fewer tokens than `tap` has: the tokens that they lack are the class tokens, the first ones, and those layers
 * leave them as they are. CVT_USAGE where the maps cannot be multiplied, or are more than `capacity`:
 * cvt_model_taps(model) entries are always enough. */
cvt_status cvt_model_rollout(const cvt_model *model, int tap, int *chain, int capacity, int *n, cvt_error *error);

/* A class activation map (Zhou et al. 2016) tells how much each place of the image speaks for a class. It exists
 * where the classifier is a linear layer that reads the mean of a map: then the logit of the class is the mean of the
 * activation map plus the bias. The map's name and shape, [height, width], whose cells cover the input row by row; rank
 * 0: this model has none. */
cvt_tensor_info cvt_model_class_map(const cvt_model *model);
/* cvt_session_class_map will be called: before cvt_model_load. CVT_UNSUPPORTED where there is no such map. */
cvt_status cvt_model_retain_class_map(cvt_model *model, cvt_error *error);

/* The layers of the network. CVT_ROWS_CVT: a row for each layer that computes; parameters that several layers share are
 * counted in the first of them. CVT_ROWS_TORCHSUMMARY: as the Python package torchsummary lists them, a row for each
 * call of a module and for each module that holds others, the inner ones first; parameters are counted at every call.
 */
typedef enum cvt_row_style { CVT_ROWS_CVT, CVT_ROWS_TORCHSUMMARY } cvt_row_style;
typedef struct cvt_row {
    const char *name; /* dotted path, "stage0.block1.attn.q" */
    const char *type; /* class of the module, "Linear" */
    int rank;
    int64_t shape[8]; /* of the output for one image: maps [C, H, W], tokens [T, C] */
    int64_t parameters, macs;
    int64_t reserved[4];
} cvt_row;
int cvt_model_rows(const cvt_model *model, cvt_row_style style);
cvt_row cvt_model_row(const cvt_model *model, cvt_row_style style, int index);

/* Writes the model as one self-contained safetensors file: weights, config, preprocessing, labels.
 * dtype: what weights are stored as, "f32", "f16", "bf16" or "int8" (only those that are multiplied, under native
 * names); NULL: as they are. names: a dialect of the family, "native", "hf", ...; NULL: as they are.
 * pack: store the weights that are multiplied in the order in which the kernels of this machine read them, so that they
 * are used where they lie in the file; no other kind of machine can read it. It needs native names and a model that was
 * opened for many images, in the precision that it was opened for. */
cvt_status cvt_model_save(const cvt_model *model, const char *path, const char *dtype, const char *names, bool pack,
                          cvt_error *error);

/* The families of models that the library knows, from index 0 on; then NULL. */
const char *cvt_arch_name(int index);
const char *cvt_arch_about(int index); /* one line on it */

/* By what the papers on vision transformers compare families: each "yes", "no" or a few words. All NULL past the end.
 */
typedef struct cvt_arch_traits {
    const char *position_encoding;    /* are places told apart by something that is added to the tokens? */
    const char *token_embedding;      /* how the image becomes tokens: "non-overlapping" patches, ... */
    const char *attention_projection; /* what makes queries, keys and values: "linear", "convolution", ... */
    const char *hierarchical;         /* do the tokens become fewer from stage to stage? */
    const char *reserved[4];
} cvt_arch_traits;
cvt_arch_traits cvt_arch_compare(int index);

/* ---- running --------------------------------------------------------------------------------------------------- */

/* max_batch: the most images of one pass, at least 1. threads: how many work on a pass, at least 1 (with 1 none is
 * started). CVT_USAGE where the model has no weights yet. */
cvt_status cvt_session_new(cvt_session **out, const cvt_model *model, int max_batch, int threads, cvt_error *error);
void cvt_session_free(cvt_session *session);

/* One forward pass of n images. inputs: one pointer for each input of the model; inputs[i] holds n tensors of
 * cvt_model_input(model, i), back to back. The results stay valid until the next run.
 * CVT_USAGE where a pointer is NULL, or n is not from 1 to max_batch.
 * CVT_NON_FINITE where the output has a value that is not finite; the message then tells whether an input had one, or
 * the weights made it. (An input with such a value whose output is finite all the same is not noticed.) */
cvt_status cvt_session_run(cvt_session *session, const float *const *inputs, int n, cvt_error *error);
/* [n, output shape] of the last run; NULL before the first. */
const float *cvt_session_output(const cvt_session *session);
/* Copies a tap of the last run, [n, tap shape], to `to`, which has room for `capacity` floats. The tap must be among
 * options.taps or given to cvt_model_retain. */
cvt_status cvt_session_tap(const cvt_session *session, const char *name, float *to, size_t capacity, cvt_error *error);
/* The same of what the last linear layer reads, [n, embedding shape]; the model was opened with options.embedding. */
cvt_status cvt_session_embedding(const cvt_session *session, float *to, size_t capacity, cvt_error *error);

/* The class activation map of the last run for this class, [n, class map's shape]; the model was told by
 * cvt_model_retain_class_map. CVT_USAGE where it was not, or where there is no such class. */
cvt_status cvt_session_class_map(const cvt_session *session, int class_index, float *to, size_t capacity,
                                 cvt_error *error);

/* Where the time goes: an entry for each kind of operation, summed over all runs since profiling was switched on, which
 * costs little. No entries without profiling. */
typedef struct cvt_op_time {
    const char *op; /* "linear", "attention", ... */
    double ms;
    int64_t macs; /* of one image */
    int steps;    /* how many operations of this kind a pass has */
    int64_t reserved[4];
} cvt_op_time;
void cvt_session_profile(cvt_session *session, bool on);
int cvt_session_op_times(const cvt_session *session);
cvt_op_time cvt_session_op_time(const cvt_session *session, int index);

/* The k classes with the largest logits of one image, largest first, of equal ones the lower index first, with their
 * probabilities (softmax over all classes). Returns how many there are: k, or `classes` where that is less; the other
 * entries of `top` become {-1, 0}. */
typedef struct cvt_score {
    int index;
    float score;
} cvt_score;
int cvt_top_k(const float *logits, int classes, cvt_score *top, int k);

/* What the scores of a model are. */
typedef enum cvt_score_kind {
    CVT_SCORE_SOFTMAX, /* probabilities of classes that exclude each other: their sum is 1 */
    CVT_SCORE_SIGMOID, /* probabilities, each class by itself: several may hold, or none */
    CVT_SCORE_NONE,    /* the output as it is: the number that a regression gives */
} cvt_score_kind;
/* As options.score says, else the model: CVT_SCORE_SIGMOID for a multi-label model and for one of a single class,
 * CVT_SCORE_NONE for a regression, else CVT_SCORE_SOFTMAX. */
cvt_score_kind cvt_model_score(const cvt_model *model);
/* cvt_top_k of the output of one image, with scores of the model's kind. */
int cvt_model_top_k(const cvt_model *model, const float *output, cvt_score *top, int k);

/* ---- images ---------------------------------------------------------------------------------------------------- */

typedef struct cvt_image cvt_image;

/* What becomes of transparency: it is dropped, so that hidden colours show, as in Pillow's convert("RGB"); or the image
 * is laid over white or black, byte by byte before it is resized. */
typedef enum cvt_alpha { CVT_ALPHA_DROP, CVT_ALPHA_WHITE, CVT_ALPHA_BLACK } cvt_alpha;

/* As cvt_options: all but `size` may be 0. */
typedef struct cvt_image_options {
    size_t size;
    uint64_t max_pixels;  /* refuse larger images; 0: 178,956,970 */
    int max_scans;        /* refuse progressive JPEGs of more scans; 0: 200 */
    bool ignore_exif;     /* do not turn the image as its EXIF orientation says */
    bool clip_gray16;     /* a 16-bit grey PNG becomes min(v, 255), as in Pillow; else round(v / 257) */
    bool allow_truncated; /* take what there is of a file that ends early */
    cvt_alpha alpha;
    int fast;    /* 1: decode a JPEG at 1/2, 1/4 or 1/8 of its size where resizing makes it as small, as after Pillow's
                    Image.draft: other pixels than without, in less time */
    int lines;   /* 1: the image is a page, of which each line of text is read; see cvt_model_reads_lines */
    int threads; /* that may decode and resize one large JPEG, where its restart markers allow it; 0: the caller's
                    alone. The pixels are the same */
} cvt_image_options;

/* After which step reading ends, and what cvt_image_pixels then shows. */
typedef enum cvt_image_stop {
    CVT_STOP_NONE,   /* none: all steps and the tensor */
    CVT_STOP_DECODE, /* the image as it is stored */
    CVT_STOP_ORIENT, /* turned as its EXIF orientation says */
    CVT_STOP_RESIZE, /* resized, the whole of it */
    CVT_STOP_CROP    /* the part that the model looks at */
} cvt_image_stop;

void cvt_image_options_init(cvt_image_options *options, size_t size);
/* options may be NULL. */
cvt_status cvt_image_new(cvt_image **out, const cvt_image_options *options, cvt_error *error);
void cvt_image_free(cvt_image *image);

/* Reads a JPEG or PNG (WebP, HEIC and AVIF where the build found libwebp and libheif) from a file ("-": standard input)
 * or from memory, and prepares it as the model wants images, up to and with the step `stop`. The model need not be
 * loaded. CVT_UNSUPPORTED where a model takes no images. Messages on a file begin with its path. */
cvt_status cvt_image_read(cvt_image *image, const cvt_model *model, const char *path, cvt_image_stop stop,
                          cvt_error *error);
cvt_status cvt_image_read_memory(cvt_image *image, const cvt_model *model, const void *bytes, size_t size,
                                 cvt_image_stop stop, cvt_error *error);
/* The same of pixels: `height` rows of `width` pixels of three bytes, red, green and blue (sRGB); a row begins `stride`
 * bytes after the one before, at least 3 * width. Gives the same bytes as a PNG of these pixels. */
cvt_status cvt_image_read_pixels(cvt_image *image, const cvt_model *model, const uint8_t *rgb, int height, int width,
                                 size_t stride, cvt_image_stop stop, cvt_error *error);
/* Does the model read lines of text: are images that are wider than its input read in several windows? All of them make
 * the answer of the program; of a caller that asks for one tensor it is the middle one. */
bool cvt_model_reads_lines(const cvt_model *model);
/* What the model is fed, cvt_model_input(model, 0) of the model that the image was read for. NULL if the last read
 * failed or was stopped before, or where there is no memory for it. Valid until the next read. */
const float *cvt_image_tensor(const cvt_image *image);
/* The pixels after the step at which the last read was stopped; after a whole read those that the tensor was made of.
 * [height, width, 3], red, green, blue. NULL, and sizes of 0, if the last read failed. Valid until the next read. */
const uint8_t *cvt_image_pixels(const cvt_image *image, int *height, int *width);
/* The part of an upright image of height x width pixels (as it is at CVT_STOP_ORIENT) of which the model's tensor is
 * made, in pixels of the image. It reaches over the edges where the preprocessing pads. */
typedef struct cvt_view {
    double left, top, width, height;
} cvt_view;
cvt_status cvt_model_view(const cvt_model *model, int height, int width, cvt_view *out, cvt_error *error);
/* One line on what was odd about the last image, which was read all the same; or NULL. */
const char *cvt_image_warning(const cvt_image *image);

/* ---- the machine ----------------------------------------------------------------------------------------------- */

/* "avx2", ...: the kernels that models run on which are opened without options.isa: those that the environment variable
 * CVT_ISA names, else the best that this CPU has. CVT_USAGE where CVT_ISA names none that can run here. */
cvt_status cvt_isa(const char **name, cvt_error *error);
/* Multiply-adds a second that one thread can do here if it never waits for memory: what speeds are compared with. Takes
 * some milliseconds. 0 where cvt_isa fails. */
double cvt_peak_macs(void);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
