/* vit_names.c - the names that files have for the weights of the family vit: vit_pytorch's in four layouts, timm's,
 * those of the programs from which timm reads (facebook's DINOv2 and DeiT-III, OpenAI's and OpenCLIP's CLIP), and
 * Hugging Face's. */
#include "arch/vit.h"

/* ---- timm, and the programs whose files timm reads ---- */

#define ATTENTION                                                                                     \
    CVT_STACKED_3("attn.", "q", "k", "v", "attn.qkv.*"), {"attn.q_norm.*", "attn.q_norm.*"},          \
        {"attn.k_norm.*", "attn.k_norm.*"}, {"attn.proj.*", "attn.proj.*"}, {"norm1.*", "norm1.*"}, { \
        "norm2.*", "norm2.*"                                                                          \
    }
static const cvt_name_row timm_block[] = {ATTENTION,
                                          {"ls1.*", "ls1.*"},
                                          {"ls2.*", "ls2.*"},
                                          CVT_STACKED_2("mlp.", "fc1a", "fc1b", "mlp.fc1.*"),
                                          {"mlp.fc1.*", "mlp.fc1.*"},
                                          {"mlp.fc2.*", "mlp.fc2.*"},
                                          {NULL, NULL}};
static const cvt_name_row timm_rest[] = {{"dist_token", "dist_token"},
                                         {"reg_token", "reg_token"},
                                         {"embed.proj.weight", "patch_embed.proj.weight", .axes = "abcd"},
                                         {"embed.proj.bias", "patch_embed.proj.bias"},
                                         {"norm_pre.*", "norm_pre.*"},
                                         {"fc_norm.*", "fc_norm.*"},
                                         {"pool.*", "attn_pool.*", .rows = cvt_timm_pool},
                                         {"head_dist.*", "head_dist.*"},
                                         {"*", "*", .rows = cvt_common_names},
                                         {NULL, "pre_logits.*"}, /* of old files */
                                         {NULL, "mask_token"},   /* DINOv2's, for training */
                                         {NULL, "attn_pool.*"},  /* SigLIP's, where the mean is taken instead */
                                         {NULL, NULL}};
static const cvt_name_row timm[] = {
    {"block{j}.*", "blocks.{j}.*", .rows = timm_block}, {"*", "*", .rows = timm_rest}, {NULL, NULL}};
/* Two layers in place of the stacked one. */
static const cvt_name_row swiglu_block[] = {ATTENTION,
                                            {"ls1.*", "ls1.*"},
                                            {"ls2.*", "ls2.*"},
                                            {"mlp.fc1a.*", "mlp.fc1_g.*"},
                                            {"mlp.fc1b.*", "mlp.fc1_x.*"},
                                            {"mlp.fc2.*", "mlp.fc2.*"},
                                            {NULL, NULL}};
static const cvt_name_row timm_swiglu[] = {
    {"block{j}.*", "blocks.{j}.*", .rows = swiglu_block}, {"*", "*", .rows = timm_rest}, {NULL, NULL}};
/* Patches that a linear layer makes tokens. */
static const cvt_name_row timm_flat[] = {
    {"embed.proj.weight", "patch_embed.proj.weight", .axes = "a(bcd)"}, {"*", "*", .rows = timm}, {NULL, NULL}};

/* DeiT-III as facebook published it. */
static const cvt_name_row deit3_block[] = {
    {"ls1.gamma", "gamma_1"}, {"ls2.gamma", "gamma_2"}, {"*", "*", .rows = timm_block}, {NULL, NULL}};
static const cvt_name_row deit3[] = {
    {"block{j}.*", "blocks.{j}.*", .rows = deit3_block}, {"*", "*", .rows = timm}, {NULL, NULL}};

/* DINOv2 as facebook published it. Its class token and registers: see late_registers in vit.h. */
static const cvt_name_row dinov2_block[] = {CVT_STACKED_2("mlp.", "fc1a", "fc1b", "mlp.w12.*"),
                                            {"mlp.fc2.*", "mlp.w3.*"},
                                            {"*", "*", .rows = timm_block},
                                            {NULL, NULL}};
/* The same without the gate. */
static const cvt_name_row dinov2[] = {{"reg_token", "register_tokens"}, {"*", "*", .rows = timm}, {NULL, NULL}};
static const cvt_name_row dinov2_giant[] = {{"reg_token", "register_tokens"},
                                            {"block{j}.*", "blocks.{j}.*", .rows = dinov2_block},
                                            {"*", "*", .rows = timm},
                                            {NULL, NULL}};

