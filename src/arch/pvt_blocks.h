/* pvt_blocks.h - what the pyramids of PVT, PVT v2 and Twins-PCPVT are made of: stages of pre-norm blocks whose keys and
 * values come from a map that was made smaller first (spatial-reduction attention), and positional encoding by a
 * depth-wise convolution (PEG), which CPVT has too.
 *
 *   embed   LN(conv(map))
 *   block   x += proj(attention(q(z), k(r), v(r)))  with z = LN x, r = z where the ratio is 1,
 *           else LN(conv_ratio(map z)), or, linear, GELU(LN(conv_1x1(mean of 7 x 7 bins of map z)))
 *           x += fc2(act(fc1(LN x))), or, conv_mlp, fc2(act(dwconv_3x3(map fc1(LN x)))), linear with a ReLU behind fc1
 *   peg     x + dwconv(map x), class tokens untouched */
#ifndef CVT_ARCH_PVT_BLOCKS_H
#define CVT_ARCH_PVT_BLOCKS_H

#include "arch/arch.h"
#include "ops/ops.h"

/* One kind of block. */
typedef struct cvt_pvt_block {
    int heads, hidden, ratio;
    bool qkv_bias, linear, conv_mlp;
    cvt_act act;
    float eps, reduction_eps; /* of the two norms; of the one behind the reduction */
} cvt_pvt_block;

/* The convolution and its norm in a scope "embed"; a map. */
cvt_value cvt_pvt_embed(cvt_builder *b, cvt_value map, const cvt_conv *conv, float eps);

/* A stage behind its embedding. */
typedef struct cvt_pvt_stage {
    cvt_pvt_block block;
    int depth;
    bool cls_token;       /* "cls_token", above the others */
    bool table;           /* of positions, "pos_embed"; the sum is the tap "tokens" */
    int table_h, table_w; /* its grid; 0: that of the tokens */
    int peg_kernel;       /* of the PEG "peg" behind the first block; 0: none */
} cvt_pvt_stage;
/* Map in, tokens out, in scopes "block{j}"; *grid: where they lie. */
cvt_value cvt_pvt_stage_build(cvt_builder *b, const cvt_pvt_stage *stage, cvt_value map, cvt_grid *grid);

/* In the scope in hand, an odd kernel. */
cvt_value cvt_peg(cvt_builder *b, cvt_value tokens, int prefix, int h, int w, int kernel);

/* ---- the keys of a pyramid, in the terms of the authors, timm and Hugging Face ---- */

typedef struct cvt_pyramid {
    cvt_ints embed_dims, depths, num_heads, sr_ratios; /* an entry a stage */
    cvt_numbers mlp_ratios;
    bool qkv_bias;
    int hidden_act;
    double eps, embed_eps; /* 0 in embed_eps: unsaid */
} cvt_pyramid;

extern const char *const cvt_pyramid_acts[]; /* the choices of hidden_act */

#define CVT_PYRAMID_KEYS(at)                                                                                \
    {.name = "embed_dims", .type = CVT_KEY_INTS, .offset = at(embed_dims), .min = 1, .max = 65536},         \
        {.name = "num_heads", .type = CVT_KEY_INTS, .offset = at(num_heads), .min = 1, .max = 4096},        \
        {.name = "depths", .type = CVT_KEY_INTS, .offset = at(depths), .min = 1, .max = 1000},              \
        {.name = "sr_ratios", .type = CVT_KEY_INTS, .offset = at(sr_ratios), .min = 1, .max = 256},         \
        {.name = "mlp_ratios", .type = CVT_KEY_NUMBERS, .offset = at(mlp_ratios), .min = 0.001, .max = 64}, \
        {.name = "layer_norm_eps", .type = CVT_KEY_NUMBER, .offset = at(eps), .min = 1e-12, .max = 1}, {    \
        .name = "embed_norm_eps", .type = CVT_KEY_NUMBER, .offset = at(embed_eps), .min = 1e-12, .max = 1   \
    }
#define CVT_PYRAMID_HF_KEYS(at)                                                                                     \
    {.name = "hidden_sizes", .type = CVT_KEY_INTS, .offset = at(embed_dims), .min = 1, .max = 65536},               \
        {.name = "num_attention_heads", .type = CVT_KEY_INTS, .offset = at(num_heads), .min = 1, .max = 4096},      \
        {.name = "hidden_act", .type = CVT_KEY_CHOICE, .offset = at(hidden_act), .choices = cvt_pyramid_acts},      \
        {.name = "qkv_bias", .type = CVT_KEY_BOOL, .offset = at(qkv_bias)}, CVT_DROPOUT_KEY("hidden_dropout_prob"), \
        CVT_DROPOUT_KEY("attention_probs_dropout_prob"), CVT_DROPOUT_KEY("drop_path_rate"), {                       \
        .name = "initializer_range", .type = CVT_KEY_NUMBER, .ignored = true, .min = 0, .max = 1e6                  \
    }

/* Four stages of 64, 128, 320 and 512 channels. */
cvt_pyramid cvt_pyramid_default(int depth0, int depth1, int depth2, int depth3);

/* Every list as long as depths, heads that divide, hidden channels. hf: name the keys as Hugging Face does. */
cvt_status cvt_pyramid_check(const cvt_pyramid *p, bool hf, cvt_error *error);

/* A list that is given, or `first`, then `rest`, an entry a stage; the lengths must agree. */
cvt_status cvt_pyramid_fill(const cvt_pyramid *p, cvt_ints *list, const char *key, int first, int rest,
                            cvt_error *error);

/* The eps of embeddings and reductions: all norms have the same in Hugging Face's programs, those have torch's 1e-5 in
 * the authors'. `hf` where those names begin. */
void cvt_pyramid_resolve_eps(cvt_pyramid *p, const cvt_hints *hints);

cvt_pvt_block cvt_pyramid_block(const cvt_pyramid *p, int stage);

/* Preprocessing where no file says: Hugging Face squashes the picture, the authors crop 224 of 256; timm: 0.9. */
void cvt_pyramid_preprocess(cvt_base *base, const cvt_hints *hints, int size);

#endif
