#!/bin/sh
# reliability.sh - prints the table of docs/reliability.md: each promise, the test that shows it, and the figure. Figures
# are counts of the lines that tests print: in build/check of the last `make check`, else the test is run now; those of
# `make check-long`, `make coverage` and `make fuzz` from build/check-long, build/coverage and build/libfuzzer. Ends with
# status 1 where a test of `make check` has no case for a promise, or one that did not pass.
#   PROGRAM, B: the program and its folder (the Makefile says)
set -u
cd "$(dirname "$0")/.." || exit 1
logs=$PWD/build/reliability
mkdir -p "$logs"
CVT=$(realpath "${PROGRAM:-cvt}")
CVT_BIN=$(realpath "${B:-build}")
export CVT CVT_BIN CVT_BUILD=release CVT_TEST_MODEL="$PWD/tests/data/cvt/tiny"

# log TEST: the file of its lines
log() {
    for file in "build/check/sanitized-$1" "build/check/release-$1" "build/check/sanitized-$1.c" \
        "build/check/release-$1.c"; do
        if [ -s "$file.out.lines" ]; then
            echo "$file.out.lines"
            return
        fi
    done
    if [ ! -s "$logs/$1.out" ] || [ -n "$(find "$CVT" -newer "$logs/$1.out")" ]; then
        if [ -e "tests/$1.sh" ]; then sh "tests/$1.sh"; else "$CVT_BIN/$1"; fi >"$logs/$1.out" 2>"$logs/$1.err"
    fi
    echo "$logs/$1.out"
}

# passed TEST [PATTERN]: "N of M", of the cases whose name matches
passed() {
    file=$(log "$1")
    all=$(grep -E '^(ok|not ok) ' "$file" | grep -cE -e "${2:-.}")
    good=$(grep -E '^ok ' "$file" | grep -cE -e "${2:-.}")
    if [ "$all" -eq 0 ]; then echo "$1: NONE"; elif [ "$good" -lt "$all" ]; then echo "$1: ONLY $good of $all"; else echo "$1: $good of $all"; fi
}

# long STEP [PATTERN]: the same of a step of make check-long
long() {
    file=build/check-long/$1.out
    if [ ! -s "build/check-long/$1.date" ]; then
        echo "make check-long has not run here"
        return
    fi
    all=$(grep -E '^(ok|not ok) ' "$file" | grep -cE -e "${2:-.}")
    good=$(grep -E '^ok ' "$file" | grep -cE -e "${2:-.}")
    echo "$1: $good of $all, $(cat "build/check-long/$1.date")"
}

# sum WORD: of the counts of all commands in which each call failed
sum() { awk -v word="$1" '{ for (i = 2; i < NF; i++) if ($i == word) n += $(i + 1) } END { print n + 0 }' "$counts"; }
counts=build/check-long/faults.counts
if [ -s "$counts" ]; then
    faults="$(sum tried) calls of $(wc -l <"$counts") commands failed once: $(sum swallowed) made no difference, \
$(sum foreign) ended the program in another library, $(sum wrong) wrong"
else
    faults='make check-long has not run here'
fi
kills=$(sed -n 's/^total kills: kills \([0-9]*\) runs \([0-9]*\) collections \([0-9]*\) .*/\1 kills, \3 collections whole/p' \
    build/check-long/kills.out 2>/dev/null)

if [ -n "$(ls build/check/sanitized-*.lines 2>/dev/null)" ]; then
    sanitized="under sanitizers: $(cat build/check/sanitized-*.lines | grep -c '^ok ') cases of $(find build/check -name 'sanitized-*.lines' | wc -l) tests"
else
    sanitized='make check has not run here'
fi
if [ -s build/libfuzzer/runs ]; then
    fuzzed=$(awk '{ n += $9; cpu += $4; seen[$1] } END { for (t in seen) k++
        printf "libFuzzer: %d executions of %d targets, %d seconds of a processor", n, k, cpu }' build/libfuzzer/runs)
    fuzzed="$fuzzed, $(find build/libfuzzer/failed -type f | wc -l) inputs that failed"
