#!/bin/sh
# static.sh: makes one file without shared libraries, for machines with the same kind of CPU where nothing can be installed.
# `make static` runs it. Libraries that Debian has no static form of are built from its source packages, with its patches;
# apt-get fetches and checks them, dpkg-source (of dpkg-dev) unpacks them.
#   static.sh glibc   build/static/cvt, by CC, with OPENMP, WITH and the PACKAGES (of pkg-config) that these need: Debian's
#                     -dev packages have static libraries but for cJSON
#   static.sh musl    build/musl/cvt, by musl-gcc (of musl-tools): all libraries are built (cmake; nasm makes JPEGs faster).
#                     Debian has no OpenMP for musl: threads are POSIX threads.
#   MAKE=make         the make to use
#   SOURCES=DIR       a folder in which the source packages lie unpacked, instead of fetching them
set -eu
cd "$(dirname "$0")/../.."
libc=${1:-glibc}
case $libc in glibc) out=$PWD/build/static ;; musl) out=$PWD/build/musl ;; *) libc=none ;; esac
fail() {
    echo "static.sh: $1" >&2
    exit 1
}
[ "$libc" != none ] || fail "glibc or musl, not $1"
cc=${CC:-cc}
mkdir -p "$out/lib" "$out/sources"

# fetch PACKAGE...: their source packages into $out/sources, by the machine's own sources of packages
fetch() {
    mkdir -p "$out/lists/partial"
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed 's/^Types:.*/Types: deb-src/' >"$out/apt.sources"
    sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$out/apt.list" 2>/dev/null || : >"$out/apt.list"
    list=$out/apt.list
    if [ -s "$out/apt.sources" ]; then list=$out/apt.sources; fi
    names=$*
    set -- -qq -o "Dir::Etc::sourcelist=$list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$out/lists"
    # shellcheck disable=SC2086 # a list of words
    (cd "$out/sources" && apt-get "$@" update && apt-get "$@" source $names)
}

# sources PACKAGE...: $sources, where they lie unpacked
sources() {
    sources=${SOURCES:-}
    [ -z "$sources" ] || return 0
    sources=$out/sources
    [ ! -e "$out/fetched" ] || return 0
    fetch "$@" >"$out/log" 2>&1 || fail "the source packages $* cannot be had (SOURCES=DIR): see $out/log"
    : >"$out/fetched"
}
# source_of FILE: the folder of the source package that has this file at its top
source_of() {
    found=$(find "$sources" -maxdepth 2 -name "$1" | head -n 1)
    [ -n "$found" ] || fail "there is no $1 in $sources"
    dirname "$found"
}

# program COMPILER OPENMP WITH FLAGS PKG_CONFIG: builds it in $out; it has no shared libraries
program() {
    ${MAKE:-make} --no-print-directory B="${out#"$PWD"/}" CC="$1" OPENMP="$2" WITH="$3" CFLAGS="${CFLAGS:-}" \
        LDFLAGS="-no-pie -static $4" PKG="$5" "${out#"$PWD"/}/cvt"
    ${STRIP:-strip} "$out/cvt"
    if readelf -d "$out/cvt" | grep -q NEEDED; then fail "$out/cvt has shared libraries all the same"; fi
    echo "${out#"$PWD"/}/cvt: linked with $libc, $(du -k "$out/cvt" | cut -f 1) KiB"
}

# ---- glibc ----

if [ "$libc" = glibc ]; then
    if [ ! -f "$($cc -print-file-name=libcjson.a)" ] && [ ! -f "$out/lib/libcjson.a" ]; then
        sources cjson
        from=$(source_of cJSON.c)
        $cc -O2 -c -o "$out/lib/cJSON.o" "$from/cJSON.c"
        ar rcs "$out/lib/libcjson.a" "$out/lib/cJSON.o"
    fi
    # shellcheck disable=SC2086  # lists
    libraries=$(pkg-config --static --libs $PACKAGES)
    for flag in $libraries; do
        name=${flag#-l}
        case $flag in -lcjson | -lm | -lpthread) continue ;; -l*) ;; *) continue ;; esac
        [ -f "$($cc -print-file-name="lib$name.a")" ] || fail "there is no static library lib$name.a here"
    done
    program "$cc" "${OPENMP--fopenmp}" "${WITH:-}" "-L$out/lib" "pkg-config --static"
    exit 0
fi

# ---- musl ----

for tool in musl-gcc cmake; do command -v $tool >/dev/null 2>&1 || fail "there is no $tool here"; done
sources cjson zlib libpng1.6 libjpeg-turbo
# The kernel's headers, for --sandbox: musl-gcc does not look where they are.
kernel=$out/kernel
mkdir -p "$kernel"
for folder in linux asm-generic; do ln -sfn "/usr/include/$folder" "$kernel/$folder"; done
ln -sfn "/usr/include/$(cc -print-multiarch)/asm" "$kernel/asm"

# by_cmake FILE [OPTION]...: the library whose sources have that file
by_cmake() {
    from=$(source_of "$1") build=$out/cmake/$1
    shift
    cmake -S "$from" -B "$build" -DCMAKE_C_COMPILER=musl-gcc -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$out" \
        -DCMAKE_INSTALL_LIBDIR="$out/lib" "$@" && cmake --build "$build" --target install
}
libraries() {
    by_cmake cJSON.c -DBUILD_SHARED_LIBS=OFF -DENABLE_CJSON_TEST=OFF &&
        by_cmake jpeglib.h -DENABLE_SHARED=OFF -DWITH_TURBOJPEG=OFF &&
        (cd "$(source_of inflate.c)" && CC=musl-gcc CFLAGS=-O2 ./configure --static --prefix="$out" && make install) &&
        (cd "$(source_of pngread.c)" && ./configure CC=musl-gcc CFLAGS=-O2 CPPFLAGS="-I$out/include" LDFLAGS="-L$out/lib" \
            --host="$(cc -dumpmachine)" --disable-shared --prefix="$out" --libdir="$out/lib" && make install-libLTLIBRARIES \
            install-pkgincludeHEADERS install-nodist_pkgincludeHEADERS install-pkgconfigDATA install-exec-hook \
            install-data-hook)
}
if [ ! -e "$out/built" ]; then
    libraries >"$out/log" 2>&1 || fail "the libraries do not compile: see $out/log"
    : >"$out/built"
fi
CFLAGS="-isystem $kernel ${CFLAGS:-}" program musl-gcc '' '' '' "env PKG_CONFIG_LIBDIR=$out/lib/pkgconfig pkg-config --static"
