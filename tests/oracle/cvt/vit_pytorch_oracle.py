"""vit-pytorch's CvT (the parent of the one of Flax), run from its Python package."""

import sys

import torch

from common import Capture, count, parser, randomise, run_both, write_out
from flax_oracle import TINY, stages

PRESETS = {
    "tiny": (stages(**TINY), 10, 32, 32, 2),
    "tiny_rect": (stages(**TINY), 10, 46, 75, 1),
    "tiny_k": (
        stages(
            **dict(TINY, emb_kernel=(5, 2, 4), emb_stride=(3, 2, 1), proj_kernel=(5, 3, 1), kv_proj_stride=(3, 1, 2))
        ),
        7,
        37,
        41,
        2,
    ),
    "default": (stages(), 1000, 224, 224, 1),
}


def main():
    a = parser(__doc__, PRESETS).parse_args()
    try:
        import tvfix  # noqa: F401
    except ImportError:
        pass
    from vit_pytorch.cvt import CvT

    st, ncls, h, w, b = PRESETS[a.preset]
    kw = {f"s{i+1}_{k}": v for i, s in enumerate(st) for k, v in s.items() if k != "dim_head"}
    m = CvT(num_classes=ncls, **kw)
    randomise(m, a.seed)
    cfg = {
        "format": "cvt-config-1",
        "arch": "cvt_vitpytorch",
        "num_classes": ncls,
        "num_channels": 3,
        "input_size": [h, w],
        "activation": "gelu_erf",
        "padding": "half",
        "layer_norm_eps": 1e-5,
        "batch_norm_eps": 1e-5,
        "batch_norm_mode": "running",
        "attention_scale": "head_dim",
        "pool": "mean",
        "input_layout": "NCHW",
        "stages": st,
        "weights": {"file": "weights.safetensors", "naming": "vit-pytorch", "layout": "OIHW"},
    }
    x = torch.randn(b, 3, h, w, generator=torch.Generator().manual_seed(a.seed + 1))
    cap = Capture()
    for i, s in enumerate(m.layers):
        cap.hook(s[1], f"stage{i}_embed")
        cap.hook(s, f"stage{i}_out")
        for j, (at, ff) in enumerate(s[2].layers):
            cap.hook(at.to_q, f"stage{i}_block{j}_q")
            cap.hook(at.to_kv, f"stage{i}_block{j}_kv")
            cap.hook(at, f"stage{i}_block{j}_attn")
            cap.hook(ff, f"stage{i}_block{j}_mlp")
    m.eval()
    with torch.no_grad():
        m(x)
    cap.close()
    y32, y64 = run_both(m, x)
    inter = {k: v for k, v in cap.data.items() if v.numel() * 4 < 290_000}
    write_out(a.out, cfg, dict(m.state_dict()), x, y32, y64, inter, params=count(m))


if __name__ == "__main__":
    sys.exit(main())
