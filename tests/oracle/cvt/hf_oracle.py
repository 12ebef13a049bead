"""CvT of Hugging Face (CvtForImageClassification), and under the original names of microsoft.

--naming hf   runs transformers' own model (activation: exact GELU).
--naming ms   runs ms_cvt.MsCvt: original names, --act quick_gelu by default.
"""

import sys

import torch

from common import Capture, count, parser, randomise, run_both, write_out
from ms_cvt import MsCvt, ms_to_hf


def spec(**kw):
    n = len(kw.get("depth", (1, 2, 10)))
    d = dict(
        num_channels=3,
        patch_sizes=[7, 3, 3][:n],
        patch_stride=[4, 2, 2][:n],
        patch_padding=[2, 1, 1][:n],
        embed_dim=[64, 192, 384][:n],
        num_heads=[1, 3, 6][:n],
        depth=[1, 2, 10][:n],
        mlp_ratio=[4.0] * n,
        attention_drop_rate=[0.0] * n,
        drop_rate=[0.0] * n,
        drop_path_rate=[0.0, 0.0, 0.1][:n],
        qkv_bias=[True] * n,
        cls_token=[False] * (n - 1) + [True],
        qkv_projection_method=["dw_bn"] * n,
        kernel_qkv=[3] * n,
        padding_kv=[1] * n,
        stride_kv=[2] * n,
        padding_q=[1] * n,
        stride_q=[1] * n,
    )
    d.update(kw)
    return d


T = dict(embed_dim=[8, 16, 24], num_heads=[1, 2, 3], depth=[1, 2, 3], mlp_ratio=[2.0, 2.0, 2.0])
# name -> (spec, labels, input H, W, batch, runs in HF)
PRESETS = {
    "tiny": (spec(**T), 10, 32, 32, 2, True),
    "tiny_rect": (spec(**T), 10, 45, 70, 1, True),  # odd grids: 11x17, 6x9, 3x5
    "tiny_nocls": (spec(**dict(T, cls_token=[False] * 3)), 10, 33, 47, 2, True),
    "tiny_nobias": (spec(**dict(T, qkv_bias=[False, True, False])), 7, 32, 40, 1, True),
    "tiny_k5": (
        spec(
            **dict(
                T,
                kernel_qkv=[5, 3, 1],
                padding_kv=[2, 1, 0],
                padding_q=[2, 1, 0],
                stride_kv=[3, 2, 1],
                patch_sizes=[5, 3, 2],
                patch_stride=[3, 2, 2],
                patch_padding=[1, 0, 0],
                mlp_ratio=[1.5, 3.0, 2.0],
                num_channels=1,
            )
        ),
        5,
        40,
        36,
        2,
        True,
    ),
    "tiny_2stage": (spec(embed_dim=[12, 20], num_heads=[2, 4], depth=[1, 2], mlp_ratio=[4.0, 4.0]), 4, 30, 30, 1, True),
    "tiny_clsall": (
        spec(embed_dim=[16, 16, 16], num_heads=[1, 2, 4], depth=[1, 2, 3], mlp_ratio=[2.0] * 3, cls_token=[True] * 3),
        6,
        32,
        32,
        2,
        True,
    ),
    "tiny_avg": (spec(**dict(T, qkv_projection_method=["avg"] * 3)), 10, 45, 70, 1, False),
    "tiny_mixed": (spec(**dict(T, qkv_projection_method=["avg", "linear", "dw_bn"])), 10, 32, 32, 2, False),
    "cvt-13": (spec(), 1000, 224, 224, 1, True),
    "cvt-21": (spec(depth=[1, 4, 16]), 1000, 224, 224, 1, True),
    "cvt-13-384": (spec(), 1000, 384, 384, 1, True),
}


def hf_model(s, labels):
    try:
        import tvfix  # noqa: F401  (stub torchvision ops where the installed wheel does not match torch)
    except ImportError:
        pass
    from transformers import CvtConfig, CvtForImageClassification

    cfg = CvtConfig(**s, num_labels=labels)
    return cfg, CvtForImageClassification(cfg)


def ms_model(s, labels, act):
    return MsCvt(s, act, labels)


