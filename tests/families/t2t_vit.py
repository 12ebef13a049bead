"""T2T-ViT of its authors (more/t2t.py) and of vit_pytorch (more/t2t_vp.py)."""
from .case import renamed

COMMON = ("depth", "num_classes")
AUTHORS = ("embed_dim", "num_heads", "mlp_ratio", "token_dim", "tokens_type", "img_size")
VIT_PYTORCH = ("dim", "heads", "mlp_dim", "dim_head", "pool", "t2t_layers", "image_size")


def t2t_vit(case):
    case.expect(layer_norm_eps=1e-5, qkv_bias=False, performer_epsilon=1e-8, kernel_ratio=0.5)
    vit_pytorch = case.config.get("dialect") == "vit_pytorch"
    config = {"arch": "t2t_vit", "input_size": list(case.x.shape[2:]), "in_chans": case.x.shape[1]}
    if case.config.get("qk_scale"):
        config["qk_scale"] = case.config["qk_scale"]
    config.update(case.need(*(VIT_PYTORCH if vit_pytorch else AUTHORS), *COMMON))
    taps = renamed(case, {"tokens_embed": "tokens", "patch_tokens": "embed", "tokens_out": "norm",
                          r"t2t_0*(\d+)": r"stage\1", r"tokens_0*(\d+)": r"block\1"})
    if vit_pytorch and len(config["t2t_layers"]) == 1:
        taps.pop("stage0", None)  # the windows of the image: there is no transformer between two unfoldings
    return config, taps


ARCHS = {"t2t_vit": t2t_vit}
FIXTURES = {
    "performer": "more/t2t.py --seed 9 --batch 3",
    "transformer": "more/t2t.py --seed 10 --tokens-type transformer",
    "qkscale": "more/t2t.py --seed 11 --qk-scale 0.2041241452319315",
    "posresize": "more/t2t.py --seed 12 --pos-from 2",
    "eps": "more/t2t.py --seed 34 --shrink 0.02",
    "vp_mean": "more/t2t_vp.py --seed 14 --pool mean",
}
FULL = {
    "t2t_vit_7": "more/t2t.py --model t2t_vit_7 --seed 1",
    "t2t_vit_14": "more/t2t.py --model t2t_vit_14 --seed 1",
    "t2t_vit_t_14": "more/t2t.py --model t2t_vit_t_14 --seed 1",
}
