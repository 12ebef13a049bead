/* arch.h - a family of architectures: one file in arch/ and one line in arch.def.
 *
 * A family brings a config struct that begins with cvt_base; a table of its keys, under the names that the original
 * gives them, with their defaults (config.h); tables of the names that files have for its weights (names.h); a
 * resolve(), which finds what keys mean together and what the weights tell; and a builder, which reads like the forward
 * pass. */
#ifndef CVT_ARCH_ARCH_H
#define CVT_ARCH_ARCH_H

#include "arch/config.h"
#include "arch/preprocess.h"
#include "graph/graph.h"
#include "weights/names.h"

/* What every config has. A 0 in size or classes means that nobody has given the number yet. */
enum { CVT_MAX_INPUTS = 8 };
typedef struct cvt_base {
    cvt_given given; /* which keys the file has: GIVEN and NAMED of keys.h read it */
    /* The height and width of the (first) input. For resolve() they are what the config says; for build() they are
     * final: what the caller wants, else what the config or resolve() says, else what the preprocessing says. */
    int size[2];
    int asked[CVT_MAX_INPUTS][2]; /* for build(): the size that the caller wants for each input; 0: any */
    int channels, classes;
    bool headless;    /* the file is of a model that was saved without its classifier */
    cvt_arena *arena; /* the model's: readers of keys and resolve() allocate in it what must live as long */
    cvt_preprocess_spec preprocess;
} cvt_base;

/* A model of timm's registry: its name, and the family and the native config that the name stands for. presets.c has
 * them all. The list ends with name NULL. */
typedef struct cvt_preset {
    const char *arch, *name, *config;
} cvt_preset;
extern const cvt_preset cvt_presets[];

/* What tells a family the values of keys that its config does not have. */
typedef struct cvt_hints {
    cvt_config_dialect config;  /* the dialect of the config */
    const char *model_type;     /* that of a Hugging Face config, else NULL */
    const cvt_dialect *origin;  /* the dialect of the program that the weights come from; NULL: there are no weights */
    const cvt_dialect *names;   /* the dialect that the file's names are in, which a conversion may have made another
                                 * one than the origin's; NULL: there are no weights */
    const cvt_weights *weights; /* NULL: there are none */
    const char *class_name;     /* the first of "architectures" in a Hugging Face config, else NULL */
} cvt_hints;

/* Returns the tensor that holds the parameter of this native pattern, in which `index` stands for the {letter} if there
 * is one: cvt_hints_tensor(hints, "block{j}.norm1.bias", 0). NULL if there are no weights or no such tensor. */
const cvt_tensor *cvt_hints_tensor(const cvt_hints *hints, const char *pattern, int index);
/* The same for a pattern of several letters. Name, pattern and indices of the parameter must be set, with all the
 * letters that its name has in any dialect:
 *
 *     cvt_param table = {.name = "stage1.pos_embed", .pattern = "stage{i}.pos_embed",
 *                        .indices = {{'i', 1}, {'n', 2}}, .n_indices = 2}; */
const cvt_tensor *cvt_hints_param(const cvt_hints *hints, const cvt_param *param);
/* Returns whether the weights come from the program with this dialect; false without weights. */
bool cvt_hints_from(const cvt_hints *hints, const char *dialect);

typedef struct cvt_arch {
    const char *name;  /* the value of "arch" */
    const char *about; /* one line for `cvt list` */
    cvt_arch_traits traits;
    size_t config_size;
    const cvt_key *keys;         /* of all config dialects */
    const char *const *hf_types; /* values of Hugging Face's model_type, ends with NULL; or NULL */
    /* Members of a Hugging Face config that are objects and hold the family's keys, because the model is a part of
     * another one, as the image tower of CLIP is. Each counts before the next, and all before the config's own keys.
     * Ends with NULL; NULL: there are none. */
    const char *const *hf_parts;
    int classes;    /* their number where neither config nor weights tell; 0: resolve() finds it */
    int hf_classes; /* the same for a Hugging Face config; 0: as classes */
    /* How images are prepared where no file says so: as the function says, or, where that is NULL, as the members of
     * `preprocess` say. Where both are absent (crop_pct 0, no `like`), resolve() fills in base.preprocess. */
    cvt_preprocess_spec (*preprocess_of)(const void *config, const cvt_hints *hints);
    struct {
        cvt_preprocess_kind kind;
        int size; /* 0: that of the input */
        double crop_pct;
        double mean_std;  /* mean and standard deviation of every channel; 0: those of ImageNet */
        bool floor;       /* offsets of a crop are rounded down */
        const char *like; /* as the image processor of this model_type of Hugging Face does by default */
    } preprocess;
    const cvt_dialect *dialects; /* of the weights; the native one is first; the list ends with name NULL */
    const char *schema;          /* further members of the family's object in the schema; NULL: none */
    const char *classifier;      /* the pattern of the last layer's weight, [classes, C] */
    bool headless;               /* the family runs without its classifier too */
    /* Finds the values of keys that the config does not have, and checks what keys mean together. Its messages name the
     * key. It runs before the caller's input size is known. NULL: there is nothing to do. */
    cvt_status (*resolve)(void *config, const cvt_hints *hints, cvt_error *error);
    /* Builds the forward pass and returns the logits. */
    cvt_value (*build)(cvt_builder *b, const void *config);
} cvt_arch;

/* The families, in the order of arch.def; NULL past the end. */
const cvt_arch *cvt_arch_at(int index);

/* A config document, read into its family's struct. */
typedef struct cvt_config {
    const cvt_arch *arch;
    cvt_config_dialect dialect;
    void *values;           /* the family's struct; begins with cvt_base */
    const char *model_type; /* that of a Hugging Face config, else NULL */
    const char *class_name; /* the first of its "architectures", a string of the document; else NULL */
} cvt_config;
/* Reads a document, whose values will be in the arena. CVT_CONFIG, with a message that names origin and key. */
cvt_status cvt_config_open(cvt_config *out, const cvt_json *root, const char *origin, cvt_arena *arena,
                           cvt_error *error);
/* Calls the family's resolve(), and does what is alike for all families: it finds the number of classes and the
 * preprocessing where no file has them. */
cvt_status cvt_config_resolve(const cvt_config *config, const cvt_hints *hints, cvt_error *error);
static inline cvt_base *cvt_config_base(const cvt_config *config) { return config->values; }

#endif
