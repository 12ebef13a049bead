/* config.c - reads JSON members into a struct by a table of keys. It checks types, ranges and lengths; the family
 * checks what keys mean together. */
#include "arch/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/str.h"

/* ---- rows ---- */

const cvt_key *cvt_key_row(const cvt_key *keys, const cvt_key *key) {
    if (!key->same) return key;
    const cvt_key *row = keys;
    while (strcmp(row->name, key->same) != 0) row++; /* a test checks that it is there */
    return row;
}

bool cvt_key_is_list(const cvt_key *key) {
    return key->type == CVT_KEY_INTS || key->type == CVT_KEY_NUMBERS || key->type == CVT_KEY_BOOLS ||
           key->type == CVT_KEY_CHOICES;
}

/* ---- which keys a file has ---- */

const char *cvt_given_as(const cvt_given *given, size_t offset) {
    for (int i = 0; i < given->n; i++)
        if (given->of[i].offset == offset) return given->of[i].name;
    return NULL;
}

/* Returns the first name of a field in one dialect. at: the offset of the struct that these keys fill. */
static const char *name_in(const cvt_key *keys, size_t at, size_t offset, cvt_config_dialect dialect) {
    for (const cvt_key *k = keys; k && k->name; k++) {
        const cvt_key *row = cvt_key_row(keys, k);
        const char *inner = row->type == CVT_KEY_OBJECT ? name_in(row->keys, at + row->offset, offset, dialect) : NULL;
        if (inner) return inner;
        if (row->type != CVT_KEY_OBJECT && !row->ignored && k->dialect == dialect && at + row->offset == offset)
            return k->name;
    }
    return NULL;
}

const char *cvt_key_named(const cvt_given *given, size_t offset) {
    const char *name = cvt_given_as(given, offset);
    if (!name) name = name_in(given->keys, 0, offset, given->dialect);
    if (!name) name = name_in(given->keys, 0, offset, CVT_CONFIG_NATIVE);
    return name ? name : "";
}

const char *cvt_given_of(const cvt_given *given, int variant) {
    for (int i = 0; i < given->n; i++)
        if (given->of[i].row->only == CVT_ONLY(variant)) return given->of[i].name;
    return NULL;
}

cvt_status cvt_check_only(const cvt_given *given, int variant, const char *key, const char *const *variants,
                          cvt_error *error) {
    for (int i = 0; i < given->n; i++) {
        unsigned only = given->of[i].row->only;
        if (!only || only & CVT_ONLY(variant)) continue;
        int other = 0;
        while (!(only & CVT_ONLY(other))) other++;
        const char *name = given->of[i].name;
        if (!key) return cvt_fail(error, CVT_CONFIG, "\"%s\" is a key of %s", name, variants[other]);
        return cvt_fail(error, CVT_CONFIG, "\"%s\" is a key of \"%s\": \"%s\"", name, key, variants[other]);
    }
    return CVT_OK;
}

static cvt_status check_required(const cvt_given *given, const cvt_key *keys, size_t at, cvt_error *error) {
    for (const cvt_key *k = keys; k && k->name; k++) {
        if (given->stage && !k->stage) continue;
        if (k->type == CVT_KEY_OBJECT) {
            cvt_status status = check_required(given, k->keys, at + k->offset, error);
            if (status != CVT_OK) return cvt_fail_in(error, status, "\"%s\"", k->name);
        } else if (k->required && !cvt_given_as(given, at + k->offset)) {
            return cvt_fail(error, CVT_CONFIG, "\"%s\" is missing", k->name);
        }
    }
    return CVT_OK;
}

cvt_status cvt_check_required(const cvt_given *given, cvt_error *error) {
    return check_required(given, given->keys, 0, error);
}

/* Notes that the file has a key. If it has two names of a field, the last counts, as its value does. */
static cvt_status note(cvt_given *given, const char *name, const cvt_key *row, size_t offset, cvt_error *error) {
    int i = 0;
    while (i < given->n && given->of[i].offset != offset) i++;
    if (i == CVT_MAX_GIVEN) return cvt_fail(error, CVT_CONFIG, "has more than %d keys", CVT_MAX_GIVEN);
    given->of[i].name = name;
    given->of[i].row = row;
    given->of[i].offset = offset;
    if (i == given->n) given->n++;
    return CVT_OK;
}

