#!/bin/sh
# test_attend.sh - tests cvt attend on models without attention: class activation maps, which class is meant, what is
# said about it, and images in the photo's own size; and of any model pictures with a scale and words, and sheets.
# test_embed.sh tests attention maps, test_class_map.c the numbers of class activation maps.
# Prints "ok NAME" or "not ok NAME: why" a case. CVT: the program; CVT_BIN: the folder of test_heat.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${CVT:-$tests/../cvt}")
heat=$(realpath -m "${CVT_BIN:-$tests/../build}/test_heat")
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1
make_pictures

# The labels hold a name that two classes share, and one that is a whole label and a part of another.
cat >labels.txt <<'END'
tabby, tabby cat
crane
crane, machine
goldfish, Carassius auratus
cock
hen
tiger, Panthera tigris
drake
goose
cock, rooster
END
"$program" convert "$tests/data/lite/timm" --labels labels.txt -o lite.safetensors || exit 1
model=lite.safetensors

# attend ARGUMENT...: messages into err, the exit status into $status
attend() {
    rm -f a.npy a.png
    timeout 60 "$program" attend -m "$model" "$@" >out 2>err
    status=$?
}
# shape FILE.npy: as its header has it
shape() { head -c 128 "$1" | tr -d '\0\n' | sed "s/.*'shape': \(([^)]*)\).*/\1/"; }
# numbers FILE.npy: one a line
numbers() { tail -c +$(($(od -An -tu2 -j8 -N2 "$1") + 11)) "$1" | od -An -v -tf4 -w4; }
# shows NAME CLASS LABEL ARGUMENT...: the map of this class comes, and one line says so
shows() {
    name=$1 line="cvt: good/9.png: class activation map for class $2 ($3)"
    shift 3
    attend good/9.png -o a.npy "$@"
    equal "$name" "$status $(cat err out)" "0 $line"
}
# refused NAME STATUS PATTERN ARGUMENT...: one line that says why, and no file
refused() {
    name=$1 want=$2 pattern=$3
    shift 3
    attend good/9.png -o a.npy "$@"
    equal "$name" "$status $(lines err) $(grep -c -e "$pattern" err) $(ls a.npy 2>/dev/null)" "$want 1 1 "
}

# ---- the class -------------------------------------------------------------------------------------------------------

best=$("$program" classify -m "$model" -k 1 -f csv good/9.png | sed -n '2 { s/.*,true,,1,\([0-9]*\),.*/\1/; p; }')
label=$(sed -n "$((best + 1)) p" labels.txt)
shows 'the best class' "$best" "$label"
equal 'the grid of the last map' "$(shape a.npy)" '(2, 2)'
cp a.npy best.npy
shows '--class by number' "$best" "$label" --class "$best"
same '--class by number: the same map' best.npy a.npy
other=$(((best + 1) % 10))
attend good/9.png -o a.npy --class=$other
check 'another class has another map' differ best.npy a.npy
shows '--class by the whole label' 3 'goldfish, Carassius auratus' --class 'goldfish, Carassius auratus'
shows '--class by its first name' 3 'goldfish, Carassius auratus' --class goldfish
shows '--class by its last name' 3 'goldfish, Carassius auratus' --class 'Carassius auratus'
shows '--class: a whole label counts before a part' 1 crane --class crane
shows '--class: a whole label counts before a part, in any order' 4 cock --class cock
sed 's/^crane$/crane, bird/' labels.txt >two.txt
"$program" convert lite.safetensors --labels two.txt -o two.safetensors
model=two.safetensors
refused '--class: a name of two' 2 "several classes are called 'crane', as 1 and 2" --class crane
model=lite.safetensors
refused '--class: a typing error' 2 "'goldfsh' (did you mean 'goldfish'?)" --class goldfsh
refused '--class: nothing like it' 2 "'aeroplane' is neither" --class aeroplane
refused '--class: no name' 2 "'' is neither" --class ''
refused '--class: a number too large' 2 '10 is not a class from 0 to 9' --class 10
refused '--class: a number far too large' 2 'is not a class from 0 to 9' --class 99999999999999999999
refused '--class: a part of a name' 2 "'Carassius'" --class Carassius
model=$tests/data/lite/timm
attend good/9.png -o a.npy --class 7
equal 'without labels' "$status $(cat err)" '0 cvt: good/9.png: class activation map for class 7'

