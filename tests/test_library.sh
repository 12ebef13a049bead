#!/bin/sh
# test_library.sh: the installed face of libcvt. The shared library exports just what cvt.h declares, libcvt(3) names all
# of it, the header stands alone in C and C++, the example of libcvt(3) and examples/classify.c build against an
# installation and run, the program is built with its protections on. What functions do: test_api.c, test_open.c.
set -u
cd "$(dirname "$0")/.." || exit 1
if [ "${CVT_BUILD:-release}" != release ]; then
    echo "skip library: the release build is what gets installed"
    exit 0
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cc=${CC:-cc}

# check NAME COMMAND...: ok if the command succeeds
check() {
    name=$1
    shift
    if "$@" >"$dir/log" 2>&1; then echo "ok $name"; else echo "not ok $name: $(head -n 3 "$dir/log" | tr '\n' ' ')"; fi
}

nm -D --defined-only build/libcvt.so | awk '{print $3}' | sort >"$dir/exported"
sed '/^ \*\|^\/\*/d' src/cvt.h | grep -oE '\bcvt_[a-z_0-9]+\(' | tr -d '(' | sort -u >"$dir/declared"
grep -oE '\bcvt_[a-z_0-9]+\b' src/cvt.h | sort -u >"$dir/words"
check "libcvt.so exports what cvt.h declares" diff "$dir/exported" "$dir/declared"


# every function, type and constant of its own that a page tells of is one of cvt.h, and the page leaves no function out
sed 's/\\f[BRI]//g; s/\\-/-/g' man/libcvt.3 >"$dir/page"
grep -oE '\bcvt_[a-z_0-9]+\b' "$dir/page" | sort -u >"$dir/told"
check "libcvt(3) names every function" sh -c "! grep -vxF -f '$dir/told' '$dir/declared'"
check "libcvt(3) names nothing that is not in cvt.h" sh -c "! grep -vxF -f '$dir/words' '$dir/told'"
version=$(./cvt --version | sed -n '1s/^cvt \([0-9.]*\) .*/\1/p')
for page in man/cvt.1 man/libcvt.3; do
    check "$page is of this version" grep -q "^.TH .*\"cvt $version\"" "$page"
done

check "make install" make -s install PREFIX=/usr DESTDIR="$dir/root"
for file in bin/cvt include/cvt.h lib/libcvt.a lib/libcvt.so lib/libcvt.so.0 lib/pkgconfig/cvt.pc share/man/man1/cvt.1 share/man/man3/libcvt.3 \
    share/man/man5/cvt-config.5 share/cvt/models/imagenet-1k.txt share/cvt/configs/cvt-13.json \
    share/bash-completion/completions/cvt share/zsh/site-functions/_cvt share/fish/vendor_completions.d/cvt.fish; do
    check "installs $file" test -s "$dir/root/usr/$file"
done

echo '#include <cvt.h>
int main(void) { return cvt_status_code(CVT_OK) == 0; }' >"$dir/alone.c"
check "cvt.h stands alone" "$cc" -std=c17 -Wall -Wextra -Wpedantic -Werror -I"$dir/root/usr/include" -c -o "$dir/alone.o" "$dir/alone.c"

cxx=${CXX:-g++}
if command -v "$cxx" >/dev/null 2>&1; then
    for standard in c++11 c++20; do
        check "cvt.h is $standard" "$cxx" -x c++ -std=$standard -Wall -Wextra -Wpedantic -Wold-style-cast -Werror \
            -I"$dir/root/usr/include" -L"$dir/root/usr/lib" -Wl,-rpath,"$dir/root/usr/lib" -o "$dir/plus" "$dir/alone.c" -lcvt
        check "a program in $standard runs" "$dir/plus"
    done
else
    echo "skip cvt.h is C++: no $cxx here"
fi

awk '/^\.EX/ {on = 1; next} /^\.EE/ {exit} on' man/libcvt.3 | sed 's/\\e/\\/g; s/\\-/-/g' >"$dir/example.c"
check "the example of libcvt(3) builds" "$cc" -std=c17 -Wall -Wextra -Werror -I"$dir/root/usr/include" -o "$dir/example" \
    "$dir/example.c" -L"$dir/root/usr/lib" -lcvt -Wl,-rpath,"$dir/root/usr/lib"
picture=$(find tests/data/images -name '*.jpg' ! -name 'bad_*' 2>/dev/null | sort | head -n 1)
check "the example of libcvt(3) runs" "$dir/example" "${CVT_TEST_MODEL:-tests/data/cvt/tiny}" "$picture"

# against the installation as pkg-config tells it, with the shared library and with the static one
export PKG_CONFIG_PATH="$dir/root/usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$dir/root"
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
check "cvt.pc is of this version" pkg-config --exact-version "$version" cvt
# shellcheck disable=SC2046 # flags are words
check "examples/classify.c builds by cvt.pc" "$cc" -std=c17 examples/classify.c -o "$dir/classify" \
    $(pkg-config --cflags --libs cvt) -Wl,-rpath,"$dir/root/usr/lib"
check "examples/classify.c runs" "$dir/classify" tests/data/cvt/tiny "$picture"
mkdir "$dir/static" && cp "$dir/root/usr/lib/libcvt.a" "$dir/static"
# shellcheck disable=SC2046
check "examples/classify.c builds by cvt.pc with libcvt.a" "$cc" -std=c17 examples/classify.c -o "$dir/classify-static" \
    -I"$dir/root/usr/include" "$dir/static/libcvt.a" \
    $(PKG_CONFIG_SYSROOT_DIR='' pkg-config --static --libs cvt | sed 's/-L[^ ]*//g; s/-lcvt//')
check "examples/classify.c runs with libcvt.a" "$dir/classify-static" tests/data/cvt/tiny "$picture"
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR

check "the program is position-independent" sh -c "readelf -h cvt | grep -q 'DYN'"
check "the program binds all symbols at start" sh -c "readelf -d cvt | grep -qE 'BIND_NOW|NOW'"
check "the stack of the program is not executable" sh -c "readelf -lW cvt | grep GNU_STACK | grep -qv 'RWE'"
