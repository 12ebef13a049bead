#!/bin/sh
# check.sh: builds the program with and without sanitizers (address, undefined), runs every test on both, those of the
# threads under the thread sanitizer too, and ends with "N passed, N failed".
# Needs what `make deps` installs, and nothing else. Every test prints "ok NAME", "not ok NAME: why" or "skip NAME: why"
# lines; a test that dies or prints none counts as one failure.
#   JOBS=2        compilations at a time
#   LOGS=build/check   the folder of what the tests print; LOGS/times: the seconds of a processor that each took
#   TESTS="a b"   only tests whose name contains one of these words
#   SUITES="..."  some of: release sanitized threads (these three unless said), plain (a build without OpenMP and the
#                 libraries that need not be here, and tests of what is then different), coverage (see `make coverage`), lint
#                 (tests/lint.sh), clang (all is built by clang, and tests in C and two scripts are run), repro
#                 (tests/check_repro.sh), arm and riscv (tests/check_emulated.sh), emulated (a short part of arm: kernels,
#                 the first case of each family, the bits of --repro)
set -u
cd "$(dirname "$0")/.." || exit 1
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
logs=${LOGS:-build/check}
coverage_units="api batch binding config done file image json layouts npy open pixels records safetensors tar torch
    verify"
coverage_scripts="fuzz attend tar cli lost checkpoints collection configs eval learn lines network pack report verify"
quick_lints="format columns tidy shell manuals kernels" # cppcheck takes longest: make lint, make check-long
emulated_scripts="test_models test_configs test_network test_precision test_pack test_classify test_embed test_attend test_cli"
# the builds here have jobs of their own, not those of a make that runs this
MAKEFLAGS=$(echo "${MAKEFLAGS:-}" | sed 's/ -j[0-9]*//; s/ --jobserver-[^ ]*//g')
export MAKEFLAGS
rm -rf "$logs"
mkdir -p "$logs"

wanted() {
    [ -z "${TESTS:-}" ] && return 0
    for word in $TESTS; do case $1 in *"$word"*) return 0 ;; esac; done
    return 1
}

# As many tests run side by side as there are lines in this pipe: who takes one out puts it back.
mkfifo "$logs/places" || exit 1
exec 9<>"$logs/places"
places=0
while [ $((places += 1)) -le "$jobs" ]; do echo >&9; done

# run BUILD NAME COMMAND...: starts one test as soon as there is a place; its lines go into a log of that BUILD and NAME,
# which no other test has: tests in C are called after their sources
run() {
    wanted "$2" || return 0
    read -r _ <&9
    {
        one "$@"
        echo >&9
    } &
}

# one BUILD NAME COMMAND...: runs one test. A line is shorter than what one write puts into a file in one piece.
one() (
    build=$1 name=$2 out=$logs/$1-$2.out
    shift 2
    "$@" >"$out" 2>"$out.err" 9<&-
    status=$?
    times >"$out.times" # in the second line: what the test took of a processor
    grep -E '^(ok|not ok|skip) ' "$out" | sed -E "s#^(ok|not ok|skip) #\\1 $build: $name: #" >"$out.lines"
    if [ "$status" -ne 0 ] && ! grep -q '^not ok' "$out.lines"; then
        echo "not ok $build: $name: ended with status $status: $(tail -n 3 "$out.err" | tr '\n' ' ')" >>"$out.lines"
    elif ! grep -q '.' "$out.lines"; then
        echo "not ok $build: $name: reported nothing" >>"$out.lines"
    fi
    grep -E '^(not ok|skip)' "$out.lines"
)

# units BUILD DIRECTORY PROGRAM: the tests in C against one build
units() {
    for test in tests/test_*.c; do
        name=$(basename "$test" .c)
        run "$1" "$name.c" "$2/$name"
    done
}

# suite BUILD DIRECTORY PROGRAM: every test against one build
suite() {
    units "$@"
    for test in tests/test_*.sh; do
        run "$1" "$(basename "$test" .sh)" env CVT="$PWD/$3" CVT_BUILD="$1" CVT_BIN="$PWD/$2" \
            CVT_TEST_MODEL="$PWD/tests/data/cvt/tiny" sh "$test"
    done
}

# scripts BUILD DIRECTORY PROGRAM NAME...: some of the scripts, on a slow or a second build: with the cases of sanitized
scripts() {
    build=$1 folder=$PWD/$2 program=$PWD/$3
    shift 3
    for name; do
        run "$build" "$name" env CVT="$program" CVT_BUILD=sanitized CVT_BIN="$folder" \
            CVT_TEST_MODEL="$PWD/tests/data/cvt/tiny" sh "tests/$name.sh"
    done
}

# first_cases BUILD DIRECTORY PROGRAM: one case of each family against its original
first_cases() {
    run "$1" test_models env CASES=first CVT="$PWD/$3" CVT_BIN="$PWD/$2" sh tests/test_models.sh
}

# emulated BUILD [SCRIPT]...: what check_emulated.sh has left in build/BUILD. Emulation is as slow as sanitizers are: scripts
# run those cases.
emulated() {
    build=$1 folder=build/$1/run
    shift
    for test in "$folder"/test_*; do
        if [ -x "$test" ]; then run "$build" "$(basename "$test").c" "$test"; fi
    done
    if [ -x "$folder/cvt" ]; then scripts "$build" "$folder" "$folder/cvt" "$@"; fi
}

