"""CPVT (more/cpvt.py)."""
from .case import renamed

KEYS = ("img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio", "num_classes", "gap", "num_pegs",
        "peg_kernel")


def cpvt(case):
    config = {"arch": "cpvt", "input_size": list(case.x.shape[2:]), "in_chans": case.x.shape[1],
              **case.need(*KEYS)}
    config.update({k: case.config[k] for k in ("qkv_bias", "layer_norm_eps") if k in case.config})

    def block(match, data, file):
        j = int(match[1])
        return ("peg" if j < config["num_pegs"] else "block") + str(j), data

    return config, renamed(case, {"tokens_embed": "tokens", r"tokens_(\d+)": block})


ARCHS = {"cpvt": cpvt}
FIXTURES = {
    "cls": "more/cpvt.py --seed 1 --batch 3",
    "gap": "more/cpvt.py --seed 2 --gap",
    "peg3": "more/cpvt.py --seed 3 --peg 3 --batch 2",
    "gap_40x24": "more/cpvt.py --seed 4 --gap --peg 2 --resize 40,24",
    "eps": "more/cpvt.py --seed 31 --shrink 0.02",
}
PRESETS = {
    "cpvt_peg0_32x56": "more/cpvt.py --seed 5 --peg 0 --resize 32,56",
    "cpvt_peg1_72x8": "more/cpvt.py --seed 6 --resize 72,8 --batch 2",
}
FULL = {
    "cpvt_ti": "more/cpvt.py --seed 1 --model cpvt_ti",
    "cpvt_ti-gap": "more/cpvt.py --seed 2 --model cpvt_ti --gap --peg 5",
}
