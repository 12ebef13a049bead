#!/bin/sh
# test_collection.sh - tests runs over collections: records in a file, runs that are killed and go on, parts of a
# collection, the header, and the options of records. Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case.
# CVT: the program; CVT_BUILD: release or sanitized; CVT_TEST_MODEL: a model (else a small one with random weights is made).
# LONG=1: 20 kills over 2,000 images instead of 5 over 300, and a file of 1,000,000 records.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
model=${CVT_TEST_MODEL:+$(realpath "$CVT_TEST_MODEL")}
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

if [ -z "$model" ]; then
    model=$work/model.safetensors
    "$cvt" init -c "$tests/data/cli/tiny.json" --seed 1 -o "$model" || fail 'a model' "cvt init: status $?"
fi

# classify ARGUMENT...: records into out, messages into err, the exit status into $status
classify() {
    timeout 120 "$cvt" classify -m "$model" "$@" >out 2>err
    status=$?
}
# usage NAME TEXT ARGUMENT...: status 2 with one line that holds the text, and no record
usage() {
    usage_name=$1 text=$2
    shift 2
    classify "$@"
    equal "$usage_name" "$status $(lines err) $(grep -cF -e "$text" err) $(lines out)" '2 1 1 0'
}
# sorted FILE: its records without the header, sorted
sorted() { grep -v '^{"cvt"' "$1" | sort; }

# ---- records in a file -----------------------------------------------------------------------------------------------

make_pictures
head -c 800 good/1.jpg >good/torn.jpg
classify -f jsonl good
cp out want
equal 'records: ten' "$status $(lines want)" '1 10'
classify -f jsonl good -o a.jsonl
equal '-o: nothing on standard output' "$status $(lines out)" '1 0'
same '-o: the same records' want a.jsonl
check '-o: no other file' test "$(find . -name 'a.jsonl?*' -o -name '*.tmp')" = ''
for format in text json csv tsv; do
    classify -f $format good
    cp out want.$format
    classify good -f $format -o b.$format
    same "-o: $format" want.$format b.$format
done
for ending in jsonl ndjson json csv tsv; do
    case $ending in ndjson) cp want want.ndjson ;; jsonl) cp want want.jsonl ;; esac
    classify good -o c.$ending
    same "-o: the format of .$ending" want.$ending c.$ending
done
classify good -o - -f csv
same '-o -: standard output' want.csv out
ln -s real.csv link.csv
classify good -o link.csv
same '-o: through a link' want.csv real.csv
check '-o: the link stays' test -L link.csv
cp real.csv before && classify good -o real.csv
same '-o: over records of the same kind' before real.csv
echo 'my notes' >notes.csv
usage '-o: over something else' 'it is not a table of records' good -o notes.csv
classify good -o notes.csv --force
same '-o: over something else with --force' want.csv notes.csv
usage '-o: another ending' 'the name must end with .csv' good -f csv -o x.npy
classify good -f csv -o nowhere/x.csv
equal '-o: no such directory' "$status $(lines err)" '4 1'
classify good -f csv -o /dev/full
equal '-o: a full disk' "$status $(grep -c 'No space' err)" '4 1'
classify -f jsonl -o none.jsonl --files-from missing
equal '-o: no input' "$status $(find . -name 'none.jsonl*' | wc -l | tr -d ' ')" '2 0'
printf 'good/1.jpg\n' >self.txt
usage '-o: a list that is read' 'this file is read here' --files-from self.txt -o self.txt

# An interrupted run keeps what there is, and says so.
(printf 'good/1.jpg\ngood/2.jpg\n' && sleep 5) |
    timeout --preserve-status -s INT 1 "$cvt" classify -m "$model" -f jsonl --files-from - -o int.jsonl 2>err
equal 'interrupted: status, one line' "$? $(lines err) $(grep -c '^cvt: int.jsonl.partial: 2 records ' err)" '130 1 1'
equal 'interrupted: the records' "$(lines int.jsonl.partial) $(find . -name int.jsonl)" '2 '
usage 'interrupted: a new run does not write over it' '--resume goes on with it, --force writes over it' good -o int.jsonl
classify good -o int.jsonl --resume
equal 'interrupted: the old ones stay' "$status $(lines int.jsonl) $(head -n 2 int.jsonl | cut -c1-22 | tr '\n' ' ')" \
    '1 10 {"path":"good/1.jpg"," {"path":"good/2.jpg"," '
