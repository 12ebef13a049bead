/* swin.c - Swin, versions 1 and 2: attention in windows of a map, which every second block shifts by half a window.
 *
 *   map     norm(patches), then stages; a stage begins with a merging of 2 x 2 pixels, but for the first one
 *   version 1   x += attn(norm1 x); x += mlp(norm2 x);   merging: linear(norm(pixels))
 *   version 2   x += norm1(attn x); x += norm2(mlp x);   merging: norm(linear(pixels))
 *   head    linear(mean of norm x)
 *
 * The scores of version 1 are those of a ViT and a bias from a stored table. Those of version 2 are cosines and a bias
 * that a small network makes of the distances (arXiv:2103.14030, 2111.09883; microsoft/Swin-Transformer, timm's
 * swin_transformer.py and swin_transformer_v2.py, Hugging Face's swin and swinv2).
 *
 * On maps that are no multiple of a window the programs differ. timm rolls the map and then fills it up, and chooses
 * window and shift for each axis; Hugging Face fills it up and then rolls it, and chooses one window and one shift:
 * in version 1 by the shorter side of the map, in version 2 by the height that image_size says. */
#include <math.h>
#include <string.h>

#include "arch/act_names.h"
#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/resolve.h"

static const float eps = 1e-5f; /* of the norms in the embedding and in merging */

enum { TIMM, HF }; /* variant; Microsoft's is timm's, for the sizes that it takes */
static const char *const variants[] = {"timm", "hf", NULL}, *const pools[] = {"avg", NULL};

typedef struct window_sizes {
    int n, v[CVT_MAX_LIST][2]; /* n is 1 where one stands for all stages */
} window_sizes;

typedef struct config {
    cvt_base base;
    int version, variant;
    int image_size[2], patch_size[2];
    int dim; /* channels of the first stage */
    cvt_ints depths, heads, pretrained;
    window_sizes window;
    double mlp_ratio, eps;
    int activation, pool;
    bool qkv_bias, absolute, always_partition, dynamic, strict;
} config;

/* One number, a height and a width, or an entry a stage, each of these forms. */
static cvt_status read_windows(void *field, const cvt_json *value, cvt_error *error) {
    window_sizes *to = field;
    static const cvt_key size = {.name = "", .type = CVT_KEY_SIZE, .min = 1, .max = 1024};
    bool list = cvt_json_kind_of(value) == CVT_JSON_ARRAY;
    size_t n = list ? cvt_json_size(value) : 0;
    if (!list || (n == 2 && cvt_json_kind_of(cvt_json_first(value)) != CVT_JSON_ARRAY)) {
        to->n = 1;
        return cvt_config_read_value(to->v[0], &size, value, error);
    }
    TRY(cvt_config_check_list(value, "a list of windows", 1, CVT_MAX_LIST, error));
    const cvt_json *entry = cvt_json_first(value);
    for (to->n = 0; to->n < (int)n; entry = cvt_json_next(entry), to->n++)
        TRY(cvt_config_read_value(to->v[to->n], &size, entry, error));
    return CVT_OK;
}

