#!/bin/sh
# test_progress.sh - tests what people see of a run on a terminal: the bar, its total, the last line, that bar and
# records never share a line, colours and columns. Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case.
# CVT: the program; CVT_BUILD: release or sanitized; CVT_TEST_MODEL: a model (else a small one with random weights is made).
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
model=${CVT_TEST_MODEL:+$(realpath "$CVT_TEST_MODEL")}
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1
unset NO_COLOR COLUMNS
export TERM=xterm

# on_terminal COLUMNS COMMAND: all that goes to a terminal of this width, into seen
on_terminal() { script -qec "stty cols $1; $2" /dev/null </dev/null >seen 2>&1; }
has_terminals() { command -v script >/dev/null && on_terminal 77 'stty size' && grep -q ' 77' seen; }
if ! has_terminals; then
    echo 'skip what is seen on a terminal: script makes none here'
    exit 0
fi
if [ -z "$model" ]; then
    model=$work/model.safetensors
    "$cvt" init -c "$tests/data/cli/tiny.json" --seed 1 -o "$model" || fail 'a model' "cvt init: status $?"
fi

make_pictures
# as many images as take a second or so with -j1, by what the last line of a run says
mkdir -p many/below
n=0 seconds=0
while [ "$seconds" -lt 1 ] && [ $n -lt 50000 ]; do
    i=$n
    n=$((n ? 2 * n : 400))
    while [ $i -lt $n ]; do
        ln "good/$((i % 8 + 1)).jpg" "many/below/$i.jpg" 2>/dev/null || cp "good/$((i % 8 + 1)).jpg" "many/below/$i.jpg"
        i=$((i + 1))
    done
    "$cvt" classify -m "$model" -f jsonl -j1 -v many/below 2>err >/dev/null
    seconds=$(sed -n '$s/.*, \([0-9]*\)\.[0-9] s, .*/\1/p' err)
done
head -c 800 good/1.jpg >many/torn.jpg
total=$((n + 1))
run="'$cvt' classify -m '$model' -r many -j1"

# pieces: what was drawn at one time, a line each, without what clears
pieces() { tr '\r' '\n' <seen | sed 's/^.\[K//' | grep .; }
bars() { pieces | grep '^  [0-9]'; }

# ---- the bar ---------------------------------------------------------------------------------------------------------

on_terminal 100 "$run -o a.jsonl"
bars >drawn
check 'the bar is drawn' test "$(lines drawn)" -ge 1
check 'the bar has a total, a rate and the time left' \
    grep -qE "^  [0-9]+ of $total images \[#*\.*\], 1 failed, [0-9.]+/s, 0:[0-9]{2} left\$|^  [0-9]+ of $total images \[#*\.*\], [0-9.]+/s, 0:[0-9]{2} left\$" drawn
last='^[0-9]+ images, 1 failed, [0-9]+\.[0-9] s, [0-9.]+ images/s$'
equal 'the last line' "$(pieces | tail -n 1 | grep -cE "$last") $(pieces | tail -n 1 | cut -d' ' -f1)" "1 $total"
check 'a failed image has its own line' test "$(pieces | grep -c '^cvt: many/torn.jpg: ')" = 1
for columns in 80 40 24 10; do
    on_terminal $columns "$run -o a.jsonl --progress always"
    bars >drawn
    check "the bar fits $columns columns" awk -v most=$columns 'length >= most { bad = 1 } END { exit bad || NR < 2 }' drawn
done
find many -name '*.jpg' >list
on_terminal 100 "'$cvt' classify -m '$model' --files-from list -j1 -o a.jsonl --progress always"
check 'the total of a list in a file' test "$(bars | grep -c " of $total images")" -ge 1
on_terminal 100 "cat list | '$cvt' classify -m '$model' --files-from - -j1 -o a.jsonl --progress always"
equal 'no total of a list from a pipe' "$(bars | grep -c ' of ') $(bars | grep -c ' images, ' | grep -c '^0')" '0 0'
on_terminal 100 "$run --shard 1/2 -o a.jsonl --progress always"
part=$(lines a.jsonl)
check 'the total of a part' test "$(bars | grep -c " of $part images")" -ge 1
on_terminal 100 "$run --resume -o b.jsonl"
head -n $((total / 2)) b.jsonl >a.jsonl
on_terminal 100 "$run --resume -o a.jsonl"
check 'what was done before counts' test "$(pieces | tail -n 1 | grep -cE "; $((total / 2 - 1)) done before\$")" = 1
check 'what was done before: nothing is done twice' test "$(lines a.jsonl)" = $((total + 1))

