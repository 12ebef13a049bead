#!/bin/sh
# test_docs.sh - tests what the pages say of the program: the numbers in the tables of docs/models.md are those that cvt
# summary counts, every config has its row, timm's names are known, docs/design.md names files, functions and ranks as
# they are, tests/README.md has every test, the manual has every level of kernels, and links lead to files.
# Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
# shellcheck source=tests/case.sh
. "$tests/case.sh"
case ${CVT_BUILD:-} in sanitized) echo "skip docs: the numbers are the same in every build" && exit 0 ;; esac
models=$root/docs/models.md

# inputs CONFIG: of a network, from its config: "8 x 32 x 80 and 8 x 16 x 40"
inputs() {
    sed -n -E 's/.*"channels": ([0-9]+), "size": ([0-9]+)[^0-9]*$/\1 x \2 x \2/p
        s/.*"channels": ([0-9]+), "size": \[([0-9]+), ([0-9]+)\].*/\1 x \2 x \3/p' "$1" |
        sed '2,$s/^/and /' | tr '\n' ' '
}

# total NAME: of the listing in $work/json, from the line that has all totals
total() { sed -n -E "/\"buffers\":/s/.*\"$1\":([0-9]+),.*/\1/p" "$work/json"; }

# counted CONFIG: "PARAMETERS | GMACs | CLASSES | INPUT" as the program has them. Classes are the length of the last
# row's output, which is a list of logits, or "-" where it is anything else.
counted() {
    "$program" summary -c "$1" >"$work/text" && "$program" summary -f json -c "$1" >"$work/json" || return 1
    input=$(sed -n 's/^[a-z0-9_]*, input //p' "$work/text")
    [ -n "$input" ] || input=$(inputs "$1" | sed 's/ $//')
    classes=$(grep '^{"name".*"type"' "$work/json" | tail -n 1 | sed -E 's/.*"shape":\[([0-9]+)\].*/\1/; /^\{/s/.*/-/')
    parameters=$(total parameters | sed -E ':a; s/([0-9])([0-9]{3})(,|$)/\1,\2\3/; ta')
    macs=$(total macs)
    echo "$parameters | $(awk "BEGIN {printf \"%.3f\", $macs / 1e9}") | $classes | $input"
}

# preset NAME: a config that says no more than timm's name of an architecture
preset() { echo "{\"architecture\": \"$1\"}" >"$work/timm.json"; }

# rows CELLS: the tables' rows of so many cells, without what frames them
rows() { awk -F ' *[|] *' -v cells="$1" 'NF == cells + 2 && !/^\| (config|timm) \|/ && !/---/' "$models" | tr -d '`'; }
cell() { echo "$1" | awk -F ' *[|] *' -v n="$(($2 + 1))" '{print $n}'; }

rows 7 >"$work/configs"
while read -r row; do
    name=$(cell "$row" 1)
    said=$(echo "$row" | awk -F ' *[|] *' '{print $3 " | " $4 " | " $5 " | " $6}')
    equal "$name" "$said" "$(counted "$root/configs/$name.json")"
    for timm in $(cell "$row" 7 | tr -d ,); do
        preset "$timm"
        counted "$work/timm.json" >"$work/counts"
        equal "timm's $timm has the parameters of $name" "$(cell "$row" 2)" "$(cut -d ' ' -f 1 "$work/counts")"
    done
done <"$work/configs"
rows 6 >"$work/presets"
check "there are further names of timm" [ -s "$work/presets" ]
while read -r row; do
    name=$(cell "$row" 1)
    preset "$name"
    said=$(echo "$row" | awk -F ' *[|] *' '{print $3 " | " $4 " | " $5 " | " $6}')
    equal "$name" "$said" "$(counted "$work/timm.json")"
done <"$work/presets"