# ---- weights of every kind -------------------------------------------------------------------------------------------

model=lite.safetensors
for class in 0 9; do
    attend good/9.png -o a.npy --class $class && mv a.npy want.npy
    rm -f packed.safetensors
    "$program" convert lite.safetensors --pack -o packed.safetensors
    model=packed.safetensors
    attend good/9.png -o a.npy --class $class
    same "packed weights, class $class" want.npy a.npy
    for dtype in f16 bf16 int8; do
        rm -f typed.safetensors
        "$program" convert lite.safetensors --dtype $dtype -o typed.safetensors
        model=typed.safetensors
        attend good/9.png -o a.npy --class $class --precision f32
        numbers want.npy >want
        numbers a.npy | paste -d ' ' - want >both
        # shellcheck disable=SC2016 # of awk
        check "weights in $dtype, class $class" awk '
            { d = $1 - $2; if (d * d > 0.01 * ($2 * $2 + 0.1)) bad = 1 } END { exit bad || NR != 4 }' both
    done
    model=lite.safetensors
done

# ---- pictures --------------------------------------------------------------------------------------------------------

attend good/9.png -o a.png
equal 'a picture' "$status $(lines err)" '0 1'
check 'a picture as large as the photo' "$heat" png a.png 24 24
attend good/6.jpg -o a.png
check 'a photo is turned upright' "$heat" png a.png 30 40
attend good/6.jpg -o a.png --exif ignore
check '--exif ignore: it is not' "$heat" png a.png 40 30
attend - -o - <good/9.png
equal 'standard input and output' "$status $(cat err)" "0 cvt: -: class activation map for class $best ($label)"
cp out piped.png
attend good/9.png -o a.png -t 2
same 'standard input and output: the same picture' piped.png a.png
attend good/9.png -o nowhere/a.png
equal 'status 4: only the failure is said' "$status $(lines err) $(grep -c 'nowhere/a.png: ' err)" '4 1 1'

# ---- scale and words -------------------------------------------------------------------------------------------------

# pictures FILE: the PNG files in a page or an SVG, one after the other
pictures() {
    grep -o 'data:image/png;base64,[A-Za-z0-9+/=]*' "$1" | sed 's/.*,//' | while read -r one; do echo "$one" | base64 -d; done
}
# top_and_mean FILE.npy: the largest number and the mean, as captions have them
top_and_mean() {
    numbers "$1" | awk 'NR == 1 || $1 > top { top = $1 } { sum += $1 } END { printf "%.3g %.3g\n", top, sum / NR }'
}
# words FILE: the text of a page or an SVG, a piece a line
words() {
    tr '\n' ' ' <"$1" | sed 's/<style>.*<\/style>//; s/<[^>]*>/\n/g' | sed 's/^ *//; s/ *$//; /^$/d'
}

attend good/9.png -o a.npy && cp a.npy numbers.npy
attend good/9.png -o a.png
score=$("$program" classify -m "$model" -k 1 -f csv good/9.png | sed -n '2 { s/.*,//; p; }' | awk '{ printf "%.1f %%", 100 * $1 }')
top_and_mean numbers.npy >want
read -r top mean <want
for form in svg html; do
    timeout 60 "$program" attend -m "$model" good/9.png -o one.$form 2>err
    equal "$form: one line names the class" "$? $(cat err)" "0 cvt: good/9.png: class activation map for class $best ($label)"
    pictures one.$form >inner.png
    same "$form: the picture is that of -o a.png" inner.png a.png
    words one.$form >text
    check "$form: the caption has the image" grep -qx 'good/9.png' text
    check "$form: the caption has the model" grep -qE '^(Model: )?lite.safetensors$' text
    check "$form: the caption has the class and its score" grep -qE "^(Class: )?$label \(class $best\), $score\$" text
    equal "$form: the scale goes from 0 over the mean to the top" \
        "$(grep -cx 0 text) $(grep -cx -e "$top" text) $(grep -cx -e "mean $mean" text)" '1 1 1'
