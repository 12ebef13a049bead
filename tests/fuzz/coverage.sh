#!/bin/sh
# coverage.sh - what `make coverage` prints: of each source of a fuzz target how many lines have code and which share of
# them was run by the programs of build/coverage so far. It ends with status 1 where one is under the bar of 90 %. The
# sources with counts in front of the lines are then in build/coverage/lines; ##### marks one that was never run.
#   BAR=90
set -u
cd "$(dirname "$0")/../.." || exit 1
lines=$PWD/build/coverage/lines
rm -rf "$lines" && mkdir -p "$lines" && ln -s "$PWD/src" "$lines/src" # where gcov looks for them
grep -o 'src/[a-z0-9_/]*\.c' tests/fuzz/targets.def | sort -u >"$lines/sources"
while read -r source; do
    object=$PWD/build/coverage/${source%.c}
    (cd "$lines" && gcov -p -o "$object.gcda" "$object.gcda" 2>/dev/null) |
        awk -v source="$source" '
            /^File / { name = substr($2, 2, length($2) - 2); sub(/^\.\//, "", name); here = substr(name, length(name) - length(source) + 1) == source }
            here && /^Lines executed:/ { split($2, part, /[:%]/); print source, $4, part[2]; found = 1; exit }
            END { if (!found) print source, 0, 0 }'
done <"$lines/sources" >"$lines/table"
awk -v bar="${BAR:-90}" '
    { low = $3 < bar; printf "%-34s %5d lines %6.2f %%%s\n", $1, $2, $3, low ? "  under the bar" : ""; n += low
      all += $2; run += $2 * $3 / 100 }
    END { printf "%-34s %5d lines %6.2f %%\n", "all", all, all ? 100 * run / all : 0; exit n > 0 }' "$lines/table"