awk -F ' *[|] *' '{print $2}' "$work/configs" | sort >"$work/named"
for config in "$root"/configs/*.json; do basename "$config" .json; done | grep -v '^schema$' | sort >"$work/present"
same "every config has a row, once" "$work/named" "$work/present"

sed -n -E 's/^( *\{"[a-z0-9_]+", |V\()"([a-z0-9_]+)", .*/\2/p' "$root/src/arch/presets.c" "$root/src/arch/presets_vit.def" |
    sort >"$work/known"
{
    awk -F ' *[|] *' '{print $8}' "$work/configs" | tr -d , | tr ' ' '\n' | grep .
    awk -F ' *[|] *' '{print $2}' "$work/presets"
} | sort >"$work/named"
same "every name of timm that cvt knows is there, once" "$work/named" "$work/known"

# ---- docs/design.md ----

design=$root/docs/design.md
# "FILE NAME NAME ..." a line: the walks' rows
# shellcheck disable=SC2016 # backticks of Markdown
sed -n -E 's/^\| `(src\/[^`]*\.[ch])` \| (`[^|]*) \|.*/\1 \2/p' "$design" | tr -d '`,' >"$work/walks"
check "design.md has walks" [ "$(lines "$work/walks")" -gt 30 ]
while read -r file names; do
    for name in $names; do
        check "$file has $name" grep -qE "^[A-Za-z].*[ *]$name\(" "$root/$file"
    done
done <"$work/walks"
# shellcheck disable=SC2016
lost() { for path in $(grep -oE '`(src|tests|docs|configs)/[a-z0-9_./-]*`' "$1" | tr -d '`'); do [ -e "$root/$path" ] || echo "$path"; done; }
equal "design.md names files that are there" "$(lost "$design")" ""
# "RANK FOLDER" a line, as the test of the house has them: a folder uses those of a lower rank
awk '/<<.END/ {inside = 1; next} /^END/ {exit} inside {for (i = 1; i <= NF; i++) if ($i != "cvt.h") print n, $i; n++}' \
    "$tests/test_house.sh" | sort >"$work/ranks"
# shellcheck disable=SC2016
sed -n -E 's/^\| ([0-9]) \| `src\/([a-z]*)`.*/\1 \2/p' "$design" | sort >"$work/told"
same "design.md has the ranks of the house" "$work/ranks" "$work/told"

# ---- tests/README.md ----

for test in "$tests"/test_*.c "$tests"/test_*.sh; do basename "$test"; done | sort >"$work/present"
grep '^|' "$tests/README.md" | grep -oE '\btest_[a-z0-9_]+\.(c|sh)\b' | sort -u >"$work/named"
same "the table of tests has every test, and no other" "$work/named" "$work/present"

# ---- environment ----

# Where models are looked for by their name is told in the help of the commands that do so, and of no other.
for command in $("$program" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    "$program" help "$command" >"$work/help"
    case $command in
    convert | report) want=2 ;;
    *) want=$(grep -c -e '--model=MODEL' "$work/help" | sed 's/1/2/') ;;
    esac
    equal "help $command: where models are looked for" "$(grep -cE '^  (CVT_MODEL_PATH|HF_HUB_CACHE) ' "$work/help")" "$want"
done

# ---- kernels ----

# the pages list all kernels that CVT_ISA may name
sed -n -E 's/^X\(([a-z0-9]+),.*/\1/p' "$root/src/kernels/isa.def" >"$work/levels"
check 'there are levels of kernels' test "$(lines "$work/levels")" -ge 12
for page in cvt.1 libcvt.3; do
    sed -n '/^CVT_ISA/,/^\.TP\|^\.SH/p' "$root/man/$page" | sed 's/\\f[BR]//g' | tr -cs 'a-z0-9' '\n' >"$work/words"
    equal "$page: all levels of kernels" "$(grep -vxFf "$work/words" "$work/levels")" ''
done

# ---- links ----

# broken_links PAGE: the relative links that lead nowhere
broken_links() {
    grep -oE '\]\([^)]+\)' "$1" | sed -E 's/^\]\(//; s/\)$//; s/#.*//' | grep -v '^https\?://' | while read -r link; do
        [ -z "$link" ] || [ -e "$(dirname "$1")/$link" ] || echo "$link"
    done
}
for page in "$root"/*.md "$root"/docs/*.md "$root"/tests/*.md "$root"/bench/*.md "$root"/examples/*.md; do
    equal "links of ${page#"$root"/}" "$(broken_links "$page")" ""
done

[ "$failures" -eq 0 ]
