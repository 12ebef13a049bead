#!/bin/sh
# test_lost.sh - nothing lost, nothing silent: outputs that would destroy something, inputs that would vanish, lists and
# pipes from other programs, and every exit status and error code of the contract. Prints "ok NAME", "not ok NAME: why"
# or "skip NAME: why" a case.
# CVT: the program; CVT_TEST_MODEL: a model.
# shellcheck disable=SC2317 # functions that check calls
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
program=$cvt
model=$(realpath "${CVT_TEST_MODEL:-$tests/data/cvt/tiny}")
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1
make_pictures
cat=$tests/data/cli/cat.jpg
"$cvt" convert "$model" -o m.safetensors || exit 1

# says STATUS TEXT COMMAND...: this status, nothing on standard output, and one line on standard error that holds the text
says() {
    refuses "$@" </dev/null || return 1
    [ ! -s "$work/out" ] || { echo "on standard output: $(head -c 100 "$work/out")" && return 1; }
}
# kept FILE COMMAND...: the same of status 2, and the file stays as it is
kept() {
    file=$1
    shift
    sum=$(cksum <"$file")
    says 2 "$file" "$@" || return 1
    [ "$(cksum <"$file")" = "$sum" ] || { echo "$file has changed" && return 1; }
}
embed() { "$cvt" embed -m m.safetensors "$@"; }
classify() { "$cvt" classify -m m.safetensors "$@"; }

# ---- outputs ---------------------------------------------------------------------------------------------------------

check 'convert: onto its input' kept m.safetensors "$cvt" convert m.safetensors -o m.safetensors
ln -s m.safetensors link.safetensors
ln m.safetensors hard.safetensors
check 'convert: onto a link to its input' kept link.safetensors "$cvt" convert m.safetensors -o link.safetensors
check 'convert: onto its input by another name' kept hard.safetensors "$cvt" convert m.safetensors -o hard.safetensors
check 'convert: not even with --force' kept m.safetensors "$cvt" convert m.safetensors -o m.safetensors --force
mkdir dir && cp "$model"/config.json dir && "$cvt" convert "$model" -o dir/weights.safetensors
check 'convert: onto the weights of its directory' kept dir/weights.safetensors "$cvt" convert dir -o dir/weights.safetensors
cp dir/config.json dir/config
check 'convert: onto its config' kept dir/config "$cvt" convert dir -c dir/config -o dir/config --force
seq -f 'class %.0f' 10 >words
check 'convert: onto its labels' kept words "$cvt" convert dir --labels words -o words --force
check 'preprocess: another ending' kept good/1.jpg "$cvt" preprocess -m dir good/1.jpg -o good/1.jpg
cp good/1.jpg picture && cp good/1.jpg picture.npy
check 'preprocess: onto its picture' kept picture "$cvt" preprocess -m dir picture -o picture --force
check 'preprocess: onto a picture' kept picture.npy "$cvt" preprocess -m dir good/2.jpg -o picture.npy
check 'preprocess --force: onto a picture' "$cvt" preprocess -m dir good/2.jpg -o picture.npy --force
check 'preprocess: onto its like' "$cvt" preprocess -m dir good/3.jpg -o picture.npy
cp good/1.jpg map.npy
check 'attend: onto another kind' kept map.npy "$cvt" attend -m dir good/2.jpg -o map.npy --layer 0
cp good/1.jpg map.png
printf '\223NUM' >short.npy
check 'preprocess: onto a part of a signature' kept short.npy "$cvt" preprocess -m dir good/2.jpg -o short.npy
check 'attend: onto a picture of another kind' kept map.png "$cvt" attend -m dir good/2.jpg -o map.png
mkdir values && "$cvt" preprocess -m dir good/1.jpg -o values/output.npy
check 'run: onto its input' kept values/output.npy "$cvt" run -m dir -i values/output.npy -o values
cp good/1.jpg good/a.npy
check 'embed: the name of the output was forgotten' kept good/2.jpg embed good/1.jpg -o good/2.jpg
check 'embed: onto a picture' kept good/a.npy embed good/1.jpg -o good/a.npy
check 'embed: onto a picture that it reads' kept good/a.npy embed good -o good/a.npy --force
rm good/a.npy
mkdir taken && cp good/1.jpg good/9.png taken && cp good/2.jpg taken/0.jsonl && cp good/9.png taken/b
check 'classify: onto a picture of a directory that it reads' kept taken/0.jsonl classify taken -o taken/0.jsonl --force
ls taken/b >list
check 'classify: onto a picture of its list' kept taken/b classify --files-from list -f csv -o taken/b --force
mkdir -p 'eval/class 1' 'eval/class 2' && cp good/9.png 'eval/class 1' && cp good/[89]* 'eval/class 2'
check 'eval: the matrix onto a picture that it reads' kept 'eval/class 2/9.png' \
    "$cvt" eval -m dir --labels words eval --confusion 'eval/class 2/9.png'
