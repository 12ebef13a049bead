#!/bin/sh
# test_eval.sh - tests cvt eval: which class an image's directory, line or archive says that it shows, the results in
# each format, the confusion matrix, records, and bad data. test_measures.c tests what it computes.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case. CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
model=$tests/data/cvt/tiny
# shellcheck source=tests/case.sh
. "$tests/case.sh"
export CVT_MODEL_PATH="$tests/../models"
cd "$work" || exit 1

# eval_of ARGUMENT...: what it prints into out and err, its exit status into $status
eval_of() {
    timeout 120 "$cvt" eval -m "$model" --labels labels "$@" >out 2>err
    status=$?
}
# refused NAME STATUS MESSAGE ARGUMENT...: see refused_by
refused() { refused_by eval_of nothing.made "$@"; }
said() { check "$1" grep -qE -e "$2" "$3"; } # NAME PATTERN FILE
# found NAME TEXT...: each text is in the JSON
found() {
    name=$1
    shift
    for text in "$@"; do
        grep -qF -e "$text" out || { fail "$name" "no $text: $(head -n 12 out) $(cat err)" && return; }
    done
    pass "$name"
}

# What the model answers is taken from cvt classify: the pictures are sorted by that, then one of them is put elsewhere.
make_pictures
printf '%s\n' zero one two crane 'tabby, tabby cat' five six crane 'dog, domestic dog, Labrador retriever' nine >labels
"$cvt" classify -m "$model" -k 1 -f tsv good | cut -f 1,5 | sed 1d >answers
equal 'the pictures have two answers' "$(cut -f 2 answers | sort | uniq -c | tr -s ' \n' ' ')" ' 4 4 5 8 '
mkdir -p pets/tabby 'pets/domestic dog'
while read -r path class; do
    case $class in 4) cp "$path" pets/tabby ;; *) cp "$path" 'pets/domestic dog' ;; esac
done <answers
mv pets/tabby/9.png 'pets/domestic dog'

# ---- results ---------------------------------------------------------------------------------------------------------
# The intervals are those of scipy: binomtest(8, 9).proportion_ci(method="wilson").

eval_of pets -f json
equal 'it ends well' "$status" 0
found 'counts, top-1 and its interval' '"images":9,' '"failed":0,' '"left_out":0,' '"top1":0.888888889,' \
    '"top1_interval":[0.565000294,0.980109112]'
found 'top-5' '"top5":1,' '"top5_interval":[0.700854952,1]'
found 'means over classes' '"mean_class_accuracy":0.916666667' '"mean_precision":0.875,' '"mean_f1":0.883116883'
found 'precision, recall and F1' '"support":3,"answered":4,"right":3,"precision":0.75,"recall":1,"f1":0.857142857' \
    '"support":6,"answered":5,"right":5,"precision":1,"recall":0.833333333,"f1":0.909090909'
found 'the mapping' '{"name":"domestic dog","images":6,"index":8,' '"by":"synonym"}' '{"name":"tabby","images":3,"index":4,'
equal 'the confusion matrix' "$(sed -n '/"confusion"/,$p' out | tr -d '\n')" \
    '"confusion":{"labels":[4,8],"matrix":[[3,0],[1,5]]}}'
mv out plain.json
eval_of pets
said 'text: top-1' '^top-1: 8 of 9, 88.89 % \(95 % interval: 56.50 to 98.01 %\)$' out
said 'text: a class and how it was found' '^ *6 +100.00 % +83.33 % +0.9091 +8 +dog, .* +domestic dog \(by synonym\)$' out
said 'text: calibration' '^expected calibration error: [0-9.]+ % \(15 bins\); ' out
eval_of pets -f csv
said 'csv: a number a line' '^top1,,,0.888888889,0.565000294,0.980109112$' out
said 'csv: of a class' '^recall,4,"tabby, tabby cat",1,0.438502968,1$' out
for options in '-t 1 -j 1' '-t 2 -j 2 -b 3' '-j 4'; do
    # shellcheck disable=SC2086 # several options
    eval_of pets -f json $options
    same "the same bytes with $options" out plain.json
