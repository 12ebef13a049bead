"""ConViT of comvex and of facebookresearch and timm (vit/convit_comvex.py, vit/convit_fb.py)."""
from .case import Refused


def convit(case):
    c, variant = case.config, case.need("variant")["variant"]
    case.expect(activation="gelu_erf")
    config = {"arch": "convit", "variant": variant, "input_size": list(case.x.shape[2:]),
              **case.need("image_size", "image_channel", "patch_size", "dim", "heads", "num_classes", "layer_norm_eps")}
    if variant == "comvex":
        if c.get("ff_dim") is not None:  # what was asked for; the weights know what was done
            config["ff_dim"] = c["ff_dim"]
        config.update(case.need("pre_norm", "pred_act_fnc_name", "num_local_layers", "num_nonlocal_layers"))
        blocks = c["num_local_layers"] + c["num_nonlocal_layers"]
    elif variant == "fb":
        config.update(case.need("mlp_ratio", "qkv_bias", "use_pos_embed", "depth", "local_up_to_layer"))
        blocks = c["depth"]
    else:
        raise Refused(f"{case.path}: variant is {variant!r}")
    names = {"tokens_embed": "embed", "tokens_norm": "norm"}
    for j in range(blocks):
        names.update({f"tokens_{j:02d}": f"block{j}", f"attn_{j:02d}": f"block{j}.attn.map"})
    files = case.intermediates()
    unknown = sorted(set(files) - set(names))
    if unknown:
        raise Refused(f"{case.path}: no tap is known for {', '.join(unknown)}")
    return config, {names[name]: (case.array(file), file) for name, file in files.items()}


ARCHS = {"convit": convit}
FIXTURES = {
    "comvex": "vit/convit_comvex.py --seed 1 --batch 3",
    "comvex_pre": "vit/convit_comvex.py --seed 2 --pre-norm --act GELU --ff-dim 96",
    "comvex_023": "vit/convit_comvex.py --seed 4 --version 0.2.3 --ff-dim 48",
    "comvex_010": "vit/convit_comvex.py --seed 5 --version 0.1.0",
    "fb": "vit/convit_fb.py --seed 6",
    "fb_bias": "vit/convit_fb.py --seed 7 --qkv-bias --no-pos-embed",
}
PRESETS = {
    "convit_comvex_030": "vit/convit_comvex.py --seed 3 --version 0.3.0 --ff-dim 80",
    "convit_comvex_023_pre": "vit/convit_comvex.py --seed 11 --version 0.2.3 --pre-norm --batch 2",
}
FULL = {
    "convit-comvex-ti": "vit/convit_comvex.py --preset Ti --seed 8",
    "convit-comvex-ti-023": "vit/convit_comvex.py --preset Ti --version 0.2.3 --seed 9",
    "convit_tiny": "vit/convit_fb.py --preset convit_tiny --seed 10",
}
