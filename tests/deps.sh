#!/bin/sh
# deps.sh: finds what building and testing need. Without an argument it installs nothing: it names what is missing and
# the line to type.
#   deps.sh install        installs the missing libraries (Debian and its kin; by sudo unless root); elsewhere it prints
#                          Debian's names and stops
#   deps.sh install demo   python3-pip too, by which the demo gets its weights and photos
#   deps.sh install ci     the tools of `make lint`, clang, and what check_emulated.sh needs too; and the next three
#   deps.sh install webp heif archive   some of the libraries that need not be here: for WebP, HEIC and AVIF, --tar
set -eu
missing=
has_library() { pkg-config --exists "$1" 2>/dev/null; }
has() { command -v "$1" >/dev/null 2>&1; }
want() { missing="$missing $1"; }

has pkg-config || want pkg-config
has_library libpng || want libpng-dev
has_library libjpeg || want libjpeg-dev
has_library libcjson || want libcjson-dev
has_library zlib || want zlib1g-dev
webp() { has_library libwebpdemux || want libwebp-dev; } # which has libwebp too
heif() { has_library libheif || want libheif-dev; }
archive() { has_library libarchive || want libarchive-dev; }
mode=${1:-}
[ $# -eq 0 ] || shift
for set; do case $set in
demo) python3 -m pip --version >/dev/null 2>&1 || want python3-pip ;;
webp | heif | archive) $set ;;
ci)
    webp && heif && archive
    for tool in clang-14 clang-format-14 clang-tidy-14 cppcheck shellcheck mandoc qemu-user:qemu-aarch64 \
        gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc; do
        has "${tool#*:}" || want "${tool%%:*}"
    done
    [ -e /usr/lib/llvm-14/lib/libomp.so ] || want libomp-14-dev
    ;;
*)
    echo "there is nothing called '$set' to install: it is one of demo, ci, webp, heif, archive" >&2
    exit 2
    ;;
esac; done
[ -n "$missing" ] || exit 0

if [ "$mode" != install ]; then
    echo "cvt needs these packages (Debian's names):$missing" >&2
    echo "to install them, type: make deps" >&2
    exit 1
fi
if ! has apt-get; then
    echo "cvt needs these packages (Debian's names), which are not here:$missing" >&2
    exit 1
fi
echo "installing:$missing"
sudo=
if [ "$(id -u)" != 0 ]; then
    if ! has sudo; then
        echo "this needs sudo, which is not here. Type: su -c 'apt-get install$missing', then start again" >&2
        exit 1
    fi
    sudo=sudo
    echo "sudo may ask for your password"
fi
$sudo apt-get update -qq
# shellcheck disable=SC2086  # a list of package names
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
