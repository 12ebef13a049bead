#!/bin/sh
# test_classify.sh - tests cvt classify over many inputs: the same bytes come out for any threads, jobs and batch, and
# beside bad inputs; unusual files, streams and signals. Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a
# case.
# CVT: the program; CVT_TEST_MODEL: a model (else a small one with random weights is made).
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
model=${CVT_TEST_MODEL:+$(realpath "$CVT_TEST_MODEL")}
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

# classify ARGUMENT...: records into out, messages into err, the exit status into $status
classify() {
    timeout 60 "$cvt" classify -m "$model" "$@" >out 2>err
    status=$?
}

# ---- inputs ----------------------------------------------------------------------------------------------------------

make_pictures

mkdir bad
head -c 800 good/1.jpg >bad/torn.jpg
head -c 100 good/9.png >bad/torn.png
: >bad/empty.jpg
echo 'no picture' >bad/text.jpg
mkfifo bad/fifo.jpg
mkdir pipes && mkfifo pipes/fifo.jpg
ln -s nowhere bad/dangling.png
ln -s /dev/zero bad/zero.jpg
ln -s loop.jpg bad/loop.jpg

if [ -z "$model" ]; then
    model=$work/model.safetensors
    "$cvt" init -c "$tests/data/cli/tiny.json" --seed 1 -o "$model" || fail 'a model' "cvt init: status $?"
fi

# ---- what the model is fed -------------------------------------------------------------------------------------------

# numbers FILE.npy: one a line
numbers() { tail -c +$(($(od -An -tu2 -j8 -N2 "$1") + 11)) "$1" | od -An -v -tf4 -w4 | tr -d ' '; }
# How an image is prepared may depend on whose names the weights have: preprocess has to look there, too.
for case in cvt/tiny lite/timm pvt_v2/timm pvt_v2/hf_li vit/timm; do
    rm -rf x.npy fed
    "$cvt" preprocess -m "$tests/data/$case" good/1.jpg -o x.npy && "$cvt" run -m "$tests/data/$case" -i x.npy -o fed
    numbers fed/output.npy | sort -gr >want
    "$cvt" classify -m "$tests/data/$case" -k 1000 --score none -f csv good/1.jpg | sed -n 's/.*,//; 2,$ p' >got
    # shellcheck disable=SC2016 # of awk
    check "what preprocess writes gives the same scores: $case" awk '
        NR == FNR { want[NR] = $1; n++; next } { d = $1 - want[FNR]; if (d * d > 1e-10) bad = 1; m++ }
        END { exit bad || n != m || !n }' want got
done

# ---- the same bytes --------------------------------------------------------------------------------------------------

set -- good/1.jpg bad/torn.jpg good/2.jpg good/3.jpg bad/empty.jpg pipes good/4.jpg missing.jpg good good/5.jpg
classify -f jsonl -t1 -j1 -b1 "$@"
cp out reference && cp err reference.err
equal 'mixed inputs: status' $status 1
equal 'mixed inputs: records' "$(lines out)" 18
equal 'mixed inputs: good ones' "$(grep -c '"ok":true' out)" 14
equal 'mixed inputs: a line for each failure' "$(lines err)" 4
equal 'different pictures have different scores' "$(sed -n '/"good/ s/.*"top"//p' out | sort -u | wc -l | tr -d ' ')" 9
for options in -t1 -t2 -t3 -j1 -j2 -j5 -b1 -b3 -b16 '-j2 -b3' '-t2 -b3' '-t2 -j2 -b2' ''; do
    # shellcheck disable=SC2086 # words are wanted
    classify -f jsonl $options "$@"
    same "mixed inputs: records with '$options'" reference out
    same "mixed inputs: messages with '$options'" reference.err err
done
for o in 1 2 3 4 5; do
    classify -f jsonl good/$o.jpg
    grep "good/$o.jpg" reference | head -n 1 >want
    same "alone as among others: $o" want out
done