done

# ---- two precisions --------------------------------------------------------------------------------------------------
# A model whose answers to some images are others in int8. The truths are its answers in f32 and in int8 in turn, so that
# each is right alone sometimes. The pairs are counted from what cvt classify says, and the tail of the binomial
# distribution is summed term by term.

other=$tests/data/vit/dinov2_giant
for precision in f32 int8; do
    "$cvt" classify -m "$other" -k 1 -f tsv --precision $precision "$tests"/data/images/*.png 2>err | awk -F '\t' '$2 == "true" { print $1 "\t" $5 }' >$precision.tsv
done
paste f32.tsv int8.tsv | awk '{ different += $2 != $4; print $1 "\t" (NR % 7 == 0 ? "0" : different % 3 ? $2 : $4) }' >truths.tsv
timeout 60 "$cvt" eval -m "$other" truths.tsv --precision f32,int8 -f json >out 2>err
equal 'two precisions: the status, and a warning is said once' "$?:$(sort err | uniq -d)" 0:
paste f32.tsv int8.tsv truths.tsv | awk '{ n++; same += $2 == $4; a = $2 == $6; b = $4 == $6; both += a && b; one += a && !b; two += !a && b; none += !a && !b }
    END { m = one + two; least = one < two ? one : two; term = 1; for (i = 1; i <= m; i++) term /= 2
        for (i = 0; i <= least; i++) { p += 2 * term; term *= (m - i) / (i + 1) }
        printf "\"images\":%d,\"same_answer\":%d,\"both_right\":%d,\"only_first_right\":%d,\"only_second_right\":%d,\"neither_right\":%d,\"mcnemar_p\":%.9g}}\n", n, same, both, one, two, none, (p > 1 ? 1 : p) }' >pairs
sed -n 's/^"comparison":{"precisions":\["f32","int8"\],//p' out >got
same 'two precisions: the pairs' got pairs
check 'two precisions: some answers differ' test "$(sed 's/.*images":\([0-9]*\).*/\1/' pairs)" -gt "$(sed 's/.*same_answer":\([0-9]*\).*/\1/' pairs)"
for precision in f32 int8; do timeout 60 "$cvt" eval -m "$other" truths.tsv --precision $precision -f json >$precision.json 2>err; done
sed -n '/^{"model"/,/^"comparison"/p' out | grep -v '^"precision"\|^"comparison"' >runs
cat f32.json int8.json >singles
tr -d '\n],' <runs >runs.text
tr -d '\n],' <singles >singles.text
same 'two precisions: each has its own results' runs.text singles.text
timeout 60 "$cvt" eval -m "$other" truths.tsv --precision f32,int8 >out 2>err
said 'two precisions: text' '^f32 and int8 give [0-9]+ of [0-9]+ images the same class, [0-9.]+ %$' out
timeout 60 "$cvt" eval -m "$other" truths.tsv --precision f32,int8 -f csv >out 2>err
said 'two precisions: csv' '^precision,measure,index,label,value,low,high$' out
equal 'two precisions: csv has seven fields' "$(sed 's/"[^"]*"//g' out | awk -F , 'NF != 7' | wc -l)" 0
said 'two precisions: csv has the pairs' '^f32/int8,mcnemar_p,,,[0-9.e-]+,,$' out
cp truths.tsv broken.tsv && echo text >none.png && printf 'none.png\t1\n' >>broken.tsv
timeout 60 "$cvt" eval -m "$other" broken.tsv --precision f32,int8 >out 2>err
equal 'two precisions: what failed is said once' "$?:$(grep -c none.png err)" 1:1
refused 'three precisions' 2 '.*there is no precision called "int8,f16"' pets --precision f32,int8,f16
refused 'a precision against itself' 2 '--precision int8,int8: both would be computed in int8 here' pets --precision int8,int8
refused 'two precisions and --records' 2 '--records is for one --precision: evaluate each by itself' pets --precision f32,int8 --records x.jsonl

# ---- files -----------------------------------------------------------------------------------------------------------

eval_of pets --records r.jsonl --confusion c.csv
equal 'a record for each image' "$(grep -c '"ok":true.*"truth":{"index":[48],"label":"[a-z, A-Z]*"}}$' r.jsonl)" 9
cut -f 1 answers >paths
"$cvt" classify -m "$model" --labels labels -f jsonl -r pets >classified
sed 's/,"truth":{[^}]*}//' r.jsonl >untrue
same 'records are those of classify' untrue classified
printf 'truth\\answer,"tabby, tabby cat","dog, domestic dog, Labrador retriever"\n"tabby, tabby cat",3,0\n' >wanted
echo '"dog, domestic dog, Labrador retriever",1,5' >>wanted
same 'the matrix as a table' c.csv wanted
eval_of pets --confusion c.svg --records h.jsonl --header
said 'a header on demand' '^{"cvt":".*"options":{.*"subset":false' h.jsonl
said 'the matrix as SVG' '^<svg xmlns="http://www.w3.org/2000/svg" ' c.svg
equal 'a cell for each number' "$(grep -c '<rect x=.*<title>.* of [36]</title></rect>' c.svg)" 3
eval_of pets --confusion c.png
said 'the matrix as PNG' PNG c.png
"$cvt" preprocess -m "$model" --stop decode c.png -o c.npy
head -c 128 c.npy >c.head
said 'two cells of 64 pixels' "'shape': \(129, 129, 3\)" c.head
echo mine >other.svg
refused 'another file is not overwritten' 2 'other.svg: there is such a file, and it is not an SVG picture: .*' pets \
    --confusion other.svg
refused 'what is no picture' 2 'c.gif: the name must end with .csv, .png or .svg' pets --confusion c.gif
refused 'records and results apart' 2 'eval: --records: .* so name a file for the records|--records: .*records' pets \
    --records -

# ---- which class -----------------------------------------------------------------------------------------------------

mkdir ids && cp -r pets/tabby ids/n02123045 && cp -r 'pets/domestic dog' ids/n02099712
eval_of ids -f json
found 'WordNet ids' '{"name":"n02099712","images":6,"index":8,' '{"name":"n02123045","images":3,"index":4,' \
    '"by":"wordnet_id"' '"top1":0.888888889'
mkdir named && cp -r pets/tabby 'named/tabby, tabby cat' && cp -r 'pets/domestic dog' named/dog && cp -r pets/tabby named/lynx
eval_of named -f json
found 'a directory of no class is left out' '"images":9,' '"left_out":3,' '"by":"name"' '{"name":"lynx","images":3,"index":null'
equal 'and said' "$(cat err)" 'cvt: named: "lynx": no class of the model; 3 images are left out'
mkdir twice && cp -r pets/tabby twice/crane
refused 'a name of two classes' 2 "twice: several classes of the model are called 'crane': --classes FILE says .*" twice
printf 'crane\t7\nlynx\ttabby\n' >which
eval_of twice --classes which -f json
found '--classes names the class' '"index":7,"label":"crane","by":"file"'
mkdir ordered && cp -r pets/tabby ordered/10x && cp -r 'pets/domestic dog' ordered/2x
eval_of ordered -f json
found 'by order of bytes' '{"name":"10x","images":3,"index":0,' '{"name":"2x","images":6,"index":1,' '"by":"order"'
said 'a guess is said' '^cvt: ordered: no directory is called .* the first 2 of its 10 classes .* \(--order bytes\)$' err
eval_of ordered -f json --order natural
found 'by natural order' '{"name":"10x","images":3,"index":1,' '{"name":"2x","images":6,"index":0,'
printf 'a\nb\nc\nd\n10x\nf\ng\nh\n2x\n' >inorder
eval_of ordered -f json --classes inorder
found '--classes with a name a line' '{"name":"10x","images":3,"index":4,' '{"name":"2x","images":6,"index":8,' '"top1":0.888888889'
refused '--classes that names nothing' 2 'which: names nothing that is in ordered' ordered --classes which
printf 'a\tb\nc\n' >mixed
refused '--classes of two kinds' 2 'mixed: line [12]: .*' ordered --classes mixed
mkdir many && for i in 1 2 3 4 5 6 7 8 9 10 11; do mkdir many/d$i && cp good/1.jpg many/d$i; done
refused 'more directories than classes' 2 'many: none of its 11 directories is called .*, which has 10: .*' many

# of the two classes that the data have, each image's own is among the best two
eval_of pets -f json --subset --records subset.jsonl
found '--subset' '"top1":0.888888889' '"top5":1,'
equal '--subset: two classes for each image' "$(grep -c '"top":\[{[^}]*},{[^}]*}\],' subset.jsonl)" 9
said '--subset: scores are shares of these two' '"ece":0\.[0-9]' out

# ---- lists and shards ------------------------------------------------------------------------------------------------

while read -r path class; do printf '%s\t%s\n' "$path" "$class"; done <answers | sed 's/\(9.png\)\t4/\1\t8/' | sort -r >list.tsv
eval_of list.tsv -f json --records list.jsonl
found 'a list with numbers' '"top1":0.888888889' '"by":"number"' '"images":9,'
cut -f 1 list.tsv >wanted
sed 's/{"path":"\([^"]*\)".*/\1/' list.jsonl >order
same 'records in the order of the list' order wanted
{ echo path,label && sed 's/\t4/,"tabby, tabby cat"/;s/\t/,/' list.tsv && tail -n 1 list.tsv | tr '\t' ,; } >list.csv
eval_of list.csv -f json
found 'a list with commas; a line twice counts twice' '"images":10,' '"by":"name"'
eval_of list.tsv
mv out whole.list
mkfifo pipe
cat list.tsv >pipe &
eval_of pipe
same 'a list in a FIFO' out whole.list
for name in - /dev/stdin; do
    eval_of $name <list.tsv
    same "a list in $name" out whole.list
    dd if=list.tsv 2>/dev/null | eval_of $name
    same "a list in $name, a pipe" out whole.list
done
{ printf '\357\273\277' && sed 's/$/\r/' which; } >pipe &
eval_of twice --classes pipe -f json
found '--classes in a FIFO, from Windows' '"index":7,"label":"crane","by":"file"'
printf '\377\376g\000o\000\n\000' >wide.tsv
refused 'a list in UTF-16' 2 'wide.tsv: a list in UTF-16: save it as UTF-8' wide.tsv
refused 'a list that is not there' 2 'none.tsv: No such file or directory' none.tsv
refused 'a list that is a device' 2 '/dev/null: is a character device, not a file' /dev/null
printf 'good/1.jpg\tunheard of\n' >bad.tsv
refused 'a list of unknown labels' 2 'bad.tsv: none of its labels, as "unheard of", is a class of the model: .*' bad.tsv
printf 'good/1.jpg,"cat\n' >open.csv
refused 'quotes that are not closed' 2 'open.csv: line 1 is not a path, a comma and a label' open.csv
for part in 1/2 2/2; do
    eval_of pets -f json --shard $part --records part.jsonl --force
    cat part.jsonl >>parts.jsonl
done
sort parts.jsonl >parts.sorted
sort r.jsonl >r.sorted
same 'shards together are all' parts.sorted r.sorted

# ---- archives --------------------------------------------------------------------------------------------------------

if "$cvt" --version | grep -q libarchive; then
    mkdir tar
    while read -r path class; do
        base=$(basename "$path")
        cp "$path" tar && case $class in
            4) printf '4\n' >tar/"${base%.*}".cls ;;
            *) printf '{"caption":"x","label":"domestic dog"}' >tar/"${base%.*}".json && echo 'a dog' >tar/"${base%.*}".md ;;
        esac
    done <answers
    rm tar/9.cls && printf ' dog \n' >tar/9.txt
    (cd tar && tar -cf ../together.tar -- *) # a .cls stands before its image, a .json and a .txt behind it
    eval_of --tar together.tar -f json --records tar.jsonl
    found 'an archive' '"top1":0.888888889' '"images":9,' '{"name":"4","images":3,"index":4,' '{"name":"dog","images":1,"index":8,'
    equal 'its records' "$(grep -c '^{"tar":"together.tar","path":"[1-9]\.[jp][pn]g","ok":true.*"truth":{' tar.jsonl)" 9
    for options in '-t 1 -j 1' '-j 4 -b 2'; do
        mv out tar.json
        # shellcheck disable=SC2086 # several options
        eval_of --tar together.tar -f json $options
        same "an archive: the same bytes with $options" out tar.json
    done
    dd if=together.tar 2>/dev/null | timeout 60 "$cvt" eval -m "$model" --labels labels --tar - -f json >piped 2>err
    grep -v '^{' tar.json >one && grep -v '^{' piped >two
    same 'an archive by a pipe' one two
    rm tar/2.* && printf 'what' >tar/1.json
    cp good/2.jpg tar
    (cd tar && tar -cf ../lacking.tar -- *)
    eval_of --tar lacking.tar -f json
    equal 'an image without a label is one that failed' "$status" 1
    said 'and said' '^cvt: lacking.tar: 2.jpg: the archive has no .cls, .txt or .json with a label beside it$' err
    head -c 30000 together.tar >torn.tar
    eval_of --tar torn.tar -f json
    equal 'a torn archive' "$status" 1
    said 'is said' '^cvt: torn.tar: the tar archive ends early$' err
    refused 'archives and DATA' 2 '.*DATA and --tar: give one of them' pets --tar together.tar
