#!/bin/sh
# test_readme.sh - README.md keeps what it promises: its commands run as typed, in order, and print what it shows.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case.
#
# The commands are the lines of its ```sh blocks (a loop, from `for` to `done`, is one) and what follows "$ " in its
# ```console blocks, whose other lines are what the commands print. They run in a folder that looks like a clone. These
# stand in for the network and for other programs:
# - `make demo` leaves the starter's weights and three photos. Where it has run in this clone, they are used, and what
#   the commands print is compared with the README. Elsewhere the same names stand for a model of random weights (cvt
#   init) and for images of tests/data.
# - `tesseract` says what it was asked.
# - `git clone` of a repository of the Hugging Face hub copies a small one of the same layout (tests/data/cvt/hub_f32).
# CVT: the program.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
readme=$root/README.md
# shellcheck source=tests/case.sh
. "$tests/case.sh"

# ---- the page itself ----

few_words() {
    words=$(wc -w <"$readme")
    [ "$words" -le 800 ] || { echo "$words words, 800 are allowed" && return 1; }
}
check "at most 800 words" few_words
equal "no block of commands but the fenced ones" \
    "$(awk '/^```/ {in_block = !in_block} !in_block && /^    /' "$readme")" ""
equal "blocks are sh or console" "$(sed -n 's/^```\(.\)/\1/p' "$readme" | sort -u | tr '\n' ' ')" "console sh "

# ---- its commands: $work/commands/NNN, what NNN prints in NNN.prints where the README shows it ----

mkdir "$work/commands"
awk -v folder="$work/commands/" '
    /^```/ { kind = kind == "" ? substr($0, 4) : ""; next }
    kind == "" || /^$/ { next }
    kind == "console" && !/^\$ / { print >>(file ".prints"); next }
    !loop { file = folder sprintf("%03d", ++count) }
    { sub(/^\$ /, ""); print >file; loop = loop ? !/^done/ : /^for /; if (!loop) close(file) }' "$readme"
commands=$(find "$work/commands" -name '???' | sort)
equal "the first is make demo" "$(cat "$work/commands/001")" "make demo"

mkdir "$work/clone" "$work/clone/models" "$work/clone/photos"
cd "$work/clone" || exit 1
ln -s "$program" cvt
ln -s "$root/configs" "$root/man" "$root/src" "$root/tests" .
cp "$root/models/imagenet-1k.txt" "$root/models/script.safetensors" models
mkdir scans "$work/bin" && cp "$tests/data/script_pages/Arab.png" "$tests/data/script_pages/Khmr.png" scans
# shellcheck disable=SC2016 # for the script
printf '#!/bin/sh\necho "$*"\n' >"$work/bin/tesseract" && chmod +x "$work/bin/tesseract"
PATH=$work/bin:$PATH

starter=models/efficientnet-lite0.safetensors
photos="cat.png coffee.png rocket.jpg"
real=yes
for file in "$starter" photos/cat.png photos/coffee.png photos/rocket.jpg; do [ -f "$root/$file" ] || real=no; done

demo() { # what make demo leaves
    if [ "$real" = yes ]; then
        cp "$root/$starter" models && for photo in $photos; do cp "$root/photos/$photo" photos || return 1; done
        return
    fi
    ./cvt init -c configs/efficientnet-lite0.json --labels models/imagenet-1k.txt --seed 1 -o "$starter" &&
        cp "$tests/data/cli/dog.png" photos/cat.png && cp "$tests/data/cli/dog.png" photos/coffee.png &&
        cp "$tests/data/cli/cat.jpg" photos/rocket.jpg
}

hub_clone() { # ADDRESS DIRECTORY
    case $1 in https://huggingface.co/*/*) ;; *) echo "$1 is not on the hub" && return 1 ;; esac
    mkdir -p "$2" && for file in config.json preprocessor_config.json model.safetensors; do
        cp "$tests/data/cvt/hub_f32/$file" "$2" || return 1
    done
}

# run FILE: the command in FILE succeeds and leaves the files that it names as outputs. What it says on standard error
# is part of what it prints if the README shows that, else it says nothing there.
run() {
    line=$(sed 's/ *#.*//' "$1")
    # shellcheck disable=SC2086 # words are wanted
    case $line in
    "make demo") demo ;;
    "git lfs install") ;;
    "git clone "*) set -- ${line#git clone } && hub_clone "$@" ;;
    ./cvt* | "for "*)
        sh -c "$(cat "$1")" </dev/null >"$work/out" 2>"$work/err"
        status=$?
        [ "$status" -eq 0 ] || { echo "status $status: $(head -n 1 "$work/err")" && return 1; }
        if [ -f "$1.prints" ]; then
            cat "$work/err" >>"$work/out"
        elif [ -s "$work/err" ]; then
            cat "$work/err" && return 1
        fi
        for file in $(echo "$line" | sed -n -E 's/.* (-o|>) ([^ ]+).*/\2/p'); do
            [ -s "$file" ] || { echo "$file was not written" && return 1; }
        done
        cp "$work/out" "$1.printed"
        ;;
    *) echo "this test does not know how to run it" && return 1 ;;
    esac
}
for command in $commands; do check "\$ $(head -n 1 "$command" | sed 's/ *#.*//')" run "$command"; done

# ---- what they print ----

for prints in "$work"/commands/*.prints; do
    command=${prints%.prints}
    if [ "$real" = yes ] || grep -q "^./cvt classify -m script " "$command"; then
        same "prints what README shows: $(cat "$command")" "$prints" "$command.printed"
    else
        echo "skip prints what README shows: $(cat "$command"): make demo has not run here"
    fi
done
equal "a header, and a record for each photo" "$(lines answers.csv)" 4
equal "each scan goes to the OCR of its script" "$(tr '\n' ' ' <"$(grep -l '^for page' "$work"/commands/???).printed")" \
    "scans/Arab.png scans/Arab -l script/Arabic scans/Khmr.png scans/Khmr -l script/Khmer "
equal "features of each photo" "$(tr '\n' ' ' <photos.txt)" "photos/cat.png photos/coffee.png photos/rocket.jpg "
is_png() { [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ]; }
check "where.png is a PNG" is_png where.png

# What make demo prints at its end is the README's first console block. Nothing is left to fetch when this runs.
awk '/^```/ {inside = /console/ && !seen; seen += inside; next} inside' "$readme" >"$work/shown"
if [ "$real" = yes ] && [ "$program" = "$root/cvt" ]; then
    sh "$tests/demo.sh" >"$work/demo" 2>&1
    same "make demo ends as README shows" "$work/shown" "$work/demo"
else
    echo "skip make demo ends as README shows: it has not run here, or for another build"
fi
equal "make demo classifies the photos that README shows" \
    "$(sed -n 's/^for picture in \(.*\); do/\1/p' "$tests/demo.sh")" \
    "$(sed -n 's/^\$ .*classify //p' "$work/shown" | tr '\n' ' ' | sed 's/ $//')"

# ---- its picture ----

small_picture() {
    is_png "$root/docs/where.png" || { echo "no PNG" && return 1; }
    [ "$(wc -c <"$root/docs/where.png")" -le 150000 ] || { echo "more than 150 kB" && return 1; }
}
check "the picture is a PNG of at most 150 kB" small_picture

[ "$failures" -eq 0 ]
