/* preprocess.c - how an image becomes the model's input, as checkpoints write it. Defaults of the Hugging Face classes:
 * transformers 5.23. */
#include "arch/preprocess.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "arch/config.h"
#include "base/num.h"

static const double imagenet_mean[3] = {0.485, 0.456, 0.406}, imagenet_std[3] = {0.229, 0.224, 0.225},
                    half[3] = {0.5, 0.5, 0.5}, clip_mean[3] = {0.48145466, 0.4578275, 0.40821073},
                    clip_std[3] = {0.26862954, 0.26130258, 0.27577711};

static void set_norm(cvt_preprocess_spec *spec, const double *mean, const double *std) {
    memcpy(spec->mean, mean, sizeof spec->mean);
    memcpy(spec->std, std, sizeof spec->std);
}

cvt_preprocess_spec cvt_preprocess_default(cvt_preprocess_kind kind, int size, double crop_pct) {
    cvt_preprocess_spec s = {.kind = kind,
                             .size = {size, size},
                             .crop_pct = crop_pct,
                             .filter = CVT_FILTER_BICUBIC,
                             .half_even = true,
                             .do_resize = true,
                             .do_crop = true,
                             .do_rescale = true,
                             .do_normalize = true,
                             .rescale_factor = 1 / 255.0};
    set_norm(&s, imagenet_mean, imagenet_std);
    return s;
}

/* ---- fields that both dialects write in several ways ---- */

enum { MAX_EDGE = 65535 };

static cvt_status read_edge(int *out, const cvt_json *value, cvt_error *error) {
    int64_t i;
    if (!cvt_json_integer(value, &i) || i < 1 || i > MAX_EDGE)
        return cvt_fail(error, CVT_CONFIG, "must be a whole number from 1 to %d", (int)MAX_EDGE);
    *out = (int)i;
    return CVT_OK;
}

/* 224, [224, 224], {"height": 224, "width": 224} or {"shortest_edge": 224}. */
static cvt_status read_size(void *field, const cvt_json *value, cvt_error *error) {
    int *size = field;
    if (cvt_json_kind_of(value) == CVT_JSON_OBJECT) {
        const cvt_json *shortest = cvt_json_member(value, "shortest_edge");
        const cvt_json *h = shortest ? shortest : cvt_json_get(value, "height"),
                       *w = shortest ? shortest : cvt_json_get(value, "width");
        if (!h || !w) return cvt_fail(error, CVT_CONFIG, "must have \"height\" and \"width\", or \"shortest_edge\"");
        if (shortest && cvt_json_member(value, "longest_edge"))
            return cvt_fail(error, CVT_CONFIG, "has a \"longest_edge\", which is not done here");
        TRY(read_edge(&size[0], h, error));
        return read_edge(&size[1], w, error);
    }
    if (cvt_json_kind_of(value) == CVT_JSON_ARRAY && cvt_json_size(value) == 2) {
        TRY(read_edge(&size[0], cvt_json_first(value), error));
        return read_edge(&size[1], cvt_json_next(cvt_json_first(value)), error);
    }
    TRY(read_edge(&size[0], value, error));
    size[1] = size[0];
    return CVT_OK;
}

static bool is_shortest(const cvt_json *size) {
    return cvt_json_kind_of(size) == CVT_JSON_OBJECT && cvt_json_member(size, "shortest_edge");
}

/* A number a channel, or one that stands for all. Images have 3 channels; of a model of more, which reads no images,
 * only the number of entries is kept, to be checked. */
