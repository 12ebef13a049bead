/* network.c - networks that people lay out themselves: a list of layers (layers.def) between named inputs and one
 * output.
 *
 * "inputs" names the tensors that are fed. "layers" says of each layer its kind and what it reads; layers may stand in
 * any order. Every value has a name: an input its own, a layer's output that in "output", else that in "name".
 * resolve() makes indices of the names, first those of inputs. If the only layer of a network has no name, names of
 * weights begin with nothing, so that a file of the block alone fits. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/keys.h"
#include "arch/layer.h"
#include "base/nearest.h"
#include "ops/ops.h"

enum { MAX_LAYERS = 1024, MAX_READ = 8, MAX_NAME = 200 };

typedef struct input_config {
    const char *name;
    int channels, size[2];
} input_config;

typedef struct layer_config {
    const cvt_layer *kind;
    const char *name, *output; /* NULL: the file does not have it */
    const char *reads[MAX_READ];
    int n_reads;
    void *values;       /* the config of the kind's own keys */
    cvt_given *given;   /* which of these the file has */
    int from[MAX_READ]; /* the values that it reads */
} layer_config;

typedef struct config {
    cvt_base base;
    int n_inputs, n_layers;
    input_config inputs[CVT_MAX_INPUTS];
    layer_config *layers;
    const char *output;
    int *order; /* the order in which layers are built */
    int result; /* the value that is the output */
} config;

/* ---- reading ---- */

static bool is_name(const char *s) {
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return n && n <= MAX_NAME && !s[n] && s[0] != '.' && s[n - 1] != '.' && !strstr(s, "..");
}

static cvt_status read_name(const char **out, const config *c, const cvt_json *value, const char *key,
                            cvt_error *error) {
    const char *text = cvt_json_string(value);
    if (!text) return cvt_fail(error, CVT_CONFIG, "\"%s\" must be a string", key);
    if (*text && !is_name(text))
        return cvt_fail(error, CVT_CONFIG,
                        "\"%s\" must be of letters, digits, \"-\", \"_\" and single dots inside, at most %d", key,
                        MAX_NAME);
    *out = cvt_arena_copy(c->base.arena, text, strlen(text));
    return *out ? CVT_OK : cvt_fail_memory(error);
}

#define KEYS_OF input_config
static const cvt_key input_keys[] = {
    INT("channels", channels, 1, 65536, "3", NULL),
    SIZE("size", size, 1, 65535, NULL, "default: input_size"),
    {0},
};

static cvt_status read_input(config *c, const cvt_json *entry, cvt_error *error) {
    static const char *const frame[] = {"name", NULL};
    input_config *in = &c->inputs[c->n_inputs];
    char at[32];
    snprintf(at, sizeof at, "[%d]", c->n_inputs++);
    cvt_reading how = {.keys = input_keys, .strict = true, .except = frame, .origin = at};
    TRY(cvt_config_fill(in, &how, entry, error));
    const cvt_json *name = cvt_json_get(entry, "name");
    cvt_status status =
        name ? read_name(&in->name, c, name, "name", error) : cvt_fail(error, CVT_CONFIG, "\"name\" is missing");
    if (status == CVT_OK && !*in->name) status = cvt_fail(error, CVT_CONFIG, "\"name\" is empty");
    return status == CVT_OK ? CVT_OK : cvt_fail_in(error, status, "%s", at);
}

static cvt_status read_inputs(void *p, const cvt_json *value, cvt_error *error) {
    config *c = p;
    TRY(cvt_config_check_list(value, "a list of objects", 1, CVT_MAX_INPUTS, error));
    for (const cvt_json *entry = cvt_json_first(value); entry; entry = cvt_json_next(entry))
        TRY(read_input(c, entry, error));
    return CVT_OK;
}

static const cvt_layer *find_kind(const char *type) {
    for (int i = 0; cvt_layer_at(i); i++)
        if (strcmp(cvt_layer_at(i)->type, type) == 0) return cvt_layer_at(i);
    return NULL;
}