# --profile changes no record. Its table names all stages, each of which took time; the columns agree, and one reader and
# one runner cannot have been at it for more than twice the time that the run took.
profiled() { # NAME: the table is the end of err; a run of 18 images took less than $took seconds
    awk -v took="$took" '
        NR == 1 && $0 !~ /^stage +ms +ms an image +share$/ { bad = "head: " $0 }
        NR > 1 && NR < 7 { names = names $1 " "; total += $2; share += $4; if (!($3 > 0)) bad = $1 " took no time"
            if ($2 - 18 * $3 > 0.06 + 0.01 || 18 * $3 - $2 > 0.06 + 0.01) bad = $0 ": no 18 images" }
        NR == 7 && $0 !~ /^18 images; 1 thread read and decoded, 1 ran the model; / { bad = "end: " $0 }
        END {
            if (names != "read decode resize forward write ") bad = "stages: " names
            if (share < 99.7 || share > 100.3) bad = "shares add up to " share
            if (total > 2000 * took) bad = total " ms of a run of " took " s"
            if (NR != 7 || bad) print bad ? bad : NR " lines"
        }' >why
    equal "$1" "$(cat why)" ''
}
began=$(date +%s)
classify -f jsonl -t1 -j1 --profile "$@"
took=$(($(date +%s) - began + 1))
same 'mixed inputs: records with --profile' reference out
tail -n 7 err | profiled '--profile: a table'
sed '/^stage /,$d' err >said
same 'mixed inputs: messages with --profile' reference.err said

# Pictures of all kinds, good and bad: those named bad_* and torn_* must fail, each with
# one line, the others must not.
pictures=$tests/data/images
classify -f jsonl -t1 -j1 -b1 "$pictures"
cp out reference && sed '/: warning: /d' err >reference.err
sed -n 's/.*"path":"\([^"]*\)","ok":false.*/\1/p' out >failed
find "$pictures" -name 'bad_*' -o -name 'torn_*' | sort >want
same 'all kinds: those that fail' want failed
sed 's/^cvt: \([^:]*\): .*/\1/' reference.err >said
same 'all kinds: what is said of them' want said
for options in '-j3 -b2' '-t2 -b16'; do
    # shellcheck disable=SC2086 # words are wanted
    classify -f jsonl $options "$pictures"
    same "all kinds: records with '$options'" reference out
done

# ---- order -----------------------------------------------------------------------------------------------------------

seq -f 'nothing/%06.0f.jpg' 20000 >names
classify -f tsv --files-from names
equal 'a long list: status' $status 1
sed 1d out | cut -f1 >got
same 'a long list: order' names got
sed 's/^cvt: //; s/: No such.*//' err >got
same 'a long list: messages' names got

mkdir -p tree/b tree/a.jpg
for name in b/z b/a 'a.jpg/i' c B 'b.b'; do cp good/1.jpg "tree/$name.jpg"; done
ln -s .. tree/b/up
classify -f tsv -r tree
find tree -type f | sort >names
sed 1d out | cut -f1 | uniq >got
same 'a tree is walked in byte order' names got
classify -f jsonl tree
equal 'a directory is not walked deeper' "$(lines out)" 3
classify -f jsonl tree/b/
equal 'a slash behind a directory is not doubled' "$(sed 's/.*"path":"\([^"]*\)".*/\1/' out | tr '\n' ' ')" 'tree/b/a.jpg tree/b/z.jpg '

# ---- what is no picture ----------------------------------------------------------------------------------------------

for file in bad/*; do
    classify -f jsonl good/1.jpg "$file" good/2.jpg
    code=$(sed -n '2s/.*"ok":false,"error":{"code":"\([a-z_]*\)".*/\1/p' out)
    case $code in
    not_found | unreadable | format | truncated | corrupt | unsupported | too_large | non_finite) known=yes ;;
    *) known=no ;;
    esac
    equal "bad: $file" "$status $(lines out) $(lines err) $(grep -c "^cvt: $file: " err) $known" '1 3 1 1 yes'