static cvt_status read_channels(double *out, int *entries, const cvt_json *value, double min, cvt_error *error) {
    size_t n = cvt_json_kind_of(value) == CVT_JSON_ARRAY ? cvt_json_size(value) : 1;
    const cvt_json *entry = cvt_json_kind_of(value) == CVT_JSON_ARRAY ? cvt_json_first(value) : value;
    if (n < 1 || n > 64) return cvt_fail(error, CVT_CONFIG, "must be one number or a list of one a channel");
    for (size_t i = 0; i < n || i < 3; i++) {
        double number;
        if (!cvt_json_number(entry, &number)) return cvt_fail(error, CVT_CONFIG, "must be numbers");
        if (!(number > min && fabs(number) < 1e6))
            return cvt_fail(error, CVT_CONFIG, "has a value out of range: %g", number);
        if (i < 3) out[i] = number;
        if (i + 1 < n) entry = cvt_json_next(entry);
    }
    *entries = (int)n;
    return CVT_OK;
}

/* Lists have an entry a channel; of a model of other channels than an image's 3, whose program may have left 3 there,
 * nothing reads them. */
static cvt_status check_entries(const cvt_preprocess_spec *spec, int channels, const char *mean, const char *std,
                                const char *origin, cvt_error *error) {
    for (int i = 0; i < 2; i++) {
        int n = spec->entries[i];
        if (n <= 1 || n == 3 || n == channels) continue;
        return cvt_fail(error, CVT_CONFIG, "%s: \"%s\" has %d entries, must be one number or a list of %d", origin,
                        i ? std : mean, n, channels);
    }
    return CVT_OK;
}

static cvt_status read_mean(void *field, const cvt_json *value, cvt_error *error) {
    cvt_preprocess_spec *spec = field;
    return read_channels(spec->mean, &spec->entries[0], value, -1e6, error);
}
static cvt_status read_std(void *field, const cvt_json *value, cvt_error *error) {
    cvt_preprocess_spec *spec = field;
    return read_channels(spec->std, &spec->entries[1], value, 0, error);
}

/* ---- Hugging Face ---- */

/* Pillow's filters: their place is their number. */
static const struct {
    const char *name;
    cvt_filter filter;
} pil_filters[] = {{"nearest", CVT_FILTER_NEAREST}, {"lanczos", CVT_FILTER_LANCZOS}, {"bilinear", CVT_FILTER_BILINEAR},
                   {"bicubic", CVT_FILTER_BICUBIC}, {"box", CVT_FILTER_BOX},         {"hamming", CVT_FILTER_HAMMING}};

/* Its number, or its name: "bicubic", "BICUBIC", "PIL.Image.BICUBIC". */
static cvt_status read_resample(void *field, const cvt_json *value, cvt_error *error) {
    const int n = (int)(sizeof pil_filters / sizeof pil_filters[0]);
    const char *text = cvt_json_string(value), *dot = text ? strrchr(text, '.') : NULL;
    int64_t i;
    if (text) {
        for (i = 0; i < n && strcasecmp(pil_filters[i].name, dot ? dot + 1 : text) != 0;) i++;
    } else if (!cvt_json_integer(value, &i)) {
        i = -1;
    }
    if (i < 0 || i >= n)
        return cvt_fail(error, CVT_CONFIG,
                        "must be a Pillow filter, by its number from 0 to 5 or as nearest, lanczos, bilinear, bicubic, "
                        "box, hamming");
    *(int *)field = (int)pil_filters[i].filter;
    return CVT_OK;
}

/* Both dialects take null for absent. */
#define AT(field) offsetof(cvt_preprocess_spec, field)
#define READER(key, at, reader) \
    { .name = key, .type = CVT_KEY_READER, .nullable = true, .offset = at, .read = reader }
#define SWITCH(key, at) \
    { .name = key, .type = CVT_KEY_BOOL, .nullable = true, .offset = at }
#define NUMBER(key, at, low, high) \
    { .name = key, .type = CVT_KEY_NUMBER, .nullable = true, .offset = at, .min = low, .max = high }
