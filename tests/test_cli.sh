#!/bin/sh
# test_cli.sh - tests the command line from outside: exit statuses, streams, forms of options, how models are found,
# and that options, help, manual pages and completions say the same. Prints "ok NAME", "not ok NAME: why" or "skip
# NAME: why" a case.
# CVT: the program; CVT_BIN: the folder of libcvt.a; CVT_TEST_MODEL: a model, else a small one with random weights is made.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
model=${CVT_TEST_MODEL:+$(realpath -m "$CVT_TEST_MODEL")}
library=$(realpath -m "${CVT_BIN:-$root/build}/libcvt.a")
# shellcheck source=tests/case.sh
. "$tests/case.sh"

# usage NAME ERR COMMAND...: wrong use is status 2, one line, and nothing on standard output
usage() {
    usage_name=$1 usage_err=$2
    shift 2
    expect "usage $usage_name" 2 '' "cvt: $usage_err" "$@"
}

# ---- a place to work in ----------------------------------------------------------------------------------------------

mkdir "$work/bin" "$work/here" && cp "$program" "$work/bin/cvt" && cd "$work/here" || exit 1
PATH=$work/bin:$PATH
mkdir -p photos/sub models out
cp "$tests/data/cli/cat.jpg" "$tests/data/cli/dog.png" .
cp cat.jpg photos/a.jpg && cp dog.png photos/b.png && cp cat.jpg photos/sub/c.JPG && cp cat.jpg ./-k.jpg
head -c 900 cat.jpg >torn.jpg
torn='cvt: torn.jpg: JPEG data ends early'
ln -s "$root/configs" configs
tiny=$tests/data/cli/tiny.json
if [ -n "$model" ]; then
    [ -e "$model" ] || { fail "CVT_TEST_MODEL" "$model: no such file" && exit 1; }
    ln -s "$model" cvt-13
else
    mkdir cvt-13 && cp "$tiny" cvt-13/config.json
    expect 'init' 0 '' '' cvt init -c "$tiny" --seed=1 -o cvt-13/model.safetensors
fi

# ---- options ---------------------------------------------------------------------------------------------------------

test_usage() {
    cvt >"$work/out" 2>"$work/err"
    status=$?
    cvt help >all.txt
    same 'usage no command: the help' "$work/err" all.txt
    check 'usage no command: status 2, nothing on standard output' test "$status:$(wc -c <"$work/out" | tr -d ' ')" = 2:0
    usage 'unknown command' "unknown command 'clasify' (did you mean 'classify'?)" cvt clasify x
    usage 'later command' "unknown command 'serve'*" cvt serve
    usage 'unknown command for help' "help: unknown command 'sumary' (did you mean 'summary'?)" cvt help sumary
    usage 'unknown option' "classify: unknown option '--topk' (did you mean '--top-k'?)" cvt classify --topk 5
    usage 'abbreviation' "classify: unknown option '--filesfrom' (did you mean '--files-from'?)" cvt classify --filesfrom x
    usage 'unknown letter' "classify: unknown option '-Q'" cvt classify -rQ
    usage 'letter that is no ASCII' "classify: unknown option '-*'" cvt classify "-$(printf '\377')"
    usage "another command's option" "summary: unknown option '-k'" cvt summary -k 5
    usage 'option before the command' "unknown option '-k'" cvt -k 5 classify
    usage 'value for a flag' "classify: option '--recursive' takes no value" cvt classify --recursive=yes
    usage 'no value' "classify: option '-k' needs a value: N" cvt classify -k
    usage 'number too small' "classify: option '-k': '0' is not a whole number from 1 to *" cvt classify -k0
    usage 'negative number' "classify: option '-k': '-5' is not a whole number*" cvt classify -k -5
    usage 'number with a tail' "classify: option '--top-k': '5x' is not a whole number*" cvt classify --top-k=5x
    usage 'number out of range' "classify: option '-k': '99999999999999999999' is not*" cvt classify -k 99999999999999999999
    usage 'empty number' "classify: option '--top-k': '' is not*" cvt classify --top-k=
    usage 'bad size' "summary: option '--size': '224x' is not a size*" cvt summary --size 224x
    usage 'size zero' "summary: option '--size': '0' is not a size*" cvt summary --size=0
    usage 'bad seconds' "bench: option '--seconds': '1e3' is not a number*" cvt bench --seconds 1e3
    usage 'choice with a typing error' "classify: option '-f': unknown value 'jsno' (did you mean *" cvt classify -f jsno
    usage 'unknown choice' "classify: option '--format': unknown value 'xml' (one of text, jsonl, json, csv, tsv)" \
        cvt classify --format xml
    usage 'missing option' "run: option '-i FILE' is missing" cvt run -o out
    usage 'missing operand' 'preprocess: an operand is missing: IMAGE' cvt preprocess -o x.npy
    usage 'extra operand' "summary: unexpected operand 'x'" cvt summary x
    usage 'model for an operand' "check: unexpected operand 'cvt-13' (did you mean '-m cvt-13'?)" cvt check cvt-13
    usage 'model for an operand: a path' "summary: unexpected operand './cvt-13' (did you mean '-m ./cvt-13'?)" cvt summary ./cvt-13
    usage 'operand that is no model' "check: unexpected operand 'cat.jpg'" cvt check cat.jpg
    usage 'convert -m' "convert: unknown option '-m' (the model's name or path stands without it)" cvt convert -m cvt-13
    usage 'summary -o' "summary: unknown option '-o' (the results go to standard output: > FILE)" cvt summary -o x.csv
    usage 'summary --output' "summary: unknown option '--output' (the results go to standard output: > FILE)" \
        cvt summary --output=x.csv
    usage 'part' "classify: option '--shard': '3/2' is not a part such as 2/4*" cvt classify --shard 3/2 cat.jpg
    usage 'part zero' "classify: option '--shard': '0/2' is not a part*" cvt classify --shard=0/2 cat.jpg
    usage 'embed without a file' "embed: option '-o FILE' is missing" cvt embed cat.jpg
    usage 'image for a command' "unknown command 'photos/a.jpg' (to classify it: cvt classify photos/a.jpg)" cvt photos/a.jpg
    usage 'model for a command' "unknown command 'cvt-13'; 'cvt help' lists them" cvt cvt-13
    usage 'unknown shell' "completion: unknown shell 'bsh' (did you mean 'bash'?)" cvt completion bsh
    usage 'precision' "bench: option '--precision': unknown value 'int4' (did you mean 'int8'?)" \
        cvt bench -c cvt-13/config.json --precision int4
    usage 'config without a model' "option '-c' needs a model beside it: -m MODEL" cvt check -c "$tiny"
    usage 'CVT_THREADS' "CVT_THREADS: 'many' is not*" env CVT_THREADS=many cvt classify -m cvt-13 cat.jpg
    usage 'CVT_ISA' 'CVT_ISA=mmx cannot run here: this machine runs ref*' env CVT_ISA=mmx cvt --version
    usage 'CVT_ISA for a model' 'CVT_ISA=mmx cannot run here: this machine runs ref*' \
        env CVT_ISA=mmx cvt classify -m cvt-13 cat.jpg
    usage 'tap' '*: no tap is called "nothing"; the nearest is "*"' cvt run -m cvt-13 -i x.npy -o out --tap=nothing
    usage 'too many inputs' 'run: the model has 1 input, not 2' cvt run -m cvt-13 -i x.npy -i x.npy -o out
    expect 'usage control bytes are escaped' 2 '' "cvt: *\\\\x1b*" cvt "$(printf 'a\033b')"
}