tar cf taken.tar taken/9.png
check 'attend: a picture of an archive beside one' says 2 'is a file for a single image' \
    "$cvt" attend -m dir good/1.jpg --tar taken.tar -o two.png
echo 'buy milk' >notes.txt
check 'embed: onto notes' kept notes.txt embed good -o notes.npy
check 'embed: no rows without names' test ! -e notes.npy
check 'embed --force: onto notes' embed good -o notes.npy --force
check 'embed: onto its like' embed good/1.jpg -o notes.npy
rm notes.npy
check 'embed: names without rows are names' embed good -o notes.npy
ls -d good/* >list.txt
check 'embed: onto its list' kept list.txt embed --files-from list.txt -o list.npy --force
check 'embed: to standard output' says 2 'two files' embed good -o -
mkfifo pipe.npy
cat pipe.npy >got.npy &
check 'preprocess: into a FIFO' "$cvt" preprocess -m dir good/3.jpg -o pipe.npy
wait $!
same 'what comes out of it' picture.npy got.npy

# on_terminal COMMAND: with a terminal for all streams, whose lines go to $work/seen
on_terminal() { timeout 20 script -qec "$1" /dev/null </dev/null >"$work/seen" 2>&1; }
if command -v script >/dev/null; then
    on_terminal "'$cvt' preprocess -m dir good/1.jpg -o -"
    equal 'binary to a terminal' "$? $(lines seen) $(grep -c 'a terminal' seen)" '2 1 1'
    on_terminal "'$cvt' convert m.safetensors -o /dev/stdout"
    equal 'binary to a terminal by another name' "$? $(lines seen) $(grep -c 'a terminal' seen)" '2 1 1'
    on_terminal "'$cvt' classify -m m.safetensors -0 </dev/tty & sleep 1; kill %1"
    equal '-0 on a terminal' "$(grep -c 'from the terminal' seen)" 1
    mkdir bidi && cp "$cat" "bidi/$(printf 'a\342\200\256gpj.jpg')"
    on_terminal "'$cvt' classify -m m.safetensors -k1 bidi"
    equal 'direction controls on a terminal' "$(grep -c 'a.*gpj.jpg' seen) $(LC_ALL=C grep -c "$(printf '\342\200\256')" seen)" '1 0'
    classify -k1 bidi >out
    equal 'direction controls in a pipe' "$(LC_ALL=C grep -c "$(printf '\342\200\256')" out)" 1
else
    echo 'skip terminals: no script(1) here'
fi

# ---- inputs that would vanish ----------------------------------------------------------------------------------------

mkdir plain && for i in 1 2 3 4 5 6 7 8 9; do cp "$cat" plain/$i; done
# few N ARGUMENT...: cvt classify with so many descriptors
few() {
    n=$1
    shift
    # shellcheck disable=SC2016 # the inner shell expands it
    timeout 60 sh -c 'exec 2>err >out; ulimit -n "$1" && shift && exec "$@"' - "$n" "$cvt" classify -m m.safetensors -f jsonl "$@"
}
few 7 -j1 plain
equal 'few descriptors: every file has a record' "$? $(lines out) $(grep -c '"ok":true' out)" '0 9 9'
few 5 -j1 plain
equal 'too few descriptors: no silence' "$(($? != 0)) $(($(lines err) > 0))" '1 1'
few 7 -j4 plain plain plain plain
equal 'too few for many: failures have records' "$(lines out) $(grep -c '"ok":false' out)" "36 $(lines err)"

mkdir web && for i in 1 2 3; do printf 'GIF89a1234567890' >web/$i.gif; done
check 'a directory of other pictures' says 0 'cvt: web: no JPEG or PNG there; 3 other pictures skipped' classify web
mkdir -p tree/a tree/b && cp "$cat" tree/a && cp "$cat" tree/b
check 'a tree without -r' says 0 'cvt: tree: no JPEG or PNG there; -r takes its 2 directories' classify tree
cp web/1.gif tree
check 'both' says 0 'cvt: tree: no JPEG or PNG there; 1 other picture skipped, -r takes its 2 directories' classify tree
mkdir empty
check 'an empty directory' says 0 'cvt: empty: no JPEG or PNG there' classify empty
check 'a tree with nothing in it' says 0 'cvt: web: no JPEG or PNG there; 3 other pictures skipped' classify -r web
classify -r tree >out 2>err
equal 'a tree' "$? $(lines err)" '0 0'
check 'no operand' says 0 'no images are named' classify

# ---- long tails ------------------------------------------------------------------------------------------------------

# peak FILE ARGUMENT...: kilobytes of memory that reading the file takes at most
peak() {
    python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$cvt" classify -m m.safetensors -j1 "$@"
}
mkdir tails && cp good/1.jpg tails/1.jpg && cp good/9.png tails/9.png && cp "$tests/data/images/"*prog*.jpg tails 2>/dev/null
for file in tails/*; do
    classify -f csv "$file" >want
    base=$(peak "$file")
    truncate -s 300M "$file"
    classify -f csv "$file" >out
    same "$file with a tail of 300 MB" want out
    if [ "${CVT_BUILD:-}" != sanitized ]; then
        equal "$file with a tail: memory" "$(($(peak "$file") < base + 20000))" 1
        equal "$file with a tail, refused: memory" "$(($(peak "$file" --max-pixels 10) < base + 20000))" 1
    fi
    check "$file with a tail, refused" refuses 1 '--max-pixels' "$cvt" classify -m m.safetensors "$file" --max-pixels 10
done
rm -r tails

# ---- pictures that end early -----------------------------------------------------------------------------------------

# What Pillow 13 makes of so many bytes of a progressive JPEG with LOAD_TRUNCATED_IMAGES: nothing, a picture, or a black
# one where the end marker that it makes up is swallowed by a segment.
cuts='100:refused 206:refused 259:picture 312:picture 736:black 789:picture 1107:black 1160:black 1213:picture 1531:black
    1584:picture 2220:black 2962:black 3015:picture 3439:black 3492:picture 4658:picture'
# test_pixels.c cuts at every byte under sanitizers
[ "${CVT_BUILD:-}" != sanitized ] || cuts='206:refused 736:black 4658:picture'
for cut in $cuts; do
    head -c "${cut%:*}" "$tests/data/images/jpeg_97x61_444_p_q75.jpg" >cut.jpg
    if "$cvt" preprocess -m dir cut.jpg -o cut.npy --stop decode --allow-truncated 2>err; then
        found=$(tail -c +129 cut.npy | tr -d '\000' | head -c 1 | wc -c)
        got=$([ "$found" -eq 0 ] && echo black || echo picture)
    else
        got=refused
    fi
    equal "--allow-truncated: ${cut%:*} bytes of a progressive JPEG" "$got $(lines err)" "${cut#*:} 1"
    check "without: ${cut%:*} bytes" says 1 'cut.jpg: ' "$cvt" preprocess -m dir cut.jpg -o no.npy
done

# A PNG that is cut inside its only chunk of pixels, byte by byte through a pipe, gives what the file gives: the rows that
# are there. Its palette has no black, which are those that are missing.
for cut in 140 200 260; do
    head -c $cut good/9.png >cut.png
    "$cvt" preprocess -m dir cut.png -o named.npy --stop decode --allow-truncated 2>err
    equal "a PNG of $cut bytes: it ends early" "$? $(grep -c '^cvt: cut.png: PNG: data ends early$' err) $(lines err)" '0 1 1'
    dd if=cut.png bs=1 2>/dev/null | "$cvt" preprocess -m dir - -o piped.npy --stop decode --allow-truncated 2>err
    same "a PNG of $cut bytes from a pipe" named.npy piped.npy
    tail -c +129 named.npy | tr -d '\000' | wc -c >"rows.$cut"
    dd if=cut.png bs=1 2>/dev/null | "$cvt" preprocess -m dir - -o no.npy --stop decode 2>err
    equal "a PNG of $cut bytes from a pipe, refused" "$? $(grep -c '^cvt: -: PNG data ends early$' err)" '1 1'
done
check 'a PNG that is cut later has more rows' test "$(sort -n rows.140 rows.200 rows.260 | uniq | wc -l)" -eq 3

# ---- lists and pipes -------------------------------------------------------------------------------------------------

classify -f jsonl good/1.jpg good/9.png >want
printf '\357\273\277good/1.jpg\r\ngood/9.png\r\n' >windows
classify -f jsonl --files-from windows >out 2>err
same 'a list from Windows' want out
echo good/1.jpg >one && echo good/9.png >two
classify -f jsonl --files-from one --files-from two >out 2>err
same 'two lists' want out
printf '\377\376g\0o\0o\0d\0\n\0' >utf16
check 'a list in UTF-16' says 2 'UTF-16' classify --files-from utf16
check 'a list that is not there' says 2 'cvt: nowhere: No such file' classify --files-from nowhere good
check 'a list that is a directory' says 2 'cvt: good: Is a directory' classify --files-from good
check 'standard input as two lists' says 2 'already a list' classify --files-from - --files-from -
classify -f csv -k1 good/1.jpg | sed -n 's/^[^,]*//; 2p' >want
# of_pipe NAME: what came out is the record of good/1.jpg but for its path
of_pipe() {
    sed -n 's/^[^,]*//; 2p' out >got
    same "$1" want got
}
classify -f csv -k1 /dev/stdin <good/1.jpg >out
of_pipe '/dev/stdin'
# shellcheck disable=SC2002 # a pipe is wanted
cat good/1.jpg | classify -f csv -k1 /dev/stdin >out
of_pipe '/dev/stdin, a pipe'
mkfifo fifo
cat good/1.jpg >fifo &
timeout 60 "$cvt" classify -m m.safetensors -f csv -k1 fifo >out
wait $!
of_pipe 'a FIFO'
(sleep 1 && cat good/1.jpg >fifo) &
timeout 60 "$cvt" classify -m m.safetensors -f csv -k1 fifo >out
wait $!
of_pipe 'a FIFO whose writer comes late'
"$cvt" preprocess -m dir good/1.jpg -o x.npy && "$cvt" run -m dir -i x.npy -o by.name
cat x.npy >fifo &
check 'run: a FIFO' timeout 60 "$cvt" run -m dir -i fifo -o by.fifo
wait $!
same 'run: what a FIFO gives' by.name/output.npy by.fifo/output.npy
# shellcheck disable=SC2002 # a pipe is wanted
cat x.npy | "$cvt" run -m dir -i /dev/stdin -o by.stdin
same 'run: what /dev/stdin gives' by.name/output.npy by.stdin/output.npy
head -c 200 x.npy >fifo &
check 'run: a FIFO that ends early' says 1 'fifo: the data ends early' timeout 60 "$cvt" run -m dir -i fifo -o by.torn
wait $!
if command -v bash >/dev/null; then
    bash -c '"$1" classify -m m.safetensors -f csv -k1 <(cat good/1.jpg)' - "$cvt" >out
    of_pipe 'the output of a program'
    bash -c '"$1" preprocess -m dir <(cat good/1.jpg) -o piped.npy' - "$cvt"
    "$cvt" preprocess -m dir good/1.jpg -o named.npy
    same 'preprocess of such' named.npy piped.npy
