#!/bin/sh
# test_neighbours.sh - tests that what a good file gives does not depend on its neighbours: with every kind of bad file
# between good ones, for any threads and batches, each good file has the record that it has in a run of its own, byte for
# byte, and each bad one a record and one line of standard error.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case. CVT: the program; CVT_TEST_MODEL: a model.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
model=$(realpath "${CVT_TEST_MODEL:-$tests/data/cvt/tiny}")
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

# classify ARGUMENT...: records into out, messages into err, the exit status into $status
classify() {
    timeout 300 "$cvt" classify -m "$model" -f jsonl "$@" >out 2>err
    status=$?
}

# ---- good files and bad ones -----------------------------------------------------------------------------------------

make_pictures
mkdir bad
# two of them take long on purpose; a sanitizer has enough with every fifth
awk '$2 == "error" && $1 !~ /_scans|_lie/ { print $1 }' "$tests/data/images/manifest.txt" |
    while read -r name; do cp "$tests/data/images/$name" bad; done
if [ "${CVT_BUILD:-}" = sanitized ]; then
    find bad -type f | sort | awk 'NR % 5' | xargs rm
fi
: >bad/empty.jpg
echo '{"path":"good/1.jpg","ok":true}' >bad/record.jpg
for n in 1 3 100 400 700; do head -c $n good/1.jpg >bad/cut_$n.jpg; done
for n in 1 9 30 100 200; do head -c $n good/9.png >bad/cut_$n.png; done
ln -s nowhere bad/dangling.jpg
mkfifo bad/fifo.jpg
find bad -type f -o -type l | sort >bads
printf '%s\n' bad/fifo.jpg bad/none.jpg "$(printf 'bad/\001\033[31m\377.jpg')" >>bads
# The names of a list are inputs as found ones are: a FIFO among them is none.
check 'there are bad files' test "$(lines bads)" -gt 15
n=0
while read -r name; do
    n=$((n % 9 + 1))
    if [ $n -eq 9 ]; then echo good/9.png; else echo good/$n.jpg; fi
    printf '%s\n' "$name"
done <bads >mixed

# ---- each by itself --------------------------------------------------------------------------------------------------

for n in 1 2 3 4 5 6 7 8 9; do
    classify good/$n.* -t 1
    equal "good/$n by itself" "$status $(lines err) $(grep -c '"ok":true' out)" '0 0 1'
    cp out single.$n
done
n=0
while read -r _; do
    n=$((n % 9 + 1))
    cat single.$n
done <bads >wanted

# ---- together --------------------------------------------------------------------------------------------------------

for options in '-j1' '-j2' '-j8' '-j1 -b4' '-j2 -b8' '-j8 -b3' '-t3' '-t2 -b4'; do
    # shellcheck disable=SC2086 # words are wanted
    classify $options --files-from mixed
    equal "$options: status 1, a record for each" "$status $(lines out)" "1 $(lines mixed)"
    awk 'NR % 2 == 1' out >got
    same "$options: good files have their own records" wanted got
    equal "$options: bad ones have records of failures" "$(awk 'NR % 2 == 0' out | grep -c '"ok":false')" "$(lines bads)"
    equal "$options: and a line each" "$(lines err) $(sort -u err | wc -l)" "$(lines bads) $(lines bads)"
    [ -f all ] || cp out all
    same "$options: the same bytes as with one thread" all out
done

sed '1!G;h;$!d' mixed >turned
classify -j2 --files-from turned
sed '1!G;h;$!d' out >got
same 'in the other order each has the same record' all got

exit $((failures > 0))
