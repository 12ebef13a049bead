#!/bin/sh
# test_models.sh - tests the families from outside: every committed case (tests/make_fixtures.py) on every instruction
# set that can run here, all taps, threads, batches, dialects of the weights. test_configs.sh tests what needs no
# weights.
# Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program; CVT_BIN: the folder of test_npydiff. CVT_BUILD=sanitized: two instruction sets. CASES=first: only the
# first case of each family, on the best of them, against the original: what CI has time for on an emulated machine.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
diff=$(realpath "${CVT_BIN:-$root/build}/test_npydiff")
data=$tests/data
# shellcheck source=tests/case.sh
. "$tests/case.sh"

# result MODEL OUT [OPTION]...: one pass over the case's input
result() {
    model=$1 out=$2
    shift 2
    result_of "$model" "$model" "$out" "$@"
}

# same_files A B: folders of the same files with the same bytes
same_files() { diff -rq "$1" "$2"; }

expected() { if [ -f "$1/expected64.npy" ]; then echo "$1/expected64.npy"; else echo "$1/expected.npy"; fi; }

find_isas
# The kernels of all are run by test_kernels.c; with sanitizers the first and the best are enough here.
if [ "${CVT_BUILD:-}" = sanitized ]; then isas="${isas%% *} ${isas##* }"; fi
# Threads are the plan's matter more than the kernels', which are held to the same bits for every cut in test_kernels.c.
steady_on=" ${isas%% *} avx2 ${isas##* } "

# ---- logits and inner values, however many threads ----

accurate() { # CASE: as the original
    result "$1" "$work/one" -t 1 --tap all || return 1
    "$diff" logits "$(expected "$1")" "$work/one/output.npy" || return 1
    case $1 in */hf_vit/*) "$diff" near 1e-5 "$(expected "$1")" "$work/one/output.npy" || return 1 ;; esac # tells GELUs
    case $1 in */cvt/* | */lite/*) every=all-taps ;; *) every=taps ;; esac # of those two the case has every inner value
    if [ -d "$1/taps" ]; then "$diff" "$every" "$1/taps" "$work/one"; fi
}

steady() { # CASE: the same bytes with other threads, and without taps
    for t in 2 3; do
        result "$1" "$work/many" -t "$t" --tap all && same_files "$work/one" "$work/many" || return 1
    done
    result "$1" "$work/bare" -t 2 && cmp "$work/one/output.npy" "$work/bare/output.npy"
}

if [ "${CASES:-}" = first ]; then
    for family in "$data"/*; do
        set -- "$family"/*/x.npy
        if [ -e "$1" ]; then check "$(basename "$family") is as the original" accurate "$(dirname "$1")"; fi
    done
    [ "$failures" -eq 0 ]
    exit
fi

for isa in $isas; do
    export CVT_ISA="$isa"
    for model in "$data"/*/*/x.npy; do
        model=$(dirname "$model")
        name="$(basename "$(dirname "$model")")/$(basename "$model") on $isa"
        check "$name is as the original" accurate "$model"
        case $steady_on in *" $isa "*) check "$name does not depend on threads and taps" steady "$model" ;; esac
    done
done
unset CVT_ISA

# GELU by erf and by tanh differ by 2e-4 of the logits in these cases.
nearer() { result "$data/vit/$1" "$work/near" && "$diff" near 1e-5 "$data/vit/$1/expected64.npy" "$work/near/output.npy"; }
for case in siglip siglip_tanh siglip_gap; do check "vit/$case has its own GELU" nearer "$case"; done

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
    for model in cvt/tiny lite/rangilyu convit/comvex crossvit/b_same_dim cpvt/cls twins_pcpvt/timm pvt/whai362 \
        pvt_v2/timm swin/timm tnt/huawei t2t_vit/performer vit_efficient/nystrom_batch vit_efficient/xt \
        vit/timm vit/dinov2_reg4 resnet/hf_v1 convnext/timm_v2; do
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
for tap in landmarks landmarks_inverse gather scatter; do
    check "tap block0.attn.$tap alone" one_tap "$data/vit_efficient/nystrom" "block0.attn.$tap"
