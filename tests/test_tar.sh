#!/bin/sh
# test_tar.sh - tests cvt over tar archives: the same records as of the files in them, from a file, a pipe and a FIFO, for
# any threads; archives that are torn, compressed, missing. What is found in an archive is the matter of test_tar.c. Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case.
# CVT: the program; CVT_TEST_MODEL: a model.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
model=$(realpath "${CVT_TEST_MODEL:-$tests/data/cvt/tiny}")
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

# classify ARGUMENT...: records into out, messages into err, the exit status into $status
classify() {
    timeout 120 "$cvt" classify -m "$model" -f jsonl -k 2 "$@" >out 2>err
    status=$?
}
says() { # NAME STATUS LINE-OF-STDERR
    if [ "$status" -ne "$2" ]; then
        fail "$1" "status $status, want $2"
    elif [ "$3" != "$(cat err)" ]; then
        fail "$1" "got $(cat err), want $3"
    else
        pass "$1"
    fi
}

make_pictures
tar -cf plain.tar good/1.jpg

if "$cvt" --version | grep -q '^tar: none'; then
    classify --tar plain.tar
    says 'without libarchive it says so' 2 \
        'cvt: --tar: this program was built without libarchive, which reads archives'
    equal 'and writes nothing' "$(cat out)" ''
    exit $((failures > 0))
fi

# ---- the same records ------------------------------------------------------------------------------------------------

ls good/* >names
tar -cf all.tar -T names
for format in ustar gnu pax v7; do tar --format=$format -cf $format.tar -T names; done
split -l 4 names part.
for part in part.??; do tar -cf "$part.tar" -T "$part"; done

classify good
mv out wanted
equal 'a directory gives a record for each image' "$(lines wanted)" 9
sed 's/^{/{"tar":"all.tar",/' wanted >of_tar
for jobs in '-j 1' '-j 2' '-j 8' '-t 2 -j 1' '-j 2 -b 3'; do
    # shellcheck disable=SC2086  # options
    classify $jobs --tar all.tar
    same "a tar gives the same records, with $jobs" out of_tar
done
for format in ustar gnu pax v7; do
    classify --tar - <$format.tar
    same "from standard input, $format: without \"tar\"" out wanted
done
classify --tar part.aa.tar --tar part.ab.tar --tar part.ac.tar
sed 's/"tar":"part.a.\.tar",//' out >joined
same 'several archives, in their order' joined wanted
cat part.aa.tar part.ab.tar part.ac.tar | classify --tar -
same 'concatenated on standard input' out wanted
mkfifo fifo
cat all.tar >fifo &
classify --tar fifo
sed 's/"tar":"fifo",//' out >joined
same 'from a FIFO' joined wanted
wait
classify good/1.jpg --tar all.tar --files-from names
sed 's/"tar":"all.tar",//' out >joined
{ head -n 1 wanted && cat wanted wanted; } >thrice
same 'operands, then lists, then archives' joined thrice
for format in csv tsv json text; do
    timeout 60 "$cvt" classify -m "$model" -f $format good >of_files 2>err
    timeout 60 "$cvt" classify -m "$model" -f $format --tar - <all.tar >out 2>err
    same "-f $format" out of_files
done

timeout 60 "$cvt" embed -m "$model" good -o files.npy 2>err
timeout 60 "$cvt" embed -m "$model" --tar all.tar -o tar.npy 2>err
same 'embed: the same rows' tar.npy files.npy
same 'and names' tar.txt files.txt
"$cvt" embed -m "$model" --tar all.tar -o all.tar >out 2>err
status=$?
equal 'an archive is not written over' "$status $(wc -c <all.tar)" "2 $(wc -c <gnu.tar)"

# ---- runs that go on -------------------------------------------------------------------------------------------------

odd=$(printf 'odd\377.tar')
cp plain.tar "$odd"
"$cvt" classify -m "$model" --tar "$odd" -o odd.jsonl 2>err
grep -o '"tar_b64":"b2Rk/y50YXI="' odd.jsonl >name
for header in '' --header; do
    # shellcheck disable=SC2086  # an option or none
    "$cvt" classify -m "$model" --tar "$odd" $header -o odd.jsonl --force 2>err
    cp odd.jsonl once.jsonl
    "$cvt" classify -m "$model" --tar "$odd" -o odd.jsonl --resume 2>err || echo refused >odd.jsonl
    same "--resume: an archive whose name is not UTF-8 is done${header:+, with a header}" odd.jsonl once.jsonl
done
"$cvt" classify -m "$model" good/1.jpg -o odd.jsonl --resume 2>err
equal '--resume: a file is not the entry of an archive whose name is not UTF-8' \
    "$(lines name) $(tail -n 1 odd.jsonl | cut -c1-20)" '1 {"path":"good/1.jpg"'

# ---- what goes wrong -------------------------------------------------------------------------------------------------

echo junk >good/5x.jpg
echo 7 >good/6.cls
echo '<html>' >good/page
tar -cf mixed.tar good/1.jpg good/5x.jpg good/6.cls good/6.jpg good/page
classify --tar mixed.tar
says 'a broken entry is one line' 1 \
    "cvt: mixed.tar: good/5x.jpg: $("$cvt" classify -m "$model" good/5x.jpg 2>&1 | sed 's/.*5x.jpg: //')"
equal 'and a record with its archive' "$(sed -n 2p out | cut -c1-44)" '{"tar":"mixed.tar","path":"good/5x.jpg","ok"'
equal 'the others are there' "$(grep -c '"ok":true' out)" 2

size=$(wc -c <all.tar)
head -c $((size / 2)) all.tar >torn.tar
classify --tar torn.tar
says 'a torn archive is one line, and status 1' 1 'cvt: torn.tar: the tar archive ends early'
equal 'behind it stands the error of the archive' "$(tail -n 1 out)" \
    '{"path":"torn.tar","ok":false,"error":{"code":"truncated","message":"the tar archive ends early"}}'
sed '$d' out | sed 's/"tar":"torn.tar",//' >good_ones
head -n "$(lines good_ones)" wanted >first_ones
same 'before it its good entries' good_ones first_ones

for tool in gzip xz bzip2; do
    $tool -c plain.tar >plain.packed 2>err || continue
    classify --tar plain.packed
    says "$tool is named, and the pipe to use" 1 \
        "cvt: plain.packed: compressed by $tool: use a pipe, $tool -dc FILE | cvt ... --tar -"
    $tool -dc plain.packed | classify --tar -
    head -n 1 wanted >first_one
    same "and works" out first_one
done
classify --tar missing.tar --tar plain.tar
says 'a missing archive is a failed input' 1 'cvt: missing.tar: No such file or directory'
equal 'the next one is read' "$(grep -c '"ok":true' out)" 1
classify --tar good
says 'a directory is no archive' 1 'cvt: good: is a directory, not a file'
classify --tar - --files-from - </dev/null
says 'standard input is one thing' 2 'cvt: --tar -: standard input is already in use'
: >empty
tar -cf nothing.tar -T empty
classify --tar nothing.tar
says 'an archive without images is a line' 0 'cvt: nothing.tar: no images in this archive'

exit $((failures > 0))
