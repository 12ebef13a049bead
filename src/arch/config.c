/* config.c - JSON members into a struct by a table of keys: types, signs, ranges and lengths are checked here, what
 * keys mean together is checked by the family. */
#include "arch/config.h"

#include <string.h>

#include "base/str.h"

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
        return cvt_fail(error, CVT_CONFIG, "is %lld, must be %.0f to %.0f", (long long)i, key->min, key->max);
    *out = (int)i;
    return CVT_OK;
}

static cvt_status read_number(double *out, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    double x;
    if (!cvt_json_number(value, &x)) return wrong_kind(value, "a number", error);
    if (!(x >= key->min && x <= key->max))
        return cvt_fail(error, CVT_CONFIG, "is %g, must be %g to %g", x, key->min, key->max);
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

/* One entry of a list of ints, bools or choices. */
static cvt_status read_entry(int *out, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    if (key->type == CVT_KEY_BOOLS) return read_bool(out, value, error);
    return key->type == CVT_KEY_CHOICES ? read_choice(out, key, value, error) : read_int(out, key, value, error);
}

static cvt_status read_list(void *field, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    cvt_ints *ints = field;
    cvt_numbers *numbers = field;
    size_t n = cvt_json_size(value);
    if (cvt_json_kind_of(value) != CVT_JSON_ARRAY) return wrong_kind(value, "a list", error);
    if (n < 1 || n > CVT_MAX_LIST)
        return cvt_fail(error, CVT_CONFIG, "has %zu entries, must have 1 to %d", n, CVT_MAX_LIST);
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

/* Room for a value of any type that is only checked. */
typedef union unused {
    int size[2];
    bool flag;
    double number;
    cvt_ints ints;
    cvt_numbers numbers;
} unused;

static cvt_status read_value(void *config, const cvt_key *key, const cvt_json *value, cvt_error *error) {
    unused nowhere;
    void *field = key->ignored ? (void *)&nowhere : (char *)config + key->offset;
    int flag = 0;
    switch (key->type) {
    case CVT_KEY_INT: return read_int(field, key, value, error);
    case CVT_KEY_NUMBER: return read_number(field, key, value, error);
    case CVT_KEY_CHOICE: return read_choice(field, key, value, error);
    case CVT_KEY_SIZE: return read_size(field, key, value, error);
    case CVT_KEY_FLAG: return read_bool(field, value, error);
    case CVT_KEY_READER: return key->read(field, value, error);
    case CVT_KEY_BOOL:
        TRY(read_bool(&flag, value, error));
        *(bool *)field = flag != 0;
        return CVT_OK;
    default: return read_list(field, key, value, error);
    }
}

static bool listed(const char *const *names, const char *name) {
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

static cvt_status unknown(const cvt_key *keys, const char *name, const char *origin, cvt_error *error) {
    const char *nearest = NULL;
    size_t distance = 16;
    for (const cvt_key *k = keys; k->name; k++) {
        size_t d = cvt_str_distance(name, k->name, distance);
        if (d < distance) {
            distance = d;
            nearest = k->name;
        }
    }
    if (!nearest) return cvt_fail(error, CVT_CONFIG, "%s: unknown key \"%s\"", origin, name);
    return cvt_fail(error, CVT_CONFIG, "%s: unknown key \"%s\"; did you mean \"%s\"?", origin, name, nearest);
}

/* An object within the object: messages carry the path to it. */
static cvt_status read_object(void *config, const cvt_key *key, const cvt_json *value, bool strict, const char *origin,
                              cvt_error *error) {
    cvt_str path = {0};
    cvt_str_print(&path, "%s: \"%s\"", origin, key->name);
    cvt_status status =
        path.failed ? cvt_fail_memory(error)
                    : cvt_config_read((char *)config + key->offset, key->keys, value, strict, NULL, path.data, error);
    cvt_str_free(&path);
    return status;
}

cvt_status cvt_config_read(void *config, const cvt_key *keys, const cvt_json *object, bool strict,
                           const char *const *except, const char *origin, cvt_error *error) {
    if (cvt_json_kind_of(object) != CVT_JSON_OBJECT)
        return cvt_fail(error, CVT_CONFIG, "%s: must be an object", origin);
    for (const cvt_json *m = cvt_json_first(object); m; m = cvt_json_next(m)) {
        const char *name = cvt_json_key(m);
        if (listed(except, name)) continue;
        const cvt_key *key = keys;
        while (key->name && strcmp(key->name, name) != 0) key++;
        if (!key->name && !strict) continue;
        if (!key->name) return unknown(keys, name, origin, error);
        if (key->nullable && !strict && cvt_json_kind_of(m) == CVT_JSON_NULL) continue;
        if (key->type == CVT_KEY_OBJECT) {
            TRY(read_object(config, key, m, strict, origin, error));
            continue;
        }
        cvt_error inner;
        cvt_status status = read_value(config, key, m, &inner);
        if (status != CVT_OK) return cvt_fail(error, status, "%s: \"%s\" %s", origin, name, inner.message);
    }
    return CVT_OK;
}