/* CLIP as OpenAI and OpenCLIP have it. The projection has no bias. The text tower is not read. */
static const cvt_name_row openai_block[] = {{"norm1.*", "ln_1.*"},
                                            {"norm2.*", "ln_2.*"},
                                            {"attn.q.weight", "attn.in_proj_weight", .part = 0, .parts = 3},
                                            {"attn.k.weight", "attn.in_proj_weight", .part = 1, .parts = 3},
                                            {"attn.v.weight", "attn.in_proj_weight", .part = 2, .parts = 3},
                                            {"attn.q.bias", "attn.in_proj_bias", .part = 0, .parts = 3},
                                            {"attn.k.bias", "attn.in_proj_bias", .part = 1, .parts = 3},
                                            {"attn.v.bias", "attn.in_proj_bias", .part = 2, .parts = 3},
                                            {"attn.proj.*", "attn.out_proj.*"},
                                            {"ls1.*", "ls_1.*"},
                                            {"ls2.*", "ls_2.*"},
                                            {"mlp.fc1.*", "mlp.c_fc.*"},
                                            {"mlp.fc2.*", "mlp.c_proj.*"},
                                            {NULL, NULL}};
static const cvt_name_row openai_tower[] = {{"cls_token", "{}class_embedding", .axes = "c"},
                                            {"pos_embed", "{}positional_embedding", .axes = "bc"},
                                            {"embed.proj.*", "{}conv1.*"},
                                            {"norm_pre.*", "{}ln_pre.*"},
                                            {"block{j}.*", "{}transformer.resblocks.{j}.*", .rows = openai_block},
                                            {"norm.*", "{}ln_post.*"},
                                            {"head.weight", "{}proj", .axes = "ba"},
                                            {NULL, NULL}};
static const cvt_name_row text_tower[] = {{NULL, "transformer.*"},
                                          {NULL, "text.*"},
                                          {NULL, "token_embedding.*"},
                                          {NULL, "positional_embedding"},
                                          {NULL, "ln_final.*"},
                                          {NULL, "text_projection"},
                                          {NULL, "logit_scale"},
                                          {NULL, "logit_bias"},
                                          {NULL, "attn_mask"},
                                          {NULL, "input_resolution"},
                                          {NULL, "context_length"},
                                          {NULL, "vocab_size"},
                                          {NULL, NULL}};
static const cvt_name_row openai[] = {{"*", "*", .rows = openai_tower}, {"*", "*", .rows = text_tower}, {NULL, NULL}};
/* OpenCLIP around a tower of timm's. */
static const cvt_name_row openclip_trunk[] = {{"head.weight", "visual.head.proj.weight"},
                                              {"*", "visual.trunk.*", .rows = timm},
                                              {"*", "*", .rows = text_tower},
                                              {NULL, NULL}};

/* ---- vit_pytorch ---- */

static const cvt_name_row vp_embed[] = {{"embed.norm1.weight", "to_patch_embedding.1.weight", .axes = "a"},
                                        {"embed.norm1.bias", "to_patch_embedding.1.bias"},
                                        {"embed.linear.*", "to_patch_embedding.2.*"},
                                        {"embed.norm2.*", "to_patch_embedding.3.*"},
                                        {NULL, NULL}};
/* Tokens, blocks and head of layouts a and b; then blocks and head of c and d. */
static const cvt_name_row vp_old[] = {{"cls_token", "cls_token", .axes = "abc"},
                                      {"pos_embed", "pos_embedding", .axes = "abc"},
                                      {"block{j}.*", "transformer.layers.{j}.*", .rows = cvt_vp_old_layer},
                                      {"norm.*", "mlp_head.0.*"},
                                      {"fc_norm.*", "mlp_head.0.*"},
                                      {"head.*", "mlp_head.1.*"},
                                      {NULL, NULL}};
static const cvt_name_row vp_new[] = {{"block{j}.*", "transformer.layers.{j}.*", .rows = cvt_vp_layer},
                                      {"norm.*", "transformer.norm.*"},
                                      {"head.*", "mlp_head.*"},
                                      {NULL, NULL}};
static const cvt_name_row layout_a[] = {{"embed.linear.weight", "to_patch_embedding.1.weight", .axes = "ab"},
                                        {"embed.linear.bias", "to_patch_embedding.1.bias"},
                                        {"*", "*", .rows = vp_old},
                                        {NULL, NULL}};
static const cvt_name_row layout_b[] = {{"*", "*", .rows = vp_embed}, {"*", "*", .rows = vp_old}, {NULL, NULL}};
static const cvt_name_row layout_c[] = {{"cls_token", "cls_token", .axes = "abc"},
                                        {"pos_embed", "pos_embedding", .axes = "abc"},
                                        {"*", "*", .rows = vp_embed},
                                        {"*", "*", .rows = vp_new},
                                        {NULL, NULL}};
