#!/bin/sh
# test_install.sh: what `make install` and `make uninstall` leave, under both names; the version stands in one place and
# is repeated rightly; cvt.pc is enough to build against the library, shared and static. test_library.sh has the rest.
# CVT_BIN: the folder of libcvt.a.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cd "$tests/.." || exit 1
if [ "${CVT_BUILD:-release}" != release ]; then
    echo "skip install: the release build is what gets installed"
    exit 0
fi
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cc=${CC:-cc}
build=${CVT_BIN:-build}
unset MAKEFLAGS

# ---- one version ----

version=$(sed -n 's/^#define CVT_VERSION_[MP][A-Z]* \([0-9]*\)$/\1/p' src/cvt.h | paste -sd. -)
date=$(sed -n "s/^## $version - //p" NEWS.md)
equal "NEWS.md begins with the version of cvt.h" "$(sed -n 's/^## \([^ ]*\) - .*/\1/p' NEWS.md | head -n 1)" "$version"
check "NEWS.md dates the version" test "$(printf '%s' "$date" | tr -d '0-9')" = "--"
for page in man/cvt.1 man/libcvt.3; do
    equal "$page has version and date of NEWS.md" "$(sed -n '1s/^\.TH [A-Z]* [13] \(.*\) "[A-Z].*/\1/p' $page)" \
        "$date \"cvt $version\""
done
equal "man/cvt-config.5 has the date of NEWS.md" "$(sed -n '1s/^\.Dd //p' man/cvt-config.5)" \
    "$(LC_ALL=C date -d "$date" '+%B %-d, %Y')"
equal "--version says the version" "$("${CVT:-./cvt}" --version | sed -n '1s/^cvt \([^ ]*\) .*/\1/p')" "$version"
check "--version names the licence" sh -c "'${CVT:-./cvt}' --version | grep -q 'the cvt authors, MIT licence'"
check "LICENSE is MIT's, of the cvt authors" sh -c "grep -q '^MIT License' LICENSE && grep -q 'the cvt authors' LICENSE"
check "the manual pages name the licence" sh -c "[ \$(grep -l 'MIT licence' man/*.[135] | wc -l) -eq 3 ]"

# ---- the library beside the program ----

soname=$(readelf -d "$build/libcvt.so" | sed -n 's/.*SONAME.*\[\(.*\)\].*/\1/p')
equal "the shared library is named after the version" "$soname" "libcvt.so.${version%%.*}"
check "the build folder has the library by that name" test -e "$build/$soname"

# ---- install, under two names ----

# contents ROOT: what is installed, without the models that `make demo` may have left
contents() { (cd "$1" && find . ! -type d ! -name '*.safetensors' | sort); }

plain=$work/plain named=$work/named
check "make install" make -s install PREFIX=/usr DESTDIR="$plain"
check "make install NAME=" make -s install PREFIX=/usr DESTDIR="$named" NAME=cvt-classify \
    LIBDIR=/usr/lib/x86_64-linux-gnu
for file in bin/cvt-classify lib/x86_64-linux-gnu/libcvt.so lib/x86_64-linux-gnu/pkgconfig/cvt.pc include/cvt.h \
    share/man/man1/cvt-classify.1 share/man/man3/libcvt.3 share/bash-completion/completions/cvt-classify \
    share/zsh/site-functions/_cvt-classify share/fish/vendor_completions.d/cvt-classify.fish; do
    check "NAME= installs $file" test -s "$named/usr/$file"
done
equal "NAME= leaves nothing by the name cvt but data" \
    "$(contents "$named" | grep -E '/(_?cvt|cvt\.1|cvt\.fish)$')" ""
stripped() { cp "$1" "$work/stripped" && strip "$work/stripped" && cmp "$work/stripped" "$2"; }
check "the library is installed as it was built" stripped "$build/libcvt.so" "$plain/usr/lib/$soname"
check "the program is installed as it was built" stripped "${CVT:-./cvt}" "$plain/usr/bin/cvt"
other=$(make -n install B=build/other | sed -n 's|^install -m 755 \(.*\) /usr/local/.*|\1|p' | sort | paste -sd ' ' -)
equal "another compiler's build installs its own program and library" "$other" "build/other/cvt build/other/libcvt.so"
for file in usr/bin/cvt usr/lib/$soname; do
    equal "$file is stripped" "$(readelf -SW "$plain/$file" | grep -cE '\.(symtab|debug_info)')" 0
done
check "the installed program runs" "$named/usr/bin/cvt-classify" --version

page=$named/usr/share/man/man1/cvt-classify.1
equal "NAME= the page's name" "$(sed -n '3p' "$page")" \
    'cvt\-classify \- convolutional vision transformers from the command line'
