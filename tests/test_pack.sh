#!/bin/sh
# test_pack.sh - tests packed files. Every committed case of every family gives the same bytes from a packed file as
# from the original one, in f32 and int8. A file for another machine, precision or dialect is refused, and so is one
# that is not as it must be.
# Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program; CVT_BIN: the folder of test_npydiff.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
diff=$(realpath "${CVT_BIN:-$root/build}/test_npydiff")
data=$tests/data
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

# pack MODEL PRECISION: into packed.safetensors
pack() {
    rm -f packed.safetensors
    case $2 in
    int8) "$program" convert "$1" --pack --dtype int8 -o packed.safetensors ;;
    *) "$program" convert "$1" --pack -o packed.safetensors ;;
    esac && test -s packed.safetensors
}

# packed MODEL CASE PRECISION: the same bytes from the packed file, for any number of threads, with taps and without
packed() {
    pack "$1" "$3" && "$program" check -m packed.safetensors >out && result_of "$1" "$2" plain --precision "$3" --tap all ||
        return 1
    for threads in 1 3; do
        result_of packed.safetensors "$2" other -t $threads --tap all && diff -r plain other || return 1
    done
    result_of packed.safetensors "$2" other -t 2 && bytes plain other
}

find_cases
for model in $cases; do
    case=$(basename "$(dirname "$model")")/$(basename "$model")
    check "$case packed in f32" packed "$model" "$model" f32
    check "$case packed in int8" packed "$model" "$model" int8
done

# ---- a model wide enough for every kind of product ----

sed -E 's/6, 12, 20/48, 80, 100/' "$data/cvt/tiny/config.json" >wide.json
init() { "$program" init -c "$1.json" --seed 3 -o "$1.safetensors" && test -s "$1.safetensors"; } # NAME
check "a wide model" init wide
alone() { # PRECISION: three images at once and one by one
    pack wide.safetensors "$1" && result_of packed.safetensors "$data/cvt/tiny" all --tap all || return 1
    for i in 0 1 2; do
        "$diff" slice "$data/cvt/tiny/x.npy" $i x$i.npy &&
            "$program" run -m wide.safetensors --precision "$1" -i x$i.npy -o image$i --tap all || return 1
    done
    "$diff" batch all image0 image1 image2 && rm -rf image0 image1 image2
}
foreign() { # ISA, whose layout is another
    CVT_ISA=$1 pack wide.safetensors f32 && CVT_ISA=$1 "$program" check -m packed.safetensors >out &&
        refuses 3 "packed for other kernels or another precision" \
            "$program" run -m packed.safetensors -i "$data/cvt/tiny/x.npy" -o no
}
find_isas
for isa in $isas; do
    export CVT_ISA="$isa"
    for precision in f32 int8; do
        check "wide on $isa packed in $precision" packed wide.safetensors "$data/cvt/tiny" $precision
        check "a batch of 3 on $isa packed in $precision" alone $precision
    done
done
unset CVT_ISA
check "panels of other kernels" foreign ref
check "wide packed in f32" pack wide.safetensors f32
cp packed.safetensors f32.safetensors
check "f32 panels in int8" refuses 3 "packed for other kernels or another precision" \
    "$program" run -m f32.safetensors --precision int8 -i "$data/cvt/tiny/x.npy" -o no
check "wide packed in int8" pack wide.safetensors int8
cp packed.safetensors int8.safetensors
check "int8 panels in f32" refuses 3 "packed for other kernels or another precision" \
    "$program" run -m int8.safetensors --precision f32 -i "$data/cvt/tiny/x.npy" -o no
for file in f32 int8; do
    check "a packed file in $file is not converted" refuses 2 "convert the original" \
        "$program" convert $file.safetensors -o no.safetensors
done
for type in f16 bf16; do
    check "packed weights in $type" refuses 2 "packed weights are in f32 or int8, not in $type" \
        "$program" convert "$data/cvt/tiny" --pack --dtype $type -o no.safetensors
done
check "packed weights under foreign names" refuses 2 'packed weights go under native names, not those of "hf"' \
    "$program" convert "$data/cvt/tiny" --pack --names hf -o no.safetensors