done
for tap in block2.attn.scores block1.attn.map block0.mlp norm head_norm tokens; do
    check "tap $tap alone" one_tap "$data/vit_efficient/xt" "$tap"
done
for tap in stem stage1 stage1.block1 head pool; do check "tap $tap alone" one_tap "$data/lite/timm" "$tap"; done

# ---- what the naming of the weights decides ----

less() { # CASE EXPRESSION: the case without lines of its config, in $work/less; a comma that then is the last one goes
    rm -rf "$work/less"
    cp -r "$1" "$work/less" && grep -vE "$2" "$1/config.json" | tr '\n' ' ' | sed 's/, *}/}/g' >"$work/less/config.json"
}
without() { # CASE KEY: the same bytes without the key
    less "$1" "\"$2\"" || return 1
    grep -q "\"$2\"" "$1/config.json" || return 1
    result "$1" "$work/said" && result "$work/less" "$work/unsaid" || return 1
    cmp "$work/said/output.npy" "$work/unsaid/output.npy"
}
change() { # CASE KEY VALUE: results of the case in $work/said, with the key at another value in $work/changed
    rm -rf "$work/more"
    cp -r "$1" "$work/more" && sed "s|\"$2\": [^,]*|\"$2\": $3|" "$1/config.json" >"$work/more/config.json" || return 1
    differ "$1/config.json" "$work/more/config.json" || { echo "the config has no other $2" && return 1; }
    result "$1" "$work/said" && result "$work/more" "$work/changed"
}
other() { change "$@" && differ "$work/said/output.npy" "$work/changed/output.npy"; } # CASE KEY VALUE: other bytes
same_with() { change "$@" && bytes "$work/said" "$work/changed"; }                    # CASE KEY VALUE: the same bytes
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

untold() { # CASE KEY...: the same bytes without these keys, wherever they are but first in their object
    model=$1
    rm -rf "$work/less"
    cp -r "$model" "$work/less" || return 1
    shift
    for key in "$@"; do
        sed -i -E "/^ *\"$key\": [^{]*,\$/d; s/, \"$key\": [^,{}]*//" "$work/less/config.json" || return 1
    done
    differ "$model/config.json" "$work/less/config.json" || { echo "the config has none of $*" && return 1; }
    result "$model" "$work/said" && result "$work/less" "$work/unsaid" || return 1
    cmp "$work/said/output.npy" "$work/unsaid/output.npy"
}
for model in xt_031 xt xt_plain xt_plain_norm; do
    check "the weights of $model tell its layers" untold "$data/vit_efficient/$model" layout ff_glu norm_bias final_norm
done
for model in nystrom nystrom_pool nystrom_batch; do
    check "the weights of $model tell its layers" untold "$data/vit_efficient/$model" layout attn_values_residual
done
check "residual scores count" other "$data/vit_efficient/xt" residual_attn false

# ---- converted: other names, the same model ----