done
check 'an SVG is one' test "$(head -c 4 one.svg)" = '<svg'
check 'it has the size of the picture' grep -q '<image x="[0-9]*" y="[0-9]*" width="240" height="240"' one.svg
check 'a page is one' test "$(head -n 1 one.html)" = '<!DOCTYPE html>'
check 'it may load nothing' grep -q "default-src 'none'; img-src data:" one.html
check 'nor does it want to' status 1 grep -qE '(src|href)="(http|/|[a-z]*\.)|url\(h|@import|<script' one.svg one.html
for threads in 1 3; do
    timeout 60 "$program" attend -m "$model" good/9.png -o t.svg -t $threads 2>/dev/null
    same "-t $threads: the same SVG" t.svg one.svg
done

# No text of labels, paths and models is markup; what would turn the text around is written out.
tags() { grep -o '<[^ >]*' "$1" | sort -u | tr '\n' ' '; }
for i in 0 1 2 3 4 5 6 7 8 9; do printf '</text><script>alert(%d)</script>&"\342\200\256\n' $i; done >hostile.txt
hostile='<b>&"<script>.safetensors'
"$program" convert "$tests/data/lite/timm" --labels hostile.txt -o "$hostile" || exit 1
cp good/9.png '<i>"&.png'
for form in svg html; do
    timeout 60 "$program" attend -m "$hostile" '<i>"&.png' -o hostile.$form 2>err
    equal "$form: hostile text is no markup" "$? $(tags hostile.$form)" "0 $(tags one.$form)"
    check "$form: a label is text" grep -qF '&lt;/text&gt;&lt;script&gt;alert('"$best"')&lt;/script&gt;&amp;&quot;\u{202e} (class' hostile.$form
    check "$form: a path is text" grep -qF '>&lt;i&gt;&quot;&amp;.png</' hostile.$form
    check "$form: the name of a model is text" grep -qE '>(Model: )?&lt;b&gt;&amp;&quot;&lt;script&gt;.safetensors</' hostile.$form
done
if command -v xmllint >/dev/null; then check 'the SVG is well-formed' xmllint --noout hostile.svg one.svg; else
    echo 'skip the SVG is well-formed: no xmllint here'; fi
attend good/9.png -o a.gif
equal 'another ending' "$status $(cat err)" "2 cvt: attend: 'a.gif': the name must end with .png, .svg, .html or .npy"

# Attention: the level that is marked is that of equal shares.
model=$tests/data/vit/timm
attend good/9.png -o a.npy
keys=$("$program" summary -m "$model" -f json | tr '{' '\n' | sed -n 's/.*"block2.attn.map","shape":\[.*,\([0-9]*\)\].*/\1/p')
timeout 60 "$program" attend -m "$model" good/9.png -o attention.html 2>err
words attention.html >text
equal 'attention: nothing is said' "$(cat err)" ''
check 'attention: the uniform level is one share of all keys' \
    grep -qx "uniform $(awk -v n="$keys" 'BEGIN { printf "%.3g", 1 / n }')" text
check 'attention: the layer is named' grep -qx 'block2.attn.map (layer 2)' text
check 'attention: the top of the scale' grep -qx "$(top_and_mean a.npy | cut -d ' ' -f 1)" text

# ---- sheets ----------------------------------------------------------------------------------------------------------

heads=$(sed -n 's/^mean of all \([0-9]*\)$/\1/p' text)
for form in svg html; do
    timeout 60 "$program" attend -m "$model" good/9.png --sheet -o sheet.$form 2>err
    equal "sheet.$form: a picture for the mean and for each head of each layer" \
        "$? $(lines err) $(grep -o 'data:image/png' sheet.$form | wc -l)" "0 0 $((3 * (heads + 1)))"
    words sheet.$form >text
    equal "sheet.$form: each layer has its name" "$(grep -c '^layer [0-2]: block[0-2].attn.map$' text)" 3
    timeout 60 "$program" attend -m "$model" good/9.png --layer 1 -o one.png 2>err
    timeout 60 "$program" attend -m "$model" good/9.png --sheet --layer 1 -o part.$form 2>err
    pictures part.$form | head -c "$(wc -c <one.png)" >inner.png
    same "sheet.$form --layer: its first picture is that of the layer" inner.png one.png
    timeout 60 "$program" attend -m "$model" good/9.png --head 1 -o one.png 2>err
    timeout 60 "$program" attend -m "$model" good/9.png --sheet --head 1 -o part.$form 2>err
    pictures part.$form | tail -c "$(wc -c <one.png)" >inner.png
    same "sheet.$form --head: its last picture is that of the head" inner.png one.png
