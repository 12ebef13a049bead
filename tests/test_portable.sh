#!/bin/sh
# test_portable.sh: docs/portability.md says what in src/ is not POSIX, and in which files; words that only Linux has are in
# these alone; where Linux is taken away, and where macOS is claimed, the other branches compile and call nothing of Linux.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cd "$tests/.." || exit 1
case ${CVT_BUILD:-} in sanitized) echo "skip portable: sources are the same in every build"; exit 0 ;; esac
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cc=${CC:-cc}
page=docs/portability.md

# ---- the table ----

# shellcheck disable=SC2016 # a pattern, not a command
sed -n 's/^| `\([^`]*\)` | \(`src[^|]*\) |.*/\1 \2/p' $page | tr -d '`,' >"$work/table"
check "the page has a table" test "$(lines "$work/table")" -gt 10
while read -r word files; do
    found=$(grep -rlF -e "$word" src | sort | tr '\n' ' ')
    # shellcheck disable=SC2086 # words are wanted
    equal "$word" "${found% }" "$(printf '%s\n' $files | sort | tr '\n' ' ' | sed 's/ $//')"
done <"$work/table"
# Calls and headers that Linux or glibc alone has; those that the table names are left out.
beyond='sys/(epoll|eventfd|inotify|signalfd|timerfd|sendfile|random|auxv|prctl|syscall)\.h|linux/[a-z]*\.h
pipe2|accept4|memfd_create
copy_file_range|splice|fallocate|O_TMPFILE|renameat2|secure_getenv|program_invocation|qsort_r|strchrnul|memrchr|mempcpy|fopencookie
pthread_setname_np|pthread_setaffinity_np|pthread_barrier|sem_init|sem_timedwait|timer_create|get_nprocs|MAP_POPULATE|mremap|gettid'
equal "nothing else of Linux" \
    "$(grep -rlwE "$(echo "$beyond" | paste -sd '|' -)" src | grep -vE 'base/sandbox.c|kernels/dispatch.c' | tr '\n' ' ')" ""

# ---- the other branches ----

# elsewhere SOURCE [FLAG]...: it compiles, without a warning, and needs nothing of Linux
elsewhere() {
    source=$1
    shift
    # shellcheck disable=SC2046,SC2086 # words are wanted
    $cc -std=c17 -D_POSIX_C_SOURCE=200809L -Isrc -I"$work" $(pkg-config --cflags libcjson) -Wall -Wextra -Wpedantic \
        -Wno-missing-field-initializers -Werror "$@" -c -o "$work/o.o" "$source" || return 1
    nm -u "$work/o.o" >"$work/needs"
    status 1 grep -E 'sched_getaffinity|getauxval|syscall|prctl|dl_iterate_phdr|pthread_condattr_setclock' "$work/needs"
}
printf '#include <locale.h>\n' >"$work/xlocale.h"
grep -rl '__linux__' src >"$work/linux"
while read -r source; do check "$source without Linux" elsewhere "$source" -U__linux__; done <"$work/linux"
grep -rl '__APPLE__' src >"$work/apple"
while read -r source; do check "$source on macOS" elsewhere "$source" -D__APPLE__ -U__linux__; done <"$work/apple"
sed '/_DEFAULT_SOURCE/d' src/cli/confine.c >"$work/confine.c"
check "src/cli/confine.c without types of entries" elsewhere "$work/confine.c" -D_XOPEN_SOURCE=700
[ "$failures" -eq 0 ]
