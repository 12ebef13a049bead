#!/bin/sh
# test_checkpoints.sh - checkpoints as people have them (tests/make_checkpoints.py): what their originals answer is what
# the program answers; what cannot be opened is refused with the way out.
# Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
data=$tests/data/checkpoints
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cp -R "$data" "$work/data"
cp "$tests/data/cli/dog.png" "$work/dog.png"
cd "$work/data" || exit 1

# answer [OPTION]... -m MODEL: "LABEL SCORE" a line, best first
answer() { "$program" classify -k 4 -f tsv "$@" "$work/dog.png" | awk -F '\t' 'NR > 1 {print $6, $7}'; }

# agrees WANT [OPTION]... -m MODEL: the labels in this order, each score within 2e-5
agrees() {
    echo "$1" | tr ' ' '\n' | tr '=' ' ' >"$work/want"
    shift
    answer "$@" >"$work/got" 2>"$work/said" || return 1
    paste -d ' ' "$work/want" "$work/got" | awk '{ far = $2 - $4; n++; if (far < 0) far = -far }
        $1 != $3 || far > 2e-5 { bad = 1 } END { exit bad || n < 1 }' && return 0
    echo "got $(tr '\n' ' ' <"$work/got") $(cat "$work/said")" && return 1
}
silent() { [ ! -s "$work/said" ] || { cat "$work/said" && return 1; }; } # after `agrees`
wanted() { sed -n "s#^$1 ##p" expected.txt; }

# ---- the right dict, and prefixes ----

while read -r name scores; do
    case $name in
    wrappers/foreign.ckpt) ;;
    wrappers/*.json) check "$name" agrees "$scores" -m wrappers/plain.pth -c "$name" ;;
    wrappers/*) check "$name" agrees "$scores" -m "$name" ;;
    hf/*.json) check "$name" agrees "$scores" -m hf/model.safetensors -c "$name" ;;
    processors/*.json) check "$name" agrees "$scores" -m hf --preprocess "$name" ;;
    *) check "$name" agrees "$scores" -m "$name" ;;
    esac
done <expected.txt

check "what is not of the model is refused by its name in the file" \
    refuses 3 'tensor "criterion.weight" is not expected' \
    "$program" check -m wrappers/foreign.ckpt -c wrappers/config.json
check "--ignore-unexpected passes it over" agrees "$(wanted wrappers/foreign.ckpt)" \
    -m wrappers/foreign.ckpt -c wrappers/config.json --ignore-unexpected 'criterion.*'
check "but nothing that the model needs" agrees "$(wanted wrappers/plain.pth)" \
    -m wrappers/plain.pth -c wrappers/config.json --ignore-unexpected '*'
check "another pattern is not enough" refuses 3 'tensor "criterion.bias" is not expected' \
    "$program" check -m wrappers/foreign.ckpt -c wrappers/config.json --ignore-unexpected 'criterion.w*'
says() { # TEXT [OPTION]...: the check succeeds and says it
    text=$1
    shift
    "$program" check "$@" >"$work/out" 2>"$work/err" || return 1
    grep -qF -e "$text" "$work/err" || { cat "$work/err" && return 1; }
}
check "-v says which of several dicts is taken" says 'its "model_ema" is taken, not model' \
    -v -m wrappers/ema.pth -c wrappers/config.json

# ---- refused with the way out ----

refuse() { # NAME TEXT
    check "$1: $2" refuses 3 "$2" "$program" check -m "refused/$1" -c wrappers/config.json
}
refuse zero3.pt 'zero_to_fp32.py'
refuse weight_norm.pth 'remove_parametrizations'
refuse shadow.pth 'torch.save(model.state_dict(), FILE)'
refuse other.pth 'there are "encoder.part0.weight" [2, 3]'
refuse other.pth 'and 2 more'
refuse optimizer_alone.pth 'it has "state", "param_groups"'
refuse own_class.pth 'torch.save(model.state_dict(), FILE) or as safetensors'

[ "$failures" -eq 0 ]
