"""PVT of the authors and of Hugging Face (more/pvt_hf.py), and what it shares with its relatives."""
import os
import shutil

from .case import renamed

# keys that are called alike in the oracles' configs and in the native dialect
KEYS = ("layer_norm_eps", "embed_norm_eps", "num_classes", "num_labels", "img_size", "image_size", "patch_size",
        "embed_dims", "hidden_sizes", "num_heads", "num_attention_heads", "depths", "sr_ratios",
        "sequence_reduction_ratios", "mlp_ratios", "patch_sizes", "strides", "qkv_bias", "linear", "linear_attention",
        "hidden_act")


def pyramid(case, arch, keys=KEYS):
    case.need("depths", "mlp_ratios", "dialect")
    config = {"arch": arch, "input_size": list(case.x.shape[2:])}
    config["num_channels" if case.config["dialect"] == "hf" else "in_chans"] = case.x.shape[1]
    config.update({k: case.config[k] for k in keys if k in case.config})
    return config


def pvt(case):
    taps = renamed(case, {r"embed_(\d+)": r"stage\1.tokens", r"tokens_(\d+)_(\d+)": r"stage\1.block\2"})
    return pyramid(case, "pvt"), taps


def save_hub(folder, seed, model, size=64):
    """As save_pretrained writes it, with the processor of its class; results in float64."""
    import numpy as np
    import torch
    import transformers as t
    from common import randomise
    shutil.rmtree(folder, ignore_errors=True)
    randomise(model, seed)
    model.save_pretrained(folder)
    t.PvtImageProcessor(size={"height": size, "width": size}).save_pretrained(folder)
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(seed + 1000))
    with torch.no_grad():
        y = model.double()(x.double()).logits
    np.save(os.path.join(folder, "x.npy"), x.numpy())
    np.save(os.path.join(folder, "expected64.npy"), y.numpy())
    print(f"{folder}: {', '.join(sorted(os.listdir(folder)))}")


TINY = dict(image_size=64, depths=[1, 1, 2, 1], hidden_sizes=[8, 16, 20, 24], num_attention_heads=[1, 2, 2, 3],
            mlp_ratios=[3, 2, 2, 2], num_labels=5, id2label={i: f"class {i}" for i in range(5)})


def hub(out, seed):
    import transformers as t
    config = t.PvtConfig(sequence_reduction_ratios=[4, 2, 2, 1], qkv_bias=False, **TINY)
    save_hub(os.path.join(out, "hub"), seed, t.PvtForImageClassification(config))


ARCHS = {"pvt": pvt}
FIXTURES = {
    "whai362": "more/pvt_hf.py --seed 16 --dialect whai362 --batch 3",
    "whai362_96": "more/pvt_hf.py --seed 17 --dialect whai362 --resize 96",
    "eps_hf": "more/pvt_hf.py --seed 36 --shrink 0.02",
    "eps_whai362": "more/pvt_hf.py --seed 37 --dialect whai362 --shrink 0.02",
}
PRESETS = {
    "pvt_whai_32": "more/pvt_hf.py --seed 41 --dialect whai362 --resize 32",
    "pvt_whai_160": "more/pvt_hf.py --seed 42 --dialect whai362 --resize 160 --shrink 0.02",
}
FULL = {
    "pvt_tiny-hf": "more/pvt_hf.py --seed 1 --model tiny",
    "pvt_tiny-whai362": "more/pvt_hf.py --seed 2 --model tiny --dialect whai362",
}
