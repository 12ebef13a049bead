/* blocks.h - parts that several families of transformers share: attention with its projections, the feed-forward part,
 * and the pre-norm block made of the two. Each opens the scope of its name, so that weights and taps are called
 * attn.{q,k,v,proj}, mlp.{fc1,fc2}, block{j}.{norm1,attn,ls1,norm2,mlp,ls2} in every family. Tokens in, tokens out. */
#ifndef CVT_ARCH_BLOCKS_H
#define CVT_ARCH_BLOCKS_H

#include "ops/ops.h"
#include "weights/names.h"

/* q, k, v = linear(x) to heads * dim_head channels, y = proj(softmax(scale * q k^T) v). The graph always has three
 * linear layers. If the file stacks them as qkv or kv, the dialect's rows say so (.part and .parts in names.h). */
typedef struct cvt_attention_spec {
    int heads, dim_head;
    float scale; /* 0: dim_head^-0.5 */
    bool qkv_bias, out_bias;
    bool no_k_bias; /* keys have no bias, even with qkv_bias */
    bool no_out;    /* there is no proj: y is softmax(scale * q k^T) v */
    bool qk_norm; /* layer norms "q_norm" and "k_norm" over the channels of each head; all heads share their weights */
    float qk_eps; /* of these norms */
    int groups;   /* the tokens are split into so many runs, and attend within their run; 0: one run */
    const cvt_relative_bias *relative; /* a bias from a stored table, "position_bias"; NULL: none */
    const cvt_value *bias;             /* one that is made already; NULL: none. At most one of the two is there. */
} cvt_attention_spec;

/* Self-attention in a scope "attn". Taps: "attn" (the output) and "attn.map". */
cvt_value cvtb_self_attention(cvt_builder *b, cvt_value x, const cvt_attention_spec *spec);
/* The same with queries of x, and keys and values of `context`. The output has as many channels as x. */
cvt_value cvtb_cross_attention(cvt_builder *b, cvt_value x, cvt_value context, const cvt_attention_spec *spec);

/* Fails unless patches divide the input; both sizes are [height, width]. key: the name of the patches' key. */
void cvtb_check_patches(cvt_builder *b, const char *key, const int *patch, const int *size);

/* The feed-forward part fc2(act(fc1(x))), in a scope "mlp". Tap: "mlp". */
cvt_value cvtb_mlp(cvt_builder *b, cvt_value x, int hidden, cvt_act act, bool bias);
/* The gated feed-forward part: fc1 gives two halves of `hidden` channels, fc1a and fc1b in the graph, and fc2 reads
 * act(fc1a(x)) * fc1b(x) where the first half is the gate, fc1a(x) * act(fc1b(x)) where the second is. A table of names
 * says CVT_STACKED_2 where a file stacks the halves. */
typedef enum cvt_gate {
    CVT_GATE_NONE,   /* not gated */
    CVT_GATE_FIRST,  /* timm's SwiGLUPacked, Hugging Face's weights_in */
    CVT_GATE_SECOND, /* timm's GluMlp */
} cvt_gate;
cvt_value cvtb_gated_mlp(cvt_builder *b, cvt_value x, int hidden, cvt_act act, bool bias, cvt_gate gate);

/* x += attn(norm1(x)); x += mlp(norm2(x)): a Block of timm, a layer of vit_pytorch's Transformer. With layer_scale both
 * summands are multiplied by stored factors first: x += ls1(attn(norm1(x))); x += ls2(mlp(norm2(x))). Parameters of
 * these: ls1.gamma and ls2.gamma; the taps "attn" and "mlp" come after them, since they are folded into the weights. */
typedef struct cvt_vit_block {
    cvt_attention_spec attention;
    int hidden; /* channels within the feed-forward part, whose linear layers have biases */
    cvt_act act;
    float eps;
    cvt_gate gate;
    bool no_mlp_bias; /* its linear layers have none after all */
    bool layer_scale;
} cvt_vit_block;
/* The block in the scope that is open, without a tap. */
cvt_value cvtb_pre_norm(cvt_builder *b, cvt_value x, const cvt_vit_block *spec);
/* The block in a scope "block{j}" with j = index. Tap: "block{j}". */
cvt_value cvtb_vit_block(cvt_builder *b, cvt_value x, int index, const cvt_vit_block *spec);
/* `depth` blocks, from block0 on. */
cvt_value cvtb_vit_blocks(cvt_builder *b, cvt_value x, int depth, const cvt_vit_block *spec);

/* A convolutional embedding, norm(proj(map)), in a scope "embed". Tap: "embed". row: the class of its line in
 * torchsummary listings; NULL: it has no line. */
cvt_value cvtb_conv_embed(cvt_builder *b, cvt_value map, const cvt_conv *conv, float eps, const char *row);

/* ---- the parts of a ViT before and after its blocks ---- */

/* The tokens after the stored token "cls_token", which becomes the first. */
cvt_value cvtb_class_token(cvt_builder *b, cvt_value tokens);
/* tokens + the stored table "pos_embed". Tap: "tokens". The table has a row for each of `prefix` class tokens, then one
 * for each cell of the grid `table`. The rows of cells are resized to `grid`, on which the tokens lie. Both grids are
 * [height, width]. */
cvt_value cvtb_add_positions(cvt_builder *b, cvt_value tokens, int prefix, const int *table, const int *grid,
                             cvt_interpolation resize);
/* The token that is classified, [1, C]: the first one, or, with `mean`, the mean of all but the first `prefix`. */
cvt_value cvtb_pool_tokens(cvt_builder *b, cvt_value tokens, bool mean, int prefix);
/* Attention pooling, [T, C] -> [1, C], in a scope "pool": one stored token, "latent", attends to all tokens, y =
 * attn(latent, tokens), then y += mlp(norm(y)). Of the spec the norms before and LayerScale do not count. The tokens
 * lie on `grid`, [height, width]. Taps: "pool", "pool.attn", "pool.attn.map", "pool.mlp". */
cvt_value cvtb_attention_pool(cvt_builder *b, cvt_value tokens, const int *grid, const cvt_vit_block *spec);
/* The last layer, "head": the logits of one token [1, C]. That token becomes the graph's embedding. Of a model without
 * a classifier, which has 0 classes, it is the output too. */
cvt_value cvtb_classify(cvt_builder *b, cvt_value token, int classes);

/* ---- tables of names ---- */

/* Names outside the blocks that most files have as the graph has them: cls_token, pos_embed, norm.*, head.*. */
extern const cvt_name_row cvt_common_names[];
/* Names in a block of timm, which stacks queries, keys and values. */
extern const cvt_name_row cvt_timm_block[];
/* For what follows a scope of attention pooling: timm's names (latent, q, kv, proj, norm, mlp). */
extern const cvt_name_row cvt_timm_pool[];
/* Names in a layer of vit_pytorch's Transformer, in the older ones of which the norms are modules around the parts.
 * Each table consists of two, which are also used alone: that of the attention and that of the feed-forward part. */
extern const cvt_name_row cvt_vp_layer[], cvt_vp_attention[], cvt_vp_mlp[];
extern const cvt_name_row cvt_vp_old_layer[], cvt_vp_old_attention[], cvt_vp_old_mlp[];

#endif