done
timeout 60 "$program" attend -m "$model" good/9.png --sheet -o sheet.png 2>err
check 'sheet.png: pictures beside each other, 8 pixels apart' "$heat" png sheet.png $(((heads + 1) * 32 - 8)) $((3 * 32 - 8))
timeout 60 "$program" attend -m "$model" good/9.png --sheet --rollout -o rollout.html 2>err
equal 'a sheet of rollouts: one for each layer' "$? $(grep -o 'data:image/png' rollout.html | wc -l)" '0 3'
refused 'a sheet of numbers' 2 'holds the numbers of one' --sheet
model=lite.safetensors
timeout 60 "$program" attend -m "$model" good/9.png --sheet -o sheet.html 2>err
equal 'a model without attention: the best 6 classes' "$? $(lines err) $(grep -o 'data:image/png' sheet.html | wc -l)" '0 0 6'
words sheet.html | sed -n 's/.*(class \([0-9]*\)), [0-9.]* %$/\1/p' >got
"$program" classify -m "$model" -k 6 -f csv good/9.png | sed -n 's/.*,true,,[0-9]*,\([0-9]*\),.*/\1/p' >want
same 'in the order of their scores' got want
timeout 60 "$program" attend -m "$model" good/8.jpg good/9.png --sheet -f svg -o maps/ 2>err
equal 'many images' "$? $(lines err) $(echo maps/*)" '0 0 maps/good%2F8.jpg.svg maps/good%2F9.png.svg maps/records.jsonl'
timeout 60 "$program" attend -m "$model" good/9.png --sheet -o sheet.svg 2>err
same 'as one alone' 'maps/good%2F9.png.svg' sheet.svg
timeout 60 "$program" attend -m "$model" good/9.png --sheet -f npy -o maps2/ 2>err
equal 'many images as numbers have no sheet' "$? $(grep -c 'holds the numbers of one' err) $(echo maps2*)" '2 1 maps2*'

# ---- what a model cannot do ------------------------------------------------------------------------------------------

for option in '--layer 0' '--head 0' --rollout; do
    # shellcheck disable=SC2086 # words are wanted
    refused "without attention: $option" 3 'no attention maps that' $option
    # shellcheck disable=SC2086
    refused "--class beside $option" 2 'no --layer, --head or --rollout' --class 0 $option
done
model=$tests/data/pvt_v2/timm
attend good/9.png -o a.npy
equal 'attention comes first where there is some' "$status $(lines err) $(ls a.npy)" '0 0 a.npy'
cp a.npy attention.npy
attend good/9.png -o a.npy --class 1
equal '--class of a model with attention' "$status $(cat err)" '0 cvt: good/9.png: class activation map for class 1'
check '--class of a model with attention has another map' differ a.npy attention.npy
model=$tests/data/cvt/tiny
refused '--class where the class token is classified' 3 'does not read the mean of a map' --class 0
cat >neither.json <<'END'
{"arch": "network", "inputs": [{"name": "input", "channels": 3, "size": [16, 16]}], "output": "out",
 "layers": [{"type": "conv", "name": "stem", "inputs": ["input"], "output": "map", "out_channels": 4, "kernel_size": 3},
            {"type": "pool", "name": "pool", "inputs": ["map"], "output": "mean"},
            {"type": "linear", "name": "hidden", "inputs": ["mean"], "output": "features", "out_features": 6},
            {"type": "activation", "name": "act", "inputs": ["features"], "output": "active", "activation": "relu"},
            {"type": "head", "name": "head", "inputs": ["active"], "output": "out", "num_classes": 3}]}
END
"$program" init -c neither.json -o neither.safetensors && model=neither.safetensors
refused 'neither attention nor the mean of a map' 3 'no attention maps, nor class activation maps'
sed '/"hidden"/d; /"act"/d; s/"active"\]/"mean"]/' neither.json >mean.json
"$program" init -c mean.json -o mean.safetensors && model=mean.safetensors
attend good/9.png -o a.npy
equal 'a network of layers' "$status $(lines err) $(shape a.npy)" '0 1 (14, 14)'
model=$tests/data/blocks/cross
refused 'two inputs' 3 'reads 2 inputs'

exit $((failures > 0))
