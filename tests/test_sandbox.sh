#!/bin/sh
# shellcheck disable=SC2086  # $cc may be words: "ccache gcc"
# test_sandbox.sh - --sandbox: deeds of a decoder that has been taken over (sandbox_attack.c, preloaded) end the program
# or are refused, and are done without the sandbox; and everything that the program itself does works within it.
# Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program; CC: the compiler.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
tiny=$tests/data/cvt/tiny
cat=$tests/data/cli/cat.jpg
cc=${CC:-cc}
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1
mkdir photos outside attack results
cp "$cat" "$tests/data/cli/dog.png" photos
cp "$cat" outside/other.jpg
classify() { "$program" classify -m "$tiny" "$@"; }

# ---- where there is none ----

said=$(classify -v "$cat" 2>&1 >/dev/null | sed -n 's/^cvt: sandbox: //p')
case $said in
none:* | 'this system'*)
    check "what is not there is no failure" status 0 classify "$cat"
    check "unless it is required" refuses 2 "--sandbox=require asks for both" "$program" classify -m "$tiny" \
        --sandbox=require "$cat"
    check "off is off" status 0 classify --sandbox off "$cat"
    echo "skip the sandbox: $said"
    [ "$failures" -eq 0 ]
    exit
    ;;
esac
equal "what -v says" "$said" "no programs, sockets or files beside those that are named"
silent() { classify -v --sandbox=off "$cat" 2>e >o && [ -s o ] && status 1 grep -q sandbox: e; }
check "nothing is said with the sandbox off" silent

# ---- attacks ----

# attacked WHAT STATUS WORD ARGUMENT...: the program is attacked so and ends with this status, having said the word
attacked() {
    what=$1 wanted=$2 word=$3
    shift 3
    ATTACK=$what ATTACK_PATH=$work/outside/other.jpg LD_PRELOAD=$work/attack/attack.so status "$wanted" "$@" >o 2>e
    ended=$?
    [ "$ended" -eq 0 ] && [ "$(grep -x -e did -e refused e)" = "$word" ] && return 0
    head -n 1 o && head -n 3 e
    return 1
}
ends=159 # by SIGSYS: 128 + 31
check "attack.so" $cc -std=c17 -shared -fPIC -o attack/attack.so "$tests/sandbox_attack.c" -ldl
[ -s attack/attack.so ] || exit 1
for deed in exec fork system socket kill write; do
    check "$deed ends the program" attacked $deed $ends "" classify photos
    check "$deed by one of several threads" attacked $deed $ends "" classify -j 3 photos
    check "$deed with records in a file" attacked $deed $ends "" classify photos -o results/records.jsonl --force
    rm -f results/records.jsonl*
    check "$deed in embed" attacked $deed "$([ $deed = write ] && echo 98 || echo $ends)" \
        "$([ $deed = write ] && echo refused)" "$program" embed -m "$tiny" photos -o results/e.npy --force
    check "$deed is done without" attacked $deed 99 did classify --sandbox=off photos
done
elsewhere() { # STATUS OPTION: $deed at $where
    ATTACK=$deed ATTACK_PATH=$where LD_PRELOAD=$work/attack/attack.so \
        status "$1" "$program" classify -m "$tiny" "$2" photos >o 2>e
}
for deed in read list remove; do
    if [ $deed = list ]; then where=$work/outside; else where=$work/outside/other.jpg; fi
    check "$deed outside of the inputs is refused" elsewhere 98 --sandbox=on
    check "$deed is done without" elsewhere 99 --sandbox=off
    cp "$cat" outside/other.jpg
done
list_on_stdin() { # which may name any file
    echo photos/cat.jpg >list && attacked "$1" "$2" "$3" classify --files-from list
}
check "reading, with a list" list_on_stdin read 99 did
check "a program, with a list" list_on_stdin exec $ends ""
check "writing, with a list" list_on_stdin write $ends ""

# ---- what the program does itself ----

