"""ViT and DeiT: vit_pytorch in four layouts (vit/vit_vp.py), timm (vit/timm_vit.py; modern/vit_timm.py with all
arguments of its constructor); Hugging Face and timm hub directories (hub)."""
from .case import Refused, renamed


def timm(case):
    """A case of modern/vit_timm.py, whose config has the constructor's arguments as they are."""
    c = {k: v for k, v in case.config.items() if k not in ("dialect", "num_parameters", "architecture")}
    if "norm_eps" in c:
        c["layer_norm_eps"] = c.pop("norm_eps")
    config = {**c, "arch": "vit", "variant": "timm", "input_size": list(case.x.shape[2:])}
    token = r"(fc_norm|pool)"  # [N, C] there, one token here
    return config, renamed(case, {"embed": "norm_pre" if c.get("pre_norm") else "tokens", "norm": "norm",
                                  r"tokens_0*(\d+)": r"block\1", r"attn_0*(\d+)": r"block\1.attn.map",
                                  token: lambda m, data, file: (m[1].replace("fc_norm", "norm"), data[:, None])})


def vit(case):
    c = case.config
    if c.get("dialect") == "timm":
        return timm(case)
    variant = case.need("variant")["variant"]
    if variant not in ("vit_pytorch", "timm"):
        raise Refused(f"{case.path}: variant is {variant!r}; the native family has vit_pytorch and timm")
    config = {"arch": "vit", "variant": variant, "input_size": list(case.x.shape[2:]), "channels": case.x.shape[1]}
    config.update({key: c[key] for key in ("activation", "layer_norm_eps") if key in c})
    config.update(case.need("image_size", "patch_size", "num_classes", "dim", "depth", "heads"))
    if variant == "vit_pytorch":
        config.update(case.need("layout", "pool", "dim_head", "mlp_dim"))
        if "pos_image_size" in c:  # image_size is the input's there
            config["image_size"] = c["pos_image_size"]
    else:
        config["mlp_dim"] = case.need("mlp_hidden")["mlp_hidden"]
        config.update(case.need("qkv_bias", "distilled"))
        config["global_pool"] = {"token": "token", "cls": "token", "avg": "avg"}[c.get("pool", "token")]

    taps = renamed(case, {"embeddings": "embeddings", "tokens_embed": "embed", "attns": "attns",
                          r"attn_out_0*(\d+)": r"block\1.attn", r"ff_out_0*(\d+)": r"block\1.mlp",
                          r"tokens_0*(\d+)": r"block\1"})
    if "attns" in taps:
        data, file = taps.pop("attns")  # [N, depth, heads, T, T]
        taps.update({f"block{j}.attn.map": (data[:, j], file) for j in range(data.shape[1])})
    return config, taps


ARCHS = {"vit": vit}
MODERN = {
    "dinov2": "dinov2", "dinov2_giant": "dinov2_giant", "clip": "clip --batch 2", "siglip": "siglip", "qknorm": "qknorm",
    "avg_cls": "avg_cls", "avgmax": "avgmax", "features": "features", "reg4_gap": "reg4_gap --batch 2",
    "dinov2_reg4": "dinov2_reg4 --batch 3", "clip_quickgelu": "clip_quickgelu", "siglip_tanh": "siglip_tanh",
    "siglip_gap": "siglip_gap", "so150m_map": "so150m_map", "deit3": "deit3", "glu": "glu", "swiglu": "swiglu",
    "all": "all", "pad": "pad --size 27x38", "dinov2_48x24": "dinov2 --size 48x24",
    "dinov2_reg4_16x40": "dinov2_reg4 --size 16x40", "deit3_pos6": "deit3 --pos-from 6", "clip_pos3": "clip --pos-from 3",
    "eps_dinov2": "dinov2 --shrink 0.02", "eps_clip": "clip --shrink 0.02",
}
FIXTURES = {
    "a": "vit/vit_vp.py --seed 11 --version 0.35.8 --smaller-input",
    "b_mean": "vit/vit_vp.py --seed 13 --version 1.0.2 --pool mean",
    "b_nonsquare": "vit/vit_vp.py --seed 14 --version 1.0.2 --nonsquare",
    "c": "vit/vit_vp.py --seed 15 --version 1.4.5",
    "d": "vit/vit_vp.py --seed 16 --version current --one-head",
    "d_mean": "vit/vit_vp.py --seed 17 --version current --pool mean --nonsquare --smaller-input",
    "timm": "vit/timm_vit.py --seed 18 --model small_vit --batch 3",
    "distilled": "vit/timm_vit.py --seed 19 --model small_deit_distilled",
    **{name: f"modern/vit_timm.py --seed {100 + i} --model {options}" for i, (name, options) in enumerate(MODERN.items())},
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
    **{name: f"modern/vit_timm.py --seed 1 --model {name}" for name in (
        "vit_small_patch14_dinov2", "vit_small_patch14_reg4_dinov2", "vit_base_patch32_clip_quickgelu_224",
        "vit_base_patch16_siglip_224", "deit3_small_patch16_224", "vit_little_patch16_reg4_gap_256")},
}