# ---- when it is not --------------------------------------------------------------------------------------------------

quick="'$cvt' classify -m '$model' good many/torn.jpg"

on_terminal 100 "$quick -o a.jsonl --progress never"
equal '--progress never: no bar' "$(bars | wc -l | tr -d ' ') $(pieces | tail -n 1 | grep -cE "$last")" '0 1'
on_terminal 100 "$quick -o a.jsonl -q"
equal '-q: neither bar nor last line' "$(pieces | wc -l | tr -d ' ') $(pieces | grep -c '^cvt: ')" '1 1'
TERM=dumb on_terminal 100 "$quick -o a.jsonl"
equal 'TERM=dumb: no bar, but the last line' "$(bars | wc -l | tr -d ' ') $(pieces | tail -n 1 | grep -cE "$last")" '0 1'
sh -c "$quick -o a.jsonl" 2>err
equal 'no terminal: no bar, no last line' "$(lines err)" 1
sh -c "$quick -o a.jsonl -v" 2>err
equal '-v: the last line' "$(tail -n 1 err | grep -cE "$last")" 1
sh -c "$quick -o a.jsonl -v -q" 2>err
equal '-v -q: no last line' "$(tail -n 1 err | grep -cE "$last")" 0
sh -c "$run -o a.jsonl --progress always" 2>err
equal '--progress always: whole lines' "$(grep -cE "^[0-9]+ of $total images.*/s" err | grep -vc '^0') $(grep -c "$(printf '\r')" err) $(tail -n 1 err | grep -cE "$last")" '1 0 1'

# ---- the same terminal -----------------------------------------------------------------------------------------------

sh -c "$run -f jsonl" >want 2>/dev/null
on_terminal 100 "$run -f jsonl --progress always"
check 'the bar is drawn between records' test "$(bars | wc -l)" -ge 2
# what stays on the screen: of each line what was written behind the last clearing
sed 's/\r$//; s/.*\r.\[K//' seen | grep -v -e '^cvt: ' -e '^$' >screen
equal 'the last line behind the records' "$(tail -n 1 screen | grep -cE "$last")" 1
sed '$d' screen >got
same 'records on the terminal are those in a pipe' want got

# ---- text ------------------------------------------------------------------------------------------------------------

plain="'$cvt' classify -m '$model' good/1.jpg good/9.png -q"
escapes() { grep -c "$(printf '\033')" seen; }
bar_marks() { grep -c '%  #*  *[^ ]' seen; }
on_terminal 100 "$plain"
check 'text on a terminal has colours' test "$(escapes)" -gt 0
NO_COLOR=1 on_terminal 100 "$plain"
equal 'NO_COLOR: bars without colours' "$(escapes) $(bar_marks)" '0 10'
TERM=dumb on_terminal 100 "$plain"
equal 'TERM=dumb: no colours' "$(escapes)" 0
sh -c "$plain" >want
on_terminal 100 "$plain --color never" && tr -d '\r' <seen >got
same '--color never: as in a pipe' want got
equal 'a pipe: neither colours nor bars' "$(grep -c '#' want)" 0
NO_COLOR=1 sh -c "$plain --color always" >seen
check '--color always: in a pipe too' test "$(escapes)" -gt 0
NO_COLOR=1 on_terminal 100 "$plain -k1 good/2.jpg" && tr -d '\r' <seen >got
equal '-k1 stands in columns' "$(awk '{ print index($0, "%") }' got | sort -u | wc -l | tr -d ' ') $(lines got)" '1 3'

exit $((failures > 0))
