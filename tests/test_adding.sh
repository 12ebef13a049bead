#!/bin/sh
# test_adding.sh - what docs/adding-*.md say is so: each page is followed in one copy of the sources. A block of a page
# becomes the file, or the lines in a file, that the sentence before it names; its commands are typed, in order, and
# print what the page shows. Then what was added is tested once more and broken, which must be seen.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case.
#
# Two things stand in for what a reader does. Where a page only adds a declaration to a header, no other file is compiled
# anew. And the golden data of the family, which its original makes with Python, lie in tests/adding.
# CVT_BIN: the folder of the build, whose objects are used.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
build=$(realpath "${CVT_BIN:-$root/build}")
case ${CVT_BUILD:-} in sanitized) echo "skip adding: pages are followed on the release build" && exit 0 ;; esac
[ "$build" = "$root/build" ] || { echo "skip adding: the objects of $build are not those of make" && exit 0; }
# shellcheck source=tests/case.sh
. "$tests/case.sh"

# ---- a copy of what is built ----

mkdir -p "$work/tree/build" "$work/tree/tests/data" "$work/tree/docs" "$work/bin"
cp -a "$root/Makefile" "$root/src" "$root/configs" "$root/man" "$work/tree"
cp -a "$root"/docs/models.md "$work/tree/docs"
cp -a "$tests"/*.[ch] "$work/tree/tests"
mkdir "$work/tree/tests/data/cli" && cp "$tests/data/cli/cat.jpg" "$work/tree/tests/data/cli"
cp -a "$build/src" "$build/flags" "$build/libcvt.a" "$build/program.a" "$work/tree/build" 2>"$work/copying"
# Objects are made again where the compiler changes, or the folder's name, which stands in debugging information: it is
# told both as they were.
compiler=$(sed 's/ -std=.*//' "$build/flags")
cat >"$work/bin/make" <<END
#!/bin/sh
exec $(command -v make) -s -j "$(getconf _NPROCESSORS_ONLN)" CURDIR="$root" CC="$compiler" "\$@"
END
chmod +x "$work/bin/make"
PATH=$work/bin:$PATH
cd "$work/tree" || exit 1

# ---- a page becomes steps: NNN.how (new, behind, before, sh, console), NNN.file, NNN.anchor, NNN.body ----

