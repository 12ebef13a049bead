#!/bin/sh
# test_attend.sh - tests cvt attend on models without attention: class activation maps, which class is meant, what is
# said about it, and images in the photo's own size. test_embed.sh tests attention maps, test_class_map.c the numbers
# of class activation maps.
# Prints "ok NAME" or "not ok NAME: why" a case. CVT: the program; CVT_BIN: the folder of test_heat.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${CVT:-$tests/../cvt}")
heat=$(realpath -m "${CVT_BIN:-$tests/../build}/test_heat")
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1
make_pictures

# The labels hold a name that two classes share, and one that is a whole label and a part of another.
cat >labels.txt <<'END'
tabby, tabby cat
crane
crane, machine
goldfish, Carassius auratus
cock
hen
tiger, Panthera tigris
drake
goose
cock, rooster
END
"$program" convert "$tests/data/lite/timm" --labels labels.txt -o lite.safetensors || exit 1
model=lite.safetensors

# attend ARGUMENT...: messages into err, the exit status into $status
attend() {
    rm -f a.npy a.png
    timeout 60 "$program" attend -m "$model" "$@" >out 2>err
    status=$?
}
# shape FILE.npy: as its header has it
shape() { head -c 128 "$1" | tr -d '\0\n' | sed "s/.*'shape': \(([^)]*)\).*/\1/"; }
# numbers FILE.npy: one a line
numbers() { tail -c +$(($(od -An -tu2 -j8 -N2 "$1") + 11)) "$1" | od -An -v -tf4 -w4; }
# shows NAME CLASS LABEL ARGUMENT...: the map of this class comes, and one line says so
shows() {
    name=$1 line="cvt: good/9.png: class activation map for class $2 ($3)"
    shift 3
    attend good/9.png -o a.npy "$@"
    equal "$name" "$status $(cat err out)" "0 $line"
}
# refused NAME STATUS PATTERN ARGUMENT...: one line that says why, and no file
refused() {
    name=$1 want=$2 pattern=$3
    shift 3
    attend good/9.png -o a.npy "$@"
    equal "$name" "$status $(lines err) $(grep -c -e "$pattern" err) $(ls a.npy 2>/dev/null)" "$want 1 1 "
}

# ---- the class -------------------------------------------------------------------------------------------------------

best=$("$program" classify -m "$model" -k 1 -f csv good/9.png | sed -n '2 { s/.*,true,,1,\([0-9]*\),.*/\1/; p; }')
label=$(sed -n "$((best + 1)) p" labels.txt)
shows 'the best class' "$best" "$label"
equal 'the grid of the last map' "$(shape a.npy)" '(2, 2)'
cp a.npy best.npy
shows '--class by number' "$best" "$label" --class "$best"
same '--class by number: the same map' best.npy a.npy
other=$(((best + 1) % 10))
attend good/9.png -o a.npy --class=$other
check 'another class has another map' differ best.npy a.npy
shows '--class by the whole label' 3 'goldfish, Carassius auratus' --class 'goldfish, Carassius auratus'
shows '--class by its first name' 3 'goldfish, Carassius auratus' --class goldfish
shows '--class by its last name' 3 'goldfish, Carassius auratus' --class 'Carassius auratus'
shows '--class: a whole label counts before a part' 1 crane --class crane
shows '--class: a whole label counts before a part, in any order' 4 cock --class cock
sed 's/^crane$/crane, bird/' labels.txt >two.txt
"$program" convert lite.safetensors --labels two.txt -o two.safetensors
model=two.safetensors
refused '--class: a name of two' 2 "several classes are called 'crane', as 1 and 2" --class crane
model=lite.safetensors
refused '--class: a typing error' 2 "'goldfsh' (did you mean 'goldfish'?)" --class goldfsh
refused '--class: nothing like it' 2 "'aeroplane' is neither" --class aeroplane
refused '--class: no name' 2 "'' is neither" --class ''
refused '--class: a number too large' 2 '10 is not a class from 0 to 9' --class 10
refused '--class: a number far too large' 2 'is not a class from 0 to 9' --class 99999999999999999999
refused '--class: a part of a name' 2 "'Carassius'" --class Carassius
model=$tests/data/lite/timm
attend good/9.png -o a.npy --class 7
equal 'without labels' "$status $(cat err)" '0 cvt: good/9.png: class activation map for class 7'

