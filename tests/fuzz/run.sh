#!/bin/sh
# run.sh - what `make fuzz` runs: libFuzzer on one target after the other, for so long each, from the seeds and from what
# it has found before, which lies in build/libfuzzer/corpus/TARGET. A file that ends a target lies in
# build/libfuzzer/failed, and the run goes on with the next target and ends with status 1.
#   T=jpeg S=600     only this target (several: T="jpeg png"), for so many seconds
#   R=3              all of it so many times, so that targets take turns
#   MERGE=1          no fuzzing: adds to tests/fuzz/seeds the small files of the corpus by which more of the code is seen
# A line for each run is added to build/libfuzzer/runs: target, seconds of the clock and of a processor, executions, edges
# (cov), how many of them are new, executions since the last new one, features (ft), files, memory. At the end a table of
# all runs so far is printed: what a target does not find in many executions, it hardly will in as many more.
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

# seconds FILE: of a processor, which the programs before this one used, by what `times` has written
seconds() { sed -n 2p "$1" | awk '{ split($1, u, /[ms]/); split($2, s, /[ms]/); print u[1] * 60 + u[2] + s[1] * 60 + s[2] }'; }

# fuzz TARGET: one run
fuzz() {
    set -- "$corpus" "$seeds/$1" "tests/fuzz/cases/$1"
    [ -d "$3" ] || set -- "$1" "$2"
    TMPDIR=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)") && export TMPDIR
    times >"$build/before"
    "$program" -max_total_time="${S:-60}" -timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=512 -print_final_stats=1 \
        -max_len="$(row "$target" 3)" -dict="$words" -artifact_prefix="$build/failed/$target-" \
        "$@" >"$build/$target.log" 2>&1
    ended=$?
    times >"$build/after"
    rm -rf "$TMPDIR"
    awk -v target="$target" -v clock="${S:-60}" -v before="$(seconds "$build/before")" \
        -v after="$(seconds "$build/after")" -v ended="$ended" '
        /cov: [0-9]+ ft:/ {
            for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i + 1); if ($i == "ft:") ft = $(i + 1); if ($i == "corp:") corp = $(i + 1) }
            if (!begun || cov > known) { last = substr($1, 2); known = cov }
            if ($2 == "INITED") { begun = 1; first = cov } }
        /^stat::number_of_executed_units:/ { n = $2 }
        /^stat::peak_rss_mb:/ { rss = $2 }
        END { printf "%s: %d s, %.0f s of a processor, %d executions, %d edges, %d new, %d executions ago, %d features, corpus %s, %d MB%s\n",
              target, clock, after - before, n, cov, known - first, n - last, ft, corp, rss,
              ended ? ", FAILED (status " ended ")" : "" }' "$build/$target.log" | tee -a "$build/runs"
    [ "$ended" -eq 0 ] && return 0
    grep -hE 'ERROR|SUMMARY|runtime error|broken promise|Test unit written' "$build/$target.log" | head -n 5
    return 1
}

# the table of all runs
table() {
    echo '| target | seconds of a processor | executions | edges | executions since the last new edge |'
    echo '|---|--:|--:|--:|--:|'
    awk '{ target = $1; sub(/:/, "", target); cpu[target] += $4; n[target] += $9; edges[target] = $11
           since[target] = ($13 > 0 ? 0 : since[target]) + ($13 > 0 ? $15 : $9) }
         END { for (target in n) printf "| %s | %d | %d | %d | %d |\n", target, cpu[target], n[target], edges[target], since[target] }' \
        "$build/runs" | sort
    awk '{ cpu += $4; n += $9 } END { printf "| all | %d | %d | | |\n", cpu, n }' "$build/runs"
}

status=0
for target in ${T:-$("$build/fuzz" list | cut -d ' ' -f 1)}; do
    [ -n "$(row "$target" 3)" ] || { echo "there is no target $target; these are: $("$build/fuzz" list | cut -d ' ' -f 1 | tr '\n' ' ')" && exit 2; }
done
for round in $(seq "${R:-1}"); do
    [ "$round" -eq 1 ] || echo "round $round"
    for target in ${T:-$("$build/fuzz" list | cut -d ' ' -f 1)}; do
        corpus=$build/corpus/$target
        mkdir -p "$corpus" "$build/small"
        words=tests/fuzz/dict/$(row "$target" 2).dict
        export CVT_FUZZ_TARGET="$target" CVT_FUZZ_WORDS="$words"
        if [ -n "${MERGE:-}" ]; then
            merge "$target"
            rm -rf "$build/small"
        else
            fuzz "$target" || status=1
        fi
    done
done
[ -n "${MERGE:-}" ] || table
exit "$status"
