/* hf_vit.c - what the relatives of ViT in transformers share. */
#include "arch/hf_vit.h"

#include <string.h>

#include "arch/resolve.h"

cvt_hf_head cvt_hf_vit_head(cvt_base *base, const cvt_hf_vit *vit, bool said, const cvt_hf_class *classes,
                            const cvt_hints *hints) {
    cvt_hf_head head = said ? (cvt_hf_head)vit->head : CVT_HF_CLASSES;
    const cvt_hf_class *c = classes;
    while (c->name && !(hints->class_name && strcmp(c->name, hints->class_name) == 0)) c++;
    if (!said && c->name) {
        head = c->head;
    } else if (!said && hints->weights && !cvt_hints_tensor(hints, "head.weight", 0)) {
        head = cvt_hints_tensor(hints, "projection.weight", 0) ? CVT_HF_PROJECTION : CVT_HF_NONE;
    }
    if (base->headless && head == CVT_HF_CLASSES) head = CVT_HF_NONE;
    if (head != CVT_HF_CLASSES) base->classes = 0;
    return head;
}

cvt_status cvt_hf_vit_resolve(cvt_hf_vit *vit, cvt_error *error) {
    TRY(cvt_check_divides("num_attention_heads", vit->heads, "hidden_size", vit->dim, -1, error));
    for (int i = 0; i < 2; i++) {
        vit->table[i] = vit->image_size[i] / vit->patch_size[i];
        if (vit->table[i] < 1)
            return cvt_fail(error, CVT_CONFIG, "\"patch_size\" = %d is larger than \"image_size\" = %d",
                            vit->patch_size[i], vit->image_size[i]);
    }
    if ((int64_t)vit->table[0] * vit->table[1] > 1 << 24)
        return cvt_fail(error, CVT_CONFIG, "\"image_size\" has too many patches of \"patch_size\": %d x %d",
                        vit->table[0], vit->table[1]);
    return CVT_OK;
}

void cvt_hf_vit_grid(int *grid, const cvt_hf_vit *vit, const int *size) {
    for (int i = 0; i < 2; i++) grid[i] = size[i] / vit->patch_size[i];
}

cvt_value cvtb_hf_patches(cvt_builder *b, const cvt_hf_vit *vit, cvt_value image, bool bias) {
    cvt_conv conv = {.out = vit->dim,
                     .kh = vit->patch_size[0],
                     .kw = vit->patch_size[1],
                     .stride_h = vit->patch_size[0],
                     .stride_w = vit->patch_size[1],
                     .bias = bias};
    cvtb_open(b, "embed", 0, 0, "PatchEmbed");
    return cvtb_end(b, cvtb_tokens(b, cvtb_conv2d(b, image, "proj", &conv)));
}

cvt_vit_block cvt_hf_vit_block(const cvt_hf_vit *vit) {
    return (cvt_vit_block){
        .attention = {.heads = vit->heads, .dim_head = vit->dim / vit->heads, .qkv_bias = true, .out_bias = true},
        .hidden = vit->mlp_dim,
        .act = cvt_acts_named[vit->activation],
        .eps = (float)vit->eps,
    };
}

const cvt_name_row cvt_hf_clip_layer[] = {{"norm1.*", "layer_norm1.*"},
                                          {"attn.q.*", "self_attn.q_proj.*"},
                                          {"attn.k.*", "self_attn.k_proj.*"},
                                          {"attn.v.*", "self_attn.v_proj.*"},
                                          {"attn.proj.*", "self_attn.out_proj.*"},
                                          {"norm2.*", "layer_norm2.*"},
                                          {"mlp.*", "mlp.*"},
                                          {NULL, NULL}};
