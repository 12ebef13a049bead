#!/bin/sh
# check_recipes.sh - every block of docs/recipes.md with images of Debian's packages and the default model, where
# test_recipes.sh has small ones. For developers, about a minute:
#   STAMPS   tuxpaint-stamps-default, unpacked by dpkg -x: its animals, food, plants and town are the labels to learn
#   PHOTOS   a directory with JPEGs, such as /usr/share/backgrounds
#   CVT_MODEL   the default model, efficientnet-lite0.safetensors
# Prints "ok NAME" or "not ok NAME: why" a case. CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${CVT:-$tests/../cvt}")
page=$tests/../docs/recipes.md
if [ ! -d "${STAMPS:-}/usr/share/tuxpaint/stamps" ] || [ ! -d "${PHOTOS:-}" ] || [ ! -f "${CVT_MODEL:-}" ]; then
    echo 'skip recipes: STAMPS and PHOTOS are directories, CVT_MODEL is a file'
    exit 0
fi
starter=$(realpath "$CVT_MODEL")
stamps=$(realpath "$STAMPS/usr/share/tuxpaint/stamps")
images=$(realpath "$PHOTOS")
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1
export CVT_MODEL="$starter" # case.sh has unset it
mkdir -p bin blocks photos/more camera
ln -s "$program" bin/cvt
export PATH="$work/bin:$PATH"

# copy FROM COUNT TO, past the first SKIP: images of a category, under names that say where they lay
copy() {
    mkdir -p "$3"
    (cd "$1" && find . -name '*.png' | sort) | tail -n +"$(($4 + 1))" | head -n "$2" | while read -r name; do
        cp "$1/$name" "$3/$(printf %s "${name#./}" | tr / _)"
    done
}
for label in animals food plants town; do
    copy "$stamps/$label" 20 "pets/$label" 0
    copy "$stamps/$label" 6 "pets-new/$label" 20
done
copy "$stamps/animals" 15 traps/animal 0
copy "$stamps/plants" 15 traps/empty 0
copy "$stamps/animals" 4 camera 30
copy "$stamps/plants" 4 camera 20
find "$images" -name '*.jp*g' | sort | head -n 8 | while read -r file; do cp "$file" photos/more; done
cp "$(find photos/more -type f | sort | head -n 1)" photos/cat.jpg

awk '/^```/ { inside = !inside; if (inside) file = sprintf("blocks/%02d", ++n); next } inside { print >file }' "$page"
# shellcheck disable=SC2016 # for the inner shell
sh -c 'for block in blocks/??; do . "./$block" >"$block.out" 2>"$block.err" </dev/null; echo $? >"$block.status"; done'
for block in blocks/??; do
    title="$block, $(head -n 1 "$block" | tr -cd ' -Z_a-z')"
    status=$(cat "$block.status" 2>/dev/null || echo none)
    [ "$status" = 0 ] || sed 's/^/# /' "$block.err"
    equal "$title: it ends" "$status" 0
    equal "$title: nothing is wrong" "$(grep -E 'usage|not found|syntax|: cannot|truncated' "$block.err")" ''
done
equal 'every photo is sorted, or told to be unsure' \
    "$(($(find sorted -type f | wc -l) + $(awk -F '\t' 'NR > 1 && $6 == ""' answers.tsv | wc -l)))" \
    "$(find photos -type f | wc -l | tr -d ' ')"
top1=$(cat blocks/*.out | sed -n 's/^top-1: .*, \([0-9.]*\) % .*/\1/p' | head -n 1)
echo "pets-new: top-1 ${top1:-?} %"
top1=${top1%.*}
check 'four labels of stamps: better than chance by far' test "${top1:-0}" -ge 60
answered=$(grep -l 'not sure' blocks/?? | head -n 1)
equal 'camera: each image is counted' "$(awk '{ n += $1 } END { print n }' "$answered.out")" 8

[ "$failures" -eq 0 ]
