#!/bin/sh
# test_refuse.sh: compilers that are too old, and machines that cvt cannot be on (32 bits, big-endian, floats that are
# computed in more than float), are refused by make in one line before anything is compiled. Of the compilers below those
# that are here are asked; gcc and clang need no library of such a machine for that.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cd "$tests/.." || exit 1
case ${CVT_BUILD:-} in sanitized) echo "skip refuse: no build differs in this"; exit 0 ;; esac
# shellcheck source=tests/case.sh
. "$tests/case.sh"

# flags COMPILER: what make does before it compiles the first file; status 2 and the line, or 0 and nothing
flags() { make -s --no-print-directory B="$work/b" CC="$1" SAN='' WITH='' "$work/b/flags" >"$work/out" 2>&1; }
told() { # PATTERN COMPILER
    rm -rf "$work/b"
    status 2 flags "$2" || return 1
    sed '/^make: \*\*\*/d' "$work/out" >"$work/line"
    [ "$(lines "$work/line")" -eq 1 ] && grep -Eq "machine.h:.*error: .*$1" "$work/line" &&
        [ ! -e "$work/b/flags" ] && return 0
    cat "$work/out"
    return 1
}
taken() { flags "$1" && [ -s "$work/b/flags" ] && [ ! -s "$work/out" ]; }

asked=0
while read -r pattern compiler; do
    command -v "${compiler%% *}" >/dev/null 2>&1 || continue
    case "$compiler $(uname -m)" in *-m32*x86_64 | *387*x86_64 | gcc-11*x86_64) ;; *-m32* | *387* | gcc-11*) continue ;; esac
    check "$compiler" told "cvt needs $(echo "$pattern" | tr _ ' ')" "$compiler"
    asked=$((asked + 1))
done <<'END'
a_64-bit_machine gcc -m32
a_64-bit_machine clang-14 -m32
a_64-bit_machine i686-linux-gnu-gcc
a_64-bit_machine arm-linux-gnueabihf-gcc
a_64-bit_machine clang-14 --target=arm-linux-gnueabihf
a_little-endian_machine aarch64-linux-gnu-gcc -mbig-endian
a_little-endian_machine s390x-linux-gnu-gcc
a_little-endian_machine powerpc64-linux-gnu-gcc
a_little-endian_machine clang-14 --target=s390x-linux-gnu
float_arithmetic_in_float gcc -mfpmath=387
gcc_12_or_newer gcc-11
END
if [ $asked -eq 0 ]; then echo "skip refuse: no compiler here that could be refused"; fi
for compiler in "${CC:-cc}" clang-14 aarch64-linux-gnu-gcc riscv64-linux-gnu-gcc; do
    if command -v "${compiler##* }" >/dev/null 2>&1; then check "$compiler is taken" taken "$compiler"; fi
done
[ "$failures" -eq 0 ]
