#!/bin/sh
# test_report.sh - tests cvt report: the page as text; check_report.sh looks at it in a browser. The records within it,
# that no text of theirs is HTML, thumbnails, links, lines that are no records, and that nothing is half-written.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case. CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
model=$tests/data/cvt/tiny
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

# report ARGUMENT...: into page.html; what it prints into out and err, its exit status into $status
report() {
    rm -f page.html
    timeout 120 "$cvt" report -o page.html "$@" >out 2>err </dev/null
    status=$?
}
# the records of the page, a line each, without what stands around them
records() { sed -n '/id="data">/,/<\/script>/p' page.html | sed -n '/^{"from"/ { s/,$//; p; }'; }
# what the page says of itself
about() { sed -n 's/^\({"files".*}\)\]<\/script>$/\1/p' page.html; }
# refused NAME STATUS MESSAGE ARGUMENT...: see refused_by
refused() { refused_by report page.html "$@"; }
# one NAME RECORD WANTED: what becomes of a record, but for its file
one() {
    printf '%s\n' "$2" >one.jsonl
    report one.jsonl --thumbnails 0
    equal "$1" "$(records)" "{\"from\":0,$3}"
}

# ---- a real page -----------------------------------------------------------------------------------------------------

make_pictures
head -c 500 good/1.jpg >good/torn.jpg
cp "$tests/data/images/jpeg_portrait.jpg" good
"$cvt" classify -m "$model" -k 3 --header -f jsonl good >good.jsonl 2>/dev/null
report good.jsonl
equal 'it ends well' "$status $(cat out err)" '0 '
check 'it is a page' grep -qx '<!DOCTYPE html>' page.html
equal 'it has a record for each line' "$(records | wc -l)" "$(lines good.jsonl)"
equal 'the header comes first' "$(records | head -n 1 | cut -c 1-28)" '{"from":0,"header":{"cvt":"0'
equal 'each image has a thumbnail, a failed one has none' "$(records | grep -c '"thumbnail":"/9j/')" 10
equal 'a failed record tells why' \
    "$(records | grep 'torn')" '{"from":0,"path":"good/torn.jpg","error":["truncated","JPEG data ends early"]}'
score='s/.*"label":"\([^"]*\)","score":\([^}]*\)}.*/\1 \2/'
equal 'classes and scores are those of the records' \
    "$(records | sed -n 's/.*good\/9.*"top":\[\[[0-9]*,"\([^"]*\)",\([^]]*\)\].*/\1 \2/p')" \
    "$(grep good/9 good.jsonl | sed 's/},{.*/}/' | sed "$score")"
equal 'the page tells of itself' "$(about)" '{"files":["good.jsonl"],"base":"","bad":0,"without":0}'
check 'it needs no other file' status 1 grep -qE '(src|href)="(http|/|[a-z]*\.)|url\(|@import|fetch\(' page.html
check 'it may load nothing' grep -q "default-src 'none'; img-src data:" page.html
cp page.html first.html
report good.jsonl
same 'the same records give the same bytes' page.html first.html
"$cvt" report - -o - <good.jsonl | sed 's/"files":\["-"\]/"files":["good.jsonl"]/' >page.html
same 'by standard input and output, too' page.html first.html

# ---- thumbnails ------------------------------------------------------------------------------------------------------

