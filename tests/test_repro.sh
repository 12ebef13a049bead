#!/bin/sh
# test_repro.sh - --repro: the same records and outputs whatever instruction set CVT_ISA names, for any number of threads,
# images at once and batch size; and with MACHINES on other machines, by emulation. test_verify.sh holds them to the
# reference that golden data are made by.
# Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program. MACHINES: programs that run cvt on another machine each, such as build/arm/run/cvt, which
# check_emulated.sh makes; then the first case of every family is run on each, and this machine's instruction sets are left
# to the run without.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
machines=
for machine in ${MACHINES:-}; do machines="$machines $(realpath "$machine")"; done
data=$tests/data
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1
cp "$data/cli/cat.jpg" "$data/cli/dog.png" .

records() { # PROGRAM MODEL [OPTION]...
    with=$1 model=$2
    shift 2
    "$with" classify -m "$model" -f jsonl --repro "$@" cat.jpg dog.png
}
# output PROGRAM CASE FOLDER
output() {
    ours=$program program=$1
    result_of "$2" "$2" "$3" --repro
    ended=$?
    program=$ours
    return $ended
}

# ---- instruction sets of this machine ----

tiny=$data/cvt/tiny
if [ -z "$machines" ]; then
    find_isas
    for precision in f32 f16 bf16 int8; do
        check "records in $precision" records "$program" "$tiny" --precision $precision
        records "$program" "$tiny" --precision $precision >want
        for isa in $isas; do
            CVT_ISA=$isa records "$program" "$tiny" --precision $precision >got
            same "$precision on $isa" got want
        done
        records "$program" "$tiny" --precision $precision -j 2 -b 2 >got
        same "$precision, two at once" got want
        records "$program" "$tiny" --precision $precision -t 3 >got
        same "$precision, three threads" got want
    done
    records "$program" "$tiny" >want
    "$program" classify -m "$tiny" -f jsonl cat.jpg dog.png >plain
    check "other bits than without" differ plain want
fi

# ---- other machines ----

for family in "$data"/*; do
    [ -n "$machines" ] || break
    for input in "$family"/*/x.npy; do # the first case of each
        [ -e "$input" ] || break
        case=$(dirname "$input")
        name=$(basename "$family")
        check "$name here" output "$program" "$case" here
        for machine in $machines; do
            kind=$("$machine" --version | sed -n 's/^kernels: //p')
            check "$name there ($kind)" output "$machine" "$case" there
            same "$name: the same bits there ($kind)" there/output.npy here/output.npy
            rm -rf there
        done
        rm -rf here
        break
    done
done
for machine in $machines; do
    for precision in f32 f16 bf16 int8; do
        records "$program" "$tiny" --precision $precision >want
        records "$machine" "$tiny" --precision $precision >got
        same "records in $precision of $machine" got want
    done
    "$program" convert "$tiny" -o golden.safetensors --golden 3
    check "golden data of here are verified by $machine" status 0 "$machine" verify -m golden.safetensors
    check "to the bit" status 0 "$machine" verify -m golden.safetensors --repro
    "$machine" convert "$tiny" -o theirs.safetensors --golden 3
    same "a file of $machine" theirs.safetensors golden.safetensors
done
[ "$failures" -eq 0 ]