# called PAGE: the lines of it that call the program cvt
called() {
    sed -e 's/\\fB//g; s/\\fR//g' "$1" | grep -E '^(\.(Dl|Ql|Xr|BR) +| *)cvt [a-z(1]|[|$;] *cvt [a-z]|/bin/cvt([^-\]|$)'
}
for file in man/cvt.1 man/cvt-config.5; do
    check "$file calls cvt" test "$(called "$file" | wc -l)" -gt 3
done
for file in man1/cvt-classify.1 man3/libcvt.3 man5/cvt-config.5; do
    equal "NAME= no command of $file is cvt" "$(called "$named/usr/share/man/$file")" ""
done
equal "NAME= other pages refer to it" "$(grep -hE '^\.(BR|Xr) cvt \(?1' "$named"/usr/share/man/man[35]/*)" ""
equal "NAME=cvt leaves the pages as they are" "$(cmp man/cvt.1 "$plain/usr/share/man/man1/cvt.1" 2>&1)" ""
if command -v mandoc >/dev/null 2>&1; then
    equal "NAME= the page is clean" "$(mandoc -Tlint "$page" | grep -v 'referenced manual not found')" ""
fi

# offered COMMAND FILE: what bash offers behind it
offered() {
    bash -c '. "$2"; f=$(complete -p "$1" | sed "s/.*-F \([^ ]*\) .*/\1/"); COMP_WORDS=("$1" cla) COMP_CWORD=1
        "$f"; echo "${COMPREPLY[*]}"' bash "$1" "$2" 2>&1
}
if command -v bash >/dev/null 2>&1; then
    equal "bash completes the installed name" \
        "$(offered cvt-classify "$named/usr/share/bash-completion/completions/cvt-classify")" classify
    equal "bash completes cvt" "$(offered cvt "$plain/usr/share/bash-completion/completions/cvt")" classify
fi
check "zsh completes the installed name" \
    grep -qx '#compdef cvt-classify' "$named/usr/share/zsh/site-functions/_cvt-classify"
equal "fish completes the installed name" \
    "$(grep -c '^complete -c cvt ' "$named/usr/share/fish/vendor_completions.d/cvt-classify.fish")" 0

# ---- cvt.pc ----

cat >"$work/user.c" <<'END'
#include <cvt.h>
#include <stdio.h>
int main(void) {
    const char *isa;
    cvt_error error;
    cvt_model *model;
    printf("%s\n", cvt_isa(&isa, &error) == CVT_OK ? isa : error.message);
    return cvt_model_open(&model, "no such file", 0, &error) != CVT_NOT_FOUND;
}
END
if command -v pkg-config >/dev/null 2>&1; then
    make install PREFIX="$work/at" DESTDIR= >"$work/said" 2>&1
    check "make install says how programs find the library" \
        grep -qF "PKG_CONFIG_PATH=$work/at/lib/pkgconfig LD_LIBRARY_PATH=$work/at/lib" "$work/said"
    use_at() { PKG_CONFIG_PATH="$work/at/lib/pkgconfig" pkg-config "$@" cvt; }
    equal "cvt.pc has the version" "$(use_at --modversion)" "$version"
    # shellcheck disable=SC2046,SC2086  # lists of words
    check "cvt.pc is enough to link the shared library" $cc -o "$work/shared" "$work/user.c" $(use_at --cflags --libs)
    check "a program finds the shared library by its name" env LD_LIBRARY_PATH="$work/at/lib" "$work/shared"
    rm "$work"/at/lib/libcvt.so*
    # shellcheck disable=SC2046,SC2086
    check "cvt.pc is enough to link the static one" \
        $cc -o "$work/static" "$work/user.c" $(use_at --static --cflags --libs)
    check "the program with the static library runs" "$work/static"
fi

# ---- uninstall ----

# the starter was installed and has gone from models/ since
echo "the starter" >"$plain/usr/share/cvt/models/efficientnet-lite0.safetensors"
echo "of somebody else" >"$named/usr/share/cvt/models/mine.safetensors"
check "make uninstall" make -s uninstall PREFIX=/usr DESTDIR="$plain"
equal "uninstall leaves nothing" "$(contents "$plain")" ""
check "uninstall takes its own folders" test ! -e "$plain/usr/share/cvt"
make -s uninstall PREFIX=/usr DESTDIR="$named" NAME=cvt-classify LIBDIR=/usr/lib/x86_64-linux-gnu >/dev/null 2>&1
equal "uninstall NAME= leaves nothing" "$(contents "$named")" ""
check "uninstall leaves what it did not install" test -s "$named/usr/share/cvt/models/mine.safetensors"
[ "$failures" -eq 0 ]