# A program of another name calls itself by it.
test_name() {
    ln -s "$work/bin/cvt" cvt-classify
    usage 'another name: unknown command' "unknown command 'serve'; 'cvt-classify help' lists them" ./cvt-classify serve
    expect 'another name: unknown model' 3 '' 'cvt: xyz: no such model in *' ./cvt-classify check -m xyz
    for command in $(commands); do cvt help "$command"; done >ours
    for command in $(commands); do ./cvt-classify help "$command"; done >theirs
    { cvt help && cvt help 2>&1; } >>ours
    { ./cvt-classify help && ./cvt-classify 2>&1; } >>theirs
    words() { tr -s ' ' '\n' <"$1"; }
    words ours >want
    words theirs | sed 's/cvt-classify/cvt/g' >got
    check 'another name: usage' grep -q '^usage: cvt-classify summary' theirs
    check 'another name: examples' grep -q '^  cvt-classify check -m cvt-13' theirs
    check 'another name: texts' grep -q "'cvt-classify help COMMAND'.*'man cvt-classify'" theirs
    same 'another name: nothing else differs' want got
}

# Every form of the same options gives the same records.
test_forms() {
    cvt classify -m cvt-13 -k 3 -f jsonl -r photos cat.jpg >reference
    i=0
    while read -r options; do
        i=$((i + 1))
        # shellcheck disable=SC2086 # words are wanted
        cvt classify $options </dev/null >got || fail "forms $options" "status $?"
        same "forms $options" reference got
    done <<'END'
-mcvt-13 -k3 -fjsonl -r photos cat.jpg
--model=cvt-13 --top-k=3 --format=jsonl --recursive photos cat.jpg
--model cvt-13 --top-k 3 --format jsonl --recursive photos cat.jpg
photos cat.jpg -rk3 -fjsonl -m cvt-13
photos -k 1 -k3 -f text cat.jpg -rfjsonl -mcvt-13
-rmcvt-13 -fjsonl -k3 -- photos cat.jpg
-m cvt-13 -t 2 -rk3 -fjsonl photos cat.jpg
-m cvt-13 -j 2 -b 2 -rk3 -fjsonl photos cat.jpg
END
    expect 'forms -- ends options' 0 '*"path":"-k.jpg"*' '' cvt classify -m cvt-13 -f jsonl -- -k.jpg
    cvt classify -m cvt-13 -f csv - <cat.jpg >got
    cvt classify -m cvt-13 -f csv cat.jpg | sed 's/^cat.jpg/-/' >reference
    same 'forms - is standard input' reference got
}

# ---- exit statuses and streams ---------------------------------------------------------------------------------------