static cvt_status fail_kind(const char *type, cvt_error *error) {
    cvt_nearest nearest = cvt_nearest_to(type, 8);
    for (int i = 0; cvt_layer_at(i); i++) cvt_nearest_try(&nearest, cvt_layer_at(i)->type);
    if (!nearest.name) return cvt_fail(error, CVT_CONFIG, "unknown \"type\" \"%s\"", type);
    return cvt_fail(error, CVT_CONFIG, "unknown \"type\" \"%s\"; did you mean \"%s\"?", type, nearest.name);
}

/* Reads a name, or a list of names. */
static cvt_status read_reads(layer_config *l, const config *c, const cvt_json *value, cvt_error *error) {
    if (cvt_json_kind_of(value) != CVT_JSON_ARRAY) {
        l->n_reads = 1;
        return read_name(&l->reads[0], c, value, "inputs", error);
    }
    for (const cvt_json *v = cvt_json_first(value); v; v = cvt_json_next(v)) {
        if (l->n_reads == MAX_READ) return cvt_fail(error, CVT_CONFIG, "\"inputs\" has more than %d names", MAX_READ);
        TRY(read_name(&l->reads[l->n_reads++], c, v, "inputs", error));
    }
    return l->n_reads ? CVT_OK : cvt_fail(error, CVT_CONFIG, "\"inputs\" is empty");
}

static cvt_status read_members(layer_config *l, const config *c, const cvt_json *entry, cvt_error *error) {
    const cvt_json *name = cvt_json_get(entry, "name"), *output = cvt_json_get(entry, "output");
    const cvt_json *inputs = cvt_json_get(entry, "inputs");
    const char *type = cvt_json_string(cvt_json_get(entry, "type"));
    if (!type) return cvt_fail(error, CVT_CONFIG, "\"type\" must be a string");
    l->kind = find_kind(type);
    if (!l->kind) return fail_kind(type, error);
    if (name) TRY(read_name(&l->name, c, name, "name", error));
    if (output) TRY(read_name(&l->output, c, output, "output", error));
    if (inputs) TRY(read_reads(l, c, inputs, error));
    l->values = cvt_arena_alloc(c->base.arena, l->kind->config_size ? l->kind->config_size : 1);
    l->given = cvt_arena_alloc(c->base.arena, sizeof *l->given);
    if (!l->values || !l->given) return cvt_fail_memory(error);
    static const char *const frame[] = {"type", "name", "inputs", "output", "comment", NULL};
    static const cvt_key none[] = {{0}};
    cvt_reading how = {.keys = l->kind->keys ? l->kind->keys : none,
                       .strict = true,
                       .stage = l->kind->stage,
                       .except = frame,
                       .origin = type,
                       .given = l->given};
    *l->given = (cvt_given){.keys = how.keys, .stage = how.stage};
    TRY(cvt_config_defaults(l->values, how.keys, how.stage, error));
    return cvt_config_read(l->values, &how, entry, error);
}

static cvt_status read_layers(void *p, const cvt_json *value, cvt_error *error) {
    config *c = p;
    TRY(cvt_config_check_list(value, "a list of objects", 1, MAX_LAYERS, error));
    c->layers = cvt_arena_array(c->base.arena, cvt_json_size(value), sizeof *c->layers);
    if (!c->layers) return cvt_fail_memory(error);
    for (const cvt_json *entry = cvt_json_first(value); entry; entry = cvt_json_next(entry)) {
        int i = c->n_layers++;
        cvt_status status = cvt_json_kind_of(entry) == CVT_JSON_OBJECT
                                ? read_members(&c->layers[i], c, entry, error)
                                : cvt_fail(error, CVT_CONFIG, "must be an object");
        const char *name = c->layers[i].name;
        if (status != CVT_OK)
            return name && *name ? cvt_fail_in(error, status, "[%d] \"%s\"", i, name)
                                 : cvt_fail_in(error, status, "[%d]", i);
    }
    return CVT_OK;
}

static cvt_status read_output(void *p, const cvt_json *value, cvt_error *error) {
    config *c = p;
    const char *text = cvt_json_string(value);
    if (!text || !*text) return cvt_fail(error, CVT_CONFIG, "must be the name of a value");
    c->output = cvt_arena_copy(c->base.arena, text, strlen(text));
    return c->output ? CVT_OK : cvt_fail_memory(error);
}

