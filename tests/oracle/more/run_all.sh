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

run cpvt_cls cpvt.py --seed 1
run cpvt_gap cpvt.py --seed 2 --gap
run cpvt_peg3 cpvt.py --seed 3 --peg 3 --batch 2
run cpvt_gap_40x24 cpvt.py --seed 4 --gap --peg 2 --resize 40,24
run twins_pcpvt timm_more.py --seed 5 --model small_twins_pcpvt
run tnt_timm timm_more.py --seed 6 --model small_tnt
run tnt_legacy timm_more.py --seed 7 --model small_tnt_legacy
run tnt_huawei timm_more.py --seed 8 --model small_tnt --dialect huawei --batch 2
run t2t_performer t2t.py --seed 9
run t2t_transformer t2t.py --seed 10 --tokens-type transformer
run t2t_qkscale t2t.py --seed 11 --qk-scale 0.2041241452319315
run t2t_posresize t2t.py --seed 12 --pos-from 2
run t2t_vp_cls t2t_vp.py --seed 13
run t2t_vp_mean t2t_vp.py --seed 14 --pool mean --batch 2
run pvt_hf pvt_hf.py --seed 15
run pvt_whai pvt_hf.py --seed 16 --dialect whai362
run pvt_whai_96 pvt_hf.py --seed 17 --dialect whai362 --resize 96
run pvtv2_hf pvt_hf.py --seed 18 --version 2
run pvtv2_hf_li pvt_hf.py --seed 19 --version 2 --linear
run pvtv2_timm timm_more.py --seed 20 --model small_pvt_v2
run pvtv2_timm_li timm_more.py --seed 21 --model small_pvt_v2_li
run pvtv2_whai timm_more.py --seed 22 --model small_pvt_v2 --dialect whai362
run pvtv2_whai_li_80 timm_more.py --seed 23 --model small_pvt_v2_li --dialect whai362 --size 80
run lite_timm timm_more.py --seed 24 --model small_lite
run lite_tf timm_more.py --seed 25 --model small_tf_lite
run lite_rangilyu timm_more.py --seed 26 --model small_lite --dialect rangilyu --batch 2
run lite_lukemelas timm_more.py --seed 27 --model small_lite --dialect lukemelas
run lite_lukemelas_35 timm_more.py --seed 28 --model small_lite --dialect lukemelas --size 35
# small images and embeddings: a wrong eps moves these logits by percents
run eps_cpvt cpvt.py --seed 31 --shrink 0.02
run eps_twins timm_more.py --seed 32 --model small_twins_pcpvt --shrink 0.02
run eps_tnt timm_more.py --seed 33 --model small_tnt --shrink 0.02
run eps_t2t t2t.py --seed 34 --shrink 0.02
run eps_t2t_vp t2t_vp.py --seed 35 --shrink 0.02
run eps_pvt_hf pvt_hf.py --seed 36 --shrink 0.02
run eps_pvt_whai pvt_hf.py --seed 37 --dialect whai362 --shrink 0.02
run eps_pvtv2_hf pvt_hf.py --seed 38 --version 2 --shrink 0.02
run eps_pvtv2_timm timm_more.py --seed 39 --model small_pvt_v2 --shrink 0.02
run eps_pvtv2_li timm_more.py --seed 40 --model small_pvt_v2_li --shrink 0.02
if [ -n "$(ls "$out")" ]; then "$python" ref.py "$out"/*; fi