test_statuses() {
    expect 'status 0 no input' 0 '' '' cvt classify -m cvt-13 -f jsonl --files-from /dev/null
    expect 'status 0' 0 '*"ok":true*' '' cvt classify -m cvt-13 -f jsonl cat.jpg
    expect 'status 1 image' 1 '*"path":"cat.jpg","ok":true*"path":"torn.jpg","ok":false*"path":"dog.png","ok":true*' \
        "$torn" cvt classify -m cvt-13 -f jsonl cat.jpg torn.jpg dog.png
    expect 'status 1 no such image' 1 '' 'cvt: nothing.jpg: No such file or directory' cvt classify -m cvt-13 nothing.jpg
    expect 'status 1 preprocess' 1 '' "$torn" cvt preprocess -m cvt-13 torn.jpg -o torn.npy
    expect 'status 1 npy' 1 '' 'cvt: cat.jpg: not a .npy file' cvt run -m cvt-13 -i cat.jpg -o out
    expect 'status 1 npy of another type' 1 '' "cvt: decoded.npy: elements of type '|u1'*" cvt run -m cvt-13 -i decoded.npy -o out
    head -c 4 x.npy >short.npy
    expect 'status 1 npy that is cut' 1 '' 'cvt: short.npy: *' cvt run -m cvt-13 -i short.npy -o out
    expect 'status 3 no such model' 3 '' "cvt: cvt-12: no such model*" cvt classify -m cvt-12 cat.jpg
    expect 'status 3 no such path' 3 '' 'cvt: ./nothing: no such file' cvt classify -m ./nothing cat.jpg
    expect 'status 3 no such config' 3 '' 'cvt: nothing.json: no such file' cvt summary -c nothing.json
    expect 'status 3 no model at all' 3 '' "cvt: no model: name one with -m*make demo*" cvt classify cat.jpg
    expect 'status 3 config' 3 '' 'cvt: broken.json: byte 13 (line 1): *expected' cvt summary -c broken.json
    expect 'status 3 convert' 3 '' 'cvt: cat.jpg: neither safetensors, *' cvt convert cat.jpg -o out/x.safetensors
    expect 'status 3 check' 3 '' 'cvt: cut.safetensors: cut off: 3000 bytes, *' cvt check -m cut.safetensors
    expect 'status 4 npy' 4 '' 'cvt: nowhere/x.npy: cannot be written: No such file or directory' cvt preprocess -m cvt-13 cat.jpg -o nowhere/x.npy
    expect 'status 4 directory' 4 '' 'cvt: cat.jpg: File exists' cvt run -m cvt-13 -i x.npy -o cat.jpg
    expect 'status 4 no name' 4 '' 'cvt: : No such file or directory' cvt run -m cvt-13 -i x.npy -o ''
    expect 'status 4 model' 4 '' 'cvt: nowhere/x.safetensors: cannot be written: No such file or directory' cvt convert cvt-13 -o nowhere/x.safetensors
    expect 'status 4 full disk, file' 4 '' 'cvt: /dev/full: *No space*' cvt preprocess -m cvt-13 cat.jpg -o /dev/full
}

# Standard output that is full, closed, or read by nobody; standard error that is closed.
test_streams() {
    while read -r command; do
        # shellcheck disable=SC2086 # words are wanted
        cvt $command </dev/null >/dev/full 2>"$work/err"
        status=$?
        : >"$work/out"
        verdict "streams full disk: $command" 4 '' 'cvt: *No space left on device' $status
        # shellcheck disable=SC2086
        cvt $command </dev/null >&- 2>"$work/err"
        verdict "streams closed: $command" 4 '' 'cvt: *Bad file descriptor' $?
        # shellcheck disable=SC2086
        { sleep 0.1 && cvt $command </dev/null 2>"$work/err"; echo $? >status; } | true
        verdict "streams nobody reads: $command" 0 '' '' "$(cat status)"
        # shellcheck disable=SC2086
        cvt $command </dev/null >"$work/out" 2>&-
        verdict "streams no standard error: $command" 0 '?*' '' $?
    done <<'END'
--version
help
help classify
list
completion zsh
summary -m cvt-13
summary -m cvt-13 -f json
check -m cvt-13
classify -m cvt-13 -f jsonl cat.jpg
preprocess -m cvt-13 cat.jpg -o -
attend -m cvt-13 cat.jpg -o -
bench -m cvt-13 --images 1
END
    expect 'streams warnings and errors stay out of the records' 1 '' "$torn" cvt classify -m cvt-13 torn.jpg
}

test_signals() {
    for signal in INT:130 TERM:143; do
        (echo cat.jpg && sleep 1) |
            timeout --preserve-status -s "${signal%:*}" 0.5 cvt classify -m cvt-13 -f jsonl --files-from - >"$work/out" 2>"$work/err"
        verdict "signals ${signal%:*} after the record in hand" "${signal#*:}" '{"path":"cat.jpg",*]}' '' $?
    done
    mkfifo hold
    timeout --preserve-status -s KILL 2 cvt classify -m hold cat.jpg >"$work/out" 2>"$work/err"
    verdict 'signals a FIFO as model does not hang' 3 '' 'cvt: hold: a FIFO, not a file' $?
}

# ---- finding models --------------------------------------------------------------------------------------------------

# Configs by name: beside the program, and where it is installed.
test_configs() {
    mkdir -p "$work/bin/configs" prefix/bin prefix/share/cvt/configs && cp "$program" prefix/bin/cvt
    cp "$tiny" "$work/bin/configs/own.json" && cp "$tiny" prefix/share/cvt/configs/shared.json
    for name in schema .hidden; do echo '{}' >"$work/bin/configs/$name.json"; done
    cvt summary -c "$tiny" >summary.txt && cvt summary -c own >own.txt && prefix/bin/cvt summary -c shared >shared.txt
    same 'configs beside the program' summary.txt own.txt
    same 'configs of the prefix' summary.txt shared.txt
    expect 'configs list' 0 own '' cvt list --only configs
    expect 'configs of the prefix are listed' 0 shared '' prefix/bin/cvt list --only configs
    expect 'configs init' 0 '' '' cvt init -c own -o own.safetensors
    expect 'configs no such' 3 '' "cvt: oown: no such config (did you mean 'own'?)" cvt bench -c oown
    expect 'configs none near' 3 '' "cvt: something: no such file, nor a config of this name in $work/bin/configs, *" cvt summary -c something
    echo '{"arch":' >own
    expect 'configs: a file of the name comes first' 3 '' 'cvt: own: byte *' cvt summary -c own && rm own
}