class Logits(torch.nn.Module):
    def __init__(self, m):
        super().__init__()
        self.m = m

    def forward(self, x):
        # output_hidden_states=True: without a cls token HF raises IndexError otherwise
        return self.m(pixel_values=x, return_dict=True, output_hidden_states=True).logits


def main():
    ap = parser(__doc__, PRESETS)
    ap.add_argument("--naming", choices=["hf", "ms"], default="hf")
    ap.add_argument("--act", choices=["gelu_erf", "quick_gelu"], default=None)
    a = ap.parse_args()
    s, labels, h, w, b, in_hf = PRESETS[a.preset]
    act = a.act or ("gelu_erf" if a.naming == "hf" else "quick_gelu")
    torch.manual_seed(a.seed)
    cap, big = Capture(), a.preset.startswith("cvt")
    hf_json = None
    if a.naming == "hf":
        if not in_hf:
            sys.exit("Hugging Face cannot run the projection methods 'avg' and 'linear'; use --naming ms")
        cfg, m = hf_model(s, labels)
        if act == "quick_gelu":
            from ms_cvt import Act

            for lyr in m.modules():
                if type(lyr).__name__ == "CvtIntermediate":
                    lyr.activation = Act("quick_gelu")
        randomise(m, a.seed)
        net, tensors, hf_json = Logits(m), dict(m.state_dict()), cfg
        for i, st in enumerate(m.cvt.encoder.stages):
            cap.hook(st.embedding, f"stage{i}_embed")  # NCHW, after conv + LayerNorm
            cap.hook(st, f"stage{i}_out")  # NCHW
            for j, ly in enumerate(st.layers):
                if not big:
                    at = ly.attention.attention
                    for q in ("query", "key", "value"):
                        cap.hook(getattr(at, "convolution_projection_" + q), f"stage{i}_block{j}_conv_{q[0]}")
                    cap.hook(ly.attention, f"stage{i}_block{j}_attn")
                cap.hook(ly, f"stage{i}_block{j}")  # tokens, cls first
        cap.hook(m.layernorm, "final_norm")
    else:
        m = ms_model(s, labels, act)
        randomise(m, a.seed)
        net, tensors = m, dict(m.state_dict())
        for i in range(m.n):
            st = getattr(m, f"stage{i}")
            cap.hook(st.patch_embed, f"stage{i}_embed")  # tokens
            cap.hook(st, f"stage{i}_out")
            for j, blk in enumerate(st.blocks):
                cap.hook(blk, f"stage{i}_block{j}")
                if not big:
                    cap.hook(blk.attn, f"stage{i}_block{j}_attn")
        cap.hook(m.norm, "final_norm")
    g = torch.Generator().manual_seed(a.seed + 1)
    x = torch.randn(b, s["num_channels"], h, w, generator=g)
    net.eval()
    with torch.no_grad():
        net(x)
    cap.close()
    y32, y64 = run_both(net, x)
    cfg_out = {
        "format": "cvt-config-1",
        "arch": "cvt",
        "num_labels": labels,
        "activation": act,
        "layer_norm_eps_effective": 1e-5,
        "batch_norm_eps": 1e-5,
        "batch_norm_mode": "running",
        "attention_scale": "embed_dim",
        "padding": "explicit",
        "pool": "cls" if s["cls_token"][-1] else "mean",
        "input_size": [h, w],
        **s,
        "weights": {"file": "weights.safetensors", "naming": a.naming, "layout": "OIHW"},
        "preprocess": {
            "resize": "shortest_edge",
            "size": 224,
            "crop_pct": 0.875,
            "resample": "bicubic",
            "rescale": 1 / 255,
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
        },
    }
    inter = (
        {k: v for k, v in cap.data.items() if v.numel() * 4 < 290_000}
        if not big
        else {k: v for k, v in cap.data.items() if k.endswith("_out") or k == "final_norm"}
    )
    write_out(a.out, cfg_out, tensors, x, y32, y64, inter, params=count(m))
    if hf_json is not None:
        hf_json.to_json_file(a.out + "/hf_config.json", use_diff=False)


if __name__ == "__main__":
    main()
