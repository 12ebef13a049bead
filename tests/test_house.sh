#!/bin/sh
# test_house.sh: the order of the house. A folder of src/ includes and calls only folders of a lower rank; the library
# neither prints nor exits nor changes what is the process's; a system library has one user; files stay readable; the top
# level stays tidy. Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case.
# CVT_BIN: the folder of the build, in which symbols are looked up.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${CVT_BIN:-$tests/../build}")
cd "$tests/.." || exit 1
case ${CVT_BUILD:-} in sanitized) echo "skip house: sources are the same in every build"; exit 0 ;; esac
# shellcheck source=tests/case.sh
. "$tests/case.sh"

# report NAME FINDINGS: ok when there are none
report() {
    if [ -z "$2" ]; then pass "$1"; else fail "$1" "$(echo "$2" | head -n 5)"; fi
}

find src -name '*.c' | sort >"$work/c"
find src \( -name '*.[ch]' -o -name '*.def' \) | sort >"$work/all"
grep -v -e '^src/cli/' -e '^src/cvt.h$' "$work/all" >"$work/library"
# A search of no files finds nothing wrong.
check "the sources are found" test "$(lines "$work/c")" -gt 100 -a "$(lines "$work/library")" -gt 150

# ---- ranks ----

# A folder may use those that stand in a line above its own. lib.c, which opens models, belongs to model.
cat >"$work/ranks" <<'END'
cvt.h
base
kernels
graph image
ops
weights
arch plan
model report learn
batch
cli
END
# What both checks below begin with: ranks, the room that a file stands in, and whether one may use another.
# shellcheck disable=SC2016  # awk's, not the shell's
rules='
    FILENAME == ARGV[1] { for (i = 1; i <= NF; i++) rank[$i] = FNR; next }
    function room(file, part) { split(file, part, "/"); return part[2] == "lib.c" ? "model" : part[2] }
    function may(from, to) { return from == to || (from in rank && to in rank && rank[to] < rank[from]) }'

# shellcheck disable=SC2046  # a list of files
grep -n '^ *# *include "' $(cat "$work/all") | sed -E 's/^([^:]*:[0-9]*):[^"]*"([^"\/]*).*/\1 \2/' >"$work/includes"
check "files include each other" test "$(lines "$work/includes")" -gt 200
report "a folder includes only lower ranks" \
    "$(awk "$rules"' { file = $1; sub(/:.*/, "", file) } !may(room(file), $2) { print $1, "includes", $2 ";" }' "$work/ranks" "$work/includes")"