# ---- as the hubs have them -------------------------------------------------------------------------------------------

def hub(out, seed):
    """Tiny models as save_pretrained, torch.save and timm's save_for_hf write them, with odd settings and, where
    the original resizes its positions, an input of another size; results in float64."""
    import os
    import shutil

    import numpy as np
    import timm
    import torch
    import transformers as t
    from timm.models import save_for_hf

    small = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, image_size=32,
                 patch_size=8, num_labels=5)
    odd = dict(small, image_size=(24, 40), patch_size=(8, 4), hidden_act="gelu_new", qkv_bias=False, num_channels=1,
               layer_norm_eps=0.01)

    def randomise(model, seed):
        g = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for p in model.parameters():
                centre = 1 if p.ndim == 1 and p.mean() == 1 else 0
                p.copy_(centre + torch.randn(p.shape, generator=g) * (1.2 / p[0].numel() ** 0.5 if p.ndim > 1 else 0.2))
        return model.eval()

    def folder(name):
        path = os.path.join(out, "hub_" + name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def finish(path, x, y):
        np.save(os.path.join(path, "x.npy"), x.numpy())
        np.save(os.path.join(path, "expected64.npy"), y.detach().numpy().astype(np.float64))
        print(f"{path}: {', '.join(sorted(os.listdir(path)))}")

    def image(channels, h, w):
        return torch.randn(1, channels, h, w, generator=torch.Generator().manual_seed(seed + 1))

    def hf(name, model, x, processor, in_memory=False, **options):
        path = folder(name)
        model = randomise(model, seed)
        if not isinstance(model, (t.ViTModel, t.DeiTModel)):
            model.config.id2label = {i: f"class {i}" for i in range(5)}
        model.save_pretrained(path)
        processor.save_pretrained(path)
        if in_memory:
            os.remove(os.path.join(path, "model.safetensors"))
            torch.save(model.state_dict(), os.path.join(path, "pytorch_model.bin"))
        with torch.no_grad():
            y = model.double()(x.double(), **options)
        finish(path, x, y.logits if "logits" in y else y.last_hidden_state[:, 0])

    vit, deit = t.ViTForImageClassification, t.DeiTForImageClassification
    teacher = t.DeiTForImageClassificationWithTeacher
    crop = t.DeiTImageProcessorPil(size=dict(height=40, width=40), crop_size=dict(height=32, width=32))
    hf("vit", vit(t.ViTConfig(**odd)), image(1, 24, 40), t.ViTImageProcessorPil(size=dict(height=24, width=40)))
    hf("deit", deit(t.DeiTConfig(**dict(small, hidden_act="quick_gelu"))), image(3, 32, 32), crop, in_memory=True)
    hf("teacher", teacher(t.DeiTConfig(**small)), image(3, 43, 60), crop, interpolate_pos_encoding=True)
    hf("bare", t.ViTModel(t.ViTConfig(**small)), image(3, 32, 32),
       t.ViTImageProcessorPil(size=dict(height=32, width=32)))

    args = dict(img_size=32, patch_size=8, embed_dim=12, depth=2, num_heads=3, mlp_ratio=2)
    for name, arch, more in (("timm", "deit_tiny_distilled_patch16_224", {}),
                             ("timm_gap", "vit_tiny_patch16_224", dict(global_pool="avg", class_token=False))):
        path, model_args = folder(name), {**args, **more}
        model = randomise(timm.create_model(arch, num_classes=7, **model_args), seed)
        save_for_hf(model, path, model_config=dict(label_names=[f"class {i}" for i in range(7)]),
                    model_args=model_args, safe_serialization=name == "timm")
        model.set_input_size(img_size=(56, 24))  # the table is resized
        x = image(3, 56, 24)
        with torch.no_grad():
            finish(path, x, model.double()(x.double()))

    # timm's VisionTransformer under the names of other programs: what timm's own loading filter makes of them
    from functools import partial

    from timm.models.vision_transformer import checkpoint_filter_fn

    def spelled(name, arch, spell, form, adapt_layer_scale=False, classes=6, side=28, **more):
        path = folder(name)
        model_args = dict(img_size=side, embed_dim=12, depth=2, num_heads=3, mlp_ratio=2, **more)
        model = randomise(timm.create_model(arch, num_classes=classes, **model_args), seed)
        stored = spell({k: v.clone() for k, v in model.state_dict().items()})
        found = checkpoint_filter_fn(dict(stored), model, adapt_layer_scale=adapt_layer_scale)
        model.load_state_dict({k: v for k, v in found.items() if k in model.state_dict()})
        save_for_hf(model, path, model_args=model_args, safe_serialization=True)
        os.remove(os.path.join(path, "model.safetensors"))
        if form == "model":
            torch.save({"model": stored, "epoch": 3}, os.path.join(path, "checkpoint.pth"))
        elif form == "pth":
            torch.save(stored, os.path.join(path, "weights.pth"))
        else:
            from safetensors.torch import save_file
            save_file({k: v.contiguous() for k, v in stored.items()}, os.path.join(path, "open_clip_model.safetensors"))
        x = image(3, side, side)
        with torch.no_grad():
            finish(path, x, model.double()(x.double()))

    def renamed_by(swaps, sd):
        out = {}
        for k, v in sd.items():
            for a, b in swaps:
                k = k.replace(a, b)
            out[k] = v
        return out

    text = {"positional_embedding": torch.ones(7, 4), "transformer.resblocks.0.ln_1.weight": torch.ones(4),
            "token_embedding.weight": torch.ones(9, 4), "ln_final.bias": torch.ones(4),
            "text_projection": torch.ones(4, 6), "logit_scale": torch.ones(())}

    def openai(sd):
        del sd["head.bias"]
        sd["cls_token"], sd["pos_embed"] = sd["cls_token"][0, 0], sd["pos_embed"][0]
        sd["head.weight"] = sd["head.weight"].T
        names = [("patch_embed.proj", "conv1"), ("pos_embed", "positional_embedding"), ("cls_token", "class_embedding"),
                 ("norm_pre", "ln_pre"), ("blocks.", "transformer.resblocks."), ("norm1", "ln_1"), ("norm2", "ln_2"),
                 ("attn.qkv.", "attn.in_proj_"), ("attn.proj", "attn.out_proj"), ("mlp.fc1", "mlp.c_fc"),
                 ("mlp.fc2", "mlp.c_proj"), ("head.weight", "proj")]
        tower = renamed_by(names, sd)
        tower = {("ln_post" + k[4:] if k.startswith("norm.") else k): v for k, v in tower.items()}
        return {**{"visual." + k: v for k, v in tower.items()}, **text}

    def trunk(sd):
        head, _ = sd.pop("head.weight"), sd.pop("head.bias")
        return {**{"visual.trunk." + k: v for k, v in sd.items()}, "visual.head.proj.weight": head, **text}

    def registers(sd):
        sd["mask_token"], sd["register_tokens"] = torch.ones(1, 12), sd.pop("reg_token")
        sd["pos_embed"] = torch.cat([sd["cls_token"] * 0.25, sd["pos_embed"]], 1)
        return sd

    def giant(sd):
        return {"mask_token": torch.ones(1, 12), **renamed_by([("mlp.fc1", "mlp.w12"), ("mlp.fc2", "mlp.w3")], sd)}

    def flat(sd):
        sd["patch_embed.proj.weight"] = sd["patch_embed.proj.weight"].flatten(1)
        return {**sd, "pre_logits.fc.weight": torch.ones(3, 3)}

    gammas = partial(renamed_by, [(f"ls{i}.gamma", f"gamma_{i}") for i in (1, 2)])
    spelled("openai", "vit_base_patch32_clip_quickgelu_224", openai, "safetensors", patch_size=7)
    spelled("trunk", "vit_base_patch16_clip_224", trunk, "safetensors", patch_size=7)
    spelled("dinov2_registers", "vit_small_patch14_reg4_dinov2", registers, "pth", classes=0, patch_size=7)
    spelled("dinov2_giant", "vit_giant_patch14_dinov2", giant, "pth", classes=0, patch_size=7)
    spelled("deit3", "deit3_small_patch16_224", gammas, "model", True, patch_size=7)
    spelled("flat", "vit_tiny_patch16_224", flat, "model", patch_size=7)

    # as transformers' save_pretrained writes timm's models, and in bf16
    for name, arch, dtype, more in (("wrapper", "vit_base_patch16_siglip_224", torch.float32, {}),
                                    ("wrapper_bf16", "vit_little_patch16_reg4_gap_256", torch.bfloat16, {})):
        path = folder(name)
        args = dict(img_size=28, patch_size=7, embed_dim=12, depth=2, num_heads=3, mlp_ratio=2)
        config = t.TimmWrapperConfig.from_dict(dict(architecture=arch, num_classes=5, model_args=args,
                                                    label_names=[f"class {i}" for i in range(5)],
                                                    pretrained_cfg=dict(input_size=[3, 28, 28], crop_pct=0.9)))
        model = randomise(t.TimmWrapperForImageClassification(config), seed).to(dtype)
        model.save_pretrained(path, max_shard_size="6KB" if name == "wrapper" else "1GB")
        x = image(3, 28, 28)
        with torch.no_grad():
            finish(path, x, model.double()(x.double()).logits)