# thumbnail NAME: the thumbnail of a record into thumbnail.jpg
thumbnail() { records | sed -n "s#.*\"path\":\"$1\".*\"thumbnail\":\"\\([^\"]*\\)\".*#\\1#p" | base64 -d >thumbnail.jpg; }
# size FILE: height and width of the pixels as they are stored
size() {
    "$cvt" preprocess -m "$model" --stop decode -o size.npy "$1" &&
        head -c 128 size.npy | tr -d '\0' | sed -n "s/.*'shape': (\\([0-9]*\\), \\([0-9]*\\), 3).*/\\1 \\2/p"
}
cp first.html page.html
thumbnail good/jpeg_portrait.jpg
equal 'the image is larger than a thumbnail' "$(size good/jpeg_portrait.jpg)" '640 427'
equal 'a thumbnail has 160 pixels at most, and its aspect' "$(size thumbnail.jpg)" '160 107'
thumbnail good/1.jpg
equal 'a small image keeps its size' "$(size thumbnail.jpg)" "$(size good/1.jpg)"
thumbnail good/6.jpg
equal 'one on its side stands upright' "$(size thumbnail.jpg)" "$(size good/1.jpg | awk '{ print $2, $1 }')"
thumbnail good/9.png
check 'a PNG becomes a JPEG' test "$(head -c 3 thumbnail.jpg | od -An -tx1 | tr -d ' ')" = ffd8ff
report good.jsonl --thumbnails 4
equal 'no more thumbnails than are asked for' "$(records | grep -c thumbnail)" 4
equal 'the others are counted' "$(about)" '{"files":["good.jsonl"],"base":"","bad":0,"without":7}'
mkdir elsewhere
(cd elsewhere && "$cvt" report ../good.jsonl -o here.html 2>err)
equal 'a wrong root is told' "$(cat elsewhere/err)" \
    "cvt: 10 of 11 images have no thumbnail, since they cannot be read (good/1.jpg: No such file or directory): --root \
names the directory where their paths begin"
(cd elsewhere && "$cvt" report ../good.jsonl --root .. -o here.html 2>err)
cp elsewhere/here.html page.html
equal 'a root is where paths begin' "$(records | grep -c '"thumbnail":"/9j/')" 10
equal 'links lead there' "$(about)" '{"files":["../good.jsonl"],"base":"../","bad":0,"without":0}'
mkdir 'a b'
"$cvt" report good.jsonl -o 'a b/page.html' --root elsewhere 2>/dev/null
cp 'a b/page.html' page.html
equal 'links go over another directory' "$(about)" '{"files":["good.jsonl"],"base":"../elsewhere/","bad":0,"without":0}'
"$cvt" report good.jsonl -o page.html --root 'a b' 2>/dev/null
equal 'a space in a link is escaped' "$(about)" '{"files":["good.jsonl"],"base":"a%20b/","bad":0,"without":0}'

# ---- where a model looks ---------------------------------------------------------------------------------------------

