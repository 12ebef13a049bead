/* config.h - reads hyper-parameters from JSON by tables of keys. A key is one row: its name in files, its type and
 * range, its default, the field it fills, and a few words for the schema. keys.h has short macros for the rows:
 *
 *     typedef struct config {
 *         cvt_base base;
 *         cvt_ints embed_dim;
 *         int heads;
 *         bool bias;
 *     } config;
 *     #define KEYS_OF config
 *     static const cvt_key keys[] = {
 *         INT("num_channels", base.channels, 1, 64, "3", "channels of the input"),
 *         INTS("embed_dim", embed_dim, 1, 65536, "[64, 192, 384]", "channels of the tokens", .stage = true),
 *         INT("heads", heads, 1, 4096, "4", "attention heads, which divide the channels"),
 *         SAME("num_heads", "heads", CVT_CONFIG_TIMM),          another name of it: timm's
 *         BOOL("bias", bias, NULL, "default: as in the weights, else false", .only = CVT_ONLY(FB)),
 *         {0},
 *     };
 *
 * `initial` is the default. Where it is NULL the field begins as 0 (false, an empty list, the first choice), and the
 * family finds a value in its resolve(): GIVEN(c, bias) tells whether the file has one. Messages name a key as the file
 * does: NAMED(c, heads) is "num_heads" if that is the name in the file. */
#ifndef CVT_ARCH_CONFIG_H
#define CVT_ARCH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

enum { CVT_MAX_LIST = 32, CVT_MAX_ENTRIES = 4, CVT_MAX_GIVEN = 64 };

typedef struct cvt_ints {
    int n, v[CVT_MAX_LIST];
} cvt_ints;
typedef struct cvt_numbers {
    int n;
    double v[CVT_MAX_LIST];
} cvt_numbers;
typedef struct cvt_lists {
    int n, v[CVT_MAX_LIST][CVT_MAX_ENTRIES];
} cvt_lists;

typedef enum cvt_config_dialect { CVT_CONFIG_NATIVE, CVT_CONFIG_HF, CVT_CONFIG_TIMM } cvt_config_dialect;

typedef enum cvt_key_type {
    CVT_KEY_INT,     /* int in [min, max] */
    CVT_KEY_NUMBER,  /* double in [min, max] */
    CVT_KEY_BOOL,    /* bool */
    CVT_KEY_CHOICE,  /* int: index into choices */
    CVT_KEY_INTS,    /* cvt_ints, each in [min, max] */
    CVT_KEY_NUMBERS, /* cvt_numbers */
    CVT_KEY_BOOLS,   /* cvt_ints of 0 and 1 */
    CVT_KEY_CHOICES, /* cvt_ints of indices */
    CVT_KEY_LISTS,   /* cvt_lists: lists of `entries` ints, each in [min, max] */
    CVT_KEY_SIZE,    /* int[2]: height, width; one number stands for both */
    CVT_KEY_OBJECT,  /* a struct, by `keys` of its own */
    CVT_KEY_READER,  /* whatever `read` makes of it */
} cvt_key_type;

/* Texts in a row (initial, stage_initial, schema) are JSON in which ' stands for ", for the sake of legibility. */
typedef struct cvt_key {
    const char *name;
    cvt_key_type type;
    size_t offset; /* in the config struct */
    double min, max;
    int entries;         /* how many a list has, or each list of CVT_KEY_LISTS; 0: 1 to CVT_MAX_LIST */
    const char *initial; /* the default; NULL: none */
    const char *about;   /* a few words for the schema; NULL: the name is enough */
    const char *same;    /* the name of another row of this table: this row only gives that key a second name, so only
                          * its name and dialect count */
    cvt_config_dialect dialect; /* in files of this dialect messages use this name */
    unsigned only;              /* CVT_ONLY(VARIANT): only this variant of the family has the key; 0: all have it */
    bool stage;                 /* the layer that is one stage of the family has the key too: see cvt_layer */
    const char *stage_initial;  /* its default there, for a key whose family finds the value in resolve(), which a layer
                                 * does not have; NULL: the second entry of `initial` */
    bool ignored;               /* the value is checked and not stored: it has an effect in the original only */
    bool required;              /* the file must have it */
    bool nullable;              /* null is read like a key that is absent, unless the reading is strict
                                 * and has no nulls */
    const char *const *choices; /* the words; ends with NULL */
    const struct cvt_key *keys; /* the keys of CVT_KEY_OBJECT, or of each object in the list that `read` reads; their
                                 * offsets are within the object's struct */
    /* For CVT_KEY_READER. read() fills the field; its message need not name the key. schema: members of the schema. */
    cvt_status (*read)(void *field, const cvt_json *value, cvt_error *error);
    const char *schema;
} cvt_key;
#define CVT_ONLY(variant) (1u << (variant))

/* Returns the row that describes a key: the key's own, or that of the name in `same`. */
const cvt_key *cvt_key_row(const cvt_key *keys, const cvt_key *key);
/* Returns whether the value is a list of ints, numbers, booleans or words: families have an entry a stage. */
bool cvt_key_is_list(const cvt_key *key);