/* ---- values ---- */

static cvt_status wrong_kind(const cvt_json *value, const char *wanted, cvt_error *error) {
    return cvt_fail(error, CVT_CONFIG, "must be %s, not %s", wanted, cvt_json_kind_name(cvt_json_kind_of(value)));
}

static cvt_status read_int(int *out, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    int64_t i;
    if (!cvt_json_integer(value, &i)) {
        bool number = cvt_json_kind_of(value) == CVT_JSON_NUMBER;
        return number ? cvt_fail(error, CVT_CONFIG, "must be a whole number")
                      : wrong_kind(value, "a whole number", error);
    }
    if ((double)i < key->min || (double)i > key->max)
        return cvt_fail(error, CVT_CONFIG, "= %lld is not in %.0f .. %.0f", (long long)i, key->min, key->max);
    *out = (int)i;
    return CVT_OK;
}

static cvt_status read_number(double *out, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    double x;
    if (!cvt_json_number(value, &x)) return wrong_kind(value, "a number", error);
    if (!(x >= key->min && x <= key->max))
        return cvt_fail(error, CVT_CONFIG, "= %g is not in %g .. %g", x, key->min, key->max);
    *out = x;
    return CVT_OK;
}

static cvt_status read_bool(int *out, const cvt_json *value, cvt_error *error) {
    bool b;
    if (!cvt_json_bool(value, &b)) return wrong_kind(value, "true or false", error);
    *out = b;
    return CVT_OK;
}

static cvt_status read_choice(int *out, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    const char *text = cvt_json_string(value);
    if (!text) return wrong_kind(value, "a string", error);
    for (int i = 0; key->choices[i]; i++) {
        if (strcmp(key->choices[i], text) != 0) continue;
        *out = i;
        return CVT_OK;
    }
    cvt_str list = {0};
    for (int i = 0; key->choices[i]; i++) cvt_str_print(&list, "%s\"%s\"", i ? ", " : "", key->choices[i]);
    cvt_status status = list.failed ? cvt_fail_memory(error)
                                    : cvt_fail(error, CVT_CONFIG, "is \"%s\", must be one of %s", text, list.data);
    cvt_str_free(&list);
    return status;
}

/* Reads an entry of a list of ints, booleans or words. */
static cvt_status read_entry(int *out, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    if (key->type == CVT_KEY_BOOLS) return read_bool(out, value, error);
    return key->type == CVT_KEY_CHOICES ? read_choice(out, key, value, error) : read_int(out, key, value, error);
}

cvt_status cvt_config_check_list(const cvt_json *value, const char *what, int min, int max, cvt_error *error) {
    size_t n = cvt_json_size(value);
    if (cvt_json_kind_of(value) != CVT_JSON_ARRAY) return wrong_kind(value, what, error);
    if (n >= (size_t)min && n <= (size_t)max) return CVT_OK;
    if (min == max) return cvt_fail(error, CVT_CONFIG, "has %zu entries, must have %d", n, max);
    return cvt_fail(error, CVT_CONFIG, "has %zu entries, must have %d to %d", n, min, max);
}

static cvt_status read_list(void *field, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    cvt_ints *ints = field;
    cvt_numbers *numbers = field;
    int min = key->entries ? key->entries : 1, max = key->entries ? key->entries : CVT_MAX_LIST;
    TRY(cvt_config_check_list(value, "a list", min, max, error));
    int i = 0;
    for (const cvt_json *entry = cvt_json_first(value); entry; entry = cvt_json_next(entry), i++) {
        bool is_number = key->type == CVT_KEY_NUMBERS;
        cvt_status status =
            is_number ? read_number(&numbers->v[i], key, entry, error) : read_entry(&ints->v[i], key, entry, error);
        if (status != CVT_OK) return cvt_fail(error, status, "[%d] %s", i, error ? error->message : "");
    }
    *(key->type == CVT_KEY_NUMBERS ? &numbers->n : &ints->n) = i;
    return CVT_OK;
}

