/* pvt_blocks.c - the blocks of pyramids and their keys. The formulas are in pvt_blocks.h. Sources: whai362/PVT
 * (classification/pvt.py, pvt_v2.py), Meituan-AutoML/Twins (gvt.py), timm (pvt_v2.py, twins.py), transformers (pvt,
 * pvt_v2). */
#include "arch/pvt_blocks.h"

#include "arch/blocks.h"
#include "arch/keys.h"
#include "arch/resolve.h"

const char *const cvt_pyramid_acts[] = {"gelu", "gelu_new", "quick_gelu", "relu", "silu", NULL};
const char *const cvt_pyramid_pools[] = {"avg", NULL};
static const cvt_act acts[] = {CVT_ACT_GELU_ERF, CVT_ACT_GELU_TANH, CVT_ACT_QUICK_GELU, CVT_ACT_RELU, CVT_ACT_SILU};

/* ---- building ---- */

enum { BINS = 7 }; /* of linear attention, along each side */

cvt_value cvt_pvt_embed(cvt_builder *b, const cvt_pvt_stage *s, cvt_value map) {
    cvt_conv conv = cvt_conv_square(s->dim, s->kernel, s->stride, s->padding, true);
    return cvtb_conv_embed(b, map, &conv, s->embed_eps, "PatchEmbed");
}

/* Returns the tokens that keys and values are made of, and says where these lie. */
static cvt_value reduce(cvt_builder *b, const cvt_pvt_block *k, cvt_value z, int prefix, int h, int w) {
    int dim = cvtb_shape(b, z).d[1], ratio = k->linear ? 1 : k->ratio;
    if (!k->linear && ratio == 1) {
        cvtb_grid(b, prefix, h, w);
        return z;
    }
    if (prefix) cvtb_fail(b, "keys are reduced by %d: there is no place for a class token", ratio);
    if (ratio > h || ratio > w)
        cvtb_fail(b, "a reduction by %d (\"sr_ratio\", \"sr_ratios\") does not fit the map [%d, %d, %d]", ratio, dim, h,
                  w);
    cvt_conv conv = cvt_conv_square(dim, ratio, ratio, 0, true);
    cvt_value map = cvtb_map(b, z, h, w);
    cvtb_open(b, "attn", 0, 0, NULL);
    if (k->linear) map = cvtb_adaptive_avg_pool(b, map, BINS, BINS);
    map = cvtb_layer_norm(b, cvtb_conv2d(b, map, "sr", &conv), "norm", k->reduction_eps);
    if (k->linear) map = cvtb_activation(b, map, CVT_ACT_GELU_ERF);
    cvtb_close(b);
    cvt_shape s = cvtb_shape(b, map);
    cvtb_grid(b, 0, s.d[1], s.d[2]);
    return cvtb_tokens(b, map);
}

static cvt_value attention(cvt_builder *b, const cvt_pvt_block *k, cvt_value z, int prefix, int h, int w) {
    cvt_attention_spec spec = {
        .heads = k->heads, .dim_head = cvtb_shape(b, z).d[1] / k->heads, .qkv_bias = k->qkv_bias, .out_bias = true};
    return cvtb_cross_attention(b, z, reduce(b, k, z, prefix, h, w), &spec);
}

static cvt_value conv_mlp(cvt_builder *b, const cvt_pvt_block *k, cvt_value z, int h, int w) {
    int dim = cvtb_shape(b, z).d[1];
    cvt_conv conv = cvt_conv_square(0, 3, 1, 1, true);
    cvtb_open(b, "mlp", 0, 0, "Mlp");
    cvt_value y = cvtb_linear(b, z, "fc1", k->hidden, true);
    if (k->linear) y = cvtb_activation(b, y, CVT_ACT_RELU);
    y = cvtb_activation(b, cvtb_dwconv2d(b, cvtb_map(b, y, h, w), "dwconv", &conv), k->act);
    return cvtb_end(b, cvtb_linear(b, cvtb_tokens(b, y), "fc2", dim, true));
}

static cvt_value block(cvt_builder *b, const cvt_pvt_block *k, cvt_value t, int j, int prefix, int h, int w) {
    cvtb_open(b, "block{j}", 'j', j, "Block");
    t = cvtb_add(b, t, attention(b, k, cvtb_layer_norm(b, t, "norm1", k->eps), prefix, h, w));
    cvt_value z = cvtb_layer_norm(b, t, "norm2", k->eps);
    z = k->conv_mlp ? conv_mlp(b, k, z, h, w) : cvtb_mlp(b, z, k->hidden, k->act, true);
    return cvtb_end(b, cvtb_add(b, t, z));
}

