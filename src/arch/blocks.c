/* blocks.c - the parts of transformers that families share. */
#include "arch/blocks.h"

#include <math.h>
#include <stdio.h>

void cvtb_check_patches(cvt_builder *b, const char *key, const int *patch, const int *size) {
    char width[24] = "";
    if (patch[1] != patch[0]) snprintf(width, sizeof width, " x %d", patch[1]);
    if (size[0] % patch[0] || size[1] % patch[1])
        cvtb_fail(b, "\"%s\" = %d%s does not divide the input, %d x %d", key, patch[0], width, size[0], size[1]);
}

/* A layer norm over the channels of each head. */
static cvt_value head_norm(cvt_builder *b, cvt_value x, const char *name, const cvt_attention_spec *spec) {
    int channels = cvt_shape_cols(cvtb_shape(b, x));
    x = cvtb_layer_norm(b, cvtb_regroup(b, x, spec->dim_head), name, spec->qk_eps);
    return cvtb_regroup(b, x, channels);
}

/* Attention in a scope "attn", without a tap on its output. */
static cvt_value attention(cvt_builder *b, cvt_value x, cvt_value context, const cvt_attention_spec *spec) {
    int inner = spec->heads * spec->dim_head, out = cvt_shape_cols(cvtb_shape(b, x));
    float scale = spec->scale > 0 ? spec->scale : (float)(1 / sqrt(spec->dim_head));
    cvtb_open(b, "attn", 0, 0, "Attention");
    cvt_value q = cvtb_linear(b, x, "q", inner, spec->qkv_bias);
    cvt_value k = cvtb_linear(b, context, "k", inner, spec->qkv_bias && !spec->no_k_bias);
    cvt_value v = cvtb_linear(b, context, "v", inner, spec->qkv_bias);
    if (spec->qk_norm) {
        q = head_norm(b, q, "q_norm", spec);
        k = head_norm(b, k, "k_norm", spec);
    }
    cvt_value bias = spec->relative ? cvtb_relative_bias(b, "position_bias", spec->relative)
                     : spec->bias   ? *spec->bias
                                    : CVT_NO_VALUE;
    cvt_attention_form form = {.heads = spec->heads, .groups = spec->groups > 0 ? spec->groups : 1, .scale = scale};
    cvt_value y = cvtb_attention_bias(b, q, k, v, bias, &form);
    if (!spec->no_out) y = cvtb_linear(b, y, "proj", out, spec->out_bias);
    cvtb_close(b);
    return y;
}

cvt_value cvtb_cross_attention(cvt_builder *b, cvt_value x, cvt_value context, const cvt_attention_spec *spec) {
    return cvtb_tap(b, attention(b, x, context, spec), "attn");
}

cvt_value cvtb_self_attention(cvt_builder *b, cvt_value x, const cvt_attention_spec *spec) {
    return cvtb_cross_attention(b, x, x, spec);
}

/* The feed-forward part in a scope "mlp", without a tap on its output. */
static cvt_value mlp(cvt_builder *b, cvt_value x, int hidden, cvt_act act, bool bias, cvt_gate gate) {
    int channels = cvt_shape_cols(cvtb_shape(b, x));
    cvtb_open(b, "mlp", 0, 0, "Mlp");
    if (gate == CVT_GATE_NONE) {
        x = cvtb_activation(b, cvtb_linear(b, x, "fc1", hidden, bias), act);
    } else {
        cvt_value one = cvtb_linear(b, x, "fc1a", hidden, bias), two = cvtb_linear(b, x, "fc1b", hidden, bias);
        if (gate == CVT_GATE_FIRST) one = cvtb_activation(b, one, act);
        if (gate == CVT_GATE_SECOND) two = cvtb_activation(b, two, act);
        x = cvtb_multiply(b, one, two);
    }
    x = cvtb_linear(b, x, "fc2", channels, bias);
    cvtb_close(b);
    return x;
}

cvt_value cvtb_gated_mlp(cvt_builder *b, cvt_value x, int hidden, cvt_act act, bool bias, cvt_gate gate) {
    return cvtb_tap(b, mlp(b, x, hidden, act, bias, gate), "mlp");
}

cvt_value cvtb_mlp(cvt_builder *b, cvt_value x, int hidden, cvt_act act, bool bias) {
    return cvtb_gated_mlp(b, x, hidden, act, bias, CVT_GATE_NONE);
}

cvt_value cvtb_pre_norm(cvt_builder *b, cvt_value x, const cvt_vit_block *s) {
    cvt_value y = cvtb_layer_norm(b, x, "norm1", s->eps);
    y = attention(b, y, y, &s->attention);
    if (s->layer_scale) y = cvtb_layer_scale(b, y, "ls1");
    x = cvtb_add(b, x, cvtb_tap(b, y, "attn"));
    y = mlp(b, cvtb_layer_norm(b, x, "norm2", s->eps), s->hidden, s->act, !s->no_mlp_bias, s->gate);
    if (s->layer_scale) y = cvtb_layer_scale(b, y, "ls2");
    return cvtb_add(b, x, cvtb_tap(b, y, "mlp"));
}