check 'interrupted: the partial file is gone' test ! -e int.jsonl.partial
cp int.jsonl int.jsonl.partial
classify good -o int.jsonl --resume
equal 'a partial file beside a whole one is told' "$(grep -c '^cvt: int.jsonl.partial: left by another run' err)" 1
same 'a partial file beside a whole one stays' int.jsonl int.jsonl.partial
rm int.jsonl.partial

# A reader that goes away ends the run quietly, as at the end of a pipe.
mkfifo reader
head -c 10 reader >/dev/null &
while echo good/1.jpg; do :; done 2>/dev/null | {
    timeout 60 "$cvt" classify -m "$model" -f jsonl --files-from - -o reader 2>err
    echo $? >code
}
wait
equal '-o: a reader that goes away' "$(cat code) $(lines err)" '0 0'

# Two runs do not write to one file.
(sleep 2 && echo good/1.jpg) | timeout 60 "$cvt" classify -m "$model" --files-from - -o two.jsonl 2>/dev/null &
sleep 1
usage 'a file in use' 'another run is writing to it' good -o two.jsonl --resume
wait

# ---- the header ------------------------------------------------------------------------------------------------------

classify -f jsonl --header good
tail -n +2 out >rest
same 'header: the records behind it' want rest
head -n 1 out >header
equal 'header: first' "$(cut -c1-7 header)" '{"cvt":'
classify --version >/dev/null
version=$("$cvt" --version | sed -n '1s/^cvt \([0-9.]*\).*/\1/p')
check 'header: the version' grep -q "^{\"cvt\":\"$version\"" header
hash_of() { sha256sum "$1" | cut -d' ' -f1; }
if [ -d "$model" ] && command -v sha256sum >/dev/null; then
    weights=$(find "$model" -name '*.safetensors')
    check 'header: the weights' grep -q "\"weights_sha256\":\"$(hash_of "$weights")\"" header
    check 'header: the config' grep -q "\"config_sha256\":\"$(hash_of "$model/config.json")\"" header
fi
check 'header: the options' grep -q '"options":{.*"top_k":5.*}' header
classify -f json --header good
equal 'header in json' "$(head -c 8 out) $(lines out)" '[{"cvt": 12'
if command -v jq >/dev/null; then
    equal 'jq reads the array' "$(jq -e 'length' out)" 11
    equal 'jq reads the header' "$(jq -r '.preprocess.resize, (.weights_sha256 | length)' header | tail -n 1)" 64
else
    echo 'skip jq reads the header: it is not here'
fi
usage 'header in csv' '--header is for' -f csv --header good
classify -v -f jsonl good/1.jpg
check 'header: -v says the same' grep -q '^cvt: {"cvt":.*"weights_sha256":' err

# ---- resume ----------------------------------------------------------------------------------------------------------

classify good -o r.jsonl --resume
sorted want >sorted.want
sorted r.jsonl >got
same 'resume: nothing there yet' sorted.want got
check 'resume: with a header' grep -q '^{"cvt"' r.jsonl
cp r.jsonl whole
classify good -o r.jsonl --resume
equal 'resume: all is done, the status is that of the first run' \
    "$status $(grep -c 'goes on behind 10 records, 1 of them errors' err)" '1 1'
same 'resume: nothing is added' whole r.jsonl
cut_at() { head -c "$1" whole >r.jsonl; }
size=$(wc -c <whole | tr -d ' ')
for at in 3 $((size / 3)) $((size / 2)) $((size - 1)) $((size - 40)); do
    cut_at "$at"
    classify good -o r.jsonl --resume
    sorted r.jsonl >got
    same "resume: cut at byte $at" sorted.want got
    check "resume: cut at byte $at: one header" test "$(grep -c '^{"cvt"' r.jsonl)" = 1
