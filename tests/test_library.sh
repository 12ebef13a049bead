#!/bin/sh
# shellcheck disable=SC2086  # $cc may be words: "ccache gcc"
# test_library.sh: the installed face of libcvt. The shared library exports just what cvt.h declares, libcvt(3) names all
# of it, the header stands alone in C and C++, the example of libcvt(3) and examples/classify.c build against an
# installation and run, the program is built with its protections on. What functions do: test_api.c, test_open.c.
# Prints "ok NAME" or "not ok NAME: why" a case. CVT_TEST_MODEL: what the examples are to classify with.
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
model=${CVT_TEST_MODEL:-tests/data/cvt/tiny}

nm -D --defined-only build/libcvt.so | awk '{print $3}' | sort >"$work/exported"
sed '/^ \*\|^\/\*/d' src/cvt.h | grep -oE '\bcvt_[a-z_0-9]+\(' | tr -d '(' | sort -u >"$work/declared"
grep -oE '\bcvt_[a-z_0-9]+\b' src/cvt.h | sort -u >"$work/words"
check "cvt.h declares functions" test "$(lines "$work/declared")" -gt 30
check "libcvt.so exports what cvt.h declares" diff "$work/exported" "$work/declared"

# Every function, type and constant of its own that the page tells of is one of cvt.h; the page leaves no function out.
sed 's/\\f[BRI]//g; s/\\-/-/g' man/libcvt.3 >"$work/page"
grep -oE '\bcvt_[a-z_0-9]+\b' "$work/page" | sort -u >"$work/told"
equal "libcvt(3) names every function" "$(grep -vxF -f "$work/told" "$work/declared")" ""
equal "libcvt(3) names nothing that is not in cvt.h" "$(grep -vxF -f "$work/words" "$work/told")" ""
version=$(./cvt --version | sed -n '1s/^cvt \([0-9.]*\) .*/\1/p')
for page in man/cvt.1 man/libcvt.3; do
    check "$page is of this version" grep -q "^.TH .*\"cvt $version\"" "$page"
done

check "make install" make -s install PREFIX=/usr DESTDIR="$work/root"
for file in bin/cvt include/cvt.h lib/libcvt.a lib/libcvt.so lib/pkgconfig/cvt.pc share/man/man1/cvt.1 \
    share/man/man3/libcvt.3 share/man/man5/cvt-config.5 share/cvt/models/imagenet-1k.txt \
    share/cvt/models/imagenet-1k-ids.txt \
    share/cvt/configs/cvt-13.json share/bash-completion/completions/cvt share/zsh/site-functions/_cvt \
    share/fish/vendor_completions.d/cvt.fish; do
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
check "cvt.h stands alone" $cc -std=c17 -Wall -Wextra -Wpedantic -Werror -I"$usr/include" -c -o "$work/alone.o" \
    "$work/alone.c"
cxx=${CXX:-g++}
if command -v "$cxx" >/dev/null 2>&1; then
    for standard in c++11 c++20; do
        check "cvt.h is $standard" "$cxx" -x c++ -std=$standard -Wall -Wextra -Wpedantic -Wold-style-cast -Werror \
            -I"$usr/include" -L"$usr/lib" -Wl,-rpath,"$usr/lib" -o "$work/plus" "$work/alone.c" -lcvt
        check "a program in $standard runs" "$work/plus"
    done
else
    echo "skip cvt.h is C++: no $cxx here"
fi

# classifies PROGRAM: it prints what the library says of a picture
classifies() {
    "$1" "$model" tests/data/cli/cat.jpg >"$work/out" || return 1
    grep -q '[0-9] *%' "$work/out" || { cat "$work/out" && return 1; }
}
# loads PROGRAM: it runs on the installed library
loads() { ldd "$1" | grep -qF "$usr/lib/$soname"; }

awk '/^\.EX/ {on = 1; next} /^\.EE/ {exit} on' man/libcvt.3 | sed 's/\\e/\\/g; s/\\-/-/g' >"$work/example.c"
check "the example of libcvt(3) builds" $cc -std=c17 -Wall -Wextra -Werror -I"$usr/include" -o "$work/example" \
    "$work/example.c" -L"$usr/lib" -lcvt -Wl,-rpath,"$usr/lib"
check "the example of libcvt(3) runs" classifies "$work/example"
check "on the installed library" loads "$work/example"

# Against the installation as pkg-config tells it, with the shared library and with the static one.
export PKG_CONFIG_PATH="$usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work/root"
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
check "cvt.pc is of this version" pkg-config --exact-version "$version" cvt
# shellcheck disable=SC2046 # flags are words
check "examples/classify.c builds by cvt.pc" $cc -std=c17 examples/classify.c -o "$work/classify" \
    $(pkg-config --cflags --libs cvt) -Wl,-rpath,"$usr/lib"
check "examples/classify.c runs" classifies "$work/classify"
mkdir "$work/static" && cp "$usr/lib/libcvt.a" "$work/static"
# shellcheck disable=SC2046
check "examples/classify.c builds by cvt.pc with libcvt.a" $cc -std=c17 examples/classify.c \
    -o "$work/classify-static" -I"$usr/include" "$work/static/libcvt.a" \
    $(PKG_CONFIG_SYSROOT_DIR='' pkg-config --static --libs cvt | sed 's/-L[^ ]*//g; s/-lcvt//')
check "examples/classify.c runs with libcvt.a" classifies "$work/classify-static"
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR

# elf OPTION PATTERN: what readelf says of the program has such a line
elf() { readelf "$1" cvt >"$work/elf" && grep -qE -e "$2" "$work/elf"; }
check "the program is position-independent" elf -h '^ *Type: *DYN '
check "the program binds all symbols at start" elf -d '\((FLAGS|FLAGS_1)\) .*\b(BIND_NOW|NOW)\b'
check "the stack of the program is not executable" elf -lW '^ *GNU_STACK .* RW +0x'

[ "$failures" -eq 0 ]
