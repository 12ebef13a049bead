#!/bin/sh
# lint.sh [LINT]...: runs the tools that examine the sources without running them, or those that are named: format
# (clang-format 14), columns (lines of at most 120), tidy (clang-tidy: .clang-tidy says which checks), bugs (cppcheck:
# .cppcheck says where it is wrong), shell (shellcheck), manuals (mandoc), kernels (a compiler for AArch64 on its kernels).
# Prints "ok NAME", "not ok NAME: why" or, where a tool is not here, "skip NAME: why"; the findings themselves go to
# standard error. `make deps WITH=ci` installs the tools.
#   JOBS=2  clang-tidy's processes at a time
set -u
cd "$(dirname "$0")/.." || exit 1
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
failures=0
wanted=${*:-format columns tidy bugs shell manuals kernels}

# lint FUNCTION TOOL NAME: what the function runs finds nothing: it prints nothing and succeeds
lint() {
    case " $wanted " in *" $1 "*) ;; *) return 0 ;; esac
    function=$1 tool=$2 name=$3
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "skip $name: no $tool here"
    elif findings=$($function 2>&1) && [ -z "$findings" ]; then
        echo "ok $name"
    else
        echo "$findings" >&2
        echo "not ok $name: $(echo "$findings" | head -n 3 | tr '\n' ' ')"
        failures=$((failures + 1))
    fi
}

sources="$(find src tests -name '*.[ch]' | sort)"
# of the kernels those that can be compiled here
case $(uname -m) in x86_64) others=arm ;; *) others=x86 ;; esac
programs="$(find src tests -name '*.c' ! -path "src/kernels/$others/*" | sort)"
scripts=".ci/run $(find tests bench examples -name '*.sh' 2>/dev/null | sort)"
packages=$(pkg-config --cflags libpng libjpeg libcjson zlib | tr '\n' ' ')
optional=
for feature in WEBP:libwebpdemux HEIF:libheif ARCHIVE:libarchive; do
    pkg-config --exists "${feature#*:}" || continue
    optional="$optional -DCVT_WITH_${feature%:*} $(pkg-config --cflags "${feature#*:}" | tr '\n' ' ')"
done
flags="-std=c17 -D_POSIX_C_SOURCE=200809L -Isrc -Itests $packages $optional"

format() { # shellcheck disable=SC2086
    clang-format-14 --dry-run -Werror $sources
}
tidy() { # the count of suppressed warnings goes to standard error; clang's own warnings are the compiler's matter
    # shellcheck disable=SC2016,SC2086
    echo $programs | tr ' ' '\n' |
        xargs -P "$jobs" -n 4 sh -c 'flags=$0; clang-tidy-14 --quiet "$@" -- $flags 2>/dev/null' "$flags"
}
bugs() { # as gcc on x86-64 sees the sources
    machine="-D__x86_64__ -D__GNUC__=12 -D__linux__ -D__SIZE_MAX__=18446744073709551615UL -D__BYTE_ORDER__=1234"
    # shellcheck disable=SC2086
    cppcheck --enable=warning,performance,portability --std=c11 --quiet -j "$jobs" --max-configs=1 \
        --suppressions-list=.cppcheck --suppress=missingIncludeSystem -Isrc -Itests $machine \
        -D__ORDER_LITTLE_ENDIAN__=1234 -DLIBJPEG_TURBO_VERSION=2.1.5 --template='{file}:{line}: {id}: {message}' \
        src tests
}
shell() { # shellcheck disable=SC2086
    shellcheck $scripts
}
manuals() { # the pages refer to each other; whether they are installed is not the question
    mandoc -Tlint man/*.[135] | grep -v 'referenced manual not found'
    true
}
columns() { # shellcheck disable=SC2086
    awk 'length > 120 {print FILENAME ":" FNR ": " length " columns"}' $sources Makefile
}

# Kernels of a machine that this is not are compiled by nothing else before `make check-arm`.
kernels() {
    for source in src/kernels/arm/*.c; do
        aarch64-linux-gnu-gcc -std=c17 -D_POSIX_C_SOURCE=200809L -Isrc -Wall -Wextra -fsyntax-only "$source"
    done
}

lint format clang-format-14 "the sources are laid out by clang-format"
lint columns awk "lines have at most 120 columns"
lint tidy clang-tidy-14 "clang-tidy finds nothing"
lint bugs cppcheck "cppcheck finds nothing"
lint shell shellcheck "shellcheck finds nothing"
lint manuals mandoc "mandoc finds nothing in the manual pages"
lint kernels aarch64-linux-gnu-gcc "the kernels for AArch64 compile"
[ "$failures" -eq 0 ]
