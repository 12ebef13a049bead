#!/bin/sh
# test_library.sh: the installed face of libcvt. The shared library exports just what cvt.h declares, the header stands
# alone, the example of libcvt(3) builds against an installation and runs, the program is built with its protections on.
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
check "libcvt.so exports what cvt.h declares" diff "$dir/exported" "$dir/declared"

check "make install" make -s install PREFIX=/usr DESTDIR="$dir/root"
for file in bin/cvt include/cvt.h lib/libcvt.a lib/libcvt.so share/man/man1/cvt.1 share/man/man3/libcvt.3 \
    share/man/man5/cvt-config.5 share/cvt/models/imagenet-1k.txt share/cvt/configs/cvt-13.json \
    share/bash-completion/completions/cvt share/zsh/site-functions/_cvt share/fish/vendor_completions.d/cvt.fish; do
    check "installs $file" test -s "$dir/root/usr/$file"
done

echo '#include <cvt.h>
int main(void) { return cvt_status_code(CVT_OK) == 0; }' >"$dir/alone.c"
check "cvt.h stands alone" "$cc" -std=c17 -Wall -Wextra -Wpedantic -Werror -I"$dir/root/usr/include" -c -o "$dir/alone.o" "$dir/alone.c"

awk '/^\.EX/ {on = 1; next} /^\.EE/ {exit} on' man/libcvt.3 | sed 's/\\e/\\/g; s/\\-/-/g' >"$dir/example.c"
check "the example of libcvt(3) builds" "$cc" -std=c17 -Wall -Wextra -Werror -I"$dir/root/usr/include" -o "$dir/example" \
    "$dir/example.c" -L"$dir/root/usr/lib" -lcvt -Wl,-rpath,"$dir/root/usr/lib"
[ -e "$dir/root/usr/lib/libcvt.so.0" ] || ln -s libcvt.so "$dir/root/usr/lib/libcvt.so.0"
picture=$(find tests/data/images -name '*.jpg' ! -name 'bad_*' 2>/dev/null | sort | head -n 1)
check "the example of libcvt(3) runs" "$dir/example" "${CVT_TEST_MODEL:-tests/data/cvt/tiny}" "$picture"

check "the program is position-independent" sh -c "readelf -h cvt | grep -q 'DYN'"
check "the program binds all symbols at start" sh -c "readelf -d cvt | grep -qE 'BIND_NOW|NOW'"
check "the stack of the program is not executable" sh -c "readelf -lW cvt | grep GNU_STACK | grep -qv 'RWE'"