cvt_value cvt_pvt_blocks(cvt_builder *b, const cvt_pvt_stage *s, cvt_value map, cvt_grid *grid) {
    cvt_shape shape = cvtb_shape(b, map);
    int h = shape.d[1], w = shape.d[2], prefix = s->cls_token, own[] = {h, w};
    cvt_value t = cvtb_tokens(b, map);
    *grid = (cvt_grid){prefix, h, w};
    if (s->cls_token) t = cvtb_class_token(b, t);
    if (s->table) t = cvtb_add_positions(b, t, prefix, s->grid[0] ? s->grid : own, own, CVT_INTERPOLATE_BILINEAR);
    for (int j = 0; j < s->depth && !cvtb_failed(b); j++) {
        t = block(b, &s->block, t, j, prefix, h, w);
        if (j || !s->peg_kernel) continue;
        cvtb_open(b, "peg", 0, 0, "PosConv");
        t = cvtb_end(b, cvt_peg(b, t, prefix, h, w, s->peg_kernel));
    }
    return t;
}

cvt_value cvt_peg(cvt_builder *b, cvt_value t, int prefix, int h, int w, int kernel) {
    cvt_conv conv = cvt_conv_square(0, kernel, 1, kernel / 2, true);
    cvt_value map = cvtb_map(b, prefix ? cvtb_slice(b, t, prefix, h * w) : t, h, w);
    cvt_value moved = cvtb_tokens(b, cvtb_add(b, map, cvtb_dwconv2d(b, map, NULL, &conv)));
    if (prefix) moved = cvtb_concat(b, cvtb_slice(b, t, 0, prefix), moved);
    return moved;
}

/* ---- configs ---- */

#define KEYS_OF cvt_pyramid

void cvt_pyramid_fill(const cvt_pyramid *p, cvt_ints *list, int first, int rest) {
    if (list->n) return;
    list->n = p->depths.n;
    for (int i = 0; i < list->n; i++) list->v[i] = i ? rest : first;
}

static int hidden_of(const cvt_pyramid *p, int i) { return (int)(p->embed_dims.v[i] * p->mlp_ratios.v[i]); }

static bool is_hf(const cvt_hints *hints) {
    if (cvt_hints_from(hints, "hf")) return true;
    return hints->config == CVT_CONFIG_HF && (!hints->origin || cvt_dialect_is_native(hints->origin));
}

cvt_status cvt_pyramid_resolve(cvt_pyramid *p, const cvt_hints *hints, cvt_error *error) {
    const char *dims = NAMED(p, embed_dims), *heads = NAMED(p, num_heads);
    TRY(cvt_check_stages(&p->base, KEY_AT(depths), error));
    if (p->stages && p->stages != p->depths.n)
        return cvt_fail(error, CVT_CONFIG, "\"num_encoder_blocks\" = %d, but \"depths\" has %d entries", p->stages,
                        p->depths.n);
    for (int i = 0; i < p->depths.n; i++) {
        TRY(cvt_check_divides(heads, p->num_heads.v[i], dims, p->embed_dims.v[i], i, error));
        TRY(cvt_check_hidden("mlp_ratios", p->mlp_ratios.v[i], hidden_of(p, i), i, error));
    }
    if (!GIVEN(p, embed_eps)) p->embed_eps = is_hf(hints) ? p->eps : 1e-5;
    return CVT_OK;
}

cvt_preprocess_spec cvt_pyramid_preprocess(const void *pyramid, const cvt_hints *hints) {
    const cvt_pyramid *p = pyramid;
    bool hf = is_hf(hints), timm = hints->config == CVT_CONFIG_TIMM || cvt_hints_from(hints, "timm");
    int size = p->tables[0][0] ? p->image_size[0] : p->base.size[0] ? p->base.size[0] : 224;
    cvt_preprocess_spec spec =
        cvt_preprocess_default(hf ? CVT_PREPROCESS_SQUASH : CVT_PREPROCESS_CENTER, size, timm ? 0.9 : 0.875);
    if (hf) spec.half_even = false;
    return spec;
}

cvt_pvt_stage cvt_pyramid_stage(const cvt_pyramid *p, int i) {
    return (cvt_pvt_stage){.dim = p->embed_dims.v[i],
                           .kernel = p->kernels.v[i],
                           .stride = p->strides.v[i],
                           .embed_eps = (float)p->embed_eps,
                           .block = {.heads = p->num_heads.v[i],
                                     .hidden = hidden_of(p, i),
                                     .ratio = p->sr_ratios.v[i],
                                     .qkv_bias = p->qkv_bias,
                                     .act = acts[p->hidden_act],
                                     .eps = (float)p->eps,
                                     .reduction_eps = (float)p->embed_eps},
                           .depth = p->depths.v[i]};
}

cvt_pvt_stage cvt_pyramid_v2_stage(const cvt_pyramid *p, int i) {
    cvt_pvt_stage s = cvt_pyramid_stage(p, i);
    s.padding = s.kernel / 2;
    s.block.linear = p->linear;
    s.block.conv_mlp = true;
    return s;
}
