#!/bin/sh
# test_swin.sh - Swins as the hub and training programs have them (tests/make_swin.py): what their originals answer is
# what the program answers; windows, sizes and keys that it cannot run are refused; attend shows what has a place.
# Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cp -R "$tests/data/swin_hub" "$work/data"
cp "$tests/data/cli/dog.png" "$work/dog.png"
cd "$work/data" || exit 1

# near WANT: the lines "NAME NUMBER" in got are these, each number within 2e-5
near() {
    echo "$1" | tr ' ' '\n' | tr '=' ' ' >"$work/want"
    paste -d ' ' "$work/want" "$work/got" | awk '{ far = $2 - $4; n++; if (far < 0) far = -far }
        $1 != $3 || far > 2e-5 { bad = 1 } END { exit bad || n < 1 }' && return 0
    echo "got $(tr '\n' ' ' <"$work/got") $(cat "$work/said")" && return 1
}
classes() { # WANT [OPTION]... -m MODEL: the labels in this order, with these scores
    want=$1
    shift
    "$program" classify -k 4 -f tsv "$@" "$work/dog.png" 2>"$work/said" |
        awk -F '\t' 'NR > 1 {print $6, $7}' >"$work/got"
    near "$want"
}
features() { # WANT [OPTION]... -m MODEL: what embed writes, 16 numbers
    want=$1
    shift
    "$program" embed --force -o "$work/e.npy" "$@" "$work/dog.png" 2>"$work/said" || { cat "$work/said" && return 1; }
    tail -c 64 "$work/e.npy" | od -An -v -tf4 | xargs -n 1 echo | awk '{print NR - 1, $1}' >"$work/got"
    near "$want"
}

# ---- as the originals ----

while read -r name scores; do
    case $name in
    hf_*.pth) config=hf/config.json ;;
    *_v2_headless.pth) config=timm_v2_headless.json ;;
    *_headless.pth) config=timm_headless.json ;;
    *_v2.pth) config=timm_v2/config.json ;;
    *.pth) config=timm/config.json ;;
    *) config= ;;
    esac
    case $scores in 0=*) kind=features ;; *) kind=classes ;; esac
    # shellcheck disable=SC2086
    check "$name" "$kind" "$scores" -m "$name" ${config:+-c "$config"}
done <expected.txt
check "a model without a classifier has no classes" refuses 3 'gives no scores of classes' \
    "$program" classify -m hf_model "$work/dog.png"

# ---- converted to the names of others ----

renames() { # MODEL NAMES WANT
    "$program" convert "$1" --names "$2" -o "$work/renamed.safetensors" && classes "$3" -m "$work/renamed.safetensors"
}
for names in native timm microsoft hf hf5; do
    check "timm converted to $names" renames timm "$names" "$(sed -n 's/^timm //p' expected.txt)"
done
for names in native timm_v2 microsoft_v2 hf_v2; do
    check "timm_v2 converted to $names" renames timm_v2 "$names" "$(sed -n 's/^timm_v2 //p' expected.txt)"
done
check "hf converted to timm stays Hugging Face's" renames hf timm "$(sed -n 's/^hf //p' expected.txt)"

# ---- what does not fit ----

changed() { # TEXT SED FILE [OPTION]...: the file with a change is refused with the text
    text=$1
    sed -E "$2" "$3" >"$work/changed.json"
    ! cmp -s "$3" "$work/changed.json" || { echo "nothing changed" && return 1; }
    shift 3
    refuses 3 "$text" "$program" summary -c "$work/changed.json" "$@"
}
tiny=$root/configs/swin-tiny.json
check "windows of two stages for four" changed '"window_size" has 3 entries, "depths" has 4' \
    's/("window_size": )7/\1[7, 7, 7]/' "$tiny"
check "a window of no size" changed '"window_size" = 0 is not in 1 .. 1024' \
    's/("window_size": )7/\1[7, 0]/' "$tiny"
check "heads of three stages for four" changed '"num_heads" has 3 entries, "depths" has 4' \
    's/3, 6, 12, 24/3, 6, 12/' "$tiny"
check "heads that do not divide" changed '"num_heads"[2] = 7 does not divide the 384 channels' \
    's/3, 6, 12, 24/3, 6, 7, 24/' "$tiny"
check "a head dimension of one's own" changed '"head_dim" is set' 's/"img_size"/"head_dim": 16, "img_size"/' "$tiny"
check "timm's images are whole patches" refuses 3 '"patch_size" = 4 does not divide the input, 226 x 224' \
    "$program" summary -c "$tiny" --size 226x224
check "biases for windows of another size" refuses 3 'is [25, 1], the model needs [9, 1]' \
    "$program" check -m timm --size 8
check "maps smaller than Hugging Face's window" refuses 3 'a map of 2 pixels is smaller than a window' \
    "$program" check -m hf --size 8
check "another size with windows that fit" "$program" classify -m timm --size 48x64 "$work/dog.png"
# timm 1.0.31, too, gives with strict_img_size=False what it gives with dynamic_img_size=True
windows() { # KEY VALUE FILE: scores for an image whose last stage is one window, with an argument of the constructor
    sed "s/\"window_size\": 3,/\"window_size\": 3, \"$1\": $2,/" timm/config.json >"$work/windows.json"
    grep -q "\"$1\": $2" "$work/windows.json" &&
        "$program" classify -m timm -c "$work/windows.json" -f csv --size 24 "$work/dog.png" >"$3"
}
loose() {
    windows dynamic_img_size true "$work/dynamic" && windows strict_img_size false "$work/loose" &&
        windows strict_img_size true "$work/strict" && cmp "$work/dynamic" "$work/loose" &&
        differ "$work/loose" "$work/strict"
}
check "an image_size that is not strict keeps its windows" loose
check "Hugging Face fills up the last patches" "$program" classify -m hf --size 30x45 "$work/dog.png"

# ---- attend ----

sed 's/"img_size": 224/"img_size": 56/; s/"depths": .*/"depths": [1, 2],/; s/"num_heads": .*/"num_heads": [3, 6],/' \
    "$tiny" >"$work/small.json"
"$program" init -c "$work/small.json" --seed 1 -o "$work/small.safetensors"
shape() { # HEIGHT WIDTH [OPTION]...: attend's result
    h=$1 w=$2
    shift 2
    "$program" attend -m "$work/small.safetensors" "$work/dog.png" --force -o "$work/a.npy" "$@" || return 1
    head -c 128 "$work/a.npy" | grep -aq "'shape': ($h, $w)" || { head -c 128 "$work/a.npy" && return 1; }
}
check "attend shows the stage that is one window" shape 7 7
check "no place is known for any layer's keys: the model cannot" refuses 3 'where the keys of its attention lie' \
    "$program" attend -m "$tests/data/swin/eps" "$work/dog.png" --force -o "$work/a.npy" --rollout
check "and its layers multiplied" shape 7 7 --rollout
check "windows have no place on the image" refuses 2 "'stage0.block0.attn.map' lie on the image is not known" \
    "$program" attend -m "$work/small.safetensors" "$work/dog.png" -o "$work/a.npy" --force --layer 0
check "class activation maps" shape 7 7 --class 1
check "a map that no window covers is shown by class" shape 14 14 --size 112

[ "$failures" -eq 0 ]
