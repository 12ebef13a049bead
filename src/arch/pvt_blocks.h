/* pvt_blocks.h - the parts of the pyramids PVT, PVT v2 and Twins-PCPVT: stages of pre-norm blocks whose keys and values
 * come from a map that was made smaller first (spatial-reduction attention), and the positional encoding by a
 * depth-wise convolution (PEG), which CPVT has too.
 *
 *   embed   LN(conv(map))
 *   block   x += proj(attention(q(z), k(r), v(r)))  with z = LN x, r = z where the ratio is 1,
 *           else LN(conv_ratio(map z)), or, linear, GELU(LN(conv_1x1(mean of 7 x 7 bins of map z)))
 *           x += fc2(act(fc1(LN x))), or, conv_mlp, fc2(act(dwconv_3x3(map fc1(LN x)))), linear with a ReLU after fc1
 *   peg     x + dwconv(map x); class tokens stay as they are */
#ifndef CVT_ARCH_PVT_BLOCKS_H
#define CVT_ARCH_PVT_BLOCKS_H

#include "arch/arch.h"
#include "ops/ops.h"

/* One kind of block. */
typedef struct cvt_pvt_block {
    int heads, hidden, ratio;
    bool qkv_bias, linear, conv_mlp;
    cvt_act act;
    float eps, reduction_eps; /* that of the two norms; that of the norm after the reduction */
} cvt_pvt_block;

typedef struct cvt_pvt_stage {
    int dim, kernel, stride, padding; /* of the embedding */
    float embed_eps;                  /* of its norm */
    cvt_pvt_block block;
    int depth;
    bool cls_token; /* a stored token "cls_token" becomes the first */
    bool table;     /* a table of positions "pos_embed" is added; the sum is the tap "tokens" */
    int grid[2];    /* that of the table, [height, width]; 0: the grid of the tokens */
    int peg_kernel; /* the kernel of the PEG "peg" after the first block; 0: there is none */
} cvt_pvt_stage;

/* The embedding in a scope "embed": convolution and norm. Map in, map out. */
cvt_value cvt_pvt_embed(cvt_builder *b, const cvt_pvt_stage *stage, cvt_value map);
/* The rest of the stage, in scopes "block{j}". Map in, tokens out; *grid becomes where they lie. */
cvt_value cvt_pvt_blocks(cvt_builder *b, const cvt_pvt_stage *stage, cvt_value map, cvt_grid *grid);

/* A PEG in the scope that is open. The tokens are `prefix` class tokens, then a grid of h x w. The kernel is odd. */
cvt_value cvt_peg(cvt_builder *b, cvt_value tokens, int prefix, int h, int w, int kernel);

/* ---- the config of a pyramid: that of the authors, timm and Hugging Face alike ---- */

typedef struct cvt_pyramid {
    cvt_base base;
    cvt_ints embed_dims, depths, num_heads, sr_ratios, kernels, strides; /* an entry a stage */
    cvt_numbers mlp_ratios;
    bool qkv_bias, linear;
    int hidden_act, global_pool;
    double eps, embed_eps;
    int image_size[2], patch_size, stages;
    int tables[CVT_MAX_LIST][2]; /* the grids of the tables of positions; 0: the family has none */
} cvt_pyramid;

extern const char *const cvt_pyramid_acts[];  /* the choices of hidden_act */
extern const char *const cvt_pyramid_pools[]; /* the choices of global_pool */

/* Rows of tables of keys, where KEYS_OF is cvt_pyramid. dims, blocks: the defaults of embed_dims and depths. They are
 * macros because the defaults differ. */
#define CVT_PYRAMID_KEYS(dims, blocks)                                                                              \
    INT("in_chans", base.channels, 1, 64, "3", "channels of the input"),                                            \
        INT("num_classes", base.classes, 1, 1000000, NULL, "default: as in the weights, else 1000"),                \
        INTS("embed_dims", embed_dims, 1, 65536, dims, "channels of the tokens", .stage = true),                    \
        INTS("num_heads", num_heads, 1, 4096, "[1, 2, 5, 8]", "heads, which divide the channels", .stage = true),   \
        INTS("depths", depths, 1, 1000, blocks, "blocks", .stage = true),                                           \
        INTS("sr_ratios", sr_ratios, 1, 256, "[8, 4, 2, 1]", "what divides the sides of the map for keys, values",  \
             .stage = true),                                                                                        \
        NUMS("mlp_ratios", mlp_ratios, 0.001, 64, "[8, 8, 4, 4]", "hidden channels, as a multiple", .stage = true), \
        NUM("layer_norm_eps", eps, 1e-12, 1, "1e-06", "eps of norms"),                                              \
        NUM("embed_norm_eps", embed_eps, 1e-12, 1, NULL,                                                            \
            "eps of the norms after embeddings and reductions; default: 1e-5, layer_norm_eps for Hugging Face")
#define CVT_PYRAMID_HF_KEYS                                                                                   \
    SAME("num_channels", "in_chans", CVT_CONFIG_HF), SAME("num_labels", "num_classes", CVT_CONFIG_HF),        \
        SAME("image_size", "img_size", CVT_CONFIG_HF), SAME("hidden_sizes", "embed_dims", CVT_CONFIG_HF),     \
        SAME("num_attention_heads", "num_heads", CVT_CONFIG_HF),                                              \
        INT("num_encoder_blocks", stages, 1, CVT_MAX_LIST, NULL, "as many as depths has entries"),            \
        CHOICE("hidden_act", hidden_act, cvt_pyramid_acts, "'gelu'", "activation of the feed-forward parts"), \
        BOOL("qkv_bias", qkv_bias, "true", "bias of queries, keys and values"),                               \
        CVT_DROPOUT_KEY("hidden_dropout_prob"), CVT_DROPOUT_KEY("attention_probs_dropout_prob"),              \
        CVT_DROPOUT_KEY("drop_path_rate"), UNUSED_NUM("initializer_range", 0, 1e6, "without effect: for training")

/* Fills a list that the file does not have, with an entry a stage: `first`, then `rest` for all others. */
void cvt_pyramid_fill(const cvt_pyramid *p, cvt_ints *list, int first, int rest);

/* Checks that every list is as long as depths, that heads divide channels, and that there are hidden channels. Finds
 * the eps of embeddings and reductions: all norms have the same in Hugging Face's programs, those have torch's 1e-5 in
 * the authors'. */
cvt_status cvt_pyramid_resolve(cvt_pyramid *p, const cvt_hints *hints, cvt_error *error);

/* A family's preprocess_of(): Hugging Face squashes the image, the authors crop 224 of 256, timm crops 0.9. */
cvt_preprocess_spec cvt_pyramid_preprocess(const void *pyramid, const cvt_hints *hints);

/* Stage i of PVT or Twins-PCPVT, without class token and positions; and stage i of PVT v2, whose embedding overlaps. */
cvt_pvt_stage cvt_pyramid_stage(const cvt_pyramid *p, int i);
cvt_pvt_stage cvt_pyramid_v2_stage(const cvt_pyramid *p, int i);

#endif
