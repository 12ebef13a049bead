#!/bin/sh
# oracle.sh [ORACLE [PYTHON]] - runs the original programs anew and compares: every small preset under all names of
# weights, configs drawn at random, and the full-size models; logits and inner values, on every instruction set that can
# run here (full-size models: on ref and on the one that is chosen). Prints "ok NAME" or "not ok NAME: why" a case.
#   ORACLE  the folder of oracle scripts (tests/oracle); PYTHON: what its setup.sh has installed into (python3)
#   SEED    of weights, inputs and random configs (1); COUNT: random configs of each family (12)
#   SETS    which of "presets random full" (all); ONLY: cases whose names hold this; CVT: the program (./cvt)
set -u
cd "$(dirname "$0")/.." || exit 1
oracle=${1:-tests/oracle}
python=${2:-python3}
program=${CVT:-./cvt}
diff=build/test_npydiff
out=build/oracle
passed=0
failed=0
make -s "$diff" || exit 1
unset CVT_MODEL CVT_MODEL_PATH CVT_THREADS CVT_ISA OMP_NUM_THREADS

isas=
for isa in ref sse2 avx2 avx512 neon; do
    if CVT_ISA=$isa "$program" --version >/dev/null 2>&1; then isas="$isas $isa"; fi
done
best=${isas##* }

# against MODE EXPECTED GOT ORIGINAL: ORIGINAL is the original's own float32 result, if there. Loose is the second image
# of crossvit_ibm, which torch resizes with source coordinates in float32.
against() {
    if [ -e "$4" ]; then set -- "$@" --original "$4"; else set -- "$@" --loose lg.image=2e-4; fi
    "$diff" "$1" "$5" "$6" "$2" "$3"
}

compare() { # CASE
    rm -rf "$out/result"
    set -- "$1" -i "$1/x.npy"
    for more in "$1"/x[2-9].npy; do if [ -e "$more" ]; then set -- "$@" -i "$more"; fi; done
    "$program" run -m "$@" -o "$out/result" --tap all || return 1
    expected=$1/expected64.npy
    [ -f "$expected" ] || expected=$1/expected.npy
    against logits "$expected" "$out/result/output.npy" "$1/original.npy" || return 1
    if [ -d "$1/taps" ]; then against taps "$1/taps" "$out/result" "$1/original"; fi
}

for set in ${SETS:-presets random full}; do
    rm -rf "$out" && mkdir -p "$out/cases"
    if ! "$python" tests/make_fixtures.py "$oracle" --set "$set" --seed "${SEED:-1}" --count "${COUNT:-12}" \
        --only "${ONLY:-}" --out "$out/cases" >"$out/log" 2>&1; then
        echo "not ok $set: the originals do not run: $(tail -n 1 "$out/log")"
        failed=$((failed + 1))
    fi
    use=$isas
    [ "$set" = full ] && use="ref $best"
    for case in "$out"/cases/*; do
        for isa in $use; do
            name="$(basename "$case") on $isa"
            if why=$(CVT_ISA=$isa compare "$case" 2>&1); then
                echo "ok $name: $(echo "$why" | tr '\n' ';')"
                passed=$((passed + 1))
            else
                echo "not ok $name: $(echo "$why" | tail -n 1)"
                failed=$((failed + 1))
            fi
        done
    done
done
rm -rf "$out"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