converted() { # CASE NAMES: without the keys that the naming decides, so that the origin must be remembered
    less "$1" '"(activation|pad_type|variant|embed_norm_eps)"' || return 1
    "$program" convert "$work/less" -o "$work/one.safetensors" --names "$2" || return 1
    "$program" check -m "$work/one.safetensors" >/dev/null || return 1
    result "$1" "$work/before" --tap all && mkdir -p "$work/after" && rm -f "$work/after"/* || return 1
    "$program" run -m "$work/one.safetensors" -i "$1/x.npy" -o "$work/after" --tap all || return 1
    same_files "$work/before" "$work/after"
}
check "names that the family has not" refuses 2 'cvt has no weight names called "timm", only native, hf, hf_bare, microsoft' \
    "$program" convert "$data/cvt/tiny" -o "$work/one.safetensors" --names timm
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
for names in native vit_pytorch vit_pytorch_xt_0.31 vit_pytorch_xt_1.0 vit_pytorch_xt_1.19; do
    for model in xt_031 xt_plain; do
        check "vit_efficient/$model under $names names" converted "$data/vit_efficient/$model" "$names"
    done
done
for names in native vit_pytorch vit_pytorch_xt vit_pytorch_xt_1.19; do
    for model in xt xt_plain_norm; do
        check "vit_efficient/$model under $names names" converted "$data/vit_efficient/$model" "$names"
    done
done
for names in native vit_pytorch; do
    check "vit_efficient/nystrom under $names names" converted "$data/vit_efficient/nystrom" "$names"
done
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

unpositioned() { # CASE: its positions are the sinusoids that a file without positions stands for
    rm -rf "$work/less"
    cp -r "$1" "$work/less" && python3 - "$work/less/weights.safetensors" <<'END' || return 1
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size, = struct.unpack("<Q", data[:8])
header, body = json.loads(data[8:8 + size]), data[8 + size:]
kept, out = {}, b""
for name, t in header.items():
    if name not in ("pos_embed", "__metadata__"):
        first, last = t["data_offsets"]
        kept[name] = dict(t, data_offsets=[len(out), len(out) + last - first])
        out += body[first:last]
text = json.dumps(kept).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(text)) + text + out)
END
    result "$work/less" "$work/unsaid" && "$diff" logits "$(expected "$1")" "$work/unsaid/output.npy"
}
if command -v python3 >/dev/null 2>&1; then
    check "T2T-ViT's positions are sinusoids where a file has none" unpositioned "$data/t2t_vit/performer"
else
    echo "skip T2T-ViT without positions: no python3 here"
fi
for names in native vit_pytorch vit_pytorch_a; do
    check "crossvit/a under $names names" converted "$data/crossvit/a" "$names"
done
for names in native vit_pytorch vit_pytorch_b vit_pytorch_c; do
    for model in b_same_dim c; do
        check "crossvit/$model under $names names" converted "$data/crossvit/$model" "$names"
    done
done
for names in native timm ibm; do
    for model in timm_crop timm_dagger; do
        check "crossvit/$model under $names names" converted "$data/crossvit/$model" "$names"
    done
done

for names in native flax flax_torch vit_pytorch; do
    for model in batch3 running; do
        check "flax/$model under $names names" converted "$data/flax/$model" "$names"
    done
done
for names in native vit_pytorch; do
    check "flax/vit_pytorch under $names names" converted "$data/flax/vit_pytorch" "$names"
done
check "vit_pytorch's biases have no names in Flax" \
    refuses 2 '"stage0.block0.norm1.bias" has no name in the dialect "flax"' \
    "$program" convert "$data/flax/vit_pytorch" -o "$work/no.safetensors" --names flax # no bijection

for case in vit/a vit/b_nonsquare vit/b_mean vit/c vit/d vit/d_mean; do
    for names in native vit_pytorch; do check "$case under $names names" converted "$data/$case" "$names"; done
done
check "vit/c under the names of layout d" converted "$data/vit/c" vit_pytorch_d
for case in hf_vit/clip_projection hf_vit/clip_classify hf_vit/siglip_vision hf_vit/hub_siglip; do
    for names in native hf hf_bare; do check "$case under $names names" converted "$data/$case" "$names"; done
done
for case in hf_vit/dinov2_reg_24x40 hf_vit/dinov2_eps hf_vit/hub_dinov2_reg_bare; do
    for names in native hf hf_registers hf_bare hf5; do check "$case under $names names" converted "$data/$case" "$names"; done
done
for case in hf_vit/dinov2_swiglu hf_vit/hub_dinov2_swiglu; do
    for names in native hf_swiglu hf_bare_swiglu hf5_registers_swiglu; do
        check "$case under $names names" converted "$data/$case" "$names"
    done
done
for case in hf_vit/beit hf_vit/beit_cls hf_vit/beit_shared_48x40 hf_vit/hub_beit_memory; do
    for names in native timm hf hf5 hf_bare; do check "$case under $names names" converted "$data/$case" "$names"; done
done
for case in hf_vit/hub_beit_timm hf_vit/hub_beit_timm_shared hf_vit/hub_beit_timm_features; do
    for names in native timm hf hf5_bare; do check "$case under $names names" converted "$data/$case" "$names"; done
done
for names in native hf hf_msn hf5; do
    check "hf_vit/vit_msn under $names names" converted "$data/hf_vit/vit_msn" "$names"
done
for case in vit/timm vit/distilled vit/hub_vit vit/hub_teacher vit/hub_bare vit/hub_timm; do
    for names in native timm hf hf5; do check "$case under $names names" converted "$data/$case" "$names"; done
done
check "ViT's names and shapes tell layout a" without "$data/vit/a" layout
check "and b" without "$data/vit/b_nonsquare" layout
check "and c" without "$data/vit/c" layout
check "and d" without "$data/vit/d" layout
check "and whether the mean is pooled without a class token" without "$data/vit/d_mean" pool
check "timm's names tell ViT's variant" without "$data/vit/timm" variant
check "the layout tells it too" without "$data/vit/c" variant
check "ViT's eps is 1e-5 in vit_pytorch" without "$data/vit/d" layer_norm_eps
check "and 1e-6 in timm" without "$data/vit/timm" layer_norm_eps
check "Hugging Face's eps counts" other "$data/vit/hub_vit" layer_norm_eps 0.02
check "Hugging Face's activation counts" other "$data/vit/hub_vit" hidden_act '"silu"'
check "a bare ViTModel, which ends with features, classifies nothing" refuses 3 'no scores of classes' \
    "$program" classify -m "$data/vit/hub_bare" "$data/cli/cat.jpg"

# ---- statistics of a pass: pictures do not depend on each other ----

uncoupled() { # every way to put pictures together gives the same
    cat="$data/cli/cat.jpg"
    "$program" preprocess -m "$data/flax/batch3" "$cat" -o "$work/cat.npy" &&
        "$program" run -m "$data/flax/batch3" -i "$work/cat.npy" -o "$work/cat" || return 1
    for b in 1 2 3; do
        "$program" classify -m "$data/flax/batch3" -f jsonl -b $b -j 1 "$cat" "$other" "$cat" >"$work/b$b" ||
            return 1
    done
    cmp "$work/b1" "$work/b2" && cmp "$work/b1" "$work/b3" && [ "$(sort -u "$work/b1" | wc -l)" -eq 2 ]
}
for other in "$data"/images/[!b]*.jpg; do break; done
check "batch statistics are those of one picture" uncoupled
coupled() { # run makes one pass of all its images: an image alone gives something else
    result "$data/flax/batch3" "$work/all" && "$diff" slice "$data/flax/batch3/x.npy" 0 "$work/x0.npy" || return 1
    "$program" run -m "$data/flax/batch3" -i "$work/x0.npy" -o "$work/image0" || return 1
    status 1 "$diff" batch "$work/all" "$work/image0" "$work/image0" "$work/image0" >"$work/verdict" &&
        grep -q 'of image 0 has other bits' "$work/verdict"
}
check "run makes one pass of all its images" coupled

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
    refuses 3 "$1" "$program" check -m "$work/processed"
}
check "pictures of all sizes are refused" processed '"do_resize" is false' '{"size": 224, "do_resize": false}'
check "a crop this processor does not do is refused" processed '"do_center_crop" is true' \
    '{"size": 224, "do_center_crop": true, "crop_size": 200}'
check "a longest edge is refused" processed '"longest_edge"' \
    '{"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 40, "longest_edge": 50}, "crop_size": 32}'
check "padding is refused" processed '"do_pad" is true' \
    '{"size": 224, "do_pad": true, "pad_size": {"height": 256, "width": 256}}'

prepared() { # PREPROCESSOR: the tensor of a picture into $work/prepared.npy
    rm -rf "$work/processed" && mkdir "$work/processed" && cp "$data"/vit/hub_deit/* "$work/processed" || return 1
    printf '%s\n' "$1" >"$work/processed/preprocessor_config.json"
    "$program" preprocess -m "$work/processed" "$data/cli/cat.jpg" -o "$work/prepared.npy"
}
alike() { # PREPROCESSOR PREPROCESSOR: both say the same
    prepared "$1" && cp "$work/prepared.npy" "$work/one.npy" && prepared "$2" && cmp "$work/one.npy" "$work/prepared.npy"
}
vit='"image_processor_type": "ViTImageProcessor"' deit='"image_processor_type": "DeiTImageProcessor"'
check "null in a preprocessor's config is the default" alike "{$vit, \"size\": 32}" \
    "{$vit, \"size\": {\"height\": 32, \"width\": 32, \"shortest_edge\": null}, \"do_center_crop\": null, \"crop_size\": null,
    \"do_resize\": null, \"resample\": null, \"rescale_factor\": null, \"image_mean\": null, \"image_std\": null}"
check "ViT's processor crops where it is told to" alike "{$deit, \"size\": 40, \"crop_size\": 32}" \
    "{$vit, \"size\": 40, \"crop_size\": 32, \"do_center_crop\": true, \"resample\": 3}"
check "the shortest edge keeps the aspect" alike \
    '{"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 32}, "crop_pct": 0.8}' \
    "{$deit, \"size\": {\"shortest_edge\": 40}, \"crop_size\": 32}"
many_sizes() {
    status 3 prepared "{$vit, \"size\": {\"shortest_edge\": 32}}" 2>"$work/err" || return 1
    grep -qF '"shortest_edge", which leaves images of many sizes' "$work/err" && "$program" check -m "$work/processed"
}
check "the shortest edge alone is refused of pictures" many_sizes
check "a mean of other channels than the model's is refused" processed '"image_mean" has 4 entries, must be one number or a list of 3' \
    '{"size": 224, "image_mean": [1, 2, 3, 4]}'
satellite() { # a model of 5 channels reads no images, and its list has 5 entries
    echo '{"architecture": "vit_tiny_patch16_224", "num_classes": 3, "model_args": {"in_chans": 5, "depth": 1},
        "pretrained_cfg": {"input_size": [5, 224, 224], "mean": [1, 2, 3, 4, 5], "std": [1, 1, 1, 1, 1]}}' >"$work/five.json"
    "$program" summary -c "$work/five.json" >"$work/out" && grep -q 'input 5 x 224 x 224' "$work/out"
}
check "a mean an entry a channel" satellite

# ---- weights that do not fit: status 3, see test_binding.c for the rest ----

misfit() { refuses 3 "$@"; } # TEXT COMMAND...
sed 's/"num_labels": 10/"num_labels": 11/' "$data/cvt/tiny/config.json" >"$work/eleven.json"
misshapen='tensor "classifier.weight" is [10, 20], the model needs [11, 20]'
for command in check summary; do
    check "$command refuses weights that do not fit" misfit "$misshapen" \
        "$program" "$command" -m "$data/cvt/tiny" -c "$work/eleven.json"
done
check "classify refuses weights that do not fit" misfit "$misshapen" \
    "$program" classify -m "$data/cvt/tiny" -c "$work/eleven.json" "$tests/data/cli/cat.jpg"
check "run refuses weights that do not fit" misfit "$misshapen" \
    "$program" run -m "$data/cvt/tiny" -c "$work/eleven.json" -i "$data/cvt/tiny/x.npy" -o "$work/no"
check "convert refuses weights that do not fit" misfit "$misshapen" \
    "$program" convert "$data/cvt/tiny" -c "$work/eleven.json" -o "$work/no.safetensors"
sed 's/"depth": \[1, 2, 3\]/"depth": [1, 2, 2]/' "$data/cvt/tiny/config.json" >"$work/shallow.json"
check "a block too many is named" misfit 'layers.2.' "$program" check -m "$data/cvt/tiny" -c "$work/shallow.json"

[ "$failures" -eq 0 ]
