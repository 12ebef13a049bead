#!/bin/sh
# test_precision.sh - tests products in f16, bf16 and int8 from outside: every committed case of every family, and models made
# here that are wide enough for every kind of product to be rounded, on every instruction set that can run here.
# test_rounded.c tests int8 weights that are not as they must be. Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program; CVT_BIN: the folder of test_npydiff. CVT_BUILD=sanitized: fewer
# cases, and one instruction set: test_products runs all kernels.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
diff=$(realpath "${CVT_BIN:-$root/build}/test_npydiff")
data=$tests/data
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

# How far a result may be from f32's, as a share of its norm. Rounding to 8 bits errs by about 0.5 % of each factor of a
# product, to f16 by 0.02 %, to bf16 by 0.2 %, there in attention too; a few products in a row, of which later ones see
# the errors of earlier ones, make at most three times that here, eight times in bf16. In flax, norms divide by what small
# batches vary, which can be little: errors grow with it. In a ResNet no norm looks at the image, so nothing takes back
# what earlier layers erred.
bound() { # CASE PRECISION
    case $1-$2 in
    */flax/*-int8) echo 0.15 ;;
    */flax/*-f16) echo 0.03 ;;
    */flax/*-bf16) echo 0.08 ;;
    */resnet/*-int8) echo 0.08 ;;
    */resnet/*-f16) echo 0.012 ;;
    *-int8) echo 0.04 ;;
    *-f16) echo 0.006 ;;
    *-bf16) echo 0.03 ;;
    *) echo 0 ;; # nothing is as near as that
    esac
}

# MODEL CASE: one file and what becomes of it
stored() {
    "$program" convert "$1" --dtype int8 -o int8.safetensors && "$program" check -m int8.safetensors >/dev/null &&
        result_of "$1" "$2" f32 && result_of int8.safetensors "$2" int8 && result_of int8.safetensors "$2" wide --precision f32 &&
        result_of "$1" "$2" f16 --precision f16 && result_of "$1" "$2" bf16 --precision bf16 || return 1
    "$diff" near "$(bound "$2" int8)" f32/output.npy int8/output.npy &&
        "$diff" near "$(bound "$2" int8)" f32/output.npy wide/output.npy &&
        "$diff" near "$(bound "$2" f16)" f32/output.npy f16/output.npy &&
        "$diff" near "$(bound "$2" bf16)" f32/output.npy bf16/output.npy || return 1
    "$program" convert int8.safetensors -o again.safetensors && cmp int8.safetensors again.safetensors &&
        "$program" convert int8.safetensors --dtype int8 -o again.safetensors &&
        cmp int8.safetensors again.safetensors || return 1
    "$program" convert int8.safetensors --dtype f32 -o f32.safetensors && result_of f32.safetensors "$2" back &&
        "$diff" near 0.00001 wide/output.npy back/output.npy || return 1 # scales may be folded into those of norms
    # the largest weight of a row stays 127 / 127 of its scale, so rounding what was rounded changes next to nothing
    result_of f32.safetensors "$2" twice --precision int8 && "$diff" near 0.001 int8/output.npy twice/output.npy
}

# MODEL CASE: the same bytes from the file and from the original, for any number of threads, with taps and without
steady() {
    "$program" convert "$1" --dtype int8 -o steady.safetensors || return 1
    for p in int8 f16 bf16; do
        result_of "$1" "$2" one -t 1 --precision $p --tap all && result_of "$1" "$2" three -t 3 --precision $p --tap all &&
            diff -r one three && result_of "$1" "$2" two -t 2 --precision $p && bytes one two || return 1
    done
    result_of steady.safetensors "$2" one -t 2 && result_of "$1" "$2" two -t 1 --precision int8 && bytes one two
}

# MODEL CASE: three images at once and one by one
alone() {
    for p in int8 f16 bf16; do
        result_of "$1" "$2" all --precision $p --tap all || return 1
        for i in 0 1 2; do
            rm -rf image$i && "$diff" slice "$2/x.npy" $i x$i.npy &&
                "$program" run -m "$1" -i x$i.npy -o image$i --precision $p --tap all || return 1
        done
        "$diff" batch all image0 image1 image2 || return 1
    done
}

# ---- every committed case ----

find_cases
for model in $cases; do
    case=$(basename "$(dirname "$model")")/$(basename "$model")
    check "$case in less than f32, stored and not" stored "$model" "$model"
    check "$case in less than f32 does not depend on threads and taps" steady "$model" "$model"
done

# ---- models of the same configs, but wide enough for every kind of product to be rounded ----

# wide NAME CASE EXPRESSION...: the case's config changed by sed, random weights
wide() {
    wide=$1 from=$2
    shift 2
    sed -E "$@" "$data/$from/config.json" >"$wide.json" && "$program" init -c "$wide.json" --seed 3 -o "$wide.safetensors" &&
        "$program" convert "$wide.safetensors" --dtype int8 -o int8.safetensors &&
        grep -aqF '"dtype":"I8"' int8.safetensors
}
wides=
model() { # NAME CASE EXPRESSION
    check "a wide $1" wide "$@" && wides="$wides $1:$2"
}
model cvt cvt/tiny 's/6, 12, 20/48, 80, 100/'
model convit convit/comvex 's/"dim": [0-9]*/"dim": 72/'
model vit vit/timm 's/"dim": 24/"dim": 96/'
model pvt pvt/whai362 's/8, 16, 20, 24/48, 64, 80, 96/'
model lite lite/rangilyu 's/"out_chs": [0-9]+/"out_chs": 56/g; s/6, "out_chs"/8, "out_chs"/g'
for pair in $wides; do
    check "a wide ${pair%:*} in less than f32, stored and not" stored "${pair%:*}.safetensors" "$data/${pair#*:}"
done
find_isas
if [ "${CVT_BUILD:-}" = sanitized ]; then isas=${isas##* }; fi
for isa in $isas; do
    export CVT_ISA="$isa"
    for pair in $wides; do
        case=$data/${pair#*:} model=$work/${pair%:*}.safetensors
        check "a wide ${pair%:*} on $isa in less than f32 does not depend on threads and taps" steady "$model" "$case"
        check "a batch of 3 of a wide ${pair%:*} on $isa in less than f32 is bit for bit each alone" alone "$model" "$case"
    done
done
unset CVT_ISA

# ---- pictures: any number of threads, images at once, and batch ----

make_pictures
pictures() { # PRECISION
    "$program" classify -m vit.safetensors -f jsonl --precision "$1" -t 1 -j 1 -b 1 good/* >first || return 1
    for how in '-t 3 -j 1 -b 1' '-t 1 -j 3 -b 1' '-t 1 -j 1 -b 4' '-t 2 -j 2 -b 3' ''; do
        # shellcheck disable=SC2086 # words of options
        "$program" classify -m vit.safetensors -f jsonl --precision "$1" $how good/* >other && cmp first other || return 1
    done
    [ "$(lines first)" -eq 9 ] && "$program" classify -m vit.safetensors -f jsonl good/* >other && differ first other
}
check "pictures in int8 have the same bytes however they are run" pictures int8
check "pictures in f16 have the same bytes however they are run" pictures f16
check "pictures in bf16 have the same bytes however they are run" pictures bf16

# ---- what is refused ----

foreign='int8 weights go under native names, not those of "hf"'
check "int8 weights under foreign names" refuses 2 "$foreign" \
    "$program" convert "$data/cvt/tiny" --dtype int8 --names hf -o no.safetensors
rm -f int8.safetensors
check "int8 weights under native names" "$program" convert "$data/cvt/tiny" --dtype int8 -o int8.safetensors
check "int8 weights are there" test -s int8.safetensors
check "int8 weights under foreign names, kept" refuses 2 "$foreign" \
    "$program" convert int8.safetensors --names hf -o no.safetensors
check "int8 weights go back to foreign names in another type" "$program" convert int8.safetensors --dtype f32 --names hf \
    -o hf.safetensors
check "and are there" grep -aq '"cvt\.encoder\.' hf.safetensors
check "a precision that there is not" refuses 2 "int4" \
    "$program" run -m int8.safetensors --precision int4 -i "$data/cvt/tiny/x.npy" -o no

[ "$failures" -eq 0 ]
