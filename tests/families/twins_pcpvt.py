"""Twins-PCPVT of timm (more/timm_more.py)."""
from .case import renamed
from .pvt import pyramid


def twins_pcpvt(case):
    keys = ("layer_norm_eps", "embed_norm_eps", "num_classes", "img_size", "patch_size", "embed_dims", "depths",
            "num_heads", "mlp_ratios", "sr_ratios")
    case.expect(wss=None, qkv_bias=True)
    return pyramid(case, "twins_pcpvt", keys), renamed(case, {r"peg_(\d+)": r"stage\1.peg"})


ARCHS = {"twins_pcpvt": twins_pcpvt}
FIXTURES = {
    "timm": "more/timm_more.py --seed 5 --model small_twins_pcpvt --batch 3",
    "timm_88": "more/timm_more.py --seed 6 --model small_twins_pcpvt --size 88",
    "eps": "more/timm_more.py --seed 32 --model small_twins_pcpvt --shrink 0.02",
}
FULL = {"twins_pcpvt_small": "more/timm_more.py --seed 1 --model twins_pcpvt_small"}
TIMM_HUBS = ("twins_pcpvt_small",)