else
    echo 'skip archives: this program was built without libarchive'
fi

# ---- --resume --------------------------------------------------------------------------------------------------------
# A run that goes on behind a part of the records of a whole one, wherever that is cut, ends with the same records and
# results to the byte.

cp -r pets torn && head -c 500 good/1.jpg >torn/tabby/0.jpg
# goes_on NAME ARGUMENT...: whole.jsonl and whole.json are what they must be
goes_on() {
    name=$1 bytes=$(wc -c <whole.jsonl) same=0
    shift
    for part in 0 2 3 4 5 6 7 8 9 10; do
        head -c $((bytes * part / 10)) whole.jsonl >r.jsonl
        eval_of "$@" -f json --records r.jsonl --resume
        cmp -s out whole.json && cmp -s r.jsonl whole.jsonl && [ "$status" -eq 1 ] && same=$((same + 1))
    done
    equal "$name" $same 10
}
eval_of torn -f json --records whole.jsonl --resume -j 1
mv out whole.json
said '--resume: records hold the logits' '"truth":{"index":8,[^}]*},"logits_b64":"[A-Za-z0-9+/]*=*"}$' whole.jsonl
eval_of torn -f json
same '--resume: the results are those without' out whole.json
goes_on '--resume: a directory' torn
eval_of torn -f json --records z.jsonl --resume -z
tr '\0' '\n' <z.jsonl >r.jsonl
same '-z: the same records' r.jsonl whole.jsonl
head -c $(($(wc -c <z.jsonl) / 2)) z.jsonl >r.jsonl
eval_of torn -f json --records r.jsonl --resume -z
same '-z --resume: the same results' out whole.json
same '-z --resume: the same records' r.jsonl z.jsonl
eval_of pets --records r.jsonl --exif-fields --force
equal '--exif-fields' "$(grep -c ',"taken":null,"orientation":[1-8]}$' r.jsonl)" 9
refused '-z without records' 2 '-z is for --records' pets -z
refused '--exif-fields without records' 2 '--exif-fields is for --records' pets --exif-fields
cp whole.jsonl r.jsonl
for again in 1 2; do
    eval_of torn -f json --records r.jsonl --resume --retry-errors
    same "--retry-errors: what fails again is counted once, $again" out whole.json