static const cvt_key hf_keys[] = {
    READER("size", AT(size), read_size),
    NUMBER("crop_pct", AT(crop_pct), 0.01, 100),
    READER("resample", AT(filter), read_resample),
    SWITCH("do_resize", AT(do_resize)),
    SWITCH("do_center_crop", AT(do_crop)),
    SWITCH("do_rescale", AT(do_rescale)),
    NUMBER("rescale_factor", AT(rescale_factor), 1e-9, 1e3),
    SWITCH("do_normalize", AT(do_normalize)),
    READER("image_mean", 0, read_mean),
    READER("image_std", 0, read_std),
    {0},
};
/* of EfficientNet alone */
static const cvt_key hf_efficientnet_keys[] = {
    SWITCH("rescale_offset", AT(minus_one)),
    SWITCH("include_top", AT(divide_again)),
    {0},
};
static const cvt_key hf_crop_keys[] = {
    READER("crop_size", AT(size), read_size),
    {0},
};
static const cvt_key hf_resize_keys[] = {
    READER("size", AT(resize), read_size),
    {0},
};

/* An image processor of transformers, and what it does where a file does not say it. */
typedef struct processor {
    const char *name;
    cvt_preprocess_kind kind;
    int size, resize; /* of the tensor; what images are resized to where they are cropped then */
    cvt_filter filter;
    const double *mean, *std;
    bool shortest;     /* a number for "size" is the shortest edge */
    bool no_crop;      /* it crops only where the file says so */
    bool levit;        /* the shortest edge becomes 256/224 of what is said */
    bool efficientnet; /* it has further keys */
} processor;

static const processor processors[] = {
    {"ConvNext", CVT_PREPROCESS_CONVNEXT, 384, 0, CVT_FILTER_BICUBIC, half, half},
    {"ViT", CVT_PREPROCESS_SQUASH, 224, 0, CVT_FILTER_BILINEAR, half, half},
    {"DeiT", CVT_PREPROCESS_SQUASH_CROP, 224, 256, CVT_FILTER_BICUBIC, half, half},
    {"Pvt", CVT_PREPROCESS_SQUASH, 224, 0, CVT_FILTER_BICUBIC, imagenet_mean, imagenet_std},
    {"Bit", CVT_PREPROCESS_SQUASH_CROP, 224, 224, CVT_FILTER_BICUBIC, clip_mean, clip_std, .shortest = true},
    {"CLIP", CVT_PREPROCESS_SQUASH_CROP, 224, 224, CVT_FILTER_BICUBIC, clip_mean, clip_std, .shortest = true},
    {"ChineseCLIP", CVT_PREPROCESS_SQUASH_CROP, 224, 224, CVT_FILTER_BICUBIC, clip_mean, clip_std, .shortest = true},
    {"Siglip", CVT_PREPROCESS_SQUASH, 224, 0, CVT_FILTER_BICUBIC, half, half, .shortest = true},
    {"Blip", CVT_PREPROCESS_SQUASH, 384, 0, CVT_FILTER_BICUBIC, clip_mean, clip_std},
    {"Beit", CVT_PREPROCESS_SQUASH_CROP, 224, 224, CVT_FILTER_BICUBIC, half, half, .no_crop = true},
    {"EfficientNet", CVT_PREPROCESS_SQUASH_CROP, 289, 346, CVT_FILTER_BICUBIC, half, half, .no_crop = true,
     .efficientnet = true},
    {"Levit", CVT_PREPROCESS_SQUASH_CROP, 224, 224, CVT_FILTER_BICUBIC, imagenet_mean, imagenet_std, .shortest = true,
     .levit = true},
    {"MobileNetV1", CVT_PREPROCESS_SQUASH_CROP, 224, 256, CVT_FILTER_BILINEAR, half, half, .shortest = true},
    {"MobileNetV2", CVT_PREPROCESS_SQUASH_CROP, 224, 256, CVT_FILTER_BILINEAR, half, half, .shortest = true},
};

