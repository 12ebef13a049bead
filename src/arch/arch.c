/* arch.c - the families, and which one a config document asks for in which dialect. */
#include "arch/arch.h"

#include <string.h>

#include "base/nearest.h"

#define FAMILY(symbol) extern const cvt_arch symbol;
#include "arch/arch.def"
#undef FAMILY

static const cvt_arch *const families[] = {
#define FAMILY(symbol) &symbol,
#include "arch/arch.def"
#undef FAMILY
    NULL,
};

const cvt_arch *cvt_arch_at(int index) {
    int n = (int)(sizeof families / sizeof families[0]) - 1;
    return index >= 0 && index < n ? families[index] : NULL;
}

const char *cvt_arch_name(int index) {
    const cvt_arch *arch = cvt_arch_at(index);
    return arch ? arch->name : NULL;
}

const char *cvt_arch_about(int index) {
    const cvt_arch *arch = cvt_arch_at(index);
    return arch ? arch->about : NULL;
}

cvt_arch_traits cvt_arch_compare(int index) {
    const cvt_arch *arch = cvt_arch_at(index);
    return arch ? arch->traits : (cvt_arch_traits){0};
}

const cvt_tensor *cvt_hints_param(const cvt_hints *hints, const cvt_param *param) {
    if (!hints->weights) return NULL;
    cvt_str name = {0};
    bool named = cvt_name_expand(&name, hints->names, param) != NULL;
    const cvt_tensor *t = named ? cvt_weights_find(hints->weights, name.data) : NULL;
    cvt_str_free(&name);
    return t;
}

const cvt_tensor *cvt_hints_tensor(const cvt_hints *hints, const char *pattern, int index) {
    cvt_str native = {0};
    const char *brace = strchr(pattern, '{');
    if (brace)
        cvt_str_print(&native, "%.*s%d%s", (int)(brace - pattern), pattern, index, brace + 3);
    else
        cvt_str_text(&native, pattern);
    cvt_param param = {.name = native.data, .pattern = pattern, .n_indices = brace != NULL};
    if (brace) param.indices[0] = (cvt_index){brace[1], index};
    const cvt_tensor *t = native.failed ? NULL : cvt_hints_param(hints, &param);
    cvt_str_free(&native);
    return t;
}

bool cvt_hints_from(const cvt_hints *hints, const char *dialect) {
    return hints->origin && strcmp(hints->origin->name, dialect) == 0;
}

enum { NEAR = 8 }; /* edits from a name that somebody may have meant */

static const cvt_key native_keys[] = {
    {.name = "input_size", .type = CVT_KEY_SIZE, .offset = offsetof(cvt_base, size), .min = 1, .max = 65535},
    {0},
};

/* Members of a document by the family's keys. */
static cvt_status read_keys(cvt_config *c, const cvt_json *object, bool strict, const char *const *except,
                            const char *origin, cvt_error *error) {
    cvt_reading how = {.keys = c->arch->keys,
                       .strict = strict,
                       .nulls = c->dialect != CVT_CONFIG_NATIVE,
                       .except = except,
                       .origin = origin,
                       .given = &cvt_config_base(c)->given};
    return cvt_config_read(c->values, &how, object, error);
}

/* A model without a classifier has 0 classes. */
static bool is_headless(const cvt_config *c, const cvt_json *object) {
    int64_t classes;
    return c->arch->headless && cvt_json_integer(cvt_json_get(object, "num_classes"), &classes) && classes == 0;
}

static cvt_status read_native(cvt_config *c, const cvt_json *root, const char *origin, cvt_error *error) {
    cvt_reading how = {.keys = native_keys, .origin = origin};
    TRY(cvt_config_read(c->values, &how, root, error));
    cvt_config_base(c)->headless = is_headless(c, root);
    /* what every config knows beside the family's own keys */
    const char *const frame[] = {"arch",   "input_size", "preprocess",
                                 "labels", "comment",    cvt_config_base(c)->headless ? "num_classes" : NULL,
                                 NULL};
    TRY(read_keys(c, root, true, frame, origin, error));
    const cvt_json *document = cvt_json_get(root, "preprocess");
    if (!document) return CVT_OK;
    cvt_preprocess_spec *preprocess = &cvt_config_base(c)->preprocess;
    cvt_status status = cvt_preprocess_read_timm(preprocess, document, 3, true, "\"preprocess\"", error);
    return status == CVT_OK ? CVT_OK : cvt_fail_in(error, status, "%s", origin);
}

/* A member that must be an object where it is there and not null; *out is NULL where it is not. */
static cvt_status get_object(const cvt_json **out, const cvt_json *root, const char *key, const char *origin,
                             cvt_error *error) {
    *out = cvt_json_member(root, key);
    if (!*out || cvt_json_kind_of(*out) == CVT_JSON_OBJECT) return CVT_OK;
    return cvt_fail(error, CVT_CONFIG, "%s: \"%s\" must be an object", origin, key);
}

