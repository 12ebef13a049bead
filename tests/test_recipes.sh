#!/bin/sh
# test_recipes.sh - docs/recipes.md keeps what it promises: every block of it runs as it stands, in order, in one shell,
# and does what the page says. A small model stands for the default one, and small images for people's photos; one of
# them is torn, as some always are.
# Prints "ok NAME" or "not ok NAME: why" a case. CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${CVT:-$tests/../cvt}")
page=$tests/../docs/recipes.md
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

# ---- what the page takes for granted ---------------------------------------------------------------------------------

mkdir bin
ln -s "$program" bin/cvt
export PATH="$work/bin:$PATH"
make_pictures
# The labels have what no folder may be called.
# shellcheck disable=SC2016 # nothing shall be expanded
printf '../up, x\ntabby, tabby cat\n.hidden\n-rf\n$(touch x)\na/b\nc\\d\ne f\n"g"\nh*\n' >labels.txt
cvt convert "$tests/data/lite/timm" --labels labels.txt -o model.safetensors || exit 1
export CVT_MODEL="$work/model.safetensors"
mkdir -p photos/a photos/b pets/cat pets/dog pets-new/cat pets-new/dog traps/empty traps/deer camera
cp good/1.jpg photos/cat.jpg
cp good/2.jpg photos/a/1.jpg
cp good/3.jpg photos/b/1.jpg
cp good/9.png "photos/a/-n \$(touch y) 'q\".png"
cp good/9.png "$(printf 'photos/tab\there.png')"
head -c 800 good/1.jpg >photos/torn.jpg
for i in 1 2 3; do cp good/$i.jpg pets/cat && cp good/$i.jpg traps/deer; done
cp good/4.jpg pets-new/cat && cp good/5.jpg camera && cp good/9.png camera
# images beside the cat's that are not the same: parts of a dog
for i in 1 2 3; do
    cp "$tests/data/images/jpeg_portrait.jpg" pets/dog/$i.jpg && printf '%d' $i >>pets/dog/$i.jpg
    cp pets/dog/$i.jpg traps/empty
done
cp good/9.png pets-new/dog

# ---- the blocks ------------------------------------------------------------------------------------------------------

equal 'blocks are sh' "$(sed -n 's/^```\(.\)/\1/p' "$page" | sort -u)" sh
mkdir blocks
awk '/^```/ { inside = !inside; if (inside) file = sprintf("blocks/%02d", ++n); next } inside { print >file }' "$page"
equal 'as many as the page has' "$(find blocks -type f | wc -l | tr -d ' ')" "$(grep -c '^```sh' "$page")"
# In one shell, since a block may use a function of an earlier one. Each ends with status 0, or 1 for the torn image.
# shellcheck disable=SC2016 # for the inner shell
sh -c 'for block in blocks/??; do . "./$block" >"$block.out" 2>"$block.err" </dev/null; echo $? >"$block.status"; done'
for block in blocks/??; do
    title="$block, $(head -n 1 "$block" | tr -cd ' -Z_a-z')"
    check "$title: it ends" test "$(cat "$block.status" 2>/dev/null || echo none)" -le 1
    # what cvt tells without a failure: learn, eval and attend say what they did
    equal "$title: nothing else is wrong" "$(grep -E '^cvt: .*(usage|option|unexpected|no such|Try)|^(sh|\./blocks)|not found|syntax' "$block.err")" ''
done
# named NAME: the block whose text has this
named() { grep -l -F -e "$1" blocks/?? | head -n 1; }

# ---- what they have done ---------------------------------------------------------------------------------------------

equal 'a table: a line for each photo, and its head' "$(lines answers.csv)" 7
equal 'sorted: every photo that can be named and read' "$(find sorted -type f | wc -l | tr -d ' ')" 4
equal 'sorted: nothing lies elsewhere' "$(find . -newer labels.txt -name 'up*' -o -name x -o -name y | head -n 1)" ''
equal 'sorted: folders have safe names' "$(find sorted -mindepth 1 -type d | grep -c '[^A-Za-z0-9_/]')" 0
cvt classify photos/cat.jpg -k 1 -f tsv | awk -F '\t' 'NR > 1 { sub(/,.*/, "", $6); gsub(/[^A-Za-z0-9]/, "_", $6); print "sorted/" $6 "/photos_cat.jpg" }' >want
check 'sorted: by the best class' test -f "$(cat want)"
same 'sorted: the photo itself' "$(cat want)" photos/cat.jpg
check 'sorted: photos of one name do not meet' test "$(find sorted -name 'photos_[ab]_1.jpg' | wc -l)" -eq 2
dry=$(named "printf '%s -> %s")
equal 'the dry run says the same' "$(sed 's/.* -> //' "$dry.out" | sort)" "$(find sorted -type f | sort)"
equal 'what is left is said' "$(grep -c '^left: photos/tab.x09here.png$' "$dry.err")" 1
check 'the originals are there' test -f photos/cat.jpg -a -f photos/a/1.jpg
sh -c '. "./$1"; . "./$2"' sh "$(named 'sort_photos() {')" "$(named 'copy() {')" >again.out 2>again.err
equal 'again: nothing is written over' "$(grep -c '^left: ' again.err)" 5
check 'the report has maps' grep -q '"map":"/9j/' photos.html
doubts=$(named "best - ")
equal 'the doubtful ones, least difference first' "$(cut -f 1 "$doubts.out")" "$(cut -f 1 "$doubts.out" | sort -n)"
equal 'all of them' "$(lines "$doubts.out")" 5
equal 'own labels: a table' "$(cut -d , -f 6 pets.csv | sed 1d | grep -cE '^"?(cat|dog)')" 5
check 'own labels: how good it is' grep -q 'top-1' "$(named 'cvt eval -m pets.safetensors').out"
check 'own labels: the picture' test "$(head -c 4 pets.svg)" = '<svg'
check 'own labels: the page' grep -q '"truth":' pets-new.html
equal 'camera: each image is counted once' "$(awk '{ n += $1 } END { print n }' "$(named 'not sure').out")" 2
equal 'camera: what shows an animal, what to look at, and empty ones are all' \
    "$(($(lines animals.tsv) + $(lines look-at.txt) + $(awk -F '\t' '$6 == "empty"' camera.tsv | wc -l)))" 2
# shellcheck disable=SC2016 # of awk
equal 'what went wrong' "$(cat "$(named '$2 == "false"').out")" 'photos/torn.jpg: truncated'
equal 'resumed: each photo has a record, the torn one two' "$(grep -c '"path' all.jsonl) $(grep -c torn all.jsonl)" '7 2'
equal 'a tar archive: the same answers as its files' "$(cut -d , -f 2- tar.csv | sort)" "$(cut -d , -f 2- answers.csv | sort)"
equal 'the last week: the JPEGs' "$(lines week.csv)" 5
check 'where it looks: a picture' test "$(head -c 4 where.png | tail -c 3)" = PNG
check 'where it looks: a page' grep -q '<figure' where.html
equal 'where it looks: classes on a sheet' "$(grep -o 'data:image/png' sheet.svg | wc -l | tr -d ' ')" 6
equal 'where it looks: a page for each photo' "$(find maps -name '*.html' | wc -l | tr -d ' ')" 5

[ "$failures" -eq 0 ]