/* The class that goes with a model_type. Of those marked "none" transformers does not say one. */
/* clang-format off */
static const struct {
    const char *model_type, *named;
} usual[] = {
    {"cvt", "ConvNextImageProcessor"},
    {"vit", "ViTImageProcessor"},
    {"vit_msn", "ViTImageProcessor"},
    {"deit", "DeiTImageProcessor"},
    {"pvt", "PvtImageProcessor"},
    {"pvt_v2", "PvtImageProcessor"},
    {"dinov2", "BitImageProcessor"},
    {"dinov2_with_registers", "BitImageProcessor"}, /* none */
    {"clip", "CLIPImageProcessor"},
    {"clip_vision_model", "CLIPImageProcessor"}, /* none */
    {"siglip", "SiglipImageProcessor"},
    {"siglip_vision_model", "SiglipImageProcessor"}, /* none */
    {"beit", "BeitImageProcessor"},
    {"swin", "ViTImageProcessor"},
    {"swinv2", "ViTImageProcessor"},
    {"resnet", "ConvNextImageProcessor"},
    {"convnext", "ConvNextImageProcessor"},
    {"convnextv2", "ConvNextImageProcessor"},
    {"levit", "LevitImageProcessor"},
    {"efficientnet", "EfficientNetImageProcessor"},
};
/* clang-format on */

/* "ConvNextImageProcessorFast" is "ConvNext" followed by one of the endings that all mean the same class. */
static bool is_processor(const char *text, const char *name) {
    static const char *const endings[] = {"ImageProcessor", "ImageProcessorFast", "ImageProcessorPil",
                                          "FeatureExtractor"};
    size_t n = strlen(name);
    if (strncmp(text, name, n) != 0) return false;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (strcmp(text + n, endings[i]) == 0) return true;
    return false;
}

static bool is_on(const cvt_json *object, const char *key) {
    bool on = false;
    return cvt_json_bool(cvt_json_get(object, key), &on) && on;
}

static bool wants_crop(const cvt_json *object) { return is_on(object, "do_center_crop"); }

static const processor *find_class(const char *named) {
    for (size_t i = 0; named && i < sizeof processors / sizeof processors[0]; i++)
        if (is_processor(named, processors[i].name)) return &processors[i];
    return NULL;
}

static const char *usual_class(const char *model_type) {
    for (size_t i = 0; model_type && i < sizeof usual / sizeof usual[0]; i++)
        if (strcmp(model_type, usual[i].model_type) == 0) return usual[i].named;
    return NULL;
}

static const processor *find_processor(const cvt_json *object, const char *model_type, const char **named) {
    *named = cvt_json_string(cvt_json_get(object, "image_processor_type"));
    if (!*named) *named = cvt_json_string(cvt_json_get(object, "feature_extractor_type"));
    return find_class(*named ? *named : usual_class(model_type));
}

static cvt_preprocess_spec defaults_of(const processor *p) {
    cvt_preprocess_spec spec = cvt_preprocess_default(p->kind, p->size, 0.875);
    spec.half_even = false;
    spec.filter = (int)p->filter;
    spec.resize[0] = spec.resize[1] = p->resize ? p->resize : p->size;
    spec.shortest = p->shortest && p->kind == CVT_PREPROCESS_SQUASH_CROP;
    spec.do_crop = !p->no_crop;
    spec.divide_again = p->efficientnet;
    set_norm(&spec, p->mean, p->std);
    return spec;
}

/* What is settled when all keys are read. */
static void settle(cvt_preprocess_spec *spec, const processor *p) {
    for (int i = 0; p->levit && spec->shortest && i < 2; i++) spec->resize[i] = (int)(256.0 / 224 * spec->resize[i]);
    if (spec->kind != CVT_PREPROCESS_SQUASH_CROP || spec->do_crop) return;
    spec->kind = CVT_PREPROCESS_SQUASH;
    memcpy(spec->size, spec->resize, sizeof spec->size);
}

bool cvt_preprocess_guess(cvt_preprocess_spec *spec, const char *model_type) {
    const char *named = usual_class(model_type);
    const processor *p = find_class(named);
    if (!p) return false;
    *spec = defaults_of(p);
    settle(spec, p);
    if (p->kind == CVT_PREPROCESS_CONVNEXT) spec->size[0] = spec->size[1] = 0; /* it follows that of the model */
    spec->guessed = named;
    return true;
}