else
    fuzzed='make fuzz has not run here'
fi
if [ -s build/coverage/lines/table ]; then
    covered=$(awk '{ all += $2; run += $2 * $3 / 100; if (!least || $3 < low) { low = $3; least = $1 } }
        END { printf "%.1f %% of %d lines of parsers, the least %s with %.1f %%", 100 * run / all, all, least, low }' build/coverage/lines/table)
else
    covered='make coverage has not run here'
fi

row() { # NUMBER PROMISE FIGURE...
    number=$1 promise=$2
    shift 2
    figures=
    for figure; do figures="$figures${figures:+; }$figure"; done
    case $figures in *ONLY*|*NONE*) wrong=1 ;; esac
    echo "| $number | $promise | $figures |"
}
wrong=0

echo '| | promise | test: cases that passed |'
echo '|--:|---|---|'
row 1 'no input ends the program by a signal' "$(passed test_pixels)" "$(passed test_safetensors)" "$(passed test_torch)" \
    "$(passed test_json)" "$(passed test_npy)" "$(passed test_tar)"
row 2 'no input hangs' "$(passed test_lost 'FIFO')" "$(passed test_cli 'hang')" "$(passed test_image 'scans')" \
    "$(passed test_batch 'socket|device|fifo')"
row 3 'memory follows the limits, not what a file claims' "$(passed test_lost 'memory')" "$(passed test_image '_lie|_huge')"
row 4 'a bad image is one line, and others go on' "$(passed test_neighbours)" "$(passed test_classify)"
row 5 'odd but legal images have the right pixels' "$(passed test_image)"
row 6 'unusual formats: right pixels, or unsupported' "$(passed test_image 'arith|12bit|lossless|other_|webp|heic|avif')"
row 7 'an image that ends early is an error' "$(passed test_image '_cut')" "$(passed test_lost 'bytes of a progressive|without:')"
row 8 'limits hold before memory is taken' "$(passed test_image 'huge|_over|_side|scans')" "$(passed test_lost 'too_large|refused')"
row 9 'content decides the format' "$(passed test_batch)" "$(passed test_lost 'instead')"
row 10 'names never reach a terminal raw' "$(passed test_lost 'direction|terminal')" "$(passed test_records)"
row 11 'safetensors: every rule' "$(passed test_safetensors)"
row 12 'no pickle is executed' "$(passed test_torch)"
row 13 'zip: checked, nothing unpacked' "$(passed test_torch 'zip')"
row 14 'a wrong config is a line that names the key' "$(passed test_config)" "$(passed test_configs)"
row 15 '.npy: the header is checked first' "$(passed test_npy)"
row 16 'tar: ranges checked, nothing written' "$(passed test_tar)"
row 17 'NaN is never a probability' "$(passed test_lost 'non_finite')" "$(passed test_api 'finite')"
row 18 'no leak on the way of an error' "$sanitized" "$(passed test_faults)" "$faults" "$(long memory)"
row 19 'a call of the system that fails is a line and a status' "$(passed test_faults)" "$faults"
row 20 'full disk, closed streams, a reader that goes away' "$(passed test_cli 'streams')" "$(passed test_machine 'without')"
row 21 'weights that are cut while they are mapped' "$(passed test_machine 'cut')" "$(long machine 'cut')"
row 22 'parsers are fuzzed' "$(passed test_fuzz)" "$fuzzed" "$covered"
row 23 'the same bytes for any neighbours, threads, kills' "$(passed test_neighbours)" "$(passed test_team)" "${kills:-make check-long has not run here}"
row 24 'every bug leaves a case' "$(passed test_fuzz 'folder of inputs')" \
    "$(find tests/fuzz/cases -type f | wc -l) inputs that once broke a parser, $(find tests -name 'test_*' | wc -l) files of tests"
exit $wrong
