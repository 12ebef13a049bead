#!/bin/sh
# oracle.sh [ORACLE [PYTHON]] - runs the original programs anew and compares cvt with them: every small preset in every
# dialect of the weights, configs drawn at random, and the full-size models. Logits and taps are compared, on every
# instruction set that can run here (full-size models: on ref and on the one that is chosen). Prints "ok NAME" or "not
# ok NAME: why" for each case.
#   ORACLE  the folder of oracle scripts (tests/oracle); PYTHON: what its setup.sh has installed into (python3)
#   SEED    of weights, inputs and random configs (1); COUNT: random configs of each family (12)
#   SETS    which of "presets random full" (all); ONLY: cases whose names hold this; CVT: the program (./cvt)
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cd "$tests/.." || exit 1
oracle=${1:-tests/oracle}
python=${2:-python3}
program=$(realpath "${CVT:-./cvt}")
diff=build/test_npydiff
cases=build/oracle
# shellcheck source=tests/case.sh
. "$tests/case.sh"
make -s "$diff" || exit 1
find_isas
best=${isas##* }

# against MODE EXPECTED GOT ORIGINAL: ORIGINAL is the original's own float32 result, if there. Loose is the second image
# of crossvit_ibm, which torch resizes with source coordinates in float32.
against() {
    if [ -e "$4" ]; then set -- "$@" --original "$4"; else set -- "$@" --loose lg.image=2e-4; fi
    "$diff" "$1" "$5" "$6" "$2" "$3"
}

compare() { # CASE
    result_of "$1" "$1" "$cases/result" --tap all || return 1
    expected=$1/expected64.npy
    [ -f "$expected" ] || expected=$1/expected.npy
    against logits "$expected" "$cases/result/output.npy" "$1/original.npy" || return 1
    if [ -d "$1/taps" ]; then against taps "$1/taps" "$cases/result" "$1/original"; fi
}

for set in ${SETS:-presets random full}; do
    rm -rf "$cases" && mkdir -p "$cases/made"
    if ! "$python" tests/make_fixtures.py "$oracle" --set "$set" --seed "${SEED:-1}" --count "${COUNT:-12}" \
        --only "${ONLY:-}" --out "$cases/made" >"$cases/log" 2>&1; then
        fail "$set" "the originals do not run: $(tail -n 1 "$cases/log")"
    fi
    use=$isas
    [ "$set" = full ] && use="ref $best"
    for case in "$cases"/made/*; do
        [ -e "$case" ] || continue # ONLY names none of this set
        for isa in $use; do
            name="$(basename "$case") on $isa"
            if why=$(CVT_ISA=$isa compare "$case" 2>&1); then
                pass "$name: $(echo "$why" | tr '\n' ';')"
            else
                fail "$name" "$(echo "$why" | tail -n 1)"
            fi
        done
    done
done
rm -rf "$cases"
echo "$passes passed, $failures failed"
[ "$failures" -eq 0 ] && [ "$passes" -gt 1 ] # the first case says what the instruction sets are
