#!/bin/sh
# test_configs.sh - tests configs alone, without weights: the counts of parameters of the published models and of timm's
# presets, and wrong configs. Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
# shellcheck source=tests/case.sh
. "$tests/case.sh"

# ---- counts of the published models ----

counts() { # "PARAMETERS BUFFERS MACS" OPTION...
    wanted=$1
    shift
    "$program" summary -f json "$@" >"$work/listing" || return 1
    got=$(tr -d '\n' <"$work/listing" |
        sed -E 's/.*\],"parameters":([0-9]+),"buffers":([0-9]+),"macs":([0-9]+),.*/\1 \2 \3/')
    [ "$got" = "$wanted" ] || { echo "counts are $got, published are $wanted" && return 1; }
}
# A config, its parameters, buffers and multiply-adds, as PyTorch counts them in the originals (transformers, timm).
published=$tests/data/published.txt
while read -r name parameters buffers macs; do
    check "configs/$name.json counts as published" counts "$parameters $buffers $macs" -c "$root/configs/$name.json"
done <"$published"
for config in "$root"/configs/*.json; do
    name=$(basename "$config" .json)
    [ "$name" = schema ] || check "configs/$name.json is among them" grep -q "^$name " "$published"
done
changed() { # COUNTS CONFIG SED: of a config in configs/ with a change
    sed -E "$3" "$root/configs/$2.json" >"$work/changed.json" && ! cmp -s "$root/configs/$2.json" "$work/changed.json" &&
        counts "$1" -c "$work/changed.json"
}
current='s/"norm_bias": true/"norm_bias": false/; s/"final_norm": false/"final_norm": true/'
check "landmark attention in vit-pytorch 1.0.2" changed "42006088 0 259008745472" vit-landmark-2048 's/"a"/"b"/'
check "an encoder of x-transformers 1.32" changed "51408872 0 10469801984" vit-x-transformers "$current"
check "an encoder of x-transformers 1.32 in vit-pytorch 1.0.2" \
    changed "51411432 0 10469801984" vit-x-transformers "$current; s/\"a\"/\"b\"/"
one_head='s/"heads": 8/"heads": 1, "attn_dim_head": 512/'
check "a single head of x-transformers 1.32 has no projection" \
    changed "48263144 0 9850093568" vit-x-transformers "$current; $one_head"
check "a single head of x-transformers 0.31 has one" \
    changed "51420648 0 10469801984" vit-x-transformers "$one_head"
lite3=$root/configs/efficientnet-lite3.json
check "EfficientNet-Lite3 at 300" counts "8197096 76745 1607554544" -c "$lite3" --size 300
while read -r architecture count; do
    echo "{\"architecture\": \"$architecture\"}" >"$work/timm.json"
    check "timm's $architecture" counts "$count" -c "$work/timm.json"
done <<END
twins_pcpvt_small 24106216 0 3809459968
twins_pcpvt_base 43828456 0 6652933888
twins_pcpvt_large 60989672 0 9807524096
pvt_v2_b0 3666760 0 566065664
pvt_v2_b1 14009000 0 2108355584
pvt_v2_b2 25362856 0 4026734592
pvt_v2_b2_li 22553512 0 3888850944
pvt_v2_b3 45238696 0 6897303552
pvt_v2_b4 62556072 0 10101116416
pvt_v2_b5 81956008 0 11717260288
efficientnet_lite0 4652008 42065 385187552
efficientnet_lite1 5416680 53728 600185232
efficientnet_lite2 6092072 58160 859736272
efficientnet_lite3 8197096 76745 1607554544
efficientnet_lite4 13006568 112459 3943564112
tf_efficientnet_lite0 4652008 42065 385187552
tf_efficientnet_lite1 5416680 53728 600185232
tf_efficientnet_lite2 6092072 58160 859736272
tf_efficientnet_lite3 8197096 76745 1607554544
tf_efficientnet_lite4 13006568 112459 3943564112
convit_tiny 5710512 0 1252360320
convit_small 27777322 0 5746563360
convit_base 86540040 0 17505452544
vit_tiny_patch16_224 5717416 0 1253683200
vit_base_patch16_384 86859496 0 55484350464
vit_base_patch32_384 88297192 0 13043564544
vit_large_patch16_224 304326632 0 61554712576
deit_base_patch16_384 86859496 0 55484350464
deit_tiny_distilled_patch16_224 5910800 0 1261003776
deit_base_distilled_patch16_384 87630032 0 55591342080
crossvit_tiny_240 7014800 0 1562734080
crossvit_small_240 26856272 0 5615557632
crossvit_base_240 105025232 0 21191473152
crossvit_9_240 8553296 0 1840796160
crossvit_9_dagger_240 8776592 0 1979049984
crossvit_15_240 27528464 0 5790571776
crossvit_15_dagger_240 28209008 0 6112304640
crossvit_15_dagger_408 28500080 0 21398550336
crossvit_18_240 43271408 0 9031158528
crossvit_18_dagger_240 44266976 0 9473218944
crossvit_18_dagger_408 44606560 0 32409093024
swin_tiny_patch4_window7_224 28288354 0 4490566656
swin_small_patch4_window7_224 49606258 0 8740875264
swin_base_patch4_window7_224 87768224 0 15430946816
swin_base_patch4_window12_384 87903584 0 47083134976
swin_large_patch4_window7_224 196532476 0 34475759616
swin_large_patch4_window12_384 196735516 0 103919087616
swin_s3_tiny_224 28328674 0 4623332352
swin_s3_small_224 49737298 0 9404703744
swin_s3_base_224 71125762 0 13655012352
swinv2_tiny_window8_256 28347154 0 5939690496
swinv2_tiny_window16_256 28347154 0 6660619264
swinv2_small_window8_256 49728418 0 11545857024
swinv2_small_window16_256 49728418 0 12783078400
swinv2_base_window8_256 87918816 0 20325134336
swinv2_base_window16_256 87918816 0 21969235968
swinv2_base_window12_192 87918816 0 11856261120
swinv2_base_window12to16_192to256 87918816 0 21969235968
swinv2_base_window12to24_192to384 87918816 0 55148310528
swinv2_large_window12_192 196739932 0 26101905408
swinv2_large_window12to16_192to256 196739932 0 47740303360
swinv2_large_window12to24_192to384 196739932 0 115991427072
END
sed 's/"image_size"/"layout": "a", "image_size"/' "$root/configs/crossvit-256.json" >"$work/layout_a.json"
check "CrossViT of vit_pytorch 1.0.1" counts "55152912 0 4032125440" -c "$work/layout_a.json"
while read -r layout pool count; do
    sed "s/\"layout\": \"d\"/\"layout\": \"$layout\"/; s/\"pool\": \"cls\"/\"pool\": \"$pool\"/" \
        "$root/configs/vit-256-32.json" >"$work/layout.json"
    check "vit-256-32 in layout $layout with $pool" counts "$count" -c "$work/layout.json"
done <<END
a cls 54622184 0 3525824512
b cls 54630376 0 3525824512
c cls 54630376 0 3525824512
c mean 54630376 0 3525824512
d cls 54630376 0 3525824512
d mean 54628328 0 3473907712
END
shaped() { # TAP SHAPE
    "$program" summary -f json -c "$root/configs/vit-256-32.json" | tr -d ' \n' |
        grep -qF "{\"name\":\"$1\",\"shape\":$2"
}
check "the recorder's maps of vit-256-32" shaped block5.attn.map '[16,65,65]'
check "the extractor's embeddings of vit-256-32" shaped embeddings '[65,1024]'
echo '{"architecture": "tf_efficientnet_lite0", "num_classes": 10, "model_args": {"in_chans": 1}}' >"$work/timm.json"
check "timm's num_classes and model_args count" counts "3383242 42065 376695008" -c "$work/timm.json"
echo '{"model_type": "cvt", "unknown_key": 1, "id2label": {"0": "cat", "1": "dog", "2": "cow"}}' >"$work/hf.json"
varied() { check "$2 counts $1" counts "$1" -c "$work/varied.json"; }
while read -r config gap pegs parameters macs; do
    sed -e "s/\"gap\": false/\"gap\": $gap/" -e "s/\"num_pegs\": 1/\"num_pegs\": $pegs/" \
        "$root/configs/$config.json" >"$work/varied.json"
    varied "$parameters 0 $macs" "$config, gap $gap, $pegs PEG,"
done <<END
cpvt-ti true  1 5681320  1246902528
cpvt-ti false 5 5689192  1255376640
cpvt-s  true  1 21978472 4574704128
cpvt-s  false 5 21994216 4602269184
cpvt-b  true  1 86423272 17473004544
cpvt-b  false 5 86454760 17570601984
END
echo '{"model_type": "pvt"}' >"$work/varied.json"
varied "13229288 0 1932911616" "Hugging Face's default pvt"
echo '{"model_type": "pvt_v2", "num_labels": 1000}' >"$work/varied.json"
varied "3666760 0 566065664" "Hugging Face's default pvt_v2"
check "Hugging Face's defaults are CvT-13" counts "19613635 25767 4565706368" -c "$work/hf.json"

# ---- wrong configs: status 3, nothing on standard output, one line that names the key ----

wrong() { check "refused: $2" refused "$1" "$2"; }
cvt() { wrong "$1" "{\"arch\": \"cvt\", $2}"; }
lite() { wrong "$1" "{\"arch\": \"efficientnet_lite\", $2}"; }
efficient() { wrong "$1" "{\"arch\": \"vit_efficient\", \"image_size\": 64, $2}"; }
nystrom() { efficient "$1" "\"patch_size\": 8, \"dim\": 32, \"transformer\": {\"type\": \"nystrom\", $2}"; }
tnt() { wrong "$1" "{\"arch\": \"tnt\", $2}"; }
t2t() { wrong "$1" "{\"arch\": \"t2t_vit\", $2}"; }
wrong '"s2_proj_kernel" = 4 must be odd where "padding" is "explicit"' \
    '{"arch": "cvt_flax", "dialect": "vit_pytorch", "s2_proj_kernel": 4}'
wrong '"s1_heads" = 0 is not in' '{"arch": "cvt_flax", "s1_heads": 0}'
wrong 'did you mean "s3_heads"?' '{"arch": "cvt_flax", "s3_head": 4}'
wrong '"norm_bias" must be true or false' '{"arch": "cvt_flax", "norm_bias": 1}'
wrong '"batch_norm_mode" is "train", must be one of "batch", "running"' \
    '{"arch": "cvt_flax", "batch_norm_mode": "train"}'
wrong 'must be an object' '[1]'
wrong 'none of "arch"' '{}'
wrong '"arch" is "cvd", which is not known here; did you mean "cvt"?' '{"arch": "cvd"}'
wrong '"arch" must be a string' '{"arch": 1}'
wrong '"model_args" must be an object' '{"architecture": "tf_efficientnet_lite0", "model_args": 3}'
wrong '"pretrained_cfg" must be an object' '{"architecture": "tf_efficientnet_lite0", "pretrained_cfg": []}'
wrong '"model_type" is "bert", which is not known here; did you mean' '{"model_type": "bert"}'
wrong '"architecture" is "densenet121", which is not known here; ' '{"architecture": "densenet121"}'
wrong 'wrong.json' '{"arch": "cvt"'
wrong 'wrong.json' '{"arch": "cvt", "depth": [1, 2, 10], "depth": [1, 2, 10]}'
cvt 'did you mean "depth"?' '"depht": [1, 2, 10]'
cvt 'did you mean "num_heads"?' '"num_head": [1, 3, 6]'
cvt '"depth" must be a list' '"depth": 13'
cvt '"depth" [1] = 0 is not in' '"depth": [1, 0, 10]'
cvt '"depth" [2] must be a whole number' '"depth": [1, 2, 10.5]'
cvt '"depth" has 0 entries' '"depth": []'
cvt '"patch_sizes" has 3 entries, "depth" has 2' '"depth": [1, 2]'
cvt '"num_heads" has 2 entries' '"num_heads": [1, 3]'
cvt '"qkv_bias" has 1 entries' '"qkv_bias": [true]'
cvt '"mlp_ratio" has 4 entries' '"mlp_ratio": [4, 4, 4, 4]'
cvt '"embed_dim" [0] = -64 is not in' '"embed_dim": [-64, 192, 384]'
cvt '"embed_dim" [1] must be a whole number' '"embed_dim": [64, "192", 384]'
cvt '"num_heads"[1] = 5 does not divide "embed_dim"[1] = 192' '"num_heads": [1, 5, 6]'
cvt '"mlp_ratio" [0] = 0 is not in' '"mlp_ratio": [0, 4, 4]'
cvt '"mlp_ratio"[0] = 0.001 leaves no hidden channel' '"mlp_ratio": [0.001, 4, 4]'
cvt '"cls_token" [2] must be true or false' '"cls_token": [false, false, 1]'
cvt '"qkv_projection_method" [0] is "conv", must be one of "dw_bn", "avg", "linear"' \
    '"qkv_projection_method": ["conv", "avg", "avg"]'
cvt '"activation" is "gelu"' '"activation": "gelu"'
cvt '"stride_q"[1]' '"stride_q": [1, 2, 1]'
cvt '"padding_q"[0]' '"padding_q": [0, 1, 1]'
cvt '"layer_norm_eps" must be a number' '"layer_norm_eps": "1e-12"'
cvt '"drop_rate" [1] = 2 is not in' '"drop_rate": [0, 2, 0]'
cvt '"num_labels" = 0 is not in' '"num_labels": 0'
cvt '"num_labels" = 1000001 is not in' '"num_labels": 1000001'
cvt '"input_size" must be one number or [height, width]' '"input_size": [224, 224, 3]'
cvt '"input_size" = 0 is not in' '"input_size": 0'
cvt 'a kernel of 3 x 3 does not fit' '"input_size": 4, "patch_padding": [2, 0, 0]'
cvt 'stage0.embed' '"input_size": 1'
cvt '"preprocess"' '"preprocess": {"crop_mod": "center"}'
cvt '"crop_pct"' '"preprocess": {"crop_pct": 0}'
cvt '"labels" must be a list of 2 strings' '"num_labels": 2, "labels": ["cat"]'
wrong '"num_labels" = -1 is not in' '{"model_type": "cvt", "num_labels": -1}'
wrong '"id2label" must be an object' '{"model_type": "cvt", "id2label": ["cat"]}'
wrong '"depth" must be a list' '{"model_type": "cvt", "depth": "deep"}'
efficient '"patch_size" is missing' '"transformer": {"type": "nystrom"}'
efficient '"patch_size" = 7 does not divide "image_size" = 64' '"patch_size": 7, "transformer": {"type": "nystrom"}'
efficient '"transformer": "type" is missing' '"patch_size": 8'
efficient '"transformer": must be an object' '"patch_size": 8, "transformer": "nystrom"'
efficient '"pool" is "max"' '"patch_size": 8, "pool": "max", "transformer": {"type": "nystrom"}'
efficient '"patch_size" = 8 does not divide the input, 64 x 60' \
    '"patch_size": 8, "input_size": [64, 60], "transformer": {"type": "nystrom"}'
efficient '82 tokens are more than the 65 positions of "pos_embed"' \
    '"patch_size": 8, "input_size": 72, "transformer": {"type": "nystrom"}'
efficient '"transformer": "num_landmarks" is a key of "type": "nystrom"' \
    '"patch_size": 8, "transformer": {"type": "x_transformers", "num_landmarks": 8}'
efficient '"attn_project_out" is false, which needs "heads" = 8 times "attn_dim_head" = 64 to be "dim" = 32' \
    '"patch_size": 8, "dim": 32, "transformer": {"type": "x_transformers", "attn_project_out": false}'
wrong '"image_size" is missing' '{"arch": "vit_efficient", "patch_size": 8, "transformer": {"type": "nystrom"}}'
nystrom '"transformer": "num_landmarks" = 0 is not in' '"num_landmarks": 0'
nystrom '"transformer": "heads" = 0 is not in' '"heads": 0'
nystrom '"transformer": "dim" = 64 is not "dim" = 32' '"dim": 64'
nystrom '"transformer": unknown key "landmarks"' '"landmarks": 8'
nystrom '"transformer": "ff_glu" is a key of "type": "x_transformers"' '"ff_glu": true'
nystrom '"transformer": "attn_values_residual_conv_kernel" is 32, must be odd' '"attn_values_residual_conv_kernel": 32'
nystrom '"transformer": "attn_values_residual" must be true or false, not a number' '"attn_values_residual": 1'
nystrom 'too large' '"num_landmarks": 65536, "heads": 512, "dim_head": 4096'
lite 'did you mean "bn_eps"?' '"bn_ep": 0.001'
lite '"channel_multiplier" = 0 is not in' '"channel_multiplier": 0'
lite '"pad_type" is "valid", must be one of "", "same"' '"pad_type": "valid"'
lite '"bn_eps" = -0.001 is not in' '"bn_eps": -0.001'
lite '"act_layer" is "hswish"' '"act_layer": "hswish"'
lite '"blocks" must be a list of objects' '"blocks": 7'
block='{"kernel_size": 3, "stride": 1, "expand_ratio": 1, "out_chs": 8}'
lite '"blocks" needs "stage_repeats"' "\"blocks\": [$block]"
lite '"stage_repeats" needs "blocks"' '"stage_repeats": [1, 2]'
lite '"blocks" [0]: "out_chs" is missing' \
    '"stage_repeats": [1], "blocks": [{"kernel_size": 3, "stride": 1, "expand_ratio": 1}]'
lite '"blocks" [0]: "stride" = 0 is not in' \
    '"stage_repeats": [1], "blocks": [{"kernel_size": 3, "stride": 0, "expand_ratio": 1, "out_chs": 8}]'
lite '"blocks" [0]: unknown key "kernel"' \
    '"stage_repeats": [1], "blocks": [{"kernel": 3, "stride": 1, "expand_ratio": 1, "out_chs": 8}]'
lite '"stage_repeats" sums to 2, "blocks" has 1 entries' \
    "\"stage_repeats\": [2], \"blocks\": [$block]"
lite '"channel_multiplier" and "blocks" exclude each other' "\"channel_multiplier\": 2, \"blocks\": [$block]"
lite '"global_pool" is "max"' '"global_pool": "max"'
wrong '"num_classes" = 0 is not in' '{"architecture": "tf_efficientnet_lite0", "num_classes": 0}'
wrong '"bn_eps" must be a number' '{"architecture": "tf_efficientnet_lite0", "model_args": {"bn_eps": "x"}}'
wrong '"crop_pct" = 200 is not in' '{"architecture": "tf_efficientnet_lite0", "pretrained_cfg": {"crop_pct": 200}}'
vit() { wrong "$1" "{\"arch\": \"vit\", $2}"; }
vit '"heads" = 5 does not divide "dim" = 192' '"variant": "timm", "dim": 192, "heads": 5'
wrong '"num_heads" = 5 does not divide "embed_dim" = 192' \
    '{"architecture": "vit_tiny_patch16_224", "model_args": {"num_heads": 5}}'
wrong '"num_attention_heads" = 5 does not divide "hidden_size" = 768' '{"model_type": "vit", "num_attention_heads": 5}'
vit '"patch_size" = 30 does not divide "image_size" = 256' '"image_size": 256, "patch_size": 30'
vit '"patch_size" = 32 does not divide the input, 256 x 250' \
    '"image_size": 256, "patch_size": 32, "input_size": [256, 250]'
vit 'are more than the 65 positions of "pos_embed"' '"image_size": 256, "patch_size": 32, "input_size": 512'
vit '"patch_size" = 64 does not divide "image_size" = 32' '"variant": "timm", "image_size": 32, "patch_size": 64'
vit 'too many patches' '"image_size": 65535, "patch_size": 1'
vit '"heads" = 4096 of "dim_head" = 65536' '"heads": 4096, "dim_head": 65536'
vit '"mlp_ratio" = 0.001 leaves no hidden channel' '"mlp_ratio": 0.001'
vit '"layout" is a key of "variant": "vit_pytorch"' '"variant": "timm", "layout": "a"'
vit '"layout" is "e", must be one of "a", "b", "c", "d"' '"layout": "e"'
vit '"distilled" needs "variant" timm' '"variant": "vit_pytorch", "distilled": true'
vit '"class_token" is false' '"variant": "timm", "class_token": false, "global_pool": "token"'
vit '"distilled" is false, but "architectures" names' \
    '"variant": "timm", "distilled": false, "architectures": ["DeiTForImageClassificationWithTeacher"]'
vit 'pools its two tokens' '"variant": "timm", "distilled": true, "global_pool": "avg"'
vit '"global_pool" is "last", must be one of "token", "avg", "max"' '"global_pool": "last"'
vit '"pool" is "last"' '"pool": "last"'
vit '"hidden_act" is "mish"' '"hidden_act": "mish"'
vit '"depth" = 0 is not in' '"depth": 0'
vit '"heads" = 0 is not in' '"heads": 0'
vit '"patch_size" = 0 is not in' '"patch_size": 0'
vit '"dim" = -1 is not in' '"dim": -1'
vit '"qkv_bias" must be true or false' '"qkv_bias": 1'
vit 'did you mean "mlp_dim"?' '"mlp_dims": 7'
wrong '"architectures" must be a list' '{"model_type": "vit", "architectures": "ViTForImageClassification"}'
wrong '"global_pool" leaves all tokens, of which none is classified: "num_classes" must be 0' \
    '{"architecture": "vit_tiny_patch16_224", "global_pool": ""}'
wrong '"global_pool" is "prr", must be one of' '{"architecture": "vit_tiny_patch16_224", "global_pool": "prr"}'
wrong '"model_args": unknown key "embed_dimm"; did you mean "embed_dim"?' \
    '{"architecture": "vit_tiny_patch16_224", "model_args": {"embed_dimm": 4}}'
for key in block_fn attn_layer embed_layer scale_attn_norm; do
    wrong "\"$key\" is set: that is not done here" \
        "{\"architecture\": \"vit_tiny_patch16_224\", \"model_args\": {\"$key\": \"another\"}}"
done
wrong '"norm_layer" is "rmsnorm", must be one of' \
    '{"architecture": "vit_tiny_patch16_224", "model_args": {"norm_layer": "rmsnorm"}}'
wrong '"mlp_layer" needs two halves, but 5 hidden channels have none' \
    '{"arch": "vit", "variant": "timm", "mlp_layer": "GluMlp", "mlp_dim": 5}'
wrong 'a distilled model has no "reg_tokens"' '{"arch": "vit", "variant": "timm", "distilled": true, "reg_tokens": 3}'
wrong '"mlp_layer" is a key of "variant": "timm"' '{"arch": "vit", "mlp_layer": "Mlp"}'
for key in qk_norm pre_norm no_embed_class; do
    wrong "\"$key\" needs \"variant\" timm" "{\"arch\": \"vit\", \"$key\": true}"
done
wrong '"reg_tokens" needs "variant" timm' '{"arch": "vit", "reg_tokens": 1}'
wrong '"init_values" needs "variant" timm' '{"arch": "vit", "init_values": 0.1}'
wrong '"pool" needs "variant" timm' '{"arch": "vit", "pool": "map"}'
wrong '"layer_norm_eps" = 2 is not in' '{"model_type": "vit", "layer_norm_eps": 2}'
tnt '"num_heads_inner" = 5 does not divide "inner_dim" = 24' '"num_heads_inner": 5'
tnt '"outer_num_heads" = 7 does not divide "embed_dim" = 384' '"outer_num_heads": 7'
tnt '"patch_size" = 16 does not divide "img_size" = 200' '"img_size": [200, 224]'
tnt '"patch_size" = 16 does not divide the input, 224 x 225' '"img_size": 224, "input_size": [224, 225]'
tnt '"first_stride" = 5 does not divide "patch_size" = 16' '"legacy": true, "first_stride": 5'
tnt '"legacy" must be true or false' '"legacy": 1'
tnt '"mlp_ratio" = 0.001 leaves no hidden channel' '"mlp_ratio": 0.001'
tnt '"depth" = 0 is not in' '"depth": 0'
tnt '"inner_dim" = 0 is not in' '"inner_dim": 0'
tnt '"global_pool" is "max"' '"global_pool": "max"'
tnt 'did you mean "embed_dim"?' '"embed_dims": 384'
crossvit() { wrong "$1" "{\"arch\": \"crossvit\", $2}"; }
ibm() { wrong "$1" "{\"arch\": \"crossvit_ibm\", $2}"; }
crossvit '"sm_patch_size" = 7 does not divide "image_size" = 240' '"sm_patch_size": 7'
crossvit '"lg_patch_size" = 64 does not divide the input, 240 x 256' \
    '"image_size": 256, "input_size": [240, 256], "sm_patch_size": 16, "lg_patch_size": 64'
crossvit '"sm_patch_size" = 12 does not divide the input, 256 x 256' '"image_size": 240, "input_size": 256'
crossvit '421 tokens are more than the 401 positions' '"image_size": 240, "input_size": [240, 252]'
crossvit 'has too many elements' '"image_size": 65535, "input_size": 16, "sm_patch_size": 1, "lg_patch_size": 1'
crossvit '"cross_attn_heads" = 0 is not in' '"cross_attn_heads": 0'
crossvit '"depth" = 0 is not in' '"depth": 0'
crossvit '"layout" is "e"' '"layout": "e"'
crossvit 'did you mean "sm_enc_heads"?' '"sm_heads": 3'
ibm '"num_heads"[1] = 5 does not divide "embed_dim"[1] = 384' '"num_heads": [6, 5]'
ibm '"patch_size"[1] = 14 does not divide "img_size" x "img_scale"[1] = 223' \
    '"patch_size": [12, 14], "img_scale": [1, 0.9333]'
ibm '"patch_size"[0] = 12 does not divide "img_size" x "img_scale"[0] = 0' '"img_scale": [0.001, 1]'
ibm '"patch_size"[0] = 8 must be 12 or 16 where "multi_conv" is true' '"multi_conv": true, "patch_size": [8, 16]'
ibm '"embed_dim"[0] = 3 must be at least 4' '"multi_conv": true, "embed_dim": [3, 4], "num_heads": [1, 1]'
ibm '"embed_dim" has 3 entries' '"embed_dim": [96, 192, 384]'
ibm '"mlp_ratio" has 1 entries' '"mlp_ratio": [4]'
ibm '"mlp_ratio"[1] = 0.001 leaves no hidden channel' '"mlp_ratio": [4, 0.001]'
ibm '"depth" must be a list of lists' '"depth": 3'
ibm '"depth" [1] must be a list of 3' '"depth": [[1, 4, 0], [1, 4]]'
ibm '"depth" [0][2] = -1 is not in 0 .. 1000' '"depth": [[1, 4, -1]]'
ibm '"depth"[0][1] is 0' '"depth": [[1, 0, 0]]'
ibm 'the input must be 240 x 240, "img_size", not 224 x 224' '"img_size": 240, "input_size": 224'
ibm '"global_pool" is "max"' '"global_pool": "max"'
wrong '"img_scale" must be a list' '{"architecture": "crossvit_tiny_240", "model_args": {"img_scale": 1}}'

convit() { wrong "$1" "{\"arch\": \"convit\", $2}"; }
convit '"variant" is "timm", must be one of "comvex", "fb"' '"variant": "timm"'
convit '"heads" = 5 does not divide "dim" = 192' '"dim": 192, "heads": 5'
convit '"head_dim" = 5 does not divide "dim" = 192' '"dim": 192, "head_dim": 5'
convit '"heads" = 4 times "head_dim" = 32 is not "dim" = 192' '"dim": 192, "heads": 4, "head_dim": 32'
convit '"embed_dim", the channels of a head, and "dim" exclude each other' '"dim": 192, "embed_dim": 48'
convit '"embed_dim" = 65536 times "num_heads" = 4096 is more than 65536' '"embed_dim": 65536, "num_heads": 4096'
convit '"heads" = 0 is not in' '"heads": 0'
convit '"patch_size" = 0 is not in' '"patch_size": 0'
convit '"patch_size" = 16 does not divide the input, 224 x 230' '"input_size": [224, 230]'
convit '"patch_size" = 16 does not divide "image_size" = 220 x 220' '"image_size": 220, "input_size": 224'
convit '"num_local_layers" and "depth" exclude each other' '"num_local_layers": 3, "depth": 5'
convit '"local_up_to_layer" = 5 leaves no block of "depth" = 5' '"local_up_to_layer": 5, "depth": 5'
convit '"mlp_ratio" = 0.001 leaves no hidden channel' '"mlp_ratio": 0.001'
convit '"pre_norm" is a key of "variant": "comvex"' '"pre_norm": true'
convit '"mlp_ratio" is a key of "variant": "fb"' '"variant": "comvex", "mlp_ratio": 4'
convit '"ff_dim" is 96, which comvex obeys up to 0.2.3 and from 0.3.0 ignores for "dim" = 192; say "ff_hidden"' \
    '"variant": "comvex", "ff_dim": 96'
convit '"pred_act_fnc_name" is "Softmax"' '"variant": "comvex", "pred_act_fnc_name": "Softmax"'
convit '"pre_norm" must be true or false, not a number' '"variant": "comvex", "pre_norm": 1'
convit 'did you mean "local_up_to_layer"?' '"local_up_to_layers": 10'
wrong '"embed_dim" = -48 is not in' '{"architecture": "convit_tiny", "model_args": {"embed_dim": -48}}'
t2t '"num_heads" = 5 does not divide "embed_dim" = 384' '"num_heads": 5'
t2t '"mlp_ratio" = 0.001 leaves no hidden channel' '"mlp_ratio": 0.001'
t2t '"tokens_type" is "convolution"' '"tokens_type": "convolution"'
t2t '"token_dim" = 0 is not in' '"token_dim": 0'
t2t '"img_size" = 8 x 8 is smaller than a patch' '"img_size": 8'
t2t 'do not fit the padded map' '"img_size": 16, "input_size": 2'
t2t '"heads" is missing' '"dim": 512, "depth": 5, "mlp_dim": 512'
t2t '"dim" is missing' '"pool": "mean"'
t2t '"mlp_ratio" is a key of the authors' '"dim": 512, "depth": 5, "heads": 8, "mlp_dim": 512, "mlp_ratio": 2'
vp='"dim": 512, "depth": 5, "heads": 8, "mlp_dim": 512'
t2t '"image_size" = 224 x 192 must be a square' "$vp, \"image_size\": [224, 192]"
t2t 'must be a square, not 192 x 224' "$vp, \"image_size\": 224, \"input_size\": [192, 224]"
t2t '257 positions of "pos_embed"' "$vp, \"image_size\": 256, \"input_size\": 512"
t2t '"t2t_layers" must be a list of lists' "$vp, \"t2t_layers\": 7"
t2t '"t2t_layers" has 0 entries' "$vp, \"t2t_layers\": []"
t2t '"t2t_layers" [1][1] = 0 is not in 1 .. 64' "$vp, \"t2t_layers\": [[7, 4], [3, 0]]"
t2t '"t2t_layers"[1]: a window of 9 does not fit a padded map of 8' \
    "$vp, \"image_size\": 32, \"t2t_layers\": [[7, 4], [9, 1]]"
t2t 'too large' "$vp, \"t2t_layers\": [[64, 1], [64, 1], [64, 1]]"

cpvt() { wrong "$1" "{\"arch\": \"cpvt\", $2}"; }
cpvt '"num_heads" = 5 does not divide "embed_dim" = 192' '"num_heads": 5'
cpvt '"patch_size" = 16 does not divide the input, 230 x 224' '"input_size": [230, 224]'
cpvt '"num_pegs" = 13 is more than "depth" = 12' '"num_pegs": 13'
cpvt '"peg_kernel" = 4 must be odd' '"peg_kernel": 4'
cpvt '"peg_kernel" = 0 is not in' '"peg_kernel": 0'
cpvt '"mlp_ratio" = 0.001 leaves no hidden channel' '"mlp_ratio": 0.001'
cpvt '"gap" must be true or false' '"gap": 1'
cpvt 'did you mean "embed_dim"?' '"embed_dims": 192'
for arch in twins_pcpvt pvt pvt_v2; do
    pyramid() { wrong "$1" "{\"arch\": \"$arch\", $2}"; }
    pyramid '"num_heads"[1] = 3 does not divide "embed_dims"[1] = 64' \
        '"embed_dims": [32, 64, 160, 256], "num_heads": [1, 3, 5, 8]'
    pyramid '"sr_ratios" has 3 entries, "depths" has 4' '"sr_ratios": [8, 4, 1]'
    pyramid '"embed_dims" has 4 entries, "depths" has 1' '"depths": [2]'
    pyramid '"mlp_ratios"[0] = 0.001 leaves no hidden channel' '"mlp_ratios": [0.001, 8, 4, 4]'
    pyramid '"depths" [2] = 0 is not in' '"depths": [2, 2, 0, 2]'
    pyramid '"sr_ratios" [0] = 0 is not in' '"sr_ratios": [0, 4, 2, 1]'
done
for arch in twins_pcpvt pvt; do
    pyramid 'stage3.embed.proj: a kernel of 2 x 2 does not fit' '"input_size": [224, 16], "sr_ratios": [1, 1, 1, 1]'
    pyramid 'stage0.block0: a reduction by 8 ("sr_ratio", "sr_ratios") does not fit the map' '"input_size": [224, 16]'
done
arch=pvt
pyramid '"sr_ratios"[3] = 2: the last stage has a class token' '"sr_ratios": [8, 4, 2, 2]'
pyramid '"img_size" = 31 leaves stage 3 no positions' '"img_size": 31'
pyramid '"patch_size" and "patch_sizes" exclude each other' '"patch_size": 4, "patch_sizes": [4, 2, 2, 2]'
pyramid '"patch_sizes" has 1 entries' '"patch_sizes": [4]'
pyramid '"num_encoder_blocks" = 3, but "depths" has 4 entries' '"num_encoder_blocks": 3'
wrong '"num_attention_heads"[2] = 7 does not divide "hidden_sizes"[2] = 320' \
    '{"model_type": "pvt", "num_attention_heads": [1, 2, 7, 8]}'
wrong '"hidden_act" is "swiglu"' '{"model_type": "pvt_v2", "hidden_act": "swiglu"}'
wrong '"num_classes" = 0 is not in' '{"architecture": "pvt_v2_b0", "num_classes": 0}'

echo '{"architecture": "vit_tiny_patch16_224", "num_classes": 0}' >"$work/headless.json"
check "timm's ViT without a classifier" counts "5524416 0 1253491200" -c "$work/headless.json"
echo '{"arch": "vit", "variant": "timm", "num_classes": 0, "depth": 1, "dim": 64, "heads": 2}' >"$work/headless.json"
# 14 * 14 patches of 768 numbers; a block of 12 * 64^2 weights and two products of 197 * 197 scores for 64 channels
check "a native config without a classifier" counts "$((768 * 64 + 64 + 198 * 64 + 12 * 64 * 64 + 13 * 64 + 2 * 64)) 0 \
$((196 * 768 * 64 + 197 * 12 * 64 * 64 + 2 * 197 * 197 * 64))" -c "$work/headless.json"
wrong '"num_classes" = 0 is not in' '{"arch": "cvt_flax", "num_classes": 0}'
wrong '"num_classes" is 0, but a distilled' '{"architecture": "deit_tiny_distilled_patch16_224", "num_classes": 0}'
echo '{"architecture": "vit_tiny_patch16_224", "model_args": {"fc_norm": null, "act_layer": null, "init_values": null, "qk_norm": false, "reg_tokens": 0}}' >"$work/nulls.json"
check "null for what timm leaves open" counts "5717416 0 1253683200" -c "$work/nulls.json"
wrong '"fc_norm" must be true or false' '{"arch": "vit", "fc_norm": null}'

# ---- the examples of cvt-config(5) ----

# Each JSON object between .Bd -literal and .Ed, into a file of its own: NUMBER.json
mkdir "$work/page"
awk -v folder="$work/page" '
    /^\.Bd -literal/ { literal = 1; next }
    /^\.Ed/ { literal = 0 }
    literal && (depth || /^{/) {
        if (!depth) file = sprintf("%s/%02d.json", folder, ++n)
        print >file
        depth += gsub(/[[{]/, "") - gsub(/[]}]/, "")
    }' "$root/man/cvt-config.5"
check "cvt-config(5) has examples" test "$(find "$work/page" -name '*.json' | wc -l)" -ge 20
for example in "$work"/page/*.json; do
    check "cvt-config(5): $(grep -Eo '"arch(itecture)?": "[a-z0-9_]*"' "$example" | head -n 1), $(basename "$example")" \
        "$program" summary -c "$example"
done

# "A model of your own": timm's directory, and the native config of the same model, give the same answers.
own() {
    cd "$work" && mkdir my-vit models && cp page/01.json my-vit/config.json && cp page/02.json my-vit.json || return 1
    "$program" init -c my-vit/config.json --seed 5 -o random.safetensors &&
        "$program" convert random.safetensors --names timm -o my-vit/model.safetensors &&
        "$program" check -m my-vit/model.safetensors -c my-vit.json &&
        "$program" convert my-vit/model.safetensors -c my-vit.json -o models/my-vit.safetensors || return 1
    "$program" classify -m my-vit -f jsonl "$tests/data/cli/cat.jpg" >a &&
        "$program" classify -m models/my-vit.safetensors -f jsonl "$tests/data/cli/cat.jpg" >b &&
        grep -q '"label":"dog"' a && cmp a b
}
check "cvt-config(5): a model of your own" own

[ "$failures" -eq 0 ]
