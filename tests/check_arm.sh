#!/bin/sh
# check_arm.sh: builds everything for AArch64 into build/arm, and beside it build/arm/run, in which each program is a
# script that has qemu run it: check.sh's suite "arm" (`make check-arm`) takes that for a build like any other.
# The libraries are Debian's for arm64, unpacked into build/arm/root without installing anything. Where they cannot be
# had, what needs none of them is compiled, and the kernels' tests alone are linked.
#   ARM_CC=aarch64-linux-gnu-gcc   the compiler; ARM_RUN="qemu-aarch64 -L /usr/aarch64-linux-gnu" what runs its programs
# Prints "skip NAME: why" where it cannot do its work, "ok" and "not ok" lines for what it builds.
set -u
cd "$(dirname "$0")/.." || exit 1
cc=${ARM_CC:-aarch64-linux-gnu-gcc}
run=${ARM_RUN:-qemu-aarch64 -L /usr/aarch64-linux-gnu}
for tool in "${cc##* }" "${run%% *}"; do
    command -v "$tool" >/dev/null 2>&1 || { echo "skip AArch64: no $tool here"; exit 0; }
done
arm=$PWD/build/arm
root=$arm/root
places=$root/usr/lib/aarch64-linux-gnu:$root/lib/aarch64-linux-gnu
mkdir -p "$arm"

# libraries: Debian's packages for arm64 into $root; apt works in folders of its own
libraries() {
    [ -e "$root/done" ] && return 0
    command -v apt-get >/dev/null 2>&1 && command -v dpkg >/dev/null 2>&1 || return 1
    rm -rf "$root" "$arm/apt"
    mkdir -p "$root" "$arm/apt/lists/partial" "$arm/apt/cache/archives/partial" "$arm/apt/debs"
    set -- -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$arm/apt" \
        -o Dir::State::status=/dev/null -o Dir::Cache="$arm/apt/cache"
    apt-get "$@" update || return 1
    (cd "$arm/apt/debs" && apt-get "$@" download libpng-dev libpng16-16 libjpeg62-turbo-dev libjpeg62-turbo \
        libcjson-dev libcjson1 zlib1g-dev zlib1g) || return 1
    for package in "$arm"/apt/debs/*.deb; do dpkg -x "$package" "$root" || return 1; done
    rm -rf "$arm/apt"
    : >"$root/done"
}

# wrap PROGRAM: build/arm/run/PROGRAM, which has it run
wrap() {
    printf '#!/bin/sh\nexec %s -E LD_LIBRARY_PATH=%s "%s" "$@"\n' "$run" "$places" "$arm/$1" >"$arm/run/$1"
    chmod +x "$arm/run/$1"
}

# alone: compiles what needs no library of the system, and links the tests of kernels
alone() {
    warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla"
    flags="-std=c17 -D_POSIX_C_SOURCE=200809L -O3 -ffp-contract=off -Isrc -Itests $warnings -Wformat=2 -Wcast-qual"
    # shellcheck disable=SC2013,SC2046,SC2086  # lists of words
    for source in $(grep -LE '#include <(cjson/cJSON|cJSON|png|jpeglib|zlib)\.h>' src/*.c src/*/*.c src/kernels/arm/*.c \
        tests/test_*.c); do
        $cc $flags -Werror -Wno-missing-field-initializers -fopenmp -c -o "$arm/alone.o" "$source" || return 1
    done
    for program in test_isa test_kernels test_products test_attention; do
        # shellcheck disable=SC2086
        $cc $flags -Werror -o "$arm/$program" tests/$program.c src/kernels/*.c src/kernels/arm/*.c \
            src/base/dtype.c src/base/error.c src/base/num.c src/base/str.c -lm -lpthread || return 1
        wrap $program
    done
}

rm -rf "$arm/run"
mkdir -p "$arm/run"
if libraries >"$arm/log" 2>&1; then
    pkg="env PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/aarch64-linux-gnu/pkgconfig pkg-config"
    if make -s -j "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" B=build/arm CC="$cc" PKG="$pkg" WERROR=1 all tests \
        CFLAGS="-isystem $root/usr/include -isystem $root/usr/include/aarch64-linux-gnu" \
        LDFLAGS="-L$root/lib/aarch64-linux-gnu -Wl,-rpath-link,$places" >"$arm/log" 2>&1; then
        echo "ok everything compiles for AArch64"
        for program in "$arm"/cvt "$arm"/test_*; do
            if [ -x "$program" ] && [ ! -d "$program" ]; then wrap "$(basename "$program")"; fi
        done
    else
        cat "$arm/log" >&2
        echo "not ok everything compiles for AArch64: $(grep -m 1 -E 'error|undefined' "$arm/log")"
        exit 1
    fi
else
    echo "skip AArch64 but for kernels: the libraries cannot be had here: $(tail -n 1 "$arm/log")"
    if alone >"$arm/log" 2>&1; then
        echo "ok what needs no library compiles for AArch64"
    else
        cat "$arm/log" >&2
        echo "not ok what needs no library compiles for AArch64: $(grep -m 1 -E 'error|undefined' "$arm/log")"
        exit 1
    fi
fi