else
    echo 'skip the output of a program: no bash here'
fi

# ---- threads ---------------------------------------------------------------------------------------------------------

# limited WHAT N ARGUMENT...: cvt classify under such a limit
limited() {
    # shellcheck disable=SC2016 # the inner shell expands it
    timeout 60 sh -c 'exec 2>err >out; ulimit "$1" "$2" && shift 2 && exec "$@"' - "$1" "$2" "$cvt" classify -m m.safetensors \
        -f jsonl "$3" "$4" good/1.jpg good/2.jpg
}
classify -f jsonl good/1.jpg good/2.jpg >want
if [ "${CVT_BUILD:-}" = sanitized ]; then
    echo 'skip threads with little memory: the sanitizer needs much'
else
    for room in 60000 80000 100000 150000 200000; do
        for option in -t8 -t64 -j8; do
            limited -v $room $option -b1
            got=$?
            case "$got $(lines err)" in
            '0 0') same "$room kB, $option" want out ;;
            [13]' '[12]) check "$room kB, $option: said" test -z "$(grep -v '^cvt: ' err)" ;;
            *) fail "$room kB, $option" "status $got, $(cat err)" ;;
            esac
        done
    done
    limited -v 200000 -t8 -b1
    equal 'fewer threads do it' "$? $(lines err)" '0 0'
