/* graph.h - what a model is: a list of nodes over values. A node is one call of an op (op.h). A builder, the function
 * of a family that reads like its forward pass, writes the list once, and it never changes afterwards. Listing and
 * counting layers, binding weights, planning and running are walks over this list.
 *
 * A value has the shape of ONE image. Its numbers are stored as a matrix [rows, cols]: a map [C,H,W] as [H*W, C],
 * tokens [T,C] as they are, attention maps [h,T,S] as [h*T, S]. So turning a map into tokens, or back, moves nothing.
 *
 * Handles of values and nodes are small integers. The builder keeps the first error; from then on its calls do nothing
 * and return CVT_NO_VALUE, and cvt_builder_finish reports the error. */
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
    int d[3]; /* the dimensions in the order of the layout's comment */
} cvt_shape;

static inline cvt_shape cvt_shape_map(int c, int h, int w) { return (cvt_shape){CVT_MAP, {c, h, w}}; }
static inline cvt_shape cvt_shape_tokens(int t, int c) { return (cvt_shape){CVT_TOKENS, {t, c, 0}}; }
static inline cvt_shape cvt_shape_features(int c) { return (cvt_shape){CVT_FEATURES, {c, 0, 0}}; }
static inline cvt_shape cvt_shape_scores(int h, int t, int s) { return (cvt_shape){CVT_SCORES, {h, t, s}}; }

int cvt_shape_rank(cvt_shape s);
int cvt_shape_rows(cvt_shape s); /* rows of the stored matrix */
int cvt_shape_cols(cvt_shape s);
size_t cvt_shape_count(cvt_shape s);
bool cvt_shape_equal(cvt_shape a, cvt_shape b);
/* Writes a shape as "[64, 56, 56]" into `text`, which has room for at least 48 bytes, and returns `text`. */
const char *cvt_shape_text(cvt_shape s, char *text);

typedef struct cvt_op cvt_op;
typedef struct cvt_node cvt_node;

/* A parameter: a tensor that is stored. `name` is "stage0.block1.attn.q.weight". `pattern` is the same with {letters}
 * in place of numbers, "stage{i}.block{j}.attn.q.weight"; the names of every dialect are made from it
 * (weights/names.h). */
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
    bool buffer;  /* stored, but not learned: running statistics */
    bool ignored; /* a buffer that inference does not read and that files may lack: a counter of batches */
} cvt_param;

/* Where tokens lie on the image: first `prefix` tokens without a place (class tokens), then a grid of h x w cells that
 * cover the image, row by row. h is 0 where the places are not known. */
typedef struct cvt_grid {
    int prefix, h, w;
    bool classless; /* none of the first tokens is a class token: all are registers */
} cvt_grid;

typedef struct cvt_value_info {
    cvt_shape shape;
    int node;          /* the node that makes the value */
    const char *tap;   /* its name as a tap; NULL: it cannot be tapped */
    const char *input; /* the name of an input of the network, else NULL */
    cvt_grid keys;     /* for attention maps: where the keys lie */
    cvt_grid place;    /* for tokens: where they lie, if a builder has said it */
} cvt_value_info;

struct cvt_node {
    const cvt_op *op;
    const void *attr; /* the op's own arguments */
    int n_in, n_out, n_params;
    const cvt_value *in;
    const cvt_value *out;
    const int *params; /* indices into graph->params */
    const char *name;  /* dotted path of the module */
    int64_t macs;
};

/* One line of the torchsummary listing: a call of a module, or a container (a module of modules) that closes. */
typedef struct cvt_graph_line {
    const char *name, *type;
    cvt_value value; /* the line shows its shape */
    int node;        /* -1: a container */
} cvt_graph_line;

typedef struct cvt_graph {
    cvt_arena arena;
    cvt_node *nodes;
    cvt_value_info *values;
    cvt_param *params;
    cvt_graph_line *lines;
    cvt_value *inputs;
    int n_nodes, n_values, n_params, n_lines, n_inputs;
    cvt_value output;
    cvt_value embedding;  /* the value that the last linear layer reads */
    bool batch_dependent; /* an image's result depends on the others of its pass */
} cvt_graph;