# Symbols: "FILE NAME" a line, of what an object defines, and of what it needs.
# Of kernels/ only the folder of the target's instructions is built.
while read -r source; do
    case $source in src/kernels/*/*) [ -d "$build/${source%/*}" ] || continue ;; esac
    object=$build/${source%.c}.o
    [ -f "$object" ] || { echo "$source has no object;" >>"$work/missing" && continue; }
    nm -P "$object" | awk -v file="$source" -v defined="$work/defined" -v needed="$work/needed" '
        $2 == "U" { print file, $1 >>needed; next }
        $2 ~ /^[A-Z]$/ { print file, $1 >>defined }'
done <"$work/c"
report "every source is built" "$(cat "$work/missing" 2>/dev/null)"
# "FILE NAME OTHER" a line: what an object needs of one in another folder
awk 'function folder(file) { sub(/\/[^\/]*$/, "", file); return file }
    NR == FNR { home[$2] = $1; next }
    $2 in home && folder(home[$2]) != folder($1) { print $1, $2, home[$2] }' "$work/defined" "$work/needed" >"$work/uses"
check "objects need each other" test "$(lines "$work/uses")" -gt 500

report "a folder calls only lower ranks" \
    "$(awk "$rules"' !may(room($1), room($3)) { print $1, "calls", $2, "of", $3 ";" }' "$work/ranks" "$work/uses")"

# ---- what a library leaves alone ----

# In the objects nothing is hidden by a macro; the text is read too, as what another machine compiles is in no object here.
# assert() stands only for what no input can bring about; base/file.c writes what the caller asks for to standard output.
prints='v?printf|puts|putchar|putchar_unlocked|perror|v?dprintf|psignal|psiginfo|v?syslog'
exits='exit|_exit|_Exit|quick_exit|abort|raise|kill|__assert_fail'
shares='setlocale|sigaction|sigprocmask|atexit|at_quick_exit|setenv|putenv|unsetenv|s?rand|chdir|fchdir|umask'
linked='write|v?warnx?|v?errx?|signal' # in the text these may be functions and fields of our own
unchecked='v?sprintf|gets|strtok|strcpy|strcat|alloca'
streams='stdout|stderr|stdin'
asserts='src/(image|kernels)/resample.c __assert_fail|src/base/dtype.c __assert_fail'
report "the library's objects never print, exit or change what is the process's" \
    "$(grep -v '^src/cli/' "$work/needed" | sed -E 's/ __(v?[a-z]*printf)_chk$/ \1/' |
        grep -E " ($prints|$exits|$shares|$linked|$unchecked|$streams)\$" | grep -vxE "src/base/file.c stdout|$asserts")"
# shellcheck disable=SC2046  # lists of files
report "nor do its sources" \
    "$(grep -nE "\\b($prints|$exits|$shares|$unchecked)\\(" $(cat "$work/library")
    grep -nE "\\b($streams|STDOUT_FILENO|STDERR_FILENO)\\b" $(cat "$work/library") | grep -v '^src/base/file.c:')"
# shellcheck disable=SC2046
report "no unchecked string functions in the program either" \
    "$(grep -nE "\\b($unchecked)\\(" $(grep '^src/cli/' "$work/all"))"

# only FILE HEADER: the one place that includes a system library, but for the program's --version
only() {
    users=$(grep -lE "# *include <$2>" -r src | grep -v '^src/cli/version.c$')
    equal "$2 has one user" "$users" "$1"
}
only src/base/json.c cJSON.h
only src/image/png.c png.h
only src/image/jpeg.c jpeglib.h
only src/image/webp.c 'webp/[a-z]*\.h'
only src/image/heif.c libheif/heif.h
only src/batch/tar.c archive.h

# ---- files that can be read ----

report "files stay under 600 lines" "$(find src tests \( -name '*.[ch]' -o -name '*.sh' \) -exec wc -l {} + | awk '$2 != "total" && $1 > 600 {print $2 " has " $1}')"
report "lines have at most 120 columns" \
    "$(find Makefile src tests \( -name '*.[ch]' -o -name Makefile \) -exec awk 'length > 120 {print FILENAME ":" FNR}' {} +)"
report "every file says what it owns" "$(find src -name '*.[ch]' -exec awk 'FNR == 1 && !/^\/\*/ {print FILENAME}' {} +)"
# shellcheck disable=SC2016 # text of scripts
report "every shell test uses case.sh and ends with its status" "$(for test in tests/test_*.sh; do
    grep -qxF '. "$tests/case.sh"' "$test" || echo "$test does not read case.sh;"
    case $(tail -n 1 "$test") in '[ "$failures" -eq 0 ]' | 'exit $((failures > 0))') ;; *) echo "$test goes on;" ;; esac
done)"
report "nothing is left for later or switched off" "$(grep -nE '#if 0|\b(TODO|FIXME|XXX|HACK)\b' -r src tests/*.[ch] tests/*.py tests/families)"
if git ls-files --error-unmatch Makefile >/dev/null 2>&1; then
    top='src|man|configs|models|tests|bench|docs|training|examples|Makefile|LICENSE|[A-Z]*\.md|\..*'
    report "the top level holds what it should" "$(git ls-files | cut -d/ -f1 | sort -u | grep -vE "^($top)\$")"
    report "no registry's host, no path of one machine" "$(git ls-files -z | grep -zvx 'tests/test_house.sh' |
        xargs -0 grep -lE 'pypi\.org|pythonhosted|deb\.debian|npmjs|/work/|/opt/pypi|/tmp/o/')"
else
    echo "skip the top level holds what it should: this is no clone"
    echo "skip no registry's host, no path of one machine: this is no clone"
fi
if command -v shellcheck >/dev/null 2>&1; then
    report "shell scripts are clean" "$(shellcheck -f gcc tests/*.sh tests/oracle/*.sh tests/oracle/*/*.sh bench/*.sh .ci/run 2>&1)"
else
    echo "skip shell scripts are clean: no shellcheck here"
fi

[ "$failures" -eq 0 ]