#define KEYS_OF config
static const cvt_key keys[] = {
    INT("version", version, 1, 2, NULL, "1 or 2; default: 1, for Hugging Face as model_type says"),
    CHOICE("variant", variant, variants, NULL, "default: as the names of the weights tell, else timm"),
    SIZE("image_size", image_size, 1, 65535, NULL, "of the input; default: that of the preprocessing, else 224"),
    SAME("img_size", "image_size", CVT_CONFIG_TIMM),
    SIZE("patch_size", patch_size, 1, 256, "4", "of a patch"),
    INT("channels", base.channels, 1, 64, "3", "of the input"),
    SAME("in_chans", "channels", CVT_CONFIG_TIMM),
    SAME("num_channels", "channels", CVT_CONFIG_HF),
    INT("num_classes", base.classes, 0, 1000000, NULL, "default: as in the weights, else 1000"),
    SAME("num_labels", "num_classes", CVT_CONFIG_HF),
    INT("embed_dim", dim, 1, 65536, "96", "channels of the first stage, which double with each stage"),
    INTS("depths", depths, 1, 1000, "[2, 2, 6, 2]", "blocks of each stage"),
    INTS("num_heads", heads, 1, 4096, "[3, 6, 12, 24]", "attention heads of each stage"),
    READER("window_size", window, read_windows, "'type': ['integer', 'array']",
           "of a window: a number, a height and a width, or a list with an entry a stage; default 7"),
    INTS("pretrained_window_sizes", pretrained, 0, 1024, NULL,
         "version 2: windows of each stage that the bias was trained for; 0: these"),
    NUM("mlp_ratio", mlp_ratio, 0.001, 64, "4", "hidden channels, as a multiple of the stage's"),
    BOOL("qkv_bias", qkv_bias, "true", "bias of queries, keys (version 1) and values"),
    BOOL("use_absolute_embeddings", absolute, "false", "a table of positions is added to the patches"),
    BOOL("always_partition", always_partition, "false", "timm: windows stay larger than a map, which is filled up"),
    BOOL("dynamic_img_size", dynamic, "false", "timm: windows are those for image_size, whatever the input's size is"),
    BOOL("strict_img_size", strict, "true", "timm: false is as \"dynamic_img_size\" true"),
    CHOICE("activation", activation, cvt_act_names, "'gelu'", "of the feed-forward parts", .nullable = true),
    SAME("act_layer", "activation", CVT_CONFIG_TIMM),
    SAME("hidden_act", "activation", CVT_CONFIG_HF),
    NUM("layer_norm_eps", eps, 0, 1, "1e-5", "of the norms in the blocks and the last one"),
    CHOICE("global_pool", pool, pools, "'avg'", "how the last map becomes a vector", .nullable = true),
    CVT_OFF_KEY("head_dim"),
    CVT_OFF_KEY("norm_layer"),
    CVT_OFF_KEY("embed_layer"),
    CVT_TIMM_DROPOUT_KEYS,
    CVT_DROPOUT_KEY("proj_drop_rate"),
    CVT_DROPOUT_KEY("hidden_dropout_prob"),
    CVT_DROPOUT_KEY("attention_probs_dropout_prob"),
    {0},
};

/* ---- names of weights: {p} counts stages from -1: that of the stage before ---- */

static const cvt_name_row any_block[] = {CVT_STACKED_3("attn.", "q", "k", "v", "attn.qkv.*"),
                                         {"attn.proj.*", "attn.proj.*"},
                                         {"norm1.*", "norm1.*"},
                                         {"norm2.*", "norm2.*"},
                                         {"mlp.*", "mlp.*"},
                                         {NULL, NULL}};
static const cvt_name_row v1_block[] = {{"attn.relative_position_bias_table", "attn.relative_position_bias_table"},
                                        {"*", "*", .rows = any_block},
                                        {NULL, NULL}};
static const cvt_name_row v2_block[] = {{"attn.q.bias", "attn.q_bias"},
                                        {"attn.v.bias", "attn.v_bias"},
                                        {"attn.logit_scale", "attn.logit_scale"},
                                        {"attn.cpb.fc1.*", "attn.cpb_mlp.0.*"},
                                        {"attn.cpb.fc2.*", "attn.cpb_mlp.2.*"},
                                        {NULL, "attn.k_bias"},
                                        {"*", "*", .rows = any_block},
                                        {NULL, NULL}};
/* Microsoft merges at the end of a stage, timm at the start of the next: this tells files without a head apart. */
static const cvt_name_row timm_rest[] = {{"embed.*", "patch_embed.*"},
                                         {"stage{i}.downsample.*", "layers.{+i}.downsample.*"},
                                         {"norm.*", "norm.*"},
                                         {"head.*", "head.fc.*"},
                                         {NULL, NULL}};
static const cvt_name_row microsoft_rest[] = {{"embed.*", "patch_embed.*"},
                                              {"pos_embed", "absolute_pos_embed"},
                                              {"stage{i}.downsample.*", "layers.{p}.downsample.*"},
                                              {"norm.*", "norm.*"},
                                              {"head.weight", "head.weight"},
                                              {"head.bias", "head.bias"},
                                              {NULL, NULL}};
