#!/bin/sh
# run.sh - what `make fuzz` runs: libFuzzer on one target after the other, for so long each, from the seeds and from what
# it has found before, which lies in build/libfuzzer/corpus/TARGET. A file that ends a target lies in
# build/libfuzzer/failed, and the run goes on with the next target and ends with status 1.
#   T=jpeg S=600     only this target (several: T="jpeg png"), for so many seconds
#   MERGE=1          no fuzzing: adds to tests/fuzz/seeds the small files of the corpus by which more of the code is seen
# A line for each run is added to build/libfuzzer/runs: target, seconds, executions, edges (cov), features (ft), files.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=build/libfuzzer
program=$build/libfuzzer
seeds=tests/fuzz/seeds
mkdir -p "$build/failed"
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=0 UBSAN_OPTIONS=print_stacktrace=1

# the most bytes of an input, and the dictionary, by the table of targets
row() { "$build/fuzz" list | awk -v target="$1" -v column="$2" '$1 == target {print $column}'; }

# merge TARGET: of the corpus what is new, as long as a file is small
merge() {
    new=$build/merged/$1
    rm -rf "$new" && mkdir -p "$new" && cp "$seeds/$1"/* "$new"
    find "$corpus" -type f -size -3 -exec cp {} "$build/small" \;
    "$program" -merge=1 -max_len="$(row "$1" 3)" -rss_limit_mb=1024 "$new" "$build/small" 2>"$build/merge.log"
    for file in "$new"/*; do
        name=$(basename "$file")
        [ -e "$seeds/$1/$name" ] || mv "$file" "$seeds/$1/found_$(echo "$name" | cut -c 1-10)"
    done
}

status=0
for target in ${T:-$("$build/fuzz" list | cut -d ' ' -f 1)}; do
    corpus=$build/corpus/$target
    mkdir -p "$corpus" "$build/small"
    [ -n "$(row "$target" 3)" ] || { echo "there is no target $target; these are: $("$build/fuzz" list | cut -d ' ' -f 1 | tr '\n' ' ')" && exit 2; }
    words=tests/fuzz/dict/$(row "$target" 2).dict
    export CVT_FUZZ_TARGET="$target" CVT_FUZZ_WORDS="$words"
    if [ -n "${MERGE:-}" ]; then
        merge "$target"
        rm -rf "$build/small"
        continue
    fi
    set -- "$corpus" "$seeds/$target"
    [ ! -d "tests/fuzz/cases/$target" ] || set -- "$@" "tests/fuzz/cases/$target"
    TMPDIR=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)") && export TMPDIR
    "$program" -max_total_time="${S:-60}" -timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=512 -print_final_stats=1 \
        -max_len="$(row "$target" 3)" -dict="$words" -artifact_prefix="$build/failed/$target-" \
        "$@" >"$build/$target.log" 2>&1
    ended=$?
    rm -rf "$TMPDIR"
    awk -v target="$target" -v seconds="${S:-60}" -v ended="$ended" '
        /cov: [0-9]+ ft:/ { for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i + 1); if ($i == "ft:") ft = $(i + 1);
            if ($i == "corp:") corp = $(i + 1) } }
        /^stat::number_of_executed_units:/ { n = $2 }
        /^stat::peak_rss_mb:/ { rss = $2 }
        END { printf "%s: %s s, %d executions, %d edges, %d features, corpus %s, %d MB%s\n", target, seconds, n, cov, ft,
              corp, rss, ended ? ", FAILED (status " ended ")" : "" }' "$build/$target.log" | tee -a "$build/runs"
    if [ "$ended" -ne 0 ]; then
        grep -hE 'ERROR|SUMMARY|runtime error|broken promise|Test unit written' "$build/$target.log" | head -n 5
        status=1
    fi
done
exit "$status"
