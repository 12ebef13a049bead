/* vit_build.c - the forward pass of the family vit. */
#include "arch/act_names.h"
#include "arch/vit.h"

/* Makes patches tokens [h * w, dim]. What does not fill a patch is left out, or padded with zeros. */
static cvt_value embed(cvt_builder *b, const cvt_vit *c, cvt_value image, const int *grid) {
    int h = c->patch_size[0], w = c->patch_size[1];
    cvt_value t;
    cvtb_open(b, "embed", 0, 0, "PatchEmbed");
    if (c->variant == CVT_VIT_TIMM) {
        cvt_conv conv = {.out = c->dim, .kh = h, .kw = w, .stride_h = h, .stride_w = w, .bias = !c->pre_norm};
        if (c->dynamic_pad) conv.pad_bottom = grid[0] * h - c->base.size[0];
        if (c->dynamic_pad) conv.pad_right = grid[1] * w - c->base.size[1];
        t = cvtb_tokens(b, cvtb_conv2d(b, image, "proj", &conv));
    } else {
        t = cvtb_patches(b, image, h, w);
        if (c->layout != CVT_VIT_A) t = cvtb_layer_norm(b, t, "norm1", (float)c->eps);
        t = cvtb_linear(b, t, "linear", c->dim, true);
        if (c->layout != CVT_VIT_A) t = cvtb_layer_norm(b, t, "norm2", (float)c->eps);
    }
    return cvtb_end(b, t);
}

static cvt_value add_positions(cvt_builder *b, const cvt_vit *c, cvt_value t, const int *grid) {
    if (c->pos_embed == CVT_VIT_NO_POSITIONS) return t;
    cvt_position position = {cvt_vit_table_prefix(c), c->table[0], c->table[1], grid[0], grid[1], c->resize};
    return cvtb_position(b, t, "pos_embed", &position);
}

/* The tokens before the patches: the class token, the distillation token of a distilled model, the registers. */
static cvt_value first_tokens(cvt_builder *b, const cvt_vit *c, bool registers) {
    cvt_value first = c->class_token ? cvtb_token(b, "cls_token", c->dim) : CVT_NO_VALUE;
    if (c->distilled) first = cvtb_concat(b, first, cvtb_token(b, "dist_token", c->dim));
    if (!registers) return first;
    cvt_value stored = cvtb_stored_tokens(b, "reg_token", c->reg_tokens, c->dim);
    return c->class_token ? cvtb_concat(b, first, stored) : stored;
}

/* Puts the first tokens before the patches and adds the positions, in the order that the config says. */
static cvt_value tokens(cvt_builder *b, const cvt_vit *c, cvt_value t, const int *grid) {
    bool early = c->reg_tokens && !c->late_registers;
    if (c->no_embed_class) t = add_positions(b, c, t, grid);
    if (c->class_token || early) t = cvtb_concat(b, first_tokens(b, c, early), t);
    if (!c->no_embed_class) t = add_positions(b, c, t, grid);
    if (c->late_registers) {
        int rows = cvt_shape_rows(cvtb_shape(b, t)), first = c->class_token;
        cvt_value patches = cvtb_slice(b, t, first, rows - first);
        patches = cvtb_concat(b, cvtb_stored_tokens(b, "reg_token", c->reg_tokens, c->dim), patches);
        t = first ? cvtb_concat(b, cvtb_slice(b, t, 0, first), patches) : patches;
    }
    return cvtb_tap(b, t, "tokens");
}

/* What is classified, [1, C]; all tokens where nothing is pooled. */
static cvt_value pool(cvt_builder *b, const cvt_vit *c, cvt_value t, const int *grid, const cvt_vit_block *block) {
    if (c->pool == CVT_VIT_ALL) return t;
    if (c->pool == CVT_VIT_TOKEN) return cvtb_slice(b, t, 0, 1);
    int prefix = c->pool_prefix ? 0 : cvt_vit_prefix(c), rows = cvt_shape_rows(cvtb_shape(b, t));
    if (prefix) t = cvtb_slice(b, t, prefix, rows - prefix);
    if (c->pool == CVT_VIT_MEAN) return cvtb_mean(b, t);
    if (c->pool == CVT_VIT_MAX) return cvtb_max(b, t);
    if (c->pool == CVT_VIT_AVGMAX) return cvtb_scale(b, cvtb_add(b, cvtb_max(b, t), cvtb_mean(b, t)), 0.5f);
    cvt_vit_block spec = {
        .attention = {.heads = c->heads, .dim_head = block->attention.dim_head, .qkv_bias = true, .out_bias = true},
        .hidden = c->mlp_dim,
        .act = block->act,
        .eps = block->eps};
    return cvtb_attention_pool(b, t, grid, &spec);
}

