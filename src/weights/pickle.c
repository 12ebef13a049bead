/* pickle.c - the machine that reads a pickle: a stack of values, a memo, and one function for each opcode. pickle.h
 * says what it refuses to do.
 *
 * Memory and time are linear in the bytes of the pickle and bounded by the limits below. Nothing recurses. */
#include "weights/pickle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "weights/torch.h"

enum {
    MAX_VALUES = 1 << 22, /* a tensor takes about 20 */
    MAX_CELLS = 1 << 23,
    MAX_STACK = 1 << 20,
    MAX_MARKS = 256,
    MAX_PROTOCOL = 5,
};

/* The opcodes, named as in pickletools. */
enum {
    MARK = '(',
    STOP = '.',
    POP = '0',
    BINPERSID = 'Q',
    REDUCE = 'R',
    NEWOBJ = 0x81,
    BUILD = 'b',
    GLOBAL = 'c',
    STACK_GLOBAL = 0x93,
    NONE = 'N',
    NEWTRUE = 0x88,
    NEWFALSE = 0x89,
    BININT = 'J',
    BININT1 = 'K',
    BININT2 = 'M',
    LONG1 = 0x8a,
    LONG4 = 0x8b,
    BINFLOAT = 'G',
    BINUNICODE = 'X',
    SHORT_BINUNICODE = 0x8c,
    BINSTRING = 'T',
    SHORT_BINSTRING = 'U',
    BINBYTES = 'B',
    SHORT_BINBYTES = 'C',
    EMPTY_TUPLE = ')',
    TUPLE = 't',
    TUPLE1 = 0x85,
    TUPLE2 = 0x86,
    TUPLE3 = 0x87,
    EMPTY_LIST = ']',
    APPEND = 'a',
    APPENDS = 'e',
    EMPTY_DICT = '}',
    SETITEM = 's',
    SETITEMS = 'u',
    BINPUT = 'q',
    LONG_BINPUT = 'r',
    MEMOIZE = 0x94,
    BINGET = 'h',
    LONG_BINGET = 'j',
    PROTO = 0x80,
    FRAME = 0x95,
};

typedef struct machine {
    cvt_pickle *p;
    const unsigned char *bytes;
    size_t size, at, opcode_at;
    uint32_t *stack, n_stack, stack_capacity;
    uint32_t marks[MAX_MARKS], n_marks;       /* the height of the stack at each mark */
    uint32_t *memo, memo_capacity, memo_used; /* the index of a value + 1; 0: none */
    const char *origin;
    cvt_error *error;
} machine;