/* Switches that would leave images of many sizes, or ask for what is not done here. */
static cvt_status check_switches(const cvt_preprocess_spec *spec, const cvt_json *object, bool crops,
                                 const char *origin, cvt_error *error) {
    if (!spec->do_resize && !(crops && spec->do_crop))
        return cvt_fail(error, CVT_CONFIG, "%s: \"do_resize\" is false, but the model reads images of one size",
                        origin);
    if (!crops && wants_crop(object))
        return cvt_fail(error, CVT_CONFIG, "%s: \"do_center_crop\" is true, which is not done for this processor",
                        origin);
    if (is_on(object, "do_pad") && cvt_json_member(object, "pad_size"))
        return cvt_fail(error, CVT_CONFIG, "%s: \"do_pad\" is true, which is not done here", origin);
    return CVT_OK;
}

cvt_status cvt_preprocess_read_hf(cvt_preprocess_spec *spec, const cvt_json *object, const char *model_type,
                                  int channels, const char *origin, cvt_error *error) {
    const char *named;
    const processor *p = find_processor(object, model_type, &named);
    if (!p && named)
        return cvt_fail(error, CVT_CONFIG, "%s: \"image_processor_type\" is \"%s\", which is not known here", origin,
                        named);
    if (!p) return cvt_fail(error, CVT_CONFIG, "%s: names no \"image_processor_type\"", origin);
    *spec = defaults_of(p);
    spec->given = true;
    const cvt_json *size = cvt_json_member(object, "size");
    bool added = p->kind == CVT_PREPROCESS_SQUASH && wants_crop(object); /* any of these classes crops where told to */
    if (added && !cvt_json_member(object, "crop_size"))
        return cvt_fail(error, CVT_CONFIG, "%s: \"do_center_crop\" is true, but there is no \"crop_size\"", origin);
    if (added) spec->kind = CVT_PREPROCESS_SQUASH_CROP;
    if (size && p->kind != CVT_PREPROCESS_CONVNEXT)
        spec->shortest = cvt_json_kind_of(size) == CVT_JSON_NUMBER ? p->shortest : is_shortest(size);
    const bool crops = spec->kind == CVT_PREPROCESS_SQUASH_CROP; /* "size" is before the crop then, "crop_size" after */
    static const char *const size_key[] = {"size", NULL};
    cvt_reading how = {.keys = hf_keys, .except = crops ? size_key : NULL, .origin = origin};
    TRY(cvt_config_read(spec, &how, object, error));
    how.except = NULL;
    how.keys = hf_efficientnet_keys;
    if (p->efficientnet) TRY(cvt_config_read(spec, &how, object, error));
    TRY(check_entries(spec, channels, "image_mean", "image_std", origin, error));
    TRY(check_switches(spec, object, crops, origin, error));
    how.keys = hf_resize_keys;
    if (crops) TRY(cvt_config_read(spec, &how, object, error));
    how.keys = hf_crop_keys;
    if (crops) TRY(cvt_config_read(spec, &how, object, error));
    settle(spec, p);
    return CVT_OK;
}

/* ---- timm ---- */

static const char *const crop_modes[] = {"center", "squash", "border", "windows", NULL};
static const cvt_preprocess_kind crop_kinds[] = {CVT_PREPROCESS_CENTER, CVT_PREPROCESS_TIMM_SQUASH,
                                                 CVT_PREPROCESS_BORDER, CVT_PREPROCESS_WINDOWS};
