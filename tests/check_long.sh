#!/bin/sh
# check_long.sh - what takes too long for `make check`; `make check-long` runs it on the release build: 10,000 kills, a
# million records, 50 files of weights cut while they are mapped, every command under valgrind, `cvt verify` on programs
# whose kernels are wrong, cppcheck, all tests on emulated machines, every call of every command that fails once. What each
# step prints stays in build/check-long/STEP.out, where
# tests/reliability.sh finds the figures.
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

memory() { sh tests/check_memory.sh; }

verify() { sh tests/check_verify.sh; }

lint() { sh tests/lint.sh; }

# one after the other: both use build/check-long/machines
machines() {
    LOGS=build/check-long/machines SUITES="arm riscv" sh tests/check.sh >&2
    cat build/check-long/machines/all
}

repro() { MACHINES="$(ls build/*/run/cvt 2>/dev/null)" sh tests/test_repro.sh; }

for step in ${STEPS:-kills collection machine memory verify lint machines repro faults}; do
    began=$(date +%s)
    $step >"$logs/$step.out" 2>"$logs/$step.err"
    date -u '+%Y-%m-%d' >"$logs/$step.date"
    echo "$step: $(grep -c '^ok ' "$logs/$step.out") passed, $((($(date +%s) - began) / 60)) minutes"
    grep -E '^(not ok|skip)' "$logs/$step.out"
    grep -qE '^(ok|not ok|skip) ' "$logs/$step.out" || echo "not ok $step: it reported nothing" | tee -a "$logs/$step.out"
done
passed=$(cat "$logs"/*.out | grep -c '^ok ')
failed=$(cat "$logs"/*.out | grep -c '^not ok ')
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
