/* dinov2.c - DINOv2 (Oquab et al. 2023, "DINOv2: Learning Robust Visual Features without Supervision"), without and
 * with registers (Darcet et al. 2023, "Vision Transformers Need Registers"), in Hugging Face's transformers
 * (models/dinov2/modeling_dinov2.py, models/dinov2_with_registers). timm's files of the same models are vit's.
 *
 *   tokens  [cls ; patches] + positions; then the registers, which have no positions: [cls ; registers ; patches]
 *   blocks  x += ls1 * attn(norm x); x += ls2 * mlp(norm x), then norm. The mlp of the largest is gated by SiLU.
 *   head    linear([class token ; mean of the patches]), or the class token without it
 *
 * The positions are resized to any input: without registers plainly, with registers antialiased. The released models
 * have positions for 518 x 518 and are run at 224 x 224 by their image processor. */
#include <string.h>

#include "arch/hf_vit.h"
#include "arch/keys.h"
#include "arch/resolve.h"

static const char *const heads[] = {"classes", "none", NULL};
static const cvt_hf_class classes[] = {{"Dinov2ForImageClassification", CVT_HF_CLASSES},
                                       {"Dinov2WithRegistersForImageClassification", CVT_HF_CLASSES},
                                       {"Dinov2Model", CVT_HF_NONE},
                                       {"Dinov2WithRegistersModel", CVT_HF_NONE},
                                       {NULL, CVT_HF_NONE}};

typedef struct config {
    cvt_base base;
    cvt_hf_vit vit;
    double mlp_ratio;
    int registers;
    bool qkv_bias, swiglu, antialias;
} config;

enum { MAX_REGISTERS = 1024 };
#define KEYS_OF config
static const cvt_key keys[] = {
    CVT_HF_VIT_KEYS(NULL, "'gelu'", "1e-6", heads),
    NUM("mlp_ratio", mlp_ratio, 0.001, 64, "4", "hidden channels of the feed-forward parts, as a multiple"),
    BOOL("use_swiglu_ffn", swiglu, "false", "the feed-forward parts are gated, two thirds as wide, by SiLU"),
    BOOL("qkv_bias", qkv_bias, "true", "queries, keys and values have biases"),
    INT("num_register_tokens", registers, 0, MAX_REGISTERS, NULL, "default: as in the weights, else 0"),
    CVT_DROPOUT_KEY("hidden_dropout_prob"),
    CVT_DROPOUT_KEY("attention_probs_dropout_prob"),
    CVT_DROPOUT_KEY("drop_path_rate"),
    {0},
};

/* ---- names of weights ---- */

/* In files, and in memory, which torch.save writes; each with the plain feed-forward part and with the gated one. */
#define LAYER_ROWS                                                                           \
    {"norm1.*", "norm1.*"}, {"norm2.*", "norm2.*"}, {"ls1.gamma", "layer_scale1.lambda1"}, { \
        "ls2.gamma", "layer_scale2.lambda1"                                                  \
    }
static const cvt_name_row disk_attention[] = {{"attn.q.*", "attention.attention.query.*"},
                                              {"attn.k.*", "attention.attention.key.*"},
                                              {"attn.v.*", "attention.attention.value.*"},
                                              {"attn.proj.*", "attention.output.dense.*"},
                                              LAYER_ROWS,
                                              {NULL, NULL}};
static const cvt_name_row memory_attention[] = {{"attn.q.*", "attention.q_proj.*"},
                                                {"attn.k.*", "attention.k_proj.*"},
                                                {"attn.v.*", "attention.v_proj.*"},
                                                {"attn.proj.*", "attention.o_proj.*"},
                                                LAYER_ROWS,
                                                {NULL, NULL}};
/* fc1 and fc2 by their names, that these tables cover no gated part */
#define PLAIN_ROWS \
    {"mlp.fc1.*", "mlp.fc1.*"}, { "mlp.fc2.*", "mlp.fc2.*" }
static const cvt_name_row disk_layer[] = {{"*", "*", .rows = disk_attention}, PLAIN_ROWS, {NULL, NULL}};
static const cvt_name_row memory_layer[] = {{"*", "*", .rows = memory_attention}, PLAIN_ROWS, {NULL, NULL}};
static const cvt_name_row disk_gated_layer[] = {{"*", "*", .rows = disk_attention},
                                                CVT_STACKED_2("mlp.", "fc1a", "fc1b", "mlp.weights_in.*"),
                                                {"mlp.fc2.*", "mlp.weights_out.*"},
                                                {NULL, NULL}};
static const cvt_name_row memory_gated_layer[] = {{"*", "*", .rows = memory_attention},
                                                  {"mlp.fc1a.*", "mlp.gate_proj.*"},
                                                  {"mlp.fc1b.*", "mlp.up_proj.*"},
                                                  {"mlp.fc2.*", "mlp.down_proj.*"},
                                                  {NULL, NULL}};
static const cvt_name_row outside[] = {{"cls_token", "{}embeddings.cls_token"},
                                       {"pos_embed", "{}embeddings.position_embeddings"},
                                       {"registers", "{}embeddings.register_tokens"},
                                       {"embed.proj.*", "{}embeddings.patch_embeddings.projection.*"},
                                       {"norm.*", "{}layernorm.*"},
                                       {"head.*", "classifier.*"},
                                       {NULL, "{}embeddings.mask_token"},
                                       {NULL, NULL}};
#define TABLE(layer)                                                                                        \
    {                                                                                                       \
        {"block{j}.*", "{}encoder.layer.{j}.*", .rows = layer}, {"*", "*", .rows = outside}, { NULL, NULL } \
    }