__attribute__((format(printf, 2, 3))) static cvt_status refuse(const machine *m, const char *format, ...) {
    char fact[CVT_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(fact, sizeof fact, format, args);
    va_end(args);
    if (m->opcode_at >= m->size) return cvt_fail(m->error, CVT_WEIGHTS, "%s: the pickle ends early", m->origin);
    return cvt_fail(m->error, CVT_WEIGHTS, "%s: byte %zu, opcode 0x%02x: %s", m->origin, m->opcode_at,
                    m->bytes[m->opcode_at], fact);
}

/* Returns the array, perhaps moved, with room for `index`; new elements are zero. NULL where there is no memory; the
 * array is then unchanged. */
static void *room(void *array, uint32_t index, uint32_t *capacity, size_t size) {
    if (index < *capacity) return array;
    uint32_t more = *capacity ? *capacity : 256;
    while (more <= index) more *= 2; /* this cannot overflow: the limits keep indices below 2^24 */
    unsigned char *moved = realloc(array, more * size);
    if (!moved) return NULL;
    memset(moved + *capacity * size, 0, (more - *capacity) * size);
    *capacity = more;
    return moved;
}

/* ---- reading bytes ---------------------------------------------------------------------------------------------- */

static cvt_status take(machine *m, size_t n, const unsigned char **out) {
    if (n > m->size - m->at) return refuse(m, "the data end early");
    *out = m->bytes + m->at;
    m->at += n;
    return CVT_OK;
}

/* Reads a little-endian unsigned number of n <= 8 bytes. */
static cvt_status take_number(machine *m, size_t n, uint64_t *out) {
    const unsigned char *b = NULL;
    TRY(take(m, n, &b));
    *out = 0;
    for (size_t i = 0; i < n; i++) *out |= (uint64_t)b[i] << (8 * i);
    return CVT_OK;
}

/* Reads the rest of a line; the arguments of GLOBAL are lines. */
static cvt_status take_line(machine *m, const char **line, size_t *size) {
    size_t left = m->size - m->at, longest = CVT_GLOBAL_NAME_MAX + 1;
    const unsigned char *start = m->bytes + m->at, *end = memchr(start, '\n', left < longest ? left : longest);
    if (!end && left < longest) return refuse(m, "the data end early");
    if (!end) return refuse(m, "a name of more than %d bytes", CVT_GLOBAL_NAME_MAX);
    *line = (const char *)start;
    *size = (size_t)(end - start);
    m->at += *size + 1;
    return CVT_OK;
}

/* ---- stack ------------------------------------------------------------------------------------------------------ */

static cvt_status push(machine *m, uint32_t value) {
    if (m->n_stack >= MAX_STACK) return refuse(m, "the stack holds over %d values", MAX_STACK);
    uint32_t *stack = room(m->stack, m->n_stack, &m->stack_capacity, sizeof *stack);
    if (!stack) return cvt_fail_memory(m->error);
    m->stack = stack;
    m->stack[m->n_stack++] = value;
    return CVT_OK;
}

static cvt_status push_new(machine *m, cvt_pickle_value value) {
    cvt_pickle *p = m->p;
    if (p->n_values >= MAX_VALUES) return refuse(m, "more than %d values", MAX_VALUES);
    cvt_pickle_value *values = room(p->values, p->n_values, &p->values_capacity, sizeof *values);
    if (!values) return cvt_fail_memory(m->error);
    p->values = values;
    p->values[p->n_values] = value;
    return push(m, p->n_values++);
}

static cvt_status push_kind(machine *m, cvt_pickle_kind kind) { return push_new(m, (cvt_pickle_value){.kind = kind}); }

static cvt_status push_integer(machine *m, cvt_pickle_kind kind, int64_t integer) {
    return push_new(m, (cvt_pickle_value){.kind = kind, .as.integer = integer});
}

/* Checks that there are n values above the last mark: an opcode may not reach below it. */
static cvt_status need(machine *m, uint32_t n) {
    uint32_t floor = m->n_marks ? m->marks[m->n_marks - 1] : 0;
    return m->n_stack - floor < n ? refuse(m, "the stack holds fewer than %u values", n) : CVT_OK;
}

static cvt_status pop(machine *m, uint32_t *out) {
    TRY(need(m, 1));
    *out = m->stack[--m->n_stack];
    return CVT_OK;
}

static cvt_status push_mark(machine *m) {
    if (m->n_marks >= MAX_MARKS) return refuse(m, "more than %d open marks", MAX_MARKS);
    m->marks[m->n_marks++] = m->n_stack;
    return CVT_OK;
}

/* Removes the last mark. *first is the height of the stack at it; the values above are the operands of the opcode. */
static cvt_status pop_mark(machine *m, uint32_t *first) {
    if (m->n_marks == 0) return refuse(m, "there is no mark");
    *first = m->marks[--m->n_marks];
    return CVT_OK;
}

static cvt_status put(machine *m, uint64_t index) {
    TRY(need(m, 1));
    if (index >= MAX_VALUES) return refuse(m, "memo index %llu is too large", (unsigned long long)index);
    uint32_t *memo = room(m->memo, (uint32_t)index, &m->memo_capacity, sizeof *memo);
    if (!memo) return cvt_fail_memory(m->error);
    m->memo = memo;
    m->memo_used += memo[index] == 0;
    memo[index] = m->stack[m->n_stack - 1] + 1;
    return CVT_OK;
}

static cvt_status get(machine *m, uint64_t index) {
    if (index >= m->memo_capacity || m->memo[index] == 0)
        return refuse(m, "memo index %llu was never set", (unsigned long long)index);
    return push(m, m->memo[index] - 1);
}

/* ---- numbers and strings ---------------------------------------------------------------------------------------- */

static cvt_status push_number(machine *m, size_t bytes) {
    uint64_t number;
    TRY(take_number(m, bytes, &number));
    return push_integer(m, CVT_PICKLE_INT, bytes == 4 ? (int32_t)(uint32_t)number : (int64_t)number);
}

/* Reads a string or byte string that follows its length, a number of `bytes` bytes. */
static cvt_status push_string(machine *m, size_t bytes, cvt_pickle_kind kind) {
    uint64_t n;
    const unsigned char *start = NULL;
    TRY(take_number(m, bytes, &n));
    TRY(take(m, (size_t)n, &start));
    return push_new(m, (cvt_pickle_value){.kind = kind, .count = (uint32_t)n, .as.bytes = (const char *)start});
}

static cvt_status push_unicode(machine *m, size_t bytes) {
    TRY(push_string(m, bytes, CVT_PICKLE_TEXT));
    const cvt_pickle_value *text = &m->p->values[m->p->n_values - 1];
    return cvt_utf8_valid(text->as.bytes, text->count) ? CVT_OK : refuse(m, "a text that is no UTF-8");
}

/* Reads a str of Python 2, which may be a name or raw bytes. */
static cvt_status push_python2(machine *m, size_t bytes) {
    TRY(push_string(m, bytes, CVT_PICKLE_BYTES));
    cvt_pickle_value *text = &m->p->values[m->p->n_values - 1];
    if (cvt_utf8_valid(text->as.bytes, text->count)) text->kind = CVT_PICKLE_TEXT;
    return CVT_OK;
}

/* Reads a two's complement number that follows its length. */
static cvt_status push_long(machine *m, size_t bytes) {
    TRY(push_string(m, bytes, CVT_PICKLE_LONG));
    cvt_pickle_value *value = &m->p->values[m->p->n_values - 1];
    if (value->count > sizeof(int64_t)) return CVT_OK;
    const unsigned char *b = (const unsigned char *)value->as.bytes;
    uint64_t number = value->count && b[value->count - 1] & 0x80 ? UINT64_MAX : 0;
    for (uint32_t i = value->count; i-- > 0;) number = number << 8 | b[i];
    *value = (cvt_pickle_value){.kind = CVT_PICKLE_INT, .as.integer = (int64_t)number};
    return CVT_OK;
}

/* ---- tuples, lists, dicts --------------------------------------------------------------------------------------- */

static cvt_status add_item(machine *m, uint32_t container, uint32_t key, uint32_t value) {
    cvt_pickle *p = m->p;
    if (p->n_cells >= MAX_CELLS) return refuse(m, "more than %d items", MAX_CELLS);
    cvt_pickle_cell *cells = room(p->cells, p->n_cells, &p->cells_capacity, sizeof *cells);
    if (!cells) return cvt_fail_memory(m->error);
    p->cells = cells;
    cells[p->n_cells] = (cvt_pickle_cell){.key = key, .value = value};
    cvt_pickle_value *c = &p->values[container];
    if (c->count == 0)
        c->as.cells.first = p->n_cells;
    else
        cells[c->as.cells.last].next = p->n_cells;
    c->as.cells.last = p->n_cells++;
    c->count++;
    return CVT_OK;
}

/* Makes one tuple of the values of the stack from `first` on. */
static cvt_status make_tuple(machine *m, uint32_t first) {
    uint32_t n = m->n_stack - first;
    TRY(push_kind(m, CVT_PICKLE_TUPLE));
    uint32_t tuple = m->stack[m->n_stack - 1];
    for (uint32_t i = 0; i < n; i++) TRY(add_item(m, tuple, 0, m->stack[first + i]));
    m->n_stack = first;
    return push(m, tuple);
}

static cvt_status add_pair(machine *m, uint32_t dict, uint32_t key, uint32_t value) {
    switch (m->p->values[key].kind) {
    case CVT_PICKLE_LIST:
    case CVT_PICKLE_DICT:
    case CVT_PICKLE_STORAGE:
    case CVT_PICKLE_TENSOR: return refuse(m, "a dict key of a type that cannot be one");
    default: return add_item(m, dict, key, value);
    }
}

/* Appends the values from `first` on to the container below them. A dead value takes anything and stores nothing. */
static cvt_status append_items(machine *m, uint32_t first) {
    uint32_t n = m->n_stack - first;
    m->n_stack = first;
    TRY(need(m, 1));
    uint32_t list = m->stack[first - 1];
    if (cvt_pickle_is(m->p, list, CVT_PICKLE_DEAD)) return CVT_OK;
    if (!cvt_pickle_is(m->p, list, CVT_PICKLE_LIST)) return refuse(m, "appends to a value that is no list");
    for (uint32_t i = 0; i < n; i++) TRY(add_item(m, list, 0, m->stack[first + i]));
    return CVT_OK;
}

static cvt_status set_items(machine *m, uint32_t first) {
    uint32_t n = m->n_stack - first;
    m->n_stack = first;
    TRY(need(m, 1));
    if (n % 2 != 0) return refuse(m, "a key without a value");
    uint32_t dict = m->stack[first - 1];
    if (cvt_pickle_is(m->p, dict, CVT_PICKLE_DEAD)) return CVT_OK;
    if (!cvt_pickle_is(m->p, dict, CVT_PICKLE_DICT)) return refuse(m, "sets an item of a value that is no dict");
    for (uint32_t i = 0; i < n; i += 2) TRY(add_pair(m, dict, m->stack[first + i], m->stack[first + i + 1]));
    return CVT_OK;
}

/* ---- names and calls -------------------------------------------------------------------------------------------- */

static cvt_status push_global(machine *m, const char *module, size_t module_size, const char *name, size_t name_size) {
    cvt_global global = cvt_global_find(module, module_size, name, name_size);
    if (global.role == CVT_GLOBAL_REFUSED)
        return refuse(m,
                      "refers to %.*s.%.*s, which is not allowed in a data file: save the weights alone, by "
                      "torch.save(model.state_dict(), FILE) or as safetensors",
                      (int)module_size, module, (int)name_size, name);
    return push_new(m, (cvt_pickle_value){.kind = CVT_PICKLE_GLOBAL, .as.global = global});
}

static cvt_status global_of_lines(machine *m) {
    const char *module = NULL, *name = NULL;
    size_t module_size = 0, name_size = 0;
    TRY(take_line(m, &module, &module_size));
    TRY(take_line(m, &name, &name_size));
    return push_global(m, module, module_size, name, name_size);
}

static cvt_status global_of_stack(machine *m) {
    TRY(need(m, 2));
    const cvt_pickle_value *name = &m->p->values[m->stack[m->n_stack - 1]];
    const cvt_pickle_value *module = &m->p->values[m->stack[m->n_stack - 2]];
    if (module->kind != CVT_PICKLE_TEXT || name->kind != CVT_PICKLE_TEXT) return refuse(m, "a name that is no text");
    if (module->count > CVT_GLOBAL_NAME_MAX || name->count > CVT_GLOBAL_NAME_MAX)
        return refuse(m, "a name of more than %d bytes", CVT_GLOBAL_NAME_MAX);
    m->n_stack -= 2;
    return push_global(m, module->as.bytes, module->count, name->as.bytes, name->count);
}

/* Calls OrderedDict() or, as Python 2 writes it, OrderedDict([[key, value], ...]). */
static cvt_status call_ordered_dict(machine *m, uint32_t args) {
    const cvt_pickle *p = m->p;
    uint32_t n = p->values[args].count, pairs = n ? cvt_pickle_item(p, args, 0) : 0;
    if (n > 1 || (n == 1 && !cvt_pickle_is(p, pairs, CVT_PICKLE_LIST)))
        return refuse(m, "an OrderedDict of no list of pairs");
    TRY(push_kind(m, CVT_PICKLE_DICT));
    uint32_t dict = m->stack[m->n_stack - 1], cell = n ? p->values[pairs].as.cells.first : 0;
    for (uint32_t i = n ? p->values[pairs].count : 0; i > 0; i--, cell = p->cells[cell].next) {
        const cvt_pickle_value *pair = &p->values[p->cells[cell].value];
        if ((pair->kind != CVT_PICKLE_LIST && pair->kind != CVT_PICKLE_TUPLE) || pair->count != 2)
            return refuse(m, "an OrderedDict of no list of pairs");
        TRY(add_pair(m, dict, p->cells[pair->as.cells.first].value, p->cells[pair->as.cells.last].value));
    }
    return CVT_OK;
}

static cvt_status call_tensor(machine *m, uint32_t args) {
    cvt_torch_layout layout;
    const char *wrong = cvt_torch_layout_read(&layout, m->p, args);
    if (wrong) return refuse(m, "%s", wrong);
    return push_new(m, (cvt_pickle_value){.kind = CVT_PICKLE_TENSOR, .as.made_of = args});
}

/* Calls _rebuild_parameter(tensor, requires_grad, hooks), which gives the tensor. */
static cvt_status call_parameter(machine *m, uint32_t args) {
    if (m->p->values[args].count != 3 || !cvt_pickle_is(m->p, cvt_pickle_item(m->p, args, 0), CVT_PICKLE_TENSOR))
        return refuse(m, "a parameter of no tensor");
    return push(m, cvt_pickle_item(m->p, args, 0));
}

/* Calls torch.Size(tuple), which gives the tuple. */
static cvt_status call_size(machine *m, uint32_t args) {
    if (m->p->values[args].count != 1 || !cvt_pickle_is(m->p, cvt_pickle_item(m->p, args, 0), CVT_PICKLE_TUPLE))
        return refuse(m, "a size of no tuple");
    return push(m, cvt_pickle_item(m->p, args, 0));
}

static cvt_status call(machine *m) {
    uint32_t args, callee;
    TRY(pop(m, &args));
    TRY(pop(m, &callee));
    if (!cvt_pickle_is(m->p, callee, CVT_PICKLE_GLOBAL)) return refuse(m, "calls a value that is no name");
    if (!cvt_pickle_is(m->p, args, CVT_PICKLE_TUPLE)) return refuse(m, "a call whose arguments are no tuple");
    switch (m->p->values[callee].as.global.role) {
    case CVT_GLOBAL_ORDERED_DICT: return call_ordered_dict(m, args);
    case CVT_GLOBAL_TENSOR: return call_tensor(m, args);
    case CVT_GLOBAL_PARAMETER: return call_parameter(m, args);
    case CVT_GLOBAL_SIZE: return call_size(m, args);
    case CVT_GLOBAL_IGNORED: return push_kind(m, CVT_PICKLE_DEAD);
    case CVT_GLOBAL_STORAGE:
    case CVT_GLOBAL_REFUSED: break;
    }
    return refuse(m, "calls a storage type");
}

static cvt_status new_object(machine *m) {
    uint32_t args, callee;
    TRY(pop(m, &args));
    TRY(pop(m, &callee));
    const cvt_pickle_value *c = &m->p->values[callee];
    if (c->kind != CVT_PICKLE_GLOBAL || c->as.global.role != CVT_GLOBAL_IGNORED)
        return refuse(m, "makes an object of a value that is no known class");
    if (!cvt_pickle_is(m->p, args, CVT_PICKLE_TUPLE)) return refuse(m, "a call whose arguments are no tuple");
    return push_kind(m, CVT_PICKLE_DEAD);
}

/* Handles BUILD. The state of an ordered dict is its attributes (_metadata), which are of no use here. */
static cvt_status build(machine *m) {
    uint32_t state;
    TRY(pop(m, &state));
    TRY(need(m, 1));
    uint32_t object = m->stack[m->n_stack - 1];
    if (cvt_pickle_is(m->p, object, CVT_PICKLE_DEAD)) return CVT_OK;
    if (!cvt_pickle_is(m->p, object, CVT_PICKLE_DICT) || !cvt_pickle_is(m->p, state, CVT_PICKLE_DICT))
        return refuse(m, "sets the state of a value that has none");
    return CVT_OK;
}

static cvt_status push_storage(machine *m) {
    uint32_t id;
    TRY(pop(m, &id));
    cvt_torch_slice slice;
    const char *wrong = cvt_torch_slice_read(&slice, m->p, id);
    if (wrong) return refuse(m, "%s", wrong);
    return push_new(m, (cvt_pickle_value){.kind = CVT_PICKLE_STORAGE, .as.made_of = id});
}

/* ---- opcodes ---------------------------------------------------------------------------------------------------- */

static cvt_status check_protocol(machine *m) {
    uint64_t version;
    TRY(take_number(m, 1, &version));
    if (version < 2 || version > MAX_PROTOCOL) return refuse(m, "pickle protocol %u is not known", (unsigned)version);
    return CVT_OK;
}

/* Checks FRAME, which only advises a reader how to buffer. */
static cvt_status check_frame(machine *m) {
    uint64_t n;
    TRY(take_number(m, 8, &n));
    return n > m->size - m->at ? refuse(m, "a frame longer than the data") : CVT_OK;
}

static cvt_status put_numbered(machine *m, size_t bytes) {
    uint64_t index;
    TRY(take_number(m, bytes, &index));
    return put(m, index);
}

static cvt_status get_numbered(machine *m, size_t bytes) {
    uint64_t index;
    TRY(take_number(m, bytes, &index));
    return get(m, index);
}

static cvt_status push_float(machine *m) {
    const unsigned char *ignored;
    TRY(take(m, 8, &ignored));
    return push_kind(m, CVT_PICKLE_FLOAT);
}

/* Two ways to find an opcode's operands: all values above the last mark, or the last n values. */
static cvt_status marked(machine *m, cvt_status (*use)(machine *, uint32_t)) {
    uint32_t first = 0;
    TRY(pop_mark(m, &first));
    return use(m, first);
}

static cvt_status last(machine *m, uint32_t n, cvt_status (*use)(machine *, uint32_t)) {
    TRY(need(m, n));
    return use(m, m->n_stack - n);
}

static cvt_status step(machine *m, unsigned char opcode) {
    uint32_t ignored;
    switch (opcode) {
    case PROTO: return check_protocol(m);
    case FRAME: return check_frame(m);
    case MARK: return push_mark(m);
    case POP: return pop(m, &ignored);
    case NONE: return push_kind(m, CVT_PICKLE_NONE);
    case NEWTRUE: return push_integer(m, CVT_PICKLE_BOOL, 1);
    case NEWFALSE: return push_integer(m, CVT_PICKLE_BOOL, 0);
    case BININT: return push_number(m, 4);
    case BININT1: return push_number(m, 1);
    case BININT2: return push_number(m, 2);
    case LONG1: return push_long(m, 1);
    case LONG4: return push_long(m, 4);
    case BINFLOAT: return push_float(m);
    case BINUNICODE: return push_unicode(m, 4);
    case SHORT_BINUNICODE: return push_unicode(m, 1);
    case BINSTRING: return push_python2(m, 4);
    case SHORT_BINSTRING: return push_python2(m, 1);
    case BINBYTES: return push_string(m, 4, CVT_PICKLE_BYTES);
    case SHORT_BINBYTES: return push_string(m, 1, CVT_PICKLE_BYTES);
    case EMPTY_TUPLE: return push_kind(m, CVT_PICKLE_TUPLE);
    case EMPTY_LIST: return push_kind(m, CVT_PICKLE_LIST);
    case EMPTY_DICT: return push_kind(m, CVT_PICKLE_DICT);
    case TUPLE1: return last(m, 1, make_tuple);
    case TUPLE2: return last(m, 2, make_tuple);
    case TUPLE3: return last(m, 3, make_tuple);
    case TUPLE: return marked(m, make_tuple);
    case APPEND: return last(m, 1, append_items);
    case APPENDS: return marked(m, append_items);
    case SETITEM: return last(m, 2, set_items);
    case SETITEMS: return marked(m, set_items);
    case BINPUT: return put_numbered(m, 1);
    case LONG_BINPUT: return put_numbered(m, 4);
    case MEMOIZE: return put(m, m->memo_used);
    case BINGET: return get_numbered(m, 1);
    case LONG_BINGET: return get_numbered(m, 4);
    case GLOBAL: return global_of_lines(m);
    case STACK_GLOBAL: return global_of_stack(m);
    case REDUCE: return call(m);
    case NEWOBJ: return new_object(m);
    case BUILD: return build(m);
    case BINPERSID: return push_storage(m);
    default: return refuse(m, "this opcode is not allowed in a data file");
    }
}

static cvt_status run(machine *m) {
    if (m->at >= m->size || m->bytes[m->at] != PROTO)
        return cvt_fail(m->error, CVT_WEIGHTS, "%s: byte %zu: no pickle of protocol 2 to 5 starts here", m->origin,
                        m->at);
    for (;;) {
        m->opcode_at = m->at;
        const unsigned char *opcode = NULL;
        TRY(take(m, 1, &opcode));
        if (*opcode == STOP) break;
        TRY(step(m, *opcode));
    }
    if (m->n_stack != 1 || m->n_marks != 0)
        return refuse(m, "the pickle ends with %u values and %u open marks", m->n_stack, m->n_marks);
    m->p->root = m->stack[0];
    return CVT_OK;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

cvt_status cvt_pickle_read(cvt_pickle *out, const unsigned char *bytes, size_t size, size_t start, size_t *end,
                           const char *origin, cvt_error *error) {
    *out = (cvt_pickle){0};
    machine m = {.p = out, .bytes = bytes, .size = size, .at = start, .origin = origin, .error = error};
    cvt_status status = run(&m);
    if (status == CVT_OK) status = cvt_pickle_check(out, origin, error);
    if (status != CVT_OK) cvt_pickle_free(out);
    free(m.stack);
    free(m.memo);
    *end = m.at;
    return status;
}