done
cp whole r.jsonl
usage 'resume: other options' 'made with another --top-k' good -o r.jsonl --resume -k 3
usage 'resume: other scores' 'made with another --score' good -o r.jsonl --resume --score none
usage 'resume: other decoding' 'made with another --exif' good -o r.jsonl --resume --exif ignore
"$cvt" convert "$model" -o other.safetensors --dtype bf16
timeout 60 "$cvt" classify -m other.safetensors good -o r.jsonl --resume >out 2>err
equal 'resume: another model' "$? $(lines err) $(grep -c 'another model: the weights differ' err)" '2 1 1'
sed 's/"resize":"[a-z]*"/"resize":"squash_"/' whole >r.jsonl
usage 'resume: another preprocessing' 'another preprocessing' good -o r.jsonl --resume
sed 's/"resize":"[a-z]*"/"resize":"squash_"/' whole >before
same 'resume: a refused file is as it was' before r.jsonl
sed 1d whole >r.jsonl && cp r.jsonl before
classify good -o r.jsonl --resume
equal 'resume: without a header' "$status $(grep -c 'it has no header' err)" '1 1'
same 'resume: without a header: nothing is added' before r.jsonl
sed 's/,"max_scans":200//' whole >r.jsonl
classify good -o r.jsonl --resume
equal 'resume: a header without an option' "$status" 1
grep -q '"repro":false' whole && sed '1s/,"repro":false//' whole >older && head -n 4 older >r.jsonl
classify good -o r.jsonl --resume
sorted r.jsonl >got
same 'resume: a header from before --repro' sorted.want got
cp older r.jsonl
usage 'resume: a header from before --repro, with it' 'made with another --repro' good -o r.jsonl --resume --repro
same 'resume: a header from before --repro: the file is as it was' older r.jsonl
printf 'no record\n' >r.jsonl
usage 'resume: no records' 'it is not a file of records' good -o r.jsonl --resume
printf '{"path":"x","ok":true}\n{"path":1}\n' >r.jsonl && cp r.jsonl before
usage 'resume: a damaged line' 'line 2 is no record' good -o r.jsonl --resume
same 'resume: a damaged file is as it was' before r.jsonl
usage 'resume without a file' '--resume goes on with a file' good -f jsonl --resume
usage 'resume of csv' '--resume goes on with JSON Lines' good -o r.csv --resume
usage 'retry without resume' '--retry-errors is for --resume' good -o r.jsonl --retry-errors

# Errors are tried again only when asked to, and the new record stands behind.
head -c 500 good/3.jpg >bad.jpg
classify good/1.jpg bad.jpg -o e.jsonl --resume
cp good/3.jpg bad.jpg
classify good/1.jpg bad.jpg -o e.jsonl --resume
equal 'errors: not again, and not forgotten' "$status $(lines e.jsonl)" '1 3'
classify good/1.jpg bad.jpg -o e.jsonl --resume --retry-errors
equal 'errors: again' "$status $(lines e.jsonl) $(tail -n 1 e.jsonl | cut -c1-28)" '0 4 {"path":"bad.jpg","ok":true,'
classify good/1.jpg bad.jpg -o e.jsonl --resume --retry-errors
equal 'errors: not after it was well' "$status $(lines e.jsonl)" '0 4'
classify good/1.jpg bad.jpg -o e.jsonl --resume
equal 'errors: the last record counts' "$status $(lines e.jsonl)" '0 4'

# A path that is named twice has two records, whenever the run was cut.
classify good/1.jpg good/1.jpg good/2.jpg good/1.jpg -o twice.jsonl --resume
head -n 3 twice.jsonl >cut.jsonl
classify good/1.jpg good/1.jpg good/2.jpg good/1.jpg -o cut.jsonl --resume
sorted twice.jsonl >a && sorted cut.jsonl >b
same 'a path that is named twice' a b

# Names of every kind are found again.
mkdir names.d
for name in 'quo"te.jpg' 'back\slash.jpg' "$(printf 'new\nline.jpg')" "$(printf 'esc\033[31m.jpg')" \
    "$(printf 'bad\377\376.jpg')" "$(printf 'tab\t.jpg')" "$(printf 'c1\302\233.jpg')" ' .jpg' "$(printf '\303\251.jpg')" \
    "$(printf '\360\237\220\210.jpg')" "$(printf 'bidi\342\200\256.jpg')" 'comma,.jpg' '}{.jpg'; do
    cp good/1.jpg "names.d/$name"
done
classify names.d -o n.jsonl --resume
cp n.jsonl before
classify names.d -o n.jsonl --resume
same 'names are found again' before n.jsonl
if command -v python3 >/dev/null; then
    python3 -c 'import json, sys
for line in sys.stdin: print(json.dumps(json.loads(line)))' <before >n.jsonl # with spaces, and \\u for what is not ASCII
    cp n.jsonl before
    check 'what Python writes looks different' grep -q '"path": "names.d/.u00e9.jpg", "ok": true' n.jsonl
    classify names.d -o n.jsonl --resume
    same 'names are found again in what Python has written' before n.jsonl
fi

# ---- kills -----------------------------------------------------------------------------------------------------------