done
eval_of torn -f json --records r.jsonl --resume
same '--resume behind three failures of an image' out whole.json
cp good/2.jpg torn/tabby/0.jpg
eval_of torn -f json --records r.jsonl --resume --retry-errors
mv out mended.json
eval_of torn -f json
same '--retry-errors: what does not fail any more counts as it is' out mended.json
eval_of torn -f json --records r.jsonl --resume
same '--resume behind that' out mended.json
refused '--resume behind other data' 2 'r.jsonl: it has a record of torn/.*, which is not in pets' pets --records r.jsonl --resume
refused '--resume with another option' 2 'r.jsonl: its records were made with another --subset' torn --records r.jsonl --resume --subset
timeout 60 "$cvt" eval -m "$other" --labels labels torn --records r.jsonl --resume >out 2>err
equal '--resume with another model' "$?:$(cat err)" '2:cvt: r.jsonl: its records were made by another model: the weights differ'
eval_of pets --records without.jsonl --header
refused '--resume behind records without logits' 2 'without.jsonl: its record of .* lacks the logits .* Remove it to begin anew' \
    pets --records without.jsonl --resume
refused '--resume alone' 2 '--resume goes on with the records of an earlier run: .*' pets --resume
sed 's/"index":8,"label":"dog, domestic dog, Labrador retriever"},"logits/"index":4,"label":"x"},"logits/' whole.jsonl >moved.jsonl
refused '--resume behind records of another class' 2 'moved.jsonl: its record of .* says another class than torn, .*' torn \
    --records moved.jsonl --resume