# The sentence before a block ends with "`FILE`, a new file:" or "In `FILE`, behind `LINE`:" (or before). Blocks of
# commands need none.
split_page() { # PAGE FOLDER
    awk -v folder="$2/" '
        !inside && /^```/ {
            inside = 1
            how = substr($0, 4)
            n = split(paragraph, part, "`")
            name = folder sprintf("%03d", ++count)
            if (how != "sh" && how != "console") {
                if (part[n] ~ /^, a new file.*:$/) how = "new"
                else if (part[n] == ":" && part[n - 2] ~ /^, (behind|before) $/) how = substr(part[n - 2], 3, 6)
                else how = "nowhere"
                print (how == "new" ? part[n - 1] : part[n - 3]) >(name ".file")
                print part[n - 1] >(name ".anchor")
            }
            print how >(name ".how")
            printf "" >(name ".body")
            next
        }
        inside && /^```$/ { inside = 0; paragraph = ""; next }
        inside { print >(name ".body"); next }
        /^$/ { if (!held) held = 1; next }
        { paragraph = held || paragraph == "" ? $0 : paragraph " " $0; held = 0 }
    ' "$1"
}

add_file() { # STEP
    file=$(cat "$1.file")
    [ ! -e "$file" ] || { echo "$file is there already" && return 1; }
    mkdir -p "$(dirname "$file")" && cp "$1.body" "$file"
}

add_lines() { # STEP
    file=$(cat "$1.file")
    [ "$(grep -cxF -e "$(cat "$1.anchor")" "$file")" = 1 ] || { echo "$file has no such line, or several" && return 1; }
    cp -p "$file" "$work/before" &&
        anchor=$(cat "$1.anchor") awk -v how="$(cat "$1.how")" -v body="$1.body" '
            function insert(line) { while ((getline line <body) > 0) print line }
            how == "before" && $0 == ENVIRON["anchor"] { insert() }
            { print }
            how == "behind" && $0 == ENVIRON["anchor"] { insert() }' "$work/before" >"$file" || return 1
    case $file in *.h) touch -r "$work/before" "$file" ;; esac
}

type_commands() { # STEP
    sh -e "$1.body" >"$work/typed" 2>&1 </dev/null || { tail -n 3 "$work/typed" && return 1; }
}

# Each command, and what it prints.
type_shown() { # STEP
    awk -v folder="$work/shown/" '
        /^\$ / { file = folder sprintf("%02d", ++count); print substr($0, 3) >file; printf "" >(file ".prints"); next }
        { print >(file ".prints") }' "$1.body"
    for command in "$work"/shown/??; do
        sh -e "$command" >"$work/typed" 2>&1 </dev/null || { cat "$command" "$work/typed" && return 1; }
        cmp -s "$command.prints" "$work/typed" || { echo "$(cat "$command") prints $(head -n 1 "$work/typed")" && return 1; }
    done
}

step() { # STEP
    case $(cat "$1.how") in
    new) add_file "$1" ;;
    behind | before) add_lines "$1" ;;
    sh) type_commands "$1" ;;
    console) rm -rf "$work/shown" && mkdir "$work/shown" && type_shown "$1" ;;
    *) echo "no sentence says where this block goes" && return 1 ;;
    esac
}

follow() { # PAGE: every step of it
    steps=$work/$1
    mkdir "$steps"
    split_page "$root/docs/$1.md" "$steps"
    check "$1 has steps" test "$(find "$steps" -name '*.how' | wc -l)" -gt 3
    for how in "$steps"/*.how; do
        step=${how%.how}
        what=$(cat "$step.file" 2>/dev/null || grep -v '^ *$' "$step.body" | tail -n 1)
        check "$1: ${step##*/} $what" step "$step"
    done
}

# broken FILE EXPRESSION COMMAND...: where sed's expression changes FILE, the command fails, but it compiles
broken() {
    file=$1 expression=$2
    shift 2
    cp -p "$file" "$work/whole"
    sed "$expression" "$work/whole" >"$file"
    result=0
    if cmp -s "$work/whole" "$file"; then
        echo "$file has nothing to break" && result=1
    elif "$@" >"$work/broken" 2>&1; then
        echo "nobody saw it" && result=1
    elif grep -q 'error:' "$work/broken"; then
        head -n 3 "$work/broken" && result=1
    fi
    cp "$work/whole" "$file"
    return $result
}

# as_avx2: the comparison of the page once more
as_avx2() {
    make cvt && CVT_ISA=avx2bytes ./cvt classify -m build/deit.safetensors --precision int8 tests/data/cli/cat.jpg \
        >build/broken.txt && cmp build/avx2.txt build/broken.txt
}

# built PROGRAM: made anew, and run
built() { make "$1" && "$1"; }

# ---- the pages ----

follow adding-an-op
check "an op that is wrong is seen" broken src/ops/channel_affine.c 's/a->alpha, a->beta/a->alpha, NULL/' \
    built build/test_channel_affine

# The copy's own program is there from the first page on.
program=$PWD/cvt
find_isas
case " $isas " in
*" avx2 "*)
    follow adding-a-kernel
    check "a kernel that is wrong is seen" broken src/kernels/x86/avx2bytes.c 's/srai_epi16(y, 8)/srli_epi16(y, 8)/' \
        as_avx2
    make cvt # whole again
    ;;
*) echo "skip adding-a-kernel: this machine does not run AVX2" ;;
esac

cp -r "$tests/adding" tests/data/convmixer
follow adding-a-family

as_original() { # CASE ISA
    rm -rf "$work/result"
    CVT_ISA=$2 ./cvt run -m "$1" -i "$1/x.npy" -o "$work/result" --tap all &&
        build/test_npydiff logits "$1/expected64.npy" "$work/result/output.npy" &&
        build/test_npydiff all-taps "$1/taps" "$work/result"
}
all_as_original() {
    for case in tests/data/convmixer/*; do
        for isa in $isas; do as_original "$case" "$isa" || return 1; done
    done
}
check "the family is as the original on every instruction set" all_as_original
compiled() { make cvt && all_as_original; }
check "a family that is wrong is seen" broken src/arch/convmixer.c 's/eps = 1e-5f/eps = 1e-2f/' compiled
make cvt # whole again

check "keys, schema and manual agree" built build/test_config
check "cvt list names the family" sh -c './cvt list | grep -q convmixer'
weights=$PWD/tests/data/convmixer/gelu/weights.safetensors
timm_model() { # a config as timm's push_to_hf_hub writes it, beside weights under timm's names; no kernel's size is said
    mkdir timm && cp "$weights" timm/model.safetensors && cp tests/data/convmixer/gelu/x.npy timm &&
        echo '{"architecture": "convmixer_768_32", "num_classes": 10, "model_args": {"dim": 12, "depth": 2,
            "kernel_size": 5, "patch_size": 4, "act_layer": "gelu"},
            "pretrained_cfg": {"input_size": [3, 20, 28]}}' >timm/config.json &&
        ./cvt run -m timm -i timm/x.npy -o timm/out &&
        build/test_npydiff logits tests/data/convmixer/gelu/expected64.npy timm/out/output.npy
}
check "a directory as timm writes it" timm_model
check "a key that is wrong is refused" \
    refused '"kernel_size" = 4 must be odd' '{"arch": "convmixer", "kernel_size": 4}'

if command -v python3 >/dev/null 2>&1; then
    check "Python of the page compiles" python3 -m py_compile tests/oracle/more/convmixer.py tests/families/convmixer.py
fi

[ "$failures" -eq 0 ]
