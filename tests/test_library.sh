#!/bin/sh
# test_library.sh: the installed face of libcvt. The shared library exports just what cvt.h declares, the header stands
# alone, the example of libcvt(3) builds against an installation and runs, the program is built with its protections on.
# Prints "ok NAME" or "not ok NAME: why" a case. CVT_TEST_MODEL: what the example is to classify with.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cd "$tests/.." || exit 1
if [ "${CVT_BUILD:-release}" != release ]; then
    echo "skip library: the release build is what gets installed"
    exit 0
fi
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cc=${CC:-cc}
usr=$work/root/usr

nm -D --defined-only build/libcvt.so | awk '{print $3}' | sort >"$work/exported"
sed '/^ \*\|^\/\*/d' src/cvt.h | grep -oE '\bcvt_[a-z_0-9]+\(' | tr -d '(' | sort -u >"$work/declared"
check "cvt.h declares functions" test "$(lines "$work/declared")" -gt 30
check "libcvt.so exports what cvt.h declares" diff "$work/exported" "$work/declared"

check "make install" make -s install PREFIX=/usr DESTDIR="$work/root"
for file in bin/cvt include/cvt.h lib/libcvt.a lib/libcvt.so share/man/man1/cvt.1 share/man/man3/libcvt.3 \
    share/man/man5/cvt-config.5 share/cvt/models/imagenet-1k.txt share/cvt/configs/cvt-13.json \
    share/bash-completion/completions/cvt share/zsh/site-functions/_cvt share/fish/vendor_completions.d/cvt.fish; do
    check "installs $file" test -s "$usr/$file"
done
# The loader looks for the file that the library calls itself, so that one must be there: nothing here may make it.
soname=$(readelf -d build/libcvt.so | sed -n 's/.*(SONAME).*\[\(.*\)\].*/\1/p')
check "libcvt.so has a name of its own" test -n "$soname"
check "installs the library under that name" test -s "$usr/lib/$soname"
nm -D --defined-only "$usr/lib/$soname" | awk '{print $3}' | sort >"$work/installed"
same "and it exports as much" "$work/exported" "$work/installed"

echo '#include <cvt.h>
int main(void) { return cvt_status_code(CVT_OK) == 0; }' >"$work/alone.c"
check "cvt.h stands alone" "$cc" -std=c17 -Wall -Wextra -Wpedantic -Werror -I"$usr/include" -c -o "$work/alone.o" "$work/alone.c"

awk '/^\.EX/ {on = 1; next} /^\.EE/ {exit} on' man/libcvt.3 | sed 's/\\e/\\/g; s/\\-/-/g' >"$work/example.c"
check "the example of libcvt(3) builds" "$cc" -std=c17 -Wall -Wextra -Werror -I"$usr/include" -o "$work/example" \
    "$work/example.c" -L"$usr/lib" -lcvt -Wl,-rpath,"$usr/lib"
example() { # it prints what the library says of a picture, and runs on the installed library
    "$work/example" "${CVT_TEST_MODEL:-tests/data/cvt/tiny}" tests/data/cli/cat.jpg >"$work/out" || return 1
    grep -q '([0-9.]* *%)' "$work/out" || { cat "$work/out" && return 1; }
    ldd "$work/example" | grep -qF "$usr/lib/$soname"
}
check "the example of libcvt(3) runs" example

# elf OPTION PATTERN: what readelf says of the program has such a line
elf() { readelf "$1" cvt >"$work/elf" && grep -qE -e "$2" "$work/elf"; }
check "the program is position-independent" elf -h '^ *Type: *DYN '
check "the program binds all symbols at start" elf -d '\((FLAGS|FLAGS_1)\) .*\b(BIND_NOW|NOW)\b'
check "the stack of the program is not executable" elf -lW '^ *GNU_STACK .* RW +0x'

[ "$failures" -eq 0 ]