done
classify -f jsonl bad
equal 'bad: all of a directory' "$status $(grep -c '"ok":false' out) $(lines err)" '1 8 8'
classify -k1 --allow-truncated bad/torn.jpg
equal 'a torn picture with --allow-truncated' "$status $(lines out)" '0 1'
classify --max-pixels 100 good/1.jpg
equal '--max-pixels' "$status $(grep -c -e --max-pixels err)" '1 1'
classify bad/torn.jpg
equal 'text has no record of failures' "$status $(lines out) $(cat err)" '1 0 cvt: bad/torn.jpg: JPEG data ends early'

# ---- names -----------------------------------------------------------------------------------------------------------

mkdir names.d
long=$(printf '%0240d' 0).jpg
for name in 'quo"te.jpg' 'com,ma.jpg' 'back\slash.jpg' "$(printf 'new\nline.jpg')" "$(printf 'esc\033[31m.jpg')" \
    "$(printf 'bad\377\376.jpg')" "$(printf 'tab\t.jpg')" "$(printf 'cr\r.jpg')" "$(printf 'c1\302\233.jpg')" ' ' '-x.jpg' '%s%n.jpg' \
    "$(printf '\303\251.jpg')" "$long"; do
    cp good/1.jpg "names.d/$name"
    echo 'no picture' >"names.d/${name%.jpg}-bad.jpg" 2>/dev/null
done
count=$(find names.d -type f -print0 | tr -dc '\0' | wc -c | tr -d ' ')
for format in text jsonl json csv tsv; do
    classify -f $format names.d
    controls=$(cat out err | tr -d '\n' | tr -dc '\001-\010\013-\037\177' | wc -c | tr -d ' ')
    equal "names: no control bytes in $format" "$status $controls $(grep -c . out >/dev/null && echo records)" '1 0 records'
    equal "names: a message each beside $format" "$(lines err)" 14
    cp out "names.$format"
done
equal 'names: a record each' "$(lines names.jsonl)" "$count"
equal 'names: not UTF-8' "$(grep -c '"path_b64":"bmFtZXMuZC9iYWT//i5qcGc="' names.jsonl)" 1
if command -v jq >/dev/null; then
    equal 'jq reads jsonl' "$(jq -e -c .path names.jsonl | wc -l | tr -d ' ')" "$count"
    equal 'jq reads json' "$(jq -e length names.json)" "$count"
else
    echo 'skip jq reads json: it is not here'
fi
if command -v python3 >/dev/null; then
    read_csv='import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
print({len(r) for r in rows}, len({r["path"] for r in rows}), sum(r["ok"] == "false" for r in rows))'
    equal 'python reads csv' "$(python3 -c "$read_csv" names.csv)" "{7} $count 14"
    equal 'python reads json' "$(python3 -m json.tool names.json >/dev/null && echo yes)" yes
else
    echo 'skip python reads csv and json: it is not here'
fi
too_long=$(printf '%05000d' 0)
classify -f jsonl "$too_long"
equal 'a path that is too long' "$status $(lines out) $(grep -c "^cvt: $too_long: File name too long\$" err)" '1 1 1'

# ---- scores ----------------------------------------------------------------------------------------------------------

classify -f csv -k 1000000 good/1.jpg
sum=$(awk -F, 'NR > 1 { sum += $NF; if (NR > 2 && $NF > last) bad = 1; last = $NF } END { print (sum > 0.9999 && sum < 1.0001), bad + 0 }' out)
equal 'scores fall and add up to one' "$sum" '1 0'
classify good/1.jpg
equal 'text: five ranks under the path' "$(lines out) $(head -n 1 out)" '6 good/1.jpg'
classify -k1 good/1.jpg good/2.jpg
equal 'text: one rank a line' "$(lines out) $(grep -c '^good/[12].jpg: .* ([0-9]*\.[0-9][0-9]%)$' out)" '2 2'

