#!/bin/sh
# test_tiles.sh: the accumulators of the micro-kernels stay in registers. Where a compiler does not unroll a loop over
# them (see src/kernels/tmpl/product.h), or has one register too few, results stay right and a tile runs at half its
# speed: so this disassembles the tiles that were built, and looks for vector registers that are stored on the stack.
#   OBJDUMP=objdump   a program that knows the objects' machine
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cd "$tests/.." || exit 1
case ${CVT_BUILD:-} in sanitized) echo "skip tiles: sanitized builds are not optimised"; exit 0 ;; esac
objdump=${OBJDUMP:-objdump}
command -v "$objdump" >/dev/null 2>&1 || { echo "skip tiles: no $objdump here"; exit 0; }

# shellcheck source=tests/case.sh
. "$tests/case.sh"

# spills: of a disassembly, the names of its tiles; those that store a vector on the stack once more, after a !
spills() {
    awk '/^[0-9a-f]+ <.*>:$/ { name = substr($2, 2, length($2) - 3); tile = name ~ /^(half_|dot_|bf16_)?tile_[0-9]/ }
        /^[0-9a-f]+ <.*>:$/ && tile { print name }
        !tile { next }
        /%[xyz]mm[0-9]+,-?(0x)?[0-9a-f]*\(%r[sb]p/ { print "!" name }
        /[ \t]st[a-z0-9]*[ \t]+[{]?[qv][0-9].*\[(sp|x29)/ { print "!" name }'
}

two='0 <tile_6x4>:\n 1: vmovaps %%zmm1,0x40(%%rsp)\n2 <dot_tile_1>:\n 3: str q8, [sp, #16]\n4 <tile_1x1>:\n'
# shellcheck disable=SC2059  # it is a format
equal "a vector stored on the stack is found" "$(printf "$two" | spills | grep -c '^!')" 2

# Known, and as fast as what other shapes give: a product of 16-bit integers needs a register more with clang 14.
known() {
    "$objdump" -s -j .comment "$1" | grep -q clang || return 0
    case $1 in */sse2.o) echo '^!dot_tile_4$' ;; */neon.o) echo '^!dot_tile_[56]$' ;; esac
}

for folder in "${CVT_BIN:-build}/src/kernels/x86" "${CVT_BIN:-build}/src/kernels/arm"; do
    [ -d "$folder" ] || continue
    tiles=0 spilled=
    for object in "$folder"/*.o; do
        names=$("$objdump" -d --no-show-raw-insn "$object" | spills)
        tiles=$((tiles + $(echo "$names" | grep -c '^[a-z]')))
        allowed=$(known "$object")
        bad=$(echo "$names" | grep '^!' | grep -vE "${allowed:-^$}" | sort -u | sed "s#^!# ${object##*/}: #")
        spilled=$spilled$bad
    done
    case $folder in */x86) expected=84 ;; *) expected=54 ;; esac
    check "the tiles in ${folder##*/} are found" test "$tiles" -ge "$expected"
    equal "accumulators in ${folder##*/} stay in registers" "$spilled" ''
done

[ "$failures" -eq 0 ]
