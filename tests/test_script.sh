#!/bin/sh
# test_script.sh - tests the models of this repository, models/script.safetensors and models/upright.safetensors: that
# they compute what PyTorch computed, and that they are as good on lines and pages of held-out fonts as they were when
# they were committed. Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case.
# CVT: the program; CVT_BIN: the folder of test_npydiff.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
bin=$(realpath "${CVT_BIN:-$tests/../build}")
models=$(realpath "$tests/../models")
# shellcheck source=tests/case.sh
. "$tests/case.sh"
export CVT_MODEL_PATH="$models"
cd "$work" || exit 1

# ---- the numbers: from the same weights, by PyTorch (training/export.py) ---------------------------------------------

for model in script upright; do
    case $model in script) expected=$tests/data/script_run ;; *) expected=$tests/data/upright_run ;; esac
    check "$model: cvt run ends well" "$cvt" run -m "$model" -i "$expected/x.npy" -o "out-$model"
    check "$model: its golden data" "$cvt" verify -m "$model"
    check "$model: PyTorch's logits" "$bin/test_npydiff" near 1e-4 "$expected/logits.npy" "out-$model/output.npy"
done

# ---- 200 lines, 32 classes -------------------------------------------------------------------------------------------
# How many were right when the model was committed, less one: the last digit of a sum may turn an answer.

# right KIND: how many of the answers name the folder that the line lies in
right() {
    awk -F '\t' -v kind="/[0-9]-$1" '$1 ~ kind { n = split($1, part, "/"); right += substr($6, 1, 4) == part[n - 1] }
        END { print right + 0 }' answers
}
at_least() { [ "$1" -ge "$2" ] || { echo "$1 instead of at least $2" && return 1; }; }

"$cvt" classify -m script -k 1 -f tsv -r "$tests/data/script" >answers 2>err
equal 'script: lines with an answer' "$(grep -c '	true	' answers)" 200
check 'script: clean lines' at_least "$(right clean)" 100
check 'script: damaged lines' at_least "$(right damaged)" 87
"$cvt" classify -m script-int8 -k 1 -f tsv -r "$tests/data/script" 2>err | cut -f 1,6 | sort >int8
cut -f 1,6 answers | sort | comm -12 - int8 | grep 'png	' >both
check 'script-int8: the same answers' at_least "$(lines both)" 199
equal 'script: an answer is a code and a name' "$(cut -f 6 answers | sed 1d | grep -vcE '^[A-Z][a-z]{3} [A-Za-z ]+$')" 0

# The folders are called by codes, with which the labels begin.
timeout 100 "$cvt" eval -m script "$tests/data/script" -f json >eval.json 2>err
equal 'script: eval matches each folder by its code' "$(grep -o '"by":"first_word"' eval.json | grep -c .)" 32
check 'script: eval says so' grep -q 'first words' err
awk -F '\t' '$2 == "true" && NR % 40 == 2 { print $1 }' answers | while read -r path; do
    code=$(basename "$(dirname "$path")")
    printf '%s\t%s\n' "$path" "$code"
    mkdir -p tar && cp "$path" "tar/$code.png" && printf '%s\n' "$code" >"tar/$code.cls"
done >list.tsv
(cd tar && tar -cf ../codes.tar -- *)
for data in list.tsv '--tar codes.tar'; do
    # shellcheck disable=SC2086 # an option and its argument
    timeout 100 "$cvt" eval -m script $data -f json >codes.json 2>err
    equal "script: eval matches codes of $data" "$(grep -o '"by":"first_word"' codes.json | grep -c .)" 5
    equal "script: eval says so of $data" "$(cat err)" \
        "cvt: ${data#--tar }: its labels are the first words of the model's labels: they are taken for these classes"
done
equal 'script: eval counts as classify answers' "$(sed -n 's/.*"top1":\([0-9.]*\),.*/\1/p' eval.json | head -n 1)" \
    "$(awk -v n="$(($(right clean) + $(right damaged)))" 'BEGIN { printf "%.9g", n / 200 }')"

# ---- pages -----------------------------------------------------------------------------------------------------------

page() { "$cvt" classify -m "$1" --lines -k 1 -f tsv "$tests/data/script_pages/$2.png" | sed 1d | cut -f 6; }
equal 'script: a page in Arabic' "$(page script Arab)" 'Arab Arabic'
equal 'script: a page in Khmer' "$(page script Khmr)" 'Khmr Khmer'
for code in Arab Khmr; do
    equal "upright: a page of $code" "$(page upright "$code")" upright
    equal "upright: the same turned" "$(page upright "$code-upside-down")" 'upside down'
done

[ "$failures" -eq 0 ]
