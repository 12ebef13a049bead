"""ConvNeXt V1 and V2 of timm, Facebook and Hugging Face (modern/convnext.py)."""
from .case import renamed

KEYS = ("depths", "dims", "hidden_sizes", "patch_size", "use_grn", "ls_init_value", "head_hidden_size",
        "head_norm_first", "stem_type", "norm_eps", "layer_norm_eps", "num_classes", "num_labels")


def convnext(case):
    config = {"arch": "convnext", "input_size": list(case.x.shape[2:]), "num_channels": case.x.shape[1]}
    config.update({k: case.config[k] for k in KEYS if k in case.config})
    if case.config["arch"] == "convnextv2":
        config["use_grn"] = True
    return config, renamed(case, {r"(embed|norm)": r"\1", r"stage_(\d+)": r"stage\1",
                                  r"block_(\d+)_(\d+)": r"stage\1.block\2"})


ARCHS = {"convnext": convnext, "convnextv2": convnext}
FIXTURES = {
    "timm": "modern/convnext.py --seed 81 --size 32x48 --batch 2",
    "timm_v2": "modern/convnext.py --seed 82 --model v2 --size 33x39 --batch 3",
    "conv_mlp": "modern/convnext.py --seed 83 --model conv_mlp --size 40x33",
    "v2_conv_mlp": "modern/convnext.py --seed 84 --model v2_conv_mlp --size 32",
    "mlp_head": "modern/convnext.py --seed 85 --model mlp_head --size 32",
    "hnf": "modern/convnext.py --seed 86 --model hnf --size 48x35",
    "ols": "modern/convnext.py --seed 87 --model ols --size 45x33",
    "eps5": "modern/convnext.py --seed 88 --model eps5 --size 32 --shrink 0.02",
    "hf": "modern/convnext.py --seed 89 --dialect hf --size 35x49",
    "hf_v2": "modern/convnext.py --seed 90 --dialect hf --model v2 --size 32x41 --batch 2",
    "facebook": "modern/convnext.py --seed 91 --dialect fb --size 32",
    "facebook_v2": "modern/convnext.py --seed 92 --dialect fb --model v2 --size 36x32",
    "eps_timm": "modern/convnext.py --seed 93 --size 32 --shrink 0.02",
    "eps_hf": "modern/convnext.py --seed 94 --dialect hf --size 32 --shrink 0.02",
    "eps_v2": "modern/convnext.py --seed 95 --model v2 --size 32 --shrink 0.02",
}
FULL = {
    "convnext_tiny": "modern/convnext.py --seed 1 --model convnext_tiny",
    "convnext_atto_ols": "modern/convnext.py --seed 2 --model convnext_atto_ols",
    "convnextv2_atto": "modern/convnext.py --seed 3 --model convnextv2_atto",
}
