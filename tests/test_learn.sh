#!/bin/sh
# test_learn.sh - tests cvt learn: the file that it makes, the same bytes for any threads and any order, bad data, and
# what it says of images under two labels and of doubtful labels. test_learn.c tests what it computes.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case. CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
model=$tests/data/cvt/tiny
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

# learn DATA ARGUMENT...: into new.safetensors; what it prints into out and err, its exit status into $status
learn() {
    rm -f new.safetensors
    timeout 120 "$cvt" learn -m "$model" -o new.safetensors "$@" >out 2>err
    status=$?
}
# refused NAME STATUS MESSAGE ARGUMENT...: see refused_by
refused() { refused_by learn new.safetensors "$@"; }
said() { check "$1" grep -qE "$2" "$3"; } # NAME PATTERN FILE

# Two labels that are told apart with ease: cats in eight orientations, and a dog with as many.
make_pictures
mkdir -p pets/cat pets/dog
cp good/[1-4].jpg pets/cat
for size in 1 2 3 4; do cp "$tests/data/cli/dog.png" pets/dog/$size.png; done
for size in 1 2 3 4; do printf '%s' "$size" >>pets/dog/$size.png; done # other bytes, the same pixels

# ---- the file --------------------------------------------------------------------------------------------------------

learn pets -t 1
equal 'it ends well' "$status" 0
same 'a file is made' new.safetensors new.safetensors
said 'labels and their images are counted' '^ *4 +[0-9.]+ %  cat$' out
said 'what was learned is said' '^Learned 2 labels from 8 images in [0-9.]+ s; the model is new\.safetensors\.$' out
said 'how good it is is said' '^Of images that it had not seen it named [0-9.]+ % \([0-9.]+ to [0-9.]+ %\) rightly' out
cp new.safetensors first.safetensors
"$cvt" check -m first.safetensors >checked 2>&1
said 'the file is a whole model' '^ok: cvt with' checked
"$cvt" classify -m first.safetensors -k 1 -f tsv pets/cat/2.jpg pets/dog/3.png | cut -f 6 >answers
equal 'it names the images' "$(tr '\n' ' ' <answers)" 'label cat dog '
"$cvt" summary -m first.safetensors -f json >summary.json
"$cvt" summary -m "$model" -f json >base.json
for of in summary base; do grep '"type"' $of.json | grep -v '"name":"head"' >$of.rows; done
same 'only the last layer changes' summary.rows base.rows
check 'it has a row for each label' grep -q '"name":"head".*"shape":\[2\]' summary.json
head -c 100000 first.safetensors | tr -d '\0' | head -n 1 >header
said 'it keeps where it comes from' 'cvt\.learned.*weights_sha256.*counts.*:\[4,4\].*cross_validation' header
check 'it keeps no date' status 1 grep -q '\\"date\\"' header
sum=$(sha256sum "$model/weights.safetensors" | cut -d ' ' -f 1)
said "it keeps the old model's hash" "weights_sha256[^,]*$sum" header
check 'it can be converted' "$cvt" convert first.safetensors -o small.safetensors --dtype int8
head -c 100000 small.safetensors | tr -d '\0' | head -n 1 >header
said 'a conversion keeps where it comes from' 'cvt\.learned.*cross_validation' header
"$cvt" classify -m small.safetensors -k 1 -f tsv pets/cat/2.jpg pets/dog/3.png | cut -f 6 >small
same 'in int8 it names the same' answers small
learn pets --date
head -c 100000 new.safetensors | tr -d '\0' | head -n 1 >header
said '--date' '\\"date\\":\\"20[0-9][0-9]-' header

# ---- images of no label ----------------------------------------------------------------------------------------------
# The file keeps the quantiles of the probabilities that answers had in cross-validation, 0 to 50 % by half percents; of
# these the rates here are the places 0, 10, 51, and half way between 14 and 15. Least is worked out by awk, and which
# images are under it by their scores.