/* These readers fill more than one field. The field `base` is the first, so its address is that of the whole config. */
#undef KEYS_OF
#define KEYS_OF config
static const cvt_key keys[] = {
    READER("inputs", base, read_inputs,
           "'type': 'array', 'items': {'$ref': '#/$defs/network_input'}, 'minItems': 1, 'maxItems': 8",
           "default: one called input, of 3 channels"),
    READER("layers", base, read_layers,
           "'type': 'array', 'items': {'$ref': '#/$defs/layer'}, 'minItems': 1, 'maxItems': 1024", "in any order",
           .required = true),
    READER("output", base, read_output, "'type': 'string', 'minLength': 1",
           "default: the one value that no layer reads"),
    {0},
};

static const cvt_dialect dialects[] = {{"native"}, {NULL}};

/* ---- who reads what ---- */

/* Fails with a message that names layer i. */
__attribute__((format(printf, 4, 5))) static cvt_status fail_layer(cvt_error *error, const config *c, int i,
                                                                   const char *format, ...) {
    char text[CVT_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *name = c->layers[i].name;
    if (name && *name) return cvt_fail(error, CVT_CONFIG, "\"layers\" [%d] \"%s\": %s", i, name, text);
    return cvt_fail(error, CVT_CONFIG, "\"layers\" [%d]: %s", i, text);
}

static int count_values(const config *c) { return c->n_inputs + c->n_layers; }

static const char *name_of(const config *c, int value) {
    return value < c->n_inputs ? c->inputs[value].name : c->layers[value - c->n_inputs].output;
}

static int find_value(const config *c, const char *name) {
    for (int v = 0; v < count_values(c); v++)
        if (strcmp(name_of(c, v), name) == 0) return v;
    return -1;
}

/* Returns whether one name begins with the other and a dot, or equals it. Weights and taps of two such layers could
 * have the same names. */
static bool continues(const char *longer, const char *name) {
    size_t n = strlen(name);
    return strncmp(longer, name, n) == 0 && (longer[n] == '.' || longer[n] == 0);
}

static cvt_status check_name(const config *c, int i, cvt_error *error) {
    const layer_config *l = &c->layers[i];
    if (!l->name || !*l->name)
        return c->n_layers == 1 ? CVT_OK
                                : fail_layer(error, c, i, "\"name\" is missing: there are %d layers", c->n_layers);
    if (strcmp(l->name, "output") == 0)
        return fail_layer(error, c, i, "\"name\" cannot be \"output\", which `cvt run` calls the result");
    for (int k = 0; k < i; k++)
        if (continues(l->name, c->layers[k].name) || continues(c->layers[k].name, l->name))
            return fail_layer(error, c, i, "\"name\" clashes with that of \"layers\" [%d] \"%s\"", k,
                              c->layers[k].name);
    return CVT_OK;
}

static cvt_status resolve_names(config *c, cvt_error *error) {
    for (int i = 0; i < c->n_layers; i++) {
        layer_config *l = &c->layers[i];
        TRY(check_name(c, i, error));
        if (!l->name) l->name = "";
        if (!l->output) l->output = l->name;
    }
    for (int v = 0; v < count_values(c); v++) {
        int first = find_value(c, name_of(c, v)), i = v - c->n_inputs;
        if (first == v) continue;
        if (i < 0) return cvt_fail(error, CVT_CONFIG, "\"inputs\" [%d]: there are two called \"%s\"", v, name_of(c, v));
        return fail_layer(error, c, i, "\"output\" is \"%s\", a name that %s has already", name_of(c, v),
                          first < c->n_inputs ? "an input" : "another output");
    }
    return CVT_OK;
}

static cvt_status fail_unknown(const config *c, int i, const char *name, cvt_error *error) {
    cvt_nearest nearest = cvt_nearest_to(name, 8);
    for (int v = 0; v < count_values(c); v++)
        if (v != i + c->n_inputs) cvt_nearest_try(&nearest, name_of(c, v));
    if (!nearest.name) return fail_layer(error, c, i, "\"inputs\" names \"%s\", which nothing gives", name);
    return fail_layer(error, c, i, "\"inputs\" names \"%s\", which nothing gives; did you mean \"%s\"?", name,
                      nearest.name);
}

static cvt_status resolve_layer(config *c, int i, cvt_error *error) {
    layer_config *l = &c->layers[i];
    cvt_error lack;
    if (cvt_check_required(l->given, &lack) != CVT_OK) return fail_layer(error, c, i, "%s", lack.message);
    int wanted = l->kind->inputs;
    if (!l->n_reads && wanted == 1) {
        l->from[0] = i ? c->n_inputs + i - 1 : 0;
        return CVT_OK;
    }
    if (l->n_reads != wanted)
        return fail_layer(error, c, i, "type \"%s\" reads %d value%s, \"inputs\" names %d", l->kind->type, wanted,
                          wanted == 1 ? "" : "s", l->n_reads);
    for (int k = 0; k < wanted; k++) {
        l->from[k] = find_value(c, l->reads[k]);
        if (l->from[k] < 0) return fail_unknown(c, i, l->reads[k], error);
    }
    return CVT_OK;
}

static bool reads(const layer_config *l, int value) {
    for (int k = 0; k < l->kind->inputs; k++)
        if (l->from[k] == value) return true;
    return false;
}

/* A value that layer i reads and that is not made yet. */
static int waits_for(const config *c, const bool *made, int i) {
    int k = 0;
    while (made[c->layers[i].from[k]]) k++;
    return c->layers[i].from[k];
}

/* Goes from a layer to one that it waits for. After as many steps as there are layers, it is on a cycle. */
static cvt_status fail_cycle(const config *c, const bool *made, int waiting, cvt_error *error) {
    for (int step = 0; step < c->n_layers; step++) waiting = waits_for(c, made, waiting) - c->n_inputs;
    return fail_layer(error, c, waiting, "\"inputs\" makes a cycle: it reads \"%s\", which depends on it",
                      name_of(c, waits_for(c, made, waiting)));
}

/* A layer is built after all that it reads, otherwise in the order of the list. */
static cvt_status resolve_order(config *c, cvt_error *error) {
    bool made[CVT_MAX_INPUTS + MAX_LAYERS] = {false};
    for (int v = 0; v < c->n_inputs; v++) made[v] = true;
    c->order = cvt_arena_array(c->base.arena, (size_t)c->n_layers, sizeof *c->order);
    if (!c->order) return cvt_fail_memory(error);
    for (int done = 0; done < c->n_layers; done++) {
        int next = -1, waiting = -1;
        for (int i = 0; i < c->n_layers && next < 0; i++) {
            bool ready = !made[c->n_inputs + i];
            for (int k = 0; ready && k < c->layers[i].kind->inputs; k++) ready = made[c->layers[i].from[k]];
            if (ready) next = i;
            if (!made[c->n_inputs + i] && waiting < 0) waiting = i;
        }
        if (next < 0) return fail_cycle(c, made, waiting, error);
        c->order[done] = next;
        made[c->n_inputs + next] = true;
    }
    return CVT_OK;
}

/* The output is the value that "output" names, else the only one that no layer reads. All others must be read. */
static cvt_status resolve_output(config *c, cvt_error *error) {
    c->result = c->output ? find_value(c, c->output) : -1;
    if (c->output && c->result < c->n_inputs)
        return cvt_fail(error, CVT_CONFIG, "\"output\" is \"%s\", which no layer gives", c->output);
    for (int v = 0; v < count_values(c); v++) {
        bool read = false;
        for (int i = 0; i < c->n_layers && !read; i++) read = reads(&c->layers[i], v);
        if (read || v == c->result) continue;
        if (v < c->n_inputs)
            return cvt_fail(error, CVT_CONFIG, "\"inputs\" [%d]: no layer reads \"%s\"", v, name_of(c, v));
        if (c->output)
            return fail_layer(error, c, v - c->n_inputs, "no layer reads \"%s\", and \"output\" is \"%s\"",
                              name_of(c, v), c->output);
        if (c->result >= 0)
            return fail_layer(error, c, v - c->n_inputs,
                              "no layer reads \"%s\", nor \"%s\": name the network's \"output\"", name_of(c, v),
                              name_of(c, c->result));
        c->result = v;
    }
    return CVT_OK;
}

static int *classes_of(const config *c, int i) {
    const layer_config *l = &c->layers[i];
    return l->kind->classes ? l->kind->classes(l->values) : NULL;
}

/* If a classifier's config does not have the number of classes, it is the number of rows of its weight. */
static cvt_status resolve_classes(config *c, const cvt_hints *hints, cvt_error *error) {
    cvt_str name = {0};
    for (int i = 0; i < c->n_layers; i++) {
        int *classes = classes_of(c, i);
        if (!classes || *classes || !hints->weights) continue;
        cvt_str_clear(&name);
        cvt_str_print(&name, "%s%sweight", c->layers[i].name, *c->layers[i].name ? "." : "");
        const cvt_tensor *t = name.failed ? NULL : cvt_weights_find(hints->weights, name.data);
        if (t && t->rank == 2 && t->shape[0] > 0 && t->shape[0] <= 1000000) *classes = (int)t->shape[0];
    }
    bool failed = name.failed;
    cvt_str_free(&name);
    int *classes = classes_of(c, c->result - c->n_inputs);
    if (classes) c->base.classes = *classes;
    return failed ? cvt_fail_memory(error) : CVT_OK;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    if (!c->n_layers) return cvt_fail(error, CVT_CONFIG, "\"layers\" is missing");
    if (!c->n_inputs) c->inputs[c->n_inputs++] = (input_config){.name = "input", .channels = 3};
    TRY(resolve_names(c, error));
    for (int i = 0; i < c->n_layers; i++) TRY(resolve_layer(c, i, error));
    TRY(resolve_order(c, error));
    TRY(resolve_output(c, error));
    TRY(resolve_classes(c, hints, error));
    c->base.channels = c->inputs[0].channels;
    for (int i = 0; i < 2; i++)
        if (c->inputs[0].size[i]) c->base.size[i] = c->inputs[0].size[i];
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* Input v is as large as the caller wants, else as its own "size" says, else as "input_size" of the config says. */
static cvt_value build_input(cvt_builder *b, const config *c, int v) {
    int size[2];
    for (int i = 0; i < 2; i++) {
        int asked = c->base.asked[v][i], own = c->inputs[v].size[i];
        size[i] = v == 0 ? c->base.size[i] : asked ? asked : own ? own : c->base.size[i];
    }
    cvt_value value = cvtb_input(b, c->inputs[v].channels, size[0], size[1]);
    cvtb_name_input(b, value, c->inputs[v].name);
    return value;
}

static cvt_value build_layer(cvt_builder *b, const layer_config *l, const cvt_value *made) {
    cvt_value in[MAX_READ];
    for (int k = 0; k < l->kind->inputs; k++) in[k] = made[l->from[k]];
    bool named = *l->name != 0;
    if (named) cvtb_open(b, l->name, 0, 0, l->kind->row);
    cvt_value out = l->kind->build(b, l->values, in);
    bool old = false;
    for (int k = 0; k < l->kind->inputs; k++) old = old || in[k] == out;
    if (!cvtb_failed(b) && (old || (named && cvtb_tapped(b, out)))) {
        cvt_grid place = cvtb_placed(b, out);
        out = cvtb_place(b, cvtb_alias(b, out), place);
    }
    return named ? cvtb_end(b, out) : out;
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    cvt_value made[CVT_MAX_INPUTS + MAX_LAYERS];
    for (int v = 0; v < c->n_inputs; v++) made[v] = build_input(b, c, v);
    for (int i = 0; i < c->n_layers && !cvtb_failed(b); i++) {
        int index = c->order[i];
        made[c->n_inputs + index] = build_layer(b, &c->layers[index], made);
    }
    return cvtb_failed(b) ? CVT_NO_VALUE : made[c->result];
}

const cvt_arch cvt_arch_network = {
    .name = "network",
    .about = "a network of layers and blocks of all families, laid out in the config",
    .traits = {"by its layers", "by its layers", "by its layers", "by its layers"},
    .config_size = sizeof(config),
    .keys = keys,
    .dialects = dialects,
    .preprocess = {CVT_PREPROCESS_CENTER, 224, 0.875},
    .resolve = resolve,
    .build = build,
};