#define NAMES(table, block, rest)         \
    static const cvt_name_row table[] = { \
        {"stage{i}.block{j}.*", "layers.{i}.blocks.{j}.*", .rows = block}, {"*", "*", .rows = rest}, {NULL, NULL}}
NAMES(timm, v1_block, timm_rest);
NAMES(timm_v2, v2_block, timm_rest);
NAMES(microsoft, v1_block, microsoft_rest);
NAMES(microsoft_v2, v2_block, microsoft_rest);

static const cvt_name_row hf_attention[] = {{"q.*", "query.*"},
                                            {"k.*", "key.*"},
                                            {"v.*", "value.*"},
                                            {"cpb.fc1.*", "continuous_position_bias_mlp.0.*"},
                                            {"cpb.fc2.*", "continuous_position_bias_mlp.2.*"},
                                            {"*", "*"}, /* the table of version 1, logit_scale of version 2 */
                                            {NULL, NULL}};
static const cvt_name_row hf_block[] = {{"norm1.*", "layernorm_before.*"},
                                        {"attn.proj.*", "attention.output.dense.*"},
                                        {"attn.*", "attention.self.*", .rows = hf_attention},
                                        {"norm2.*", "layernorm_after.*"},
                                        {"mlp.fc1.*", "intermediate.dense.*"},
                                        {"mlp.fc2.*", "output.dense.*"},
                                        {NULL, NULL}};
static const cvt_name_row hf_outside[] = {{"embed.proj.*", "{}embeddings.patch_embeddings.projection.*"},
                                          {"embed.norm.*", "{}embeddings.norm.*"},
                                          {"pos_embed", "{}embeddings.position_embeddings"},
                                          {"stage{i}.downsample.*", "{}encoder.layers.{p}.downsample.*"},
                                          {"norm.*", "{}layernorm.*"},
                                          {"head.*", "classifier.*"},
                                          {NULL, "{}embeddings.mask_token"},
                                          {NULL, "decoder.*"},
                                          {NULL, NULL}};
static const cvt_name_row hf[] = {{"stage{i}.block{j}.*", "{}encoder.layers.{i}.blocks.{j}.*", .rows = hf_block},
                                  {"*", "*", .rows = hf_outside},
                                  {NULL, NULL}};

/* The names that transformers 5 has in memory for version 1, which torch.save writes. */
static const cvt_name_row hf5_block[] = {
    {"norm1.*", "layernorm_before.*"},
    {"attn.q.*", "attention.q_proj.*"},
    {"attn.k.*", "attention.k_proj.*"},
    {"attn.v.*", "attention.v_proj.*"},
    {"attn.proj.*", "attention.o_proj.*"},
    {"attn.relative_position_bias_table", "attention.relative_position_bias.relative_position_bias_table"},
    {"norm2.*", "layernorm_after.*"},
    {"mlp.*", "mlp.*"},
    {NULL, NULL}};
static const cvt_name_row hf5[] = {{"stage{i}.block{j}.*", "{}encoder.layers.{i}.blocks.{j}.*", .rows = hf5_block},
                                   {"*", "*", .rows = hf_outside},
                                   {NULL, NULL}};

/* In the file of a bare model {} is nothing. */
static const cvt_dialect dialects[] = {{"native"},
                                       {"timm", timm},
                                       {"timm_v2", timm_v2},
                                       {"microsoft", microsoft},
                                       {"microsoft_v2", microsoft_v2},
                                       {"hf", hf, "swin."},
                                       {"hf_v2", hf, "swinv2."},
                                       {"hf_bare", hf, ""},
                                       {"hf5", hf5, "swin."},
                                       {"hf5_bare", hf5, ""},
                                       {NULL}};

/* ---- config ---- */

static bool from_hf(const cvt_hints *hints) {
    return hints->config == CVT_CONFIG_HF || (hints->origin && strncmp(hints->origin->name, "hf", 2) == 0);
}