classified() { # ARGUMENT...
    timeout 60 "$cvt" classify -m first.safetensors "$@" >out 2>err
    status=$?
}
unpacked() { head -c 100000 "$1" | tr -d '\0' | head -n 1 | sed 's/.*answer_probability[^[]*\[\([^]]*\)\].*/\1/' | tr , '\n'; }
unpacked first.safetensors >quantiles
equal 'quantiles are kept' "$(lines quantiles)" 101
check 'and rise' sort -cg quantiles
for rate in 0% 5% 0.255 7.25%; do
    classified -f csv -k 1 --unknown $rate good pets/dog
    equal "--unknown $rate" "$status:$(head -n 1 out)" '0:path,ok,error,rank,index,label,score,unknown'
    awk -F , -v rate=$rate 'NR == FNR { q[NR - 1] = $1; next }
        FNR == 1 { share = rate ~ /%/ ? rate / 100 : rate; at = int(share * 200 + 1e-9); least = q[at] + (share * 200 - at) * (q[at + 1] - q[at]) }
        FNR > 1 { print $1 "," ($7 < least - 1e-9 ? "true" : "false") }' quantiles out >wanted
    cut -d , -f 1,8 out | sed 1d >got
    same "--unknown $rate: those under the quantile" got wanted
done
classified -f csv -k 1 --unknown good
cut -d , -f 1,8 out >alone
classified -f csv -k 1 --unknown=5% good
cut -d , -f 1,8 out >given
same '--unknown alone is --unknown=5%' alone given
classified -f jsonl --header --unknown 20% good/1.jpg
said '--unknown is recorded' '"unknown":0\.2[,}]' out
said '--unknown in JSON' '^{"path":"good/1.jpg","ok":true,"top":\[.*\],"unknown":(true|false)}$' out
for wrong in =60% =-1% =5%% =x =1; do
    classified --unknown$wrong good/1.jpg
    equal "--unknown$wrong is refused" "$status:$(cat err)" "2:cvt: classify: option '--unknown': '${wrong#=}' is not a share such as 0.05 or 5%, from 0% to 50%"
done
classified --unknown --score sigmoid good/1.jpg
equal '--unknown --score sigmoid' "$status:$(cat err)" '2:cvt: --unknown compares probabilities of which the sum is 1: --score softmax'
timeout 60 "$cvt" classify -m "$model" --unknown good/1.jpg >out 2>err
equal 'a model that was not learned: the status' "$?:$(lines err):$(lines out)" 3:1:0
said 'a model that was not learned' '^cvt: --unknown is for models that cvt learn made: .*--min-score is for any model$' err
sed 's/answer_probability/answer_probabilitx/' first.safetensors >old.safetensors
timeout 60 "$cvt" classify -m old.safetensors --unknown good/1.jpg >out 2>err
equal 'a model of an earlier version' "$?:$(cut -c 1-66 err)" '3:cvt: --unknown: the model was learned by an earlier version, which'
sed 's/answer_probability\(...\)\[0/answer_probability\1[9/' first.safetensors >high.safetensors
timeout 60 "$cvt" classify -m high.safetensors --unknown good/1.jpg >out 2>err
equal 'quantiles that are none' "$?:$(cat err)" '3:cvt: the model'"'"'s "cvt.learned": "answer_probability" is not 101 rising probabilities'

# ---- the same bytes --------------------------------------------------------------------------------------------------

for how in '-t 2' '-j 1' '-j 3' '-b 3 -j 2' '-t 1 -j 1 -q'; do
    # shellcheck disable=SC2086 # words are wanted
    learn pets $how
    same "the same bytes with $how" first.safetensors new.safetensors
