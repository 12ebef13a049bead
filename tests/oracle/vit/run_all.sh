#!/bin/sh
# run_all.sh OUT [WORD] - makes every small case of this folder (whose name holds WORD) into OUT and checks them with
# ref.py.
#   PY=python3  the interpreter, with what ../setup.sh installs
set -eu
python=${PY:-python3}
out=$(mkdir -p "${1:?usage: run_all.sh OUT [WORD]}" && cd "$1" && pwd)
word=${2:-}
cd "$(dirname "$0")"

run() { # CASE SCRIPT [OPTION]...
    case=$1
    case $case in *"$word"*) ;; *) return 0 ;; esac
    shift
    "$python" "$@" --out "$out/$case"
}

run convit_comvex_post convit_comvex.py --seed 1
run convit_comvex_pre convit_comvex.py --seed 2 --pre-norm --act GELU --ff-dim 96
run convit_comvex_023 convit_comvex.py --seed 3 --version 0.2.3 --ff-dim 48
run convit_comvex_010 convit_comvex.py --seed 4 --version 0.1.0
run convit_fb convit_fb.py --seed 5
run convit_fb_bias convit_fb.py --seed 6 --qkv-bias --no-pos-embed
run gpsa_h4 gpsa_map.py --seed 7
run gpsa_h9 gpsa_map.py --seed 8 --heads 9 --dim 36 --side 4
for v in 0.35.8 1.0.2 1.4.5 current; do
  for p in cls mean; do run "vit_${v}_$p" vit_vp.py --seed 11 --version "$v" --pool "$p"; done
  run "crossvit_vp_$v" crossvit_vp.py --seed 12 --version "$v"
done
run vit_nonsquare vit_vp.py --seed 13 --nonsquare
run vit_onehead vit_vp.py --seed 14 --one-head --version current
run vit_smaller_input vit_vp.py --seed 15 --smaller-input
run crossvit_vp_samedim crossvit_vp.py --seed 16 --same-dim
run eff_nystrom_pad4 efficient_vp.py --seed 17
run eff_nystrom_nopad efficient_vp.py --seed 18 --landmarks 13 --version current
run eff_nystrom_m_gt_n efficient_vp.py --seed 19 --landmarks 32 --no-conv
run eff_nystrom_b2 efficient_vp.py --seed 20 --batch 2
run eff_xt_031 efficient_vp.py --transformer xt --seed 21
run eff_xt_cur efficient_vp.py --transformer xt --xt-version current --version current --seed 22
run eff_xt_plain efficient_vp.py --transformer xt --no-residual-attn --no-glu --pool mean --seed 23
for m in small_crossvit small_crossvit_dagger small_crossvit_crop small_vit small_deit_distilled; do
  run "timm_$m" timm_vit.py --seed 24 --model "$m"
done
if [ -n "$(ls "$out")" ]; then "$python" ref.py "$out"/*; fi