static bool is_v2(const cvt_hints *hints) {
    const char *name = hints->origin ? hints->origin->name : "";
    if (hints->model_type) return strcmp(hints->model_type, "swinv2") == 0;
    return strlen(name) > 3 && strcmp(name + strlen(name) - 3, "_v2") == 0;
}

static cvt_status resolve_stages(config *c, cvt_error *error) {
    const char *depths = NAMED(c, depths), *heads = NAMED(c, heads);
    if (!c->window.n) c->window = (window_sizes){1, {{7, 7}}};
    if (c->heads.n != c->depths.n)
        return cvt_fail(error, CVT_CONFIG, "\"%s\" has %d entries, \"%s\" has %d: one a stage", heads, c->heads.n,
                        depths, c->depths.n);
    if (c->window.n > 1 && c->window.n != c->depths.n)
        return cvt_fail(error, CVT_CONFIG, "\"window_size\" has %d entries, \"%s\" has %d: one a stage", c->window.n,
                        depths, c->depths.n);
    if (c->pretrained.n && c->pretrained.n < c->depths.n)
        return cvt_fail(error, CVT_CONFIG, "\"pretrained_window_sizes\" has %d entries, \"%s\" has %d: one a stage",
                        c->pretrained.n, depths, c->depths.n);
    for (int i = 0, dim = c->dim; i < c->depths.n; i++, dim *= 2) {
        if (dim > 1 << 20) return cvt_fail(error, CVT_CONFIG, "\"embed_dim\" is too large for so many stages");
        if (dim % c->heads.v[i])
            return cvt_fail(error, CVT_CONFIG, "\"%s\"[%d] = %d does not divide the %d channels of the stage", heads, i,
                            c->heads.v[i], dim);
        TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio, (int)(dim * c->mlp_ratio), -1, error));
    }
    return CVT_OK;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    const char *class = hints->class_name;
    if (!GIVEN(c, version)) c->version = is_v2(hints) ? 2 : 1;
    if (!GIVEN(c, variant)) c->variant = from_hf(hints) ? HF : TIMM;
    if (class && (strcmp(class, "SwinModel") == 0 || strcmp(class, "Swinv2Model") == 0)) c->base.headless = true;
    if (c->base.headless) c->base.classes = 0;
    TRY(resolve_stages(c, error));
    if (hints->config != CVT_CONFIG_HF) {
        cvt_resolve_image(c->image_size, &c->base, 224);
        return CVT_OK;
    }
    for (int i = 0; i < 2; i++)
        if (!c->image_size[i]) c->image_size[i] = 224;
    cvt_resolve_input(&c->base, c->image_size); /* the image processor may make another size */
    return CVT_OK;
}

/* ---- the forward pass ---- */

/* A map, as tokens; and the sides that its windows are chosen by, which timm's and Hugging Face's fixed ones take from
 * image_size, not from the input. */
typedef struct stream {
    cvt_value tokens;
    int h, w, sides[2];
} stream;

/* Returns the windows of a block. */
static cvt_windows windows_of(const config *c, int i, bool shifted, const stream *s) {
    const int *wanted = c->window.v[c->window.n > 1 ? i : 0];
    int size[2], shift[2];
    for (int k = 0; k < 2; k++) {
        int side = s->sides[k];
        if (c->variant == HF && c->version == 1) side = s->h < s->w ? s->h : s->w;
        if (c->variant == HF && c->version == 2) side = s->sides[0];
        bool whole = side <= wanted[k] && !c->always_partition; /* one window holds this side of the map */
        size[k] = whole ? side : wanted[k];
        shift[k] = whole || !shifted ? 0 : wanted[k] / 2;
    }
    return (cvt_windows){size[0], size[1], shift[0], shift[1], .pad_first = c->variant == HF};
}