done
for file in pets/*/*; do printf '%s\t%s\n' "$file" "$(basename "$(dirname "$file")")"; done >list
sort -r list >reversed
learn reversed
same 'the same bytes from a list in another order' first.safetensors new.safetensors
{ printf '\357\273\277' && sed 's/$/\r/' list && head -n 1 list; } >windows
learn windows
same 'the same bytes from a list of Windows that names an image twice' first.safetensors new.safetensors
mkfifo pipe
cat reversed >pipe &
learn pipe
same 'the same bytes from a list in a FIFO' first.safetensors new.safetensors
learn /dev/stdin <list
same 'the same bytes from a list in /dev/stdin' first.safetensors new.safetensors
cat list >pipe &
learn pets --val pipe
said '--val in a FIFO' 'and of 8 images held back 100\.0 %' out
learn pets --seed 5
check 'another seed does not change the layer much' test "$status" -eq 0
check 'but what is kept' differ first.safetensors new.safetensors

# ---- options ---------------------------------------------------------------------------------------------------------

for augment in flip crops; do
    learn pets --augment $augment
    equal "--augment $augment" "$status" 0
    check "--augment $augment makes another layer" differ first.safetensors new.safetensors
    cp new.safetensors $augment.safetensors
    learn pets --augment $augment -j 3
    same "--augment $augment: the same bytes" $augment.safetensors new.safetensors
done
learn pets --l2 0.5 --balance
equal '--l2 and --balance' "$status" 0
learn pets --val pets
said '--val' 'and of 8 images held back 100\.0 %' out
learn pets --val-share 0.5
said '--val-share' 'Learned 2 labels from 4 images' out
said '--val-share checks with the rest' 'and of 4 images held back' out
cp -R pets swapped && cp swapped/cat/1.jpg swapped/dog/a.jpg && printf x >>swapped/dog/a.jpg
learn swapped --top 1
said '--top shows a label, what the image looks like and its path' '^ *[0-9.]+ %  (cat|dog)	 *[0-9.]+ %  (cat|dog)	swapped/' out
learn swapped --top 4
sed -n 's/^ *\([0-9.]*\) %  [a-z]*	.*/\1/p' out >doubts
equal '--top 4' "$(lines doubts)" 4
said 'an image that is nearly the same is told' '^cvt: swapped/cat/1\.jpg: is nearly the same as swapped/dog/a\.jpg, under two labels: "cat" and "dog"$' err
cp swapped/cat/1.jpg swapped/dog/a.jpg
learn swapped
said 'the same bytes are told' '^cvt: swapped/cat/1\.jpg: has the same bytes as swapped/dog/a\.jpg, under two labels: "cat" and "dog"$' err
equal 'and no failure' "$status" 0

# ---- bad data --------------------------------------------------------------------------------------------------------