static cvt_status read_lists(cvt_lists *out, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    TRY(cvt_config_check_list(value, "a list of lists", 1, CVT_MAX_LIST, error));
    int i = 0;
    for (const cvt_json *list = cvt_json_first(value); list; list = cvt_json_next(list), i++) {
        if (cvt_json_kind_of(list) != CVT_JSON_ARRAY || cvt_json_size(list) != (size_t)key->entries)
            return cvt_fail(error, CVT_CONFIG, "[%d] must be a list of %d whole numbers", i, key->entries);
        int j = 0;
        for (const cvt_json *entry = cvt_json_first(list); entry; entry = cvt_json_next(entry), j++) {
            cvt_status status = read_int(&out->v[i][j], key, entry, error);
            if (status != CVT_OK) return cvt_fail(error, status, "[%d][%d] %s", i, j, error ? error->message : "");
        }
    }
    out->n = i;
    return CVT_OK;
}

static cvt_status read_size(int *out, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    if (cvt_json_kind_of(value) != CVT_JSON_ARRAY) {
        TRY(read_int(&out[0], key, value, error));
        out[1] = out[0];
        return CVT_OK;
    }
    if (cvt_json_size(value) != 2) return cvt_fail(error, CVT_CONFIG, "must be one number or [height, width]");
    TRY(read_int(&out[0], key, cvt_json_first(value), error));
    return read_int(&out[1], key, cvt_json_next(cvt_json_first(value)), error);
}

cvt_status cvt_config_read_off(void *field, const cvt_json *value, cvt_error *error) {
    (void)field;
    bool flag;
    double number;
    bool off = cvt_json_kind_of(value) == CVT_JSON_NULL || (cvt_json_bool(value, &flag) && !flag) ||
               (cvt_json_number(value, &number) && number == 0);
    return off ? CVT_OK : cvt_fail(error, CVT_CONFIG, "is set: that is not done here, it must be null, false or 0");
}

/* Space for a value of any type that is only checked. */
typedef union unused {
    int size[2];
    bool flag;
    double number;
    cvt_ints ints;
    cvt_numbers numbers;
} unused;

cvt_status cvt_config_read_value(void *field, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    unused nowhere;
    int flag = 0;
    if (key->ignored) field = &nowhere;
    switch (key->type) {
    case CVT_KEY_INT: return read_int(field, key, value, error);
    case CVT_KEY_NUMBER: return read_number(field, key, value, error);
    case CVT_KEY_CHOICE: return read_choice(field, key, value, error);
    case CVT_KEY_SIZE: return read_size(field, key, value, error);
    case CVT_KEY_LISTS: return read_lists(field, key, value, error);
    case CVT_KEY_READER: return key->read(field, value, error);
    case CVT_KEY_BOOL:
        TRY(read_bool(&flag, value, error));
        *(bool *)field = flag != 0;
        return CVT_OK;
    default: return read_list(field, key, value, error);
    }
}

/* Reads a key of a single stage: a list becomes one entry. */
static cvt_status read_stage(void *field, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    if (!cvt_key_is_list(key)) return cvt_config_read_value(field, key, value, error);
    cvt_ints *ints = field;
    cvt_numbers *numbers = field;
    if (key->type == CVT_KEY_NUMBERS) {
        numbers->n = 1;
        return read_number(&numbers->v[0], key, value, error);
    }
    ints->n = 1;
    return read_entry(&ints->v[0], key, value, error);
}

