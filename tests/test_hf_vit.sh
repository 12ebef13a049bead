#!/bin/sh
# test_hf_vit.sh - the relatives of ViT in transformers (tests/data/hf_vit): the defaults of their configs, what a
# config says in several places, models without classes, guesses that are said, and what is refused. test_models.sh
# compares their results with the originals'.
# Prints "ok NAME" or "not ok NAME: why" a case.
# CVT: the program; CVT_BIN: the folder of test_npydiff.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
diff=$(realpath "${CVT_BIN:-$root/build}/test_npydiff")
data=$tests/data/hf_vit
dog=$tests/data/cli/dog.png
# shellcheck source=tests/case.sh
. "$tests/case.sh"

# ---- defaults: parameters and multiply-adds that PyTorch counts for transformers' class with its default config ----

# counts WANT CONFIG: "PARAMETERS MACs"
counts() {
    "$program" summary -f json -c "$2" >"$work/json" || return 1
    got=$(sed -n -E '/"buffers":/s/.*"parameters":([0-9]+),.*"macs":([0-9]+),.*/\1 \2/p' "$work/json")
    [ "$got" = "$1" ] || { echo "got $got, want $1" && return 1; }
}
# Not counted: tokens for masked patches, the norm that CLIPForImageClassification does not use, and the attention
# pooling that SiglipForImageClassification does not use.
while read -r type class parameters macs; do
    echo "{\"model_type\": \"$type\", \"architectures\": [\"$class\"]}" >"$work/default.json"
    check "$class by default" counts "$parameters $macs" "$work/default.json"
done <<END_OF_COUNTS
clip_vision_model CLIPVisionModelWithProjection 87849216 4408811520
clip_vision_model CLIPVisionModel 87456000 4408418304
clip CLIPForImageClassification 87456002 4408419840
siglip_vision_model SiglipVisionModel 92884224 17708292096
siglip SiglipForImageClassification 85798658 17470883328
dinov2 Dinov2Model 85724928 23161227264
dinov2 Dinov2ForImageClassification 85728002 23161230336
dinov2_with_registers Dinov2WithRegistersModel 85820160 17932142592
dinov2_with_registers Dinov2WithRegistersForImageClassification 85823234 17932145664
beit BeitModel 85656576 17563060224
beit BeitForImageClassification 85658114 17563061760
vit_msn ViTMSNForImageClassification 85800194 17563061760
vit_msn ViTMSNModel 85798656 17563060224
END_OF_COUNTS

# ---- what a config does not say, or says twice ----

# edited CASE SED: the same answer with another config, in which something has changed
edited() {
    rm -rf "$work/edited" && cp -r "$data/$1" "$work/edited" || return 1
    sed -E "$2" "$data/$1/config.json" >"$work/edited/config.json"
    differ "$data/$1/config.json" "$work/edited/config.json" || { echo "the config is the same" && return 1; }
    result_of "$work/edited" "$data/$1" "$work/result" &&
        "$diff" near 1e-5 "$data/$1/expected64.npy" "$work/result/output.npy"
}
without() { edited "$1" "/\"$2\":/d"; } # CASE KEY: a key on a line of its own
for case in clip_projection siglip_vision dinov2_model beit; do
    check "the activation of $case is the default" without $case hidden_act
done
for case in clip_eps dinov2_eps vit_msn; do check "the eps of $case is the default" without $case layer_norm_eps; done
check "registers are the default or as in the weights" without dinov2_reg_24x40 num_register_tokens
for case in clip_projection hub_clip hub_clip_classify hub_siglip hub_siglip_classify hub_dinov2 hub_dinov2_swiglu \
    hub_beit hub_beit_shared; do
    check "a class of one's own: the weights of $case tell what it gives" edited $case \
        's/"(CLIP|Siglip|Dinov2|Beit)[A-Za-z]*(Model|Classification|Projection)"/"Mine"/'
done
tower='"hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 3,
    "image_size": 32, "patch_size": 8'
twice() { # VISION_CONFIG VISION_CONFIG_DICT TOP: the answer of hub_clip_classify
    rm -rf "$work/edited" && cp -r "$data/hub_clip_classify" "$work/edited" || return 1
    echo "{\"model_type\": \"clip\", \"vision_config\": {$tower, $1}, \"vision_config_dict\": $2, $3
        \"num_labels\": 5}" >"$work/edited/config.json"
    result_of "$work/edited" "$data/hub_clip_classify" "$work/result" &&
        "$diff" near 1e-5 "$data/hub_clip_classify/expected64.npy" "$work/result/output.npy"
}
check "vision_config counts" twice '"num_labels": 7' null ''
check "vision_config_dict counts before it" twice '"hidden_act": "relu"' '{"hidden_act": "quick_gelu"}' ''
check "and vision_config counts where there is no other" status 1 twice '"hidden_act": "relu"' null ''

# ---- models without classes ----

