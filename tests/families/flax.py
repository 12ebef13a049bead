"""CvT of Flax and of vit_pytorch (cvt/flax_oracle.py, cvt/vit_pytorch_oracle.py)."""
from .case import Refused

STAGE = ("emb_dim", "emb_kernel", "emb_stride", "proj_kernel", "kv_proj_stride", "heads", "depth", "mlp_mult")
PADDINGS = {"same": "same", "half": "explicit"}


def as_tokens(data):
    """[N,C,H,W] -> [N,T,C]"""
    return data.reshape(*data.shape[:2], -1).transpose(0, 2, 1)


def flax(case):
    c = case.config
    case.expect(layer_norm_eps=1e-5, batch_norm_eps=1e-5, attention_scale="head_dim", pool="mean")
    case.need("stages", "num_classes", "num_channels", "padding", "activation", "batch_norm_mode", "input_layout")
    if c["input_layout"] == "NHWC":
        case.x = case.x.transpose(0, 3, 1, 2).copy()
    config = {"arch": "cvt_flax", "input_size": list(case.x.shape[2:]), "channels": c["num_channels"],
              "num_classes": c["num_classes"]}
    for i, stage in enumerate(c["stages"]):
        config.update({f"s{i + 1}_{k}": stage[k] for k in STAGE})
    heads = {stage["dim_head"] for stage in c["stages"]}
    if len(c["stages"]) != 3 or len(heads) != 1:
        raise Refused(f"{case.path}: the native family has three stages and one dim_head")
    config["dim_head"] = heads.pop()
    config.update({k: c[k] for k in ("activation", "batch_norm_mode")}, padding=PADDINGS[c["padding"]])

    taps = {}
    for name, file in case.intermediates().items():
        data = case.array(file)
        stage, _, rest = name.partition("_")
        block, _, part = rest.partition("_")
        if rest == "out":
            taps[stage] = (data, file)
        elif rest == "embed":
            taps[f"{stage}.embed"] = (data, file)
        elif part in ("attn", "mlp"):
            taps[f"{stage}.{block}.{part}"] = (as_tokens(data), file)
        elif part == "q":
            taps[f"{stage}.{block}.attn.q"] = (as_tokens(data), file)
        elif part == "kv":
            half = data.shape[1] // 2
            taps[f"{stage}.{block}.attn.k"] = (as_tokens(data[:, :half]), file)
            taps[f"{stage}.{block}.attn.v"] = (as_tokens(data[:, half:]), file)
        else:
            raise Refused(f"{case.path}: no tap is known for the intermediate {name}")
    return config, taps


FLAX, PARENT = "cvt/flax_oracle.py", "cvt/vit_pytorch_oracle.py"
ARCHS = {"cvt_flax": flax, "cvt_vitpytorch": flax}
FIXTURES = {
    "batch3": f"{FLAX} --seed 1 --preset tiny_b3",
    "running": f"{FLAX} --seed 2 --preset tiny --bn running",
    "vit_pytorch": f"{PARENT} --seed 4 --preset tiny",
}
PRESETS = {
    **{f"flax-{name}-{bn}-{gelu}": f"{FLAX} --seed 11 --preset {name} --bn {bn} --gelu {gelu}"
       for name in ("tiny", "tiny_b3", "tiny_rect", "tiny_k") for bn in ("batch", "running") for gelu in ("tanh", "erf")},
    **{f"vitpytorch-{name}-{seed}": f"{PARENT} --seed {seed} --preset {name}"
       for name in ("tiny", "tiny_rect", "tiny_k") for seed in (1, 11)},
}
FULL = {
    "cvt-flax-seed": f"{FLAX} --seed 1 --preset seed",
    "cvt-flax-default": f"{FLAX} --seed 1 --preset default",
    "cvt-vit-pytorch-default": f"{PARENT} --seed 1 --preset default",
}
