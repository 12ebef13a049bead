#!/bin/sh
# test_machine.sh - tests that the machine has no say in what is written: language, time zone, closed streams; and that a
# file of weights that is cut while it is in use ends the run with a line and a status, never by a signal.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case. CVT: the program; LONG=1: 50 cuts of 80 MB of weights.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
case ${CVT_BUILD:-} in sanitized) echo "skip machine: the release build shows it"; exit 0 ;; esac
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

make_pictures
head -c 400 good/1.jpg >good/torn.jpg
make_pets

# What every command writes, into the folder $1: files, standard output and standard error, and the exit status. What
# takes time is not there: it is another each time.
everything() {
    rm -rf "$1" results
    mkdir "$1" results
    n=0
    while read -r command; do
        n=$((n + 1))
        # shellcheck disable=SC2086 # words are wanted
        timeout 120 "$cvt" $command >results/out.$n 2>results/err.$n </dev/null
        echo $? >results/status.$n
        sed -i 's/in [0-9.]* s/in some s/' results/out.$n
    done <<'END'
classify -m model good -f jsonl --header --exif-fields
classify -m model good -f csv
classify -m model good
embed -m model good -o results/e.npy
attend -m model good/1.jpg -o results/a.png
eval -m model pets -f json --confusion results/c.svg
learn -m model pets -o results/n.safetensors --l2 1
convert model -o results/m.safetensors --dtype int8
report results/out.1 -o results/p.html
summary -m model
summary -m model --style torchsummary
check -m model
list
help classify
END
    mv results/* "$1"
}

# ---- language and time -----------------------------------------------------------------------------------------------

everything plain
equal 'every command does it' "$(cat plain/status.* | sort | uniq -c | tr -s ' \n' ' ')" ' 10 0 4 1 '
mkdir locales
for language in tr_TR de_DE ar_EG; do
    if ! localedef -i "$language" -f UTF-8 "locales/$language.UTF-8" >/dev/null 2>&1 && [ ! -d "locales/$language.UTF-8" ]; then
        echo "skip $language: that language cannot be made here"
        continue
    fi
    export LOCPATH="$work/locales" LC_ALL="$language.UTF-8" LANG="$language.UTF-8" LANGUAGE="$language"
    case $language in *_[TD][RE]) equal "$language is there" "$(locale decimal_point)" , ;; esac
    everything "$language"
    unset LOCPATH LANG LANGUAGE
    export LC_ALL=C
    check "$language: the same bytes" diff -r plain "$language"
done
for zone in Pacific/Kiritimati America/St_Johns :/nowhere; do
    export TZ="$zone"
    everything zone
    unset TZ
    check "TZ=$zone: the same bytes" diff -r plain zone
done

# ---- closed streams --------------------------------------------------------------------------------------------------

# A file that is opened must not get the number of a closed stream: records or messages would land in it.
for command in 'embed -m model good/1.jpg -o e.npy' 'convert model -o m.safetensors' 'learn -m model pets -o n.safetensors --l2 1' \
    'classify -m model good/1.jpg -f jsonl -o r.jsonl' 'attend -m model good/1.jpg -o a.png' 'preprocess -m model good/1.jpg -o x.npy'; do
    file=${command##*-o }
    file=${file%% *}
    # shellcheck disable=SC2086 # words are wanted
    "$cvt" $command >out 2>err </dev/null
    mv "$file" wanted
    for closed in 0 1 2 01 02 12 012; do
        rm -f "$file"
        # shellcheck disable=SC2086
        case $closed in
        0) "$cvt" $command <&- >out 2>err ;;
        1) "$cvt" $command </dev/null >&- 2>err ;;
        2) "$cvt" $command </dev/null >out 2>&- ;;
        01) "$cvt" $command <&- >&- 2>err ;;
        02) "$cvt" $command <&- >out 2>&- ;;
        12) "$cvt" $command </dev/null >&- 2>&- ;;
        012) "$cvt" $command <&- >&- 2>&- ;;
        esac
        status=$?
        # a command that has something to print cannot, and says so by its status
        case $status in 0 | 4) ;; *) fail "${command%% *} without $closed" "status $status" && continue ;; esac
        if [ -e "$file" ] || [ "$status" -eq 0 ]; then same "${command%% *} without $closed: its file" wanted "$file"
        else pass "${command%% *} without $closed: no file"; fi
    done
    check "${command%% *}: nothing is left" test -z "$(find . -name '.cvt-*' -o -name '*.partial')"
done

# ---- weights that are cut --------------------------------------------------------------------------------------------

cuts=10
"$cvt" convert model -o m.safetensors
if [ -n "${LONG:-}" ]; then
    cuts=50
    "$cvt" init -c "$tests/../configs/cvt-13.json" --seed 1 -o m.safetensors
fi
"$cvt" classify -m m.safetensors -f jsonl good/1.jpg >wanted
# 20 images, so that weights are read when the file is cut
yes good/1.jpg | head -n 20 >names
seed=7 whole=0 refused=0
for _ in $(seq $cuts); do
    cp m.safetensors cut.safetensors
    timeout 120 "$cvt" classify -m cut.safetensors -f jsonl -t1 --files-from names >out 2>err &
    run=$!
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    sleep "0.0$((seed / 65536 % 100))"
    truncate -s $((seed % 60000)) cut.safetensors
    wait $run
    status=$?
    case "$status $(lines err)" in
    '0 0') whole=$((whole + 1)) ;;
    '3 1') refused=$((refused + 1)) ;;
    *) fail 'weights that are cut' "status $status, $(cat err)" ;;
    esac
    equal 'weights that are cut: whole records are right' "$(sort -u out | grep -cvxFf wanted)" 0
done
equal 'weights that are cut: each run is refused or whole' $((whole + refused)) $cuts

exit $((failures > 0))
