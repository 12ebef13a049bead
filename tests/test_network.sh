#!/bin/sh
# test_network.sh - tests networks that configs lay out: the order of layers, names, sizes of several inputs, what is
# refused.
# Prints "ok NAME" or "not ok NAME: why" a case.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${CVT:-$tests/../cvt}")
diff=$(realpath "${CVT_BIN:-$tests/../build}/test_npydiff")
# shellcheck source=tests/case.sh
. "$tests/case.sh"

# ---- the example of cvt-config(5), and what can be done with it ----

sed -n '/^A network of several/,/^\.Ed/p' "$tests/../man/cvt-config.5" | sed -n '/^{/,/^}/p' >"$work/example.json"
cat=$tests/data/cli/cat.jpg

classified() { # MODEL [OPTION]...: it answers with a class
    "$program" classify -m "$@" -k 1 -f jsonl "$cat" >"$work/out" && grep -q '"ok":true,"top":\[{' "$work/out"
}
used() { # as any model
    "$program" init -c "$work/example.json" --seed 3 -o "$work/example.safetensors" &&
        "$program" check -m "$work/example.safetensors" && classified "$work/example.safetensors"
}
check "the manual's network classifies" used

cat >"$work/reversed.json" <<'END'
{"arch": "network", "input_size": 64, "layers": [
  {"type": "head", "name": "head", "inputs": "features", "num_classes": 10},
  {"type": "pool", "name": "features", "inputs": "norm", "pool": "cls"},
  {"type": "norm", "name": "norm", "inputs": "stage2"},
  {"type": "cvt_stage", "name": "stage2", "inputs": "stage1", "embed_dim": 48, "num_heads": 3, "depth": 1,
   "cls_token": true},
  {"type": "cvt_stage", "name": "stage1", "inputs": ["stem"], "embed_dim": 32, "num_heads": 2, "depth": 1},
  {"type": "conv", "name": "stem", "inputs": ["input"], "out_channels": 16, "stride": 2, "padding": 1,
   "batch_norm": true, "activation": "relu"}
]}
END
reversed() { # the layers in another order, with their inputs said: the same model
    for c in example reversed; do
        "$program" preprocess -m "$work/example.safetensors" -c "$work/$c.json" "$cat" -o "$work/x.npy" &&
            "$program" run -m "$work/example.safetensors" -c "$work/$c.json" -i "$work/x.npy" -o "$work/$c" --tap all ||
            return 1
    done
    diff -r "$work/example" "$work/reversed"
}
check "layers may stand in any order" reversed

taps() { # the output of every layer, and what is inside
    "$program" summary -c "$work/example.json" -f json >"$work/listing" || return 1
    for tap in stem stage1 stage1.embed stage1.block0 stage1.block0.attn.map stage2 norm features head; do
        grep -q "\"name\":\"$tap\"" "$work/listing" || { echo "no tap $tap" && return 1; }
    done
}
check "every layer's output is a tap" taps

# ---- what a convolution makes of tokens ----

between() { # LAYERS FILE: a network with these layers between two convolutions
    printf '{"arch": "network", "input_size": 16, "layers": [%s %s %s]}\n' \
        '{"type": "conv", "name": "one", "out_channels": 6, "stride": 2, "padding": 1},' "$1" \
        '{"type": "conv", "name": "two", "out_channels": 5}' >"$work/$2.json"
}
of_tokens() { # tokens in place of the map, and a class token that the convolution leaves out, change no bit
    between '' map
    between '{"type": "tokens", "name": "flat"},' flat
    between '{"type": "tokens", "name": "flat"}, {"type": "class_token", "name": "cls"},' cls
    "$program" init -c "$work/cls.json" --seed 3 -o "$work/cls.safetensors" &&
        "$program" preprocess -m "$work/cls.safetensors" "$cat" -o "$work/x.npy" || return 1
    for c in cls map flat; do
        "$program" run -m "$work/cls.safetensors" -c "$work/$c.json" --ignore-unexpected cls.cls_token \
            -i "$work/x.npy" -o "$work/of_$c" || return 1
    done
    cmp "$work/of_map/output.npy" "$work/of_flat/output.npy" && cmp "$work/of_map/output.npy" "$work/of_cls/output.npy"
}
check "a convolution of tokens that lie on a grid" of_tokens

