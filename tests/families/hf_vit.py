"""CLIP, SigLIP, DINOv2, ViTMSN and BEiT of Hugging Face (modern/vit_hf.py). The config stays Hugging Face's."""
from .case import Refused, renamed

VISION = ("hidden_size", "intermediate_size", "projection_dim", "num_hidden_layers", "num_attention_heads",
          "num_channels", "image_size", "patch_size", "hidden_act", "layer_norm_eps", "vision_use_head")
OWN = ("arch", "dialect", "input_size", "num_parameters")  # of the oracle
START = {"clip": "norm_pre", "clip_vision_model": "norm_pre", "dinov2_with_registers": "registers"}


def hf_vit(case):
    config = {k: v for k, v in case.config.items() if k not in OWN}
    if "vision_config" in config:
        config["vision_config"] = {k: v for k, v in config["vision_config"].items() if k in VISION}
    if case.x.shape[1] != 3:
        raise Refused(f"{case.path}: the images have {case.x.shape[1]} channels")
    def norm(_, data, __):
        return "norm", data[:, None] if data.ndim == 2 else data  # of one token

    taps = renamed(case, {"embed": START.get(config["model_type"], "tokens"), r"tokens_0*(\d+)": r"block\1",
                          r"attn_0*(\d+)": r"block\1.attn.map", "norm": norm})
    if config["architectures"] == ["CLIPForImageClassification"]:
        del taps["norm"]  # which only the unused output of the class token has
    return config, taps


ARCHS = {name: hf_vit for name in ("clip", "clip_vision_model", "siglip", "siglip_vision_model", "dinov2",
                                    "dinov2_with_registers", "beit", "vit_msn")}
FIXTURES = {
    "clip_projection": "modern/vit_hf.py --seed 201 --model clip_projection --batch 3",
    "clip_classify": "modern/vit_hf.py --seed 202 --model clip_classify",
    "clip_48": "modern/vit_hf.py --seed 203 --model clip_projection --size 48x40",
    "clip_eps": "modern/vit_hf.py --seed 204 --model clip_projection --shrink 0.02",
    "siglip_classify": "modern/vit_hf.py --seed 205 --model siglip_classify",
    "siglip_vision": "modern/vit_hf.py --seed 206 --model siglip_vision --batch 3",
    "siglip_48": "modern/vit_hf.py --seed 207 --model siglip_vision --size 48",
    "dinov2_48x24": "modern/vit_hf.py --seed 208 --model dinov2 --size 48x24 --batch 3",
    "dinov2_37": "modern/vit_hf.py --seed 209 --model dinov2 --size 37",
    "dinov2_eps": "modern/vit_hf.py --seed 210 --model dinov2 --shrink 0.02",
    "dinov2_swiglu": "modern/vit_hf.py --seed 211 --model dinov2_swiglu",
    "dinov2_model": "modern/vit_hf.py --seed 212 --model dinov2_model",
    "dinov2_reg_24x40": "modern/vit_hf.py --seed 213 --model dinov2_reg --size 24x40",
    "beit": "modern/vit_hf.py --seed 214 --model beit --batch 3",
    "beit_cls": "modern/vit_hf.py --seed 215 --model beit_cls",
    "beit_48x40": "modern/vit_hf.py --seed 216 --model beit --size 48x40",
    "beit_shared_48x40": "modern/vit_hf.py --seed 217 --model beit_shared --size 48x40",
    "vit_msn": "modern/vit_hf.py --seed 218 --model vit_msn --shrink 0.02",
}


# ---- as the hub has them ---------------------------------------------------------------------------------------------

TEXT = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=16)
TOWER = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, image_size=32,
             patch_size=8)