kills=5 pictures=300
if [ "${CVT_BUILD:-}" = sanitized ]; then kills=3 pictures=60; fi
if [ -n "${LONG:-}" ]; then kills=20 pictures=2000; fi
mkdir many
i=0
while [ $i -lt $pictures ]; do
    ln "good/$((i % 8 + 1)).jpg" "many/$i.jpg" 2>/dev/null || cp "good/$((i % 8 + 1)).jpg" "many/$i.jpg"
    i=$((i + 1))
done
head -c 700 good/1.jpg >many/torn.jpg
classify many -f jsonl
sort out >clean
# seconds of a whole run, in thousandths
whole_run() {
    start=$(date +%s%N)
    classify many -o time.jsonl
    echo $((($(date +%s%N) - start) / 1000000))
}
took=$(whole_run)
killed=0 rounds=0
while [ $killed -lt $kills ] && [ $rounds -lt 200 ]; do
    rm -f k.jsonl k.jsonl.partial
    # killed again and again until it is whole: the time to the next kill is drawn anew
    while [ ! -e k.jsonl ] && [ $rounds -lt 200 ]; do
        rounds=$((rounds + 1))
        pause=$(awk -v seed="$rounds$$" -v most="$took" 'BEGIN { srand(seed); printf "%.3f", (0.2 + rand()) * most / 1500 }')
        "$cvt" classify -m "$model" many -o k.jsonl --resume -j 2 >/dev/null 2>&1 &
        run=$!
        if [ $killed -lt $kills ]; then sleep "$pause" && kill -9 $run 2>/dev/null && killed=$((killed + 1)); fi
        wait $run 2>/dev/null
    done
    sorted k.jsonl >got
    same "killed, $killed times so far: the records of one clean run" clean got
done
check 'the runs were killed' test $killed -ge $kills

# ---- parts -----------------------------------------------------------------------------------------------------------

for n in 1 2 3 7; do
    : >all
    ordered=yes
    for i in $(seq $n); do
        classify many -f jsonl --shard "$i/$n"
        cat out >>all
        sed 's/.*"path":"\([^"]*\)".*/\1/' out >part
        LC_ALL=C sort -c part 2>/dev/null || ordered=no
    done
    sort all >got
    same "$n parts are the whole" clean got
    equal "$n parts: in the order of the whole" $ordered yes
done
# The hash is that of FNV-1a: of "a" it is af63dc4c8601ec8c, of "foobar" 85944171f73967e8 (its authors' test vectors).
cp good/1.jpg a && cp good/1.jpg foobar
classify --shard $((0x8c % 16))/16 a -f jsonl && cp out got
classify --shard $((0xe8 % 16))/16 foobar -f jsonl
equal 'the hash of a part' "$(lines got) $(lines out)" '1 1'
classify --shard 13/16 a -f jsonl
equal 'the hash of another part' "$(lines out)" 0
classify many -f jsonl --shard 2/3 -j1 && cp out one
for options in '-j 2' '-j 8' '-b 4'; do
    # shellcheck disable=SC2086 # words are wanted
    classify many -f jsonl --shard 2/3 $options
    same "a part with $options" one out
done

# ---- what records hold -----------------------------------------------------------------------------------------------

classify -f jsonl -k 1000 good/1.jpg --min-score 0.1
least=$(sed 's/.*"score":\([0-9.e-]*\)}\]}$/\1/' out)
check '--min-score leaves the others out' awk "BEGIN { exit !($least >= 0.1) }"
classify -f jsonl good/1.jpg --min-score 1.5
equal '--min-score: nothing left' "$status $(cat out)" '0 {"path":"good/1.jpg","ok":true,"top":[]}'
classify -f csv good/1.jpg --min-score 1.5
equal '--min-score: nothing left in csv' "$(tail -n 1 out)" 'good/1.jpg,true,,,,,'
classify -f csv good/1.jpg --score none --min-score -1000
equal '--min-score below zero' "$status $(lines out)" '0 6'
classify -f jsonl good/6.jpg good/9.png --exif-fields
equal '--exif-fields' "$(sed 's/.*}\],//' out | tr '\n' ' ')" '"taken":null,"orientation":6} "taken":null,"orientation":1} '
usage '--exif-fields in text' '--exif-fields is for' good/1.jpg --exif-fields
if command -v python3 >/dev/null; then
    make_exif='import struct, sys