# ---- CvT whose last stage is ConViT ----

mixed() {
    model=$work/mixed.safetensors
    "$program" init -c "$tests/../configs/cvt-convit.json" --seed 1 -o "$model" || return 1
    "$program" check -m "$model" >/dev/null || return 1
    for size in 224 128x96; do # blocks of both families at any size
        classified "$model" --size "$size" || return 1
    done
    "$program" attend -m "$model" --layer local.block7.attn.position -o "$work/mixed.npy" "$cat" && test -s "$work/mixed.npy"
}
check "CvT with gated attention in its last stage" mixed

composed() { # stages of two families in one network
    sed -n '/^CvT stages with ConViT/,/^\.Ed/p' "$tests/../man/cvt-config.5" | sed -n '/^{/,/^}/p' >"$work/composed.json"
    "$program" init -c "$work/composed.json" --seed 4 -o "$work/composed.safetensors" &&
        classified "$work/composed.safetensors"
}
check "the manual's mixed network classifies" composed

# ---- stages of pyramids ----

cat >"$work/pyramid.json" <<'END'
{"arch": "network", "layers": [
  {"type": "pvt_v2_stage", "name": "a", "patch_size": 7, "stride": 4, "embed_dim": 16, "sr_ratio": 8, "linear": true},
  {"type": "pvt_stage", "name": "b", "embed_dim": 24, "position": "peg"},
  {"type": "peg", "name": "c", "peg_kernel": 5},
  {"type": "pvt_stage", "name": "d", "embed_dim": 32, "grid": 14, "sr_ratio": 1, "cls_token": true},
  {"type": "peg", "name": "e"},
  {"type": "pool", "name": "f", "pool": "cls"},
  {"type": "head", "name": "g", "num_classes": 5}]}
END
pyramid() {
    model=$work/pyramid.safetensors
    "$program" init -c "$work/pyramid.json" --seed 1 -o "$model" && "$program" check -m "$model" >/dev/null || return 1
    for size in 224 160x96; do classified "$model" --size "$size" || return 1; done
    "$program" attend -m "$model" --layer d.block1.attn.map -o "$work/pyramid.npy" "$cat" &&
        "$program" attend -m "$model" --layer a.block0.attn.map -o "$work/pyramid.png" "$cat" &&
        test -s "$work/pyramid.npy" && test -s "$work/pyramid.png"
}
check "a network of stages of PVT, Twins and PVT v2 with PEGs" pyramid

# ---- two branches ----

cat >"$work/branches.json" <<'END'
{
  "arch": "network", "input_size": 48,
  "layers": [
    {"type": "conv", "name": "small", "inputs": "input", "out_channels": 24, "kernel_size": 12, "stride": 12},
    {"type": "class_token", "name": "small_tokens"},
    {"type": "conv", "name": "large", "inputs": "input", "out_channels": 32, "kernel_size": 16, "stride": 16},
    {"type": "class_token", "name": "large_tokens"},
    {"type": "crossvit_fusion", "name": "fused", "inputs": ["small_tokens", "large_tokens"], "num_heads": 4},
    {"type": "crossvit_cross", "name": "crossed", "inputs": ["large_tokens", "fused"], "heads": 2, "dim_head": 8},
    {"type": "pool", "name": "pool"},
    {"type": "head", "name": "head", "num_classes": 3}
  ]
}
END
branches() {
    "$program" init -c "$work/branches.json" --seed 1 -o "$work/branches.safetensors" &&
        classified "$work/branches.safetensors" || return 1
    for map in fused.fusion crossed.cross1; do
        "$program" attend -m "$work/branches.safetensors" --layer $map.attn.map -o "$work/$map.npy" "$cat" && test -s "$work/$map.npy" || return 1
    done
}
check "class tokens of two branches attend to each other's patches" branches
sed 's/"large_tokens"\], "num_heads"/"large"], "num_heads"/' "$work/branches.json" >"$work/bare.json"
sed 's/"num_heads": 4/"num_heads": 5/' "$work/branches.json" >"$work/five.json"
branches_refused() { # CONFIG TEXT
    "$program" summary -c "$work/$1.json" 2>"$work/err"
    [ $? -eq 3 ] && [ "$(wc -l <"$work/err")" -eq 1 ] && grep -qF "$2" "$work/err"
}
check "a branch needs a class token" branches_refused bare 'names a map [32, 3, 3]'
check "heads must divide the other branch's channels" branches_refused five \
    '"num_heads" = 5 does not divide the channels of its second input, [10, 32]'

