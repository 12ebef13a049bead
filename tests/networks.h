/* networks.h - configs of small networks of odd shapes, which together have every op, for tests of plans. */
#ifndef CVT_TESTS_NETWORKS_H
#define CVT_TESTS_NETWORKS_H

static const char *const networks[] = {
    "{\"arch\":\"cvt\",\"num_labels\":11,\"embed_dim\":[8,16,24],\"num_heads\":[1,2,3],\"depth\":[1,2,2],"
    "\"mlp_ratio\":[2,2,2],\"input_size\":[45,70]}",
    "{\"arch\":\"cvt\",\"num_labels\":10,\"embed_dim\":[20,36,52],\"num_heads\":[2,3,4],\"depth\":[1,1,2],"
    "\"mlp_ratio\":[1.5,3,2],\"cls_token\":[true,false,false],\"qkv_projection_method\":[\"avg\",\"linear\",\"dw_bn\"],"
    "\"activation\":\"quick_gelu\",\"input_size\":[52,40]}",
    "{\"arch\":\"cvt\",\"num_labels\":300,\"embed_dim\":[64,130],\"num_heads\":[1,5],\"depth\":[1,1],"
    "\"patch_sizes\":[7,3],\"patch_stride\":[4,2],\"patch_padding\":[2,1],\"mlp_ratio\":[4,4],\"qkv_bias\":[true,false]"
    ","
    "\"cls_token\":[false,true],\"qkv_projection_method\":[\"dw_bn\",\"dw_bn\"],\"kernel_qkv\":[5,3],\"padding_kv\":[2,"
    "1],"
    "\"stride_kv\":[3,2],\"padding_q\":[2,1],\"stride_q\":[1,1],\"input_size\":[32,48]}",
    "{\"arch\":\"efficientnet_lite\",\"num_classes\":13,\"pad_type\":\"same\",\"stem_size\":8,\"num_features\":40,"
    "\"blocks\":[{\"kernel_size\":3,\"stride\":1,\"expand_ratio\":1,\"out_chs\":8},"
    "{\"kernel_size\":5,\"stride\":2,\"expand_ratio\":3,\"out_chs\":12},"
    "{\"kernel_size\":5,\"stride\":1,\"expand_ratio\":3,\"out_chs\":12}],\"stage_repeats\":[1,2],\"input_size\":[35,50]"
    "}",
    /* gated attention, then plain attention with a class token; positions resized */
    "{\"arch\":\"convit\",\"variant\":\"fb\",\"num_classes\":9,\"embed_dim\":10,\"num_heads\":3,\"num_local_layers\":2,"
    "\"num_nonlocal_layers\":1,\"patch_size\":4,\"mlp_ratio\":2,\"image_size\":32,\"input_size\":[28,36]}",
    /* landmarks: 81 tokens padded to 144 */
    "{\"arch\":\"vit_efficient\",\"num_classes\":7,\"dim\":36,\"image_size\":[32,40],\"patch_size\":4,\"transformer\":"
    "{\"type\":\"nystrom\",\"depth\":1,\"heads\":2,\"dim_head\":10,\"ff_mult\":2,\"num_landmarks\":72,\"pinv_"
    "iterations\":3,"
    "\"attn_values_residual\":true,\"attn_values_residual_conv_kernel\":5}}",
    /* scores added to those of the layer before, a gated feed-forward part */
    "{\"arch\":\"vit_efficient\",\"num_classes\":7,\"dim\":36,\"image_size\":[32,40],\"patch_size\":4,\"pool\":"
    "\"mean\","
    "\"transformer\":{\"type\":\"x_transformers\",\"depth\":2,\"heads\":3,\"attn_dim_head\":10,\"ff_mult\":2,\"ff_"
    "glu\":true,"
    "\"residual_attn\":true,\"norm_bias\":false,\"final_norm\":true}}",
    /* attention within groups, convolutions of many maps */
    "{\"arch\":\"tnt\",\"num_classes\":7,\"img_size\":[32,48],\"patch_size\":[8,16],\"embed_dim\":30,\"inner_dim\":12,"
    "\"depth\":1,"
    "\"num_heads_inner\":2,\"num_heads_outer\":3,\"first_stride\":3,\"qkv_bias\":true,\"legacy\":false}",
    /* random features, sums over blocks of tokens */
    "{\"arch\":\"t2t_vit\",\"num_classes\":7,\"img_size\":[48,64],\"embed_dim\":30,\"depth\":1,\"num_heads\":3,"
    "\"tokens_type\":\"performer\",\"token_dim\":14}",
    /* adaptive pooling, convolutions between linears */
    "{\"arch\":\"pvt_v2\",\"num_classes\":7,\"embed_dims\":[12,20],\"num_heads\":[1,2],\"depths\":[1,1],\"sr_ratios\":["
    "2,1],"
    "\"mlp_ratios\":[2,2],\"linear\":true,\"input_size\":[45,70]}",
    /* LayerScale, norms of queries and keys, registers, a gate, attention pooling */
    "{\"arch\":\"vit\",\"variant\":\"timm\",\"num_classes\":7,\"img_size\":32,\"patch_size\":8,\"embed_dim\":60,"
    "\"depth\":2,"
    "\"num_heads\":3,\"mlp_ratio\":2,\"init_values\":1,\"reg_tokens\":3,\"qk_norm\":true,\"mlp_layer\":"
    "\"SwiGLUPacked\","
    "\"act_layer\":\"silu\",\"pre_norm\":true,\"no_embed_class\":true,\"global_pool\":\"map\",\"input_size\":[40,24]}",
    /* the maximum of tokens */
    "{\"arch\":\"vit\",\"variant\":\"timm\",\"num_classes\":7,\"img_size\":32,\"patch_size\":8,\"embed_dim\":60,"
    "\"depth\":1,"
    "\"num_heads\":3,\"mlp_layer\":\"GluMlp\",\"class_token\":false,\"global_pool\":\"avgmax\"}",
    /* relu of sums, a maximum over windows, an average of windows that end outside; no activation but ReLU, then GELU
     */
    "{\"arch\":\"resnet\",\"num_classes\":7,\"depths\":[2,1],\"hidden_sizes\":[20,36],\"stem_type\":\"deep\",\"stem_"
    "width\":5,"
    "\"avg_down\":true,\"input_size\":[45,38]}",
    "{\"arch\":\"resnet\",\"num_classes\":7,\"depths\":[1,2],\"hidden_sizes\":[18,33],\"layer_type\":\"basic\","
    "\"hidden_act\":\"gelu\",\"input_size\":[33,50]}",
    /* LayerScale, then global response norm */
    "{\"arch\":\"convnext\",\"num_classes\":7,\"depths\":[1,1],\"dims\":[10,19],\"input_size\":[45,38]}",
    "{\"arch\":\"convnext\",\"num_classes\":7,\"depths\":[1,1],\"dims\":[10,19],\"use_grn\":true,"
    "\"head_hidden_size\":9,\"input_size\":[45,38]}",
    /* two branches, one of a cropped image */
    "{\"arch\":\"crossvit_ibm\",\"num_classes\":7,\"img_size\":48,\"img_scale\":[1,0.6666666667],\"patch_size\":[12,16]"
    ","
    "\"embed_dim\":[12,20],\"num_heads\":[2,4],\"mlp_ratio\":[2,2,1],\"depth\":[[1,2,0],[1,1,2]],\"crop_scale\":true}",
};

#endif