sed 's/"logits_b64":"/&AAAA/' whole.jsonl >longer.jsonl
refused '--resume behind too many logits' 2 'longer.jsonl: its record of .* lacks the logits .*' torn --records longer.jsonl --resume
sed 's/"logits_b64":"....../"logits_b64":"AADAfw/' whole.jsonl >nan.jsonl
refused '--resume behind logits that are not finite' 2 'nan.jsonl: its record of .* lacks the logits .*' torn --records nan.jsonl --resume
cat list.tsv list.tsv >twice.tsv && printf 'nowhere.jpg\t4\n' >>twice.tsv
eval_of twice.tsv -f json --records twice.jsonl --resume
cp out whole.json
mv twice.jsonl whole.jsonl
found '--resume: a list that names images twice' '"images":19,'
goes_on '--resume: a list that names images twice' twice.tsv
if "$cvt" --version | grep -q libarchive; then
    printf 'lynx\n' >tar/9.txt # no class, which is told by the record too
    head -c 700 good/3.jpg >tar/3.jpg
    (cd tar && tar -cf ../whole.tar -- *)
    eval_of --tar whole.tar -f json --records tar2.jsonl --resume
    mv out whole.json
    mv tar2.jsonl whole.jsonl
    goes_on '--resume: an archive' --tar whole.tar
