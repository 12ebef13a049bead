/* config.h - reading an architecture's hyper-parameters from JSON by tables of keys. */
#ifndef CVT_ARCH_CONFIG_H
#define CVT_ARCH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

enum { CVT_MAX_LIST = 32 };

typedef struct cvt_ints {
    int n, v[CVT_MAX_LIST];
} cvt_ints;
typedef struct cvt_numbers {
    int n;
    double v[CVT_MAX_LIST];
} cvt_numbers;

typedef enum cvt_key_type {
    CVT_KEY_INT,     /* int in [min, max] */
    CVT_KEY_NUMBER,  /* double in [min, max] */
    CVT_KEY_BOOL,    /* bool */
    CVT_KEY_FLAG,    /* int: 0 or 1, where a default beside them means that nobody has said it */
    CVT_KEY_CHOICE,  /* int: index into choices */
    CVT_KEY_INTS,    /* cvt_ints, each in [min, max] */
    CVT_KEY_NUMBERS, /* cvt_numbers */
    CVT_KEY_BOOLS,   /* cvt_ints of 0 and 1 */
    CVT_KEY_CHOICES, /* cvt_ints of indices */
    CVT_KEY_SIZE,    /* int[2]: height, width; one number stands for both */
    CVT_KEY_OBJECT,  /* a struct, by `keys` of its own */
    CVT_KEY_READER,  /* whatever `read` makes of it */
} cvt_key_type;

typedef struct cvt_key {
    const char *name;
    cvt_key_type type;
    size_t offset; /* in the config struct */
    double min, max;
    bool ignored;               /* checked and left out: known upstream, without effect here */
    bool nullable;              /* null is as good as absent, unless the reading is strict */
    const char *const *choices; /* NULL-terminated */
    const struct cvt_key *keys; /* of CVT_KEY_OBJECT: offsets are within its struct */
    /* For CVT_KEY_READER: fills `field`; the error need not name the key. */
    cvt_status (*read)(void *field, const cvt_json *value, cvt_error *error);
} cvt_key;

/* The row of a probability that only training reads. */
#define CVT_DROPOUT_KEY(key) \
    { .name = key, .type = CVT_KEY_NUMBER, .ignored = true, .min = 0, .max = 1 }

/* The row of an upstream switch for something that is not done here: null, false and 0 pass, all else is an error. */
cvt_status cvt_config_read_off(void *field, const cvt_json *value, cvt_error *error);
#define CVT_OFF_KEY(key) \
    { .name = key, .type = CVT_KEY_READER, .ignored = true, .read = cvt_config_read_off }

/* Reads every member of `object` into `config` by the rows of `keys` (ending with name NULL). strict: a key that is
 * in no row is an error that names the nearest; else it is passed over. Members listed in `except`
 * (NULL-terminated, or NULL) are left alone. CVT_CONFIG, naming `origin` and the key. */
cvt_status cvt_config_read(void *config, const cvt_key *keys, const cvt_json *object, bool strict,
                           const char *const *except, const char *origin, cvt_error *error);

#endif