def block(e):
    text = b"2026:11:30 12:34:56\0"; zone = b"+01:00\0"
    def entry(tag, kind, count, value): return struct.pack(e + "HHII", tag, kind, count, value)
    first = struct.pack(e + "H", 2) + struct.pack(e + "HHIHH", 0x112, 3, 1, 6, 0) + entry(0x8769, 4, 1, 38) + bytes(4)
    inner = struct.pack(e + "H", 2) + entry(0x9003, 2, 20, 68) + entry(0x9011, 2, 7, 88) + bytes(4)
    return (b"II*\0" if e == "<" else b"MM\0*") + struct.pack(e + "I", 8) + first + inner + text + zone
for name, e in (("little.jpg", "<"), ("big.jpg", ">")):
    exif = b"Exif\0\0" + block(e)
    jpeg = open("good/1.jpg", "rb").read()
    old = 4 + struct.unpack(">H", jpeg[4:6])[0]
    open(name, "wb").write(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])'
    python3 -c "$make_exif"
    classify -f jsonl little.jpg big.jpg --exif-fields
    equal 'when an image was taken' "$(sed 's/.*}\],//' out | sort -u)" '"taken":"2026-11-30T12:34:56+01:00","orientation":6}'
    classify -f csv -k1 little.jpg --exif-fields
    equal 'when an image was taken, in csv' "$(head -n 1 out | sed 's/.*score//') $(tail -n 1 out | sed 's/.*,2026/2026/')" \
        ',taken,orientation 2026-11-30T12:34:56+01:00,6'
    read_z='import sys, json, csv, io
data = open(sys.argv[1], "rb").read()
assert data.endswith(b"\0") and b"\n" not in data
rows = data[:-1].split(b"\0")
if sys.argv[1] == "z.jsonl": [json.loads(r) for r in rows]
else: assert {len(r) for r in csv.reader((r.decode("utf-8", "replace") for r in rows), delimiter="\t", quoting=csv.QUOTE_NONE)} == {7}
print(len(rows))'
    classify -f jsonl -z names.d && cp out z.jsonl
    equal 'NUL behind each record of jsonl' "$(python3 -c "$read_z" z.jsonl)" 13
    classify -f tsv -z -k2 names.d && cp out z.tsv
    equal 'NUL behind each record of tsv' "$(python3 -c "$read_z" z.tsv)" 27
else
    echo 'skip when an image was taken: no python3 here'
fi
classify -f jsonl good && cp out want
classify -f jsonl good --line-buffered
same '--line-buffered: nothing else' want out
usage '-z in csv' '-z is for' good/1.jpg -f csv -z
classify -f jsonl -z good/1.jpg -o z.out
classify -f jsonl -z good/1.jpg good/2.jpg -o z.out --resume
equal '-z: resumed' "$status $(tr -dc '\0' <z.out | wc -c | tr -d ' ')" '0 2'
usage '-z: resumed without' 'its records end with NUL bytes' -f jsonl good/1.jpg -o z.out --resume
classify -f jsonl good/1.jpg -o nl.out
usage 'resumed with -z' 'its records end with newlines' -f jsonl -z good/1.jpg -o nl.out --resume

# ---- embed, attend ---------------------------------------------------------------------------------------------------

embed() {
    timeout 120 "$cvt" embed -m "$model" "$@" >out 2>err
    status=$?
}
attend() {
    timeout 120 "$cvt" attend -m "$model" "$@" >out 2>err
    status=$?
}
embed -f jsonl good
cp out e.want
equal 'embed: records' "$status $(lines out) $(grep -c '"ok":true,"embedding":\[' out)" '1 10 9'
embed good -o x.npy -q
if command -v python3 >/dev/null; then
    compare='import json, struct
