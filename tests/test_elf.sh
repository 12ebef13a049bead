#!/bin/sh
# test_elf.sh: the program and the library came out as the Makefile's HARDEN asks: readelf and objdump tell.
# CVT: the program; CVT_BIN: the folder of libcvt.so. CC and OBJDUMP: those of another machine, if they are built for one.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cd "$tests/.." || exit 1
if [ "${CVT_BUILD:-release}" != release ]; then
    echo "skip elf: builds with sanitizers are not hardened"
    exit 0
fi
# shellcheck source=tests/case.sh
. "$tests/case.sh"
program=${CVT:-./cvt}

# Where compiler and C library know level 3 of checked copies, sizes that are known only at run time are checked, too:
# src/base/file.c reads into memory that it has allocated, and no lower level checks that.
level=$(printf '#include <features.h>\n' | ${CC:-cc} -O2 -D_FORTIFY_SOURCE=3 -dM -E - |
    sed -n 's/^#define __USE_FORTIFY_LEVEL //p')

for file in "$program" "${CVT_BIN:-build}/libcvt.so"; do
    what=${file##*/}
    readelf -Wh "$file" >"$work/head"
    readelf -Wl "$file" >"$work/segments"
    readelf -Wd "$file" >"$work/dynamic"
    nm -D --undefined-only "$file" >"$work/needed"
    check "$what may be loaded anywhere" grep -q 'Type:.*DYN' "$work/head"
    check "$what has tables that are read-only after loading" grep -q 'GNU_RELRO' "$work/segments"
    check "$what has all its functions looked up at loading" grep -qE 'BIND_NOW|FLAGS_1.*NOW' "$work/dynamic"
    check "$what has a stack without execution" grep -qE 'GNU_STACK +[0-9a-fx ]+ RW +' "$work/segments"
    equal "$what has no segment that is written and executed" "$(grep -c ' RWE ' "$work/segments")" 0
    check "$what guards its stacks" grep -q '__stack_chk_fail' "$work/needed"
    check "$what checks its copies" grep -qE '__(mem|str|v?s?n?printf|f?printf|read|pread)[a-z]*_chk' "$work/needed"
    equal "$what searches no folder of the builder's" "$(grep -cE 'RPATH|RUNPATH' "$work/dynamic")" 0
    if [ "$level" = 3 ]; then
        check "$what checks sizes that are known at run time" grep -q '__read_chk' "$work/needed"
    fi
    # Debian's own start-up objects lack the mark of the whole file, so the beginnings of functions are looked at.
    case $(sed -n 's/^ *Machine: *//p' "$work/head") in
    *X86-64) marks='endbr64' ;;
    AArch64) marks='bti|paciasp' ;;
    *) continue ;; # RISC-V has no such instructions yet that compilers use
    esac
    ${OBJDUMP:-objdump} -d --no-show-raw-insn "$file" | grep -cE "[[:space:]]($marks)" >"$work/places"
    check "$what says where jumps may go" test "$(cat "$work/places")" -gt 300
done
exit $((failures > 0))
