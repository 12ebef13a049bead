#!/bin/sh
# check_long.sh - what takes too long for `make check`; `make check-long` runs it on the release build. Every call of every
# command fails once, 10,000 kills, a million records, 50 files of weights cut while they are mapped, every command under
# valgrind. What each step prints stays in build/check-long/STEP.out, where tests/reliability.sh finds the figures.
#   PROGRAM, B: the program and its folder (the Makefile says); STEPS="faults kills": only these; KILLS=10000
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case, and "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
logs=$PWD/build/check-long
mkdir -p "$logs"
program=$(realpath "${PROGRAM:-cvt}")
export CVT="$program" CVT_BUILD=release CVT_TEST_MODEL="$PWD/tests/data/cvt/tiny"
CVT_BIN=$(realpath "${B:-build}")
export CVT_BIN

faults() {
    : >"$logs/faults.counts"
    FAULTS_LOG=$logs/faults.counts LONG=1 sh tests/test_faults.sh
}

kills() {
    [ -x "$CVT_BIN/kills" ] || { echo 'skip kills: it is for Linux' && return; }
    folder=$(mktemp -d) && mkdir "$folder/pictures"
    for i in $(seq 40); do cp tests/data/cli/cat.jpg "$folder/pictures/$i.jpg"; done
    (cd "$folder" && "$CVT" classify -m "$CVT_TEST_MODEL" -f jsonl pictures >wanted &&
        "$CVT_BIN/kills" "${KILLS:-10000}" records.jsonl wanted \
            "$CVT" classify -m "$CVT_TEST_MODEL" pictures -o records.jsonl --resume --header -j2)
    rm -rf "$folder"
}

collection() { LONG=1 sh tests/test_collection.sh; }

machine() { LONG=1 sh tests/test_machine.sh; }

# memory that is read before it is written, or after it is freed, is lost, or lies behind a block
memory() {
    command -v valgrind >/dev/null 2>&1 || { echo 'skip valgrind: it is not here' && return; }
    folder=$(mktemp -d)
    data=$PWD/tests/data
    (
        cd "$folder" || exit 1
        mkdir -p pets/cat pets/dog
        cp "$data/cli/cat.jpg" pets/cat/1.jpg
        cp "$data/images/jpeg_97x61_444_p_q75.jpg" pets/cat/2.jpg
        cp "$data/cli/dog.png" pets/dog/1.png
        cp "$data/cli/dog.png" pets/dog/2.png && echo >>pets/dog/2.png
        head -c 500 pets/cat/1.jpg >torn.jpg
        cp -r "$data/cvt/tiny" model
        printf '%s\n' zero one two three cat five six seven dog nine >model/labels.txt
        tar -cf pets.tar pets
        while read -r wanted command; do
            # shellcheck disable=SC2086 # words are wanted
            timeout 600 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect \
                "$CVT" $command >out 2>err </dev/null
            status=$?
            if [ "$status" -eq "$wanted" ] && ! grep -q '^==' err; then
                echo "ok valgrind: $command"
            else
                echo "not ok valgrind: $command: status $status, $(grep -m 3 '^==' err | tr '\n' ' ')"
            fi
        done <<'END'
0 classify -m model -f jsonl -r pets --header
1 classify -m model -f csv -t2 pets/cat/1.jpg torn.jpg nothing.jpg
0 classify -m model --tar pets.tar -f jsonl -o r.jsonl
0 classify -m model -r pets -f jsonl -o r.jsonl --resume --force
0 embed -m model -r pets -o e.npy
0 attend -m model pets/cat/1.jpg -o a.png
0 attend -m model pets/cat/1.jpg -o a.npy
0 eval -m model pets -f json --confusion c.png --records t.jsonl
0 learn -m model pets -o n.safetensors
0 preprocess -m model pets/cat/1.jpg -o x.npy
0 run -m model -i x.npy -o taps --tap all
0 convert model -o m.safetensors
0 convert model -o i.safetensors --dtype int8
0 classify -m i.safetensors pets/cat/1.jpg
0 report t.jsonl -o p.html
0 summary -m model
0 summary -m model -f json
0 check -m m.safetensors
0 bench -m model --images 1
0 list
0 help classify
0 completion bash
0 --version
2 classify --nothing
3 check -m torn.jpg
END
    )
    rm -rf "$folder"
}

for step in ${STEPS:-faults kills collection machine memory}; do
    echo "running: $step"
    $step >"$logs/$step.out" 2>"$logs/$step.err"
    date -u '+%Y-%m-%d' >"$logs/$step.date"
    grep -E '^(not ok|skip)' "$logs/$step.out"
    grep -qE '^(ok|not ok|skip) ' "$logs/$step.out" || echo "not ok $step: it reported nothing" | tee -a "$logs/$step.out"
done
passed=$(cat "$logs"/*.out | grep -c '^ok ')
failed=$(cat "$logs"/*.out | grep -c '^not ok ')
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