mkdir -p one/cat few/cat few/dog empty/cat empty/dog none file
cp pets/cat/* one/cat && cp pets/cat/* few/cat && cp pets/dog/1.png few/dog && cp pets/cat/* empty/cat
cp pets/cat/1.jpg file
refused 'one label' 2 'one: has one label, "cat": there must be two at least' one
refused 'one image of a label' 2 'few: 1 label has fewer than two images: "dog" \(1\)' few
refused 'an empty directory' 2 'empty: 1 label has fewer than two images: "dog" \(0\)' empty
refused 'no directory of a label' 2 'none: has no directories: .*' none
refused 'nothing there' 2 'missing: .*' missing
: >void
refused 'an empty list' 2 'void: is empty: .*' void
echo 'pets/cat/1.jpg cat' >spaces
refused 'a list without tabs' 2 'spaces: line 1 is not a path, a tab and a label' spaces
{ head -c 70000 /dev/zero | tr '\0' x && printf '\tcat\n'; } >long
refused 'a path in a list that is longer than any' 2 'long: line 1 has a path or label of more than 65536 bytes' long
cp -R pets lf && mv lf/dog "lf/do
g"
refused 'a label with a line break' 2 '.*the label "do.x0ag" holds a line break: rename it' lf
cp -R pets latin && mv latin/dog latin/"$(printf 'd\366g')"
refused 'a label that is not UTF-8' 2 '.*the label "d.xf6g" is not UTF-8: rename it' latin
refused '--l2' 2 "--l2: 'much' is neither auto nor a number from 1e-12 to 1e12" pets --l2 much
refused '--add' 2 ".*'--add' \(to add a label, learn anew: .*\)" pets --add bird=birds
mkdir -p hollow/cat
refused '--val without images' 2 'hollow: its directories have no images' pets --val hollow
refused '--val and --val-share' 2 '--val and --val-share: give one of them' pets --val pets --val-share 0.1
refused 'a label of --val alone' 2 '.*' pets --val none

cp -R pets torn && head -c 800 pets/cat/1.jpg >torn/cat/z.jpg && echo text >torn/dog/z.png && cp pets/cat/1.jpg torn
learn torn
equal 'broken images: the status' "$status" 1
equal 'broken images: a line each, and one for the file beside' "$(lines err)" 3
said 'broken images are left out' 'Learned 2 labels from 8 images' out
"$cvt" classify -m new.safetensors -k 1 -f tsv pets/cat/2.jpg | cut -f 6 | tail -n 1 >answer
equal 'broken images: the model is made' "$(cat answer)" cat
cp -R few broken && echo text >broken/dog/2.png
learn broken
equal 'too few are left: the status' "$status" 2
said 'too few are left' '^cvt: broken: 1 label has fewer than two images that can be read: "dog" \(1\)$' err
check 'too few are left: nothing is written' test ! -e new.safetensors
mkdir fifo && cp -R pets/* fifo && mkfifo fifo/cat/pipe.jpg
learn fifo
said 'a FIFO is a broken image' '^cvt: fifo/cat/pipe\.jpg: ' err

cp pets/cat/1.jpg keep.safetensors
timeout 60 "$cvt" learn -m "$model" pets -o keep.safetensors >out 2>err
equal 'a file of another kind is kept' $? 2
same 'a file of another kind is as it was' keep.safetensors pets/cat/1.jpg
timeout 60 "$cvt" learn -m "$model" pets -o - >out 2>err
equal 'not to standard output' $? 2
timeout 60 "$cvt" learn -m "$model" pets -o missing/new.safetensors >out 2>err
equal 'no directory for the output' $? 4
mkdir full
(ulimit -f 1 && exec "$cvt" learn -m "$model" pets -o full/new.safetensors >out 2>err)
equal 'too large a file: the status' $? 4
equal 'too large a file: why' "$(cat err)" 'cvt: full/new.safetensors: cannot be written: File too large'
equal 'too large a file: nothing is left of it' "$(ls -A full)" ''
"$cvt" learn -m first.safetensors pets -o first.safetensors >out 2>err
equal 'not over the model that is read' "$?:$(cat err)" '2:cvt: first.safetensors: this file is read here: choose another name for the output'
mkdir itself && cp -R pets/* itself && ln -s .. itself/cat/up
learn itself -r
equal 'a directory that links to itself' "$status" 0
said 'a directory that links to itself: each image is there once' 'Learned 2 labels from 8 images' out

mkdir many
i=0
while [ $i -lt 400 ]; do
    mkdir many/$i && cp pets/cat/1.jpg pets/dog/1.png many/$i
    i=$((i + 1))
done
learn many --l2 1
equal 'many labels' "$status" 0
said 'many labels are learned' '^Learned 400 labels from 800 images' out
check 'many labels: not a line for each pair' test "$(lines err)" -lt 50

# ---- every kind of last layer ----------------------------------------------------------------------------------------

# For each model with an embedding: what the new file says of an image is softmax(W e + b) of the base's features, so
# the labels that it learned by heart come back.
for folder in "$tests"/data/*/*/; do
    if [ ! -f "$folder/config.json" ] || [ ! -f "$folder/weights.safetensors" ]; then continue; fi
    kind=$(basename "$(dirname "$folder")")/$(basename "$folder")
    "$cvt" embed -m "$folder" pets/cat/1.jpg -o e.npy >/dev/null 2>&1 || continue
    timeout 120 "$cvt" learn -m "$folder" pets --l2 0.001 -o kind.safetensors >out 2>err
    status=$?
    case $(cat err) in # refusals that say why: there is no last layer that could be replaced
        *'cannot get a new one'* | *'"num_classes" must be 0'*) continue ;;
        *'would have other features'*) continue ;;
    esac
    "$cvt" classify -m kind.safetensors -k 1 -f tsv pets/cat pets/dog 2>err2 | cut -f 6 | sort | uniq -c | tr -s ' \n' ' ' >answers
    equal "$kind" "$status:$(cat answers)" '0: 4 cat 4 dog 1 label '
    kinds=$((${kinds:-0} + 1))
    echo "$kind" >>kinds
done
check 'models of many kinds were learned from' test "${kinds:-0}" -ge 30
for kind in vit/features vit/siglip_tanh; do
    check "$kind has no last layer and gets one" grep -qx "$kind" kinds
done

[ "$failures" -eq 0 ]
