"""PVT v2 of the authors, timm and Hugging Face (more/timm_more.py, more/pvt_hf.py)."""
import os

from .case import as_map, renamed
from .pvt import TINY, pyramid, save_hub


def pvt_v2(case):
    config = pyramid(case, "pvt_v2")
    n, grid, grids = len(config["depths"]), case.x.shape[2:], []
    kernels, strides = config.get("patch_sizes", [7] + [3] * (n - 1)), config.get("strides", [4] + [2] * (n - 1))
    for k, s in zip(kernels, strides):
        grid = tuple((side + 2 * (k // 2) - k) // s + 1 for side in grid)
        grids.append(grid)

    def stage(match, data, file):
        return "stage" + match[1], as_map(data, grids[int(match[1])], file)

    return config, renamed(case, {r"stage_(\d+)": stage})


def hub(out, seed):
    import transformers as t
    config = t.PvtV2Config(sr_ratios=[4, 2, 2, 1], **TINY)
    save_hub(os.path.join(out, "hub"), seed, t.PvtV2ForImageClassification(config))


ARCHS = {"pvt_v2": pvt_v2}
FIXTURES = {
    "hf_li": "more/pvt_hf.py --seed 19 --version 2 --linear",
    "timm": "more/timm_more.py --seed 20 --model small_pvt_v2 --batch 3 --size 44",
    "whai362": "more/timm_more.py --seed 22 --model small_pvt_v2 --dialect whai362 --size 48",
    "whai362_li_80": "more/timm_more.py --seed 23 --model small_pvt_v2_li --dialect whai362 --size 80",
    "eps_hf": "more/pvt_hf.py --seed 38 --version 2 --shrink 0.02",
    "eps_timm": "more/timm_more.py --seed 39 --model small_pvt_v2 --size 32 --shrink 0.02",
}
PRESETS = {
    "pvtv2_timm_li_33": "more/timm_more.py --seed 43 --model small_pvt_v2_li --size 33 --batch 2",
    "pvtv2_whai_95": "more/timm_more.py --seed 44 --model small_pvt_v2 --dialect whai362 --size 95 --shrink 0.02",
}
FULL = {
    "pvt_v2_b0-hf": "more/pvt_hf.py --seed 3 --version 2 --model b0",
    "pvt_v2_b0-timm": "more/timm_more.py --seed 4 --model pvt_v2_b0",
    "pvt_v2_b2_li-timm": "more/timm_more.py --seed 5 --model pvt_v2_b2_li",
}
TIMM_HUBS = ("pvt_v2_b0", "pvt_v2_b2_li")