lists_no_other() { cvt list >listed && grep -q local.safetensors listed && status 1 grep 'imagenet\|hold' listed; }

test_models() {
    mkdir -p path/one path/two prefix/bin prefix/share/cvt/models prefix/bin/models
    cp "$program" prefix/bin/cvt
    cp small.safetensors path/two/named.safetensors
    cp small.safetensors prefix/share/cvt/models/shared.safetensors
    cp small.safetensors prefix/bin/models/beside.safetensors
    cp small.safetensors models/local.safetensors
    mkdir models/folder && cp -RL cvt-13/. models/folder
    for name in local folder beside shared; do
        expect "models $name" 0 'ok: *' '' prefix/bin/cvt check -m $name
    done
    expect 'models CVT_MODEL_PATH' 0 'ok: *' '' env CVT_MODEL_PATH="path/one::$PWD/path/two" cvt check -m named
    expect 'models CVT_MODEL' 0 'ok: *' '' env CVT_MODEL=local cvt check
    expect 'models path first' 0 'ok: *' '' cvt check -m small.safetensors
    expect 'models did you mean' 3 '' "cvt: locl: no such model (did you mean 'local'?)" cvt check -m locl
    expect 'models list' 0 '*family  cvt*model   folder * models/folder*model   local * models/local.safetensors*' '' cvt list
    check 'models list: what is none' lists_no_other
    cp "$program" prefix/bin/cvt && prefix/bin/cvt list >listed
    check 'models list: the path of the prefix' grep -q '  [^ ]*/prefix/share/cvt/models/shared.safetensors$' listed
    cp small.safetensors models/script.safetensors
    expect 'models default script' 0 'ok: *' '' cvt check
    cp cut.safetensors models/efficientnet-lite0.safetensors
    expect 'models default efficientnet-lite0 first' 3 '' \
        'cvt: models/efficientnet-lite0.safetensors: cut off: 3000 bytes, *' cvt check
    rm models/*.safetensors
}

# on_terminal COLUMNS COMMAND: its output where it goes to a terminal of this width; 0: one that does not know
on_terminal() { script -qec "stty cols $1; $2" /dev/null </dev/null | tr -d '\r'; }
has_terminals() { command -v script >/dev/null && [ "$(on_terminal 77 'stty size' | sed 's/.* //')" = 77 ]; }

# fits NAME COLUMNS COMMAND: some line is as wide as the terminal, or nearly so, and none is wider
fits() {
    widest=$(on_terminal "$2" "$3" | awk '{ if (length > most) most = length } END { print most + 0 }')
    if [ "$widest" -le "${4:-$2}" ] && [ "$widest" -gt $((${4:-$2} - 12)) ]; then pass "$1"; else fail "$1" "the widest line has $widest"; fi
}

# json FILE PYTHON: an assertion on the document d; skipped without Python
json() { ! command -v python3 >/dev/null || python3 -c "import json; d = json.load(open('$1')); $2"; }

test_list() {
    mkdir -p at.hand && cp small.safetensors at.hand/small.safetensors && cp cut.safetensors at.hand/cut.safetensors
    mkdir at.hand/folder && cp -RL cvt-13/. at.hand/folder
    export CVT_MODEL_PATH=at.hand
    cvt list >list.txt
    expect 'list families' 0 '*family  t2t_vit * T2T-ViT*t2t_vit * yes *overlapping (concatenated) * linear * partly (tokenisation)*' '*' cvt list
    expect 'list models' 0 '*model   cut *cannot be opened*model   folder * 3 x * x * kB  at.hand/folder*model   small * at.hand/small.safetensors*' 'cvt: at.hand/cut.safetensors: *' cvt list
    cvt list -f json >list.json
    check 'list json families' json list.json 'f = {x["name"]: x for x in d["families"]}; t = f["tnt"]
assert (t["position_encoding"], t["token_embedding"], t["attention_projection"], t["hierarchical"]) == (
    "yes", "non-overlapping (patch + pixel)", "linear", "no") and all(len(x) == 6 and all(x.values()) for x in f.values())'
    cvt summary -m small.safetensors -f json >small.json
    check 'list json models' json list.json 'm = {x["name"]: x for x in d["models"]}; s = m["small"]; e = json.load(open("small.json"))
assert "at.hand/cut.safetensors" in m["cut"]["error"] and s["path"] == "at.hand/small.safetensors" and s["family"] == "cvt"
assert s["bytes"] == e["bytes"] and s["parameters"] == e["parameters"] and s["inputs"][0][0] == 3
assert m["folder"]["bytes"] > s["bytes"] and s["classes"] == e["rows"][-1]["shape"][0]'
    cvt list --only models >names.txt
    check 'list --only models' sh -c 'printf "cut\nfolder\nsmall\n" | cmp - names.txt'
    unset CVT_MODEL_PATH
    for kind in taps layers; do cvt list --only $kind -m small.safetensors >$kind.txt; done
    check 'list --only taps' json small.json 'taps = [t["name"] for t in d["taps"]]
assert taps and open("taps.txt").read().split() == taps
assert open("layers.txt").read().split() == [t for t in taps if t.endswith(".map")]'
    check 'list --only taps of a config' sh -c 'cvt list --only taps -c cvt-13/config.json | cmp - taps.txt'
    check 'list --only dialects' sh -c 'cvt list --only dialects -m small.safetensors | tr "\n" " " | grep -qx "native hf hf_bare microsoft "'
    check 'list --only dialects of all families, once each' sh -c 'cvt list --only dialects >d && sort d | uniq -d | cmp - /dev/null && grep -qx rangilyu d'
    expect 'list --only taps of no model' 3 '' 'cvt: no model: name one with -m*' cvt list --only taps
    usage 'list -m' 'list: -m and -c are for --only' cvt list -m small.safetensors
    mkdir empty && cp "$program" empty/cvt
    expect 'list no models' 0 "*no models; 'cvt help list' tells where they are looked for" '' sh -c 'cd empty && ./cvt list'
    if ! has_terminals; then return; fi
    for columns in 60 80 100; do fits "list on a terminal of $columns" $columns 'CVT_MODEL_PATH=at.hand cvt list 2>/dev/null'; done
    fits 'list on a terminal that does not know its width' 0 'COLUMNS=90 cvt list' 90
    fits 'list on a terminal of which nothing is known' 0 'unset COLUMNS; cvt list' 80
    check 'list into a pipe: whole lines' grep -q '^family  crossvit  *CrossViT (vit_pytorch): two branches .* each other' list.txt
    cp small.safetensors at.hand/a-name-that-is-far-too-long-to-stand-in-a-table-of-80-columns.safetensors
    for columns in 44 60 74 80; do
        on_terminal $columns 'CVT_MODEL_PATH=at.hand cvt list' >narrow.txt
        cp narrow.txt narrow.txt.$columns
        sed -n '/^model  *small/,$p' narrow.txt >entry.txt
        check "list at $columns: names are whole" grep -qx 'model *a-name-that-is-far-too-long-to-stand-in-a-table-of-80-columns' narrow.txt
        check "list at $columns: sizes are whole" grep -qx '  bytes: [0-9.]* kB' entry.txt
        check "list at $columns: paths are whole" grep -qx '  path: at.hand/small.safetensors' entry.txt
        check "list at $columns: what cannot be opened" grep -qx '  input: cannot be opened' narrow.txt
    done
    check 'list at 60: traits are lines' grep -qx '  hierarchical: .*' narrow.txt.60
    check 'list at 80: traits are a table' status 1 grep -qx '  hierarchical: .*' narrow.txt
}

# ---- commands --------------------------------------------------------------------------------------------------------

header() { head -c 128 "$1" | tr -d '\0\n'; }

expect_header() { # NAME FILE PATTERN
    if matches "$(header "$2")" "$3"; then pass "$1"; else fail "$1" "$(header "$2")"; fi
}

test_preprocess() {
    for stop in decode orient resize crop; do cvt preprocess -m cvt-13 cat.jpg -o $stop.npy --stop=$stop || fail "preprocess $stop" "status $?"; done
    expect_header 'preprocess decode' decode.npy '*|u1*(30, 40, 3)*'
    expect_header 'preprocess orient' orient.npy '*|u1*(40, 30, 3)*'
    expect_header 'preprocess tensor' x.npy '*<f4*(1, 3, *'
    cvt preprocess -m cvt-13 cat.jpg -o orient.npy --stop=orient --exif=ignore
    same 'preprocess --exif=ignore' decode.npy orient.npy
    cvt preprocess -m cvt-13 - -o - <cat.jpg >piped.npy
    same 'preprocess streams' x.npy piped.npy
    expect 'preprocess --max-pixels' 1 '' 'cvt: cat.jpg: *--max-pixels*' cvt preprocess -m cvt-13 cat.jpg -o y.npy --max-pixels=1199
    expect 'preprocess --allow-truncated says what is wrong' 0 '' 'cvt: torn.jpg: JPEG data ends early' \
        cvt preprocess -m cvt-13 torn.jpg -o y.npy --allow-truncated
    expect_header 'preprocess --allow-truncated' y.npy '*<f4*(1, 3, *'
    rm -f y.npy && cvt preprocess -c "$tiny" cat.jpg -o y.npy
    expect_header 'preprocess from a config alone' y.npy '*<f4*(1, 3, *'
}

test_run() {
    check 'run' cvt run -m cvt-13 -i x.npy -o values/plain
    check 'run taps' cvt run -m cvt-13 -i x.npy -o values/all --tap all
    same 'run taps leave the output as it is' values/plain/output.npy values/all/output.npy
    taps=$(cvt summary -m cvt-13 -f json | tr '{' '\n' | sed -n '/"taps"/,$ { s/^"name":"\([^"]*\)".*/\1.npy/p }' | sort)
    if [ -n "$taps" ] && [ "$taps" = "$(cd values/all && find . -name '*.npy' ! -name output.npy | sed 's|^\./||' | sort)" ]; then
        pass 'run every tap has a file'
    else
        fail 'run every tap has a file' "$(ls values/all)"
    fi
    tap=$(echo "$taps" | sed -n '1 { s/\.npy$//; p }')
    check 'run one tap' cvt run -m cvt-13 -i x.npy -o values/one --tap="$tap"
    same 'run one tap is the same' "values/one/$tap.npy" "values/all/$tap.npy"
    for threads in 1 2 3; do
        rm -rf values/t
        cvt run -m cvt-13 -i x.npy -o values/t -t $threads
        same "run -t $threads" values/plain/output.npy values/t/output.npy
    done
}

