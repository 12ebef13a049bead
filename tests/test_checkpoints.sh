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
check "and which of two models" says 'its "ema_model" is taken, not online_model' \
    -v -m wrappers/ema_pytorch.pth -c wrappers/config.json

# ---- refused with the way out ----

LC_ALL=C sed 's/"module\./"studnt./g' wrappers/ddp.safetensors >"$work/studnt.safetensors"
check "a word in front that no wrapper is known for" refuses 3 'have "studnt." in front of one' \
    "$program" check -m "$work/studnt.safetensors" -c wrappers/config.json

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


# ---- the documents of a directory travel together ----

prepared() { "$program" preprocess "$@" "$work/dog.png" -o "$work/x.npy" && sha256sum <"$work/x.npy"; }
together() { # the same tensor and the same records, whatever part of the directory is named
    want=$(prepared -m hf) && answer -m hf >"$work/want" || return 1
    for part in "-m hf/model.safetensors" "-m hf/model.safetensors -c hf/config.json" "-m hf -c hf/config.json"; do
        # shellcheck disable=SC2086 # two or four words
        [ "$(prepared $part)" = "$want" ] || return 1
        # shellcheck disable=SC2086
        answer $part >"$work/got" && cmp "$work/want" "$work/got" || return 1
    done
    [ "$(prepared -c hf/config.json)" = "$want" ] || { echo "-c alone" && return 1; }
}
check "a directory, its weights, its weights and its config give the same bytes" together
converts() { # so do all three converted
    "$program" convert hf -o "$work/a.safetensors" && "$program" convert hf/model.safetensors -o "$work/b.safetensors" &&
        "$program" convert hf/model.safetensors -c hf/config.json -o "$work/c.safetensors" &&
        cmp "$work/a.safetensors" "$work/b.safetensors" && cmp "$work/a.safetensors" "$work/c.safetensors" &&
        [ "$(prepared -m "$work/a.safetensors")" = "$(prepared -m hf)" ]
}
check "and so they do converted" converts
mkdir beside && cp hf/config.json beside && cp processors/levit.json beside/preprocessor_config.json
check "the documents beside -c come first" agrees "$(wanted processors/levit.json)" \
    -m hf/model.safetensors -c beside/config.json
cp processors/inside.json beside/processor_config.json
check "a processor_config.json with an image processor wins" agrees "$(wanted processors/inside.json)" \
    -m hf/model.safetensors -c beside/config.json
echo '{"processor_class": "CLIPProcessor"}' >beside/processor_config.json
check "one without does not" agrees "$(wanted processors/levit.json)" -m hf/model.safetensors -c beside/config.json
cp hf/model.safetensors beside/alone.safetensors && mkdir bare && cp hf/model.safetensors bare
check "weights alone say what they lack" refuses 3 'no config.json lies beside it' "$program" check -m bare/model.safetensors

# ---- a guess is said ----

mkdir guess && cp hf/config.json hf/model.safetensors guess
guess='cvt: guess: no preprocessor_config.json: pictures are prepared as ViTImageProcessor does by default'
guessed() { # COMMAND...: it says so in this one line, and nothing else
    "$@" >"$work/out" 2>"$work/err" || return 1
    [ "$(cat "$work/err")" = "$guess" ] || { cat "$work/err" && return 1; }
}
check "check says a guess" guessed "$program" check -m guess
check "classify says a guess" guessed "$program" classify -m guess "$work/dog.png"
check "convert says a guess" guessed "$program" convert guess -o "$work/guess.safetensors"
check "the guess is the default of the class" agrees "$(wanted hf/config.json)" -m guess
quiet() {
    "$@" >"$work/out" 2>"$work/err" || return 1
    [ ! -s "$work/err" ] || { cat "$work/err" && return 1; }
}
check "summary needs no guess" quiet "$program" summary -m guess
check "a converted file that says nothing is no guess" quiet "$program" check -m "$work/guess.safetensors"
check "a directory that says it is none" quiet "$program" check -m hf
check "with --preprocess there is none" quiet "$program" check -m guess --preprocess hf/preprocessor_config.json
check "timm's without a pretrained_cfg is one" \
    refuses 0 'no pretrained_cfg: pictures are prepared as vit_tiny_patch16_224 does by default' \
    "$program" check -m wrappers/plain.pth -c wrappers/no_recipe.json

# ---- scores ----

score() { # WANT OPTION...: of the class pear
    want=$1
    shift
    got=$(answer "$@" | sed -n 's/^pear //p')
    awk "BEGIN { d = $want - $got; exit d > 2e-5 || d < -2e-5 }" || { echo "got $got, want $want" && return 1; }
}
pear() { wanted "$1" | sed 's/.*pear=\([^ ]*\).*/\1/'; }
check "--score sigmoid" score "$(pear hf/multi_label_classification.json)" -m hf --score sigmoid
check "--score none" score "$(pear hf/regression.json)" -m hf --score none
check "--score softmax, whatever the config says" score "$(pear hf/config.json)" \
    -m hf/model.safetensors -c hf/regression.json --score softmax