static cvt_value logits(cvt_builder *b, const cvt_vit *c, cvt_value one, cvt_value two) {
    if (c->head == CVT_VIT_HEAD_FEATURES) return cvtb_embedding(b, one);
    if (c->head == CVT_VIT_HEAD_TOKEN)
        return cvtb_linear(b, cvtb_embedding(b, one), "head", c->base.classes, c->head_bias);
    cvtb_embedding(b, cvtb_concat(b, one, two));
    one = cvtb_linear(b, one, "head", c->base.classes, true);
    two = cvtb_linear(b, two, "head_dist", c->base.classes, true);
    return cvtb_scale(b, cvtb_add(b, one, two), 0.5f);
}

static cvt_vit_block block_of(const cvt_vit *c) {
    static const cvt_gate gates[] = {CVT_GATE_NONE, CVT_GATE_SECOND, CVT_GATE_FIRST, CVT_GATE_FIRST}; /* by mlp_layer */
    bool halves = c->mlp_layer == CVT_VIT_GLU || c->mlp_layer == CVT_VIT_SWIGLU_PACKED;
    return (cvt_vit_block){
        .attention = {.heads = c->heads,
                      .dim_head = c->dim_head,
                      .qkv_bias = c->qkv_bias,
                      .out_bias = c->proj_bias,
                      .no_out = c->variant == CVT_VIT_PYTORCH && c->heads == 1 && c->dim_head == c->dim,
                      .qk_norm = c->qk_norm,
                      .qk_eps = (float)c->eps},
        .hidden = halves ? c->mlp_dim / 2 : c->mlp_dim,
        .act = cvt_acts_named[c->activation],
        .eps = (float)c->eps,
        .gate = gates[c->mlp_layer],
        .no_mlp_bias = !c->proj_bias,
        .layer_scale = c->layer_scale,
    };
}

cvt_value cvt_vit_build(cvt_builder *b, const void *p) {
    const cvt_vit *c = p;
    const int *size = c->base.size, *patch = c->patch_size;
    int grid[2];
    for (int i = 0; i < 2; i++) grid[i] = (size[i] + (c->dynamic_pad ? patch[i] - 1 : 0)) / patch[i];
    bool norm_last = c->variant == CVT_VIT_PYTORCH && c->layout <= CVT_VIT_B;
    bool norm_first = !norm_last && !c->fc_norm && c->final_norm;
    float eps = (float)c->eps;
    cvt_vit_block block = block_of(c);
    if (c->variant == CVT_VIT_PYTORCH) cvtb_check_patches(b, "patch_size", c->patch_size, size);
    cvt_value t = embed(b, c, cvtb_input(b, c->base.channels, size[0], size[1]), grid);
    t = tokens(b, c, t, grid);
    cvtb_grid(b, cvt_vit_prefix(c), grid[0], grid[1]);
    if (!c->class_token) cvtb_no_class_token(b);
    if (c->pre_norm) t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm_pre", eps), "norm_pre");
    t = cvtb_vit_blocks(b, t, c->depth, &block);
    if (norm_first) t = cvtb_tap(b, cvtb_layer_norm(b, t, "norm", eps), "norm");
    t = cvtb_tap(b, cvtb_alias(b, t), "embeddings");
    cvt_value one = pool(b, c, t, grid, &block), two = CVT_NO_VALUE;
    if (!norm_first && c->final_norm)
        one = cvtb_tap(b, cvtb_layer_norm(b, one, c->fc_norm ? "fc_norm" : "norm", eps), "norm");
    if (c->head == CVT_VIT_HEAD_BOTH) two = cvtb_flatten(b, cvtb_slice(b, t, 1, 1));
    return logits(b, c, c->pool == CVT_VIT_ALL ? one : cvtb_flatten(b, one), two);
}