/* The first name in "architectures", the class of transformers that saved the model; else NULL. */
static const char *class_of(const cvt_json *root) {
    const cvt_json *classes = cvt_json_get(root, "architectures");
    return cvt_json_kind_of(classes) == CVT_JSON_ARRAY ? cvt_json_string(cvt_json_first(classes)) : NULL;
}

/* The size of id2label is the number of classes, unless num_labels says so. */
static cvt_status read_hf(cvt_config *c, const cvt_json *root, const char *origin, cvt_error *error) {
    const cvt_json *labels;
    TRY(get_object(&labels, root, "id2label", origin, error));
    if (labels) cvt_config_base(c)->classes = (int)cvt_json_size(labels);
    c->class_name = class_of(root);
    for (const char *const *part = c->arch->hf_parts; part && *part; part++) {
        static const char *const except[] = {"num_labels", NULL}; /* those of the whole count */
        const cvt_json *object;
        TRY(get_object(&object, root, *part, origin, error));
        if (object) TRY(read_keys(c, object, false, except, *part, error));
    }
    return read_keys(c, root, false, NULL, origin, error);
}

static cvt_status read_preset(cvt_config *c, const cvt_preset *preset, cvt_error *error) {
    cvt_json_document *document;
    TRY(cvt_config_parse(&document, preset->config, preset->name, error));
    cvt_status status = read_native(c, cvt_json_root(document), preset->name, error);
    cvt_json_free(document);
    return status;
}

/* Arguments of timm's create_model and of its constructors that change nothing of what a model computes. */
#define TIMM_INERT                                                                                           \
    "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir", "scriptable",  \
        "exportable", "no_jit", "weight_init", "fix_init", "drop_rate", "drop_path_rate", "drop_block_rate", \
        "attn_drop_rate", "proj_drop_rate", "pos_drop_rate", "patch_drop_rate"

/* A model of timm's in transformers without its classifier, whatever "num_classes" is. */
static bool is_bare_wrapper(const cvt_json *root) {
    const char *name = class_of(root);
    return name && strcmp(name, "TimmWrapperModel") == 0;
}

/* The arguments of the constructor, in "model_args", count before the members of the document. There every name must be
 * known: one that is not would change the result, and nobody would see it. */
static cvt_status read_timm(cvt_config *c, const cvt_preset *preset, const cvt_json *root, const char *origin,
                            cvt_error *error) {
    const cvt_json *args, *pretrained;
    TRY(read_preset(c, preset, error));
    cvt_config_base(c)->preprocess.guessed = preset->name;
    TRY(get_object(&args, root, "model_args", origin, error));
    TRY(get_object(&pretrained, root, "pretrained_cfg", origin, error));
    cvt_base *base = cvt_config_base(c);
    const cvt_json *classes = cvt_json_get(root, "num_classes") ? root : args;
    if (classes && cvt_json_get(classes, "num_classes")) base->headless = is_headless(c, classes);
    if (c->arch->headless && is_bare_wrapper(root)) base->headless = true;
    const char *const except[] = {TIMM_INERT, base->headless ? "num_classes" : NULL, NULL};
    if (args) {
        cvt_status status = read_keys(c, args, true, except, "\"model_args\"", error);
        if (status != CVT_OK) return cvt_fail_in(error, status, "%s", origin);
    }
    TRY(read_keys(c, root, false, except, origin, error));
    if (!pretrained && cvt_preprocess_has_timm(root)) pretrained = root; /* as older exports have it */
    if (!pretrained) return CVT_OK;
    return cvt_preprocess_read_timm(&base->preprocess, pretrained, base->channels, false, origin, error);
}

static cvt_status unknown(const char *key, const cvt_nearest *nearest, const char *origin, cvt_error *error) {
    const char *what = nearest->wanted;
    if (!nearest->name)
        return cvt_fail(error, CVT_CONFIG, "%s: \"%s\" is \"%s\", which is not known here%s", origin, key, what,
                        strcmp(key, "arch") == 0 ? "; 'cvt list' shows what is" : "; docs/models.md names what is");
    return cvt_fail(error, CVT_CONFIG, "%s: \"%s\" is \"%s\", which is not known here; did you mean \"%s\"?", origin,
                    key, what, nearest->name);
}

static cvt_status prepare(cvt_config *c, const cvt_arch *arch, cvt_config_dialect dialect, cvt_arena *arena,
                          cvt_error *error) {
    *c = (cvt_config){.arch = arch, .dialect = dialect, .values = cvt_arena_alloc(arena, arch->config_size)};
    if (!c->values) return cvt_fail_memory(error);
    TRY(cvt_config_defaults(c->values, arch->keys, false, error));
    cvt_base *base = cvt_config_base(c);
    base->arena = arena;
    base->given = (cvt_given){.keys = arch->keys, .dialect = dialect};
    return CVT_OK;
}

static const cvt_arch *find_family(const char *name) {
    for (int i = 0; families[i]; i++)
        if (strcmp(families[i]->name, name) == 0) return families[i];
    return NULL;
}

