#!/bin/sh
# check_deb.sh: makes the Debian packages and installs them in a new root made by debootstrap, as someone would who has
# nothing of cvt's: the program answers for an image, its manual page is there, a C program is built with the library,
# and xcvt, whose program is called cvt, installs beside it. `make check-deb` runs it as root (it uses chroot and the
# machine's own source of packages). Prints "ok NAME" or "not ok NAME: why" a case.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cd "$tests/.." || exit 1
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null 2>&1; then
    echo "skip packages: they are tried as root, with debootstrap"
    exit 0
fi
# shellcheck source=tests/case.sh
. "$tests/case.sh"

suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
# shellcheck disable=SC2016  # apt-get replaces it
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
root=$work/root

check "packages are built" sh examples/packages/deb.sh
if command -v lintian >/dev/null 2>&1; then
    # lintian says that it is run as root
    equal "lintian finds no error" "$(lintian --fail-on none build/deb/*.deb 2>/dev/null | grep '^E:')" ''
fi
check "a new root" debootstrap --variant=minbase "$suite" "$root" "$mirror"
inside() { DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }
mkdir -p "$root/packages" && cp build/deb/*.deb tests/data/cli/cat.jpg examples/classify.c "$root/packages/"
cp -R tests/data/cvt/tiny "$root/packages/tiny"
cp /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" 2>/dev/null

classify() { inside cvt-classify classify -m /packages/tiny -f jsonl /packages/cat.jpg | grep -q '"ok":true'; }
compile() {
    # shellcheck disable=SC2016  # the shell inside expands it
    inside sh -c 'gcc -o /packages/classify /packages/classify.c $(pkg-config --cflags --libs cvt)' &&
        inside /packages/classify /packages/tiny /packages/cat.jpg | grep -q .
}
paths=$(for deb in "$root"/packages/*.deb; do echo "/packages/$(basename "$deb")"; done)
sh_install() { # FILE...
    inside sh -c "apt-get install -y -qq --no-install-recommends $*"
}
program=$(echo "$paths" | grep /cvt-classify_)
library=$(echo "$paths" | grep /libcvt | tr '\n' ' ')
check "the program's package installs" sh_install "$program"
check "it answers for an image" classify
check "its manual page is there" test -s "$root/usr/share/man/man1/cvt-classify.1.gz"
check "xcvt installs beside it" sh_install xcvt
check "and cvt is X.Org's" sh -c "chroot '$root' cvt 640 480 | grep -q Modeline"
check "the library's packages install" sh_install "$library" gcc libc6-dev pkg-config
check "a program is built with the library" compile
check "all packages are removed" inside dpkg --purge cvt-classify libcvt-dev libcvt0
equal "and leave nothing" "$(find "$root/usr" -path '*cvt*' ! -path '*xcvt*' ! -path '*/bin/cvt' ! -path '*man1/cvt.1*')" ''

[ "$failures" -eq 0 ]