/* The row of a probability that only training reads. It is here, not in keys.h, because it fills no field. */
#define CVT_DROPOUT_KEY(key)                                                      \
    {                                                                             \
        .name = key, .type = CVT_KEY_NUMBER, .ignored = true, .min = 0, .max = 1, \
        .about = "without effect: for training"                                   \
    }

/* The rows of this kind that most models of timm, and most of vit_pytorch, have. */
#define CVT_TIMM_DROPOUT_KEYS \
    CVT_DROPOUT_KEY("drop_rate"), CVT_DROPOUT_KEY("attn_drop_rate"), CVT_DROPOUT_KEY("drop_path_rate")
#define CVT_VIT_PYTORCH_DROPOUT_KEYS CVT_DROPOUT_KEY("dropout"), CVT_DROPOUT_KEY("emb_dropout")

/* The row of a switch that the original has for something that is not done here. null, false and 0 pass, any other
 * value is an error. */
cvt_status cvt_config_read_off(void *field, const cvt_json *value, cvt_error *error);
#define CVT_OFF_KEY(key)                                                                   \
    {                                                                                      \
        .name = key, .type = CVT_KEY_READER, .ignored = true, .read = cvt_config_read_off, \
        .about = "must be off: it is not done here", .schema = "'enum': [null, false, 0]"  \
    }

/* ---- which keys a file has ---- */

typedef struct cvt_given {
    const cvt_key *keys;        /* the family's table */
    cvt_config_dialect dialect; /* the file's */
    bool stage;                 /* only keys marked .stage count */
    int n;
    struct {
        const char *name;
        const cvt_key *row;
        size_t offset; /* of the field in the family's struct, also for a key that is within an object */
    } of[CVT_MAX_GIVEN];
} cvt_given;

/* Returns the name of the key by which the file fills the field at this offset; NULL if it does not fill it. */
const char *cvt_given_as(const cvt_given *given, size_t offset);
/* Returns that name, or, if there is none, the name of the field's key in the file's dialect, else its first name. */
const char *cvt_key_named(const cvt_given *given, size_t offset);
/* Returns the first key in the file that only this variant has; NULL if there is none. */
const char *cvt_given_of(const cvt_given *given, int variant);
/* Checks that the file has no key of another variant. CVT_CONFIG: "pre_norm" is a key of "variant": "comvex". `key` is
 * the name of the key that chooses the variant, `variants` are its choices. Where no key does that (NULL), `variants`
 * are words for a message like: "mlp_ratio" is a key of the authors' T2T-ViT. */
cvt_status cvt_check_only(const cvt_given *given, int variant, const char *key, const char *const *variants,
                          cvt_error *error);

/* Checks that the file has every required key. CVT_CONFIG: "patch_size" is missing. */
cvt_status cvt_check_required(const cvt_given *given, cvt_error *error);

/* ---- reading ---- */

typedef struct cvt_reading {
    const cvt_key *keys;       /* the table; it ends with name NULL */
    bool strict;               /* a key that is in no row is an error that names the nearest; else it is skipped */
    bool nulls;                /* a strict reading, in which null is as if the key were absent */
    bool stage;                /* only keys marked .stage count, and a single value stands for a list of one entry */
    const char *const *except; /* members that are skipped; the list ends with NULL; NULL: none */
    const char *origin;        /* the file, or the place in it, for messages */
    cvt_given *given;          /* the keys that are there are noted in it, unless it is NULL */
} cvt_reading;

/* Reads every member of `object` into `config`. CVT_CONFIG, with a message that names origin and key. */
cvt_status cvt_config_read(void *config, const cvt_reading *how, const cvt_json *object, cvt_error *error);
/* Reads an object that is an entry of a list: fills in the defaults, reads the members, and checks that the required
 * ones are there. */
cvt_status cvt_config_fill(void *config, const cvt_reading *how, const cvt_json *object, cvt_error *error);
/* Reads, for a reader, a value of the type of a row that is no object. CVT_CONFIG: must be a whole number, not null. */
cvt_status cvt_config_read_value(void *field, const cvt_key *key, const cvt_json *value, cvt_error *error);
/* Checks, for a reader, that a value is a list of `min` to `max` entries. CVT_CONFIG: must be a list of objects, not
 * a number (`what` is "a list of objects"); or: has 0 entries, must have 1 to 8. */
cvt_status cvt_config_check_list(const cvt_json *value, const char *what, int min, int max, cvt_error *error);
/* Fills in the defaults of a table, or, with `stage`, those of the layer that is one stage. */
cvt_status cvt_config_defaults(void *config, const cvt_key *keys, bool stage, cvt_error *error);
/* Parses a JSON text of a table, in which ' stands for ". */
cvt_status cvt_config_parse(cvt_json_document **out, const char *text, const char *origin, cvt_error *error);

#endif
