/* presets.c - the models of timm's registry that configs name as their "architecture": each is a config in the native
 * dialect, JSON in which ' stands for ". */
#include "arch/arch.h"

/* clang-format off */
/* ---- the words of presets_vit.def ---- */

#define V(name, size, patch, arguments, image, crop, preparing)                                                 \
    {"vit", name, "{'variant': 'timm', 'patch_size': " #patch ", " size arguments ", 'preprocess': {"           \
     "'input_size': [3, " #image ", " #image "], 'crop_pct': " #crop preparing "}}"},
#define SIZE(dim, depth, heads) "'embed_dim': " #dim ", 'depth': " #depth ", 'num_heads': " #heads
#define TINY SIZE(192, 12, 3)
#define XSMALL SIZE(256, 10, 4)
#define WEE SIZE(256, 14, 4)
#define LITTLE SIZE(320, 14, 5)
#define SMALL SIZE(384, 12, 6)
#define MEDIUM SIZE(512, 12, 8)
#define MEDIUMD SIZE(512, 20, 8)
#define BETWIXT SIZE(640, 12, 10)
#define BASE SIZE(768, 12, 12)
#define SO150M2 SIZE(832, 21, 13)
#define SO150M SIZE(896, 18, 14)
#define PLUS SIZE(896, 12, 14)
#define LARGE SIZE(1024, 24, 16)
#define SO400M SIZE(1152, 27, 16)
#define HUGE SIZE(1280, 32, 16)
#define GIANT SIZE(1408, 40, 16)
#define GIANTOPT SIZE(1536, 40, 16)
#define GIANT2 SIZE(1536, 40, 24)
#define GIGANTIC SIZE(1664, 48, 16)
#define PLAIN ""
#define PRE_NORM ", 'pre_norm': true, 'layer_norm_eps': 1e-5"
#define SCALED ", 'init_values': 1e-5"
#define REGISTERS(n) ", 'reg_tokens': " #n
#define NO_CLASS_POS ", 'no_embed_class': true"
#define MAP ", 'class_token': false, 'global_pool': 'map'"
#define AVG ", 'class_token': false, 'global_pool': 'avg'"
#define CLASS_AVG ", 'global_pool': 'avg'"
#define NO_FC_NORM ", 'fc_norm': false"
#define WITH_PREFIX ", 'pool_include_prefix': true"
#define RATIO(n) ", 'mlp_ratio': " #n
#define SWIGLU ", 'mlp_layer': 'SwiGLUPacked', 'act_layer': 'silu'"
#define QUICK ", 'act_layer': 'quick_gelu'"
#define TANH ", 'act_layer': 'gelu_tanh'"
#define NO_QKV_BIAS ", 'qkv_bias': false"
#define DISTILLED ", 'distilled': true"
#define FLEXI ", 'pos_interpolation': 'bilinear'"
#define BILINEAR ", 'interpolation': 'bilinear'"
#define FEATURES ", 'num_classes': 0"
#define IMAGENET ""
#define HALF ", 'mean': 0.5, 'std': 0.5"
#define RAW ", 'mean': 0, 'std': 1"
#define CLIP ", 'mean': [0.48145466, 0.4578275, 0.40821073], 'std': [0.26862954, 0.26130258, 0.27577711]"
#define SQUASH ", 'crop_mode': 'squash'"

const cvt_preset cvt_presets[] = {
    {"convit", "convit_tiny", "{'variant': 'fb', 'embed_dim': 48, 'num_heads': 4, 'local_up_to_layer': 10, "
     "'preprocess': {'input_size': [3, 224, 224]}}"},
    {"convit", "convit_small", "{'variant': 'fb', 'embed_dim': 48, 'num_heads': 9, 'local_up_to_layer': 10, "
     "'preprocess': {'input_size': [3, 224, 224]}}"},
    {"convit", "convit_base", "{'variant': 'fb', 'embed_dim': 48, 'num_heads': 16, 'local_up_to_layer': 10, "
     "'preprocess': {'input_size': [3, 224, 224]}}"},
#include "arch/presets_vit.def"
    {"crossvit_ibm", "crossvit_tiny_240", "{'embed_dim': [96, 192], 'num_heads': [3, 3], 'mlp_ratio': [4, 4, 1], "
     "'depth': [[1, 4, 0], [1, 4, 0], [1, 4, 0]], 'img_scale': [1.0, 0.93333333333333335], "
     "'preprocess': {'input_size': [3, 240, 240], 'crop_pct': 0.875}}"},
    {"crossvit_ibm", "crossvit_small_240", "{'embed_dim': [192, 384], 'num_heads': [6, 6], 'mlp_ratio': [4, 4, 1], "
     "'depth': [[1, 4, 0], [1, 4, 0], [1, 4, 0]], 'img_scale': [1.0, 0.93333333333333335], "
     "'preprocess': {'input_size': [3, 240, 240], 'crop_pct': 0.875}}"},
    {"crossvit_ibm", "crossvit_base_240", "{'embed_dim': [384, 768], 'num_heads': [12, 12], 'mlp_ratio': [4, 4, 1], "
     "'depth': [[1, 4, 0], [1, 4, 0], [1, 4, 0]], 'img_scale': [1.0, 0.93333333333333335], "
     "'preprocess': {'input_size': [3, 240, 240], 'crop_pct': 0.875}}"},
    {"crossvit_ibm", "crossvit_9_240", "{'embed_dim': [128, 256], 'num_heads': [4, 4], 'mlp_ratio': [3, 3, 1], "
     "'depth': [[1, 3, 0], [1, 3, 0], [1, 3, 0]], 'img_scale': [1.0, 0.93333333333333335], "
     "'preprocess': {'input_size': [3, 240, 240], 'crop_pct': 0.875}}"},
    {"crossvit_ibm", "crossvit_9_dagger_240", "{'embed_dim': [128, 256], 'num_heads': [4, 4], 'mlp_ratio': [3, 3, "
     "1], 'depth': [[1, 3, 0], [1, 3, 0], [1, 3, 0]], 'multi_conv': true, 'img_scale': [1.0, 0.93333333333333335], "
     "'preprocess': {'input_size': [3, 240, 240], 'crop_pct': 0.875}}"},
    {"crossvit_ibm", "crossvit_15_240", "{'embed_dim': [192, 384], 'num_heads': [6, 6], 'mlp_ratio': [3, 3, 1], "
     "'depth': [[1, 5, 0], [1, 5, 0], [1, 5, 0]], 'img_scale': [1.0, 0.93333333333333335], "
     "'preprocess': {'input_size': [3, 240, 240], 'crop_pct': 0.875}}"},
    {"crossvit_ibm", "crossvit_15_dagger_240", "{'embed_dim': [192, 384], 'num_heads': [6, 6], 'mlp_ratio': [3, 3, "
     "1], 'depth': [[1, 5, 0], [1, 5, 0], [1, 5, 0]], 'multi_conv': true, 'img_scale': [1.0, 0.93333333333333335], "
     "'preprocess': {'input_size': [3, 240, 240], 'crop_pct': 0.875}}"},
    {"crossvit_ibm", "crossvit_15_dagger_408", "{'embed_dim': [192, 384], 'num_heads': [6, 6], 'mlp_ratio': [3, 3, "
     "1], 'depth': [[1, 5, 0], [1, 5, 0], [1, 5, 0]], 'multi_conv': true, 'img_scale': [1.0, 0.94117647058823528], "
     "'preprocess': {'input_size': [3, 408, 408], 'crop_pct': 1.0}}"},
    {"crossvit_ibm", "crossvit_18_240", "{'embed_dim': [224, 448], 'num_heads': [7, 7], 'mlp_ratio': [3, 3, 1], "
     "'depth': [[1, 6, 0], [1, 6, 0], [1, 6, 0]], 'img_scale': [1.0, 0.93333333333333335], "
     "'preprocess': {'input_size': [3, 240, 240], 'crop_pct': 0.875}}"},
    {"crossvit_ibm", "crossvit_18_dagger_240", "{'embed_dim': [224, 448], 'num_heads': [7, 7], 'mlp_ratio': [3, 3, "
     "1], 'depth': [[1, 6, 0], [1, 6, 0], [1, 6, 0]], 'multi_conv': true, 'img_scale': [1.0, 0.93333333333333335], "
     "'preprocess': {'input_size': [3, 240, 240], 'crop_pct': 0.875}}"},
    {"crossvit_ibm", "crossvit_18_dagger_408", "{'embed_dim': [224, 448], 'num_heads': [7, 7], 'mlp_ratio': [3, 3, "
     "1], 'depth': [[1, 6, 0], [1, 6, 0], [1, 6, 0]], 'multi_conv': true, 'img_scale': [1.0, 0.94117647058823528], "
     "'preprocess': {'input_size': [3, 408, 408], 'crop_pct': 1.0}}"},
    {"tnt", "tnt_s_patch16_224", "{'legacy': false, 'embed_dim': 384, 'inner_dim': 24, 'num_heads_outer': 6, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9, 'crop_rounding': 'floor', 'mean': 0.5, "
     "'std': 0.5}}"},
    {"tnt", "tnt_s_legacy_patch16_224", "{'legacy': true, 'embed_dim': 384, 'inner_dim': 24, 'num_heads_outer': 6, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9, 'crop_rounding': 'floor', 'mean': 0.5, "
     "'std': 0.5}}"},
    {"tnt", "tnt_b_patch16_224", "{'legacy': false, 'embed_dim': 640, 'inner_dim': 40, 'num_heads_outer': 10, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9, 'crop_rounding': 'floor', 'mean': 0.5, "
     "'std': 0.5}}"},
    {"pvt_v2", "pvt_v2_b0", "{'embed_dims': [32, 64, 160, 256], 'depths': [2, 2, 2, 2], 'mlp_ratios': [8, 8, 4, 4], "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"pvt_v2", "pvt_v2_b1", "{'embed_dims': [64, 128, 320, 512], 'depths': [2, 2, 2, 2], 'mlp_ratios': [8, 8, 4, 4], "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"pvt_v2", "pvt_v2_b2", "{'embed_dims': [64, 128, 320, 512], 'depths': [3, 4, 6, 3], 'mlp_ratios': [8, 8, 4, 4], "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"pvt_v2", "pvt_v2_b2_li", "{'embed_dims': [64, 128, 320, 512], 'depths': [3, 4, 6, 3], 'mlp_ratios': [8, 8, 4, "
     "4], 'linear': true, 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"pvt_v2", "pvt_v2_b3", "{'embed_dims': [64, 128, 320, 512], 'depths': [3, 4, 18, 3], 'mlp_ratios': [8, 8, 4, "
     "4], 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"pvt_v2", "pvt_v2_b4", "{'embed_dims': [64, 128, 320, 512], 'depths': [3, 8, 27, 3], 'mlp_ratios': [8, 8, 4, "
     "4], 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"pvt_v2", "pvt_v2_b5", "{'embed_dims': [64, 128, 320, 512], 'depths': [3, 6, 40, 3], 'mlp_ratios': [4, 4, 4, "
     "4], 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"twins_pcpvt", "twins_pcpvt_small", "{'depths': [3, 4, 6, 3], 'preprocess': {'input_size': [3, 224, 224], "
     "'crop_pct': 0.9}}"},
    {"twins_pcpvt", "twins_pcpvt_base", "{'depths': [3, 4, 18, 3], 'preprocess': {'input_size': [3, 224, 224], "
     "'crop_pct': 0.9}}"},
    {"twins_pcpvt", "twins_pcpvt_large", "{'depths': [3, 8, 27, 3], 'preprocess': {'input_size': [3, 224, 224], "
     "'crop_pct': 0.9}}"},
    {"efficientnet_lite", "tf_efficientnet_lite0", "{'channel_multiplier': 1.0, 'depth_multiplier': 1.0, "
     "'pad_type': 'same', 'bn_eps': 1e-3, 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875, "
     "'interpolation': 'bicubic', 'mean': 0.5, 'std': 0.5}}"},
    {"efficientnet_lite", "tf_efficientnet_lite1", "{'channel_multiplier': 1.0, 'depth_multiplier': 1.1, "
     "'pad_type': 'same', 'bn_eps': 1e-3, 'preprocess': {'input_size': [3, 240, 240], 'crop_pct': 0.882, "
     "'interpolation': 'bicubic', 'mean': 0.5, 'std': 0.5}}"},
    {"efficientnet_lite", "tf_efficientnet_lite2", "{'channel_multiplier': 1.1, 'depth_multiplier': 1.2, "
     "'pad_type': 'same', 'bn_eps': 1e-3, 'preprocess': {'input_size': [3, 260, 260], 'crop_pct': 0.890, "
     "'interpolation': 'bicubic', 'mean': 0.5, 'std': 0.5}}"},
    {"efficientnet_lite", "tf_efficientnet_lite3", "{'channel_multiplier': 1.2, 'depth_multiplier': 1.4, "
     "'pad_type': 'same', 'bn_eps': 1e-3, 'preprocess': {'input_size': [3, 300, 300], 'crop_pct': 0.904, "
     "'interpolation': 'bilinear', 'mean': 0.5, 'std': 0.5}}"},
    {"efficientnet_lite", "tf_efficientnet_lite4", "{'channel_multiplier': 1.4, 'depth_multiplier': 1.8, "
     "'pad_type': 'same', 'bn_eps': 1e-3, 'preprocess': {'input_size': [3, 380, 380], 'crop_pct': 0.920, "
     "'interpolation': 'bilinear', 'mean': 0.5, 'std': 0.5}}"},
    {"efficientnet_lite", "efficientnet_lite0", "{'channel_multiplier': 1.0, 'depth_multiplier': 1.0, "
     "'pad_type': '', 'bn_eps': 1e-5, 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"efficientnet_lite", "efficientnet_lite1", "{'channel_multiplier': 1.0, 'depth_multiplier': 1.1, "
     "'pad_type': '', 'bn_eps': 1e-5, 'preprocess': {'input_size': [3, 240, 240], 'crop_pct': 0.882}}"},
    {"efficientnet_lite", "efficientnet_lite2", "{'channel_multiplier': 1.1, 'depth_multiplier': 1.2, "
     "'pad_type': '', 'bn_eps': 1e-5, 'preprocess': {'input_size': [3, 260, 260], 'crop_pct': 0.890}}"},
    {"efficientnet_lite", "efficientnet_lite3", "{'channel_multiplier': 1.2, 'depth_multiplier': 1.4, "
     "'pad_type': '', 'bn_eps': 1e-5, 'preprocess': {'input_size': [3, 300, 300], 'crop_pct': 0.904}}"},
    {"efficientnet_lite", "efficientnet_lite4", "{'channel_multiplier': 1.4, 'depth_multiplier': 1.8, "
     "'pad_type': '', 'bn_eps': 1e-5, 'preprocess': {'input_size': [3, 380, 380], 'crop_pct': 0.922}}"},
    {"resnet", "resnet10t", "{'depths': [1, 1, 1, 1], 'layer_type': 'basic', 'stem_type': 'deep_tiered', "
     "'stem_width': 32, 'avg_down': true, 'preprocess': {'input_size': [3, 176, 176], 'crop_pct': 0.875}}"},
    {"resnet", "resnet14t", "{'depths': [1, 1, 1, 1], 'stem_type': 'deep_tiered', 'stem_width': 32, 'avg_down': "
     "true, 'preprocess': {'input_size': [3, 176, 176], 'crop_pct': 0.875}}"},
    {"resnet", "resnet18", "{'depths': [2, 2, 2, 2], 'layer_type': 'basic', 'preprocess': {'input_size': [3, 224, "
     "224], 'crop_pct': 0.95}}"},
    {"resnet", "resnet18d", "{'depths': [2, 2, 2, 2], 'layer_type': 'basic', 'stem_type': 'deep', 'stem_width': 32, "
     "'avg_down': true, 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "resnet26", "{'depths': [2, 2, 2, 2], 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "resnet26d", "{'depths': [2, 2, 2, 2], 'stem_type': 'deep', 'stem_width': 32, 'avg_down': true, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "resnet26t", "{'depths': [2, 2, 2, 2], 'stem_type': 'deep_tiered', 'stem_width': 32, 'avg_down': "
     "true, 'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 0.94}}"},
    {"resnet", "resnet34", "{'depths': [3, 4, 6, 3], 'layer_type': 'basic', 'preprocess': {'input_size': [3, 224, "
     "224], 'crop_pct': 0.95}}"},
    {"resnet", "resnet34d", "{'depths': [3, 4, 6, 3], 'layer_type': 'basic', 'stem_type': 'deep', 'stem_width': 32, "
     "'avg_down': true, 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "resnet50", "{'depths': [3, 4, 6, 3], 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.95}}"},
    {"resnet", "resnet50c", "{'depths': [3, 4, 6, 3], 'stem_type': 'deep', 'stem_width': 32, 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "resnet50d", "{'depths': [3, 4, 6, 3], 'stem_type': 'deep', 'stem_width': 32, 'avg_down': true, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "resnet50s", "{'depths': [3, 4, 6, 3], 'stem_type': 'deep', 'stem_width': 64, 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "resnet50t", "{'depths': [3, 4, 6, 3], 'stem_type': 'deep_tiered', 'stem_width': 32, 'avg_down': "
     "true, 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "resnet101", "{'depths': [3, 4, 23, 3], 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': "
     "0.95}}"},
    {"resnet", "resnet101c", "{'depths': [3, 4, 23, 3], 'stem_type': 'deep', 'stem_width': 32, 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "resnet101d", "{'depths': [3, 4, 23, 3], 'stem_type': 'deep', 'stem_width': 32, 'avg_down': true, "
     "'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 0.95}}"},
    {"resnet", "resnet101s", "{'depths': [3, 4, 23, 3], 'stem_type': 'deep', 'stem_width': 64, 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "resnet152", "{'depths': [3, 8, 36, 3], 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': "
     "0.95}}"},
    {"resnet", "resnet152c", "{'depths': [3, 8, 36, 3], 'stem_type': 'deep', 'stem_width': 32, 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "resnet152d", "{'depths': [3, 8, 36, 3], 'stem_type': 'deep', 'stem_width': 32, 'avg_down': true, "
     "'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 0.95}}"},
    {"resnet", "resnet152s", "{'depths': [3, 8, 36, 3], 'stem_type': 'deep', 'stem_width': 64, 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "resnet200", "{'depths': [3, 24, 36, 3], 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': "
     "0.875}}"},
    {"resnet", "resnet200d", "{'depths': [3, 24, 36, 3], 'stem_type': 'deep', 'stem_width': 32, 'avg_down': true, "
     "'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 0.95}}"},
    {"resnet", "wide_resnet50_2", "{'depths': [3, 4, 6, 3], 'base_width': 128, 'preprocess': {'input_size': [3, "
     "224, 224], 'crop_pct': 0.875}}"},
    {"resnet", "wide_resnet101_2", "{'depths': [3, 4, 23, 3], 'base_width': 128, 'preprocess': {'input_size': [3, "
     "224, 224], 'crop_pct': 0.875, 'interpolation': 'bilinear'}}"},
    {"convnext", "convnext_atto", "{'depths': [2, 2, 6, 2], 'dims': [40, 80, 160, 320], 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnext_atto_ols", "{'depths': [2, 2, 6, 2], 'dims': [40, 80, 160, 320], 'stem_type': "
     "'overlap_tiered', 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnext_femto", "{'depths': [2, 2, 6, 2], 'dims': [48, 96, 192, 384], 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnext_femto_ols", "{'depths': [2, 2, 6, 2], 'dims': [48, 96, 192, 384], 'stem_type': "
     "'overlap_tiered', 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnext_pico", "{'depths': [2, 2, 6, 2], 'dims': [64, 128, 256, 512], 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnext_pico_ols", "{'depths': [2, 2, 6, 2], 'dims': [64, 128, 256, 512], 'stem_type': "
     "'overlap_tiered', 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.95}}"},
    {"convnext", "convnext_nano", "{'depths': [2, 2, 8, 2], 'dims': [80, 160, 320, 640], 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.95}}"},
    {"convnext", "convnext_nano_ols", "{'depths': [2, 2, 8, 2], 'dims': [80, 160, 320, 640], 'stem_type': "
     "'overlap', 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.95}}"},
    {"convnext", "convnext_tiny_hnf", "{'depths': [3, 3, 9, 3], 'dims': [96, 192, 384, 768], 'head_norm_first': "
     "true, 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.95}}"},
    {"convnext", "convnext_tiny", "{'depths': [3, 3, 9, 3], 'dims': [96, 192, 384, 768], 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.95}}"},
    {"convnext", "convnext_small", "{'depths': [3, 3, 27, 3], 'dims': [96, 192, 384, 768], 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.95}}"},
    {"convnext", "convnext_base", "{'depths': [3, 3, 27, 3], 'dims': [128, 256, 512, 1024], 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnext_large", "{'depths': [3, 3, 27, 3], 'dims': [192, 384, 768, 1536], 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnext_large_mlp", "{'depths': [3, 3, 27, 3], 'dims': [192, 384, 768, 1536], "
     "'head_hidden_size': 1536, 'preprocess': {'input_size': [3, 320, 320], 'crop_pct': 1, 'mean': [0.48145466, "
     "0.4578275, 0.40821073], 'std': [0.26862954, 0.26130258, 0.27577711]}}"},
    {"convnext", "convnext_xlarge", "{'depths': [3, 3, 27, 3], 'dims': [256, 512, 1024, 2048], 'preprocess': "
     "{'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnext_xxlarge", "{'depths': [3, 4, 30, 3], 'dims': [384, 768, 1536, 3072], 'norm_eps': 1e-05, "
     "'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 1, 'mean': [0.48145466, 0.4578275, 0.40821073], "
     "'std': [0.26862954, 0.26130258, 0.27577711]}}"},
    {"convnext", "convnextv2_atto", "{'depths': [2, 2, 6, 2], 'dims': [40, 80, 160, 320], 'use_grn': true, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnextv2_femto", "{'depths': [2, 2, 6, 2], 'dims': [48, 96, 192, 384], 'use_grn': true, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnextv2_pico", "{'depths': [2, 2, 6, 2], 'dims': [64, 128, 256, 512], 'use_grn': true, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnextv2_nano", "{'depths': [2, 2, 8, 2], 'dims': [80, 160, 320, 640], 'use_grn': true, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnextv2_tiny", "{'depths': [3, 3, 9, 3], 'dims': [96, 192, 384, 768], 'use_grn': true, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnextv2_small", "{'depths': [3, 3, 27, 3], 'dims': [96, 192, 384, 768], 'use_grn': true, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnextv2_base", "{'depths': [3, 3, 27, 3], 'dims': [128, 256, 512, 1024], 'use_grn': true, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnextv2_large", "{'depths': [3, 3, 27, 3], 'dims': [192, 384, 768, 1536], 'use_grn': true, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.875}}"},
    {"convnext", "convnextv2_huge", "{'depths': [3, 3, 27, 3], 'dims': [352, 704, 1408, 2816], 'use_grn': true, "
     "'preprocess': {'input_size': [3, 384, 384], 'crop_pct': 1, 'crop_mode': 'squash'}}"},
    {"swin", "swin_tiny_patch4_window7_224", "{'embed_dim': 96, 'depths': [2, 2, 6, 2], "
     "'num_heads': [3, 6, 12, 24], 'window_size': 7, 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"swin", "swin_small_patch4_window7_224", "{'embed_dim': 96, 'depths': [2, 2, 18, 2], "
     "'num_heads': [3, 6, 12, 24], 'window_size': 7, 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"swin", "swin_base_patch4_window7_224", "{'embed_dim': 128, 'depths': [2, 2, 18, 2], "
     "'num_heads': [4, 8, 16, 32], 'window_size': 7, 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"swin", "swin_base_patch4_window12_384", "{'embed_dim': 128, 'depths': [2, 2, 18, 2], "
     "'num_heads': [4, 8, 16, 32], 'window_size': 12, 'preprocess': {'input_size': [3, 384, 384], 'crop_pct': 1}}"},
    {"swin", "swin_large_patch4_window7_224", "{'embed_dim': 192, 'depths': [2, 2, 18, 2], "
     "'num_heads': [6, 12, 24, 48], 'window_size': 7, 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"swin", "swin_large_patch4_window12_384", "{'embed_dim': 192, 'depths': [2, 2, 18, 2], "
     "'num_heads': [6, 12, 24, 48], 'window_size': 12, 'preprocess': {'input_size': [3, 384, 384], 'crop_pct': 1}}"},
    {"swin", "swin_s3_tiny_224", "{'embed_dim': 96, 'depths': [2, 2, 6, 2], 'num_heads': [3, 6, 12, 24], "
     "'window_size': [7, 7, 14, 7], 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"swin", "swin_s3_small_224", "{'embed_dim': 96, 'depths': [2, 2, 18, 2], 'num_heads': [3, 6, 12, 24], "
     "'window_size': [14, 14, 14, 7], 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"swin", "swin_s3_base_224", "{'embed_dim': 96, 'depths': [2, 2, 30, 2], 'num_heads': [3, 6, 12, 24], "
     "'window_size': [7, 7, 14, 7], 'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"swin", "swinv2_tiny_window8_256", "{'version': 2, 'embed_dim': 96, 'depths': [2, 2, 6, 2], "
     "'num_heads': [3, 6, 12, 24], 'window_size': 8, 'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 0.9}}"},
    {"swin", "swinv2_tiny_window16_256", "{'version': 2, 'embed_dim': 96, 'depths': [2, 2, 6, 2], "
     "'num_heads': [3, 6, 12, 24], 'window_size': 16, 'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 0.9}}"},
    {"swin", "swinv2_small_window8_256", "{'version': 2, 'embed_dim': 96, 'depths': [2, 2, 18, 2], "
     "'num_heads': [3, 6, 12, 24], 'window_size': 8, 'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 0.9}}"},
    {"swin", "swinv2_small_window16_256", "{'version': 2, 'embed_dim': 96, 'depths': [2, 2, 18, 2], "
     "'num_heads': [3, 6, 12, 24], 'window_size': 16, 'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 0.9}}"},
    {"swin", "swinv2_base_window8_256", "{'version': 2, 'embed_dim': 128, 'depths': [2, 2, 18, 2], "
     "'num_heads': [4, 8, 16, 32], 'window_size': 8, 'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 0.9}}"},
    {"swin", "swinv2_base_window16_256", "{'version': 2, 'embed_dim': 128, 'depths': [2, 2, 18, 2], "
     "'num_heads': [4, 8, 16, 32], 'window_size': 16, 'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 0.9}}"},
    {"swin", "swinv2_base_window12_192", "{'version': 2, 'embed_dim': 128, 'depths': [2, 2, 18, 2], "
     "'num_heads': [4, 8, 16, 32], 'window_size': 12, 'preprocess': {'input_size': [3, 192, 192], 'crop_pct': 0.9}}"},
    {"swin", "swinv2_base_window12to16_192to256", "{'version': 2, 'embed_dim': 128, 'depths': [2, 2, 18, 2], "
     "'num_heads': [4, 8, 16, 32], 'window_size': 16, 'pretrained_window_sizes': [12, 12, 12, 6], "
     "'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 0.9}}"},
    {"swin", "swinv2_base_window12to24_192to384", "{'version': 2, 'embed_dim': 128, 'depths': [2, 2, 18, 2], "
     "'num_heads': [4, 8, 16, 32], 'window_size': 24, 'pretrained_window_sizes': [12, 12, 12, 6], "
     "'preprocess': {'input_size': [3, 384, 384], 'crop_pct': 1}}"},
    {"swin", "swinv2_large_window12_192", "{'version': 2, 'embed_dim': 192, 'depths': [2, 2, 18, 2], "
     "'num_heads': [6, 12, 24, 48], 'window_size': 12, 'preprocess': {'input_size': [3, 192, 192], 'crop_pct': 0.9}}"},
    {"swin", "swinv2_large_window12to16_192to256", "{'version': 2, 'embed_dim': 192, 'depths': [2, 2, 18, 2], "
     "'num_heads': [6, 12, 24, 48], 'window_size': 16, 'pretrained_window_sizes': [12, 12, 12, 6], "
     "'preprocess': {'input_size': [3, 256, 256], 'crop_pct': 0.9}}"},
    {"swin", "swinv2_large_window12to24_192to384", "{'version': 2, 'embed_dim': 192, 'depths': [2, 2, 18, 2], "
     "'num_heads': [6, 12, 24, 48], 'window_size': 24, 'pretrained_window_sizes': [12, 12, 12, 6], "
     "'preprocess': {'input_size': [3, 384, 384], 'crop_pct': 1}}"},
    {"beit", "beit_base_patch16_224", "{'img_size': 224, 'patch_size': 16, 'embed_dim': 768, 'depth': 12, "
     "'num_heads': 12, 'use_abs_pos_emb': false, 'use_rel_pos_bias': true, 'init_values': 0.1, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9, 'mean': 0.5, 'std': 0.5}}"},
    {"beit", "beit_base_patch16_384", "{'img_size': 384, 'patch_size': 16, 'embed_dim': 768, 'depth': 12, "
     "'num_heads': 12, 'use_abs_pos_emb': false, 'use_rel_pos_bias': true, 'init_values': 0.1, "
     "'preprocess': {'input_size': [3, 384, 384], 'crop_pct': 1, 'mean': 0.5, 'std': 0.5}}"},
    {"beit", "beit_large_patch16_224", "{'img_size': 224, 'patch_size': 16, 'embed_dim': 1024, 'depth': 24, "
     "'num_heads': 16, 'use_abs_pos_emb': false, 'use_rel_pos_bias': true, 'init_values': 1e-05, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9, 'mean': 0.5, 'std': 0.5}}"},
    {"beit", "beit_large_patch16_384", "{'img_size': 384, 'patch_size': 16, 'embed_dim': 1024, 'depth': 24, "
     "'num_heads': 16, 'use_abs_pos_emb': false, 'use_rel_pos_bias': true, 'init_values': 1e-05, "
     "'preprocess': {'input_size': [3, 384, 384], 'crop_pct': 1, 'mean': 0.5, 'std': 0.5}}"},
    {"beit", "beit_large_patch16_512", "{'img_size': 512, 'patch_size': 16, 'embed_dim': 1024, 'depth': 24, "
     "'num_heads': 16, 'use_abs_pos_emb': false, 'use_rel_pos_bias': true, 'init_values': 1e-05, "
     "'preprocess': {'input_size': [3, 512, 512], 'crop_pct': 1, 'mean': 0.5, 'std': 0.5}}"},
    {"beit", "beitv2_base_patch16_224", "{'img_size': 224, 'patch_size': 16, 'embed_dim': 768, 'depth': 12, "
     "'num_heads': 12, 'use_abs_pos_emb': false, 'use_rel_pos_bias': true, 'init_values': 1e-05, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.9}}"},
    {"beit", "beitv2_large_patch16_224", "{'img_size': 224, 'patch_size': 16, 'embed_dim': 1024, 'depth': 24, "
     "'num_heads': 16, 'use_abs_pos_emb': false, 'use_rel_pos_bias': true, 'init_values': 1e-05, "
     "'preprocess': {'input_size': [3, 224, 224], 'crop_pct': 0.95}}"},
    {NULL, NULL, NULL},
};
/* clang-format on */