lite=$tests/data/lite/timm
report good.jsonl --attend "$lite"
cp page.html attend.html
equal 'maps: it ends well' "$status $(cat out err)" '0 '
equal 'each thumbnail has one' "$(records | grep -c '"thumbnail":"/9j/[^"]*","map":"/9j/')" 10
equal 'and no other record' "$(records | grep -c '"map"')" 10
equal 'the page tells of the model' "$(about)" \
    "{\"files\":[\"good.jsonl\"],\"base\":\"\",\"bad\":0,\"without\":0,\"attend\":\"$lite\"}"
# map NAME: the map of a record into map.jpg
map() { records | sed -n "s#.*\"path\":\"$1\".*\"map\":\"\\([^\"]*\\)\".*#\\1#p" | base64 -d >map.jpg; }
for image in good/jpeg_portrait.jpg good/6.jpg good/9.png; do
    thumbnail $image && map $image
    equal "a map is as large as the thumbnail: $image" "$(size map.jpg)" "$(size thumbnail.jpg)"
    check "and has colours: $image" differ map.jpg thumbnail.jpg
done
sed 's/"map":"[^"]*"//g; s/,"attend":"[^"]*"//; s/",}/"}/' page.html >rest.html
same 'the rest of the page is as without maps' rest.html first.html
for threads in 1 3; do
    CVT_THREADS=$threads "$cvt" report good.jsonl -o page.html --attend "$lite"
    same "the same for $threads threads" page.html attend.html
done
report good.jsonl --attend "$lite" --thumbnails 4
equal 'no more maps than thumbnails' "$(records | grep -c '"map"')" 4
"$cvt" convert "$lite" -o broken.safetensors
printf '\377\377\377\377' | dd of=broken.safetensors bs=1 seek=$(($(wc -c <broken.safetensors) - 4)) conv=notrunc 2>/dev/null
report good.jsonl --attend broken.safetensors
equal 'images that the model cannot take are told, and keep their thumbnails' \
    "$status $(records | grep -c '"thumbnail"') $(records | grep -c '"map"') $(cat err)" \
    '0 10 0 cvt: 10 of 10 thumbnails do not show where the model looks (good/1.jpg: weights give non-finite output)'
refused 'a model that is not there' 3 'nowhere: no such model.*' good.jsonl --attend nowhere
refused 'a model that cannot tell' 3 'the model reads 2 inputs.*|.*several inputs.*|.*2 inputs.*' good.jsonl --attend "$tests/data/blocks/cross"
printf '{"path":"a.jpg","ok":true,"top":[]}\n' >one.jsonl
cp -r "$lite" '<b>&'
report one.jsonl --attend '<b>&' --thumbnails 0
equal 'the name of a model is escaped' "$(about | sed 's/.*"attend"/"attend"/')" '"attend":"\u003cb\u003e\u0026"}'

# ---- images in archives ----------------------------------------------------------------------------------------------

if "$cvt" --version | grep -q '^tar: none'; then
    echo 'skip images in archives: this build reads no tar'
else
    tar -cf one.tar good && tar -cf "$(printf 'two\377.tar')" good/1.jpg good/9.png
    "$cvt" classify -m "$model" -f jsonl --tar one.tar --tar "$(printf 'two\377.tar')" >tar.jsonl 2>/dev/null
    equal 'archives: records' "$(lines tar.jsonl) $(grep -c '"tar_b64"' tar.jsonl)" '13 2'
    report tar.jsonl
    equal 'archives: it ends well' "$status $(cat out err)" '0 '
    equal 'archives: each image has a thumbnail, a failed one has none' "$(records | grep -c '"thumbnail":"/9j/')" 12
    equal 'archives: a name that is no UTF-8 is kept' "$(records | grep -c "\"tar_b64\":\"$(printf 'two\377.tar' | base64)\"")" 2
    records | sed -n 's#.*"path":"\(good/[^"]*\)".*"thumbnail":\("[^"]*"\).*#\1 \2#p' | sort -u >of_tar.txt
    report good.jsonl
    records | sed -n 's#.*"path":"\(good/[^"]*\)".*"thumbnail":\("[^"]*"\).*#\1 \2#p' | sort -u >of_files.txt
    same 'archives: thumbnails are those of the files' of_tar.txt of_files.txt
    sort -r tar.jsonl >backwards.jsonl
    report backwards.jsonl
    equal 'archives: records in another order' "$status $(cat err) $(records | grep -c '"thumbnail":"/9j/')" '0  12'
    mkfifo hold.tar
    for lost in absent.tar hold.tar - good; do
        printf '{"path":"good/1.jpg","tar":"%s","ok":true,"top":[]}\n' "$lost" >lost.jsonl
        report lost.jsonl
        equal "archives: $lost" "$status $(sed 's/ (.*//' err)" '0 cvt: 1 of 1 images have no thumbnail, since they cannot be read'
    done
    echo '{"path":"good/2.jpg","tar":"two.tar","ok":true,"top":[]}' >lost.jsonl
    tar -cf two.tar good/1.jpg
    report lost.jsonl
    check 'archives: an entry that is not there' grep -q '(two.tar: "good/2.jpg" is not in it)' err
    head -c 700 two.tar >torn.tar
    echo '{"path":"good/1.jpg","tar":"torn.tar","ok":true,"top":[]}' >lost.jsonl
    report lost.jsonl
    check 'archives: a torn one' grep -q '(torn.tar: .*early)' err
fi

# ---- hostile text ----------------------------------------------------------------------------------------------------

one 'a name cannot end the element' '{"path":"</script><script>alert(1)</script>","ok":true,"top":[]}' \
    '"path":"\u003c/script\u003e\u003cscript\u003ealert(1)\u003c/script\u003e","top":[]'
one 'nor begin a comment in it' '{"path":"<!--<script>&amp;","ok":true}' \
    '"path":"\u003c!--\u003cscript\u003e\u0026amp;"'
one 'quotes stay within their string' '{"path":"a\"b\\c'"'"'.jpg","ok":true}' '"path":"a\"b\\c'"'"'.jpg"'
one 'control characters are escaped' '{"path":"a\u0001\n\u007f\u009b.jpg","ok":true}' \
    '"path":"a\u0001\n\u007f\u009b.jpg"'
