/* graph.h - what a model is: a list of typed nodes over values, written once by a builder that reads like the forward
 * pass, and never changed afterwards. Listing, counting, binding, planning and running are walks over this list.
 *
 * A value has the shape of ONE image. Its numbers are stored as a matrix [rows, cols]: a map [C,H,W] as [H*W, C],
 * tokens [T,C] as they are, attention maps [h,T,S] as [h*T, S]. So map <-> tokens is a view.
 *
 * Handles are small integers. Errors of building are sticky: the first one is kept, later calls do nothing and return
 * CVT_NO_VALUE, and cvt_builder_finish reports it. */
#ifndef CVT_GRAPH_GRAPH_H
#define CVT_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef int cvt_value;
enum { CVT_NO_VALUE = -1, CVT_MAX_DIMS = 4, CVT_MAX_INDICES = 6 };

typedef enum cvt_layout {
    CVT_MAP,      /* [C, H, W] */
    CVT_TOKENS,   /* [T, C], class tokens first */
    CVT_FEATURES, /* [C] */
    CVT_SCORES,   /* [heads, T, S] */
} cvt_layout;

typedef struct cvt_shape {
    cvt_layout layout;
    int d[3]; /* logical order, as in the layout's comment */
} cvt_shape;

static inline cvt_shape cvt_shape_map(int c, int h, int w) { return (cvt_shape){CVT_MAP, {c, h, w}}; }
static inline cvt_shape cvt_shape_tokens(int t, int c) { return (cvt_shape){CVT_TOKENS, {t, c, 0}}; }
static inline cvt_shape cvt_shape_features(int c) { return (cvt_shape){CVT_FEATURES, {c, 0, 0}}; }
static inline cvt_shape cvt_shape_scores(int h, int t, int s) { return (cvt_shape){CVT_SCORES, {h, t, s}}; }

int cvt_shape_rank(cvt_shape s);
int cvt_shape_rows(cvt_shape s); /* of the stored matrix */
int cvt_shape_cols(cvt_shape s);
size_t cvt_shape_count(cvt_shape s);
bool cvt_shape_equal(cvt_shape a, cvt_shape b);
/* "[64, 56, 56]" into text, at least 48 bytes; returns text. */
const char *cvt_shape_text(cvt_shape s, char *text);

typedef struct cvt_op cvt_op;
typedef struct cvt_node cvt_node;

/* A stored tensor. name: "stage0.block1.attn.q.weight"; pattern: the same with {letters} for numbers,
 * "stage{i}.block{j}.attn.q.weight", from which the names of every dialect are made. */
typedef struct cvt_index {
    char letter;
    int value;
} cvt_index;

typedef struct cvt_param {
    const char *name, *pattern;
    cvt_index indices[CVT_MAX_INDICES];
    int n_indices;
    int rank;
    int64_t shape[CVT_MAX_DIMS];
    size_t count;
    bool buffer;  /* stored, but not a parameter: running statistics */
    bool ignored; /* a buffer that inference does not read and files may lack: a batch counter */
} cvt_param;

/* Where tokens lie on the image: `prefix` tokens (class tokens) that lie nowhere, then a grid of h x w cells that cover
 * it, row by row. h 0: not known. */
typedef struct cvt_grid {
    int prefix, h, w;
} cvt_grid;

typedef struct cvt_value_info {
    cvt_shape shape;
    int node;          /* that makes it */
    const char *tap;   /* NULL: it cannot be tapped */
    const char *input; /* what an input is called, or NULL */
    cvt_grid keys;     /* of attention maps */
    cvt_grid place;    /* of tokens, where somebody has said it */
} cvt_value_info;

struct cvt_node {
    const cvt_op *op;
    const void *attr; /* of the op's own type */
    int n_in, n_out, n_params;
    const cvt_value *in;
    const cvt_value *out;
    const int *params; /* indices into graph->params */
    const char *name;  /* dotted path of the module */
    int64_t macs;
};

/* One row of a torchsummary listing: a call of a module, or a container that closes. */
typedef struct cvt_graph_row {
    const char *name, *type;
    cvt_value value; /* whose shape the row shows */
    int node;        /* -1: a container */
} cvt_graph_row;

typedef struct cvt_graph {
    cvt_arena arena;
    cvt_node *nodes;
    cvt_value_info *values;
    cvt_param *params;
    cvt_graph_row *rows;
    cvt_value *inputs;
    int n_nodes, n_values, n_params, n_rows, n_inputs;
    cvt_value output;
    cvt_value embedding;  /* what the last linear layer reads */
    bool batch_dependent; /* an op looks at all images of a pass: they must not be put together at will */
} cvt_graph;

void cvt_graph_free(cvt_graph *graph); /* NULL is fine */

/* ---- building --------------------------------------------------------------------------------------------------- */

typedef struct cvt_builder cvt_builder;

cvt_builder *cvt_builder_new(void); /* NULL: out of memory */
/* Hands the graph over and frees the builder, or reports the first error. A graph that was built is acyclic, every
 * value is made before it is used. */
cvt_status cvt_builder_finish(cvt_builder *b, cvt_graph **out, cvt_value output, cvt_error *error);

/* Scopes. segment may hold one {letter}, which stands for `index`: cvtb_open(b, "block{j}", 'j', 3, NULL). type: the
 * class of a container that has a row in torchsummary listings, or NULL. */
void cvtb_open(cvt_builder *b, const char *segment, char letter, int index, const char *type);
/* Binds a letter that occurs in names of some dialects only (a running block number); holds until the scope closes. */
void cvtb_index(cvt_builder *b, char letter, int index);
void cvtb_close(cvt_builder *b);
/* Whether the nodes that follow have rows in torchsummary listings: not where the original calls functions that are no
 * modules. At first they have. */
void cvtb_in_summary(cvt_builder *b, bool in_summary);

/* Makes a value tappable under the current scope's path, plus ".name" if name is not NULL. Returns v. */
cvt_value cvtb_tap(cvt_builder *b, cvt_value v, const char *name);
/* Has v a tap name already? */
bool cvtb_tapped(const cvt_builder *b, cvt_value v);
/* Marks what the last linear layer reads. Returns v. */
cvt_value cvtb_embedding(cvt_builder *b, cvt_value v);
/* Says where the keys of attentions that follow in this scope lie; one with another number of keys is left unknown. */
void cvtb_grid(cvt_builder *b, int prefix, int h, int w);
/* Says where tokens lie; returns v. cvtb_placed tells: of a map its own grid, of tokens what was said, else h 0. */
cvt_value cvtb_place(cvt_builder *b, cvt_value v, cvt_grid grid);
cvt_grid cvtb_placed(const cvt_builder *b, cvt_value v);
cvt_shape cvtb_shape(const cvt_builder *b, cvt_value v); /* a 1-element shape after an error */

/* Records an error that names the current scope. */
__attribute__((format(printf, 2, 3))) void cvtb_fail(cvt_builder *b, const char *format, ...);
bool cvtb_failed(const cvt_builder *b);

/* For ops: adds a node (attr is copied), runs its describe, returns its first output. name: segment of its own scope,
 * or NULL for none. */
cvt_value cvt_graph_add(cvt_builder *b, const cvt_op *op, const char *name, const void *attr, const cvt_value *in,
                        int n_in);

/* What callers are told that an input is called. */
void cvtb_name_input(cvt_builder *b, cvt_value v, const char *name);

/* For cvtb_input: inputs so far, and one more. */
int cvt_builder_inputs(const cvt_builder *b);
void cvt_builder_add_input(cvt_builder *b, cvt_value v);

#endif