static bool listed(const char *const *names, const char *name) {
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

static cvt_status unknown(const cvt_reading *how, const char *name, cvt_error *error) {
    cvt_nearest nearest = cvt_nearest_to(name, 16);
    for (const cvt_key *k = how->keys; k->name; k++)
        if (k->stage || !how->stage) cvt_nearest_try(&nearest, k->name);
    if (!nearest.name) return cvt_fail(error, CVT_CONFIG, "%s: unknown key \"%s\"", how->origin, name);
    return cvt_fail(error, CVT_CONFIG, "%s: unknown key \"%s\"; did you mean \"%s\"?", how->origin, name, nearest.name);
}

static cvt_status read_members(void *config, size_t at, const cvt_reading *how, const cvt_json *object,
                               cvt_error *error);

/* Reads an object within the object. Messages have the path to it. */
static cvt_status read_object(void *config, size_t at, const cvt_key *key, const cvt_reading *how,
                              const cvt_json *value, cvt_error *error) {
    cvt_str path = {0};
    cvt_str_print(&path, "%s: \"%s\"", how->origin, key->name);
    cvt_reading inner = *how;
    inner.keys = key->keys;
    inner.except = NULL;
    inner.origin = path.data;
    cvt_status status =
        path.failed ? cvt_fail_memory(error) : read_members(config, at + key->offset, &inner, value, error);
    cvt_str_free(&path);
    return status;
}

/* at: the offset, within the config, of the struct that the keys fill. */
static cvt_status read_members(void *config, size_t at, const cvt_reading *how, const cvt_json *object,
                               cvt_error *error) {
    if (cvt_json_kind_of(object) != CVT_JSON_OBJECT)
        return cvt_fail(error, CVT_CONFIG, "%s: must be an object", how->origin);
    for (const cvt_json *m = cvt_json_first(object); m; m = cvt_json_next(m)) {
        const char *name = cvt_json_key(m);
        if (listed(how->except, name)) continue;
        const cvt_key *key = how->keys;
        while (key->name && (strcmp(key->name, name) != 0 || (how->stage && !key->stage))) key++;
        if (!key->name && !how->strict) continue;
        if (!key->name) return unknown(how, name, error);
        const cvt_key *row = cvt_key_row(how->keys, key);
        if ((how->strict ? how->nulls : row->nullable) && cvt_json_kind_of(m) == CVT_JSON_NULL) continue;
        if (row->type == CVT_KEY_OBJECT) {
            TRY(read_object(config, at, row, how, m, error));
            continue;
        }
        void *field = (char *)config + at + row->offset;
        cvt_error inner;
        cvt_status status =
            how->stage ? read_stage(field, row, m, &inner) : cvt_config_read_value(field, row, m, &inner);
        if (status == CVT_OK && how->given && !row->ignored)
            status = note(how->given, key->name, row, at + row->offset, &inner);
        if (status != CVT_OK) return cvt_fail(error, status, "%s: \"%s\" %s", how->origin, name, inner.message);
    }
    return CVT_OK;
}

cvt_status cvt_config_read(void *config, const cvt_reading *how, const cvt_json *object, cvt_error *error) {
    return read_members(config, 0, how, object, error);
}

/* ---- defaults ---- */

cvt_status cvt_config_parse(cvt_json_document **out, const char *text, const char *origin, cvt_error *error) {
    size_t n = strlen(text);
    char *copy = malloc(n + 1);
    *out = NULL;
    if (!copy) return cvt_fail_memory(error);
    for (size_t i = 0; i <= n; i++) copy[i] = text[i] == '\'' ? '"' : text[i];
    cvt_status status = cvt_json_parse(out, copy, n, origin, error);
    free(copy);
    return status;
}

static cvt_status read_default(void *field, const cvt_key *row, bool stage, cvt_error *error) {
    const char *text = stage && row->stage_initial ? row->stage_initial : row->initial;
    if (!text) return CVT_OK;
    cvt_json_document *document;
    TRY(cvt_config_parse(&document, text, row->name, error));
    const cvt_json *value = cvt_json_root(document);
    if (stage && !row->stage_initial && cvt_json_kind_of(value) == CVT_JSON_ARRAY)
        value = cvt_json_next(cvt_json_first(value));
    cvt_status status = stage ? read_stage(field, row, value, error) : cvt_config_read_value(field, row, value, error);
    cvt_json_free(document);
    return status;
}

cvt_status cvt_config_defaults(void *config, const cvt_key *keys, bool stage, cvt_error *error) {
    for (const cvt_key *row = keys; row && row->name; row++) {
        void *field = (char *)config + row->offset;
        if (row->same || row->ignored || (stage && !row->stage)) continue;
        cvt_status status = row->type == CVT_KEY_OBJECT ? cvt_config_defaults(field, row->keys, stage, error)
                                                        : read_default(field, row, stage, error);
        if (status != CVT_OK) return cvt_fail_in(error, status, "the default of \"%s\"", row->name);
    }
    return CVT_OK;
}

cvt_status cvt_config_fill(void *config, const cvt_reading *how, const cvt_json *object, cvt_error *error) {
    cvt_given given = {.keys = how->keys, .stage = how->stage};
    cvt_reading noting = *how;
    noting.given = &given;
    TRY(cvt_config_defaults(config, how->keys, how->stage, error));
    TRY(cvt_config_read(config, &noting, object, error));
    cvt_status status = cvt_check_required(&given, error);
    return status == CVT_OK ? CVT_OK : cvt_fail_in(error, status, "%s", how->origin);
}
