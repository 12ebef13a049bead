#!/bin/sh
# test_cnn_checkpoints.sh - ResNets and ConvNeXts as timm, transformers and torch save them
# (tests/make_cnn_checkpoints.py): what their originals answer is what the program answers, and what such models cannot
# do is refused.
# Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
data=$tests/data/cnn_checkpoints
# shellcheck source=tests/case.sh
. "$tests/case.sh"
image=$tests/data/cli/dog.png
cd "$data" || exit 1

# compare WANT: the names of $work/got in this order, each number within 2e-5 (of 1, or of itself where it is larger)
compare() {
    echo "$1" | tr ' ' '\n' | tr '=' ' ' >"$work/want"
    [ -s "$work/got" ] && paste -d ' ' "$work/want" "$work/got" | awk '
        { far = $2 - $4; size = $2; if (far < 0) far = -far; if (size < 0) size = -size; if (size < 1) size = 1
          n++; if ($1 != $3 || far > 2e-5 * size) bad = 1 } END { exit bad || n < 1 }' && return 0
    echo "got $(tr '\n' ' ' <"$work/got")" && return 1
}
answers() { # WANT [OPTION]...: of classify
    want=$1
    shift
    "$program" classify -k 4 -f tsv "$@" "$image" >"$work/tsv" && awk -F '\t' 'NR > 1 {print $6, $7}' "$work/tsv" >"$work/got"
    compare "$want"
}
features() { # WANT [OPTION]...: of embed, the numbers of its one row
    want=$1
    shift
    "$program" embed --force "$@" "$image" -o "$work/x.npy" || return 1
    header=$(od -A n -t u2 -j 8 -N 2 "$work/x.npy")
    od -A n -t f4 -v -w4 -j $((header + 10)) "$work/x.npy" | awk '{print NR - 1, $1}' >"$work/got"
    compare "$want"
}

while read -r model numbers; do
    case $model in
    pth/*) check "$model" answers "$numbers" -m "$model" -c "${model%.pth}.json" ;;
    *_model | *_features)
        check "$model gives its features" features "$numbers" -m "$model"
        check "$model has no classes" refuses 3 'classes' "$program" classify -m "$model" "$image"
        ;;
    *)
        check "$model" answers "$numbers" -m "$model"
        check "$model converted" "$program" convert "$model" -o "$work/$model.safetensors"
        check "$model answers the same when converted" answers "$numbers" -m "$work/$model.safetensors"
        ;;
    esac
done <expected.txt

# The mean of a class activation map of a ResNet, plus the bias, is the logit: here of the class that timm puts first.
check "attend shows where a ResNet sees a class" "$program" attend -m timm_resnet50 --class plum "$image" -o "$work/map.png"
check "attend: a ConvNeXt has no class activation map" refuses 3 'does not read' \
    "$program" attend -m timm_convnext_atto --class plum "$image" -o "$work/map2.png"
check "attend: a model without classes has none either" refuses 3 'class' \
    "$program" attend -m timm_resnet50_features "$image" -o "$work/map3.png"

# Keys that change the result and are not done here are named.
changed() { # FOLDER OLD NEW: a copy of its config with a change
    sed "s/$2/$3/" "$1/config.json" >"$work/changed.json" && differ "$1/config.json" "$work/changed.json"
}
refuse_key() { # FOLDER OLD NEW KEY
    changed "$1" "$2" "$3" && refuses 3 "\"$4\"" "$program" check -m "$1" -c "$work/changed.json"
}
resnet() { refuse_key timm_resnet50 '"in_chans": 3' "\"in_chans\": 3, \"$1\": $2" "$1"; }
convnext() { refuse_key timm_convnext_atto '"in_chans": 3' "\"in_chans\": 3, \"$1\": $2" "$1"; }
check "grouped convolutions" resnet cardinality 32
check "another reduction" resnet block_reduce_first 2
check "a stem without a maximum" resnet replace_stem_pool true
check "anti-aliasing" resnet aa_layer '"avg"'
check "other norms" resnet norm_layer '"groupnorm"'
check "attention in blocks" resnet block_args '{"attn_layer": "se"}'
check "a stride of 16" resnet output_stride 16
check "other pooling" refuse_key timm_resnet50 '"global_pool": "avg"' '"global_pool": "max"' global_pool
check "an unknown activation" refuse_key hf_resnet '"relu"' '"elu"' hidden_act
check "a norm of another kind" convnext norm_layer '"rmsnorm2d"'
check "kernels of several sizes" convnext kernel_sizes '[7, 7, 7, 5]'
check "an even kernel" convnext kernel_sizes 6
check "a patch of 2" convnext patch_size 2
check "a dilated ConvNeXt" convnext output_stride 8
check "patches of 8, for which timm dilates the last stage" convnext patch_size 8
accept_key() { # FOLDER KEY VALUE
    changed "$1" '"in_chans": 3' "\"in_chans\": 3, \"$2\": $3" && "$program" check -m "$1" -c "$work/changed.json"
}
check "how weights were at first does not matter" accept_key timm_resnet50 zero_init_last false
[ "$failures" -eq 0 ]