test_convert() {
    cvt run -m small.safetensors -i x.npy -o values/small
    cvt convert cvt-13 -o same.safetensors
    cvt run -m same.safetensors -i x.npy -o values/same
    same 'convert keeps what the model says' values/plain/output.npy values/same/output.npy
    cvt convert cvt-13 -o full.safetensors --dtype=f32
    weights=$(cvt summary -m cvt-13 | sed -n 's/,//g; s/^parameters *//p')
    check 'convert to f16 saves two bytes a weight' test "$(wc -c <small.safetensors)" -le $(($(wc -c <full.safetensors) - 2 * weights))
    cp same.safetensors before.safetensors
    check 'convert over another' cvt convert cvt-13 -o same.safetensors
    same 'convert over another makes the same' before.safetensors same.safetensors
    cvt init -c "$tiny" --seed 7 -o seven && cvt init -c "$tiny" --seed 7 -o again && cvt init -c "$tiny" --seed 8 -o eight
    same 'init the same seed' seven again
    check 'init another seed' differ seven eight
    equal 'convert leaves nothing behind' "$(find . -name '*.tmp' -o -name '.cvt-*' -o -name same.safetensors)" ./same.safetensors
}

test_summary() {
    expect 'summary text' 0 'layer *parameters*MACs*' '' cvt summary -m cvt-13
    expect 'summary csv' 0 'name,type,shape,parameters,macs*' '' cvt summary -m cvt-13 -f csv
    expect 'summary json' 0 '{"rows":*"parameters":*"buffers":*"macs":*"taps":*}' '' cvt summary -m cvt-13 -f json
    while read -r config parameters macs; do # counts of the published models, GMACs where only those are known
        got=$(cvt summary -c "configs/$config.json" | tr -d , | awk '/^parameters /{ p = $2 } /^MACs /{ print p, $2 }')
        if matches "$got" "$parameters $macs"; then pass "summary $config"; else fail "summary $config" "$got"; fi
    done <<'END'
cvt-13 19997480 4566089216
cvt-13-384 19997480 16269359616
cvt-21 31622696 7177985024
cvt-21-384 31622696 24849091584
cvt-w24 277196392 60917313536
cvt-w24-384 277196392 194221654016
efficientnet-lite0 4652008 385??????
efficientnet-lite1 5416680 600??????
efficientnet-lite2 6092072 8[56]???????
efficientnet-lite3 8197096 1383??????
efficientnet-lite4 13006568 2553??????
END
    cvt summary -c configs/cvt-13.json --depth 1 >one.txt
    expect 'summary --depth 1' 0 'layer *stage0  17 layers   3136 x 64 * 61,696    481,789,952*head    Linear      1000          385,000        384,000*' '' cat one.txt
    check 'summary --depth 1: a line a stage' test "$(sed '/^$/q' one.txt | wc -l)" -eq 7
    check 'summary shares' grep -q '^stage2  18,536,448  92\.7%  3,268,204,032  71\.6%$' one.txt
    check 'summary bytes' grep -q '^bytes       80,092,988 ' one.txt
    cvt summary -c configs/cvt-13.json >all.txt && cvt summary -c configs/cvt-13.json --depth 100 >deep.txt
    same 'summary --depth that folds nothing' all.txt deep.txt
    for config in cvt-13 vit-base-patch16-224 crossvit-tiny-240 efficientnet-lite0; do
        cvt summary -c configs/$config.json -f json --depth 2 >deep.json && cvt summary -c configs/$config.json -f json >all.json
        check "summary json of $config adds up" json deep.json 'a = json.load(open("all.json")); rows = d.pop("rows"); more = a.pop("rows"); assert a == d
for key in "parameters", "macs":
    assert sum(r[key] for r in rows) == sum(r[key] for r in more) == sum(s[key] for s in d["stages"]) == d[key]
    assert abs(sum(s[key + "_share"] for s in d["stages"]) - 1) < 1e-6
assert len(rows) < len(more) == sum(r.get("layers", 1) for r in rows) and d["bytes"] == 4 * (d["parameters"] + d["buffers"])'
    done
    expect 'summary --depth in csv' 0 '*stage1,scope,784x192,1013568,815711232*' '' cvt summary -c configs/cvt-13.json --depth 1 -f csv
    usage 'depth of torchsummary' 'summary: --depth folds *' cvt summary -c "$tiny" --depth 1 --style torchsummary
    expect 'summary bytes without weights' 0 '*(of the weights, if they were stored in f32)' '' cvt summary -c "$tiny"
    expect 'summary bytes with weights' 0 '*(of the stored weights)' '' cvt summary -m cvt-13
    counters=$tests/data/lite/timm # its weights lack the counters of batches, of which its config alone tells
    expect 'summary buffers that are stored' 0 '*buffers     1,376 *' '' cvt summary -m "$counters"
    expect 'summary buffers of a config' 0 '*buffers     1,398 *' '' cvt summary -c "$counters/config.json"
    expect 'check counts what is stored' 0 '* 1376 buffer values, all finite' '' cvt check -m "$counters"
    cvt summary -m small.safetensors -f json >small.json
    check 'summary bytes are those of the file' \
        grep -q "\"bytes\":$(($(wc -c <small.safetensors) - 8 - $(od -An -tu8 -N8 small.safetensors)))," small.json
    if has_terminals; then
        fits 'summary on a terminal of 80' 80 'cvt summary -c configs/cvt-13.json'
        on_terminal 62 'cvt summary -c configs/cvt-13.json' >narrow.txt
        digits() { sed 's/^[^ ]*//' "$1" | awk 'NF > 1 { print $NF, $(NF - 1) }' | grep -v '[a-z)]'; }
        digits all.txt >a && digits narrow.txt >b
        same 'summary never shortens a number' a b
        check 'summary shortens names in the middle' grep -q '^sta[a-z0-9.]*[.][.][.][a-z.]*conv  ' narrow.txt
    fi
    expect 'summary --size' 0 '*input 3 x 64 x 96*' '' sh -c 'cvt summary -m cvt-13 --size=64x96 | tail -5'
    cvt summary -c "$tiny" --style torchsummary >listing
    # shellcheck disable=SC2016 # awk's, not the shell's
    check 'summary torchsummary layout' awk '
        NR == 1 || (/^-/ && NR > 3) { if ($0 !~ /^-+$/ || length != 64) bad = 1 }
        /^=/ { part++; if (length != 64) bad = 1; next }
        part == 1 { rows++; n = $NF; gsub(",", "", n); sum += n; if ($1 !~ "-" rows "$" || length < 63) bad = 1 }
        /^Total params:/ { gsub(",", "", $3); total = $3 }
        END { if (bad || rows < 20 || sum != total) { print "rows, widths or total"; exit 1 } }' listing
}