one 'labels and errors are too' \
    '{"path":"a","ok":true,"top":[{"index":3,"label":"<b>","score":0.5}],"truth":"</script>","tar":"<t>","taken":"&"}' \
    '"path":"a","tar":"\u003ct\u003e","taken":"\u0026","top":[[3,"\u003cb\u003e",0.5]],"truth":[null,"\u003c/script\u003e"]'
one 'and what failed' '{"path":"a","ok":false,"error":{"code":"<c>","message":"<m>"}}' \
    '"path":"a","error":["\u003cc\u003e","\u003cm\u003e"]'
one 'a header is escaped' '{"cvt":"1","x":{"</script>":["<!--",1.5,null,true,{}]}}' \
    '"header":{"cvt":"1","x":{"\u003c/script\u003e":["\u003c!--",1.5,null,true,{}]}}'
one 'a path that is not UTF-8' '{"path_b64":"YS9i/y5qcGc=","ok":true}' '"path_b64":"YS9i/y5qcGc="'
one 'an archive that is null is none' '{"path":"a","tar":null,"ok":true,"top":[]}' '"path":"a","top":[]'
one 'members that are not known are left out' '{"path":"a","html":"<b>","ok":true,"top":[],"__proto__":{"x":1}}' \
    '"path":"a","top":[]'
one 'text that turns around stays text' '{"path":"\u202egpj.exe","ok":true}' "$(printf '"path":"\342\200\256gpj.exe"')"
check 'the page shows it as an escape' grep -q 'u2028-..u202e' page.html
printf '{"path":"</script><b>.jpg","ok":true}\n' >'<i>&.jsonl'
report '<i>&.jsonl' --thumbnails 0
equal 'the name of a file is escaped' "$(about)" \
    '{"files":["\u003ci\u003e\u0026.jsonl"],"base":"","bad":0,"without":1}'
equal 'nothing of it is HTML' "$(sed -n '/id="data">/,/<\/script>/p' page.html | tr -cd '<' | wc -c)" 2
mkfifo pipe
one 'a FIFO in a record is not waited for' '{"path":"pipe","ok":true}' '"path":"pipe"'
report one.jsonl
equal 'with thumbnails neither' "$status" 0
printf '{"path":"-","ok":true}\n' >one.jsonl
report one.jsonl
equal 'an image of standard input is not read' "$status $(cat err)" '0 '

# ---- records ---------------------------------------------------------------------------------------------------------

one 'truth as a label' '{"path":"a","ok":true,"truth":"cat"}' '"path":"a","truth":[null,"cat"]'
one 'truth as an index' '{"path":"a","ok":true,"truth":7}' '"path":"a","truth":[7,"7"]'
one 'truth as a class' '{"path":"a","ok":true,"truth":{"index":7,"label":"cat"}}' '"path":"a","truth":[7,"cat"]'
one 'no truth' '{"path":"a","ok":true,"truth":null}' '"path":"a"'
classes=$(for i in $(seq 0 29); do printf '{"index":%d,"label":"c%d","score":0.01},' "$i" "$i"; done)
printf '{"path":"a","ok":true,"top":[%s]}\n' "${classes%,}" >one.jsonl
report one.jsonl
equal 'of many classes 20 are shown' "$(records | grep -o '"c[0-9]*"' | wc -l)" 20
check 'the others are counted' grep -q '"more":10' page.html
: >empty.jsonl
report empty.jsonl
equal 'no records make a page without any' "$status $(records | wc -l)" '0 0'
report good.jsonl empty.jsonl good.jsonl
equal 'several files' "$(records | grep -c '{"from":2,"path"')" 11
tr '\n' '\0' <good.jsonl >zero.jsonl
report zero.jsonl
equal 'records that end with NUL' "$status $(records | wc -l)" "0 $(lines good.jsonl)"

# ---- what is no record -----------------------------------------------------------------------------------------------

