#!/bin/sh
# test_house.sh: the order of the house. A folder of src/ includes only folders of a lower rank; libraries that print,
# exit or change global state are none; a system library has one user; files stay readable; the top level stays tidy.
set -u
cd "$(dirname "$0")/.." || exit 1
case ${CVT_BUILD:-} in sanitized) echo "skip house: sources are the same in every build"; exit 0 ;; esac

# report NAME FINDINGS: ok when there are none
report() {
    if [ -z "$2" ]; then echo "ok $1"; else echo "not ok $1: $(echo "$2" | head -n 5 | tr '\n' ' ')"; fi
}

rank() {
    case $1 in
    cvt.h) echo -1 ;;
    base) echo 0 ;;
    kernels) echo 1 ;;
    graph | image) echo 2 ;;
    ops) echo 3 ;;
    weights) echo 4 ;;
    arch | plan) echo 5 ;;
    model | report) echo 6 ;;
    batch) echo 7 ;;
    cli) echo 8 ;;
    *) echo 99 ;;
    esac
}

findings=$(grep -rn '^#include "' src --include='*.[ch]' --include='*.def' | while IFS=: read -r file line text; do
    from=$(echo "$file" | cut -d/ -f2)
    to=$(echo "$text" | sed -E 's/#include "([^"\/]*).*/\1/')
    [ "$from" = "$to" ] || [ "$(rank "$to")" -lt "$(rank "$from")" ] || echo "$file:$line includes $to"
done)
report "a folder includes only lower ranks" "$findings"

library="src/lib.c $(find src -name '*.[ch]' ! -path 'src/cli/*' ! -path 'src/cvt.h')"
# shellcheck disable=SC2086  # a list of files
report "the library never prints, exits or aborts" \
    "$(grep -nE '\b(printf|puts|putchar|perror|exit|_exit|abort|setlocale|strtok|gets|sprintf|strcpy|strcat|alloca)\(' $library)"
# shellcheck disable=SC2086
report "no unchecked string functions in the program either" "$(grep -nE '\b(gets|sprintf|strcpy|strcat|strtok|alloca)\(' src/cli/*.c)"

# only FILE HEADER: the one place that includes a system library, but for the program's --version
only() { report "$2 has one user" "$(grep -ln "#include <$2>" -r src | grep -v "^$1\$" | grep -v '^src/cli/version.c$')"; }
only src/base/json.c cJSON.h
only src/image/png.c png.h
only src/image/jpeg.c jpeglib.h

report "files stay under 600 lines" "$(find src tests \( -name '*.[ch]' -o -name '*.sh' \) -exec wc -l {} + | awk '$2 != "total" && $1 > 600 {print $2 " has " $1}')"
report "lines stay under 130 columns" "$(find src -name '*.[ch]' -exec awk 'length > 130 {print FILENAME ":" FNR}' {} +)"
report "every file says what it owns" "$(find src -name '*.[ch]' -exec awk 'FNR == 1 && !/^\/\*/ {print FILENAME}' {} +)"
report "nothing is left for later or switched off" "$(grep -nE '#if 0|\b(TODO|FIXME|XXX|HACK)\b' -r src tests/*.[ch] tests/*.py)"
report "the top level holds what it should" \
    "$(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u | grep -vE '^(src|man|configs|models|tests|training|examples|Makefile|README.md|\..*)$')"
report "no registry's host, no path of one machine" \
    "$(git ls-files 2>/dev/null | grep -v '^tests/test_house.sh$' | xargs grep -lE 'pypi\.org|pythonhosted|deb\.debian|npmjs|/work/|/tmp/o/' 2>/dev/null)"
if command -v shellcheck >/dev/null 2>&1; then
    report "shell scripts are clean" "$(shellcheck tests/*.sh .ci/run 2>&1)"
else
    echo "skip shell scripts are clean: no shellcheck here"
fi
