#!/bin/sh
# test_faults.sh - tests that no command crashes, lies, leaks or leaves anything behind where a call of the system fails:
# memory, files, threads. faults_run.c runs each command below with one call failing, again and again, and judges it; a
# sample of the calls, or with LONG=1 every one. The same commands then with short and interrupted reads and writes.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case.
# CVT: the program; CVT_BIN: the folder of faults.so and faults_run; CVT_BUILD: release or sanitized
# ONLY=NAME: one command; FAULTS_LOG=FILE: the counts are added to it
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
bin=$(realpath "${CVT_BIN:-$tests/../build}")
log=${FAULTS_LOG:+$(realpath "$FAULTS_LOG")}
case ${CVT_BUILD:-} in sanitized) echo "skip faults: the sanitizers' memory is not malloc's"; exit 0 ;; esac
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1
if [ ! -x "$bin/faults_run" ] || [ ! -e "$bin/faults.so" ]; then
    echo 'skip faults: the library for them is for Linux with glibc'
    exit 0
fi
[ -n "${LONG:-}" ] && samples=0 || samples=${SAMPLES:-25}

# ---- small inputs ----------------------------------------------------------------------------------------------------

data=$tests/data
make_pictures
mkdir pics out
cp good/6.jpg pics/a.jpg
cp good/9.png pics/b.png
cp "$data/images/jpeg_97x61_444_p_q75.jpg" pics/c.jpg
make_pets
"$cvt" convert model -o m.safetensors || fail 'a model' "status $?"
printf '%s\n' pics/a.jpg pics/b.png >names
tar -cf pics.tar pics
"$cvt" classify -m m.safetensors -f jsonl --header pics >records.jsonl
head -n 2 records.jsonl >begun.jsonl
"$cvt" embed -m m.safetensors -f jsonl --header pics | head -n 2 >begun.embed
"$cvt" classify -m m.safetensors -f jsonl --header --tar pics.tar 2>/dev/null | head -n 2 >begun.tar
"$cvt" eval -m m.safetensors pets -f json --records e.jsonl --resume >evaluated && head -n 3 e.jsonl >begun.eval
"$cvt" convert model -o golden.safetensors --golden 1
"$cvt" learn -m m.safetensors pets -o learned.safetensors --l2 1 >/dev/null
"$cvt" preprocess -m m.safetensors pics/a.jpg -o x.npy
find "$data/decoders" -name 'webp_lossless3_17x15.webp' -exec cp {} w.webp \;
find "$data/decoders" -name 'avif_64x64.avif' -exec cp {} w.avif \;

# ---- every command ---------------------------------------------------------------------------------------------------

# faults NAME [OPTION]... -- ARGUMENT...: see faults_run.c. The folder out holds what OLD names, under the name of OUT.
faults() {
    name=$1 options=
    shift
    while [ "$1" != -- ]; do options="$options $1" && shift; done
    shift
    [ -z "${ONLY:-}" ] || [ "$ONLY" = "$name" ] || return 0
    for kind in "-s $samples" '-m short'; do
        rm -rf out && mkdir out
        [ -z "${old:-}" ] || cp "$old" "out/$new"
        # shellcheck disable=SC2086 # words are wanted
        "$bin/faults_run" -d out $options $kind "$bin/faults.so" page "$name" "$cvt" "$@" >result ||
            failures=$((failures + 1))
        grep -v '^total ' result
        [ -z "$log" ] || sed -n 's/^total //p' result >>"$log"
    done
}

faults classify -r -- classify -m m.safetensors -f jsonl pics/a.jpg
if [ -s result ] && [ -z "${ONLY:-}" ]; then
    # a library that the program does not call would find nothing wrong
    told=$("$bin/faults_run" -s 1 "$bin/faults.so" page counted "$cvt" check -m model)
    equal 'calls are counted' "$(($(echo "$told" | sed -n 's/^total .* calls \([0-9]*\) .*/\1/p') > 1000))" 1
