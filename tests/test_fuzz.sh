#!/bin/sh
# test_fuzz.sh - runs the fuzz targets of tests/fuzz on their seeds and on every input that once broke them; in the sanitized
# build on mutated inputs too, which are the same for the same seed on every machine.
# CVT, CVT_BIN: the program and the folder of the build. INPUTS, SEED: how many mutated inputs a target has, and of which seed.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${CVT_BIN:-$tests/../build}")
cvt=$(realpath "${CVT:-$tests/../cvt}")
# shellcheck source=tests/case.sh
. "$tests/case.sh"
case ${CVT_BUILD:-} in sanitized) each=1000 ;; *) each=0 ;; esac
export CVT_FUZZ="$tests/fuzz"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1}:max_allocation_size_mb=512:hard_rss_limit_mb=1500"
cd "$work" || exit 1 # names in mutated lists are looked for here

"$build/fuzz" check "${INPUTS:-$each}" "${SEED:-1}" >targets 2>trouble || cat trouble >&2
cat targets
failures=$(grep -c '^not ok' targets)
equal "each target was run" "$(grep -cE '^(not )?ok ' targets)" "$(grep -c '^TARGET(' "$tests/fuzz/targets.def")"
find "$tests/fuzz/seeds" "$tests/fuzz/cases" -mindepth 1 -type d -exec basename {} \; | sort -u >folders
"$build/fuzz" list | cut -d ' ' -f 1 | sort >names
same "each folder of inputs is of a target" folders names
check "the seeds have at most 400 kB" [ "$(cat "$tests"/fuzz/seeds/*/* | wc -c)" -le 400000 ]
# what mutates golden data gets nowhere where the seeds are not those of this version: make_seeds.py makes them anew
for seed in f32 f16 bf16 int8 features images; do
    check "golden data of the seed $seed" status 0 "$cvt" verify -m "$tests/fuzz/seeds/golden/$seed"
done

[ "$failures" -eq 0 ]