fi
for value in abc 0 -1 1,x; do
    OMP_NUM_THREADS=$value "$cvt" classify -m m.safetensors -f jsonl good/1.jpg good/2.jpg >out 2>err
    equal "OMP_NUM_THREADS=$value: one line of ours" "$? $(lines err) $(grep -c "^cvt: OMP_NUM_THREADS: '$value'" err)" '0 1 1'
    same "OMP_NUM_THREADS=$value: results" want out
done
for value in 2 '2,1' ' 3 ' ''; do
    OMP_NUM_THREADS=$value "$cvt" classify -m m.safetensors -f jsonl good/1.jpg good/2.jpg >out 2>err
    equal "OMP_NUM_THREADS=$value" "$? $(lines err)" '0 0'
done

# ---- messages --------------------------------------------------------------------------------------------------------

size=$(wc -c <m.safetensors)
head -c 60000 m.safetensors >cut.safetensors
check 'weights that end early' says 3 "cut.safetensors: cut off: 60000 of $size bytes" "$cvt" check -m cut.safetensors
head -c 1000 m.safetensors >cut.safetensors
check 'weights that end in their header' says 3 'cut.safetensors: cut off: 1000 bytes, of ' "$cvt" check -m cut.safetensors
check '-m with a config' says 3 'dir/config.json: a config, no weights' "$cvt" check -m dir/config.json
check '-c with a picture' says 3 'good/9.png: a PNG image, not a config' "$cvt" summary -c good/9.png
printf '\n<!DOCTYPE html><html>' >page.safetensors
check 'HTML instead of weights' says 3 'page.safetensors: a web page (HTML), not weights' "$cvt" check -m page.safetensors
printf '<!DOCTYPE html><html>' >page.jpg
check 'HTML instead of a picture' says 1 'page.jpg: a web page (HTML)' classify page.jpg
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n' >pointer.jpg
check 'a pointer instead of a picture' says 1 'pointer.jpg: a Git LFS pointer, not the image: run "git lfs pull"' classify pointer.jpg
printf '\211PNG\r\n\032\n\000\000\000\004CgBI\120\000\040\006\053\325\263\177\000\000\000\015IHDR' >phone.png
check 'a PNG as iPhones have it' says 1 'CgBI' classify phone.png
printf '{"arch": "cvt",\n "depth": 1,\n "depth": 2}' >twice.json
check 'a key twice' says 3 'twice.json: byte 30 (line 3)' "$cvt" summary -c twice.json
check 'a size out of range' says 2 'from 1 to 65535' classify --size 70000 good
echo '{"model_type": "zzzzzzzzzzzz"}' >other.json
check 'cvt list is named where it helps' says 3 'which is not known here' "$cvt" summary -c other.json
equal 'and only there' "$(grep -c 'cvt list' err)" 0
"$cvt" bench -m dir --images 1 >out
equal 'bench does not begin like an error' "$(grep -c '^cvt: ' out)" 0
"$cvt" summary -m dir --style torchsummary >out
equal 'torchsummary: its four sizes' "$(grep -cE '^(Input size|Forward/backward pass size|Params size|Estimated Total Size) \(MB\): [0-9]+\.[0-9][0-9]$' out)" 4
params=$(sed -n 's/,//g; s/^Total params: //p' out)
equal 'torchsummary: the size of the parameters' "$(sed -n 's/^Params size (MB): //p' out)" \
    "$(awk -v n="$params" 'BEGIN { printf "%.2f", n * 4 / 1048576 }')"