static cvt_status open_native(cvt_config *c, const cvt_json *root, const char *origin, cvt_arena *arena,
                              cvt_error *error) {
    const char *name = cvt_json_string(cvt_json_get(root, "arch"));
    if (!name) return cvt_fail(error, CVT_CONFIG, "%s: \"arch\" must be a string", origin);
    const cvt_arch *family = find_family(name);
    if (family) {
        TRY(prepare(c, family, CVT_CONFIG_NATIVE, arena, error));
        return read_native(c, root, origin, error);
    }
    cvt_nearest nearest = cvt_nearest_to(name, NEAR);
    for (int i = 0; families[i]; i++) cvt_nearest_try(&nearest, families[i]->name);
    return unknown("arch", &nearest, origin, error);
}

static cvt_status open_hf(cvt_config *c, const cvt_json *root, const char *origin, cvt_arena *arena, cvt_error *error) {
    const char *type = cvt_json_string(cvt_json_get(root, "model_type"));
    if (!type) return cvt_fail(error, CVT_CONFIG, "%s: \"model_type\" must be a string", origin);
    cvt_nearest nearest = cvt_nearest_to(type, NEAR);
    for (int i = 0; families[i]; i++) {
        for (const char *const *t = families[i]->hf_types; t && *t; t++) {
            cvt_nearest_try(&nearest, *t);
            if (strcmp(*t, type) != 0) continue;
            TRY(prepare(c, families[i], CVT_CONFIG_HF, arena, error));
            c->model_type = *t;
            return read_hf(c, root, origin, error);
        }
    }
    return unknown("model_type", &nearest, origin, error);
}

static cvt_status open_timm(cvt_config *c, const cvt_json *root, const char *origin, cvt_arena *arena,
                            cvt_error *error) {
    const char *name = cvt_json_string(cvt_json_get(root, "architecture"));
    if (!name) return cvt_fail(error, CVT_CONFIG, "%s: \"architecture\" must be a string", origin);
    const size_t n = strcspn(name, "."); /* a tag behind it names weights: "vit_tiny_patch16_224.augreg_in21k" */
    cvt_nearest nearest = cvt_nearest_to(name, NEAR);
    for (const cvt_preset *p = cvt_presets; p->name; p++) {
        cvt_nearest_try(&nearest, p->name);
        if (strlen(p->name) != n || strncmp(p->name, name, n) != 0) continue;
        TRY(prepare(c, find_family(p->arch), CVT_CONFIG_TIMM, arena, error));
        return read_timm(c, p, root, origin, error);
    }
    return unknown("architecture", &nearest, origin, error);
}

cvt_status cvt_config_open(cvt_config *out, const cvt_json *root, const char *origin, cvt_arena *arena,
                           cvt_error *error) {
    if (cvt_json_kind_of(root) != CVT_JSON_OBJECT) return cvt_fail(error, CVT_CONFIG, "%s: must be an object", origin);
    if (cvt_json_get(root, "arch")) return open_native(out, root, origin, arena, error);
    const char *type = cvt_json_string(cvt_json_get(root, "model_type"));
    if (type && strcmp(type, "timm_wrapper") == 0) return open_timm(out, root, origin, arena, error);
    if (cvt_json_get(root, "model_type")) return open_hf(out, root, origin, arena, error);
    if (cvt_json_get(root, "architecture")) return open_timm(out, root, origin, arena, error);
    return cvt_fail(error, CVT_CONFIG,
                    "%s: has none of \"arch\" (native), \"model_type\" (Hugging Face), \"architecture\" (timm)",
                    origin);
}

cvt_status cvt_config_resolve(const cvt_config *config, const cvt_hints *hints, cvt_error *error) {
    const cvt_arch *arch = config->arch;
    cvt_base *base = cvt_config_base(config);
    bool hf = hints->config == CVT_CONFIG_HF && arch->hf_classes;
    if (!base->classes) base->classes = hf ? arch->hf_classes : arch->classes;
    TRY(cvt_check_required(&base->given, error));
    if (arch->resolve) TRY(arch->resolve(config->values, hints, error));
    if (base->preprocess.given) return CVT_OK;
    if (hints->config == CVT_CONFIG_HF && cvt_preprocess_guess(&base->preprocess, hints->model_type)) return CVT_OK;
    int size = arch->preprocess.size ? arch->preprocess.size : base->size[0];
    if (arch->preprocess_of) {
        base->preprocess = arch->preprocess_of(config->values, hints);
    } else if (arch->preprocess.crop_pct > 0) {
        base->preprocess = cvt_preprocess_default(arch->preprocess.kind, size, arch->preprocess.crop_pct);
        double *mean = base->preprocess.mean, *std = base->preprocess.std, all = arch->preprocess.mean_std;
        for (int i = 0; i < 3 && all > 0; i++) mean[i] = std[i] = all;
        if (arch->preprocess.floor) base->preprocess.half_even = false;
    } else if (arch->preprocess.like && cvt_preprocess_guess(&base->preprocess, arch->preprocess.like)) {
        base->preprocess.guessed = NULL;
    }
    return CVT_OK;
}
