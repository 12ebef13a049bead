#!/bin/sh
# test_examples.sh: the programs of examples/ build and run as their README says, on committed data. The library's own
# face is tested in test_library.sh, test_api.c and test_open.c.
# CVT: the program; CVT_BUILD: which build it is. The library is that of the release build.
# shellcheck disable=SC2317 # functions that check calls
set -u
tests=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$tests")
program=$(realpath "${CVT:-$top/cvt}")
# shellcheck source=tests/case.sh
. "$tests/case.sh"

cd "$work" || exit 1
model=$tests/data/cvt/tiny
cat=$tests/data/cli/cat.jpg
dog=$tests/data/cli/dog.png
examples=$top/examples
ask=$program
export CVT="$ask" PYTHONDONTWRITEBYTECODE=1

# best PICTURE: index and score of the likeliest class, as the program has them
best() { "$program" classify -m "$model" -k 1 -f tsv "$1" | awk -F '\t' 'NR == 2 {print $5, $7}'; }
# five OUTPUT: as many lines, as classify.c and classify.py print them
five() {
    [ "$(lines "$1")" -eq 5 ] || { cat "$1" && return 1; }
    grep -cE '^ *[0-9]+\.[0-9] %  .' "$1" | grep -qx 5
}
# percent PICTURE: the likeliest class' score as the examples print it
percent() { best "$1" | LC_ALL=C awk '{printf "%5.1f %%", 100 * $2}'; }

python=
if command -v python3 >/dev/null 2>&1 && python3 -c 'import ctypes, json' >/dev/null 2>&1; then python=python3; fi
snake() { # NAME COMMAND...: as check, where there is Python
    if [ -n "$python" ]; then check "$@"; else echo "skip $1: no python3 here"; fi
}

# ---- the library: what is linked with it is built like it -----------------------------------------------------------
if [ "${CVT_BUILD:-release}" = release ]; then
    check "classify.c builds" "${CC:-cc}" -std=c17 -Wall -Wextra -Wpedantic -Werror "$examples/classify.c" \
        -I"$top/src" -L"$top/build" -lcvt -o classify
    export LD_LIBRARY_PATH="$top/build"
    classified() { # PICTURE COMMAND...: the likeliest class comes first
        picture=$1
        shift
        "$@" "$model" "$picture" >out 2>err || { cat err && return 1; }
        [ ! -s err ] && five out && head -n 1 out | grep -qF -e "$(percent "$picture")"
    }
    refused() { # COMMAND...: status 1, one line that names the file
        "$@" "$model" "$work/none.jpg" >out 2>err
        [ $? -eq 1 ] && [ ! -s out ] && [ "$(lines err)" -eq 1 ] && grep -q 'none.jpg: no such file' err && return 0
        cat out err
        return 1
    }
    check "classify.c classifies a JPEG" classified "$cat" ./classify
    check "classify.c classifies a PNG" classified "$dog" ./classify
    check "classify.c names a file that is not there" refused ./classify
    ./classify >out 2>err
    equal "classify.c says how it is used" "$? $(cat err)" "1 usage: classify MODEL PICTURE"
    export CVT_LIBRARY="$top/build/libcvt.so"
    snake "classify.py classifies a JPEG" classified "$cat" python3 "$examples/classify.py"
    snake "classify.py classifies a PNG" classified "$dog" python3 "$examples/classify.py"
    snake "classify.py names a file that is not there" refused python3 "$examples/classify.py"
    lost() { # where there is no library: one line that names it, status 1
        CVT_LIBRARY=$work/none.so python3 "$examples/classify.py" "$model" "$cat" >out 2>err
        [ $? -eq 1 ] && [ "$(lines err)" -eq 1 ] && grep -q "cannot be loaded.*$work/none.so" err && return 0
        cat err
        return 1
    }
    snake "classify.py names a library that is not there" lost
    unset LD_LIBRARY_PATH CVT_LIBRARY
fi

# ---- the co-process: an answer to each question before the next one is asked ------------------------------------------
records() { # what the program says of the three pictures, a line each
    "$program" classify -m "$model" -k 1 -f jsonl "$cat" "$work/none.jpg" "$dog" 2>/dev/null
}
records >want
shell_asks() {
    timeout 60 sh "$examples/coprocess.sh" "$model" "$cat" "$work/none.jpg" "$dog" >out 2>err || { cat err && return 1; }
    sed 's/^asked for [^ ]*: //' out | cmp - want || return 1
    awk '{print $3}' out | cmp - asked
}
printf '%s:\n' "$cat" "$work/none.jpg" "$dog" >asked
equal "the program has a record for each picture" "$(lines want)" 3
check "coprocess.sh gets a record for each picture" shell_asks
shell_fails() {
    timeout 60 sh "$examples/coprocess.sh" "$work/no-model" "$cat" >out 2>err
    [ $? -eq 1 ] && grep -q 'no-model' err && return 0
    cat out err
    return 1
}
check "coprocess.sh ends where there is no model" shell_fails
snake_asks() {
    timeout 60 python3 "$examples/coprocess.py" "$model" "$cat" "$work/none.jpg" "$dog" >out 2>err
    [ $? -eq 1 ] || { cat err && return 1; }
    for picture in "$cat" "$dog"; do
        grep -q "^$picture: .*, $(best "$picture" | awk '{printf "%.1f", 100 * $2}') %\$" out || { cat out && return 1; }
    done
    [ "$(lines out)" -eq 3 ] && grep -q "^$work/none.jpg: No such file" out
}
snake "coprocess.py gets a record for each picture" snake_asks
if [ -n "$python" ]; then
    python3 "$examples/coprocess.py" >out 2>err
    equal "coprocess.py says how it is used" "$? $(cat err)" "1 usage: coprocess.py MODEL PICTURE..."
fi

# every file is in the README, and the README names no other
(cd "$examples" && find . -type f ! -name README.md ! -name '*.pyc' | sed 's#^./##' | sort) >there
grep -oE '\]\([a-zA-Z_/]+(\.[a-z]+)?\)' "$examples/README.md" | tr -d '])(' | sort -u >named
check "the README has every example" cmp there named
exit $((failures > 0))