test_bench() {
    cvt bench -m cvt-13 --images 4 -b 2 -t 2 -f json >bench.json
    for key in ms_per_image images p50 p90 p99 threads batch precision gmac_per_s peak_share ops; do
        check "bench $key" grep -q "\"$key\":" bench.json
    done
    check 'bench numbers' grep -q '"images":4,.*"threads":2,"batch":2,"precision":"f32"' bench.json
    expect 'bench text' 0 '*ms an image*GMAC/s*' '' cvt bench -c "$tiny" --images 1
    expect 'bench --profile' 0 '*operation*linear*' '' cvt bench -c "$tiny" --images 1 --profile
}

# ---- one table -------------------------------------------------------------------------------------------------------

commands() { cvt help | sed -n '/^commands:/,/^$/ s/^  \([a-z]*\) .*/\1/p'; }

# "NAME LETTER COMMAND" a line, from the help texts
help_options() {
    for command in $(commands); do
        cvt help "$command" | sed -n "s/^  -\(.\), --\([a-z0-9-]*\).*/\2 \1 $command/p; s/^      --\([a-z0-9-]*\).*/\1 - $command/p"
    done | grep -v '^help ' | sort
}

# the same from the manual page
man_options() {
    sed -n '/^\.SH OPTIONS/,/^\.SS Others/p' "$root/man/cvt.1" | sed 's/\\f[BIR]//g; s/\\-/-/g' | awk '
        /^\.TP/ { head = 1; next }
        head { letter = "-"; name = $0; if (name ~ /^-[^-]/) { letter = substr(name, 2, 1); sub(/^-., /, "", name) }
               sub(/^--/, "", name); sub(/=.*/, "", name); head = 0; next }
        /^\(/ && name { while (!/\)$/ && (getline rest) > 0) $0 = $0 " " rest
                        gsub(/[(),]/, ""); for (i = 1; i <= NF; i++) print name, letter, $i; name = "" }' | sort
}