static const cvt_name_row layout_d[] = {
    {"cls_token", "cls_token", .axes = "bc"}, /* the shapes have no leading 1 */
    {"pos_embed", "pos_embedding", .axes = "bc"},
    {"*", "*", .rows = vp_embed},
    {"*", "*", .rows = vp_new},
    {NULL, "cls_token"}, /* a model without a class token stores an empty one: [0, dim] */
    {NULL, NULL}};

/* ---- Hugging Face ---- */

static const cvt_name_row hf_layer[] = {{"norm1.*", "layernorm_before.*"},
                                        {"attn.q.*", "attention.attention.query.*"},
                                        {"attn.k.*", "attention.attention.key.*"},
                                        {"attn.v.*", "attention.attention.value.*"},
                                        {"attn.proj.*", "attention.output.dense.*"},
                                        {"norm2.*", "layernorm_after.*"},
                                        {"mlp.fc1.*", "intermediate.dense.*"},
                                        {"mlp.fc2.*", "output.dense.*"},
                                        {NULL, NULL}};
static const cvt_name_row hf[] = {{"cls_token", "{}embeddings.cls_token"},
                                  {"pos_embed", "{}embeddings.position_embeddings"},
                                  {"embed.proj.*", "{}embeddings.patch_embeddings.projection.*"},
                                  {"block{j}.*", "{}encoder.layer.{j}.*", .rows = hf_layer},
                                  {"norm.*", "{}layernorm.*"},
                                  {"head.*", "classifier.*"},
                                  {NULL, "{}embeddings.mask_token"},
                                  {NULL, "{}pooler.*"},
                                  {NULL, NULL}};
/* ViTMSN's files have no prefix in front of the blocks alone. */
static const cvt_name_row hf_msn[] = {
    {"block{j}.*", "encoder.layer.{j}.*", .rows = hf_layer}, {"*", "*", .rows = hf}, {NULL, NULL}};
static const cvt_name_row hf_deit[] = {
    {"dist_token", "{}embeddings.distillation_token"}, {"*", "*", .rows = hf}, {NULL, NULL}};
static const cvt_name_row hf_teacher[] = {{"head.*", "cls_classifier.*"},
                                          {"head_dist.*", "distillation_classifier.*"},
                                          {"*", "*", .rows = hf_deit},
                                          {NULL, NULL}};

/* The names that transformers 5 has in memory, which torch.save writes. save_pretrained writes those above. */
static const cvt_name_row hf5_layer[] = {{"norm1.*", "layernorm_before.*"},
                                         {"attn.q.*", "attention.q_proj.*"},
                                         {"attn.k.*", "attention.k_proj.*"},
                                         {"attn.v.*", "attention.v_proj.*"},
                                         {"attn.proj.*", "attention.o_proj.*"},
                                         {"norm2.*", "layernorm_after.*"},
                                         {"mlp.*", "mlp.*"},
                                         {NULL, NULL}};
#define HF5_BLOCKS \
    { "block{j}.*", "{}layers.{j}.*", .rows = hf5_layer }
static const cvt_name_row hf5[] = {HF5_BLOCKS, {"*", "*", .rows = hf}, {NULL, NULL}};
static const cvt_name_row hf5_deit[] = {HF5_BLOCKS, {"*", "*", .rows = hf_deit}, {NULL, NULL}};
static const cvt_name_row hf5_teacher[] = {HF5_BLOCKS, {"*", "*", .rows = hf_teacher}, {NULL, NULL}};

/* In the file of a bare model, or of a tower alone, {} is nothing. */
const cvt_dialect cvt_vit_dialects[] = {{"native"},
                                        {"vit_pytorch_a", layout_a},
                                        {"vit_pytorch_b", layout_b},
                                        {"vit_pytorch_c", layout_c},
                                        {"vit_pytorch_d", layout_d},
                                        {"timm", timm},
                                        {"timm_swiglu", timm_swiglu},
                                        {"timm_flat", timm_flat},
                                        {"deit3", deit3},
                                        {"dinov2", dinov2},
                                        {"dinov2_giant", dinov2_giant},
                                        {"openai", openai, "visual."},
                                        {"openai_tower", openai_tower, ""},
                                        {"openclip_trunk", openclip_trunk},
                                        {"hf", hf, "vit."},
                                        {"hf_msn", hf_msn, "vit."},
                                        {"hf_deit", hf_deit, "deit."},
                                        {"hf_deit_teacher", hf_teacher, "deit."},
                                        {"hf_bare", hf_deit, ""},
                                        {"hf5", hf5, "vit."},
                                        {"hf5_deit", hf5_deit, "deit."},
                                        {"hf5_deit_teacher", hf5_teacher, "deit."},
                                        {"hf5_bare", hf5_deit, ""},
                                        {NULL}};
