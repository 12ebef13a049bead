/* names.h - whose names a file uses for the tensors of a family, and how it lays them out.
 *
 * The graph calls a parameter "block3.attn.q.weight", of the pattern "block{j}.attn.q.weight" with j = 3. timm calls
 * the same weight "blocks.3.attn.qkv.weight", of which it is the first third; Hugging Face calls it
 * "vit.encoder.layer.3.attention.attention.query.weight". A dialect is a table that says so:
 *
 *     static const cvt_name_row hf_layer[] = {
 *         {"attn.q.*", "attention.attention.query.*"},      what * stands for is the same on both sides
 *         {"norm1.*", "layernorm_before.*"}, {NULL, NULL}};
 *     static const cvt_name_row hf[] = {
 *         {"block{j}.*", "{}encoder.layer.{j}.*", .rows = hf_layer},     another table has what * stands for
 *         {"head.*", "classifier.*"}, {NULL, NULL}};
 *     static const cvt_name_row timm[] = {
 *         {"block{j}.attn.q.*", "blocks.{j}.attn.qkv.*", .part = 0, .parts = 3}, ...
 *     static const cvt_dialect dialects[] = {
 *         {"native"}, {"hf", hf, "vit."}, {"hf_bare", hf, ""}, {"timm", timm}, {NULL}};
 *
 * A row is {native, file}: the graph's pattern and the file's. {letter} stands for a number, a final * for the rest of
 * the name. On the file's side {} stands for the filler of the dialect, a text like "vit.", and {+letter} for a number
 * from 1 on.
 *
 * The order of rows matters: the first row that has a name for a parameter counts. The general row comes last:
 *
 *     {CVT_STACKED_3("attn.", "q", "k", "v", "attn.qkv.*"), {"*", "*"}, {NULL, NULL}}
 *
 * finds attn.q.weight in the first third of attn.qkv.weight, and attn.proj.weight, which the first rows do not have,
 * under its own name. With {"*", "*"} first, attn.q.weight would be looked for as "attn.q.weight".
 *
 * With `rows` both sides end with *, and what follows is looked up in that table: if it is in none of its rows, the
 * next row is tried. {"*", "*", .rows = others} takes in all rows of another table.
 *
 * A row may also say that the file's tensor is not the graph's parameter as it stands:
 *   axes   which axes the file's tensor has. The parameter's axes are called a, b, c, d; 1 is an axis of length 1,
 *          round brackets join axes into one. "cdba": HWIO where the graph has OIHW; "1a11": [1,C,1,1] for [C];
 *          "a(cdb)": a linear layer over patches, channels fastest, for a convolution. An axis of the parameter that
 *          is not named has length 1.
 *   part   the parameter is rows [part, part + 1) * its length of the tensor's axis a, which holds `parts` parameters.
 *   plus   is added to every stored value: {"norm.weight", "norm.gamma", .plus = 1}.
 * A row whose native side is NULL names tensors that are known and not read. */
#ifndef CVT_WEIGHTS_NAMES_H
#define CVT_WEIGHTS_NAMES_H

#include "base/str.h"
#include "graph/graph.h"
#include "weights/weights.h"

typedef struct cvt_name_row {
    const char *native, *file;
    const char *axes; /* NULL: those of the parameter */
    int part, parts;  /* parts 0: the tensor holds this parameter alone */
    float plus;
    const struct cvt_name_row *rows; /* the table that translates what * stands for; NULL: it stays as it is */
} cvt_name_row;

/* Rows for linear layers x, y (and z) of a scope in the graph, which the file stacks in this order in one tensor. */
#define CVT_STACKED_2(scope, x, y, stack) \
    {scope x ".*", stack, .part = 0, .parts = 2}, { scope y ".*", stack, .part = 1, .parts = 2 }
#define CVT_STACKED_3(scope, x, y, z, stack)                                                      \
    {scope x ".*", stack, .part = 0, .parts = 3}, {scope y ".*", stack, .part = 1, .parts = 3}, { \
        scope z ".*", stack, .part = 2, .parts = 3                                                \
    }

/* A dialect: its name, and rows that end with file NULL. A dialect without rows is the native one, in which a tensor is
 * called as the graph calls it. */
typedef struct cvt_dialect {
    const char *name;
    const cvt_name_row *rows;
    const char *filler; /* what {} stands for; NULL: for nothing */
} cvt_dialect;
static inline bool cvt_dialect_is_native(const cvt_dialect *dialect) { return !dialect->rows; }

/* Appends the name of a parameter in a dialect to `to`, and returns the row that it comes from. NULL if no row covers
 * the parameter, or if to->failed. */
const cvt_name_row *cvt_name_expand(cvt_str *to, const cvt_dialect *dialect, const cvt_param *param);

/* Does the dialect know a file's tensor of this name as one that is not read? */
bool cvt_name_unread(const cvt_dialect *dialect, const char *name);

/* Returns the dialect whose rows cover the most tensors, from a list that ends with name NULL; of equals the first. A
 * row that has axes only covers tensors of as many axes. The native dialect covers what the native side of the others'
 * rows covers. */
const cvt_dialect *cvt_dialect_detect(const cvt_dialect *dialects, const cvt_weights *weights);
const cvt_dialect *cvt_dialect_find(const cvt_dialect *dialects, const char *name);

/* Does a dialect of the list have a name for such a tensor, of this rank? */
bool cvt_dialect_covers(const cvt_dialect *dialects, const cvt_dialect *dialect, const char *name, int rank);

/* prefixes.c: takes off the names of the tensors what wrappers (DataParallel, torch.compile, Lightning ...) have put in
 * front of them, where the dialects cover more of them then; with a graph, where it has more of the names.
 * Errors: CVT_NO_MEMORY. */
cvt_status cvt_prefixes_take_off(cvt_weights *weights, const cvt_dialect *dialects, const cvt_graph *graph,
                                 cvt_error *error);
/* CVT_WEIGHTS where no tensor has a name of any dialect, and most would have one without a front that is not known. */
cvt_status cvt_prefixes_refuse(cvt_weights *weights, const cvt_dialect *dialects, cvt_error *error);

/* ---- layouts.c: a parameter within a file's tensor ---- */

/* The tensor that the file must hold, and where in it the parameter lies: element (i0, i1, i2, i3) of the parameter is
 * element start + i0 * stride[0] + i1 * stride[1] + ... of the tensor. */
typedef struct cvt_tensor_form {
    int rank;
    int64_t shape[CVT_MAX_RANK];
    size_t count, start, stride[CVT_MAX_DIMS];
    bool plain; /* the parameter's values lie in one piece, in its own order */
} cvt_tensor_form;

cvt_tensor_form cvt_tensor_form_of(const cvt_name_row *row, const cvt_param *param);
/* Copies the parameter, whose elements have `size` bytes, out of the tensor into its own order, or the other way. */
void cvt_tensor_form_read(const cvt_tensor_form *form, const cvt_param *param, void *to, const void *tensor,
                          size_t size);
void cvt_tensor_form_write(const cvt_tensor_form *form, const cvt_param *param, const void *from, void *tensor,
                           size_t size);

#endif
