#!/bin/sh
# experiments.sh - the layouts that were compared before the long run, each on the same lines, seed and lines seen.
#
#     training/experiments.sh WORK [IMAGES]
#
# Goes on from where it was stopped (touch WORK/STOP). The last line of WORK/exp-*/log.jsonl has the figures.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1
images=${2:-200000}
export OMP_NUM_THREADS=1
try() { # NAME OPTION...
    name=exp-$1
    shift
    grep -qs '"final": true' "$work/$name/log.jsonl" && return
    [ -e "$work/STOP" ] && return
    set -- --images "$images" --decay-images $((images / 3)) --eval-minutes 1000 "$@"
    nice -n 19 "$work/venv/bin/python" "$here/train.py" "$work" "$name" "$@" >>"$work/$name.log" 2>&1
}
try 32-124 --dims 32,64,128 --depth 1,2,4
try 32-134 --dims 32,64,128 --depth 1,3,4
try 32-125 --dims 32,64,128 --depth 1,2,5
try 48-124 --dims 48,96,128 --heads 1,2,4 --depth 1,2,4
try 32-144 --dims 32,64,144 --depth 1,2,4
for log in "$work"/exp-*/log.jsonl; do
    echo "$(basename "$(dirname "$log")"): $(tail -n 1 "$log" | cut -c1-220)"
done
