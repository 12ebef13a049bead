#!/bin/sh
# check_memory.sh: every command under valgrind, in which memory is read before it is written, or after it is freed, lies
# behind a block, or is lost; and the tests of what reads files of others, as sanitizers do not see memory that was never
# written. A step of check_long.sh, which says CVT, CVT_BIN and CVT_TEST_MODEL.
# Blocks that are still pointed to at the end, into the middle too, are not lost: OpenMP keeps its threads, and their
# stacks. What else is passed over, and why, says valgrind.supp.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
command -v valgrind >/dev/null 2>&1 || { echo 'skip valgrind: it is not here' && exit 0; }
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1
data=$tests/data

watched() {
    timeout 3600 valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
        --errors-for-leak-kinds=definite,indirect --suppressions="$tests/valgrind.supp" "$@"
}
# clean STATUS COMMAND...: it ends so, and valgrind says nothing
clean() {
    wanted=$1
    shift
    watched "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$?
    [ "$status" -eq "$wanted" ] && ! grep -q '^==' "$work/err" && return 0
    echo "status $status, $(grep -m 3 '^==' "$work/err" | tr '\n' ' ')"
    return 1
}

# ---- does it find what is wrong? ----

cat >wrong.c <<'END'
#include <stdlib.h>
int main(int argc, char **argv) {
    char *p = malloc(8);
    (void)argv;
    if (argc == 2) return p[3] > 'a' ? 7 : 8; /* never written */
    if (argc == 3) return p[8] & 0;           /* behind the block */
    p = NULL;                                 /* lost */
    return 0;
}
END
if ${CC:-cc} -g -O0 -o wrong wrong.c 2>/dev/null; then
    for arguments in "" "read" "read behind"; do
        # shellcheck disable=SC2086 # words are wanted
        check "valgrind finds what is wrong: ${arguments:-lost}" status 99 watched ./wrong $arguments
    done
fi

# ---- commands ----

make_pictures
make_pets
head -c 500 good/1.jpg >torn.jpg
cp "$data/images/jpeg_97x61_444_p_q75.jpg" good/10.jpg
tar -cf pets.tar pets
cp "$data/cvt/tiny/config.json" tiny.json
cp -r "$data/decoders" others
cp -r "$data/lines" lines
while read -r wanted command; do
    # shellcheck disable=SC2086 # words are wanted
    check "valgrind: $command" clean "$wanted" "$CVT" $command
    echo "${command%% *}" >>covered
done <<'END'
0 classify -m model -f jsonl -r pets --header
1 classify -m model -f csv -t2 pets/cat/1.jpg torn.jpg nothing.jpg
0 classify -m model --tar pets.tar -f jsonl -o r.jsonl
0 classify -m model -r pets -f jsonl -o r.jsonl --resume --force
0 classify -m model good/10.jpg --precision f16 --sandbox=off
1 classify -m model -r others -f jsonl -k 1
0 classify -m lines lines/page.png lines/two.png
0 embed -m model -r pets -o e.npy
0 embed -m model -r pets -o e.jsonl -f jsonl
0 attend -m model pets/cat/1.jpg -o a.png
0 attend -m model pets/cat/1.jpg -o a.npy
0 eval -m model pets -f json --confusion c.png --records t.jsonl
0 learn -m model pets -o n.safetensors
0 classify -m n.safetensors -r pets --unknown 0.5
0 preprocess -m model pets/cat/1.jpg -o x.npy
1 preprocess -m model torn.jpg -o y.npy
0 run -m model -i x.npy -o taps --tap all
0 convert model -o m.safetensors --golden 2
0 verify -m m.safetensors
3 verify -m model
0 convert model -o i.safetensors --dtype int8
0 classify -m i.safetensors pets/cat/1.jpg
0 convert model -o p.safetensors --pack
0 classify -m p.safetensors pets/cat/1.jpg
0 init -c tiny.json -o w.safetensors
0 report t.jsonl -o p.html
0 summary -m model
0 summary -m model -f json
0 check -m m.safetensors
0 bench -m model --images 1
0 list
0 list --schema
0 help classify
0 completion bash
0 completion zsh
0 completion fish
0 --version
0 --version --json
2 classify --nothing
3 check -m torn.jpg
END
# the list above has every command that `cvt help` names
"$CVT" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | sort -u >commands
check "there are commands" test "$(lines commands)" -gt 10
equal "every command is run" "$(sort -u covered | comm -13 - commands | tr '\n' ' ')" ""

# ---- readers of files ----

cd "$tests/.." || exit 1
# not test_tar, which measures how much memory a run takes
for name in test_json test_npy test_safetensors test_torch test_done test_records test_open; do
    check "valgrind: $name" clean 0 "$CVT_BIN/$name"
done
[ "$failures" -eq 0 ]
