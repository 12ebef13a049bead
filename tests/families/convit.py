"""ConViT of comvex and of facebookresearch and timm (vit/convit_comvex.py, vit/convit_fb.py), and its gated attention
alone (vit/gpsa_map.py)."""
import os

import numpy as np

from .case import Refused, as_map, save_timm_hub


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


def position(weight, side):
    """The map of positions [heads, N, N] in float64, and the distances [N, N, 3] it is made of."""
    row, column = np.divmod(np.arange(side * side), side)
    dx, dy = column - column[:, None], row - row[:, None]
    rel = np.stack([dx, dy, dx * dx + dy * dy], -1).astype(np.float64)
    score = np.einsum("hc,nmc->hnm", weight.astype(np.float64), rel)
    e = np.exp(score - score.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True), rel


NAMES = {"Q.weight": "q.weight", "K.weight": "k.weight", "V.weight": "v.weight", "gates": "gate",
         "out_linear.weight": "proj.weight", "out_linear.bias": "proj.bias",
         "postion_proj.weight": "pos_proj.weight", "postion_proj.bias": "pos_proj.bias"}


def gpsa(case):
    """One layer, which has no names of a dialect; what it reads and gives as maps."""
    tensors = case.read_tensors()
    if set(tensors) != set(NAMES):
        raise Refused(f"{case.path}: the tensors are {', '.join(sorted(tensors))}")
    case.tensors = {NAMES[k]: v.ravel() if k == "gates" else v for k, v in tensors.items()}
    batch, tokens, dim = case.x.shape
    side, heads = int(round(tokens ** 0.5)), len(case.tensors["gate"])
    p, rel = position(case.tensors["pos_proj.weight"], side)
    if not np.array_equal(rel, case.array("rel.npy")):
        raise Refused(f"{case.path}: rel.npy is not (dx, dy, dx^2 + dy^2)")
    if np.abs(p - case.array("pos_attn.npy")).max() > 1e-5:
        raise Refused(f"{case.path}: pos_attn.npy is not the softmax of positions")
    if np.abs(case.array("expected.npy") - case.array("expected_fb.npy")).max() > 1e-5:
        raise Refused(f"{case.path}: expected_fb.npy, of facebook's program, differs from expected.npy")
    case.x = as_map(case.x, (side, side), "tokens.npy")
    case.given["expected.npy"] = as_map(case.array("expected.npy"), (side, side), "expected.npy")
    gates = 1 / (1 + np.exp(-case.tensors["gate"].astype(np.float64)))
    taps = {"map": (case.array("attn.npy"), "attn.npy"), "content": (case.array("content_attn.npy"), "content_attn.npy"),
            "position": (np.broadcast_to(p, (batch, *p.shape)), "pos_attn.npy"),
            "gate": (np.broadcast_to(gates, (batch, heads)), case.config["weights"]["file"])}
    inputs = [{"name": "tokens", "channels": dim, "size": side}]
    return {"arch": "network", "inputs": inputs, "layers": [{"type": "gpsa", "num_heads": heads}]}, taps


def hub(out, seed):
    save_timm_hub(os.path.join(out, "hub"), seed, "convit_tiny", 48, embed_dim=8, num_heads=3, depth=3,
                  local_up_to_layer=2, mlp_ratio=2.0, qkv_bias=True, global_pool="avg")


ARCHS = {"convit": convit, "gpsa": gpsa}
BARE = {"weights_comvex.safetensors": {"arch": "gpsa", "weights": {"file": "weights_comvex.safetensors"},
                                       "input_file": "tokens.npy"}}
FIXTURES = {
    "comvex": "vit/convit_comvex.py --seed 1 --batch 3",
    "comvex_pre": "vit/convit_comvex.py --seed 2 --pre-norm --act GELU --ff-dim 96",
    "comvex_023": "vit/convit_comvex.py --seed 4 --version 0.2.3 --ff-dim 48",
    "comvex_010": "vit/convit_comvex.py --seed 5 --version 0.1.0",
    "gpsa": "vit/gpsa_map.py --seed 12 --batch 2 --heads 3 --dim 12 --side 6",
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