check 'the config is at fault, not the weights' says 3 'cvt: gone.json: no such file' "$cvt" check -m m.safetensors -c gone.json
echo '{"arch": "cvt", "foo": 1}' >foo.json
check 'a key of the config is' says 3 'cvt: foo.json: unknown key "foo"' "$cvt" check -m dir -c foo.json
check 'the labels are' says 3 'cvt: gone.txt: ' "$cvt" convert dir --labels gone.txt -o n.safetensors

# ---- the contract's words and numbers --------------------------------------------------------------------------------

# code NAME FILE ARGUMENT...: a record with this error.code, status 1, one line
code() {
    want=$1 file=$2
    shift 2
    classify -f jsonl "$file" "$@" >out 2>err
    equal "error.code $want" "$? $(lines err) $(sed -n 's/.*"ok":false,"error":{"code":"\([a-z_]*\)".*/\1/p' out)" "1 1 $want"
}
mkdir odd && mkfifo odd/fifo.jpg && : >odd/empty.jpg && echo text >odd/text.jpg && head -c 400 good/1.jpg >odd/torn.jpg
printf 'GIF89a' >odd/gif.jpg && cp "$tests/data/images/bad_png_crc_head.png" odd/corrupt.png
code not_found odd/none.jpg
mkdir odd/only && mv odd/fifo.jpg odd/only
code unreadable odd/only
code format odd/text.jpg
code truncated odd/empty.jpg
code truncated odd/torn.jpg
code corrupt odd/corrupt.png
code unsupported odd/gif.jpg
code too_large good/1.jpg --max-pixels 10
code too_large "$tests/data/images/bad_jpeg_over.jpg"
# the last weights of the file become what is not finite
size=$(wc -c <m.safetensors)
head -c $((size - 40000)) m.safetensors >nan.safetensors
head -c 40000 /dev/zero | tr '\000' '\377' >>nan.safetensors
"$cvt" classify -m nan.safetensors -f jsonl good/1.jpg >out 2>err
equal 'error.code non_finite' "$? $(lines err) $(grep -c '"code":"non_finite"' out)" '1 1 1'
if [ "${CVT_BUILD:-}" = sanitized ]; then
    echo 'skip error.code no_memory: the sanitizer needs much'