clean_page() { # PAGE: it is one, and nothing is wrong with it but that other manuals are not here
    mandoc -Thtml "$1" | grep -q '>DESCRIPTION<' || { echo "no page" && return 1; }
    mandoc -Tlint "$1" >lint 2>&1
    status 1 grep -v 'referenced manual not found' lint
}

# "GROUP NAME" a line, from the help texts: in which group of options each stands
help_groups() {
    for command in $(commands); do
        cvt help "$command" | sed -n 's/^\([a-z]*\):$/\1/p; s/^      --\([a-z0-9-]*\).*/-\1/p; s/^  -., --\([a-z0-9-]*\).*/-\1/p' |
            awk '/^-/ { print group, substr($0, 2); next } { group = $0 }'
    done | grep -v '^options ' | grep '^[a-z]* [a-z]' | grep -v '^examples ' | sort -u
}

# the same from the manual page
man_groups() {
    sed -n '/^\.SH OPTIONS/,/^\.SS Others/p' "$root/man/cvt.1" | sed 's/\\f[BIR]//g; s/\\-/-/g' | awk '
        /^\.SS/ { group = tolower($NF) }
        /^\.TP/ { getline; sub(/^-., /, ""); sub(/^--/, ""); sub(/=.*/, ""); print group, $0 }' | sort -u
}

test_help() {
    help_groups >groups.txt
    man_groups >man.txt
    if [ "$(wc -l <groups.txt)" -gt 30 ] && difference=$(diff groups.txt man.txt); then pass 'help groups'; else fail 'help groups' "$(echo "$difference" | tr '\n' ' ')"; fi
    cvt help | sed -n '/^environment:/,/^$/ s/^  \([A-Z][A-Z_]*\) .*/\1/p' | sort >variables.txt
    sed -n '/^\.SH ENVIRONMENT/,/^\.SH FILES/ s/^\([A-Z_]*\)$/\1/p' "$root/man/cvt.1" | sort >man.txt
    same 'help environment' variables.txt man.txt
    for command in $(commands); do
        cvt help "$command" >a
        check "help $command has an example" grep -q "^  cvt $command\( \|$\)" a
        check "help $command spells arguments out" test -z "$(grep -E -e '--[a-z0-9-]+=([A-MO-Z]|HOW)( |$)' a)"
    done
    expect 'help defaults' 0 '*--max-pixels=N *(default: 178956970)*' '' cvt help classify
    expect 'help what PATH may be' 0 '*PATH is a JPEG or PNG file; a directory*' '' cvt help embed
    expect 'help choices are said once' 0 '*--exif=apply|ignore  turn*default: apply)*' '' cvt help classify
}

