#!/bin/sh
# test_completion.sh - tests what shells offer for the words of a command line, with a bash that runs the script of
# cvt completion bash. That all options stand in the scripts of all three shells is tested by test_cli.sh. Prints "ok
# NAME", "not ok NAME: why" or "skip NAME: why" a case.
# CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
# shellcheck source=tests/case.sh
. "$tests/case.sh"

if ! command -v bash >/dev/null; then echo 'skip bash completes: no bash here' && exit; fi
mkdir "$work/bin" "$work/bin/configs" "$work/here" && cp "$program" "$work/bin/cvt" && cd "$work/here" || exit 1
PATH=$work/bin:$PATH
unset CVT_MODEL CVT_MODEL_PATH
mkdir models
tiny=$tests/data/cli/tiny.json
cp "$tiny" "$work/bin/configs/own.json"
cp "$tiny" own.json
expect 'a model' 0 '' '' cvt init -c own --seed 1 -o models/local.safetensors
# shellcheck disable=SC2016 # nothing is to be expanded
hostile='models/hos$(touch expanded)'
mkdir "$hostile" && cp "$tiny" "$hostile/config.json"
check 'a name that a shell would run is a name' sh -c "cvt list --only models | grep -q '^hos.(touch expanded)'"
cvt completion bash >completion.bash

# The words of a line have + between them; the last is the one being typed. After it comes what is offered.
while read -r line expected; do
    got=$(bash -c 'source ./completion.bash; shift 0; IFS=+ read -ra COMP_WORDS <<<"$1"; [[ $1 == *+ ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); declare -F _cvt >/dev/null || echo "no function _cvt"
        _cvt 2>/dev/null; echo "${COMPREPLY[*]}"' - "$line")
    if [ "$got" = "$expected" ]; then pass "bash $line"; else fail "bash $line" "offers '$got'"; fi
done <<'END'
cvt+cl classify
cvt+classify+--f --files-from= --force --format=
cvt+classify+-f+ text jsonl json csv tsv
cvt+classify+--format+=+j jsonl json
cvt+summary+-f+ text json csv
cvt+run+--ta --tap=
cvt+help+su summary
cvt+completion+ bash zsh fish
cvt+classify+c
cvt+run+-m+local+--tap+=+stage0.block0.attn.c stage0.block0.attn.conv_q stage0.block0.attn.conv_k stage0.block0.attn.conv_v
cvt+run+--model+=+local+--tap+=+stage0.block0.attn.conv_q stage0.block0.attn.conv_q
cvt+embed+-mlocal+--tap+no norm
cvt+embed+-c+./own.json+-m+local+--tap+no norm
cvt+run+-c+own+--tap+no norm
cvt+attend+-m+local+--layer+stage0 stage0.block0.attn.map
cvt+attend+-m+nothing+--layer+stage0
cvt+summary+-m+loc local
cvt+learn+-m+loc local
cvt+convert+loc local
cvt+convert+local+--names+hf_b hf_bare hf_bare_swiglu
cvt+init+-c+own own
cvt+summary+--config+=+ow own
cvt+classify+-m+hos
END
check 'bash runs nothing that a name says' test ! -e expanded
[ "$failures" -eq 0 ]