else
    limited -v 300000 -j1 "$tests/data/images/bad_jpeg_lie_p.jpg"
    equal 'error.code no_memory' "$? $(lines err) $(grep -c '"code":"no_memory"' out)" '1 1 1'
fi

check 'status 2: an unknown option' says 2 'unknown option' classify --nothing
on_no_isa() { CVT_ISA=none classify "$cat"; }
check 'status 2: an instruction set that is not here' says 2 'none' on_no_isa
check 'status 3: no such model' says 3 'no such model' "$cvt" classify -m nothing good/1.jpg
check 'status 3: summary -c' says 3 'nothing.json' "$cvt" summary -c nothing.json
check 'status 3: convert IN' says 3 'nothing' "$cvt" convert nothing -o n.safetensors
check 'status 3: check' says 3 'no such model' "$cvt" check -m nothing
two=$tests/data/blocks/cross
for command in classify 'embed -o n.npy' 'preprocess -o n.npy' 'attend -o n.png'; do
    # shellcheck disable=SC2086 # words are wanted
    check "status 3: two inputs, $command" says 3 'model' "$cvt" $command -m "$two" good/1.jpg
done
if [ -e /dev/full ]; then
    status 4 "$cvt" classify -m m.safetensors good/1.jpg >/dev/full 2>err
    equal 'status 4: standard output' "$? $(lines err)" '0 1'
    check 'status 4: a file' refuses 4 /dev/full "$cvt" preprocess -m dir good/1.jpg -o /dev/full
