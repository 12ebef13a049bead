#!/bin/sh
# test_models.sh - the families from outside: every committed case (tests/make_fixtures.py) on every instruction set
# that can run here, all inner values, threads, batches, names of weights, counts of published models, wrong configs.
# Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program; CVT_BIN: the folder of test_npydiff.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
diff=$(realpath "${CVT_BIN:-$root/build}/test_npydiff")
data=$tests/data
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
unset CVT_MODEL CVT_MODEL_PATH CVT_THREADS CVT_ISA OMP_NUM_THREADS
export LC_ALL=C
failures=0

pass() { echo "ok $1"; }
fail() {
    echo "not ok $1: $2"
    failures=$((failures + 1))
}

# check NAME COMMAND...: the command succeeds; what it prints is the reason if it does not
check() {
    name=$1
    shift
    if why=$("$@" 2>&1); then pass "$name"; else fail "$name" "$(echo "$why" | head -n 1)"; fi
}

# result MODEL OUT [OPTION]...: one pass over the case's input
result() {
    model=$1 out=$2
    shift 2
    mkdir -p "$out" && rm -f "$out"/*
    for input in "$model"/x.npy "$model"/x[2-9].npy; do
        if [ -e "$input" ]; then set -- "$@" -i "$input"; fi
    done
    "$program" run -m "$model" -o "$out" "$@"
}

# same A B: the same files with the same bytes
same() { diff -rq "$1" "$2"; }

expected() { if [ -f "$1/expected64.npy" ]; then echo "$1/expected64.npy"; else echo "$1/expected.npy"; fi; }

isas=
for isa in ref sse2 avx2 avx512 neon; do
    if CVT_ISA=$isa "$program" --version >/dev/null 2>&1; then isas="$isas $isa"; fi
done

# ---- logits and inner values, however many threads ----

accurate() { # CASE: as the original
    result "$1" "$work/one" -t 1 --tap all || return 1
    "$diff" logits "$(expected "$1")" "$work/one/output.npy" || return 1
    case $1 in */cvt/* | */lite/*) every=all-taps ;; *) every=taps ;; esac # of those two the case has every inner value
    if [ -d "$1/taps" ]; then "$diff" "$every" "$1/taps" "$work/one"; fi
}

steady() { # CASE: the same bytes with other threads, and without taps
    for t in 2 3; do
        result "$1" "$work/many" -t "$t" --tap all && same "$work/one" "$work/many" || return 1
    done
    result "$1" "$work/bare" -t 2 && cmp "$work/one/output.npy" "$work/bare/output.npy"
}

for isa in $isas; do
    export CVT_ISA="$isa"
    for model in "$data"/*/*/x.npy; do
        model=$(dirname "$model")
        name="$(basename "$(dirname "$model")")/$(basename "$model") on $isa"
        check "$name is as the original" accurate "$model"
        check "$name does not depend on threads and taps" steady "$model"
    done
done
unset CVT_ISA

# ---- a batch is its images ----

alone() { # CASE: three images at once and one by one
    result "$1" "$work/all" --tap all || return 1
    for i in 0 1 2; do
        rm -rf "$work/image$i"
        "$diff" slice "$1/x.npy" "$i" "$work/x$i.npy" &&
            "$program" run -m "$1" -i "$work/x$i.npy" -o "$work/image$i" --tap all || return 1
    done
    "$diff" batch "$work/all" "$work/image0" "$work/image1" "$work/image2"
}
for isa in $isas; do
    export CVT_ISA="$isa"
    for model in cvt/tiny lite/rangilyu convit/comvex cpvt/cls twins_pcpvt/timm pvt/whai362 pvt_v2/timm; do
        check "a batch of 3 of $model on $isa is bit for bit each alone" alone "$data/$model"
    done
done
unset CVT_ISA

# ---- one tap alone ----

one_tap() { # CASE TAP
    result "$1" "$work/all" --tap all && result "$1" "$work/single" --tap "$2" || return 1
    cmp "$work/all/$2.npy" "$work/single/$2.npy" && cmp "$work/all/output.npy" "$work/single/output.npy" &&
        [ "$(ls "$work/single")" = "$(printf '%s.npy\noutput.npy\n' "$2" | sort)" ]
}
for tap in stage1.block1.attn.map stage2.embed stage0 stage1.block0 norm; do
    check "tap $tap alone" one_tap "$data/cvt/tiny" "$tap"
done
for tap in block1.attn.map block0.attn.content block1.attn.position block0.attn.gate embed block2; do
    check "tap $tap alone" one_tap "$data/convit/comvex" "$tap"
done
for tap in stem stage1 stage1.block1 head pool; do check "tap $tap alone" one_tap "$data/lite/timm" "$tap"; done

# ---- what the naming of the weights decides ----

without() { # CASE KEY: the same bytes without the key
    rm -rf "$work/less"
    cp -r "$1" "$work/less" && grep -v "\"$2\"" "$1/config.json" >"$work/less/config.json" || return 1
    grep -q "\"$2\"" "$1/config.json" || return 1
    result "$1" "$work/said" && result "$work/less" "$work/unsaid" || return 1
    cmp "$work/said/output.npy" "$work/unsaid/output.npy"
}
other() { # CASE KEY VALUE: other bytes with the key at another value
    rm -rf "$work/more"
    cp -r "$1" "$work/more" && sed "s|\"$2\": [^,]*|\"$2\": $3|" "$1/config.json" >"$work/more/config.json" || return 1
    result "$1" "$work/said" && result "$work/more" "$work/changed" || return 1
    ! cmp -s "$work/said/output.npy" "$work/changed/output.npy"
}
same_with() { ! other "$@"; } # CASE KEY VALUE: the same bytes
check "Hugging Face names mean erf GELU" without "$data/cvt/tiny" activation
check "microsoft names mean QuickGELU" without "$data/cvt/ms" activation
check "a config overrides what the names mean" other "$data/cvt/ms" activation '"gelu_erf"'
check "rangilyu's names mean symmetric padding" without "$data/lite/rangilyu" pad_type
check "lukemelas' names mean padding SAME" without "$data/lite/lukemelas" pad_type
check "timm's names mean padding SAME" without "$data/lite/tf" pad_type
check "padding overridden by a config" other "$data/lite/rangilyu" pad_type '"same"'
check "eps is 1e-3 unless the config says otherwise" without "$data/lite/lukemelas" bn_eps
check "eps counts" other "$data/lite/lukemelas" bn_eps 1e-5
check "ComVEX's names tell ConViT's variant" without "$data/convit/comvex_023" variant
check "timm's names tell ConViT's variant" without "$data/convit/fb" variant
check "ComVEX's weights tell the width without ff_dim" without "$data/convit/comvex_023" ff_dim
check "ComVEX ignores ff_dim from 0.3.0" without "$data/convit/comvex_pre" ff_dim
check "pre_norm counts" other "$data/convit/comvex_pre" pre_norm false
check "ConViT's weights tell whether there are biases" without "$data/convit/fb_bias" qkv_bias
check "ConViT's weights tell whether there are positions" without "$data/convit/fb_bias" use_pos_embed

# ---- converted: other names, the same model ----

converted() { # CASE NAMES: without the keys that the naming decides, so that the origin must be remembered
    rm -rf "$work/less"
    cp -r "$1" "$work/less" || return 1
    grep -v -e '"activation"' -e '"pad_type"' -e '"embed_norm_eps"' -e '"variant"' "$1/config.json" >"$work/less/config.json" || return 1
    "$program" convert "$work/less" -o "$work/one.safetensors" --names "$2" || return 1
    "$program" check -m "$work/one.safetensors" >/dev/null || return 1
    result "$1" "$work/before" --tap all && mkdir -p "$work/after" && rm -f "$work/after"/* || return 1
    "$program" run -m "$work/one.safetensors" -i "$1/x.npy" -o "$work/after" --tap all || return 1
    same "$work/before" "$work/after"
}
for names in native hf microsoft; do
    for model in tiny ms_mixed; do check "cvt/$model under $names names" converted "$data/cvt/$model" "$names"; done
done
for names in native comvex comvex_0.2.3 comvex_0.1.0; do
    for model in comvex_pre comvex_010; do
        check "convit/$model under $names names" converted "$data/convit/$model" "$names"
    done
done
for names in native timm; do
    for model in fb fb_bias; do check "convit/$model under $names names" converted "$data/convit/$model" "$names"; done
done
for names in native rangilyu lukemelas timm; do
    for model in tf rangilyu lukemelas; do
        check "lite/$model under $names names" converted "$data/lite/$model" "$names"
    done
done
for names in native timm huawei; do
    for model in timm huawei legacy huawei_legacy; do
        check "tnt/$model under $names names" converted "$data/tnt/$model" "$names"
    done
done
for case in cpvt/cls cpvt/peg3 cpvt/gap twins_pcpvt/timm_88; do
    for names in native timm; do check "$case under $names names" converted "$data/$case" "$names"; done
done
for case in pvt/hub pvt/eps_hf pvt/eps_whai362 pvt/whai362_96; do
    for names in native hf whai362; do check "$case under $names names" converted "$data/$case" "$names"; done
done
for case in pvt_v2/hub pvt_v2/hf_li pvt_v2/eps_timm pvt_v2/whai362_li_80; do
    for names in native hf timm whai362; do check "$case under $names names" converted "$data/$case" "$names"; done
done
check "CPVT's weights tell whether there is a class token" without "$data/cpvt/gap" gap
check "CPVT's weights tell how many PEGs there are" without "$data/cpvt/peg3" num_pegs
check "and which kernel" without "$data/cpvt/cls" peg_kernel
check "PVT's tables tell the size they are for" without "$data/pvt/whai362_96" img_size
check "and count before the config" same_with "$data/pvt/whai362_96" img_size 96
check "whai362's names mean two eps in PVT" without "$data/pvt/eps_whai362" embed_norm_eps
check "and in PVT v2" without "$data/pvt_v2/whai362" embed_norm_eps
check "as timm's do" without "$data/pvt_v2/eps_timm" embed_norm_eps
check "and its Twins" without "$data/twins_pcpvt/eps" embed_norm_eps
check "TNT's names tell legacy weights" without "$data/tnt/legacy" legacy
check "TNT's names tell weights that are not legacy" without "$data/tnt/timm" legacy
for names in native yitu; do
    for model in performer transformer posresize; do
        check "t2t_vit/$model under $names names" converted "$data/t2t_vit/$model" "$names"
    done
done
for names in native vit_pytorch; do
    check "t2t_vit/vp_mean under $names names" converted "$data/t2t_vit/vp_mean" "$names"
done
check "T2T-ViT's names tell token transformers" without "$data/t2t_vit/transformer" tokens_type
check "T2T-ViT's names tell token performers" without "$data/t2t_vit/performer" tokens_type
check "the scale of T2T-ViT's blocks counts" other "$data/t2t_vit/qkscale" qk_scale 0

# ---- counts of the published models ----

counts() { # "PARAMETERS BUFFERS MACS" OPTION...
    wanted=$1
    shift
    "$program" summary -f json "$@" >"$work/listing" || return 1
    got=$(tr -d '\n' <"$work/listing" |
        sed -E 's/.*\],"parameters":([0-9]+),"buffers":([0-9]+),"macs":([0-9]+),.*/\1 \2 \3/')
    [ "$got" = "$wanted" ] || { echo "counts are $got, published are $wanted" && return 1; }
}
# Parameters, buffers and multiply-adds as PyTorch counts them in the originals (transformers, timm).
published() {
    cat <<END
cvt-13            19997480  25767  4566089216
cvt-13-384        19997480  25767  16269359616
cvt-21            31622696  41919  7177985024
cvt-21-384        31622696  41919  24849091584
cvt-w24           277196392 134472 60917313536
cvt-w24-384       277196392 134472 194221654016
convit-base 86540040 0 17505452544
convit-comvex-b-ff4 86979336 0 17506042368
convit-comvex-b-plus-ff4 153982728 0 30740549120
convit-comvex-b-plus 78448392 0 15930461696
convit-comvex-b 44484360 0 9175368192
convit-comvex-s-ff4 27879274 0 5746749984
convit-comvex-s-plus-ff4 49198762 0 10001960928
convit-comvex-s-plus 25290154 0 5315956704
convit-comvex-s 14426794 0 3110872608
convit-comvex-ti-ff4 5709744 0 1252397184
convit-comvex-ti-plus-ff4 5709744 0 1252397184
convit-comvex-ti-plus 3048624 0 731730048
convit-comvex-ti 3048624 0 731730048
convit-small 27777322 0 5746563360
convit-tiny 5710512 0 1252360320
efficientnet-lite0 4652008  42065  385187552
efficientnet-lite1 5416680  53728  600185232
efficientnet-lite2 6092072  58160  859736272
efficientnet-lite3 8197096  76745  1383321872
efficientnet-lite4 13006568 112459 2553034336
cpvt-ti           5681512   0      1254021888
cpvt-s            21978856  0      4599559680
cpvt-b            86424040  0      17565182976
twins-pcpvt-small 24106216  0      3809459968
twins-pcpvt-base  43828456  0      6652933888
twins-pcpvt-large 60989672  0      9807524096
pvt-tiny          13229288  0      1932911616
pvt-small         24485864  0      3815701504
pvt-medium        44208104  0      6659175424
pvt-large         61369320  0      9813765632
pvt-v2-b0         3666760   0      566065664
pvt-v2-b1         14009000  0      2108355584
pvt-v2-b2         25362856  0      4026734592
pvt-v2-b2-li      22553512  0      3888850944
pvt-v2-b3         45238696  0      6897303552
pvt-v2-b4         62556072  0      10101116416
pvt-v2-b5         81956008  0      11717260288
tnt-s             23768584  0      5216875008
tnt-b             65428680  0      14049082880
tnt-s-legacy      23755336  0      5216875008
self-32x80            2016 51  423915520
cross-32x80-16x40     2016 51  27335680
hetero-32x32          4576 102 138330112
vit-256-32        54630376  0      3525824512
vit-tiny-patch16-224 5717416 0      1253683200
vit-small-patch16-224 22050664 0    4598882304
vit-base-patch16-224 86567656 0     17563828224
vit-base-patch32-224 88224232 0     4409186304
deit-tiny         5717416   0      1253683200
deit-small        22050664  0      4598882304
deit-base         86567656  0      17563828224
deit-tiny-distilled 5910800 0      1261003776
deit-small-distilled 22436432 0    4624140288
deit-base-distilled 87338192 0     17656811520
t2t-vit-7         4310222   0      1146863616
t2t-vit-10        5889230   0      1516328448
t2t-vit-12        6941902   0      1762638336
t2t-vit-14        21545550  0      4783468544
t2t-vit-14-384    21691470  0      16370148864
t2t-vit-19        39177422  0      8479682176
t2t-vit-24        64105934  0      13661874688
t2t-vit-pytorch   23465986  0      14661216784
t2t-vit-t-14      21541070  0      6088721920
t2t-vit-t-19      39172942  0      9784935552
t2t-vit-t-24      64101454  0      14967128064
END
}
published >"$work/published"
while read -r name parameters buffers macs; do
    check "configs/$name.json counts as published" counts "$parameters $buffers $macs" -c "$root/configs/$name.json"
done <"$work/published"
for config in "$root"/configs/*.json; do
    name=$(basename "$config" .json)
    [ "$name" = schema ] || check "configs/$name.json is among them" grep -q "^$name " "$work/published"
done
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
END
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

# ---- labels, preprocessing and ranges that a conversion or a hub directory brings ----

relabelled() { # the labels a conversion was given count before those of the config it carries
    printf 'label %s\n' a b c d e >"$work/five"
    "$program" convert "$data/cvt/hub_f32" --labels "$work/five" -o "$work/five.safetensors" &&
        "$program" classify -m "$work/five.safetensors" -k 1 "$data/cli/cat.jpg" | grep -q ': label [a-e]'
}
check "a conversion keeps the labels it is given" relabelled

processed() { # WORDS PREPROCESSOR: what the line must hold
    mkdir -p "$work/processed"
    cp "$data"/cvt/hub_f32/* "$work/processed"
    printf '%s\n' "$2" >"$work/processed/preprocessor_config.json"
    if "$program" check -m "$work/processed" 2>"$work/err"; then echo "it was taken" && return 1; fi
    grep -qF -e "$1" "$work/err"
}
check "pictures of all sizes are refused" processed '"do_resize" is false' '{"size": 224, "do_resize": false}'
check "a crop this processor does not do is refused" processed '"do_center_crop" is true' \
    '{"size": 224, "do_center_crop": true, "crop_size": 200}'

# ---- wrong configs: status 3, nothing on standard output, one line that names the key ----

refused() { # TEXT CONFIG: what the line must hold
    printf '%s\n' "$2" >"$work/wrong.json"
    "$program" summary -c "$work/wrong.json" >"$work/out" 2>"$work/err"
    status=$?
    [ "$status" -eq 3 ] || { echo "status $status" && return 1; }
    [ ! -s "$work/out" ] || { echo "something on standard output" && return 1; }
    [ "$(wc -l <"$work/err")" -eq 1 ] || { echo "not one line" && return 1; }
    grep -qF -e "$1" "$work/err" || { cat "$work/err" && return 1; }
}
wrong() { check "refused: $2" refused "$1" "$2"; }
cvt() { wrong "$1" "{\"arch\": \"cvt\", $2}"; }
lite() { wrong "$1" "{\"arch\": \"efficientnet_lite\", $2}"; }
tnt() { wrong "$1" "{\"arch\": \"tnt\", $2}"; }
t2t() { wrong "$1" "{\"arch\": \"t2t_vit\", $2}"; }
wrong 'must be an object' '[1]'
wrong 'none of "arch"' '{}'
wrong '"arch" is "cvd"' '{"arch": "cvd"}'
wrong '"arch" must be a string' '{"arch": 1}'
wrong '"model_args" must be an object' '{"architecture": "tf_efficientnet_lite0", "model_args": 3}'
wrong '"pretrained_cfg" must be an object' '{"architecture": "tf_efficientnet_lite0", "pretrained_cfg": []}'
wrong '"model_type" is "bert"' '{"model_type": "bert"}'
wrong '"architecture" is "resnet50"' '{"architecture": "resnet50"}'
wrong 'wrong.json' '{"arch": "cvt"'
wrong 'wrong.json' '{"arch": "cvt", "depth": [1, 2, 10], "depth": [1, 2, 10]}'
cvt 'did you mean "depth"?' '"depht": [1, 2, 10]'
cvt 'did you mean "num_heads"?' '"num_head": [1, 3, 6]'
cvt '"depth" must be a list' '"depth": 13'
cvt '"depth" [1] is 0' '"depth": [1, 0, 10]'
cvt '"depth" [2] must be a whole number' '"depth": [1, 2, 10.5]'
cvt '"depth" has 0 entries' '"depth": []'
cvt '"patch_sizes" has 3 entries, "depth" has 2' '"depth": [1, 2]'
cvt '"num_heads" has 2 entries' '"num_heads": [1, 3]'
cvt '"qkv_bias" has 1 entries' '"qkv_bias": [true]'
cvt '"mlp_ratio" has 4 entries' '"mlp_ratio": [4, 4, 4, 4]'
cvt '"embed_dim" [0] is -64' '"embed_dim": [-64, 192, 384]'
cvt '"embed_dim" [1] must be a whole number' '"embed_dim": [64, "192", 384]'
cvt '"num_heads"[1] = 5 does not divide "embed_dim"[1] = 192' '"num_heads": [1, 5, 6]'
cvt '"mlp_ratio" [0] is 0' '"mlp_ratio": [0, 4, 4]'
cvt '"mlp_ratio"[0] = 0.001 leaves no hidden channel' '"mlp_ratio": [0.001, 4, 4]'
cvt '"cls_token" [2] must be true or false' '"cls_token": [false, false, 1]'
cvt '"qkv_projection_method" [0] is "conv", must be one of "dw_bn", "avg", "linear"' \
    '"qkv_projection_method": ["conv", "avg", "avg"]'
cvt '"activation" is "gelu"' '"activation": "gelu"'
cvt '"stride_q"[1]' '"stride_q": [1, 2, 1]'
cvt '"padding_q"[0]' '"padding_q": [0, 1, 1]'
cvt '"layer_norm_eps" must be a number' '"layer_norm_eps": "1e-12"'
cvt '"drop_rate" [1] is 2' '"drop_rate": [0, 2, 0]'
cvt '"num_labels" is 0' '"num_labels": 0'
cvt '"num_labels" is 1000001' '"num_labels": 1000001'
cvt '"input_size" must be one number or [height, width]' '"input_size": [224, 224, 3]'
cvt '"input_size" is 0' '"input_size": 0'
cvt 'a kernel of 3 x 3 does not fit' '"input_size": 4, "patch_padding": [2, 0, 0]'
cvt 'stage0.embed' '"input_size": 1'
cvt '"preprocess"' '"preprocess": {"crop_mod": "center"}'
cvt '"crop_pct"' '"preprocess": {"crop_pct": 0}'
cvt '"labels" must be a list of 2 strings' '"num_labels": 2, "labels": ["cat"]'
wrong '"num_labels" is -1' '{"model_type": "cvt", "num_labels": -1}'
wrong '"id2label" must be an object' '{"model_type": "cvt", "id2label": ["cat"]}'
wrong '"depth" must be a list' '{"model_type": "cvt", "depth": "deep"}'
lite 'did you mean "bn_eps"?' '"bn_ep": 0.001'
lite '"channel_multiplier" is 0' '"channel_multiplier": 0'
lite '"pad_type" is "valid", must be one of "", "same"' '"pad_type": "valid"'
lite '"bn_eps" is -0.001' '"bn_eps": -0.001'
lite '"act_layer" is "hswish"' '"act_layer": "hswish"'
lite '"blocks" must be a list of objects' '"blocks": 7'
block='{"kernel_size": 3, "stride": 1, "expand_ratio": 1, "out_chs": 8}'
lite '"blocks" needs "stage_repeats"' "\"blocks\": [$block]"
lite '"stage_repeats" needs "blocks"' '"stage_repeats": [1, 2]'
lite '"blocks" [0] has no "out_chs"' \
    '"stage_repeats": [1], "blocks": [{"kernel_size": 3, "stride": 1, "expand_ratio": 1}]'
lite '"blocks" [0]: "stride" is 0' \
    '"stage_repeats": [1], "blocks": [{"kernel_size": 3, "stride": 0, "expand_ratio": 1, "out_chs": 8}]'
lite '"blocks" [0]: unknown key "kernel"' \
    '"stage_repeats": [1], "blocks": [{"kernel": 3, "stride": 1, "expand_ratio": 1, "out_chs": 8}]'
lite '"stage_repeats" sums to 2, "blocks" has 1 entries' \
    "\"stage_repeats\": [2], \"blocks\": [$block]"
lite '"channel_multiplier" and "blocks" exclude each other' "\"channel_multiplier\": 2, \"blocks\": [$block]"
lite '"global_pool" is "max"' '"global_pool": "max"'
wrong '"num_classes" is 0' '{"architecture": "tf_efficientnet_lite0", "num_classes": 0}'
wrong '"bn_eps" must be a number' '{"architecture": "tf_efficientnet_lite0", "model_args": {"bn_eps": "x"}}'
wrong '"crop_pct" is 2' '{"architecture": "tf_efficientnet_lite0", "pretrained_cfg": {"crop_pct": 2}}'
tnt '"num_heads_inner" = 5 does not divide "inner_dim" = 24' '"num_heads_inner": 5'
tnt '"num_heads_outer" = 7 does not divide "embed_dim" = 384' '"outer_num_heads": 7'
tnt '"patch_size" = 16 does not divide the height 200 of "img_size"' '"img_size": [200, 224]'
tnt '"patch_size" = 16 x 16 does not divide the input of 224 x 225' '"img_size": 224, "input_size": [224, 225]'
tnt '"first_stride" = 5 does not divide "patch_size" = 16' '"legacy": true, "first_stride": 5'
tnt '"legacy" must be true or false' '"legacy": 1'
tnt '"mlp_ratio" = 0.001 leaves no hidden channel' '"mlp_ratio": 0.001'
tnt '"depth" is 0' '"depth": 0'
tnt '"inner_dim" is 0' '"inner_dim": 0'
tnt '"global_pool" is "max"' '"global_pool": "max"'
tnt 'did you mean "embed_dim"?' '"embed_dims": 384'

convit() { wrong "$1" "{\"arch\": \"convit\", $2}"; }
convit '"variant" is "timm", must be one of "comvex", "fb"' '"variant": "timm"'
convit '"heads" = 5 does not divide "dim" = 192' '"dim": 192, "heads": 5'
convit '"head_dim" = 5 does not divide "dim" = 192' '"dim": 192, "head_dim": 5'
convit '"heads" = 4 times "head_dim" = 32 is not "dim" = 192' '"dim": 192, "heads": 4, "head_dim": 32'
convit '"embed_dim", the channels of a head, and "dim" exclude each other' '"dim": 192, "embed_dim": 48'
convit '"embed_dim" = 65536 times "num_heads" = 4096 is more than 65536' '"embed_dim": 65536, "num_heads": 4096'
convit '"heads" is 0' '"heads": 0'
convit '"patch_size" is 0' '"patch_size": 0'
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
wrong '"embed_dim" is -48' '{"architecture": "convit_tiny", "model_args": {"embed_dim": -48}}'
t2t '"num_heads" = 5 does not divide "embed_dim" = 384' '"num_heads": 5'
t2t '"mlp_ratio" = 0.001 leaves no hidden channel' '"mlp_ratio": 0.001'
t2t '"tokens_type" is "convolution"' '"tokens_type": "convolution"'
t2t '"token_dim" is 0' '"token_dim": 0'
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
t2t '"t2t_layers" [1] must be [kernel, stride]' "$vp, \"t2t_layers\": [[7, 4], [3, 0]]"
t2t '"t2t_layers"[1]: a window of 9 does not fit a padded map of 8' \
    "$vp, \"image_size\": 32, \"t2t_layers\": [[7, 4], [9, 1]]"
t2t 'too large' "$vp, \"t2t_layers\": [[64, 1], [64, 1], [64, 1]]"

cpvt() { wrong "$1" "{\"arch\": \"cpvt\", $2}"; }
cpvt '"num_heads" = 5 does not divide "embed_dim" = 192' '"num_heads": 5'
cpvt '"patch_size" = 16 does not divide the input of 230 x 224' '"input_size": [230, 224]'
cpvt '"num_pegs" = 13 is more than "depth" = 12' '"num_pegs": 13'
cpvt '"peg_kernel" = 4 must be odd' '"peg_kernel": 4'
cpvt '"peg_kernel" is 0' '"peg_kernel": 0'
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
    pyramid '"depths" [2] is 0' '"depths": [2, 2, 0, 2]'
    pyramid '"sr_ratios" [0] is 0' '"sr_ratios": [0, 4, 2, 1]'
done
for arch in twins_pcpvt pvt; do
    pyramid 'stage3.embed.proj: a kernel of 2 x 2 does not fit' '"input_size": [224, 16], "sr_ratios": [1, 1, 1, 1]'
    pyramid 'stage0.block0.attn.sr: a kernel of 8 x 8 does not fit' '"input_size": [224, 16]'
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
wrong '"num_classes" is 0' '{"architecture": "pvt_v2_b0", "num_classes": 0}'

# ---- weights that do not fit: status 3, see test_binding.c for the rest ----

misfit() { # TEXT COMMAND...
    text=$1
    shift
    "$@" >"$work/out" 2>"$work/err"
    status=$?
    [ "$status" -eq 3 ] && [ "$(wc -l <"$work/err")" -eq 1 ] && grep -qF -e "$text" "$work/err" && return 0
    echo "status $status, $(cat "$work/err")"
    return 1
}
sed 's/"num_labels": 10/"num_labels": 11/' "$data/cvt/tiny/config.json" >"$work/eleven.json"
misshapen='tensor "classifier.weight" is [10, 20], the model needs [11, 20]'
for command in check classify summary; do
    check "$command refuses weights that do not fit" misfit "$misshapen" \
        "$program" "$command" -m "$data/cvt/tiny" -c "$work/eleven.json"
done
check "run refuses weights that do not fit" misfit "$misshapen" \
    "$program" run -m "$data/cvt/tiny" -c "$work/eleven.json" -i "$data/cvt/tiny/x.npy" -o "$work/no"
check "convert refuses weights that do not fit" misfit "$misshapen" \
    "$program" convert "$data/cvt/tiny" -c "$work/eleven.json" -o "$work/no.safetensors"
sed 's/"depth": \[1, 2, 3\]/"depth": [1, 2, 2]/' "$data/cvt/tiny/config.json" >"$work/shallow.json"
check "a block too many is named" misfit 'layers.2.' "$program" check -m "$data/cvt/tiny" -c "$work/shallow.json"

[ "$failures" -eq 0 ]