test_tables() {
    help_options >help.txt
    man_options >man.txt
    if [ "$(wc -l <help.txt)" -gt 40 ] && difference=$(diff help.txt man.txt); then pass 'tables manual page'; else fail 'tables manual page' "$(echo "$difference" | tr '\n' ' ')"; fi
    for shell in bash zsh fish; do
        cvt completion $shell >completion.$shell
        missing=
        [ "$(lines help.txt)" -gt 40 ] || missing='all options'
        while read -r name letter command; do
            case $shell in
            bash) grep -q -- "--${name}[= ]" completion.bash ;;
            zsh) sed -n "/^    $command)/,/;;/p" completion.zsh | grep -q -- "--${name}[=}[]" ;;
            fish) grep "from $command'" completion.fish | grep -q -- "-l $name " ;;
            esac || missing="$missing $command:$name"
            if [ "$letter" != - ] && [ $shell = fish ]; then
                grep "from $command'" completion.fish | grep -q -- "-s $letter " || missing="$missing $command:$letter"
            fi
        done <help.txt
        if [ -z "$missing" ]; then pass "tables completion $shell"; else fail "tables completion $shell" "$missing"; fi
        if ! command -v $shell >/dev/null; then echo "skip tables completion $shell is well formed: no $shell here" && continue; fi
        check "tables completion $shell is well formed" sh -c "test -s completion.$shell && $shell -n completion.$shell"
    done
    for command in $(commands); do
        cvt help "$command" >a && cvt "$command" --help >b && cvt "$command" -h >c
        same "tables help $command" a b
        same "tables -h $command" a c
        check "tables help $command fits 80 columns" test "$(awk 'length > 79' a | wc -l)" -eq 0
        check "tables manual page has $command" grep -q "^.fB$command.fR\$" "$root/man/cvt.1"
    done
    expect 'tables version' 0 'cvt [0-9]*libjpeg-turbo [0-9]*libpng*zlib*cJSON*kernels: *Pillow 13' '' cvt --version
    if ! command -v mandoc >/dev/null; then echo 'skip tables manual pages are clean: no mandoc here' && return; fi
    for page in cvt.1 libcvt.3 cvt-config.5; do check "tables $page is clean" clean_page "$root/man/$page"; done
}

# ---- what the manual pages promise -----------------------------------------------------------------------------------

# example LINE: it succeeds, and prints something or leaves the file or folder that it names
example() {
    written=$(echo "$1" | sed -n -E 's/.* (-o|>) ?([^ -][^ ]*).*/\2/p')
    if [ -n "$written" ]; then rm -rf "$written"; fi
    CVT_MODEL=cvt-13 sh -c "$1" >said || return 1
    if [ -n "$written" ]; then test -s "$written"; else test -s said; fi
}

test_examples() {
    mkdir examples && cd examples || return
    mkdir -p pets/cat pets/dog
    for n in 1 2; do cp ../cat.jpg pets/cat/$n.jpg && cp "$root/tests/data/cli/dog.png" pets/dog/$n.png; done
    cp -R ../photos ../cat.jpg . && tar -cf photos.tar photos && gzip -k photos.tar && ln -s ../cvt-13 cvt-13 && ln -s "$root/configs" configs
    sed -n '/^\.SH EXAMPLES/,/^\.SH NOTES/ { /^    /{ s/^    //; s/\\-/-/g; s/\\(aq/'"'"'/g; p; } }' "$root/man/cvt.1" >lines
    check 'examples are found' test "$(wc -l <lines)" -ge 12
    for command in $(commands); do
        cvt help "$command" | sed -n '/^examples:/,/^$/ s/^  \(cvt .*\)/\1/p'
    done >helped
    check 'examples of the help are found' test "$(wc -l <helped)" -ge 20
    cat helped >>lines
    while read -r line; do
        case $line in *--tar*) if "$program" --version | grep -q '^tar: none'; then continue; fi ;; esac
        check "examples $line" example "$line"
    done <lines
    cd ..
    if [ "${CVT_BUILD:-}" = sanitized ]; then echo 'skip examples libcvt.3: built with the release' && return; fi
    sed -n '/^#include/,/^\.EE/ { /^\.EE/d; s/\\e/\\/g; p; }' "$root/man/libcvt.3" >example.c
    # shellcheck disable=SC2046 # words are wanted
    check 'examples libcvt.3 compiles' "${CC:-cc}" -std=c17 -Wall -Wextra -Werror -I"$root/src" example.c "$library" -o example \
        $(pkg-config --libs libpng libjpeg libcjson zlib $("$program" --version | sed -n 's/^WebP: libwebp .*/libwebp libwebpdemux/p')) \
        -fopenmp -lm -lpthread -ldl
    expect 'examples libcvt.3' 0 '*(*%)' '' ./example cvt-13 cat.jpg
    expect 'examples libcvt.3 failure' 1 '' 'torn.jpg: JPEG data ends early' ./example cvt-13 torn.jpg
}

# What the cases above use
printf '{"arch":"cvt"' >broken.json
expect 'preprocess' 0 '' '' cvt preprocess -m cvt-13 cat.jpg -o x.npy
expect 'preprocess --stop' 0 '' '' cvt preprocess -m cvt-13 cat.jpg -o decoded.npy --stop=decode
expect 'convert' 0 '' '' cvt convert cvt-13 -o small.safetensors --dtype=f16
expect 'check' 0 'ok: cvt with * names, * parameters and * buffer values, all finite' '' cvt check -m cvt-13
head -c 3000 small.safetensors >cut.safetensors

for part in usage name forms statuses streams signals models configs list preprocess run convert summary bench help tables examples; do "test_$part"; done
[ "$failures" -eq 0 ]