def hub(out, seed):
    """Tiny models as save_pretrained and torch.save write them, in f32, bf16, shards, pickles; results in float64."""
    import os
    import shutil

    import numpy as np
    import timm
    import torch
    import transformers as t
    from timm.models import save_for_hf

    def randomised(model, generator, shrink=1):
        with torch.no_grad():
            for name, p in model.named_parameters():
                centre = 1 if p.ndim == 1 and p.mean() == 1 else 0
                spread = 1.2 / p[0].numel() ** 0.5 if p.ndim > 1 else 0.2
                p.copy_(centre + torch.randn(p.shape, generator=generator) * spread)
                if "patch_embed" in name or "cls_token" in name:
                    p.mul_(shrink)
        return model

    def folder(name):
        path = os.path.join(out, "hub_" + name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def finish(path, model, x, answer):
        with torch.no_grad():
            y = answer(model.double(), x.double())
        np.save(os.path.join(path, "x.npy"), x.numpy())
        np.save(os.path.join(path, "expected64.npy"), y.numpy())
        print(f"{path}: {', '.join(sorted(os.listdir(path)))}")

    def save(name, model, processor, answer, how="", size=(32, 32)):
        """how: "bf16", "shards", or "pickle", whose names are those in memory"""
        path, generator = folder(name), torch.Generator().manual_seed(seed)
        model = randomised(model, generator).to(torch.bfloat16 if how == "bf16" else torch.float32).eval()
        model.save_pretrained(path, max_shard_size="12KB" if how == "shards" else "1GB")
        if how == "pickle":
            os.remove(os.path.join(path, "model.safetensors"))
            torch.save(model.state_dict(), os.path.join(path, "pytorch_model.bin"))
        if processor:
            processor.save_pretrained(path)
        finish(path, model, torch.randn(1, 3, *size, generator=generator), answer)

    def save_timm(name, shrink=1, classes=5, **args):
        """shrink: of what the blocks read, so that their eps shows"""
        path, generator = folder(name), torch.Generator().manual_seed(seed)
        args = dict(img_size=32, patch_size=8, embed_dim=12, depth=2, num_heads=3, **args)
        model = timm.create_model("beit_base_patch16_224", num_classes=classes, **args).eval()
        save_for_hf(randomised(model, generator, shrink), path, model_args=args, safe_serialization=True)
        finish(path, model, torch.randn(1, 3, 32, 32, generator=generator) * shrink, lambda m, x: m(x))

    def logits(m, x):
        return m(x).logits

    def pooled(m, x):
        return m(x).pooler_output

    def features(m, x):
        y = m.get_image_features(x)
        return y if torch.is_tensor(y) else y.pooler_output

    for kind, model, processor in (
            ("clip", t.CLIPModel, t.CLIPImageProcessorPil(size=dict(shortest_edge=32), crop_size=32)),
            ("siglip", t.SiglipModel, t.SiglipImageProcessorPil(size=dict(height=32, width=32)))):
        name = model.__name__[:-len("Model")]
        tower, whole = getattr(t, name + "VisionConfig"), getattr(t, name + "Config")
        both = dict(text_config=TEXT, vision_config=TOWER)
        more = dict(projection_dim=10) if kind == "clip" else {}
        save(kind, model(whole(**both, **more)), processor, features, "shards")
        classify = getattr(t, name + "ForImageClassification")
        save(kind + "_classify", classify(whole(**both, num_labels=5)), processor, logits, "pickle")
        save(kind + "_tower", getattr(t, name + "VisionModel")(tower(**TOWER)), None, pooled, "bf16")

    plain = {k: v for k, v in TOWER.items() if k != "intermediate_size"}
    bit = t.BitImageProcessorPil(size=dict(shortest_edge=40), crop_size=dict(height=32, width=24))
    dinov2, registers = t.Dinov2Config, t.Dinov2WithRegistersConfig
    save("dinov2", t.Dinov2ForImageClassification(dinov2(**plain, num_labels=5)), bit, logits, "pickle", (32, 24))
    save("dinov2_swiglu", t.Dinov2Model(dinov2(**plain, use_swiglu_ffn=True)), bit, pooled, "pickle", (32, 24))
    save("dinov2_reg", t.Dinov2WithRegistersForImageClassification(registers(**plain, num_labels=5, qkv_bias=False)),
         bit, logits, "shards", (32, 24))
    save("dinov2_reg_bare", t.Dinov2WithRegistersModel(registers(**plain)), None, pooled, "bf16", (48, 32))

    beit = t.BeitImageProcessorPil(size=dict(height=40, width=48), do_center_crop=False)
    relative = dict(TOWER, use_relative_position_bias=True)
    classify = t.BeitForImageClassification
    save("beit", classify(t.BeitConfig(**relative, num_labels=5, use_mask_token=True)), beit, logits, "shards")
    save("beit_memory", classify(t.BeitConfig(**relative, num_labels=5, layer_scale_init_value=0.0)), beit, logits,
         "pickle", (40, 48))
    shared = dict(TOWER, use_shared_relative_position_bias=True, use_absolute_position_embeddings=True)
    save("beit_shared", t.BeitModel(t.BeitConfig(**shared, use_mean_pooling=False)), beit, pooled, "pickle", (48, 32))
    save("beit_bare", t.BeitModel(t.BeitConfig(**TOWER)), None, pooled, "bf16")
    wide = dict(relative, image_size=(32, 48))
    save("beit_wide", classify(t.BeitConfig(**wide, num_labels=5)), None, logits, size=(32, 48))
    save_timm("beit_timm", shrink=0.01, mlp_ratio=2)
    save_timm("beit_timm_shared", use_rel_pos_bias=False, use_shared_rel_pos_bias=True, use_abs_pos_emb=True,
              global_pool="token", init_values=0)
    save_timm("beit_timm_features", classes=0, qkv_bias=False, use_fc_norm=False)
