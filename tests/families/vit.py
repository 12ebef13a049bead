"""ViT and DeiT: vit_pytorch in four layouts (vit/vit_vp.py), timm (vit/timm_vit.py); Hugging Face and timm hub
directories (hub)."""
import re

from .case import Refused


def vit(case):
    c = case.config
    variant = case.need("variant")["variant"]
    if variant not in ("vit_pytorch", "timm"):
        raise Refused(f"{case.path}: variant is {variant!r}; the native family has vit_pytorch and timm")
    config = {"arch": "vit", "variant": variant, "input_size": list(case.x.shape[2:]), "channels": case.x.shape[1]}
    config.update(case.need("image_size", "patch_size", "num_classes", "dim", "depth", "heads"))
    if variant == "vit_pytorch":
        config.update(case.need("layout", "dim_head", "mlp_dim", "pool"))
        if "pos_image_size" in c:  # image_size is the input's there
            config["image_size"] = c["pos_image_size"]
    else:
        config["mlp_dim"] = case.need("mlp_hidden")["mlp_hidden"]
        config.update(case.need("qkv_bias", "distilled"))
        config["global_pool"] = {"token": "token", "cls": "token", "avg": "avg"}[c.get("pool", "token")]
    for key in ("activation", "layer_norm_eps"):
        if key in c:
            config[key] = c[key]

    taps = {}
    for name, file in case.intermediates().items():
        data = case.array(file)
        numbered = re.fullmatch(r"(attn_out|ff_out|tokens)_(\d+)", name)
        if name == "attns":  # [N, depth, heads, T, T]
            taps.update({f"block{j}.attn.map": (data[:, j], file) for j in range(data.shape[1])})
        elif name == "embeddings":
            taps["embeddings"] = data, file
        elif name == "tokens_embed":
            taps["embed"] = data, file
        elif numbered:
            part = {"attn_out": ".attn", "ff_out": ".mlp", "tokens": ""}[numbered[1]]
            taps[f"block{int(numbered[2])}{part}"] = data, file
        else:
            raise Refused(f"{case.path}: no tap is known for the intermediate {name}")
    return config, taps


ARCHS = {"vit": vit}
FIXTURES = {
    "a": "vit/vit_vp.py --seed 11 --version 0.35.8 --batch 3",
    "a_smaller": "vit/vit_vp.py --seed 12 --version 0.35.8 --smaller-input",
    "b_mean": "vit/vit_vp.py --seed 13 --version 1.0.2 --pool mean",
    "b_nonsquare": "vit/vit_vp.py --seed 14 --version 1.0.2 --nonsquare",
    "c": "vit/vit_vp.py --seed 15 --version 1.4.5",
    "d": "vit/vit_vp.py --seed 16 --version current --one-head",
    "d_mean": "vit/vit_vp.py --seed 17 --version current --pool mean --nonsquare --smaller-input",
    "timm": "vit/timm_vit.py --seed 18 --model small_vit --batch 3",
    "distilled": "vit/timm_vit.py --seed 19 --model small_deit_distilled",
}
VERSIONS = ("0.35.8", "1.0.2", "1.4.5", "current")
PRESETS = {
    **{f"vit_{v}_{p}_{o or 'square'}": f"vit/vit_vp.py --seed {50 + i} --version {v} --pool {p} --batch 2 " +
       " ".join("--" + option for option in o.split("+") if o)
       for i, v in enumerate(VERSIONS) for p in ("cls", "mean")
       for o in ("", "nonsquare", "one-head", "smaller-input", "nonsquare+smaller-input")},
    "timm_small_vit_b2": "vit/timm_vit.py --seed 61 --model small_vit --batch 2",
    "timm_small_deit_distilled_b2": "vit/timm_vit.py --seed 62 --model small_deit_distilled --batch 2",
}
FULL = {
    **{f"vit_readme_{v}": f"vit/vit_vp.py --seed 1 --version {v} --preset readme" for v in VERSIONS},
    "vit_tiny_patch16_224": "vit/timm_vit.py --seed 1 --model vit_tiny_patch16_224",
    "vit_base_patch32_224": "vit/timm_vit.py --seed 1 --model vit_base_patch32_224",
    "deit_tiny_distilled_patch16_224": "vit/timm_vit.py --seed 1 --model deit_tiny_distilled_patch16_224",
}
