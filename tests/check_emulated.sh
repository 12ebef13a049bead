#!/bin/sh
# check_emulated.sh arm|riscv: builds everything for AArch64 or RISC-V (64 bits) into build/arm or build/riscv, and beside
# it build/arm/run, in which each program is a script that has qemu run it: check.sh's suite of that name (`make
# check-arm`, `make check-riscv`) takes that for a build like any other.
# The libraries are Debian's for that machine, unpacked into build/arm/root without installing anything. Where they cannot
# be had (Debian 12 has none for RISC-V), what needs none of them is compiled, and the kernels' tests alone are linked.
#   CROSS_CC=aarch64-linux-gnu-gcc   the compiler; EMULATOR="qemu-aarch64 -L /usr/aarch64-linux-gnu" what runs its programs
# Prints "skip NAME: why" where it cannot do its work, "ok" and "not ok" lines for what it builds.
set -u
cd "$(dirname "$0")/.." || exit 1
case ${1:-arm} in
arm) machine=AArch64 triple=aarch64-linux-gnu qemu=qemu-aarch64 debian=arm64 kernels="src/kernels/arm/*.c" ;;
riscv) machine=RISC-V triple=riscv64-linux-gnu qemu=qemu-riscv64 debian=riscv64 kernels= ;;
*) echo "check_emulated.sh: arm or riscv, not $1" >&2 && exit 2 ;;
esac
cc=${CROSS_CC:-$triple-gcc}
run=${EMULATOR:-$qemu -L /usr/$triple}
for tool in "${cc##* }" "${run%% *}"; do
    command -v "$tool" >/dev/null 2>&1 || { echo "skip $machine: no $tool here"; exit 0; }
done
folder=$PWD/build/${1:-arm}
root=$folder/root
places=$root/usr/lib/$triple:$root/lib/$triple
mkdir -p "$folder"

# libraries: Debian's packages for that machine into $root; apt works in folders of its own
libraries() {
    [ -e "$root/done" ] && return 0
    command -v apt-get >/dev/null 2>&1 && command -v dpkg >/dev/null 2>&1 || return 1
    rm -rf "$root" "$folder/apt"
    mkdir -p "$root" "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/apt/debs"
    set -- -qq -o APT::Architecture="$debian" -o APT::Architectures="$debian" -o Dir::State="$folder/apt" \
        -o Dir::State::status=/dev/null -o Dir::Cache="$folder/apt/cache"
    apt-get "$@" update || return 1
    (cd "$folder/apt/debs" && apt-get "$@" download libpng-dev libpng16-16 libjpeg62-turbo-dev libjpeg62-turbo \
        libcjson-dev libcjson1 zlib1g-dev zlib1g) || return 1
    for package in "$folder"/apt/debs/*.deb; do dpkg -x "$package" "$root" || return 1; done
    rm -rf "$folder/apt"
    : >"$root/done"
}

# wrap PROGRAM: build/arm/run/PROGRAM, which has it run
wrap() {
    printf '#!/bin/sh\nexec %s -E LD_LIBRARY_PATH=%s "%s" "$@"\n' "$run" "$places" "$folder/$1" >"$folder/run/$1"
    chmod +x "$folder/run/$1"
}

# alone: compiles what needs no library of the system, and links the tests of kernels
alone() {
    warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla"
    flags="-std=c17 -D_POSIX_C_SOURCE=200809L -O3 -ffp-contract=off -Isrc -Itests $warnings -Wformat=2 -Wcast-qual"
    # shellcheck disable=SC2013,SC2046,SC2086  # lists of words
    for source in $(grep -LE '#include <(cjson/cJSON|cJSON|png|jpeglib|zlib)\.h>' src/*.c src/*/*.c $kernels \
        tests/test_*.c); do
        $cc $flags -Werror -Wno-missing-field-initializers -fopenmp -c -o "$folder/alone.o" "$source" || return 1
    done
    for program in test_isa test_kernels test_products test_attention; do
        # shellcheck disable=SC2086
        $cc $flags -Werror -o "$folder/$program" tests/$program.c src/kernels/*.c $kernels \
            src/base/dtype.c src/base/error.c src/base/num.c src/base/str.c -lm -lpthread || return 1
        wrap $program
    done
}

rm -rf "$folder/run"
mkdir -p "$folder/run"
if libraries >"$folder/log" 2>&1; then
    pkg="env PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/$triple/pkgconfig pkg-config"
    if make -s -j "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" B="build/${1:-arm}" CC="$cc" PKG="$pkg" WERROR=1 all tests \
        CFLAGS="-isystem $root/usr/include -isystem $root/usr/include/$triple" \
        LDFLAGS="-L$root/lib/aarch64-linux-gnu -Wl,-rpath-link,$places" >"$folder/log" 2>&1; then
        echo "ok everything compiles for $machine"
        for program in "$folder"/cvt "$folder"/test_*; do
            if [ -x "$program" ] && [ ! -d "$program" ]; then wrap "$(basename "$program")"; fi
        done
    else
        cat "$folder/log" >&2
        echo "not ok everything compiles for $machine: $(grep -m 1 -E 'error|undefined' "$folder/log")"
        exit 1
    fi
else
    echo "skip $machine but for kernels: the libraries cannot be had here: $(tail -n 1 "$folder/log")"
    if alone >"$folder/log" 2>&1; then
        echo "ok what needs no library compiles for $machine"
    else
        cat "$folder/log" >&2
        echo "not ok what needs no library compiles for $machine: $(grep -m 1 -E 'error|undefined' "$folder/log")"
        exit 1
    fi
fi
