#!/bin/sh
# static.sh: links build/static/cvt, one file without shared libraries, for machines with the same kind of CPU where
# nothing can be installed. `make static` runs it and says what to link: OBJECTS, PACKAGES (of pkg-config), CC, OPENMP.
# The C library is glibc: OpenMP's (libgomp) is not there for musl in Debian, and without it one image is not shared by
# threads. Static libraries come with the -dev packages; Debian's libcjson-dev has none, so it is built from the source
# package, which apt-get fetches and checks.
#   SOURCES=DIR   a folder with cJSON.c and cJSON.h, instead of fetching them
set -eu
cd "$(dirname "$0")/../.."
out=$PWD/build/static
cc=${CC:-cc}
mkdir -p "$out/lib"
fail() {
    echo "static.sh: $1" >&2
    exit 1
}

# fetch PACKAGE: its source package into $out, by the machine's own sources of packages
fetch() {
    mkdir -p "$out/lists/partial"
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed 's/^Types:.*/Types: deb-src/' >"$out/apt.sources"
    sed 's/^deb /deb-src /' /etc/apt/sources.list >"$out/apt.list" 2>/dev/null || : >"$out/apt.list"
    list=$out/apt.list
    if [ -s "$out/apt.sources" ]; then list=$out/apt.sources; fi
    set -- "$1" -o "Dir::Etc::sourcelist=$list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$out/lists"
    package=$1
    shift
    (cd "$out" && apt-get "$@" -qq update && apt-get "$@" -qq source --download-only "$package") >"$out/log" 2>&1
}

if [ ! -f "$($cc -print-file-name=libcjson.a)" ] && [ ! -f "$out/lib/libcjson.a" ]; then
    sources=${SOURCES:-}
    if [ -z "$sources" ]; then
        fetch cjson || fail "there is no static cJSON here, nor can its source package be had (SOURCES=DIR): see $out/log"
        (cd "$out" && tar xf cjson_*.orig.tar.*)
        sources=$(dirname "$(find "$out" -name cJSON.c | head -n 1)")
    fi
    $cc -O2 -c -o "$out/lib/cJSON.o" "$sources/cJSON.c"
    ar rcs "$out/lib/libcjson.a" "$out/lib/cJSON.o"
fi

# shellcheck disable=SC2086  # lists
libraries=$(pkg-config --static --libs $PACKAGES)
for flag in $libraries; do
    name=${flag#-l}
    case $flag in -lcjson | -lm | -lpthread) continue ;; -l*) ;; *) continue ;; esac
    [ -f "$($cc -print-file-name="lib$name.a")" ] || fail "there is no static library lib$name.a here"
done
# shellcheck disable=SC2086
$cc -static ${OPENMP:--fopenmp} -o "$out/cvt" $OBJECTS -L"$out/lib" $libraries -lm -lpthread
strip "$out/cvt"
if ldd "$out/cvt" >/dev/null 2>&1; then fail "$out/cvt has shared libraries all the same"; fi
echo "build/static/cvt: linked with glibc, $(du -k "$out/cvt" | cut -f 1) KiB"