for case in hub_clip hub_siglip hub_dinov2_swiglu hub_beit_shared; do
    check "classify on $case" refuses 3 'no scores of classes' "$program" classify -m "$data/$case" "$dog"
    checks() { [ "$("$program" check -m "$data/$1" | cut -c 1-3)" = ok: ]; }
    check "check on $case" checks $case
    attends() {
        rm -f "$work/a.png" && "$program" attend -m "$data/$1" "$dog" -o "$work/a.png" && [ -s "$work/a.png" ]
    }
    check "attend on $case" attends $case
    embeds() { # the features are what the model gives
        "$program" embed -m "$data/$1" "$dog" -o "$work/e.npy" --force && rm -rf "$work/result" &&
            "$program" preprocess -m "$data/$1" "$dog" -o "$work/x.npy" --force &&
            "$program" run -m "$data/$1" -i "$work/x.npy" -o "$work/result" &&
            "$diff" near 1e-6 "$work/result/output.npy" "$work/e.npy"
    }
    check "embed on $case" embeds $case
done
classes() { [ "$("$program" classify -m "$data/$1" -f tsv "$dog" | wc -l)" -eq 6 ]; } # CASE: five, and the heading
for case in hub_clip_classify hub_siglip_classify hub_dinov2 hub_dinov2_reg hub_beit; do
    check "classify on $case" classes $case
done

# ---- guesses ----

while read -r case class; do
    check "$case says a guess" refuses 0 "pictures are prepared as $class does by default" \
        "$program" check -m "$data/$case"
done <<END_OF_GUESSES
hub_clip_tower CLIPImageProcessor
hub_siglip_tower SiglipImageProcessor
hub_dinov2_reg_bare BitImageProcessor
hub_beit_bare BeitImageProcessor
vit_msn ViTImageProcessor
END_OF_GUESSES
sized() { # WANT CASE: the input's size, of which the image processor decides for DINOv2 and BEiT
    got=$("$program" summary -m "$data/$2" | sed -n 's/.*, input //p')
    [ "$got" = "$1" ] || { echo "$got" && return 1; }
}
check "DINOv2's input is as its processor says" sized '3 x 32 x 24' hub_dinov2
check "DINOv2's input is 224 where nothing says it" sized '3 x 224 x 224' hub_dinov2_reg_bare
check "BEiT's input is as its processor says" sized '3 x 40 x 48' hub_beit

# ---- refused ----

check "a SigLIP that pools nothing" refused '"vision_use_head" is false and there is no classifier' \
    '{"model_type": "siglip_vision_model", "architectures": ["SiglipVisionModel"], "vision_use_head": false}'
check "two tables of distances" refused 'exclude each other here' \
    '{"model_type": "beit", "use_relative_position_bias": true, "use_shared_relative_position_bias": true}'
check "heads that do not divide" refused '"num_attention_heads" = 5 does not divide "hidden_size" = 768' \
    '{"model_type": "dinov2", "num_attention_heads": 5}'
check "patches larger than the image" refused '"patch_size" = 16 is larger than "image_size" = 8' \
    '{"arch": "siglip", "image_size": 8}'
check "more patches than can be" refused '"image_size" has too many patches' \
    '{"arch": "clip", "image_size": 65535, "patch_size": 1}'
check "an object that is none" refused '"vision_config" must be an object' '{"model_type": "clip", "vision_config": []}'
check "a mistake within it is said with its place" refused 'vision_config: "patch_size" = 0 is not in' \
    '{"model_type": "clip", "vision_config": {"patch_size": 0}}'
check "timm's gated BEiT" refused '"swiglu_mlp" is set' \
    '{"architecture": "beit_base_patch16_224", "model_args": {"swiglu_mlp": true}}'
check "timm's BEiT at another size" refuses 3 'timm resizes them in a way that is not done here' \
    "$program" check -m "$data/hub_beit_timm" --size 48
for case in hub_clip hub_siglip; do
    cp -r "$data/$case" "$work/larger" && chmod -R u+w "$work/larger"
    sed -i 's/: 32\(,*\)$/: 48\1/' "$work/larger/preprocessor_config.json"
    equal "$case: a processor of another size is told" "$("$program" check -m "$work/larger" 2>&1 | head -n 1)" \
        "cvt: $work/larger: its processor prepares images of 48 x 48 pixels, its config says 32 x 32: they are prepared at 32 x 32"
    equal "$case: unless the size is chosen" "$("$program" check -m "$work/larger" --size 48 2>&1 | grep -c prepare)" 0
    equal "$case: sizes that agree are not told" "$("$program" check -m "$data/$case" 2>&1 | grep -c prepare)" 0
    rm -rf "$work/larger"
done
check "poolings that contradict each other" refused 'contradict each other' \
    '{"arch": "beit", "global_pool": "token", "use_mean_pooling": true}'

[ "$failures" -eq 0 ]
