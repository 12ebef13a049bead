#!/bin/sh
# check_container.sh: does the steps of examples/packages/Containerfile. With podman or docker it builds the image and
# runs it; else, as root, it follows the file line by line in two roots made by debootstrap. `make check-container` runs
# it. Prints "ok NAME" or "not ok NAME: why" a case.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cd "$tests/.." || exit 1
# shellcheck source=tests/case.sh
. "$tests/case.sh"
file=examples/packages/Containerfile

# the tracked files and the changes to them, as COPY . would take them from a clone
sources() {
    mkdir -p "$1" && git ls-files -z | xargs -0 tar cf - | tar xf - -C "$1"
}

for builder in podman docker; do
    if ! "$builder" info >/dev/null 2>&1; then continue; fi
    sources "$work/src"
    check "$builder builds the image" "$builder" build -t cvt-check -f "$file" "$work/src"
    check "it answers for an image" sh -c "'$builder' run --rm -v '$tests/data:/data:ro' cvt-check classify \
        -m /data/cvt/tiny -f jsonl /data/cli/cat.jpg | grep -q '\"ok\":true'"
    [ "$failures" -eq 0 ]
    exit
done
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null 2>&1; then
    echo "skip the container: there is no podman or docker, and no root with debootstrap"
    exit 0
fi
# shellcheck disable=SC2016  # apt-get replaces it
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
suite=$(sed -n 's/^FROM debian:\([a-z]*\)-slim.*/\1/p' "$file" | head -n 1)
check "a root" debootstrap --variant=minbase "$suite" "$work/empty" "$mirror"
cp /etc/apt/apt.conf.d/* "$work/empty/etc/apt/apt.conf.d/" 2>/dev/null

# step LINE: does one line of the file; $stage is the root of its stage
n=0
stage=
first=
folder=/
step() {
    n=$((n + 1))
    words=${1#* }
    case $1 in
    FROM*)
        first=$stage
        stage=$work/stage$n
        folder=/
        check "stage: $words" cp -a "$work/empty" "$stage"
        ;;
    RUN*) check "$words" chroot "$stage" env DEBIAN_FRONTEND=noninteractive sh -c "cd $folder && $words" ;;
    'COPY . '*) check "$words" sources "$stage${words#. }" ;;
    'COPY --from=build '*)
        # shellcheck disable=SC2086  # --from, what, where to
        set -- $words
        check "$words" sh -c "mkdir -p '$stage$(dirname "$3")' && cp -a '$first$2' '$stage$3'"
        ;;
    WORKDIR*) folder=$words ;;
    USER* | ENTRYPOINT*) ;;
    *) fail "line $n" "this script does not know: $1" ;;
    esac
}
grep -v '^#\|^$' "$file" >"$work/steps"
while read -r line; do step "$line"; done <"$work/steps"

cp -R tests/data/cvt/tiny tests/data/cli/cat.jpg "$stage/tmp/"
check "the last stage answers for an image, as nobody" sh -c "chroot --userspec=65534:65534 '$stage' /usr/bin/cvt classify \
    -m /tmp/tiny -f jsonl /tmp/cat.jpg | grep -q '\"ok\":true'"
equal "it has no compiler" "$(chroot "$stage" sh -c 'command -v gcc make')" ''
[ "$failures" -eq 0 ]
