"""TNT of timm and huawei-noah (more/timm_more.py --model small_tnt)."""
from .case import renamed

KEYS = ("patch_size", "embed_dim", "inner_dim", "depth", "num_heads_inner", "num_heads_outer", "mlp_ratio", "qkv_bias",
        "first_stride", "num_classes")


def tnt(case):
    case.expect(layer_norm_eps=1e-5)
    config = {"arch": "tnt", "input_size": list(case.x.shape[2:]), "in_chans": case.x.shape[1]}
    config.update({k: case.config[k] for k in ("legacy", "global_pool") if k in case.config})
    config.update(case.need("img_size", *KEYS))

    def words(tap):
        """[N * patches, words, C] -> [N, patches * words, C]"""
        return lambda found, data, _: (found.expand(tap), data.reshape(len(case.x), -1, data.shape[-1]))

    return config, renamed(case, {"pixel_embed": words("embed"), r"pixel_0*(\d+)": words(r"block\1.inner"),
                                  r"tokens_0*(\d+)": r"block\1"})


ARCHS = {"tnt": tnt}
FIXTURES = {
    "timm": "more/timm_more.py --model small_tnt --seed 6",
    "legacy": "more/timm_more.py --model small_tnt_legacy --seed 7",
    "huawei": "more/timm_more.py --model small_tnt --dialect huawei --seed 8 --batch 3",
    "huawei_legacy": "more/timm_more.py --model small_tnt_legacy --dialect huawei --seed 9",
    "eps": "more/timm_more.py --model small_tnt --seed 33 --shrink 0.02",
}
FULL = {
    "tnt_s_patch16_224": "more/timm_more.py --model tnt_s_patch16_224 --seed 1",
    "tnt_s_legacy_patch16_224": "more/timm_more.py --model tnt_s_legacy_patch16_224 --seed 1",
    "tnt_s_huawei": "more/timm_more.py --model tnt_s_patch16_224 --dialect huawei --seed 1",
    "tnt_b_patch16_224": "more/timm_more.py --model tnt_b_patch16_224 --seed 1",
}


def hub(out, seed):
    """A tiny TNT as timm's save_for_hf writes it; hub_resized: for a smaller image than its positions are stored for."""
    import json
    import os
    import shutil

    import numpy as np
    import timm
    import torch
    from timm.models import save_for_hf
    from timm.models.tnt import checkpoint_filter_fn

    sizes = dict(embed_dim=24, inner_dim=8, depth=1, num_heads_inner=2, num_heads_outer=3)
    generator = torch.Generator().manual_seed(seed)

    def model_of(size):
        return timm.create_model("tnt_s_patch16_224", img_size=size, num_classes=5, **sizes).eval()

    model = model_of(64)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.3)
    for name, size in (("hub", 64), ("hub_resized", 48)):
        folder = os.path.join(out, name)
        shutil.rmtree(folder, ignore_errors=True)
        labels = [f"class {i}" for i in range(5)]
        save_for_hf(model, folder, model_config=dict(label_names=labels), safe_serialization=size != 64)
        path = os.path.join(folder, "config.json")
        with open(path, encoding="utf-8") as f:
            config = json.load(f)
        config["model_args"]["img_size"] = size
        with open(path, "w", encoding="utf-8") as f:
            json.dump(config, f, indent=1)
        run = model_of(size)
        run.load_state_dict(checkpoint_filter_fn(dict(model.state_dict()), run))
        x = torch.randn(1, 3, size, size, generator=generator)
        with torch.no_grad():
            y = run.double()(x.double())
        np.save(os.path.join(folder, "x.npy"), x.numpy())
        np.save(os.path.join(folder, "expected64.npy"), y.numpy())
        print(f"{folder}: {sorted(os.listdir(folder))}")
