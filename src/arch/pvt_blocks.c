/* pvt_blocks.c - the blocks of pyramids and their keys; formulas in pvt_blocks.h. Sources: whai362/PVT
 * (classification/pvt.py, pvt_v2.py), Meituan-AutoML/Twins (gvt.py), timm (pvt_v2.py, twins.py), transformers (pvt,
 * pvt_v2). */
#include "arch/pvt_blocks.h"

#include "arch/blocks.h"
#include "arch/resolve.h"

const char *const cvt_pyramid_acts[] = {"gelu", "gelu_new", "quick_gelu", "relu", "silu", NULL};
static const cvt_act acts[] = {CVT_ACT_GELU_ERF, CVT_ACT_GELU_TANH, CVT_ACT_QUICK_GELU, CVT_ACT_RELU, CVT_ACT_SILU};

/* ---- building ---- */

enum { BINS = 7 }; /* of linear attention, along each side */

cvt_value cvt_pvt_embed(cvt_builder *b, cvt_value map, const cvt_conv *conv, float eps) {
    cvtb_open(b, "embed", 0, 0, "PatchEmbed");
    map = cvtb_layer_norm(b, cvtb_conv2d(b, map, "proj", conv), "norm", eps);
    cvtb_tap(b, map, NULL);
    cvtb_close(b);
    return map;
}

/* What keys and values are made of, and where these lie. */
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
    y = cvtb_tap(b, cvtb_linear(b, cvtb_tokens(b, y), "fc2", dim, true), NULL);
    cvtb_close(b);
    return y;
}

static cvt_value block(cvt_builder *b, const cvt_pvt_block *k, cvt_value t, int j, int prefix, int h, int w) {
    cvtb_open(b, "block{j}", 'j', j, "Block");
    t = cvtb_add(b, t, attention(b, k, cvtb_layer_norm(b, t, "norm1", k->eps), prefix, h, w));
    cvt_value z = cvtb_layer_norm(b, t, "norm2", k->eps);
    z = k->conv_mlp ? conv_mlp(b, k, z, h, w) : cvtb_mlp(b, z, k->hidden, k->act, true);
    t = cvtb_tap(b, cvtb_add(b, t, z), NULL);
    cvtb_close(b);
    return t;
}

cvt_value cvt_pvt_stage_build(cvt_builder *b, const cvt_pvt_stage *s, cvt_value map, cvt_grid *grid) {
    cvt_shape shape = cvtb_shape(b, map);
    int h = shape.d[1], w = shape.d[2], prefix = s->cls_token;
    cvt_value t = cvtb_tokens(b, map);
    *grid = (cvt_grid){prefix, h, w};
    if (s->cls_token) t = cvtb_concat(b, cvtb_token(b, "cls_token", shape.d[0]), t);
    cvt_position table = {prefix, s->table_h ? s->table_h : h, s->table_w ? s->table_w : w, h,
                          w,      CVT_INTERPOLATE_BILINEAR};
    if (s->table) t = cvtb_tap(b, cvtb_position(b, t, "pos_embed", &table), "tokens");
    for (int j = 0; j < s->depth && !cvtb_failed(b); j++) {
        t = block(b, &s->block, t, j, prefix, h, w);
        if (j || !s->peg_kernel) continue;
        cvtb_open(b, "peg", 0, 0, "PosConv");
        t = cvtb_tap(b, cvt_peg(b, t, prefix, h, w, s->peg_kernel), NULL);
        cvtb_close(b);
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

/* ---- keys ---- */

cvt_pyramid cvt_pyramid_default(int depth0, int depth1, int depth2, int depth3) {
    return (cvt_pyramid){
        .embed_dims = {4, {64, 128, 320, 512}},
        .depths = {4, {depth0, depth1, depth2, depth3}},
        .num_heads = {4, {1, 2, 5, 8}},
        .sr_ratios = {4, {8, 4, 2, 1}},
        .mlp_ratios = {4, {8, 8, 4, 4}},
        .qkv_bias = true,
        .eps = 1e-6,
    };
}

static cvt_status check_length(int n, const cvt_pyramid *p, const char *key, cvt_error *error) {
    if (n == p->depths.n) return CVT_OK;
    return cvt_fail(error, CVT_CONFIG, "\"%s\" has %d entries, \"depths\" has %d: one a stage", key, n, p->depths.n);
}

static int hidden_of(const cvt_pyramid *p, int i) { return (int)(p->embed_dims.v[i] * p->mlp_ratios.v[i]); }

cvt_status cvt_pyramid_check(const cvt_pyramid *p, bool hf, cvt_error *error) {
    const char *dims = hf ? "hidden_sizes" : "embed_dims", *heads = hf ? "num_attention_heads" : "num_heads";
    TRY(check_length(p->embed_dims.n, p, dims, error));
    TRY(check_length(p->num_heads.n, p, heads, error));
    TRY(check_length(p->sr_ratios.n, p, "sr_ratios", error));
    TRY(check_length(p->mlp_ratios.n, p, "mlp_ratios", error));
    for (int i = 0; i < p->depths.n; i++) {
        TRY(cvt_check_divides(heads, p->num_heads.v[i], dims, p->embed_dims.v[i], i, error));
        TRY(cvt_check_hidden("mlp_ratios", p->mlp_ratios.v[i], hidden_of(p, i), i, error));
    }
    return CVT_OK;
}

cvt_status cvt_pyramid_fill(const cvt_pyramid *p, cvt_ints *list, const char *key, int first, int rest,
                            cvt_error *error) {
    if (list->n) return check_length(list->n, p, key, error);
    list->n = p->depths.n;
    for (int i = 0; i < list->n; i++) list->v[i] = i ? rest : first;
    return CVT_OK;
}

static bool is_hf(const cvt_hints *hints) {
    if (cvt_hints_from(hints, "hf")) return true;
    return hints->config == CVT_CONFIG_HF && (!hints->origin || cvt_dialect_is_native(hints->origin));
}

void cvt_pyramid_resolve_eps(cvt_pyramid *p, const cvt_hints *hints) {
    if (p->embed_eps == 0) p->embed_eps = is_hf(hints) ? p->eps : 1e-5;
}

cvt_pvt_block cvt_pyramid_block(const cvt_pyramid *p, int i) {
    return (cvt_pvt_block){
        .heads = p->num_heads.v[i],
        .hidden = hidden_of(p, i),
        .ratio = p->sr_ratios.v[i],
        .qkv_bias = p->qkv_bias,
        .act = acts[p->hidden_act],
        .eps = (float)p->eps,
        .reduction_eps = (float)p->embed_eps,
    };
}

void cvt_pyramid_preprocess(cvt_base *base, const cvt_hints *hints, int size) {
    if (base->preprocess.given) return;
    bool hf = is_hf(hints), timm = hints->config == CVT_CONFIG_TIMM || cvt_hints_from(hints, "timm");
    base->preprocess =
        cvt_preprocess_default(hf ? CVT_PREPROCESS_SQUASH : CVT_PREPROCESS_CENTER, size, timm ? 0.9 : 0.875);
    if (hf) base->preprocess.half_even = false;
}
