#!/bin/sh
# lint.sh: runs the tools that examine the sources without running them: layout (clang-format 14, lines of at most 120
# columns), clang-tidy (.clang-tidy says which checks), shellcheck, mandoc, and a compiler for AArch64 on its kernels.
# Prints "ok NAME", "not ok NAME: why" or, where a tool is not here, "skip NAME: why"; the findings themselves go to
# standard error. `make deps WITH=ci` installs the tools.
#   JOBS=2  clang-tidy's processes at a time
set -u
cd "$(dirname "$0")/.." || exit 1
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
failures=0

# lint TOOL NAME COMMAND...: the command finds nothing: it prints nothing and succeeds
lint() {
    tool=$1 name=$2
    shift 2
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "skip $name: no $tool here"
    elif findings=$("$@" 2>&1) && [ -z "$findings" ]; then
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

lint clang-format-14 "the sources are laid out by clang-format" format
lint awk "lines have at most 120 columns" columns
lint clang-tidy-14 "clang-tidy finds nothing" tidy
lint shellcheck "shellcheck finds nothing" shell
lint mandoc "mandoc finds nothing in the manual pages" manuals
lint aarch64-linux-gnu-gcc "the kernels for AArch64 compile" kernels
[ "$failures" -eq 0 ]
