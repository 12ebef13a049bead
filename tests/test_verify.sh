#!/bin/sh
# test_verify.sh - cvt convert --golden and cvt verify: a file of each family is verified, one on every instruction set; a
# flipped bit, another preprocessing, other labels, another config and damaged golden data are each told in one line.
# test_verify.c breaks kernels.
# Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
data=$tests/data
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

# golden MODEL [OPTION]...: into golden.safetensors
golden() {
    rm -f golden.safetensors
    "$program" convert "$@" -o golden.safetensors --golden 2 && test -s golden.safetensors
}
# verified [OPTION]...: without a word on standard error
verified() {
    status 0 "$program" verify -m golden.safetensors "$@" >out 2>err && grep -q '^ok: ' out && [ ! -s err ] && return 0
    cat out err
    return 1
}
# found PATTERN [OPTION]...: status 1, nothing on standard output, and the first line is this
found() {
    pattern=$1
    shift
    status 1 "$program" verify -m "$@" >out 2>err && [ ! -s out ] && head -n 1 err | grep -Eq "^cvt: .*: $pattern" &&
        return 0
    cat out err
    return 1
}

# ---- what is whole is verified ----

find_isas
whole() { golden "$@" && verified && verified --repro -t 2 && grep -q 'the same bits' out; }
# LONG=1: with several numbers of threads too; test_verify.c tries 1 and 3
everywhere() {
    whole "$@" || return 1
    for isa in $isas; do
        for threads in ${LONG:+1 2 3 5 8} ''; do CVT_ISA=$isa verified ${threads:+-t "$threads"} || return 1; done
    done
}
for family in "$data"/*; do
    for input in "$family"/*/x.npy; do # the first case of each
        if [ -e "$input" ]; then check "$(basename "$family")" whole "$(dirname "$input")"; fi
        break
    done
done
tiny=$data/cvt/tiny
check "in f32" everywhere "$tiny"
check "in int8" everywhere "$tiny" --dtype int8
for type in f16 bf16; do check "in $type" whole "$tiny" --dtype $type; done
check "under other names" whole "$tiny" --names native
check "of another seed" whole "$tiny" --seed 9007199254740993

same_golden() { # the same file each time, whatever the threads; another seed gives another
    golden "$tiny" && cp golden.safetensors first.safetensors && OMP_NUM_THREADS=3 golden "$tiny" &&
        cmp first.safetensors golden.safetensors && golden "$tiny" --seed 1 &&
        differ first.safetensors golden.safetensors
}
check "the same golden data each time" same_golden
dropped() { # golden data are of one file: what is made of it has none
    golden "$tiny" && "$program" convert golden.safetensors -o again.safetensors &&
        "$program" convert "$tiny" -o plain.safetensors && cmp again.safetensors plain.safetensors
}
check "a conversion drops golden data" dropped
as_good() { # the file classifies as the model does
    golden "$tiny" && "$program" classify -m golden.safetensors -f jsonl "$data/cli/dog.png" >a &&
        "$program" classify -m "$tiny" -f jsonl "$data/cli/dog.png" >b && [ -s a ] && cmp a b
}
check "a file with golden data is a model like any other" as_good

# ---- a flipped bit ----

