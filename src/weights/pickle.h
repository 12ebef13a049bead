/* pickle.h - reads the pickles of PyTorch checkpoints as data. Private to weights/.
 *
 * A pickle is a program for a stack machine that names functions and calls them. Here nothing is looked up and nothing
 * is called: the machine only builds the values below. A name stands for one of a fixed list (pickle_globals.c), and a
 * call is the recognition of one of four shapes: an ordered dict, a tensor, a parameter, a size. What training
 * checkpoints carry besides (arguments, optimizer objects, NumPy scalars) becomes a dead value without contents, if its
 * name is on a second fixed list; every other name is refused.
 *
 * Opcodes: those that protocols 2 to 5 write for such data. Their meanings are those of CPython's pickletools. */
#ifndef CVT_WEIGHTS_PICKLE_H
#define CVT_WEIGHTS_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/error.h"

/* ---- names a pickle may mention --------------------------------------------------------------------------------- */

typedef enum cvt_global_role {
    CVT_GLOBAL_REFUSED,
    CVT_GLOBAL_INERT,        /* known, and of no use here: what is made of it is dead */
    CVT_GLOBAL_STORAGE,      /* torch.FloatStorage, ...: names an element type */
    CVT_GLOBAL_ORDERED_DICT, /* collections.OrderedDict */
    CVT_GLOBAL_TENSOR,       /* torch._utils._rebuild_tensor_v2 */
    CVT_GLOBAL_PARAMETER,    /* torch._utils._rebuild_parameter */
    CVT_GLOBAL_SIZE,         /* torch.Size */
} cvt_global_role;

typedef struct cvt_global {
    cvt_global_role role;
    cvt_dtype dtype; /* of a storage */
} cvt_global;

enum { CVT_GLOBAL_NAME_MAX = 128 }; /* bytes of a module's or a member's name */

cvt_global cvt_global_find(const char *module, size_t module_size, const char *name, size_t name_size);

/* ---- values ----------------------------------------------------------------------------------------------------- */

typedef enum cvt_pickle_kind {
    CVT_PICKLE_NONE,
    CVT_PICKLE_BOOL,
    CVT_PICKLE_INT,
    CVT_PICKLE_LONG, /* an integer of more than 8 bytes */
    CVT_PICKLE_FLOAT,
    CVT_PICKLE_TEXT, /* UTF-8, maybe with zeros inside */
    CVT_PICKLE_BYTES,
    CVT_PICKLE_TUPLE,
    CVT_PICKLE_LIST,
    CVT_PICKLE_DICT,
    CVT_PICKLE_GLOBAL,
    CVT_PICKLE_STORAGE, /* a persistent id: where a tensor's elements are */
    CVT_PICKLE_TENSOR,
    CVT_PICKLE_DEAD, /* made from an ignored name */
} cvt_pickle_kind;

typedef struct cvt_pickle_value {
    cvt_pickle_kind kind;
    uint32_t count; /* bytes of a text, byte string or long; items of a tuple, list or dict */
    union {
        int64_t integer;   /* bool, int */
        const char *bytes; /* text, bytes, long (little-endian): within the pickle, not terminated */
        struct {
            uint32_t first, last;
        } cells; /* tuple, list, dict, if count > 0 */
        cvt_global global;
        uint32_t made_of; /* storage: its persistent id; tensor: the arguments of its call. A tuple's index */
    } as;
} cvt_pickle_value;

/* One item; a dict's has a key. A chain goes from cells.first over next, `count` items long. */
typedef struct cvt_pickle_cell {
    uint32_t key, value, next;
} cvt_pickle_cell;

/* Values and cells refer to each other by index. */
typedef struct cvt_pickle {
    cvt_pickle_value *values;
    cvt_pickle_cell *cells;
    uint32_t n_values, values_capacity, n_cells, cells_capacity;
    uint32_t root;
} cvt_pickle;

/* Reads one pickle from bytes[start], and sets *end behind its STOP. `origin` opens every message, which names the byte
 * and the fact. The values point into `bytes`. Every tensor and storage in the result is well formed, every tensor lies
 * within its storage, and no value contains itself. Errors: CVT_WEIGHTS, CVT_NO_MEMORY; *out is then empty. */
cvt_status cvt_pickle_read(cvt_pickle *out, const unsigned char *bytes, size_t size, size_t start, size_t *end,
                           const char *origin, cvt_error *error);
void cvt_pickle_free(cvt_pickle *pickle);

static inline bool cvt_pickle_is(const cvt_pickle *pickle, uint32_t value, cvt_pickle_kind kind) {
    return pickle->values[value].kind == kind;
}

/* That no value under the root contains itself, and none is nested deeper than 64: for cvt_pickle_read. */
cvt_status cvt_pickle_check(const cvt_pickle *pickle, const char *origin, cvt_error *error);

/* Item `index` of a tuple that has it. */
uint32_t cvt_pickle_item(const cvt_pickle *pickle, uint32_t tuple, uint32_t index);
/* Whether a value is this text. */
bool cvt_pickle_text_is(const cvt_pickle *pickle, uint32_t value, const char *text);
/* The value of a dict under this text, the last if there are more, or NULL. */
const cvt_pickle_value *cvt_pickle_get(const cvt_pickle *pickle, const cvt_pickle_value *dict, const char *key);

#endif