static const char *const interpolations[] = {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos", NULL};
static const char *const roundings[] = {"floor", "half_even", NULL};

/* The place of the text among words that end with NULL; -1 for any other value. */
static int find_word(const char *const *words, const cvt_json *value) {
    const char *text = cvt_json_string(value);
    for (int i = 0; text && words[i]; i++)
        if (strcmp(text, words[i]) == 0) return i;
    return -1;
}

static cvt_status read_crop_mode(void *field, const cvt_json *value, cvt_error *error) {
    const int i = find_word(crop_modes, value);
    if (i < 0) return cvt_fail(error, CVT_CONFIG, "must be \"center\", \"squash\", \"border\" or \"windows\"");
    *(cvt_preprocess_kind *)field = crop_kinds[i];
    return CVT_OK;
}

/* [channels, height, width]. */
static cvt_status read_input_size(void *field, const cvt_json *value, cvt_error *error) {
    int *size = field;
    if (cvt_json_kind_of(value) != CVT_JSON_ARRAY || cvt_json_size(value) != 3)
        return cvt_fail(error, CVT_CONFIG, "must be [channels, height, width]");
    const cvt_json *channels = cvt_json_first(value), *h = cvt_json_next(channels);
    TRY(read_edge(&size[0], channels, error)); /* checked only: the config has its own number of channels */
    TRY(read_edge(&size[0], h, error));
    return read_edge(&size[1], cvt_json_next(h), error);
}

static cvt_status read_rounding(void *field, const cvt_json *value, cvt_error *error) {
    const int i = find_word(roundings, value);
    if (i < 0) return cvt_fail(error, CVT_CONFIG, "must be \"floor\" or \"half_even\"");
    *(bool *)field = i == 1;
    return CVT_OK;
}

static const cvt_key timm_keys[] = {
    READER("input_size", AT(size), read_input_size),
    NUMBER("crop_pct", AT(crop_pct), 0.01, 100),
    READER("crop_mode", AT(kind), read_crop_mode),
    READER("crop_rounding", AT(half_even), read_rounding),
    {.name = "interpolation",
     .type = CVT_KEY_CHOICE,
     .nullable = true,
     .offset = AT(filter),
     .choices = interpolations},
    READER("mean", 0, read_mean),
    READER("std", 0, read_std),
    {0},
};

cvt_status cvt_preprocess_read_timm(cvt_preprocess_spec *spec, const cvt_json *object, int channels, bool strict,
                                    const char *origin, cvt_error *error) {
    *spec = cvt_preprocess_default(CVT_PREPROCESS_CENTER, 0, 0.875);
    spec->given = true;
    TRY(cvt_config_read(spec, &(cvt_reading){.keys = timm_keys, .strict = strict, .origin = origin}, object, error));
    return check_entries(spec, channels, "mean", "std", origin, error);
}

/* ---- any of them ---- */

static bool has_one_of(const cvt_json *object, const char *const *keys) {
    for (; *keys; keys++)
        if (cvt_json_member(object, *keys)) return true;
    return false;
}

bool cvt_preprocess_has_timm(const cvt_json *object) {
    static const char *const keys[] = {"input_size", "interpolation", "crop_pct", "crop_mode", "mean", "std", NULL};
    return has_one_of(object, keys);
}

cvt_status cvt_preprocess_read(cvt_preprocess_spec *spec, const cvt_json *object, const char *model_type, int channels,
                               const char *origin, cvt_error *error) {
    static const char *const hf[] = {"image_processor_type",
                                     "feature_extractor_type",
                                     "image_mean",
                                     "image_std",
                                     "do_resize",
                                     "do_normalize",
                                     "resample",
                                     "size",
                                     NULL};
    if (cvt_json_kind_of(object) != CVT_JSON_OBJECT)
        return cvt_fail(error, CVT_CONFIG, "%s: must be an object", origin);
    const cvt_json *inner = cvt_json_member(object, "image_processor");
    if (cvt_json_kind_of(inner) == CVT_JSON_OBJECT) object = inner;
    inner = cvt_json_member(object, "pretrained_cfg");
    if (inner) return cvt_preprocess_read_timm(spec, inner, channels, false, origin, error);
    inner = cvt_json_member(object, "preprocess");
    if (inner) return cvt_preprocess_read_timm(spec, inner, channels, true, origin, error);
    if (!has_one_of(object, hf) && cvt_preprocess_has_timm(object))
        return cvt_preprocess_read_timm(spec, object, channels, false, origin, error);
    return cvt_preprocess_read_hf(spec, object, model_type, channels, origin, error);
}

/* ---- for one input size ---- */

static void set_resize(cvt_preprocess *r, cvt_resize how, int height, int width) {
    r->resize = how;
    r->resize_height = height;
    r->resize_width = width;
}

/* Around an image is the mean, which becomes about 0. */
static void set_fill(cvt_preprocess *r, const cvt_preprocess_spec *spec) {
    for (int i = 0; i < 3; i++) r->fill[i] = (uint8_t)fmin(255, fmax(0, nearbyint(255 * spec->mean[i])));
}

cvt_status cvt_preprocess_resolve(cvt_preprocess *out, const cvt_preprocess_spec *spec, int height, int width,
                                  int channels, cvt_error *error) {
    if (channels != 1 && channels != 3)
        return cvt_fail(error, CVT_UNSUPPORTED, "a model of %d channels reads no images", channels);
    cvt_preprocess r = {.filter = (cvt_filter)spec->filter,
                        .crop_half_even = spec->half_even,
                        .channels = channels,
                        .rescale = spec->do_rescale,
                        .rescale_factor = spec->rescale_factor,
                        .normalize = spec->do_normalize};
    r.minus_one = spec->minus_one;
    r.divide_again = spec->divide_again;
    memcpy(r.mean, spec->mean, sizeof r.mean);
    memcpy(r.std, spec->std, sizeof r.std);
    int scaled_h = (int)((double)height / spec->crop_pct), scaled_w = (int)((double)width / spec->crop_pct);
    const cvt_resize kept = height == width ? CVT_RESIZE_SHORTEST : CVT_RESIZE_KEEP;
    bool crop = true;
    if (scaled_h < 1 || scaled_w < 1)
        return cvt_fail(error, CVT_UNSUPPORTED, "\"crop_pct\" = %g leaves nothing of %d x %d", spec->crop_pct, height,
                        width);
    switch (spec->kind) {
    case CVT_PREPROCESS_CONVNEXT:
        crop = cvt_min_int(height, width) < 384;
        set_resize(&r, crop ? kept : CVT_RESIZE_SQUASH, crop ? scaled_h : height, crop ? scaled_w : width);
        break;
    case CVT_PREPROCESS_SQUASH:
        if (spec->shortest)
            return cvt_fail(error, CVT_UNSUPPORTED,
                            "the processor's \"size\" is the \"shortest_edge\", which leaves images of many sizes");
        set_resize(&r, CVT_RESIZE_SQUASH, height, width);
        crop = false;
        break;
    case CVT_PREPROCESS_SQUASH_CROP: /* another input size keeps the file's ratio of resize to crop */
        set_resize(&r, spec->shortest ? CVT_RESIZE_SHORTEST : CVT_RESIZE_SQUASH,
                   (int)((int64_t)spec->resize[0] * height / spec->size[0]),
                   (int)((int64_t)spec->resize[1] * width / spec->size[1]));
        crop = spec->do_crop;
        break;
    case CVT_PREPROCESS_CENTER: set_resize(&r, kept, scaled_h, scaled_w); break;
    case CVT_PREPROCESS_TIMM_SQUASH: set_resize(&r, CVT_RESIZE_SQUASH, scaled_h, scaled_w); break;
    case CVT_PREPROCESS_BORDER:
        set_resize(&r, CVT_RESIZE_BORDER, scaled_h, scaled_w);
        set_fill(&r, spec);
        break;
    case CVT_PREPROCESS_WINDOWS: /* a line has no margin to crop: crop_pct does not count */
        set_resize(&r, CVT_RESIZE_HEIGHT, height, width);
        set_fill(&r, spec);
        r.windows = true;
        break;
    }
    if (!spec->do_resize) r.resize = CVT_RESIZE_NONE;
    if (crop) {
        r.crop_height = height;
        r.crop_width = width;
    }
    *out = r;
    return CVT_OK;
}