cvt_value cvtb_vit_block(cvt_builder *b, cvt_value x, int index, const cvt_vit_block *spec) {
    cvtb_open(b, "block{j}", 'j', index, "Block");
    return cvtb_end(b, cvtb_pre_norm(b, x, spec));
}

cvt_value cvtb_vit_blocks(cvt_builder *b, cvt_value x, int depth, const cvt_vit_block *spec) {
    for (int j = 0; j < depth && !cvtb_failed(b); j++) x = cvtb_vit_block(b, x, j, spec);
    return x;
}

cvt_value cvtb_conv_embed(cvt_builder *b, cvt_value map, const cvt_conv *conv, float eps, const char *row) {
    cvtb_open(b, "embed", 0, 0, row);
    return cvtb_end(b, cvtb_layer_norm(b, cvtb_conv2d(b, map, "proj", conv), "norm", eps));
}

cvt_value cvtb_class_token(cvt_builder *b, cvt_value tokens) {
    cvt_value token = cvtb_token(b, "cls_token", cvt_shape_cols(cvtb_shape(b, tokens)));
    return cvtb_concat(b, token, tokens);
}

cvt_value cvtb_add_positions(cvt_builder *b, cvt_value tokens, int prefix, const int *table, const int *grid,
                             cvt_interpolation resize) {
    cvt_position position = {prefix, table[0], table[1], grid[0], grid[1], resize};
    return cvtb_tap(b, cvtb_position(b, tokens, "pos_embed", &position), "tokens");
}

cvt_value cvtb_pool_tokens(cvt_builder *b, cvt_value tokens, bool mean, int prefix) {
    if (!mean) return cvtb_slice(b, tokens, 0, 1);
    int rows = cvt_shape_rows(cvtb_shape(b, tokens));
    return cvtb_mean(b, prefix ? cvtb_slice(b, tokens, prefix, rows - prefix) : tokens);
}

cvt_value cvtb_attention_pool(cvt_builder *b, cvt_value tokens, const int *grid, const cvt_vit_block *spec) {
    cvtb_open(b, "pool", 0, 0, "AttentionPoolLatent");
    cvtb_grid(b, 0, grid[0], grid[1]);
    cvt_value latent = cvtb_token(b, "latent", cvt_shape_cols(cvtb_shape(b, tokens)));
    cvt_value y = cvtb_cross_attention(b, latent, tokens, &spec->attention);
    y = cvtb_add(
        b, y, cvtb_gated_mlp(b, cvtb_layer_norm(b, y, "norm", spec->eps), spec->hidden, spec->act, true, spec->gate));
    return cvtb_end(b, y);
}

cvt_value cvtb_classify(cvt_builder *b, cvt_value token, int classes) {
    token = cvtb_embedding(b, cvtb_flatten(b, token));
    return classes ? cvtb_linear(b, token, "head", classes, true) : token;
}

/* ---- names of timm and vit_pytorch ---- */

const cvt_name_row cvt_common_names[] = {
    {"cls_token", "cls_token"}, {"pos_embed", "pos_embed"}, {"norm.*", "norm.*"}, {"head.*", "head.*"}, {NULL, NULL}};

const cvt_name_row cvt_timm_pool[] = {
    {"attn.q.*", "q.*"}, CVT_STACKED_2("attn.", "k", "v", "kv.*"), {"attn.proj.*", "proj.*"}, {"*", "*"}, {NULL, NULL}};

/* The stacked rows come first: "*" has a name for attn.q.weight too, and the first row that has one counts. */
const cvt_name_row cvt_timm_block[] = {CVT_STACKED_3("attn.", "q", "k", "v", "attn.qkv.*"), {"*", "*"}, {NULL, NULL}};

const cvt_name_row cvt_vp_attention[] = {{"norm1.*", "0.norm.*"},
                                         CVT_STACKED_3("attn.", "q", "k", "v", "0.to_qkv.*"),
                                         {"attn.proj.*", "0.to_out.0.*"},
                                         {NULL, NULL}};
const cvt_name_row cvt_vp_mlp[] = {
    {"norm2.*", "1.net.0.*"}, {"mlp.fc1.*", "1.net.1.*"}, {"mlp.fc2.*", "1.net.4.*"}, {NULL, NULL}};
const cvt_name_row cvt_vp_layer[] = {
    {"*", "*", .rows = cvt_vp_attention}, {"*", "*", .rows = cvt_vp_mlp}, {NULL, NULL}};

const cvt_name_row cvt_vp_old_attention[] = {{"norm1.*", "0.norm.*"},
                                             CVT_STACKED_3("attn.", "q", "k", "v", "0.fn.to_qkv.*"),
                                             {"attn.proj.*", "0.fn.to_out.0.*"},
                                             {NULL, NULL}};
const cvt_name_row cvt_vp_old_mlp[] = {
    {"norm2.*", "1.norm.*"}, {"mlp.fc1.*", "1.fn.net.0.*"}, {"mlp.fc2.*", "1.fn.net.3.*"}, {NULL, NULL}};
const cvt_name_row cvt_vp_old_layer[] = {
    {"*", "*", .rows = cvt_vp_old_attention}, {"*", "*", .rows = cvt_vp_old_mlp}, {NULL, NULL}};