# bad NAME MESSAGE LINE: the line, between two records, is told and left out
bad() {
    printf '{"path":"a","ok":true}\n%s\n{"path":"b","ok":true}\n' "$3" >bad.jsonl
    report bad.jsonl --thumbnails 0
    equal "$1" "$status $(records | wc -l) $(cat err)" "1 2 cvt: bad.jsonl:2: $2"
}
no='this is no record as -f jsonl writes it:'
bad 'an array' "$no it is no object" '[1]'
bad 'no path' "$no it must have \"path\" or \"path_b64\", a string" '{"ok":true}'
bad 'both paths' "$no it must have \"path\" or \"path_b64\", a string" '{"path":"a","path_b64":"YQ==","ok":true}'
bad 'no ok' "$no it has no \"ok\", true or false" '{"path":"a"}'
bad 'an empty path' "$no \"path\" is empty" '{"path":"","ok":true}'
bad 'no base64' "$no \"path_b64\" is no path in base64" '{"path_b64":"*","ok":true}'
bad 'a NUL in base64' "$no \"path_b64\" is no path in base64" '{"path_b64":"YQBi","ok":true}'
bad 'no error' "$no \"error\" has no \"code\" and \"message\", strings" '{"path":"a","ok":false}'
bad 'top is no list' "$no \"top\" is no list of classes" '{"path":"a","ok":true,"top":1}'
bad 'a class without label' "$no a class has no \"label\", a string" '{"path":"a","ok":true,"top":[{"score":1}]}'
bad 'a class without score' "$no a class has no \"score\", a number" '{"path":"a","ok":true,"top":[{"label":"x"}]}'
bad 'a negative index' "$no the \"index\" of a class is no integer from 0" \
    '{"path":"a","ok":true,"top":[{"index":-1,"label":"x","score":1}]}'
printf '{"path":"a","ok":true}\n{"path":"b","o' >bad.jsonl
report bad.jsonl --thumbnails 0
check 'a last line that is cut is told' grep -q '^cvt: bad\.jsonl:2: ' err
equal 'and left out' "$status $(records | wc -l) $(lines err)" '1 1 1'
equal 'the page tells it' "$(about)" '{"files":["bad.jsonl"],"base":"","bad":1,"without":1}'
{ printf '{"path":"a","ok":true}\n'; seq 1000; } >bad.jsonl
report bad.jsonl --thumbnails 0
equal 'many are not all told' "$status $(lines err) $(tail -n 1 err)" '1 11 cvt: bad.jsonl: 990 more lines are no records'
seq 3 >bad.jsonl
report bad.jsonl
equal 'no record at all: no page' "$status $(find . -maxdepth 1 -name 'page.html*')" '1 '
head -c 17000000 /dev/zero | tr '\0' 'x' >bad.jsonl
refused 'a line without end' 1 'bad\.jsonl: line 1 has more than 16777216 bytes' bad.jsonl

# ---- the output ------------------------------------------------------------------------------------------------------

refused 'records that are not there' 2 'missing\.jsonl: No such file or directory' good.jsonl missing.jsonl
refused 'a directory' 2 'good: .*' good
refused 'a root that is not there' 2 '--root: nowhere: No such file or directory' good.jsonl --root nowhere
expect 'no records named' 2 '' '*report*' "$cvt" report -o page.html
expect 'no output named' 2 '' '*-o*' "$cvt" report good.jsonl
expect 'a name that does not fit' 2 '' '*the name must end with .html*' "$cvt" report good.jsonl -o page.png
cp good.jsonl records.html
expect 'the records are not written over' 2 '' '*this file is read here*' "$cvt" report records.html -o records.html
same 'they are as they were' records.html good.jsonl
expect 'nor is a file of another kind' 2 '' '*it is not an HTML page*' "$cvt" report good.jsonl -o records.html
expect 'a directory that is not there' 4 '' '*nowhere*' "$cvt" report good.jsonl -o nowhere/page.html

# ---- files of other kinds ----------------------------------------------------------------------------------------------
printf 'path,label\ncat.png,1\n' >other.csv
printf '[\n{"path":"cat.png"}\n]\n' >other.json
for file in other.csv other.json; do
    "$cvt" report "$file" -o other.html >out 2>err
    equal "$file is no file of records: the status, one line, no page" "$?:$(wc -l <err):$(ls other.html 2>/dev/null)" 1:1:
    check "$file: the line says so" grep -q "^cvt: $file: this is no file of records" err
done

[ "$failures" -eq 0 ]
