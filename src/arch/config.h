/* config.h - reading hyper-parameters from JSON by tables of keys. A key is one row: its name in files, its type and
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
 *         SAME("num_heads", "heads", CVT_CONFIG_TIMM),          another name for it: what timm calls it
 *         BOOL("bias", bias, NULL, "default: by the weights", .only = CVT_ONLY(FB)),
 *         {0},
 *     };
 *
 * `initial` is the default. Where it is NULL the field is 0 (false, none, the first choice), and the family finds a
 * value in its resolve(): it asks with GIVEN(c, bias) whether the file gives one. Messages name a key as the file has
 * it: NAMED(c, heads) is "num_heads" if the file says so. */
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

/* Texts in a row are JSON in which ' stands for ", so that they can be read here too. */
typedef struct cvt_key {
    const char *name;
    cvt_key_type type;
    size_t offset; /* in the config struct */
    double min, max;
    int entries;         /* how many a list has, or each list of CVT_KEY_LISTS; 0: 1 to CVT_MAX_LIST */
    const char *initial; /* the default, JSON; NULL: none */
    const char *about;   /* a few words for the schema; NULL: the name says it */
    const char *same;    /* the row of this table for which it is another name: all but name and dialect is there */
    cvt_config_dialect dialect; /* whose name it is: messages use it in a file of that dialect */
    unsigned only;              /* CVT_ONLY(VARIANT): a key of one variant of the family; 0: of all */
    bool stage;                 /* it is also a key of the layer that is one stage: see cvt_layer */
    const char *stage_initial;  /* its default there; NULL: the second entry of `initial` */
    bool ignored;               /* checked and left out: known upstream, without effect here */
    bool required;              /* it must be there */
    bool nullable;              /* null is as good as absent, unless the reading is strict */
    const char *const *choices; /* NULL-terminated */
    const struct cvt_key *keys; /* of CVT_KEY_OBJECT, or of each object of the list that `read` reads; offsets are
                                 * within the object's struct */
    /* For CVT_KEY_READER: fills `field`; the error need not name the key. schema: members of its schema. */
    cvt_status (*read)(void *field, const cvt_json *value, cvt_error *error);
    const char *schema;
} cvt_key;
#define CVT_ONLY(variant) (1u << (variant))

/* The row that says what a key is: itself, or the one for which it is another name. */
const cvt_key *cvt_key_row(const cvt_key *keys, const cvt_key *key);
/* Is it a list with an entry a stage? */
bool cvt_key_is_list(const cvt_key *key);

/* The row of a probability that only training reads. */
#define CVT_DROPOUT_KEY(key)                                                      \
    {                                                                             \
        .name = key, .type = CVT_KEY_NUMBER, .ignored = true, .min = 0, .max = 1, \
        .about = "without effect: for training"                                   \
    }

/* Those that most models of timm and of vit_pytorch have. */
#define CVT_TIMM_DROPOUT_KEYS \
    CVT_DROPOUT_KEY("drop_rate"), CVT_DROPOUT_KEY("attn_drop_rate"), CVT_DROPOUT_KEY("drop_path_rate")
#define CVT_VIT_PYTORCH_DROPOUT_KEYS CVT_DROPOUT_KEY("dropout"), CVT_DROPOUT_KEY("emb_dropout")

/* The row of an upstream switch for something that is not done here: null, false and 0 pass, all else is an error. */
cvt_status cvt_config_read_off(void *field, const cvt_json *value, cvt_error *error);
#define CVT_OFF_KEY(key)                                                                   \
    {                                                                                      \
        .name = key, .type = CVT_KEY_READER, .ignored = true, .read = cvt_config_read_off, \
        .about = "must be off: it is not done here", .schema = "'enum': [null, false, 0]"  \
    }

/* ---- which keys a file gives ---- */

typedef struct cvt_given {
    const cvt_key *keys; /* of the family */
    cvt_config_dialect dialect;
    bool stage; /* only keys that are so marked count */
    int n;
    struct {
        const char *name;
        const cvt_key *row;
        size_t offset; /* of its field in the family's struct, also where the key is in an object */
    } of[CVT_MAX_GIVEN];
} cvt_given;

/* The name under which the file gives the field at this offset; NULL: it does not. */
const char *cvt_given_as(const cvt_given *given, size_t offset);
/* That name, else the one that the dialect of the file has for the field, else the first. */
const char *cvt_key_named(const cvt_given *given, size_t offset);
/* The first given key that only this variant has; NULL: there is none. */
const char *cvt_given_of(const cvt_given *given, int variant);
/* CVT_CONFIG, "pre_norm" is a key of "variant": "comvex", where one is given that is not for this variant. Without a
 * key, `variants` are just words: "mlp_ratio" is a key of the authors' T2T-ViT. */
cvt_status cvt_check_only(const cvt_given *given, int variant, const char *key, const char *const *variants,
                          cvt_error *error);

/* CVT_CONFIG, "patch_size" is missing, where a required key is not there. */
cvt_status cvt_check_required(const cvt_given *given, cvt_error *error);

/* ---- reading ---- */

typedef struct cvt_reading {
    const cvt_key *keys;       /* ends with name NULL */
    bool strict;               /* a key that is in no row is an error that names the nearest; else it is passed over */
    bool stage;                /* only keys that are so marked count, and lists are their first entry alone */
    const char *const *except; /* members that are left alone; NULL-terminated, or NULL */
    const char *origin;        /* the file, or the place in it */
    cvt_given *given;          /* gets the keys that are there; NULL: nobody asks */
} cvt_reading;

/* Reads every member of `object` into `config`. CVT_CONFIG, naming the origin and the key. */
cvt_status cvt_config_read(void *config, const cvt_reading *how, const cvt_json *object, cvt_error *error);
/* One object alone, an entry of a list: its defaults, its members, and are the required ones there? */
cvt_status cvt_config_fill(void *config, const cvt_reading *how, const cvt_json *object, cvt_error *error);
/* CVT_CONFIG, must be a list of objects, not a number (what: "a list of objects"), or has 0 entries, must have 1 to 8,
 * where value is no list of `least` to `most` entries. For readers, which go through the entries. */
cvt_status cvt_config_check_list(const cvt_json *value, const char *what, int least, int most, cvt_error *error);
/* Fills in the defaults. stage: those of a layer that is one stage. */
cvt_status cvt_config_defaults(void *config, const cvt_key *keys, bool stage, cvt_error *error);
/* A JSON text of a table: ' stands for ". */
cvt_status cvt_config_parse(cvt_json_document **out, const char *text, const char *origin, cvt_error *error);

#endif