fi

# ---- bad data --------------------------------------------------------------------------------------------------------

refused 'no data' 2 '.*DATA is missing: .*'
refused 'no such data' 2 'nowhere: .*' nowhere
mkdir empty
refused 'an empty directory' 2 'empty: has no directories: .*' empty
mkdir empty/dog
refused 'directories without images' 2 'empty: its directories have no images' empty
cp -r pets broken && head -c 300 good/1.jpg >broken/tabby/torn.jpg
eval_of broken -f json
equal 'a broken image: status' "$status" 1
found 'a broken image is counted' '"images":10,' '"failed":1,' '"top1":0.888888889'
equal 'and said' "$(cut -c 1-31 err)" 'cvt: broken/tabby/torn.jpg: JPE'
mkdir -p allbroken/dog && cp broken/tabby/torn.jpg allbroken/dog
eval_of allbroken -f json
equal 'only broken images: status' "$status" 1
found 'nothing is made of nothing' '"images":1,' '"top1":null,' '"ece":null,' '"matrix":[]'
mkdir "$(printf 'dog\nhouse')" && mkdir lines && mv "$(printf 'dog\nhouse')" lines && mkdir lines/dog
cp good/1.jpg lines/dog && cp good/2.jpg lines/dog?house
eval_of lines
equal 'a name with a line break' "$(cat err)" 'cvt: lines: "dog\x0ahouse": no class of the model; 1 image is left out'
check 'a model that does not choose' status 3 "$cvt" eval -m "$model" --score none pets

[ "$failures" -eq 0 ]
