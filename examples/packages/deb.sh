#!/bin/sh
# deb.sh: makes Debian packages of what `make` built, in build/deb: cvt-classify has the program, libcvt0 and libcvt-dev
# the library. `make deb` runs it. It needs dpkg-dev and fakeroot or root; no debian/ folder, no network.
# Debian's package xcvt has a program cvt too, so the program and its manual page are called cvt-classify here.
set -eu
cd "$(dirname "$0")/../.."
for tool in dpkg-deb dpkg-shlibdeps dpkg-architecture gzip; do
    command -v "$tool" >/dev/null 2>&1 || { echo "deb.sh: $tool is missing (Debian: dpkg-dev)" >&2; exit 1; }
done
version=$(sed -n 's/^.define CVT_VERSION_[MP][A-Z]* \([0-9]*\)$/\1/p' src/cvt.h | paste -sd. -)
arch=$(dpkg-architecture -qDEB_HOST_ARCH)
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
maintainer=${DEBEMAIL:-the cvt authors <cvt@example.com>}
when=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH="$when"
out=build/deb
rm -rf "$out"
mkdir -p "$out/all"
umask 022

${MAKE:-make} -s install DESTDIR="$PWD/$out/all" PREFIX=/usr LIBDIR="/usr/lib/$triplet" NAME=cvt-classify

# put PACKAGE FILE...: moves files of the installation into the package
put() {
    package=$1
    shift
    for file in "$@"; do
        mkdir -p "$out/$package/$(dirname "$file")"
        mv "$out/all/$file" "$out/$package/$file"
    done
}
put libcvt0 "usr/lib/$triplet/$(basename "$out/all/usr/lib/$triplet"/libcvt.so.*)"
put libcvt-dev usr/include/cvt.h "usr/lib/$triplet/libcvt.a" "usr/lib/$triplet/libcvt.so" \
    "usr/lib/$triplet/pkgconfig/cvt.pc" usr/share/man/man3/libcvt.3
rm -r "$out/all/usr/lib" "$out/all/usr/include" "$out/all/usr/share/man/man3"
mv "$out/all" "$out/cvt-classify"
chmod 644 "$out/libcvt0/usr/lib/$triplet"/libcvt.so.*

# describe PACKAGE SECTION DEPENDS SUMMARY TEXT: the papers of a package, then the package
describe() {
    root=$out/$1 doc=$out/$1/usr/share/doc/$1
    mkdir -p "$root/DEBIAN" "$doc"
    {
        printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: cvt\n\n'
        printf 'Files: *\nCopyright: 2026 the cvt authors\nLicense: Expat\n'
        sed -n '/^Permission/,$p' LICENSE | sed 's/^$/./; s/^/ /'
    } >"$doc/copyright"
    printf '%s (%s) unstable; urgency=medium\n\n  * See NEWS.md of the sources.\n\n -- %s  %s\n' "$1" "$version" \
        "$maintainer" "$(date -u -R -d "@$when")" | gzip -9n >"$doc/changelog.gz"
    find "$root/usr" -path '*/man/*' -type f -exec gzip -9nf {} +
    depends=$3
    case $depends in
    SHARED)
        mkdir -p "$out/depends/debian"
        printf 'Source: cvt\n\nPackage: %s\nArchitecture: %s\n' "$1" "$arch" >"$out/depends/debian/control"
        binaries=$(find "$root/usr/bin" "$root/usr/lib" -type f 2>/dev/null | sed "s|^$out|..|")
        # shellcheck disable=SC2086  # a list of files
        depends=$(cd "$out/depends" && dpkg-shlibdeps -O $binaries 2>/dev/null | sed 's/^shlibs:Depends=//')
        ;;
    esac
    find "$root" -exec touch -h -d "@$when" {} +
    {
        printf 'Package: %s\nSource: cvt\nVersion: %s\nArchitecture: %s\nMaintainer: %s\n' "$1" "$version" "$arch" \
            "$maintainer"
        printf 'Installed-Size: %s\nDepends: %s\nSection: %s\nPriority: optional\n' \
            "$(du -sk --apparent-size "$root/usr" | cut -f 1)" "$depends" "$2"
        printf 'Description: %s\n' "$4"
        printf '%s\n' "$5" | fold -s -w 78 | sed 's/ *$//; s/^/ /'
    } >"$root/DEBIAN/control"
    (cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
    if [ "$1" = libcvt0 ]; then
        soname=$(basename "$root/usr/lib/$triplet"/libcvt.so.*)
        printf 'libcvt %s libcvt0 (>= %s)\n' "${soname##*.so.}" "$version" >"$root/DEBIAN/shlibs"
        printf 'activate-noawait ldconfig\n' >"$root/DEBIAN/triggers"
    fi
    dpkg-deb --root-owner-group --build "$root" "$out/$1_${version}_$arch.deb" >/dev/null
    echo "$out/$1_${version}_$arch.deb"
}
describe cvt-classify science SHARED "classify images with convolutional vision transformers" \
    "It runs CvT, ViT, ConViT, Swin, ConvNeXt, ResNet and related networks on the CPU, from the checkpoints of Hugging Face and timm as they are, without Python. The program is called cvt-classify here, as the package xcvt has a program cvt."
describe libcvt0 libs SHARED "vision transformers on the CPU: shared library" \
    "The library behind cvt-classify: it loads a model and runs its forward pass."
# the packages of the libraries that cvt.pc asks for
libraries=
# shellcheck disable=SC2013  # words are meant
for name in $(sed -n 's/^Requires.private: //p' "$out/libcvt-dev/usr/lib/$triplet/pkgconfig/cvt.pc"); do
    owner=$(dpkg -S "$(pkg-config --variable=pcfiledir "$name")/$name.pc")
    owner=${owner%%[:,]*}
    case ", $libraries," in *", $owner,"*) ;; *) libraries="$libraries, $owner" ;; esac
done
describe libcvt-dev libdevel "libcvt0 (= $version)$libraries" "vision transformers on the CPU: header and static library" \
    "What programs in C and C++ need to be built with libcvt: cvt.h, libcvt.a and cvt.pc."
