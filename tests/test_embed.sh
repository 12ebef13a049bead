#!/bin/sh
# test_embed.sh - tests cvt embed: its rows are what cvt run gives, the same bytes for any threads, jobs and batch, and
# beside bad inputs; the names of the rows, outputs that fail, signals. It tests cvt attend too: maps against those of
# cvt run, and images of them.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case. CVT: the program; CVT_BIN: the folder of test_heat and test_npydiff.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
heat=$(realpath -m "${CVT_BIN:-$tests/../build}/test_heat")
diff=$(realpath -m "${CVT_BIN:-$tests/../build}/test_npydiff")
model=$tests/data/cvt/tiny
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1

# numbers FILE.npy: its data without the header
numbers() { tail -c +$(($(od -An -tu2 -j8 -N2 "$1") + 11)) "$1"; }
# shape FILE.npy: as its header has it
shape() { head -c 128 "$1" | tr -d '\0\n' | sed "s/.*'shape': \(([^)]*)\).*/\1/"; }
# over COMMAND ARGUMENT...: messages into err, the exit status into $status
over() {
    command=$1
    shift
    timeout 60 "$cvt" "$command" -m "$model" "$@" >out 2>err
    status=$?
}
# fresh COMMAND ARGUMENT...: the same, after the output of an earlier one is gone: a command that dies leaves none
fresh() {
    output=
    for argument; do
        [ "$output" = -o ] && [ -f "$argument" ] && rm -f "$argument" "${argument%.npy}.txt"
        output=$argument
    done
    over "$@"
}
embed() { fresh embed "$@"; }
attend() { fresh attend "$@"; }
# values OUT ARGUMENT...: what cvt run makes of x.npy, into the folder OUT
values() {
    rm -rf "$1"
    "$cvt" run -m "$model" -i x.npy -o "$@" || fail "cvt run into $1" "status $?"
}

make_pictures
head -c 800 good/1.jpg >torn.jpg

# ---- rows ------------------------------------------------------------------------------------------------------------

