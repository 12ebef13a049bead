"""vit_pytorch.efficient.ViT around a Nystromformer or an x-transformers Encoder (vit/efficient_vp.py)."""
from .case import Refused

NORMS = {"layernorm_bias": True, "layernorm": False, "layernorm_gamma_plus_1": False}


def nystrom(t):
    return {"num_landmarks": t["num_landmarks"], "pinv_iterations": t["pinv_iterations"], "dim_head": t["dim_head"],
            "attn_values_residual": t["residual_conv"],
            "attn_values_residual_conv_kernel": t["residual_conv_kernel"]}


def encoder(t):
    return {"attn_dim_head": t["dim_head"], "ff_glu": t["ff_glu"], "residual_attn": t["residual_attn"],
            "norm_bias": NORMS[t["norm"]], "final_norm": t["final_norm"]}


KINDS = {"nystrom": nystrom, "x_transformers": encoder}


def tap_of(name, t):
    """Our name of an oracle's intermediate."""
    if name == "tokens_embed":
        return "embed"
    if name == "embeddings":  # what the transformer gives
        return "norm" if t.get("final_norm") else f"block{t['depth'] - 1}"
    kind, _, number = name.rpartition("_")
    if not number.isdigit():
        return None
    i = int(number)
    if t["type"] == "nystrom":
        part = {"attn_out": "attn", "ff_out": "mlp", "attn2": "attn.landmarks",
                "attn2_inv": "attn.landmarks_inverse"}.get(kind)
        return part and f"block{i}.{part}"
    if kind == "branch":
        return f"block{i // 2}.{'mlp' if i % 2 else 'attn'}"
    return f"block{i // 2}.attn.scores" if kind == "pre_softmax" and i % 2 == 0 else None


def of_one_image(name, case, t):
    """The original's pseudo-inverse begins with maxima over the whole batch, ours over an image: in a batch, all that
    comes after the first one is another number there. Its logits are compared with those of each image alone."""
    return t["type"] != "nystrom" or len(case.x) == 1 or name in ("tokens_embed", "attn2_00")


def vit_efficient(case):
    case.expect(variant="vit_pytorch")
    hints = case.need("dim", "image_size", "patch_size", "num_classes", "channels", "pool", "layout", "transformer")
    t = hints["transformer"]
    if t["type"] not in KINDS:
        raise Refused(f"{case.path}: the transformer is {t['type']!r}; known are {', '.join(KINDS)}")
    own = {"type": t["type"], "depth": t["depth"], "heads": t["heads"], "ff_mult": t["ff_mult"]}
    config = {"arch": "vit_efficient", "input_size": list(case.x.shape[2:]), **hints,
              "transformer": {**own, **KINDS[t["type"]](t)}}
    taps = {}
    for name, file in case.intermediates().items():
        tap = tap_of(name, t)
        if not tap:
            raise Refused(f"{case.path}: no tap is known for the intermediate {name}")
        if of_one_image(name, case, t):
            taps[tap] = case.array(file), file
    return config, taps


ARCHS = {"vit_efficient": vit_efficient}
FIXTURES = {
    "nystrom": "vit/efficient_vp.py --seed 17",
    "nystrom_pool": "vit/efficient_vp.py --seed 18 --landmarks 13 --version current --pool mean",
    "nystrom_batch": "vit/efficient_vp.py --seed 19 --landmarks 32 --no-conv --batch 3",
    "xt_031": "vit/efficient_vp.py --transformer xt --seed 21",
    "xt": "vit/efficient_vp.py --transformer xt --xt-version current --version current --seed 22 --batch 3",
    "xt_plain": "vit/efficient_vp.py --transformer xt --no-residual-attn --no-glu --pool mean --seed 23",
    "xt_plain_norm": "vit/efficient_vp.py --transformer xt --xt-version current --no-glu --seed 24",
}
PRESETS = {
    "nystrom_one_landmark": "vit/efficient_vp.py --seed 31 --landmarks 1",
    "nystrom_mean": "vit/efficient_vp.py --seed 32 --landmarks 9 --pool mean --no-conv",
    "nystrom_batch": "vit/efficient_vp.py --seed 33 --landmarks 26 --version current --batch 4",
    "xt_batch": "vit/efficient_vp.py --transformer xt --seed 34 --batch 4 --no-glu",
    "xt_mean": "vit/efficient_vp.py --transformer xt --xt-version current --seed 35 --pool mean --no-residual-attn",
}
FULL = {
    "xt_readme": "vit/efficient_vp.py --transformer xt --preset readme --seed 36",
    "xt_readme_current": "vit/efficient_vp.py --transformer xt --preset readme --version current --xt-version current"
                         " --seed 37",
}