# flip FILE OFFSET: its lowest bit
flip() {
    byte=$(od -An -v -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059  # the format is the byte
    printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
header_size() { od -An -v -tu4 -N 4 "$1" | tr -d ' '; }
flipped() { # OFFSET from the beginning of the data
    cp first.safetensors flipped.safetensors && flip flipped.safetensors $(($(header_size first.safetensors) + 8 + $1)) &&
        differ first.safetensors flipped.safetensors &&
        found 'tensor "[a-z0-9_.]*" is another than the one that was converted: its SHA-256 is ' flipped.safetensors &&
        [ "$(lines err)" -eq 1 ]
}
size=$(($(wc -c <first.safetensors) - $(header_size first.safetensors) - 8))
# the lowest bit of the first value, which changes no answer by more than rounding, and the last byte; test_verify.c flips
# bits everywhere, in every type
for offset in 0 $((size - 1)); do check "a flipped bit in byte $offset of $size" flipped "$offset"; done

# ---- another preprocessing ----

cat >processor.json <<'END'
{"image_processor_type": "ViTImageProcessor", "do_resize": true, "size": {"shortest_edge": 36}, "resample": 2,
"do_center_crop": true, "crop_size": {"height": 32, "width": 24}, "do_rescale": true, "do_normalize": true, "image_mean": [0.5, 0.5, 0.5],
"image_std": [0.25, 0.25, 0.25]}
END
other() { # SED: one key of the preprocessing changed
    sed "$1" processor.json >other.json && differ processor.json other.json &&
        found 'input 0 is prepared to other values: the preprocessing, a decoder or the resizing is another' \
            first.safetensors --preprocess other.json && [ "$(lines err)" -eq 2 ] && [ ! -s out ]
}
prepared() { golden "$tiny" --preprocess processor.json && mv golden.safetensors first.safetensors; }
check "a model with its preprocessing" prepared
check "the same preprocessing" status 0 "$program" verify -m first.safetensors --preprocess processor.json
check "another filter for resizing" other 's/"resample": 2/"resample": 3/'
check "another size" other 's/"shortest_edge": 36/"shortest_edge": 41/'
check "another mean" other 's/\(mean": \[0.5, 0.5, 0.\)5/\149/'
check "another deviation" other 's/"image_std": \[0.25/"image_std": [0.26/'
check "no division by 255" other 's/"do_rescale": true/"do_rescale": false/'
check "no normalisation" other 's/"do_normalize": true/"do_normalize": false/'
cat >processor.json <<'END'
{"input_size": [3, 32, 24], "interpolation": "bicubic", "crop_pct": 0.875, "crop_mode": "center", "mean": [0.5, 0.5, 0.5],
"std": [0.5, 0.5, 0.5]}
END
check "a model with timm's preprocessing" prepared
check "another crop" other 's/"crop_pct": 0.875/"crop_pct": 0.75/'
check "another kind of crop" other 's/"crop_mode": "center"/"crop_mode": "border"/'
hub=$data/pvt/hub
edited() { # SED PATTERN: the header changed, its length not
    sed "$1" hub.safetensors >edited.safetensors &&
        [ "$(wc -c <edited.safetensors)" -eq "$(wc -c <hub.safetensors)" ] && differ hub.safetensors edited.safetensors &&
        found "$2" edited.safetensors
}
printf 'breed %s\n' 1 2 3 4 5 >names
check "a model with preprocessing and labels" golden "$hub" --labels names
mv golden.safetensors hub.safetensors
check "whole" status 0 "$program" verify -m hub.safetensors
check "a mean that was changed in the file" edited 's/    0\.485,/    0.486,/' \
    'the metadata "cvt.preprocessor" are others'
check "a label that was changed in the file" edited 's/breed 1/breed 9/' 'the metadata "cvt.labels" are others'
relabelled() { edited 's/breed 1\(.*\)breed 2/breed 2\1breed 1/' 'the metadata "cvt.labels" are others'; }
check "another order of labels" relabelled
sed 's/"layer_norm_eps": [0-9.e-]*/"layer_norm_eps": 0.5/' "$hub/config.json" >config.json
check "a changed config" found 'the config is another' hub.safetensors -c config.json

# ---- golden data that are damaged, or of others ----

check "no golden data" refuses 3 "it has no golden data to compare with; \`cvt convert --golden N\` stores them" \
    "$program" verify -m "$tiny"
another_output() {
    edited 's/\\"output\\":\\"....../\\"output\\":\\"AAAAQA/' 'input 0: ' && grep -q ': input 0: output 0 is ' err
}
check "another golden output" another_output
check "another order of classes" edited 's/\\"top\\":\[\[./\\"top\\":[[7/' 'input 0: of the golden output class '
check "another score" edited 's/\(\\"top\\":\[\[.,0\.\)./\10/' 'input 0: of the golden output class '
check "other golden hashes" edited 's/\\"prepared\\":\\"......../\\"prepared\\":\\"01234567/' 'input 0 is prepared'
check "another maker of images" edited 's/\\"image\\":\\"......../\\"image\\":\\"01234567/' \
    'input 0: this version makes another image'
check "another precision" edited 's/\\"precision\\":\\"f32/\\"precision\\":\\"f16/' 'the model runs in f32, and its golden'
damaged() { # SED MESSAGE
    sed "$1" hub.safetensors >damaged.safetensors && differ hub.safetensors damaged.safetensors &&
        refuses 3 "its golden data cannot be read: $2" "$program" verify -m damaged.safetensors
}
check "a seed that is none" damaged 's/\\"seed\\":\\"0\\"/\\"seed\\":\\"x\\"/' 'the seed is no number'
check "golden data that are no JSON" damaged 's/{\\"cvt\\"/[\\"cvt\\"/' 'cvt.golden'
check "an output of another size" damaged 's/\\"output\\":\\"..../\\"output\\":\\"====/' 'an output of another size'
check "no inputs" damaged 's/\\"inputs\\":/\\"imputs\\":/' 'the number of inputs'

# ---- options ----

check "no golden inputs" refuses 2 "--golden" "$program" convert "$tiny" -o no.safetensors --golden 0
check "too many" refuses 2 "--golden" "$program" convert "$tiny" -o no.safetensors --golden 65
check "packed" refuses 2 "golden data are for weights that every machine can read" \
    "$program" convert "$tiny" -o no.safetensors --golden 1 --pack
check "nothing was written" test ! -e no.safetensors
[ "$failures" -eq 0 ]
