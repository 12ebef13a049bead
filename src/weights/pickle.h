/* pickle.h - reads the pickles of PyTorch checkpoints as data. Private to weights/.
 *
 * A pickle is a program for a stack machine; it can name any function and have it called. Here no function is looked
 * up and none is called: the machine only builds the values below. The names that a pickle mentions must be on a fixed
 * list (pickle_globals.c), and a call is only recognised where it makes one of four things: an ordered dict, a tensor,
 * a parameter, a size. Training checkpoints carry other things (arguments, optimizer objects, NumPy scalars). If their
 * name is on a second fixed list, they become a dead value: one without contents. Every other name is refused.
 *
 * The opcodes are those that protocols 2 to 5 write for such data, with the meanings of CPython's pickletools. */
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
    CVT_GLOBAL_IGNORED,      /* known and ignored: what is made of it is a dead value */
    CVT_GLOBAL_STORAGE,      /* torch.FloatStorage, ...: says an element type */
    CVT_GLOBAL_ORDERED_DICT, /* collections.OrderedDict */
    CVT_GLOBAL_TENSOR,       /* torch._utils._rebuild_tensor_v2 */
    CVT_GLOBAL_PARAMETER,    /* torch._utils._rebuild_parameter */
    CVT_GLOBAL_SIZE,         /* torch.Size */
} cvt_global_role;

typedef struct cvt_global {
    cvt_global_role role;
    cvt_dtype dtype; /* for a storage: its element type */
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
    CVT_PICKLE_TEXT, /* UTF-8, which may hold zeros */
    CVT_PICKLE_BYTES,
    CVT_PICKLE_TUPLE,
    CVT_PICKLE_LIST,
    CVT_PICKLE_DICT,
    CVT_PICKLE_GLOBAL,
    CVT_PICKLE_STORAGE, /* a persistent id: where a tensor's elements are */
    CVT_PICKLE_TENSOR,
    CVT_PICKLE_DEAD, /* made of an ignored name: it has no contents */
} cvt_pickle_kind;

typedef struct cvt_pickle_value {
    cvt_pickle_kind kind;
    uint32_t count; /* bytes of a text, byte string or long; items of a tuple, list or dict */
    union {
        int64_t integer;   /* bool, int */
        const char *bytes; /* text, bytes, long (little-endian): points into the pickle, without a 0 at the end */
        struct {
            uint32_t first, last;
        } cells; /* tuple, list, dict, if count > 0 */
        cvt_global global;
        uint32_t made_of; /* the index of a tuple: the persistent id of a storage, the arguments of a tensor's call */
    } as;
} cvt_pickle_value;

/* One item of a tuple, list or dict; an item of a dict has a key. The items form a chain of `count` cells from
 * cells.first on. */
typedef struct cvt_pickle_cell {
    uint32_t key, value, next;
} cvt_pickle_cell;

/* A pickle that was read. Values and cells refer to each other by index. */
typedef struct cvt_pickle {
    cvt_pickle_value *values;
    cvt_pickle_cell *cells;
    uint32_t n_values, values_capacity, n_cells, cells_capacity;
    uint32_t root;
} cvt_pickle;

/* Reads one pickle from bytes[start] on, and sets *end to the byte behind its STOP. Every message begins with `origin`
 * and names the byte and the fact. The values point into `bytes`. In the result every tensor and storage is well
 * formed, every tensor lies within its storage, and no value contains itself. Errors: CVT_WEIGHTS, CVT_NO_MEMORY; *out
 * is then empty. */
cvt_status cvt_pickle_read(cvt_pickle *out, const unsigned char *bytes, size_t size, size_t start, size_t *end,
                           const char *origin, cvt_error *error);
void cvt_pickle_free(cvt_pickle *pickle);

static inline bool cvt_pickle_is(const cvt_pickle *pickle, uint32_t value, cvt_pickle_kind kind) {
    return pickle->values[value].kind == kind;
}

/* Checks that no value under the root contains itself, and that none is nested deeper than 64. cvt_pickle_read calls
 * it. */
cvt_status cvt_pickle_check(const cvt_pickle *pickle, const char *origin, cvt_error *error);

/* Returns item `index` of a tuple that has so many items. */
uint32_t cvt_pickle_item(const cvt_pickle *pickle, uint32_t tuple, uint32_t index);
/* Is the value this text? */
bool cvt_pickle_text_is(const cvt_pickle *pickle, uint32_t value, const char *text);
/* Returns the value under this key of a dict, the last one where there are several, or NULL. */
const cvt_pickle_value *cvt_pickle_get(const cvt_pickle *pickle, const cvt_pickle_value *dict, const char *key);

#endif
