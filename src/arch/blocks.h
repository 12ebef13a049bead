/* blocks.h - parts that several families of transformers share: attention with its projections, the feed-forward part,
 * and the pre-norm block made of the two. Each opens the scope of its name, so that weights and taps are called
 * attn.{q,k,v,proj}, mlp.{fc1,fc2}, block{j}.{norm1,attn,norm2,mlp} in every family. Tokens in, tokens out. */
#ifndef CVT_ARCH_BLOCKS_H
#define CVT_ARCH_BLOCKS_H

#include "ops/ops.h"
#include "weights/names.h"

/* q, k, v = linear(x) to heads * dim_head channels, y = proj(softmax(scale * q k^T) v).
 * Three linears whatever the file has: stacked qkv or kv is a matter of the dialect's rows (.part, .parts). */
typedef struct cvt_attention_spec {
    int heads, dim_head;
    float scale; /* 0: dim_head^-0.5 */
    bool qkv_bias, out_bias;
    bool no_out; /* y is what attention gives, without proj */
    int groups;  /* runs of tokens that attend within themselves; 0: one */
} cvt_attention_spec;

/* In scope "attn"; taps: "attn" (the output), "attn.map". */
cvt_value cvtb_self_attention(cvt_builder *b, cvt_value x, const cvt_attention_spec *spec);
/* Queries of x, keys and values of context; the output has the channels of x. */
cvt_value cvtb_cross_attention(cvt_builder *b, cvt_value x, cvt_value context, const cvt_attention_spec *spec);

/* Fails where patches do not divide the input, both [height, width]; key: the patches'. */
void cvtb_check_patches(cvt_builder *b, const char *key, const int *patch, const int *size);

/* fc2(act(fc1(x))), in scope "mlp"; tap: "mlp". */
cvt_value cvtb_mlp(cvt_builder *b, cvt_value x, int hidden, cvt_act act, bool bias);

/* x += attn(norm1(x)); x += mlp(norm2(x)): timm's Block, a layer of vit_pytorch's Transformer. */
typedef struct cvt_vit_block {
    cvt_attention_spec attention;
    int hidden; /* of the feed-forward part, whose linears have biases */
    cvt_act act;
    float eps;
} cvt_vit_block;
/* In the scope that is open, without a tap. */
cvt_value cvtb_pre_norm(cvt_builder *b, cvt_value x, const cvt_vit_block *spec);
/* In scope "block{j}" with j = index; tap: "block{j}". */
cvt_value cvtb_vit_block(cvt_builder *b, cvt_value x, int index, const cvt_vit_block *spec);
/* So many of them, from block0 on. */
cvt_value cvtb_vit_blocks(cvt_builder *b, cvt_value x, int depth, const cvt_vit_block *spec);

/* A convolutional embedding: norm(proj(map)) in scope "embed"; tap: "embed". row: the class of its row in listings, or
 * NULL. */
cvt_value cvtb_conv_embed(cvt_builder *b, cvt_value map, const cvt_conv *conv, float eps, const char *row);

/* The parts of a ViT about its blocks. */

/* The stored token "cls_token" above the tokens. */
cvt_value cvtb_class_token(cvt_builder *b, cvt_value tokens);
/* tokens + the stored table "pos_embed"; tap: "tokens". The table has a row for each of `prefix` class tokens, then one
 * for each cell of the grid `table`, which are resized to the grid of the tokens; both grids are [height, width]. */
cvt_value cvtb_add_positions(cvt_builder *b, cvt_value tokens, int prefix, const int *table, const int *grid,
                             cvt_interpolation resize);
/* The token that is classified, [1, C]: the first one, or, if `mean`, the mean of those behind the first `prefix`. */
cvt_value cvtb_pool_tokens(cvt_builder *b, cvt_value tokens, bool mean, int prefix);
/* The last layer, "head": the logits of one token [1, C], which becomes the embedding. */
cvt_value cvtb_classify(cvt_builder *b, cvt_value token, int classes);

/* Names about the blocks that most files have as the graph has them: cls_token, pos_embed, norm.*, head.*. */
extern const cvt_name_row cvt_common_names[];
/* Names in a block of timm, which stacks queries, keys and values. */
extern const cvt_name_row cvt_timm_block[];
/* Names in a layer of vit_pytorch's Transformer; in the older ones norms are modules around the parts. Each table is
 * made of two: attention and feed-forward part. */
extern const cvt_name_row cvt_vp_layer[], cvt_vp_attention[], cvt_vp_mlp[];
extern const cvt_name_row cvt_vp_old_layer[], cvt_vp_old_attention[], cvt_vp_old_mlp[];

#endif
