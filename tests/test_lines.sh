#!/bin/sh
# test_lines.sh - tests models that read lines of text: windows of a long line, lines of a page (--lines), and that
# their answers are the mean that make_lines.py computes with transformers and Pillow. Prints "ok NAME" or
# "not ok NAME: why".
# CVT: the program; CVT_BIN: the folder of test_npydiff.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
bin=$(realpath "${CVT_BIN:-$tests/../build}")
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1
data=$tests/data/lines

# scores RECORDS: the scores of each record in the order of the classes
scores() { tail -n +2 "$1" | sort -t'	' -k5,5n | cut -f7 | tr '\n' ' '; }

# near GOT WANT: lists of numbers that differ by at most 2e-6
# shellcheck disable=SC2317 # check calls it
near() {
    echo "$1 $2" | awk '{ n = NF / 2; for (i = 1; i <= n; i++) { d = $i - $(i + n); if (d < -2e-6 || d > 2e-6) bad = 1 }
        if (n != 5 || bad) { print "got and wanted: " $0; exit 1 } }'
}

while IFS='	' read -r image option _ wanted; do
    [ "$option" = - ] && option=
    # shellcheck disable=SC2086 # no option is no word
    timeout 60 "$cvt" classify -m "$data" -k 5 -f tsv $option "$data/$image" >out 2>err </dev/null
    check "$image $option: the answer" near "$(scores out)" "$(echo "$wanted" | tr '\t' ' ')"
    # shellcheck disable=SC2086
    timeout 60 "$cvt" classify -m "$data" -k 5 -f tsv $option -j2 -b3 "$data/$image" "$data/$image" 2>>err </dev/null |
        awk 'NR == 1 || NR > 6' >again
    same "$image $option: with -j2 -b3" out again
done <"$data/expected.tsv"
equal 'images with an answer' "$(lines "$data/expected.tsv")" 10

"$cvt" classify -m "$data" -f jsonl --header "$data/three.png" >out 2>err
equal 'the header says how a line is resized' "$(sed -n 's/.*"preprocess":{"resize":"\([^"]*\)","size":\[32,64\].*/\1/p' out)" height

"$cvt" preprocess -m "$data" "$data/three.png" -o x.npy || fail 'the middle window' "status $?"
check 'the middle window' "$bin/test_npydiff" near 1e-7 "$data/three.npy" x.npy

"$cvt" classify -m "$data" --lines -f jsonl "$data/blank.png" "$data/page.png" >out 2>err
equal 'a blank page: status' $? 1
equal 'a blank page: its record' "$(grep -c 'blank.png","ok":false.*no line of text' out)" 1
equal 'a page after a blank one' "$(grep -c 'page.png","ok":true' out)" 1
"$cvt" classify -m "$tests/data/cvt/tiny" --lines "$data/page.png" >out 2>err
equal 'lines for a model of whole images: status' $? 3
equal 'lines for a model of whole images: message' "$(grep -c 'leave out --lines' err)" 1
"$cvt" classify -m "$tests/data/cvt/tiny" --lines -f jsonl "$data/page.png" >out 2>/dev/null
equal 'lines for a model of whole images: no record' "$(wc -c <out | tr -d ' ')" 0
exit $((failures > 0))