static const cvt_name_row hf[] = TABLE(disk_layer), hf_gated[] = TABLE(disk_gated_layer), hf5[] = TABLE(memory_layer),
                          hf5_gated[] = TABLE(memory_gated_layer);

static const char plain_prefix[] = "dinov2.", registers_prefix[] = "dinov2_with_registers.";
static const cvt_dialect dialects[] = {{"native"},
                                       {"hf", hf, plain_prefix},
                                       {"hf_registers", hf, registers_prefix},
                                       {"hf_bare", hf, ""},
                                       {"hf_swiglu", hf_gated, plain_prefix},
                                       {"hf_registers_swiglu", hf_gated, registers_prefix},
                                       {"hf_bare_swiglu", hf_gated, ""},
                                       {"hf5", hf5, plain_prefix},
                                       {"hf5_registers", hf5, registers_prefix},
                                       {"hf5_bare", hf5, ""},
                                       {"hf5_swiglu", hf5_gated, plain_prefix},
                                       {"hf5_registers_swiglu", hf5_gated, registers_prefix},
                                       {"hf5_bare_swiglu", hf5_gated, ""},
                                       {NULL}};

/* ---- config ---- */

static void resolve_registers(config *c, const cvt_hints *hints) {
    const cvt_tensor *t = cvt_hints_tensor(hints, "registers", 0);
    bool stored = t && t->rank == 3 && t->shape[1] >= 0 && t->shape[1] <= MAX_REGISTERS;
    bool said = hints->model_type && strcmp(hints->model_type, "dinov2_with_registers") == 0;
    if (!GIVEN(c, registers)) c->registers = stored ? (int)t->shape[1] : said ? 4 : 0;
    for (int i = 0; i < 2 && !GIVEN(c, vit.patch_size); i++) c->vit.patch_size[i] = said ? 16 : 14;
    c->antialias = said || c->registers > 0;
}

static cvt_status resolve(void *p, const cvt_hints *hints, cvt_error *error) {
    config *c = p;
    int hidden = (int)(c->vit.dim * c->mlp_ratio);
    resolve_registers(c, hints);
    c->vit.mlp_dim = c->swiglu ? ((int)(hidden * 2.0 / 3) + 7) / 8 * 8 : hidden;
    TRY(cvt_check_hidden("mlp_ratio", c->mlp_ratio, c->vit.mlp_dim, -1, error));
    c->vit.head = (int)cvt_hf_vit_head(&c->base, &c->vit, GIVEN(c, vit.head), classes, hints);
    /* what a Hugging Face config has is not the size of the input, which the image processor decides */
    if (hints->config != CVT_CONFIG_HF) cvt_resolve_input(&c->base, c->vit.image_size);
    return cvt_hf_vit_resolve(&c->vit, error);
}

/* ---- the forward pass ---- */

static cvt_value insert_registers(cvt_builder *b, const config *c, cvt_value t) {
    if (!c->registers) return t;
    cvt_value cls = cvtb_slice(b, t, 0, 1), patches = cvtb_slice(b, t, 1, cvt_shape_rows(cvtb_shape(b, t)) - 1);
    cls = cvtb_concat(b, cls, cvtb_stored_tokens(b, "registers", c->registers, c->vit.dim));
    return cvtb_tap(b, cvtb_concat(b, cls, patches), "registers");
}

static cvt_value build(cvt_builder *b, const void *p) {
    const config *c = p;
    const cvt_hf_vit *v = &c->vit;
    const int prefix = 1 + c->registers;
    cvt_vit_block block = cvt_hf_vit_block(v);
    int grid[2];
    block.attention.qkv_bias = c->qkv_bias;
    block.layer_scale = true;
    if (c->swiglu) block.gate = CVT_GATE_FIRST, block.act = CVT_ACT_SILU;
    cvt_hf_vit_grid(grid, v, c->base.size);
    cvt_value t = cvtb_hf_patches(b, v, cvtb_input(b, c->base.channels, c->base.size[0], c->base.size[1]), true);
    t = cvtb_add_positions(b, cvtb_class_token(b, t), 1, v->table, grid,
                           c->antialias ? CVT_INTERPOLATE_BICUBIC_ANTIALIAS : CVT_INTERPOLATE_BICUBIC);
    t = insert_registers(b, c, t);
    cvtb_grid(b, prefix, grid[0], grid[1]);
    t = cvtb_vit_blocks(b, t, v->depth, &block);
    t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm", block.eps), "norm");
    cvt_value y = cvtb_flatten(b, cvtb_slice(b, t, 0, 1));
    if (v->head == CVT_HF_NONE) return cvtb_embedding(b, y);
    y = cvtb_concat(b, y, cvtb_flatten(b, cvtb_pool_tokens(b, t, true, prefix)));
    return cvtb_linear(b, cvtb_embedding(b, y), "head", c->base.classes, true);
}

const cvt_arch cvt_arch_dinov2 = {
    .name = "dinov2",
    .about = "DINOv2 without and with registers (Hugging Face): features or classes",
    .traits = {"yes", "non-overlapping", "linear", "no"},
    .config_size = sizeof(config),
    .keys = keys,
    .hf_types = (const char *const[]){"dinov2", "dinov2_with_registers", NULL},
    .classes = 1000,
    .hf_classes = 2,
    .preprocess = {.like = "dinov2"},
    .dialects = dialects,
    .classifier = "head.weight",
    .headless = true,
    .resolve = resolve,
    .build = build,
};
