#!/bin/sh
# check.sh: builds the program with and without sanitizers (address, undefined), runs every test on both, those of the
# threads under the thread sanitizer too, and ends with "N passed, N failed".
# Needs what `make deps` installs, and nothing else. Every test prints "ok NAME", "not ok NAME: why" or "skip NAME: why"
# lines; a test that dies or prints none counts as one failure.
#   JOBS=2        compilations at a time
#   TESTS="a b"   only tests whose name contains one of these words
set -u
cd "$(dirname "$0")/.." || exit 1
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
logs=build/check
rm -rf "$logs"
mkdir -p "$logs"

wanted() {
    [ -z "${TESTS:-}" ] && return 0
    for word in $TESTS; do case $1 in *"$word"*) return 0 ;; esac; done
    return 1
}

# run BUILD NAME COMMAND...: one test, its lines into the log under BUILD's name
run() {
    build=$1 name=$2
    shift 2
    wanted "$name" || return 0
    out=$logs/$build-$name.out
    "$@" >"$out" 2>"$out.err"
    status=$?
    grep -E '^(ok|not ok|skip) ' "$out" | sed -E "s#^(ok|not ok|skip) #\\1 $build: $name: #" >"$out.lines"
    if [ "$status" -ne 0 ] && ! grep -q '^not ok' "$out.lines"; then
        echo "not ok $build: $name: ended with status $status: $(tail -n 3 "$out.err" | tr '\n' ' ')" >>"$out.lines"
    elif ! grep -q '.' "$out.lines"; then
        echo "not ok $build: $name: reported nothing" >>"$out.lines"
    fi
    grep -E '^(not ok|skip)' "$out.lines"
    cat "$out.lines" >>"$logs/all"
}

# suite BUILD DIRECTORY PROGRAM: every test against one build
suite() {
    for test in tests/test_*.c; do
        name=$(basename "$test" .c)
        run "$1" "$name" "$2/$name"
    done
    for test in tests/test_*.sh; do
        run "$1" "$(basename "$test" .sh)" env CVT="$PWD/$3" CVT_BUILD="$1" CVT_BIN="$PWD/$2" \
            CVT_TEST_MODEL="$PWD/tests/data/cvt/tiny" sh "$test"
    done
}

# build GOAL... [VARIABLE=VALUE...]
build() {
    echo "building: $*"
    make -s -j "$jobs" WERROR=1 "$@" >"$logs/build.log" 2>&1 && return 0
    cat "$logs/build.log"
    echo "not ok build: $*: does not compile" | tee -a "$logs/all"
    return 1
}

: >"$logs/all"
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
build all tests && suite release build cvt
build all tests SAN=address,undefined && suite sanitized build/san-address build/san-address/cvt
threads=build/san-thread
build "$threads/test_batch" "$threads/test_threads" SAN=thread && for test in test_batch test_threads; do
    run threads "$test" "$threads/$test"
done

passed=$(grep -c '^ok ' "$logs/all")
failed=$(grep -c '^not ok ' "$logs/all")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