check "convert keeps what the config says" "$program" convert hf/model.safetensors -c hf/regression.json -o "$work/r.safetensors"
check "a regression is one still" score "$(pear hf/regression.json)" -m "$work/r.safetensors"
check "convert keeps --score" "$program" convert hf --score sigmoid -o "$work/s.safetensors"
check "the scores are kept" score "$(pear hf/multi_label_classification.json)" -m "$work/s.safetensors"
check "and can be others again" score "$(pear hf/config.json)" -m "$work/s.safetensors" --score softmax
check "there is no other kind" refuses 2 "'--score'" "$program" classify -m hf --score percent "$work/dog.png"
text() { # TEXT OPTION...: what people read
    want=$1
    shift
    "$program" classify "$@" "$work/dog.png" >"$work/out" || return 1
    grep -qF -e "$want" "$work/out" || { cat "$work/out" && return 1; }
}
check "text says what a sigmoid is" text 'dog.png (each class by itself)' -m "$work/s.safetensors"
check "text says what the raw output is" text 'not a probability)' -k 1 -m "$work/r.safetensors"

# ---- labels ----

label() { # FILE: gives the answers of hf
    agrees "$(wanted hf/config.json)" -m guess --labels "$1"
}
printf 'apple\npear\nfig\nplum\n\n\r\n' >lines.txt
printf '\357\273\277apple\r\npear\r\nfig\r\nplum\r\n' >windows.txt
echo '["apple", "pear", "fig", "plum"]' >list.json
echo '{"0": "apple", "1": "pear", "3": "plum", "2": "fig"}' >object.json
for file in lines.txt windows.txt list.json object.json; do check "labels of $file" label "$file"; done
printf 'apple\npear\nfig\nplum\nkiwi\n\n' >five.txt
check "a label too many" refuses 3 'five.txt: has 5 labels, the model has 4 classes' \
    "$program" classify -m hf --labels five.txt "$work/dog.png"
printf 'a\0b\0' >utf16.txt
check "labels in UTF-16" refuses 3 'not UTF-16' "$program" classify -m hf --labels utf16.txt "$work/dog.png"
echo '["apple", "pear", ["fig"], "plum"]' >nested.json
check "a label that is none" refuses 3 'a label must be a string' \
    "$program" classify -m hf --labels nested.json "$work/dog.png"

# ---- which file, and which model ----

names() { # NAME...: the weights of a directory under other names beside these files
    rm -rf named && mkdir named && cp hf/config.json hf/preprocessor_config.json named || return 1
    for other; do cp wrappers/config.json "named/$other" || return 1; done
}
for name in own.safetensors last.ckpt model_best.pth.tar model.pth model.pt x.bin; do
    names optimizer.pt scheduler.pt rng_state_0.pth training_args.bin scaler.pt && cp hf/model.safetensors "named/$name"
    check "weights called $name" agrees "$(wanted hf/config.json)" -m named
done
names && cp hf/model.safetensors named/b.safetensors && cp hf/model.safetensors named/a.safetensors
check "two of them are listed" refuses 3 '(a.safetensors, b.safetensors); name the one to use' "$program" check -m named
names && cp hf/model.safetensors named/b.ckpt && cp hf/model.safetensors named/a.safetensors
check "safetensors before others" agrees "$(wanted hf/config.json)" -m named
names zero_to_fp32.py
check "DeepSpeed's parts" refuses 3 'zero_to_fp32.py makes' "$program" check -m named
names __0_0.distcp
check "FSDP's parts" refuses 3 'dcp_to_torch' "$program" check -m named
names
check "no weights" refuses 3 'has no weights' "$program" check -m named
rm named/config.json
check "no config" refuses 3 'has no config.json' "$program" check -m named

repository=cache/models--someone--some--vit
mkdir -p $repository/refs $repository/blobs $repository/snapshots/abc $repository/snapshots/old
printf abc >$repository/refs/main
for file in config.json model.safetensors preprocessor_config.json; do
    cp hf/$file $repository/blobs/$file.blob && ln -s ../../blobs/$file.blob $repository/snapshots/abc/$file
done
check "a repository of the hub's cache by its path" agrees "$(wanted hf/config.json)" -m $repository
from_cache() { # VARIABLE VALUE: the same by its name
    (eval "export $1=\$2" && agrees "$(wanted hf/config.json)" -m someone/some--vit)
}
mkdir -p home/.cache/huggingface xdg/huggingface && ln -s "$PWD/cache" home/.cache/huggingface/hub &&
    ln -s "$PWD/cache" xdg/huggingface/hub && mkdir hf_home && ln -s "$PWD/cache" hf_home/hub
unset HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HOME XDG_CACHE_HOME
check "by its name with HF_HUB_CACHE" from_cache HF_HUB_CACHE "$PWD/cache"
check "by its name with HF_HOME" from_cache HF_HOME "$PWD/hf_home"
check "by its name with XDG_CACHE_HOME" from_cache XDG_CACHE_HOME "$PWD/xdg"
check "by its name with HOME" from_cache HOME "$PWD/home"
check "a repository that is not there" refuses 3 'hf download someone/other' \
    env HF_HUB_CACHE="$PWD/cache" "$program" check -m someone/other
printf old >$repository/refs/main
cp hf/config.json $repository/snapshots/old && : >$repository/blobs/0.incomplete
check "half a download" refuses 3 'half downloaded: it has no weights' "$program" check -m $repository
ln -s ../../blobs/none $repository/snapshots/old/model.safetensors
check "a link to nothing" refuses 3 'a link to nothing: half downloaded' "$program" check -m $repository
printf none >$repository/refs/main
check "a snapshot that is not there" refuses 3 'refs/main names this snapshot' "$program" check -m $repository
cp "$work/a.safetensors" here.safetensors
check "X.safetensors of the working directory" agrees "$(wanted hf/config.json)" -m here
check "-v says which model answered" says 'here.safetensors: weights: here.safetensors' -v -m here
check "a model that is not found: where was looked" refuses 3 'nor nowhere.safetensors here' "$program" check -m nowhere

[ "$failures" -eq 0 ]