static cvt_value make_bias(cvt_builder *b, const config *c, int i, const cvt_windows *windows) {
    const int heads = c->heads.v[i], *wanted = c->window.v[c->window.n > 1 ? i : 0];
    if (c->version == 2) {
        int side = i < c->pretrained.n ? c->pretrained.v[i] : 0;
        cvt_continuous_bias bias = {heads, windows->h, windows->w, side ? side : windows->h, side ? side : windows->w};
        return cvtb_continuous_bias(b, "cpb", &bias);
    }
    if (c->variant == HF && (windows->h != wanted[0] || windows->w != wanted[1]))
        cvtb_fail(b, "a map of %d pixels is smaller than a window, and the biases are stored for \"window_size\" = %d",
                  windows->h, wanted[0]);
    cvt_relative_bias bias = {
        .heads = heads, .h = windows->h, .w = windows->w, .table_h = windows->h, .table_w = windows->w};
    return cvtb_relative_bias(b, "relative_position_bias_table", &bias);
}

static cvt_value attention(cvt_builder *b, const config *c, int i, bool shifted, const stream *s, cvt_value x) {
    const int dim = cvt_shape_cols(cvtb_shape(b, x)), heads = c->heads.v[i];
    const bool v2 = c->version == 2;
    const cvt_windows windows = windows_of(c, i, shifted, s);
    const int across = cvt_windows_across(&windows, s->w);
    const cvt_attention_form form = {.heads = heads,
                                     .groups = across * cvt_windows_down(&windows, s->h),
                                     .scale = v2 ? 1 : (float)(1 / sqrt(dim / heads)),
                                     .exact = v2, /* scores reach 100 */
                                     .windows = windows,
                                     .across = across,
                                     .mask = v2 && c->variant == HF ? -200 : -100}; /* Hugging Face adds it twice */
    cvtb_open(b, "attn", 0, 0, "WindowAttention");
    if (!windows.shift_h && !windows.shift_w) cvtb_grid(b, 0, s->h, s->w); /* of the keys, if there is one window */
    cvt_value bias = make_bias(b, c, i, &windows);
    x = cvtb_windows(b, cvtb_map(b, x, s->h, s->w), &windows);
    cvt_value q = cvtb_linear(b, x, "q", dim, c->qkv_bias);
    cvt_value k = cvtb_linear(b, x, "k", dim, c->qkv_bias && !v2);
    cvt_value v = cvtb_linear(b, x, "v", dim, c->qkv_bias);
    if (v2) {
        q = cvtb_unit_rows(b, q, heads, "logit_scale");
        k = cvtb_unit_rows(b, k, heads, NULL);
    }
    x = cvtb_attention_bias(b, q, k, v, bias, &form);
    x = cvtb_tokens(b, cvtb_join_windows(b, x, &windows, s->h, s->w));
    return cvtb_end(b, cvtb_linear(b, x, "proj", dim, true));
}

static cvt_value block(cvt_builder *b, const config *c, int i, int j, const stream *s) {
    const float norm_eps = (float)c->eps;
    const int hidden = (int)(cvt_shape_cols(cvtb_shape(b, s->tokens)) * c->mlp_ratio);
    const cvt_act act = cvt_acts_named[c->activation];
    cvt_value x = s->tokens;
    cvtb_open(b, "block{j}", 'j', j, "SwinTransformerBlock");
    if (c->version == 2) {
        x = cvtb_add(b, x, cvtb_layer_norm(b, attention(b, c, i, j % 2, s, x), "norm1", norm_eps));
        x = cvtb_add(b, x, cvtb_layer_norm(b, cvtb_mlp(b, x, hidden, act, true), "norm2", norm_eps));
    } else {
        x = cvtb_add(b, x, attention(b, c, i, j % 2, s, cvtb_layer_norm(b, x, "norm1", norm_eps)));
        x = cvtb_add(b, x, cvtb_mlp(b, cvtb_layer_norm(b, x, "norm2", norm_eps), hidden, act, true));
    }
    return cvtb_end(b, x);
}