fi
faults threads -r -- classify -m m.safetensors -f jsonl -t 3 pics/a.jpg
faults text -l -- classify -m model -j1 pics -k 2
old=begun.jsonl new=r.jsonl
faults directory -r -- classify -m m.safetensors -j2 -b2 -r pics -o out/r.jsonl --header --force
faults resume -r -- classify -m m.safetensors -j1 pics -o out/r.jsonl --resume
old=
faults list -r -i names -- classify -m m.safetensors -f jsonl -j1 --files-from -
faults shard -r -- classify -m m.safetensors -f jsonl -j1 --shard 1/2 --exif-fields pics
if "$cvt" --version | grep -q '^tar: lib'; then
    faults tar -r -- classify -m m.safetensors -f jsonl -j1 --tar pics.tar
    old=begun.tar new=r.jsonl
    faults tar_resume -r -- classify -m m.safetensors -j1 --tar pics.tar -o out/r.jsonl --resume
    old=
fi
if "$cvt" --version | grep -q '^WebP: lib'; then
    faults webp -r -- classify -m m.safetensors -f jsonl w.webp
fi
if "$cvt" --version | grep -q '^HEIC, AVIF: lib'; then
    faults avif -r -- classify -m m.safetensors -f jsonl w.avif
    # where libheif leaves by an exception the image between two others has failed, and no more
    "$bin/faults_run" -r -v -s 150 "$bin/faults.so" page avif "$cvt" classify -m m.safetensors -f jsonl -j1 \
        pics/a.jpg w.avif pics/b.png >told
    grep '^run avif: call.*libheif gave up' told | grep -v ' status 1: cvt: w.avif: HEIF' >wrong
    equal 'exceptions of libheif' "$(($(grep -c 'libheif gave up' told) > 0)) $(lines wrong) $(grep -c terminate told)" '1 0 0'
fi
"$cvt" embed -m m.safetensors good -o old.npy
old=old.npy new=e.npy
faults embed -x -- embed -m m.safetensors -j1 pics -o out/e.npy --force
old=begun.embed new=e.jsonl
faults embed_resume -r -- embed -m m.safetensors -j1 pics -o out/e.jsonl --resume
old=old.npy new=x.npy
faults preprocess -- preprocess -m m.safetensors pics/b.png -o out/x.npy
old=old.npy new=output.npy
faults run -- run -m model -i x.npy -o out --tap all
old=good/9.png new=a.png
faults attend -- attend -m m.safetensors pics/a.jpg -o out/a.png
old=
faults maps -r -- attend -m m.safetensors -j1 pics -o out/
faults unknown -r -- classify -m learned.safetensors -f jsonl -j1 --unknown pics
faults lines -r -- classify -m "$data/lines" --lines -f jsonl -j1 "$data/lines/two.png"
old=begun.jsonl new=r.jsonl
faults eval -x -- eval -m m.safetensors pets -f json --records out/r.jsonl --confusion out/c.png --force
old=begun.eval new=r.jsonl
faults eval_resume -r -x -- eval -m m.safetensors -j1 pets -f json --records out/r.jsonl --resume
old=
faults precisions -x -- eval -m m.safetensors -j1 pets -f json --precision f32,int8
old=m.safetensors new=n.safetensors
faults learn -x -- learn -m m.safetensors pets -o out/n.safetensors --l2 1
faults convert -- convert model -o out/n.safetensors
faults golden -- convert model -o out/n.safetensors --golden 1
faults int8 -- convert "$data/tnt/hub" -o out/n.safetensors --dtype int8
faults init -- init -c "$data/cli/tiny.json" --seed 1 -o out/n.safetensors
printf '<!DOCTYPE html>' >old.html
old=old.html new=p.html
faults report -k -- report records.jsonl -o out/p.html
faults thumbnails -k -- report records.jsonl -o out/p.html --thumbnails 1 --attend m.safetensors
old=
faults verify -- verify -m golden.safetensors
faults check -- check -m model
faults hub -- check -m "$data/checkpoints/hf"
faults zip -- check -m "$data/checkpoints/wrappers/plain.pth" -c "$data/checkpoints/wrappers/config.json"
faults bin -- check -m "$data/tnt/hub"
faults summary -- summary -m model -f json
faults config -- summary -c "$data/cli/tiny.json"
faults names -k -- list
faults version -- --version
faults completion -- completion bash

exit $((failures > 0))
