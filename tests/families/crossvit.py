"""CrossViT of vit_pytorch (vit/crossvit_vp.py) and of IBM and timm (vit/timm_vit.py)."""
import math
import os

from .case import Refused, as_map, renamed, save_timm_hub

BRANCHES = ("sm", "lg")
VIT_PYTORCH_KEYS = ("num_classes", "depth", *(f"{s}_{k}" for s in BRANCHES for k in (
    "dim", "patch_size", "enc_depth", "enc_heads", "enc_mlp_dim", "enc_dim_head")),
    "cross_attn_depth", "cross_attn_heads", "cross_attn_dim_head")


def vit_pytorch(case):
    case.expect(layer_norm_eps=1e-5, activation="gelu_erf")
    config = {"arch": "crossvit", "input_size": list(case.x.shape[2:]), **case.need("image_size"),
              "channels": case.x.shape[1], **case.need(*VIT_PYTORCH_KEYS)}
    numbers = r"_0*(\d+)"
    return config, renamed(case, {
        r"emb_(sm|lg)": r"\1",
        r"(sm|lg)_tokens_embed": r"\1.tokens",
        r"(sm|lg)_logits": r"\1.head",
        rf"(sm|lg)_enc{numbers}": r"stage\2.\1.norm",
        rf"(sm|lg)_cross{numbers}": r"stage\2.\1",
        rf"(sm|lg)_cross_attn{numbers}{numbers}": r"stage\2.cross\3.\1.attn.map"})


def factor(whole, part):
    """A factor of which Python's int(whole * factor) is part."""
    f = part / whole
    return f if int(whole * f) == part else math.nextafter(f, math.inf)


def ibm(case):
    case.expect(layer_norm_eps=1e-6, activation="gelu_erf")
    c = case.need("image_size", "image_sizes_scaled", "patch_size", "dim", "depth", "heads", "mlp_hidden", "multi_conv",
                  "crop_scale", "num_classes")
    case.expect(fusion_heads=c["heads"][::-1])
    config = {"arch": "crossvit_ibm", "img_size": c["image_size"],
              "img_scale": [factor(c["image_size"], n) for n in c["image_sizes_scaled"]],
              "in_chans": case.x.shape[1], "embed_dim": c["dim"], "num_heads": c["heads"],
              "mlp_ratio": [factor(d, n) for d, n in zip(c["dim"], c["mlp_hidden"])],
              "qkv_bias": case.config.get("qkv_bias", True),
              **{k: c[k] for k in ("num_classes", "patch_size", "depth", "multi_conv", "crop_scale")}}
    fusion = [f"fusion{d[2] - 1}" if d[2] else "fusion" for d in c["depth"]]

    def embed(found, data, file):
        d = int(found[1])
        side = c["image_sizes_scaled"][d] // c["patch_size"][d]
        return f"{BRANCHES[d]}.embed", as_map(data, (side, side), file)

    def within(tail):
        """Names a tap of stage i, branch d by what tail gives for the two."""
        def tap(found, data, _):
            i, d = int(found[1]), int(found[2])
            return f"stage{i}.{BRANCHES[d]}{tail(i, d)}", data
        return tap

    return config, renamed(case, {
        r"img_(\d)": lambda found, data, _: (f"{BRANCHES[int(found[1])]}.image", data),
        r"tokens_embed_(\d)": embed,
        r"enc_(\d+)_(\d)": within(lambda i, d: f".block{c['depth'][i][d] - 1}"),
        r"fusion_(\d+)_(\d)": within(lambda i, _: f".{fusion[i]}"),
        r"block_(\d+)_(\d)": within(lambda i, d: "")})


def crossvit(case):
    variants = {"vit_pytorch": vit_pytorch, "ibm": ibm}
    variant = case.config.get("variant")
    if variant not in variants:
        raise Refused(f"{case.path}: variant is {variant!r}; known are {', '.join(variants)}")
    return variants[variant](case)


def hub(out, seed):
    save_timm_hub(os.path.join(out, "hub"), seed, "crossvit_9_dagger_240", 48, img_scale=(1.0, 32 / 48),
                  embed_dim=[8, 12], num_heads=[2, 3], mlp_ratio=[2, 1.5, 1], depth=[[1, 2, 2]],
                  global_pool="avg")


ARCHS = {"crossvit": crossvit}
SMALL = "vit/crossvit_vp.py --seed"
TIMM = "vit/timm_vit.py --seed"
FIXTURES = {
    "a": f"{SMALL} 21 --version 0.35.8 --same-dim",
    "b_same_dim": f"{SMALL} 22 --version 1.0.2 --same-dim --batch 3",
    "c": f"{SMALL} 23 --version 1.4.5",
    "timm_dagger": f"{TIMM} 24 --model small_crossvit_dagger",
    "timm_crop": f"{TIMM} 25 --model small_crossvit_crop",
}
FULL = {
    "crossvit_256": "vit/crossvit_vp.py --preset readme --version current",
    "crossvit_tiny_240": "vit/timm_vit.py --model crossvit_tiny_240",
    "crossvit_9_dagger_240": "vit/timm_vit.py --model crossvit_9_dagger_240",
}