# what cvt run has to say of each picture, one after the other
for file in good/*; do
    "$cvt" preprocess -m "$model" "$file" -o x.npy && values "values/$file" --tap all
done
# expected TAP: the rows of all pictures
expected() { for file in good/*; do numbers "values/$file/$1.npy"; done; }

embed good -o e.npy
equal 'embed: status, nothing said' "$status $(lines out) $(lines err)" '0 0 0'
equal 'embed: shape' "$(shape e.npy)" '(9, 20)'
expected norm >want && numbers e.npy >got
same 'embed: the rows are what the last layer reads' want got
printf '%s\n' good/* >want
same 'embed: the names of the rows' want e.txt
for tap in norm stage0.embed stage1 stage1.block1 stage2.block0.attn.map; do
    embed good -o t.npy --tap $tap
    expected $tap >want && numbers t.npy >got
    same "embed --tap $tap" want got
    shape "values/good/1.jpg/$tap.npy" | sed 's/^(1,/(9,/' >want && shape t.npy >got
    same "embed --tap $tap: shape" want got
done
# means of tokens, features of a convolutional network, tokens of two heads: values that no tap has
for name in cvt/nocls lite/timm vit/d_mean vit/distilled convit/fb tnt/timm crossvit/a t2t_vit/vp_mean; do
    model=$tests/data/$name
    embed good -o m.npy -t1 -j1 -b1 && cp m.npy want
    embed good -o m.npy -b4 -j2
    same "embed: $name" want m.npy
done
embed good -o m.npy --profile
same 'embed --profile: the same rows' want m.npy
equal 'embed --profile: a table' "$(awk '{ print $1 }' err | tr '\n' ' ')" 'stage read decode resize forward write 9 '
model=$tests/data/vit/distilled
embed good/9.png -o m.npy
"$cvt" preprocess -m "$model" good/9.png -o x.npy && values values/two --tap norm
numbers values/two/norm.npy | head -c 192 >want && numbers m.npy >got
same 'embed: the class token and the distillation token' want got
model=$tests/data/cvt/tiny
embed good/1.jpg -o e1.npy --size 48
equal 'embed --size' "$status $(shape e1.npy)" '0 (1, 20)'

set -- good/1.jpg torn.jpg good/2.jpg good/3.jpg missing.jpg good good/5.jpg
embed -t1 -j1 -b1 "$@" -o e.npy
equal 'mixed inputs: status, a line for each failure' "$status $(lines err) $(grep -c '^cvt: torn.jpg: \|^cvt: missing.jpg: ' err)" '1 2 2'
equal 'mixed inputs: rows' "$(shape e.npy) $(lines e.txt)" '(13, 20) 13'
cp e.npy reference.npy && cp e.txt reference.txt && cp err reference.err
for options in -t2 -j2 -j5 -b3 -b16 '-j2 -b3' '-t2 -j2 -b2' ''; do
    # shellcheck disable=SC2086 # words are wanted
    embed $options "$@" -o e.npy
    same "mixed inputs: rows with '$options'" reference.npy e.npy
    same "mixed inputs: names with '$options'" reference.txt e.txt
    same "mixed inputs: messages with '$options'" reference.err err
done
embed -b4 -j2 --tap stage0 good -o big.npy && cp big.npy reference.npy && embed -t1 --tap stage0 good -o big.npy
same 'a tap: rows with -b4 -j2' reference.npy big.npy
for i in 1 2 3 4 5; do
    embed good/$i.jpg -o one.npy
    numbers one.npy >got
    expected norm | tail -c +$((80 * (i - 1) + 1)) | head -c 80 >want
    same "alone as among others: $i" want got
done

# ---- inputs ----------------------------------------------------------------------------------------------------------

embed -o e.npy
equal 'no inputs' "$status $(shape e.npy) $(lines e.txt)" '0 (0, 20) 0'
embed torn.jpg missing.jpg -o e.npy
equal 'nothing but failures' "$status $(shape e.npy) $(lines e.txt) $(lines err)" '1 (0, 20) 0 2'
mkdir -p tree/b && cp good/1.jpg tree/b/1.jpg && cp good/2.jpg tree/2.jpg
embed -r tree -o e.npy
equal 'a tree' "$status $(tr '\n' ' ' <e.txt)" '0 tree/2.jpg tree/b/1.jpg '
embed good -o reference.npy
find good -type f -print0 | sort -z | timeout 60 "$cvt" embed -m "$model" -0 -o e.npy
same 'names with NUL on standard input' reference.npy e.npy
find good -type f | sort >list
embed --files-from list -o e.npy
same 'names in lines' reference.npy e.npy
embed - -o e.npy <good/3.jpg && embed good/3.jpg -o one.npy
same 'a picture on standard input' one.npy e.npy
equal 'a picture on standard input: its name' "$(cat e.txt)" -
embed good/6.jpg -o e.npy --exif ignore && embed good/1.jpg -o one.npy
same '--exif ignore' one.npy e.npy
embed --allow-truncated torn.jpg -o e.npy
equal '--allow-truncated' "$status $(shape e.npy)" '0 (1, 20)'
embed --max-pixels 100 good/1.jpg -o e.npy
equal '--max-pixels' "$status $(grep -c -e --max-pixels err)" '1 1'

mkdir names.d
for name in 'back\slash.jpg' "$(printf 'new\nline.jpg')" "$(printf 'esc\033[31m.jpg')" "$(printf 'bad\377\376.jpg')" ' .jpg'; do
    cp good/1.jpg "names.d/$name"
done
embed names.d -o e.npy
equal 'names: a line break fails' "$status $(lines err) $(grep -c 'new.x0aline.jpg: .*line break' err)" '1 1 1'
find names.d -type f ! -name 'new*' | sort >want
same 'names: all else as it is' want e.txt
equal 'names: rows' "$(shape e.npy)" '(4, 20)'

# ---- outputs ---------------------------------------------------------------------------------------------------------

embed good/1.jpg -o features
equal 'names stand in .txt beside any file' "$status $(cat features.txt)" '0 good/1.jpg'
embed torn.jpg good -o kept.npy
cp kept.npy want && cp kept.txt want.txt
over embed good -o -
equal 'status 2: two files cannot go to standard output' "$status $(lines err) $(lines out)" '2 1 0'
for output in /dev/full nowhere/e.npy ''; do
    over embed good -o "$output"
    equal "status 4: -o '$output'" "$status $(lines err) $(lines out)" '4 1 0'
done
mkdir e.d e.d/kept.txt && cp kept.npy e.d/kept.npy
over embed good -o e.d/kept.npy
equal 'status 4: a directory is in the place of the names' "$status $(lines err)" '4 1'
same 'status 4: the rows of before are kept' want e.d/kept.npy
(
    ulimit -f 1
    trap '' XFSZ
    timeout 60 "$cvt" embed -m "$model" --tap stage0 good good good good good good -o kept.npy >out 2>err
    echo $? >status
)
equal 'status 4: no room while rows come' "$(cat status) $(lines err)" '4 1'
same 'status 4: the file of before is kept' want kept.npy
same 'status 4: and its names' want.txt kept.txt
ln -s linked.npy link.npy && over embed good -o link.npy
same 'a link is written through' reference.npy linked.npy
printf '%s\n' good/* >want.link
same 'and the names stand beside the link' want.link link.txt
equal 'nothing half-written stays' "$(find . /dev -maxdepth 2 -name '.cvt-*' 2>/dev/null; ls /dev/full.txt 2>/dev/null)" ''
embed --tap nothing good -o e.npy
equal 'no such tap' "$status $(lines err) $(grep -c '"nothing"' err)" '2 1 1'
embed --tap all good -o e.npy
equal 'not all taps' "$status $(lines err)" '2 1'
timeout 60 "$cvt" embed -m nowhere good -o e.npy 2>err
equal 'no such model' "$? $(cut -c1-27 err)" '3 cvt: nowhere: no such model'

endless() { while echo good/1.jpg && echo good/2.jpg; do :; done 2>/dev/null; }
for signal in INT:130 TERM:143; do
    rm -f s.npy s.txt
    endless | timeout --preserve-status -s "${signal%:*}" 2 "$cvt" embed -m "$model" --files-from - -o s.npy 2>err
    equal "${signal%:*}: status, nothing said" "$? $(lines err)" "${signal#*:} 0"
    equal "${signal%:*}: the rows so far" "$(shape s.npy)" "($(lines s.txt), 20)"
    check "${signal%:*}: there are some" test "$(lines s.txt)" -gt 0
    endless | head -n "$(lines s.txt)" >want
    same "${signal%:*}: their names" want s.txt
    equal "${signal%:*}: all of them" "$(numbers s.npy | wc -c | tr -d ' ')" $((80 * $(lines s.txt)))
done

# ---- attend ----------------------------------------------------------------------------------------------------------

# layer NAME MODEL TAPS QUERY HEAD OPTION...: the numbers of cvt attend against the tap, or the product of several
layer() {
    name=$1 model=$tests/data/$2 taps=$3 query=$4 head=$5
    shift 5
    "$cvt" preprocess -m "$model" good/9.png -o x.npy && values maps --tap all
    attend good/9.png -o a.npy "$@"
    set --
    for tap in $taps; do set -- "$@" "maps/$tap.npy"; done
    if [ $status -eq 0 ] && "$heat" layer a.npy "$query" "$head" "$@" >log 2>&1; then
        pass "$name"
    else
        fail "$name" "status $status: $(cat err log)"
    fi
}
# rollout NAME MODEL QUERY LAYER TAP...: the numbers of cvt attend --rollout against the product of the taps
rollout() {
    name=$1 model=$tests/data/$2 query=$3 which=$4
    shift 4
    "$cvt" preprocess -m "$model" good/9.png -o x.npy && values maps --tap all
    attend good/9.png -o a.npy --rollout --layer "$which"
    for tap; do
        set -- "$@" "maps/$tap.npy"
        shift
    done
    if [ $status -eq 0 ] && "$heat" rollout a.npy "$query" "$@" >log 2>&1; then
        pass "$name"
    else
        fail "$name" "status $status: $(cat err log)"
    fi
}
refuses_map() { # STATUS NAME PATTERN ARGUMENT...: one line that has the pattern, and no file
    want=$1 name=$2 pattern=$3
    shift 3
    attend "$@" -o r.npy
    equal "$name" "$status $(lines err) $(grep -c "$pattern" err) $(ls r.npy 2>/dev/null)" "$want 1 1 "
}
unmapped() { refuses_map 2 "$@"; } # wrong use
cannot() { refuses_map 3 "$@"; }   # the model has no such map, whatever is asked

layer 'attend: the class token of the last layer' cvt/tiny stage2.block2.attn.map 0 -1
layer 'attend --layer, from the end' cvt/tiny stage2.block1.attn.map 0 -1 --layer -2
layer 'attend --layer, all queries without a class token' cvt/tiny stage0.block0.attn.map -1 -1 --layer 0
layer 'attend --layer by name' cvt/tiny stage1.block0.attn.map -1 -1 --layer stage1.block0.attn.map
layer 'attend --head' cvt/tiny stage2.block2.attn.map 0 3 --head 3
layer 'attend --head without a class token' cvt/tiny stage1.block1.attn.map -1 0 --head=0 --layer 2
layer 'attend: no class token at all' cvt/nocls stage2.block0.attn.map -1 -1 --layer stage2.block0.attn.map
rollout 'attend --rollout without a class token' cvt/ms_linear -1 2 stage1.block0.attn.map stage1.block1.attn.map
rollout 'attend --rollout stops where the sequence begins' cvt/ms_linear -1 1 stage1.block0.attn.map
rollout 'attend --rollout with a class token' cvt/ms_linear 0 0 stage0.block0.attn.map
rollout 'attend --rollout through convolutional projections' cvt/k5 0 -1 \
    stage2.block0.attn.map stage2.block1.attn.map stage2.block2.attn.map
rollout 'attend --rollout of ViT' vit/timm 0 -1 block0.attn.map block1.attn.map block2.attn.map
rollout 'attend --rollout of an inner layer' vit/timm 0 1 block0.attn.map block1.attn.map
rollout 'attend --rollout of ViT without a class token' vit/d_mean -1 -1 block0.attn.map block1.attn.map block2.attn.map
rollout 'attend --rollout with two tokens in front' vit/distilled 0 -1 block0.attn.map block1.attn.map block2.attn.map
rollout 'attend --rollout where the class token joins late' convit/fb 0 -1 \
    block0.attn.map block1.attn.map block2.attn.map block3.attn.map
rollout 'attend --rollout of a branch, past the exchange of class tokens' crossvit/timm_dagger 0 stage1.lg.block1.attn.map \
    stage0.lg.block0.attn.map stage0.lg.block1.attn.map stage1.lg.block0.attn.map stage1.lg.block1.attn.map
rollout 'attend --rollout of the other branch' crossvit/a 0 stage1.sm.block0.attn.map \
    stage0.sm.block0.attn.map stage1.sm.block0.attn.map
layer 'attend: the class token asks the other branch' crossvit/a stage1.cross1.lg.attn.map 0 -1
attend good/9.png -o a.npy --rollout --layer stage1.lg.block1.attn.map
attend good/9.png -o default.npy --rollout
same 'attend --rollout of the last layer that has one' default.npy a.npy
rollout 'attend --rollout past a convolution of positions' cpvt/cls 0 -1 block0.attn.map block1.attn.map block2.attn.map
rollout 'attend --rollout past inner attention' tnt/timm 0 -1 block0.attn.map block1.attn.map
rollout 'attend --rollout of a network that hands on its scores' vit_efficient/xt 0 -1 \
    block0.attn.map block1.attn.map block2.attn.map
marks='block1.attn.scatter block1.attn.landmarks_inverse block1.attn.gather'
layer 'attend: landmarks, the class token behind padding' vit_efficient/nystrom "$marks" 4 -1
layer 'attend: landmarks, one head' vit_efficient/nystrom "$marks" 4 1 --head 1
layer 'attend: as many landmarks as tokens' vit_efficient/nystrom_batch "$marks" 6 -1
layer 'attend: landmarks without padding' vit_efficient/nystrom_pool "$marks" 0 -1
layer 'attend: what the landmarks gather' vit_efficient/nystrom block0.attn.gather -1 -1 --layer block0.attn.gather
layer 'attend: scores on the way to a map' convit/fb block1.attn.position -1 2 --layer block1.attn.position --head 2
model=$tests/data/crossvit/a
unmapped 'attend --rollout: one query' 'no rollout: "stage1.cross1.lg.attn.map" is .2, 1, 17' good/1.jpg --rollout --layer -1
model=$tests/data/vit_efficient/nystrom_batch
cannot 'attend --rollout: landmarks' 'no rollout: "block1.attn.scatter" is part of landmark' good/1.jpg --rollout
model=$tests/data/convit/fb
unmapped 'attend --rollout: no map' 'no rollout: "block1.attn.position" is not' good/1.jpg --rollout --layer block1.attn.position
model=$tests/data/tnt/timm
unmapped 'attend: within the cells of the grid' 'is not known' good/1.jpg --layer block0.inner.attn.map
model=$tests/data/cvt/tiny
attend good/9.png -o a.png
equal 'attend: status, nothing said' "$status $(lines out) $(lines err)" '0 0 0'
check 'attend: a picture as large as the photo' "$heat" png a.png 24 24
attend good/9.png -o b.png --layer 0 --size 64x96
check 'attend --size: a picture as large as the photo' "$heat" png b.png 24 24
timeout 60 "$cvt" attend -m "$model" - -o - <good/9.png >piped.png
same 'attend: standard input and output' a.png piped.png
attend good/9.png -o a.npy --layer 0
equal 'attend: the grid' "$(shape a.npy)" '(4, 3)'
for threads in 2 3; do
    attend good/9.png -o t.png -t $threads
    same "attend -t $threads" a.png t.png
done
unmapped 'attend: no such layer' "'6' is not from -6 to 5" good/1.jpg --layer 6
unmapped 'attend: no such tap' 'the nearest is "stage0.block0.attn.map"' good/1.jpg --layer stage0.block0.attn.mop
unmapped 'attend: a tap that is no attention' 'is no attention map' good/1.jpg --layer stage0
unmapped 'attend: no such head' "'4' is not a whole number from 0 to 3" good/1.jpg --head 4
unmapped 'attend: a head that is no number' "'x' is not a whole number" good/1.jpg --head x
unmapped 'attend: a head of a rollout' 'no --head' good/1.jpg --head 1 --rollout
# Where layers have fewer keys than tokens, or more, expected values are those of make_rollout.py.
for case in 'cvt/hub_f32 -1' 'pvt/hub 3' 'pvt_v2/hf_li 0'; do
    name=${case% *}
    rm -f r.npy
    timeout 60 "$cvt" attend -m "$tests/data/$name" "$tests/data/images/jpeg_portrait.jpg" --rollout --layer "${case#* }" -o r.npy 2>err
    equal "attend --rollout of $name: that keys are spread is said" "$? $(lines err) $(grep -c 'an extension of this program' err)" '0 1 1'
    check "attend --rollout of $name, whose keys are spread" "$diff" near 1e-6 "$tests/data/rollout/$(echo "$name" | tr / _).npy" r.npy
done
timeout 60 "$cvt" attend -m "$tests/data/cvt/hub_f32" good/1.jpg good/9.png --rollout -f npy -o rolls/ 2>err
equal 'attend --rollout of many images: it is said once' "$? $(grep -c extension err)" '0 1'
timeout 60 "$cvt" attend -m "$tests/data/cvt/hub_f32" "$tests/data/images/jpeg_portrait.jpg" --rollout --sheet -o r.html 2>err
equal 'attend --rollout --sheet: every layer' "$? $(grep -o 'data:image/png' r.html | wc -l) $(grep -c 'an extension of cvt' r.html)" '0 6 1'
attend good/1.jpg -o a.jpg
equal 'attend: another ending' "$status $(cat err)" "2 cvt: attend: 'a.jpg': the name must end with .png, .svg, .html or .npy"
attend torn.jpg -o n.png
equal 'attend: a torn picture' "$status $(lines err) $(ls n.png 2>/dev/null)" '1 1 '
for output in /dev/full nowhere/a.png nowhere/a.npy; do
    attend good/1.jpg -o "$output"
    equal "attend: status 4: $output" "$status $(lines err)" '4 1'
done
{
    sleep 0.1
    timeout 60 "$cvt" attend -m "$model" good/1.jpg -o - 2>err
    echo $? >status
} | true
equal 'attend: nobody reads' "$(cat status) $(lines err)" '0 0'
timeout 60 "$cvt" attend -m nowhere good/1.jpg -o n.png 2>err
equal 'attend: no such model' "$? $(cut -c1-27 err)" '3 cvt: nowhere: no such model'
equal 'attend: nothing half-written stays' "$(find . -name '.cvt-*')" ''

exit $((failures > 0))