/* Makes a pixel of each 2 x 2, whose channels are those of (0, 0), (1, 0), (0, 1), (1, 1), row and column. */
static void merge(cvt_builder *b, const config *c, stream *s) {
    static const cvt_windows pixels = {.h = 2, .w = 2, .columns_first = true};
    const int dim = cvt_shape_cols(cvtb_shape(b, s->tokens));
    cvt_value x = cvtb_regroup(b, cvtb_windows(b, cvtb_map(b, s->tokens, s->h, s->w), &pixels), 4 * dim);
    cvtb_open(b, "downsample", 0, 0, "PatchMerging");
    if (c->version == 1) x = cvtb_layer_norm(b, x, "norm", eps);
    x = cvtb_linear(b, x, "reduction", 2 * dim, false);
    if (c->version == 2) x = cvtb_layer_norm(b, x, "norm", eps);
    s->tokens = cvtb_end(b, x);
    s->h = cvt_windows_down(&pixels, s->h);
    s->w = cvt_windows_across(&pixels, s->w);
    for (int k = 0; k < 2; k++) s->sides[k] = c->variant == HF ? s->sides[k] / 2 : (s->sides[k] + 1) / 2;
}

/* Returns the map after the stage. */
static cvt_value stage(cvt_builder *b, const config *c, int i, stream *s) {
    cvtb_open(b, "stage{i}", 'i', i, "SwinTransformerStage");
    cvtb_index(b, 'p', i - 1);
    if (i) merge(b, c, s);
    if (!c->dynamic && c->strict && c->variant == TIMM) s->sides[0] = s->h, s->sides[1] = s->w;
    if (s->sides[0] < 1 || s->sides[1] < 1) cvtb_fail(b, "\"image_size\" is too small for so many stages");
    for (int j = 0; j < c->depths.v[i] && !cvtb_failed(b); j++) s->tokens = block(b, c, i, j, s);
    return cvtb_end(b, cvtb_map(b, s->tokens, s->h, s->w));
}

/* The patches as a map. Hugging Face fills up the last ones with zeros. */
static cvt_value embed(cvt_builder *b, const config *c, stream *s, cvt_value image) {
    const int *patch = c->patch_size, *size = c->base.size;
    cvt_conv conv = {
        .out = c->dim, .kh = patch[0], .kw = patch[1], .stride_h = patch[0], .stride_w = patch[1], .bias = true};
    if (c->variant == TIMM) cvtb_check_patches(b, "patch_size", patch, size);
    conv.pad_bottom = (patch[0] - size[0] % patch[0]) % patch[0];
    conv.pad_right = (patch[1] - size[1] % patch[1]) % patch[1];
    for (int k = 0; k < 2; k++) s->sides[k] = c->image_size[k] / patch[k];
    cvt_value map = cvtb_conv_embed(b, image, &conv, eps, "PatchEmbed");
    s->h = cvtb_shape(b, map).d[1];
    s->w = cvtb_shape(b, map).d[2];
    cvt_value x = cvtb_tokens(b, map);
    if (!c->absolute) return x;
    if (s->h != s->sides[0] || s->w != s->sides[1])
        cvtb_fail(b, "\"use_absolute_embeddings\" is true: its table is for \"image_size\" = %d x %d alone",
                  c->image_size[0], c->image_size[1]);
    return cvtb_add_positions(b, x, 0, s->sides, s->sides, CVT_INTERPOLATE_NONE);
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    stream s;
    s.tokens = embed(b, c, &s, cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]));
    cvt_value x = CVT_NO_VALUE;
    for (int i = 0; i < c->depths.n && !cvtb_failed(b); i++) x = stage(b, c, i, &s);
    x = cvtb_tokens(b, cvtb_layer_norm(b, x, "norm", (float)c->eps));
    x = cvtb_mean(b, cvtb_tap(b, x, "norm"));
    return cvtb_classify(b, x, c->base.classes);
}

const cvt_arch cvt_arch_swin = {
    .name = "swin",
    .about = "Swin, versions 1 and 2 (microsoft/Swin-Transformer, timm, Hugging Face swin and swinv2)",
    .traits = {"relative bias", "non-overlapping", "linear", "yes"},
    .config_size = sizeof(config),
    .keys = keys,
    .hf_types = (const char *const[]){"swin", "swinv2", NULL},
    .classes = 1000,
    .hf_classes = 2,
    .preprocess = {CVT_PREPROCESS_CENTER, 0, 0.9},
    .dialects = dialects,
    .classifier = "head.weight",
    .headless = true,
    .resolve = resolve,
    .build = build,
};