void cvt_graph_free(cvt_graph *graph); /* takes NULL too */

/* The node that makes a value. */
static inline const cvt_node *cvt_graph_producer(const cvt_graph *graph, cvt_value v) {
    return &graph->nodes[graph->values[v].node];
}

/* ---- building --------------------------------------------------------------------------------------------------- */

typedef struct cvt_builder cvt_builder;

cvt_builder *cvt_builder_new(void); /* NULL: out of memory */
/* Hands the graph over and frees the builder, or reports the first error. In a finished graph every value is made
 * before it is used, so it has no cycles. */
cvt_status cvt_builder_finish(cvt_builder *b, cvt_graph **out, cvt_value output, cvt_error *error);

/* Scopes make names: what is added between open and close has `segment` in its path. `segment` may hold one {letter},
 * which stands for `index`: cvtb_open(b, "block{j}", 'j', 3, NULL). `type` is the class of a container that has a line
 * in torchsummary listings, or NULL. */
void cvtb_open(cvt_builder *b, const char *segment, char letter, int index, const char *type);
/* Sets the number that a letter stands for until the scope closes. Only some dialects use the letter in their names,
 * for a running number of blocks, say. */
void cvtb_index(cvt_builder *b, char letter, int index);
void cvtb_close(cvt_builder *b);
/* Says whether the nodes that follow have lines in torchsummary listings. They have none where the original calls
 * functions that are not modules. At first the answer is yes. */
void cvtb_in_summary(cvt_builder *b, bool in_summary);

/* Gives a value its name as a tap: the path of the current scope, and ".name" after it if name is not NULL.
 * Returns v. */
cvt_value cvtb_tap(cvt_builder *b, cvt_value v, const char *name);
/* Closes the current scope, whose path becomes the name of v as a tap. Returns v. */
cvt_value cvtb_end(cvt_builder *b, cvt_value v);
/* Has v a name as a tap already? */
bool cvtb_tapped(const cvt_builder *b, cvt_value v);
/* Marks v as the value that the last linear layer reads. Returns v. */
cvt_value cvtb_embedding(cvt_builder *b, cvt_value v);
/* Says where the keys of the attentions that follow in this scope lie on the image. An attention with another number of
 * keys stays without places. */
void cvtb_grid(cvt_builder *b, int prefix, int h, int w);
/* Says, after cvtb_grid, that none of the first tokens is a class token. */
void cvtb_no_class_token(cvt_builder *b);
/* cvtb_place says where tokens lie, and returns v. cvtb_placed returns where they lie: for a map its own grid, for
 * tokens what was said, else a grid with h 0. */
cvt_value cvtb_place(cvt_builder *b, cvt_value v, cvt_grid grid);
cvt_grid cvtb_placed(const cvt_builder *b, cvt_value v);
cvt_shape cvtb_shape(const cvt_builder *b, cvt_value v); /* after an error: a shape of one element */

/* Records an error that names the current scope. */
__attribute__((format(printf, 2, 3))) void cvtb_fail(cvt_builder *b, const char *format, ...);
bool cvtb_failed(const cvt_builder *b);

/* For ops: adds a node with a copy of attr, runs the op's describe, and returns the node's first output. `name` is the
 * segment of a scope for this node alone, or NULL for none. */
cvt_value cvt_graph_add(cvt_builder *b, const cvt_op *op, const char *name, const void *attr, const cvt_value *in,
                        int n_in);

/* Sets the name by which callers know an input of the network. */
void cvtb_name_input(cvt_builder *b, cvt_value v, const char *name);

/* For cvtb_input: returns the number of inputs so far, and counts one more. */
int cvt_builder_inputs(const cvt_builder *b);
void cvt_builder_add_input(cvt_builder *b, cvt_value v);

#endif