# ---- weights of every kind -------------------------------------------------------------------------------------------

model=lite.safetensors
for class in 0 9; do
    attend good/9.png -o a.npy --class $class && mv a.npy want.npy
    rm -f packed.safetensors
    "$program" convert lite.safetensors --pack -o packed.safetensors
    model=packed.safetensors
    attend good/9.png -o a.npy --class $class
    same "packed weights, class $class" want.npy a.npy
    for dtype in f16 bf16 int8; do
        rm -f typed.safetensors
        "$program" convert lite.safetensors --dtype $dtype -o typed.safetensors
        model=typed.safetensors
        attend good/9.png -o a.npy --class $class --precision f32
        numbers want.npy >want
        numbers a.npy | paste -d ' ' - want >both
        # shellcheck disable=SC2016 # of awk
        check "weights in $dtype, class $class" awk '
            { d = $1 - $2; if (d * d > 0.01 * ($2 * $2 + 0.1)) bad = 1 } END { exit bad || NR != 4 }' both
    done
    model=lite.safetensors
done

# ---- pictures --------------------------------------------------------------------------------------------------------

attend good/9.png -o a.png
equal 'a picture' "$status $(lines err)" '0 1'
check 'a picture as large as the photo' "$heat" png a.png 24 24
attend good/6.jpg -o a.png
check 'a photo is turned upright' "$heat" png a.png 30 40
attend good/6.jpg -o a.png --exif ignore
check '--exif ignore: it is not' "$heat" png a.png 40 30
attend - -o - <good/9.png
equal 'standard input and output' "$status $(cat err)" "0 cvt: -: class activation map for class $best ($label)"
cp out piped.png
attend good/9.png -o a.png -t 2
same 'standard input and output: the same picture' piped.png a.png
attend good/9.png -o nowhere/a.png
equal 'status 4: only the failure is said' "$status $(lines err) $(grep -c 'nowhere/a.png: ' err)" '4 1 1'

# ---- what a model cannot do ------------------------------------------------------------------------------------------

for option in '--layer 0' '--head 0' --rollout; do
    # shellcheck disable=SC2086 # words are wanted
    refused "without attention: $option" 3 'no attention maps that' $option
    # shellcheck disable=SC2086
    refused "--class beside $option" 2 'no --layer, --head or --rollout' --class 0 $option
done
model=$tests/data/pvt_v2/timm
attend good/9.png -o a.npy
equal 'attention comes first where there is some' "$status $(lines err) $(ls a.npy)" '0 0 a.npy'
cp a.npy attention.npy
attend good/9.png -o a.npy --class 1
equal '--class of a model with attention' "$status $(cat err)" '0 cvt: good/9.png: class activation map for class 1'
check '--class of a model with attention has another map' differ a.npy attention.npy
model=$tests/data/cvt/tiny
refused '--class where the class token is classified' 3 'does not read the mean of a map' --class 0
cat >neither.json <<'END'
{"arch": "network", "inputs": [{"name": "input", "channels": 3, "size": [16, 16]}], "output": "out",
 "layers": [{"type": "conv", "name": "stem", "inputs": ["input"], "output": "map", "out_channels": 4, "kernel_size": 3},
            {"type": "pool", "name": "pool", "inputs": ["map"], "output": "mean"},
            {"type": "linear", "name": "hidden", "inputs": ["mean"], "output": "features", "out_features": 6},
            {"type": "activation", "name": "act", "inputs": ["features"], "output": "active", "activation": "relu"},
            {"type": "head", "name": "head", "inputs": ["active"], "output": "out", "num_classes": 3}]}
END
"$program" init -c neither.json -o neither.safetensors && model=neither.safetensors
refused 'neither attention nor the mean of a map' 3 'no attention maps, nor class activation maps'
sed '/"hidden"/d; /"act"/d; s/"active"\]/"mean"]/' neither.json >mean.json
"$program" init -c mean.json -o mean.safetensors && model=mean.safetensors
attend good/9.png -o a.npy
equal 'a network of layers' "$status $(lines err) $(shape a.npy)" '0 1 (14, 14)'
model=$tests/data/blocks/cross
refused 'two inputs' 3 'reads 2 inputs'

exit $((failures > 0))
