/* vit.h - what the files of the family vit share: its config, the dialects of its weights, and its functions. vit.c has
 * the keys, vit_names.c the names of weights, vit_resolve.c what keys and weights mean together, vit_build.c the
 * forward pass. */
#ifndef CVT_ARCH_VIT_H
#define CVT_ARCH_VIT_H

#include "arch/arch.h"
#include "arch/blocks.h"

enum { CVT_VIT_PYTORCH, CVT_VIT_TIMM }; /* variant; a model of Hugging Face's is timm's variant */
extern const char *const cvt_vit_variants[];
enum { CVT_VIT_A, CVT_VIT_B, CVT_VIT_C, CVT_VIT_D }; /* layout of vit_pytorch */
/* What is classified. Only timm has more than the first two. */
enum {
    CVT_VIT_TOKEN,  /* the class token */
    CVT_VIT_MEAN,   /* the mean of the tokens */
    CVT_VIT_MAX,    /* the largest of each channel */
    CVT_VIT_AVGMAX, /* the mean of these two */
    CVT_VIT_MAP,    /* attention pooling */
    CVT_VIT_ALL,    /* nothing: the model gives all tokens */
};
enum { CVT_VIT_MLP, CVT_VIT_GLU, CVT_VIT_SWIGLU_PACKED, CVT_VIT_SWIGLU }; /* mlp_layer */
enum { CVT_VIT_LEARNED, CVT_VIT_NO_POSITIONS };                           /* pos_embed */
enum { CVT_VIT_BICUBIC, CVT_VIT_BILINEAR };                               /* pos_interpolation */

/* What comes after the transformer. */
typedef enum cvt_vit_head {
    CVT_VIT_HEAD_TOKEN,    /* the head of what is pooled, even if there is a distillation token */
    CVT_VIT_HEAD_BOTH,     /* the mean of the head of the class token and that of the distillation token */
    CVT_VIT_HEAD_FEATURES, /* no head: the output is what a classifier would read */
} cvt_vit_head;
/* The classes of Hugging Face's programs. The list ends with name NULL. */
typedef struct cvt_vit_class {
    const char *name;
    cvt_vit_head head;
    bool distilled;
} cvt_vit_class;
extern const cvt_vit_class cvt_vit_classes[];

typedef struct cvt_vit {
    cvt_base base;
    int variant, layout;
    int architecture;                 /* an index from 1 on into cvt_vit_classes; 0: the file names none */
    int image_size[2], patch_size[2]; /* image_size: of the images that the table of positions is for */
    int dim, depth, heads, dim_head, mlp_dim;
    double mlp_ratio, eps;
    int pool, activation;
    bool qkv_bias, class_token, distilled, fc_norm;
    bool pool_prefix; /* the pooling includes the class token and the registers */
    int reg_tokens, mlp_layer, pos_embed, pos_interpolation;
    bool qk_norm, pre_norm, no_embed_class, final_norm, proj_bias, dynamic_pad;
    double init_values; /* of LayerScale; only whether it is 0 counts */
    /* What resolve() finds. */
    cvt_vit_head head;
    bool layer_scale;
    bool head_bias;      /* false: CLIP's projection, which has none */
    bool late_registers; /* registers are put in after the positions have been added: facebook's DINOv2 */
    int table[2];        /* cells of the table of positions */
    cvt_interpolation resize;
} cvt_vit;

/* How many tokens stand before the patches. */
static inline int cvt_vit_prefix(const cvt_vit *c) { return c->class_token + c->distilled + c->reg_tokens; }
/* How many rows of the table of positions are not of patches. */
static inline int cvt_vit_table_prefix(const cvt_vit *c) {
    return c->no_embed_class ? 0 : c->late_registers ? c->class_token : cvt_vit_prefix(c);
}

extern const cvt_key cvt_vit_keys[];
extern const cvt_dialect cvt_vit_dialects[];
cvt_status cvt_vit_resolve(void *config, const cvt_hints *hints, cvt_error *error);
cvt_preprocess_spec cvt_vit_preprocess(const void *config, const cvt_hints *hints);
cvt_value cvt_vit_build(cvt_builder *b, const void *config);

#endif