fi
check 'status 4: no such directory' says 4 'nowhere/n.npy' "$cvt" preprocess -m dir good/1.jpg -o nowhere/n.npy

# ---- options ---------------------------------------------------------------------------------------------------------

classify -f jsonl good/1.jpg good/2.jpg >want
classify --form jsonl good/1.jpg good/2.jpg >out
same 'an abbreviated option' want out
classify --form=jsonl --rec good/1.jpg good/2.jpg >out
same 'abbreviated options' want out
check 'an ambiguous option' says 2 "option '--f' may be any of --files-from, --force, --format" classify --f=jsonl good/1.jpg
check 'an option that no name begins with' says 2 "unknown option '--formt' (did you mean '--format'?)" classify --formt=jsonl
check 'two outputs' says 2 "option '-o' is given twice: 'a.npy' and 'b.npy'" embed good -o a.npy -o b.npy
check 'two models' says 2 "option '-m' is given twice" "$cvt" classify -m dir -m m.safetensors good
check 'two configs' says 2 "option '--config' is given twice" "$cvt" summary -c dir/config.json --config dir/config.json
check 'two files of labels' says 2 'is given twice' "$cvt" convert dir --labels words --labels words -o twice.safetensors
classify -f csv -k3 -f jsonl -k5 good/1.jpg good/2.jpg >out
same 'of other options the last one counts' want out
"$cvt" -- classify -m m.safetensors -f jsonl -- good/1.jpg good/2.jpg >out
same 'the word that ends the options, before the command too' want out
printf 'good/1.jpg\0good/2.jpg\0' | classify -f jsonl -0 --tar taken.tar >out
equal '-0 beside an archive: the list on standard input is read' "$? $(lines out) $(grep -c '"tar"' out)" '0 3 1'
mkdir hidden && cp -r dir hidden/seen && cp -r dir "hidden/$(printf 'un\033[31mseen')" && cp -r dir "hidden/$(printf 'two\nlines')"
CVT_MODEL_PATH=hidden "$cvt" list --only models | grep -aE 'seen|two|lines' >out
equal 'list --only: no name with control bytes' "$(cat out)" seen
check 'a command that is no command' says 2 "unknown command '-'" "$cvt" - good/1.jpg

# ---- signals ---------------------------------------------------------------------------------------------------------

for signal in INT:130 TERM:143 HUP:129; do
    (while :; do echo good/1.jpg; done) 2>/dev/null |
        timeout --preserve-status -s "${signal%:*}" 1 "$cvt" classify -m m.safetensors -f json --files-from - >out 2>err
    equal "${signal%:*} closes JSON" "$? $(tail -n 1 out)" "${signal#*:} ]"
    mkfifo feed
    (cat good/1.jpg && sleep 2) >feed 2>/dev/null &
    timeout --preserve-status -s "${signal%:*}" 1 "$cvt" preprocess -m dir feed -o s.npy 2>err
    equal "${signal%:*} in preprocess" "$? $(find . -name '.cvt-*')" "${signal#*:} "
    wait $!
    rm feed
    timeout --preserve-status -s "${signal%:*}" 0.4 "$cvt" convert "$tests/../models/script.safetensors" --golden 64 -o s.safetensors
    equal "${signal%:*} in convert --golden: no file" "$? $(find . -name 's.safetensors' -o -name '.cvt-*')" "${signal#*:} "
done

exit $((failures > 0))