make_pictures
sed 's/"dim": 24/"dim": 96/' "$data/vit/timm/config.json" >vit.json
check "a wide ViT" init vit
pictures() { # PRECISION
    pack vit.safetensors "$1" && "$program" classify -m vit.safetensors -f jsonl --precision "$1" good/* >first || return 1
    [ "$(lines first)" -eq 9 ] || { echo "$(lines first) records" && return 1; }
    for how in '-t 1 -j 1 -b 1' '-t 3 -j 1 -b 1' '-t 1 -j 3 -b 1' '-t 1 -j 1 -b 4' ''; do
        # shellcheck disable=SC2086 # words of options
        "$program" classify -m packed.safetensors -f jsonl $how good/* >from && cmp first from || return 1
    done
}
check "pictures from a file packed in f32" pictures f32
check "pictures from a file packed in int8" pictures int8

# ---- files that are not as they must be ----

# change FILE CHANGE [VALUE]: into bad.safetensors
change() {
    python3 - "$@" <<'END'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size, = struct.unpack("<Q", data[:8])
header, body = json.loads(data[8:8 + size]), bytearray(data[8 + size:])
change, value = sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None
metadata, name, shift = header["__metadata__"], "stage1.block0.mlp.fc2.weight", 0
tensor = header[name]
first, last = tensor["data_offsets"]
if change in metadata:
    metadata.pop(change)
    if value is not None:
        metadata[change] = value
elif change == "nan":
    body[first + int(value):first + int(value) + 4] = b"\xff\xff\xff\x7f"
elif change == "bytes":  # more of them, fewer, or none
    count = 0 if value == "none" else last - first + int(value)
    body += body[first:last] + bytes(64)
    first = len(body) - (last - first) - 64
    tensor.update(data_offsets=[first, first + count], shape=[count])
elif change == "dtype":
    tensor.update(dtype=value, shape=[(last - first) // {"I8": 1, "F32": 4}[value]])
elif change == "shift":
    shift = int(value)
kept, out = {"__metadata__": metadata}, bytes()
for key, t in header.items():
    if key != "__metadata__":
        at = t["data_offsets"]
        kept[key] = dict(t, data_offsets=[len(out), len(out) + at[1] - at[0]])
        out += body[at[0]:at[1]]
if change != "bytes":
    kept, out = header, body
text = json.dumps(kept).encode()
text += b" " * ((shift - 8 - len(text)) % 64)
whole = struct.pack("<Q", len(text)) + text + out
open("bad.safetensors", "wb").write(whole[:int(value)] if change == "cut" else whole)
END
}

# bad NAME TEXT FILE CHANGE...: refused by check, with one line that holds the text
bad() {
    name=$1 text=$2
    shift 2
    check "$name" broken "$text" "$@"
}
broken() {
    text=$1
    shift
    change "$@" && refuses 3 "$text" "$program" check -m bad.safetensors
}
sound() { "$program" check -m bad.safetensors >out && grep -q '^ok: ' out; }
survives() { # it runs, or says what came of it
    rm -rf no
    "$program" run -m bad.safetensors -i "$data/cvt/tiny/x.npy" -o no >out 2>err
    status=$?
    case $status:$(ls no 2>/dev/null):$(cat err) in 0:output.npy: | 1::*non-finite*) ;; *) echo "status $status, $(cat err)" && return 1 ;; esac
    if grep -q -e Sanitizer -e "runtime error" err; then cat err && return 1; fi
}

panel='tensor "stage1.block0.mlp.fc2.weight'
panels="$panel\""
if command -v python3 >/dev/null 2>&1; then
    for file in f32 int8; do
        change $file.safetensors shift 0
        check "a packed file in $file that is written again" sound
        bad "panels in $file cut short" "bytes of panels, the model needs" $file.safetensors bytes -64
        bad "panels in $file that are too long" "bytes of panels, the model needs" $file.safetensors bytes 64
        bad "no panels in $file" "bytes of panels, the model needs" $file.safetensors bytes none
        bad "panels in $file without the metadata" "is U8, the model needs a float type" $file.safetensors cvt.packed
        bad "panels in $file of an empty layout" "packed for other kernels" $file.safetensors cvt.packed ""
        bad "panels in $file of a layout that there is not" "packed for other kernels" $file.safetensors cvt.packed \
            "$(printf '%0500d' 0)"
        bad "panels in $file that lie anywhere" "does not start at a multiple of 64 bytes" $file.safetensors shift 4
        bad "panels in $file that say they are F32" "$panels" $file.safetensors dtype F32
        bad "panels in $file that say they are I8" "$panel" $file.safetensors dtype I8
        bad "NaN in panels in $file" "$panels has a value that is not finite" $file.safetensors nan 8
        check "NaN in panels in $file runs" survives
        bad "a packed file in $file that ends early" "cut off: 100000 of" $file.safetensors cut 100000
    done
else
    echo "skip packed files that are not as they must be: no python3 here"
fi

[ "$failures" -eq 0 ]
