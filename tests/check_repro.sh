#!/bin/sh
# check_repro.sh: the same sources give the same bytes in any directory. It builds the tracked files again in a folder
# of another name and compares program and libraries with those that are here. Used by `make check-repro`, which hands
# on PROGRAM, B (the build folder) and GIT_ID (the commit that --version names).
set -u
cd "$(dirname "$0")/.." || exit 1
program=${PROGRAM:-cvt} build=${B:-build}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
copy="$dir/a rather long name, with spaces"
mkdir "$copy"
export CCACHE_DISABLE=1 # objects of the first build would prove nothing

# the sources, as they are here
git ls-files -z Makefile src configs | xargs -0 tar -cf - | tar -xf - -C "$copy"
if ! make -s -C "$copy" GIT_ID="${GIT_ID:-}" all >"$dir/log" 2>&1; then
    echo "not ok the copy builds: $(tail -n 3 "$dir/log" | tr '\n' ' ')"
    exit 1
fi
failures=0
for file in "$program" "$build/libcvt.a" "$build/libcvt.so"; do
    if cmp "$file" "$copy/$file" >"$dir/log" 2>&1; then
        echo "ok $file has the same bytes from another directory"
    else
        echo "not ok $file has the same bytes from another directory: $(head -n 1 "$dir/log")"
        failures=$((failures + 1))
    fi
done
[ "$failures" -eq 0 ]