data = open("x.npy", "rb").read()
n = struct.unpack("<H", data[8:10])[0]
values = struct.unpack("<%df" % ((len(data) - 10 - n) // 4), data[10 + n:])
rows = [json.loads(line) for line in open("e.want")]
flat = [struct.unpack("f", struct.pack("f", v))[0] for r in rows if r["ok"] for v in r["embedding"]]
print(tuple(flat) == values and [r["path"] for r in rows if r["ok"]] == open("x.txt").read().split())'
    equal 'embed: the numbers of the array' "$(python3 -c "$compare")" True
fi
embed good -o emb.jsonl --resume
head -c $(($(wc -c <emb.jsonl) / 2)) emb.jsonl >e.cut && mv e.cut emb.jsonl
embed good -o emb.jsonl --resume
sorted emb.jsonl >a && sorted e.want >b
same 'embed: resumed' b a
embed good -o x.npy --resume
equal 'embed: no resume of an array' "$status $(grep -c 'are for -f jsonl' err)" '2 1'
attend many/torn.jpg good -o maps/ -f npy
equal 'attend: a directory' "$status $(lines out) $(find maps -name '*.npy' | wc -l | tr -d ' ') $(lines maps/records.jsonl)" '1 0 9 12'
attend good/3.jpg -o three.npy
same 'attend: the map of one image' three.npy 'maps/good%2F3.jpg.npy'
attend good/3.jpg -o three.png
attend good -o maps/ --shard 1/1
same 'attend: the picture of one image' three.png 'maps/good%2F3.jpg.png'
rm 'maps/good%2F3.jpg.png' && grep -v 'good/3.jpg' maps/records.jsonl >a && cp a maps/records.jsonl
attend good -o maps/ --resume
equal 'attend: resumed' "$status $(lines maps/records.jsonl)" '1 11'
same 'attend: resumed: what was missing' three.png 'maps/good%2F3.jpg.png'
attend good -o maps/ --resume -f npy
equal 'attend: resumed in another form' "$status $(grep -c 'made with another --format' err)" '2 1'
attend names.d ../"$(basename "$work")"/good -o maps2/ -j 3
equal 'attend: names do not leave the directory' "$status $(find maps2 -name '*.png' | wc -l | tr -d ' ') $(find . -newer maps2 -name '*.png' -not -path './maps2/*' | wc -l | tr -d ' ')" '1 22 0'
attend good -o good/
equal 'attend: into a directory that is read' "$status $(grep -c 'which is read here' err)" '2 1'
attend good/6.jpg good/9.png -o fields/ -z --exif-fields -f npy
equal 'attend: -z and --exif-fields' "$(tr '\0' '\n' <fields/records.jsonl | sed '1d;s/.*.npy",//')" \
    '"taken":null,"orientation":6}
"taken":null,"orientation":1}'
attend good -o fields/ -z --exif-fields -f npy --resume
equal 'attend: resumed with -z' "$status $(tr '\0' '\n' <fields/records.jsonl | wc -l)" '1 11'
# Records of one command are not gone on with by another, with a header and without one.
for from in 'classify of.jsonl' 'embed of.jsonl' 'embed of.jsonl --tap norm' 'attend of/'; do
    rm -rf of of.jsonl
    # shellcheck disable=SC2086 # words are wanted
    "$cvt" ${from%% *} -m "$model" good/1.jpg -o ${from#* } --resume 2>err
    [ -d of ] && mv of/records.jsonl of.jsonl
    sed 1d of.jsonl >bare.jsonl
    for to in 'classify' 'embed' 'embed --tap norm'; do
        [ "$from" = "$(echo "$to" | sed 's/^[a-z]*/& of.jsonl/')" ] && continue
        for file in of.jsonl bare.jsonl; do
            # shellcheck disable=SC2086
            check "$to behind records of $from, $file" refuses 2 "$file: its records were made " \
                "$cvt" $to -m "$model" good -f jsonl -o $file --resume
        done
    done
done
attend good/1.jpg good/2.jpg -o one.png
equal 'attend: two images into a file' "$status $(grep -c 'name a directory' err)" '2 1'
for j in 1 2 8; do attend good -o "maps.$j/" -f npy -j $j; done
check 'attend: the same for all -j' diff -r -x records.jsonl maps.1 maps.2
check 'attend: the same for all -j, again' cmp maps.1/good%2F7.jpg.npy maps.8/good%2F7.jpg.npy

# ---- a million records -----------------------------------------------------------------------------------------------

if [ -n "${LONG:-}" ]; then
    awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "{\"path\":\"photos/%07d.jpg\",\"ok\":true,\"top\":[{\"index\":281,\"label\":\"tabby, tabby cat\",\"score\":0.913600028},{\"index\":7,\"label\":\"cock\",\"score\":0.0625}]}\n", i }' >million.jsonl
    start=$(date +%s%N)
    /usr/bin/time -f %M "$cvt" classify -m "$model" good/1.jpg -o million.jsonl --resume 2>err
    took=$((($(date +%s%N) - start) / 1000000))
    memory=$(tail -n 1 err)
    check "a million records: $took ms, $memory KiB" test "$took" -lt 10000 -a "$memory" -lt 200000
    equal 'a million records: one more' "$(lines million.jsonl)" 1000001
fi

exit $((failures > 0))
