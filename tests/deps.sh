#!/bin/sh
# deps.sh: installs what building needs where it is missing (Debian and its kin; sudo unless root). Elsewhere it prints
# the names and stops. `deps.sh demo` adds python3-pip, by which the demo gets its weights and photos.
set -eu
missing=
has_library() { pkg-config --exists "$1" 2>/dev/null; }
want() { missing="$missing $1"; }

command -v pkg-config >/dev/null 2>&1 || want pkg-config
has_library libpng || want libpng-dev
has_library libjpeg || want libjpeg62-turbo-dev
has_library libcjson || want libcjson-dev
has_library zlib || want zlib1g-dev
if [ "${1:-}" = demo ]; then python3 -m pip --version >/dev/null 2>&1 || want python3-pip; fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "cvt needs these packages (Debian's names), which are not here:$missing" >&2
    exit 1
fi
echo "installing:$missing"
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
# shellcheck disable=SC2086  # a list of package names
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
