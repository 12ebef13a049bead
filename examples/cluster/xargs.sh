#!/bin/sh
# xargs.sh - a long list on one machine by `xargs -P`: each process takes the next 1000 images.
#     xargs.sh MODEL LIST OUT        LIST: a path a line; OUT: a folder, a file of records for each 1000
# One cvt with -j does the same with less memory; this is for machines where processes are what is counted, and shows how
# to keep records apart: processes must never append to one file. CVT names the program, JOBS how many run at once.
set -eu
[ $# -eq 3 ] || { echo "usage: xargs.sh MODEL LIST OUT" >&2; exit 2; }
export CVT="${CVT:-cvt}" MODEL="$1" OUT="$3"
mkdir -p "$OUT"
split -l 1000 -a 6 "$2" "$OUT/part."
# shellcheck disable=SC2016  # each process expands it
find "$OUT" -name 'part.??????' | sort | xargs -P "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" -n 1 sh -c '
    "$CVT" classify -m "$MODEL" -t 1 -j 1 -q -f jsonl --header --resume -o "$1.jsonl" --files-from "$1"
    status=$?
    # 1: some images failed, and their records say so; anything else ends the run
    if [ $status -gt 1 ]; then exit 255; fi' sh
cat "$OUT"/part.??????.jsonl
