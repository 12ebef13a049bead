/* hf_vit.h - what the relatives of ViT in Hugging Face's transformers share (CLIP, SigLIP, DINOv2, BEiT): their keys,
 * the parts before the blocks, and how one finds out what stands after them. Their configs have the same names for the
 * same things, and q, k and v are three tensors. */
#ifndef CVT_ARCH_HF_VIT_H
#define CVT_ARCH_HF_VIT_H

#include "arch/act_names.h"
#include "arch/arch.h"
#include "arch/blocks.h"

/* What the model gives. The families name those that they have in a key "head", in this order. */
typedef enum cvt_hf_head {
    CVT_HF_CLASSES,    /* logits of classes */
    CVT_HF_NONE,       /* what a classifier or a projection would read, or what the original calls the pooled output */
    CVT_HF_PROJECTION, /* what is compared with a text: a linear layer without bias */
} cvt_hf_head;

/* A class of transformers, by its name in "architectures". Lists end with name NULL. */
typedef struct cvt_hf_class {
    const char *name;
    cvt_hf_head head;
} cvt_hf_class;

/* The config of a family begins with a cvt_base `base` and has one of these as `vit`. */
typedef struct cvt_hf_vit {
    int image_size[2], patch_size[2]; /* image_size: of the images that the table of positions is for */
    int dim, depth, heads, mlp_dim, activation, head;
    double eps;
    int table[2]; /* cells of the table of positions */
} cvt_hf_vit;

/* The rows that all have. patch: the default of "patch_size"; act: that of "hidden_act"; norm_eps: that of
 * "layer_norm_eps"; head_names: the choices of "head". */
/* clang-format off */
#define CVT_HF_VIT_KEYS(patch, act, norm_eps, head_names)                                                             \
    SIZE("image_size", vit.image_size, 1, 65535, "224", "of the images that the positions are for"),                  \
    SIZE("patch_size", vit.patch_size, 1, 65535, patch, "of a patch"),                                                \
    INT("num_channels", base.channels, 1, 64, "3", "of the input"),                                                   \
    INT("num_classes", base.classes, 0, 1000000, NULL, "0: head is none; default: as in the weights, else 1000"),     \
    SAME("num_labels", "num_classes", CVT_CONFIG_HF),                                                                 \
    INT("hidden_size", vit.dim, 1, 65536, "768", "channels of the tokens"),                                           \
    INT("num_hidden_layers", vit.depth, 1, 1000, "12", "blocks"),                                                     \
    INT("num_attention_heads", vit.heads, 1, 4096, "12", "attention heads"),                                          \
    CHOICE("hidden_act", vit.activation, cvt_act_names, act, "of the feed-forward parts"),                            \
    NUM("layer_norm_eps", vit.eps, 0, 1, norm_eps, "of all norms"),                                                   \
    CHOICE("head", vit.head, head_names, NULL, "what the model gives; default: as the weights tell, else classes")
#define CVT_HF_VIT_MLP_KEY \
    INT("intermediate_size", vit.mlp_dim, 1, 1 << 22, "3072", "hidden channels of the feed-forward parts")
/* clang-format on */

/* Returns what the model gives: the value of "head" if the file has it (said), else what the class in "architectures"
 * gives, else what the weights tell by the parameters head.weight and projection.weight, else classes. A model without
 * classes gets 0 of them. */
cvt_hf_head cvt_hf_vit_head(cvt_base *base, const cvt_hf_vit *vit, bool said, const cvt_hf_class *classes,
                            const cvt_hints *hints);
/* Checks what the keys mean together and finds the grid of the table. CVT_CONFIG. */
cvt_status cvt_hf_vit_resolve(cvt_hf_vit *vit, cvt_error *error);

/* The grid of the patches of an input of this size. */
void cvt_hf_vit_grid(int *grid, const cvt_hf_vit *vit, const int *size);
/* Makes the patches of an image tokens [h * w, dim], in a scope "embed". Tap: "embed". What is left over at the right
 * and below is dropped. */
cvt_value cvtb_hf_patches(cvt_builder *b, const cvt_hf_vit *vit, cvt_value image, bool bias);
/* A block of pre-norm attention with q, k and v of dim channels. */
cvt_vit_block cvt_hf_vit_block(const cvt_hf_vit *vit);

/* Names in a layer of CLIP's and SigLIP's towers. */
extern const cvt_name_row cvt_hf_clip_layer[];

#endif
