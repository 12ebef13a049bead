/* arch.h - a family of architectures: one file in arch/ and one line in arch.def.
 *
 * A family brings a config struct that begins with cvt_base, a table of its keys under their upstream names with their
 * defaults (config.h), tables of the names its weights go by (names.h), a resolve() for what keys mean together and
 * what the weights tell, and a builder that reads like the forward pass. */
#ifndef CVT_ARCH_ARCH_H
#define CVT_ARCH_ARCH_H

#include "arch/config.h"
#include "arch/preprocess.h"
#include "graph/graph.h"
#include "weights/names.h"

/* What every config has. 0 in size or classes: not said; resolved later. */
enum { CVT_MAX_INPUTS = 8 };
typedef struct cvt_base {
    cvt_given given;              /* which keys the file has; asked with GIVEN and NAMED of keys.h */
    int size[2];                  /* input height, width */
    int asked[CVT_MAX_INPUTS][2]; /* what the caller wants of each input; 0: nothing. size[] knows it already */
    int channels, classes;
    bool headless;    /* a hub has the model without its classifier */
    cvt_arena *arena; /* the model's, for what a family's readers of keys and resolve() keep */
    cvt_preprocess_spec preprocess;
} cvt_base;

/* A model of timm's registry and what it stands for: a family, and a config in the native dialect. presets.c has them
 * all; the list ends with NULL. */
typedef struct cvt_preset {
    const char *arch, *name, *config;
} cvt_preset;
extern const cvt_preset cvt_presets[];

/* What a family may go by where its config says nothing. */
typedef struct cvt_hints {
    cvt_config_dialect config;
    const char *model_type;     /* of a Hugging Face config, else NULL */
    const cvt_dialect *origin;  /* whose defaults count; NULL: no weights */
    const cvt_dialect *names;   /* of the weights as they are: after a conversion not those of the origin */
    const cvt_weights *weights; /* NULL: none */
} cvt_hints;

/* The tensor that holds a parameter, of which pattern, name and indices are given; NULL if there is none. */
const cvt_tensor *cvt_hints_param(const cvt_hints *hints, const cvt_param *param);
/* The tensor that holds the parameter of this native pattern, its one {letter} being `index`; NULL if there is none. */
const cvt_tensor *cvt_hints_tensor(const cvt_hints *hints, const char *pattern, int index);
/* True if the weights come from this dialect. */
bool cvt_hints_from(const cvt_hints *hints, const char *dialect);

typedef struct cvt_arch {
    const char *name;  /* the value of "arch" */
    const char *about; /* one line for `cvt list` */
    cvt_arch_traits traits;
    size_t config_size;
    const cvt_key *keys;         /* of all config dialects */
    const char *const *hf_types; /* values of Hugging Face's model_type, ends with NULL; or NULL */
    int classes;                 /* where neither config nor weights say how many; 0: resolve() finds that out */
    int hf_classes;              /* the same for a Hugging Face config; 0: as classes */
    /* How pictures are prepared where no file says it: as the function says, else as the brief. crop_pct 0: resolve()
     * says it. size 0: the size of the input. */
    cvt_preprocess_spec (*preprocess_of)(const void *config, const cvt_hints *hints);
    struct {
        cvt_preprocess_kind kind;
        int size;
        double crop_pct;
        double mean_std; /* mean and standard deviation of every channel; 0: those of ImageNet */
        bool floor;      /* offsets of a crop are rounded down */
    } preprocess;
    const cvt_dialect *dialects; /* of the weights; native first; ends with name NULL */
    const char *schema;          /* further members of its object in the schema; NULL: none */
    const char *classifier;      /* pattern of the last layer's weight, [classes, C] */
    bool headless;               /* the family runs without its classifier */
    /* Fills in what the config leaves to the weights, and checks what keys mean together. Messages name the key. NULL:
     * there is nothing to do. */
    cvt_status (*resolve)(void *config, const cvt_hints *hints, cvt_error *error);
    /* The forward pass; returns the logits. */
    cvt_value (*build)(cvt_builder *b, const void *config);
} cvt_arch;

/* The families, in the order of arch.def; NULL past the end. */
const cvt_arch *cvt_arch_at(int index);

/* A config document read into its family's struct (in arena). CVT_CONFIG, naming origin and key. */
typedef struct cvt_config {
    const cvt_arch *arch;
    cvt_config_dialect dialect;
    void *values;           /* the family's struct; begins with cvt_base */
    const char *model_type; /* of a Hugging Face config, else NULL */
} cvt_config;
cvt_status cvt_config_open(cvt_config *out, const cvt_json *root, const char *origin, cvt_arena *arena,
                           cvt_error *error);
/* The family's resolve(), and what all families do alike: the number of classes and the preprocessing that nobody says.
 */
cvt_status cvt_config_resolve(const cvt_config *config, const cvt_hints *hints, cvt_error *error);
static inline cvt_base *cvt_config_base(const cvt_config *config) { return config->values; }

#endif