# ---- lists and streams -----------------------------------------------------------------------------------------------

classify -f jsonl
equal 'no inputs' "$status $(lines out) $(lines err)" '0 0 1'
mkdir nothing
classify -f json nothing
equal 'an empty directory' "$status $(cat out)" '0 []'
classify -f jsonl -b3 good && cp out reference
find good -type f -print0 | sort -z >list0
classify -f jsonl -0 <list0
same 'names with NUL on standard input' reference out
classify -f jsonl -0 --files-from list0
same 'names with NUL in a file' reference out
tr '\0' '\n' <list0 | timeout 60 "$cvt" classify -m "$model" -f jsonl --files-from - >out
same 'names in lines' reference out
tr '\0' '\n' <list0 | sed 's/jpg$/&\n/' >list && printf 'good/1.jpg' >>list
classify -f jsonl --files-from list
equal 'empty lines, no newline at the end' "$status $(lines out)" '0 10'
classify -f csv - <good/3.jpg && sed 's/^-/good\/3.jpg/' out >got && classify -f csv good/3.jpg
same 'a picture on standard input' got out
classify -f jsonl - - <good/3.jpg
equal 'standard input serves once' "$status $(grep -c '"ok":false' out)" '1 1'
classify -f jsonl - </dev/zero
equal 'an endless standard input that is no picture' "$status $(lines out)" '1 1'
classify -0 good
equal '-0 without a list' "$status $(lines err)" '2 1'
classify --files-from missing
equal 'a list that is missing' "$status $(lines err) $(lines out)" '2 1 0'
classify -f csv --files-from missing good/3.jpg
equal 'a list that is missing: no record' "$status $(lines err) $(lines out)" '2 1 0'

# A record comes out before the next name goes in, whatever -b says.
mkfifo feed
timeout 60 "$cvt" classify -m "$model" -f jsonl -b4 --files-from - <feed >out 2>err &
exec 3>feed
answers=
for o in 1 2 3; do
    echo good/$o.jpg >&3
    waits=0
    while [ "$(lines out)" -lt $o ] && [ $waits -lt 200 ]; do
        sleep 0.1
        waits=$((waits + 1))
    done
    answers="$answers $(lines out)"
done
exec 3>&-
wait $!
equal 'an answer before the next question' "$? $answers" '0  1 2 3'

# endless: names without end
endless() { while echo good/1.jpg && echo good/2.jpg; do :; done 2>/dev/null; }
endless | {
    timeout 60 "$cvt" classify -m "$model" -f jsonl --files-from - 2>err
    echo $? >status
} | head -n 3 >out
equal 'a reader that goes away' "$(cat status) $(lines out) $(lines err)" '0 3 0'
endless | timeout 60 "$cvt" classify -m "$model" -f jsonl --files-from - 2>err >/dev/full
equal 'a full disk' "$? $(lines err)" '4 1'
timeout 60 "$cvt" classify -m "$model" good >&- 2>err
equal 'a closed standard output' "$? $(lines err)" '4 1'
timeout 60 "$cvt" classify -m "$model" -f jsonl good bad >out 2>&-
equal 'a closed standard error' "$? $(lines out)" '1 17'
timeout 60 "$cvt" classify -m "$model" -f jsonl - <&- >out 2>err
equal 'a closed standard input' "$? $(lines out) $(lines err)" '1 1 1'

for signal in INT:130 TERM:143; do
    endless | timeout --preserve-status -s "${signal%:*}" 2 "$cvt" classify -m "$model" -f json --files-from - >out 2>err
    equal "${signal%:*}: status, nothing said" "$? $(lines err)" "${signal#*:} 0"
    sed 's/.*"path":"\([^"]*\)".*/\1/; /^]$/d' out >got
    endless | head -n "$(lines got)" >names
    same "${signal%:*}: a prefix of the records" names got
    equal "${signal%:*}: the array is closed" "$(tail -n 1 out)" ']'
done

exit $((failures > 0))
