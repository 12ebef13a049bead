#!/bin/sh
# check_emulated.sh arm|riscv [FILE]...: builds everything for AArch64 or RISC-V (64 bits), or these files of it, into
# build/arm or build/riscv, and beside it build/arm/run, in which each program is a script that has qemu run it: check.sh's
# suites arm and riscv (`make check-arm`, `make check-riscv`) and emulated take that for a build like any other.
# The libraries are Debian's for that machine, unpacked into build/arm/root without installing anything: of the release
# that is here, else of the next (Debian 12 has none for RISC-V). Where they cannot be had, what needs none of them is
# compiled, and the kernels' tests alone are linked.
#   CROSS_CC=aarch64-linux-gnu-gcc   the compiler; EMULATOR=qemu-aarch64 what runs its programs; NEXT=trixie
# Prints "skip NAME: why" where it cannot do its work, "ok" and "not ok" lines for what it builds.
set -u
cd "$(dirname "$0")/.." || exit 1
case ${1:-arm} in
arm)
    # Return addresses are signed (-mbranch-protection), and qemu computes these signatures for most of its time unless it is
    # told to take simpler ones.
    machine=AArch64 triple=aarch64-linux-gnu qemu="qemu-aarch64 -cpu max,pauth-impdef=on" debian=arm64
    kernels="src/kernels/arm/*.c"
    ;;
riscv) machine=RISC-V triple=riscv64-linux-gnu qemu=qemu-riscv64 debian=riscv64 kernels= ;;
*) echo "check_emulated.sh: arm or riscv, not $1" >&2 && exit 2 ;;
esac
cc=${CROSS_CC:-$triple-gcc}
run=${EMULATOR:-$qemu}
folder=$PWD/build/${1:-arm} build=build/${1:-arm}
[ $# -eq 0 ] || shift
programs=$*
goals=$(for program; do echo "$build/$program"; done)
for tool in "${cc##* }" "${run%% *}"; do
    command -v "$tool" >/dev/null 2>&1 || { echo "skip $machine: no $tool here"; exit 0; }
done
root=$folder/root
places=$root/usr/lib/$triple:$root/lib/$triple
mkdir -p "$folder"

# fetch [OPTION]...: the packages, and what they depend on, by the machine's sources of packages or those of the options;
# apt works in folders of its own and takes nothing for installed
fetch() {
    rm -rf "$root" "$folder/apt"
    mkdir -p "$root" "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
    set -- -qq -o APT::Architecture="$debian" -o APT::Architectures="$debian" -o Dir::State="$folder/apt" \
        -o Dir::State::status=/dev/null -o Dir::Cache="$folder/apt/cache" -o Debug::NoLocking=1 "$@"
    apt-get "$@" update &&
        apt-get "$@" -y --no-install-recommends --download-only install libc6-dev libgomp1 libpng-dev \
            libjpeg62-turbo-dev libcjson-dev zlib1g-dev
}

# libraries: into $root, as the compiler and the emulator expect the root of a system
libraries() {
    [ -e "$root/done" ] && return 0
    command -v apt-get >/dev/null 2>&1 && command -v dpkg >/dev/null 2>&1 || return 1
    if ! fetch; then
        # shellcheck disable=SC2016 # apt's names
        site=$(apt-get indextargets --format '$(SITE)' 'Label: Debian' 'Created-By: Packages' | sort -u | head -n 1)
        echo "deb $site ${NEXT:-trixie} main" >"$folder/next.list"
        [ -n "$site" ] && fetch -o Dir::Etc::sourcelist="$folder/next.list" -o Dir::Etc::sourceparts=- || return 1
    fi
    for package in "$folder"/apt/cache/archives/*.deb; do dpkg -x "$package" "$root" || return 1; done
    [ -e "$root/lib" ] || ln -s usr/lib "$root/lib"
    find "$root" -type l -lname '/*' | while read -r link; do ln -sfn "$root$(readlink "$link")" "$link"; done
    rm -rf "$folder/apt"
    : >"$root/done"
}

# wrap PROGRAM SYSTEM [OPTION]...: build/arm/run/PROGRAM, which has it run with the libraries of that root of a system
wrap() {
    program=$1 system=$2
    shift 2
    printf '#!/bin/sh\nexec %s -L %s %s "%s" "$@"\n' "$run" "$system" "$*" "$folder/$program" >"$folder/run/$program"
    chmod +x "$folder/run/$program"
}

# alone: compiles what needs no library of the system, and links the tests of kernels
alone() {
    warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla"
    flags="-std=c17 -D_POSIX_C_SOURCE=200809L -O3 -ffp-contract=off -Isrc -Itests $warnings -Wformat=2 -Wcast-qual"
    if [ -z "$programs" ]; then
        # shellcheck disable=SC2013,SC2046,SC2086  # lists of words
        for source in $(grep -LE '#include <(cjson/cJSON|cJSON|png|jpeglib|zlib)\.h>' src/*.c src/*/*.c $kernels \
            tests/test_*.c); do
            $cc $flags -Werror -Wno-missing-field-initializers -fopenmp -c -o "$folder/alone.o" "$source" || return 1
        done
    fi
    for program in test_isa test_kernels test_products test_attention; do
        case " ${programs:-$program} " in *" $program "*) ;; *) continue ;; esac
        # shellcheck disable=SC2086
        $cc $flags -Werror -o "$folder/$program" tests/$program.c src/kernels/*.c $kernels \
            src/base/dtype.c src/base/error.c src/base/num.c src/base/str.c -lm -lpthread || return 1
        wrap $program "/usr/$triple"
    done
}

rm -rf "$folder/run"
mkdir -p "$folder/run"
if libraries >"$folder/log" 2>&1; then
    pkg="env PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/$triple/pkgconfig pkg-config"
    # shellcheck disable=SC2086 # a list of goals
    if make -s -j "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" B="$build" CC="$cc --sysroot=$root" PKG="$pkg" WERROR=1 \
        ${goals:-all tests} >"$folder/log" 2>&1; then
        echo "ok ${programs:-everything} compiles for $machine"
        for program in ${programs:-$(cd "$folder" && ls -d cvt test_*)}; do
            case $program in *.so) continue ;; esac
            if [ -x "$folder/$program" ] && [ ! -d "$folder/$program" ]; then
                wrap "$program" "$root" -E "LD_LIBRARY_PATH=$places"
            fi
        done
    else
        cat "$folder/log" >&2
        echo "not ok ${programs:-everything} compiles for $machine: $(grep -m 1 -E 'error|undefined' "$folder/log")"
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
