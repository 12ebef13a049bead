#!/bin/sh
# check_arm.sh: the kernels on AArch64, cross-compiled and run by qemu: the ref and NEON tables through their tests.
#   ARM_CC=aarch64-linux-gnu-gcc   the compiler; ARM_RUN="qemu-aarch64 -L /usr/aarch64-linux-gnu" what runs its programs
# (Debian: gcc-aarch64-linux-gnu, qemu-user). Without them it says so and passes.
set -eu
cd "$(dirname "$0")/.."
cc=${ARM_CC:-aarch64-linux-gnu-gcc}
run=${ARM_RUN:-qemu-aarch64 -L /usr/aarch64-linux-gnu}
for tool in "${cc%% *}" "${run%% *}"; do
    command -v "$tool" >/dev/null 2>&1 || { echo "skip kernels on AArch64: no $tool here"; exit 0; }
done
out=build/arm
mkdir -p "$out"
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wcast-qual -Werror"
for program in test_isa test_kernels test_products; do
    # shellcheck disable=SC2086  # both are lists of words
    $cc -std=c17 -D_POSIX_C_SOURCE=200809L -O3 -ffp-contract=off $warnings -Isrc -Itests -o "$out/$program" \
        tests/$program.c src/kernels/*.c src/kernels/arm/*.c src/base/dtype.c src/base/error.c src/base/num.c src/base/str.c -lm -lpthread
    # shellcheck disable=SC2086
    $run "$out/$program" "$@"
done
objects=$out/src/kernels/arm
mkdir -p "$objects"
for file in src/kernels/arm/*.c; do
    # shellcheck disable=SC2086
    $cc -std=c17 -D_POSIX_C_SOURCE=200809L -O3 -fPIC -ffp-contract=off -Isrc -c -o "$objects/$(basename "$file" .c).o" "$file"
done
CVT_BIN=$out OBJDUMP=${ARM_OBJDUMP:-aarch64-linux-gnu-objdump} sh tests/test_tiles.sh