# same_without NAME ARGUMENT...: the same bytes as without a sandbox, and nothing on standard error
same_without() {
    name=$1
    shift
    "$program" "$@" --sandbox=require >a 2>a.err
    first=$?
    "$program" "$@" --sandbox=off >b 2>b.err
    if [ $first -eq $? ] && cmp -s a.err b.err; then same "$name" a b; else fail "$name" "$(cat a.err)"; fi
}
same_without "one image" classify -m "$tiny" -f jsonl "$cat"
same_without "threads inside an image" classify -m "$tiny" -f jsonl -t 3 "$cat"
same_without "several images at once" classify -m "$tiny" -f jsonl -j 3 -b 2 photos "$cat" nothing.jpg
same_without "directories below" classify -m "$tiny" -f jsonl -r .
ln -s "$work/outside/other.jpg" photos/link.jpg
same_without "a link out of a directory" classify -m "$tiny" -f jsonl photos
equal "what -v says of it" "$(classify -v photos 2>&1 >/dev/null | sed -n 's/^cvt: sandbox: .*read: //p')" \
    "there are links in the directories, or more files than are looked at"
rm photos/link.jpg
ln -s outside/other.jpg named.jpg
same_without "a link that is named" classify -m "$tiny" -f jsonl named.jpg
streamed() {
    classify --sandbox=require -k 1 /dev/stdin <"$cat" >a && classify --sandbox=off -k 1 - <"$cat" >b &&
        [ "$(sed 's/.*: //' a)" = "$(sed 's/.*: //' b)" ]
}
check "a file called a stream" streamed
# each library with what it loads when it is needed: lossy and lossless WebP, HEIC and AVIF
for name in heic_64x64_4_444.heic avif_64x64.avif webp_lossy3_17x15.webp webp_lossless4_17x15.webp; do
    same_without "$name" classify -m "$tiny" -f jsonl "$tests/data/decoders/$name"
done
if "$program" --version | grep -q '^tar: libarchive'; then
    (cd photos && tar -cf ../photos.tar cat.jpg dog.png)
    same_without "a tar archive" classify -m "$tiny" -f jsonl --tar photos.tar
fi
# made NAME FILE ARGUMENT...: the file is the same as without
made() {
    made_name=$1 file=$2
    shift 2
    rm -f "$file" && "$program" "$@" --sandbox=require >a 2>&1 && mv "$file" first &&
        "$program" "$@" --sandbox=off >b 2>&1
    same "$made_name" first "$file"
}
made "records in a file" results/r.jsonl classify -m "$tiny" photos -o results/r.jsonl
made "records in a file here" r.jsonl classify -m "$tiny" photos -o r.jsonl
made "rows and names: names" results/e.txt embed -m "$tiny" photos -o results/e.npy
made "rows" results/e.npy embed -m "$tiny" photos -o results/e.npy
echo old >results/target.jsonl
ln -s results/target.jsonl linked.jsonl
linked() {
    classify photos -o linked.jsonl --force --sandbox=require && [ -L linked.jsonl ] &&
        cmp results/target.jsonl first.jsonl
}
classify photos -o first.jsonl --sandbox=off
check "the target of a link" linked
resumed() {
    head -n 1 first.jsonl >results/on.jsonl && classify photos -o results/on.jsonl --resume --sandbox=require 2>e &&
        [ "$(lines results/on.jsonl)" -eq "$(lines first.jsonl)" ]
}
check "--resume" resumed
check "a device" status 0 classify photos -o /dev/null --sandbox=require -f jsonl
mkdir -p data/0 data/1
cp photos/cat.jpg data/0 && cp photos/dog.png data/1
evaluated() {
    "$program" eval -m "$tiny" data --confusion results/c.csv --records results/eval.jsonl "$1" >"$2" 2>e &&
        [ -s results/c.csv ] && [ "$(lines results/eval.jsonl)" -ge 2 ]
}
check "eval" evaluated --sandbox=require a
rm -f results/c.csv results/eval.jsonl
check "eval without" evaluated --sandbox=off b
same "what eval says" a b
[ "$failures" -eq 0 ]