# binaries BUILD TRIPLE TEST...: tests of what the compiler for that machine has made
binaries() {
    build=$1 triple=$2
    shift 2
    [ -x "build/$build/cvt" ] || return 0
    for test; do
        run "$build" "$test" env CC="${CROSS_CC:-$triple-gcc} --sysroot=$PWD/build/$build/root" \
            OBJDUMP="$triple-objdump" CVT="build/$build/cvt" CVT_BIN="$PWD/build/$build" sh "tests/$test.sh"
    done
}

# where [VARIABLE=VALUE]...: the folder of that build, and its program
where() { make -s --no-print-directory where "$@"; }

# build GOAL... [VARIABLE=VALUE...]
build() {
    echo "building: $*"
    make -s -j "$jobs" WERROR=1 "$@" >"$logs/build.log" 2>&1 && return 0
    cat "$logs/build.log"
    echo "not ok build: $*: does not compile" | tee -a "$logs/all"
    return 1
}

: >"$logs/all"
# Threads that wait sleep, as tests run side by side: spinning, the default, took two thirds of a processor's time here.
export OMP_WAIT_POLICY=passive
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
# shellcheck disable=SC2046,SC2086  # lists of words
for suite in ${SUITES:-release sanitized threads}; do
    case $suite in
    release) build all tests && suite release $(where) ;;
    sanitized) build all tests SAN=address,undefined && suite sanitized $(where SAN=address,undefined) ;;
    threads)
        # teams of threads are POSIX threads in every build, so this sanitizer sees what they share
        threads="test_batch test_threads test_team test_learn"
        set -- $(where SAN=thread)
        build "$2" $(for test in $threads; do echo "$1/$test"; done) SAN=thread && {
            for test in $threads; do run threads "$test" "$1/$test"; done
            scripts threads "$1" "$2" test_neighbours
        }
        ;;
    clang)
        set -- "${CLANG:-clang-14}"
        if ! command -v "${1##* }" >/dev/null 2>&1; then
            echo "skip clang: no $1 here"
        elif build all tests CC="$1"; then
            units clang $(where CC="$1")
            scripts clang $(where CC="$1") test_cli test_attend
        fi
        ;;
    plain)
        tests="test_image test_pixels test_tar test_team"
        set -- $(where B=build/plain WITH= OPENMP=)
        build "$2" $(for test in $tests test_npydiff; do echo "$1/$test"; done) B=build/plain WITH= OPENMP= && {
            for test in $tests; do run plain "$test.c" "$1/$test"; done
            scripts plain "$1" "$2" test_tar test_cli
            first_cases plain "$1" "$2"
        }
        ;;
    coverage)
        build all tests B=build/coverage COVERAGE=1 || continue
        # counts are files too: what cannot be written where a test limits the size of files is not the program's message
        export GCOV_ERROR_FILE=/dev/null
        find build/coverage -name '*.gcda' -exec rm {} +
        for name in $coverage_units; do run coverage "test_$name.c" "build/coverage/test_$name"; done
        for name in $coverage_scripts; do scripts coverage build/coverage build/coverage/cvt "test_$name"; done
        if build/coverage/cvt --version | grep -q '^HEIC'; then # exceptions of libheif, for their lines; not judged here,
            # as what writes the counts at the end dies where its own memory is made to fail
            ONLY=avif CVT=build/coverage/cvt CVT_BUILD=release CVT_BIN=build/coverage sh tests/test_faults.sh >/dev/null 2>&1
        fi
        ;;
    lint) run sources lint sh tests/lint.sh $quick_lints ;;
    repro) run release repro make -s --no-print-directory check-repro ;;
    arm | riscv)
        echo "building: all tests for $suite"
        one "$suite" check_emulated sh tests/check_emulated.sh "$suite"
        emulated "$suite" $emulated_scripts
        case $suite in
        arm) binaries arm aarch64-linux-gnu test_elf test_tiles ;;
        riscv) binaries riscv riscv64-linux-gnu test_elf ;;
        esac
        ;;
    emulated)
        echo "building: cvt and tests for arm"
        one arm check_emulated sh tests/check_emulated.sh arm cvt libcvt.so test_kernels test_npydiff
        emulated arm
        if [ -x build/arm/run/cvt ]; then
            first_cases arm build/arm/run build/arm/run/cvt
            build all && run arm test_repro env CVT=./cvt MACHINES=build/arm/run/cvt sh tests/test_repro.sh
            binaries arm aarch64-linux-gnu test_elf
        fi
        ;;
    *) echo "not ok no suite '$suite'" | tee -a "$logs/all" ;;
    esac
done

wait
cat "$logs"/*.lines >>"$logs/all"
# what each test took of a processor, the longest first
for file in "$logs"/*.times; do
    sed -n 2p "$file" | awk -v test="$(basename "$file" .out.times)" '
        { split($1, u, /[ms]/); split($2, s, /[ms]/); printf "%.1f s %s\n", u[1] * 60 + u[2] + s[1] * 60 + s[2], test }'
done | sort -rn >"$logs/times"
passed=$(grep -c '^ok ' "$logs/all")
failed=$(grep -c '^not ok ' "$logs/all")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