# ---- a network without classes ----

echo '{"arch": "network", "layers": [{"type": "conv", "out_channels": 2}]}' >"$work/map.json"
unnamed() { # one layer without a name: weights without a prefix
    "$program" init -c "$work/map.json" --seed 1 -o "$work/map.safetensors" && head -c 600 "$work/map.safetensors" |
        grep -qa '"conv.weight"'
}
check "one layer needs no name" unnamed
unclassified() {
    "$program" classify -m "$work/map.safetensors" "$cat" >"$work/out" 2>"$work/err"
    [ $? -eq 3 ] && [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" -eq 1 ] && grep -q 'no scores' "$work/err"
}
check "a network without classes classifies nothing" unclassified

# ---- the published listings, and true counts ----

# The published texts end before the four lines of sizes, and the line below them, that torchsummary prints at last.
listed() { # NAME: configs/NAME.json in torchsummary's style is the published text
    "$program" summary --style torchsummary -c "$tests/../configs/$1.json" >"$work/listing"
    head -n "$(lines "$tests/data/listings/$1.txt")" "$work/listing" | diff - "$tests/data/listings/$1.txt" || return 1
    [ "$(tail -n 5 "$work/listing" | grep -ci ' size (MB): [0-9]*\.[0-9][0-9]$')" -eq 4 ]
}
true_count() { "$program" summary -c "$tests/../configs/$1.json" | grep -qx 'parameters  2,016'; }
for config in self-32x80 cross-32x80-16x40; do
    check "$config lists as published" listed "$config"
    check "$config has 2,016 parameters" true_count "$config"
done

# ---- sizes of several inputs ----

sized() { # a cross block takes the sizes of both files, whatever the config says
    case=$tests/data/blocks/cross
    sed 's/"size": \[[0-9]*, [0-9]*\]/"size": 3/g; s/, "[a-z_]*_size": \[[0-9]*, [0-9]*\]//g' "$case/config.json" \
        >"$work/sizes.json" || return 1
    grep -q '"size": 3' "$work/sizes.json" || return 1
    "$program" run -m "$case" -c "$work/sizes.json" -i "$case/x.npy" -i "$case/x2.npy" -o "$work/sized" &&
        "$diff" logits "$case/expected64.npy" "$work/sized/output.npy"
}
check "every input is as large as its file" sized
few() {
    "$program" run -m "$tests/data/blocks/cross" -i "$tests/data/blocks/cross/x.npy" -o "$work/few" 2>"$work/err"
    [ $? -eq 2 ] && grep -q 'the model has 2 inputs, not 1' "$work/err"
}
check "a missing input is told" few

# ---- a layer of a family does what it does there ----

token_modules() { # the two of T2T-ViT, with their weights alone
    "$program" convert "$tests/data/t2t_vit/performer" --names native -o "$work/t2t.safetensors" || return 1
    python3 - "$work" <<'END' || return 1
import json, struct, sys
data = open(sys.argv[1] + "/t2t.safetensors", "rb").read()
size, = struct.unpack("<Q", data[:8])
header, body = json.loads(data[8:8 + size]), data[8 + size:]
kept, out = {}, b""
for name, t in header.items():
    if name.startswith("stage"):
        first, last = t["data_offsets"]
        kept[name] = dict(t, data_offsets=[len(out), len(out) + last - first])
        out += body[first:last]
text = json.dumps(kept).encode()
open(sys.argv[1] + "/modules.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + out)
json.dump({"arch": "network", "input_size": 48, "layers": [
    {"type": "t2t_module", "name": "stage0", "kernel_size": 7, "stride": 4, "padding": 2, "token_dim": 8},
    {"type": "t2t_module", "name": "stage1", "token_dim": 8}, {"type": "tokens", "name": "tokens"}]},
    open(sys.argv[1] + "/modules.json", "w"))
END
    x=$tests/data/t2t_vit/performer/x.npy
    "$program" run -m "$work/modules.safetensors" -c "$work/modules.json" -i "$x" -o "$work/modules" &&
        "$program" run -m "$work/t2t.safetensors" -i "$x" -o "$work/t2t" --tap stage1 &&
        cmp "$work/modules/output.npy" "$work/t2t/stage1.npy"
}
if command -v python3 >/dev/null 2>&1; then
    check "T2T-ViT's token modules as layers" token_modules
else
    echo "skip T2T-ViT's token modules as layers: no python3 here"
fi

# ---- ViT laid out by hand ----

by_hand() { # as much as timm's vit_tiny_patch16_224
    cat >"$work/vit.json" <<END
{"arch": "network", "layers": [
  {"type": "patch_embed", "name": "embed"}, {"type": "class_token", "name": "token"},
  {"type": "position", "name": "position"}, {"type": "transformer", "name": "transformer", "depth": 12},
  {"type": "norm", "name": "norm", "eps": 1e-6}, {"type": "pool", "name": "pool", "pool": "cls"},
  {"type": "head", "name": "head", "num_classes": 1000}]}
END
    "$program" summary -f json -c "$work/vit.json" | tr -d '\n' |
        grep -qF '"parameters":5717416,"buffers":0,"macs":1253683200'
}
check "ViT-Ti of layers counts as ViT-Ti" by_hand

# ---- wrong networks: status 3, nothing on standard output, one line that names the layer ----

network() { check "refused: $2" refused "$1" "{\"arch\": \"network\", $2}"; }
layers() { network "$1" "\"layers\": [$2]"; }
two='"inputs": [{"name": "a"}, {"name": "b", "channels": 4, "size": 16}]'

network '"layers" is missing' '"input_size": 8'
network '"layers" has 0 entries' '"layers": []'
network '"layers" must be a list of objects' '"layers": {}'
layers '[0]: must be an object' '3'
layers '"type" must be a string' '{}'
layers 'unknown "type" "convv"; did you mean "conv"?' '{"type": "convv"}'
layers '[0] "s": conv: unknown key "strid"; did you mean "stride"?' '{"type": "conv", "name": "s", "strid": 2}'
layers '"out_channels" is missing' '{"type": "conv"}'
layers '"name" is missing: there are 2 layers' '{"type": "norm", "name": "a"}, {"type": "norm"}'
layers '[1] "a": "name" clashes' '{"type": "norm", "name": "a"}, {"type": "norm", "name": "a"}'
layers '[1] "a.b": "name" clashes' '{"type": "norm", "name": "a"}, {"type": "norm", "name": "a.b"}'
layers '"name" must be of letters' '{"type": "norm", "name": "../a"}'
layers '"name" cannot be "output"' '{"type": "norm", "name": "output"}'
layers '"output" is "input", a name that an input has already' '{"type": "norm", "name": "a", "output": "input"}'
layers '"output" is "a", a name that another output has already' \
    '{"type": "norm", "name": "a"}, {"type": "norm", "name": "b", "output": "a"}'
layers 'reads 2 values, "inputs" names 1' '{"type": "add", "name": "a", "inputs": "input"}'
layers 'reads 2 values, "inputs" names 0' '{"type": "add"}'
layers 'reads 1 value, "inputs" names 2' '{"type": "norm", "inputs": ["input", "input"]}'
layers '"inputs" is empty' '{"type": "norm", "inputs": []}'
layers '[0] "a": "inputs" names "inptu", which nothing gives; did you mean "input"?' \
    '{"type": "norm", "name": "a", "inputs": "inptu"}'
layers 'makes a cycle' '{"type": "norm", "inputs": ""}'
layers '[1] "b": "inputs" makes a cycle: it reads "a"' \
    '{"type": "norm", "name": "a", "inputs": "b"}, {"type": "norm", "name": "b"}, {"type": "norm", "name": "c", "inputs": "input"}'
layers '[1] "b": no layer reads "b", nor "a"' \
    '{"type": "norm", "name": "a"}, {"type": "norm", "name": "b", "inputs": "input"}'
layers 'a: reads features; "inputs" names [3, 224, 224]' '{"type": "head", "name": "a", "num_classes": 3}'
layers '"num_classes" is missing' '{"type": "pool", "name": "p"}, {"type": "head", "name": "a"}'
layers '"pool" is "cls" and [3, 224, 224] has no class token' '{"type": "pool", "pool": "cls"}'
layers '"num_heads" = 5 does not divide "embed_dim" = 192' '{"type": "cvt_stage", "num_heads": 5}'
layers '"patch_size" = 15 x 15 does not divide its input, [3, 224, 224]' '{"type": "patch_embed", "patch_size": 15}'
layers '"heads" = 5 does not divide "dim" = 3' '{"type": "transformer", "heads": 5}'
layers '"dim" = 4 does not fit its input, [3, 224, 224]' '{"type": "transformer", "dim": 4}'
layers '"num_heads" = 5 does not divide the channels of its input, [3, 224, 224]' '{"type": "gpsa", "num_heads": 5}'
layers '"embed_dim" = 4 does not fit its input, [3, 224, 224]' '{"type": "gpsa", "embed_dim": 4, "num_heads": 3}'
layers '"mlp_ratio" = 0.01 leaves no hidden channel' '{"type": "convit_stage", "num_heads": 3, "mlp_ratio": 0.01}'
layers 'gated attention wants a place on a grid for every token of [50177, 3], which has class tokens' \
    '{"type": "class_token", "name": "a"}, {"type": "convit_stage", "name": "b", "num_heads": 3}'
layers 'a: "sr_ratio" = 4: a stage with "cls_token" must not reduce' \
    '{"type": "pvt_stage", "name": "a", "cls_token": true}'
layers '"num_heads" = 3 does not divide "embed_dim" = 128' '{"type": "pvt_stage", "num_heads": 3}'
layers '"num_heads" = 3 does not divide "embed_dim" = 128' '{"type": "pvt_v2_stage", "num_heads": 3}'
layers 'block0: a reduction by 200 ("sr_ratio", "sr_ratios") does not fit the map [128, 112, 112]' '{"type": "pvt_stage", "sr_ratio": 200}'
layers '"peg_kernel" = 2 must be odd' '{"type": "peg", "peg_kernel": 2}'
layers 'reads a map or tokens; "inputs" names a value of shape [3]' \
    '{"type": "pool", "name": "a"}, {"type": "peg", "name": "b"}'
layers 'unknown "type" "convit_stag"; did you mean "convit_stage"?' '{"type": "convit_stag"}'
block='"heads": 2, "dim_head": 4, "dim_mlp": 8'
layers '[0] "a": "heads" is missing' '{"type": "self_block", "name": "a", "dim_head": 4, "dim_mlp": 8}'
layers 'a: "in_channels" = 8 does not fit its input, [3, 224, 224]' \
    "{\"type\": \"self_block\", \"name\": \"a\", \"in_channels\": 8, $block}"
layers '"self_feature_size" = [8, 9] does not fit its input, [3, 224, 224]' \
    "{\"type\": \"self_block\", \"self_feature_size\": [8, 9], $block}"
layers '"kernel_size" = 2 must be odd' "{\"type\": \"self_block\", \"kernel_size\": 2, $block}"
network '"inputs" names maps [3, 224, 224] and [4, 16, 16]; both must have the "in_channels"' \
    "$two, \"layers\": [{\"type\": \"cross_block\", \"inputs\": [\"a\", \"b\"], $block}]"
network '"output" is "input", which no layer gives' '"output": "input", "layers": [{"type": "norm"}]'
network '"output" must be the name of a value' '"output": 1, "layers": [{"type": "norm"}]'
network '"inputs" [0]: "name" is missing' '"inputs": [{}], "layers": [{"type": "norm"}]'
network '"inputs" [1]: there are two called "a"' '"inputs": [{"name": "a"}, {"name": "a"}], "layers": [{"type": "norm"}]'
network '"inputs" [1]: no layer reads "b"' "$two, \"layers\": [{\"type\": \"norm\"}]"
network 'x: adds [3, 224, 224] and [4, 16, 16]; name values of one shape in "inputs"' \
    "$two, \"layers\": [{\"type\": \"add\", \"name\": \"x\", \"inputs\": [\"a\", \"b\"]}]"
network 'windows of 7 x 7 do not fit the padded map [3, 4, 4]' \
    '"input_size": 4, "layers": [{"type": "t2t_module", "kernel_size": 7}]'
[ "$failures" -eq 0 ]
