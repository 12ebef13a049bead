"""The conv-transformer blocks of russellgeum: SelfAttention_ConvolutionTransfomer,
CrossAttention_ConvolutionTransformer.

The program is written anew in torch; classes and attributes are called as in the original, so that the
names of the weights and the torchsummary listing match.  --listing prints torchsummary.
"""

import sys

import torch
from torch import nn
from torch.nn import functional as F
from einops.layers.torch import Rearrange

from common import Capture, count, parser, randomise, run_both, write_out


def to_map(t, hw):
    return t.transpose(1, 2).reshape(t.shape[0], t.shape[2], *hw)


def heads_split(m, h):  # (B, h*d, H, W) -> (B, h, HW, d)
    b, c, hh, ww = m.shape
    return m.reshape(b, h, c // h, hh * ww).transpose(2, 3)


class SepConv2D(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.depth_wise = nn.Conv2d(cin, cin, 3, padding=1, groups=cin)
        self.batchnorm = nn.BatchNorm2d(cin)
        self.pointwise = nn.Conv2d(cin, cout, 1)

    def forward(self, x):
        return self.pointwise(self.batchnorm(self.depth_wise(x)))


class _Attn(nn.Module):
    def __init__(self, c, heads, dim_head):
        super().__init__()
        self.h, self.scale = heads, dim_head**-0.5
        self.Q = SepConv2D(c, heads * dim_head)
        self.K = SepConv2D(c, heads * dim_head)
        self.V = SepConv2D(c, heads * dim_head)
        no_proj = heads == 1 and dim_head == c
        self.FFN = nn.Identity() if no_proj else nn.Sequential(nn.Linear(heads * dim_head, c))

    def attend(self, mq, mkv):
        q, k, v = heads_split(self.Q(mq), self.h), heads_split(self.K(mkv), self.h), heads_split(self.V(mkv), self.h)
        a = torch.softmax(q @ k.transpose(-1, -2) * self.scale, -1) @ v
        return self.FFN(a.transpose(1, 2).flatten(2))


class ConvSelfAttention(_Attn):
    def __init__(self, hw, c, heads, dim_head):
        super().__init__(c, heads, dim_head)
        self.hw = hw

    def forward(self, t):
        m = to_map(t, self.hw)
        return self.attend(m, m)


class ConvCrossAttention(_Attn):
    def __init__(self, hw1, hw2, c, heads, dim_head):
        super().__init__(c, heads, dim_head)
        self.hw1, self.hw2 = hw1, hw2

    def forward(self, t_self, t_cross):
        m1 = F.interpolate(to_map(t_self, self.hw1), size=self.hw2, mode="bilinear", align_corners=True)
        return self.attend(m1, to_map(t_cross, self.hw2))


class FeedFoward(nn.Module):
    def __init__(self, c, dim_mlp):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(c, dim_mlp), nn.GELU(), nn.Linear(dim_mlp, c))

    def forward(self, x):
        return self.net(x)


class SelfPreNorm(nn.Module):
    def __init__(self, c, function):
        super().__init__()
        self.norm, self.function = nn.LayerNorm(c), function

    def forward(self, x):
        return self.function(self.norm(x))


class CrossPreNorm(SelfPreNorm):
    def forward(self, x1, x2):
        return self.function(self.norm(x1), self.norm(x2))


class SelfAttention_ConvolutionTransfomer(nn.Module):
    def __init__(self, self_feature_size, depth, heads, dim_head, in_channels, dim_mlp):
        super().__init__()
        h, w = self_feature_size
        self.forward_shape = Rearrange("b c h w -> b (h w) c", h=h, w=w)
        self.LayerNorm = nn.LayerNorm(in_channels)
        self.module = nn.ModuleList(
            nn.ModuleList(
                [
                    SelfPreNorm(in_channels, ConvSelfAttention((h, w), in_channels, heads, dim_head)),
                    SelfPreNorm(in_channels, FeedFoward(in_channels, dim_mlp)),
                ]
            )
            for _ in range(depth)
        )
        self.inverse_shape = Rearrange("b (h w) c -> b c h w", h=h, w=w)

    def forward(self, x):
        t = self.LayerNorm(self.forward_shape(x))
        for attn, mlp in self.module:
            t = t + attn(t)
            t = t + mlp(t)
        return self.inverse_shape(t)


class CrossAttention_ConvolutionTransformer(nn.Module):
    def __init__(self, self_feature_size, cross_faetures_size, heads, dim_head, in_channels, dim_mlp):
        super().__init__()
        (h1, w1), (h2, w2) = self_feature_size, cross_faetures_size
        self.self_forward_shape = Rearrange("b c h w -> b (h w) c", h=h1, w=w1)
        self.cross_forward_shape = Rearrange("b c h w -> b (h w) c", h=h2, w=w2)
        self.LayerNorm = nn.LayerNorm(in_channels)  # one norm, used for both maps
        self.Layer1 = CrossPreNorm(in_channels, ConvCrossAttention((h1, w1), (h2, w2), in_channels, heads, dim_head))
        self.Layer2 = SelfPreNorm(in_channels, FeedFoward(in_channels, dim_mlp))
        self.inverse_shape = Rearrange("b (h w) c -> b c h w", h=h2, w=w2)

    def forward(self, x1, x2):
        t1 = self.LayerNorm(self.self_forward_shape(x1))
        t2 = self.LayerNorm(self.cross_forward_shape(x2))
        t = t2 + self.Layer1(t1, t2)
        return self.inverse_shape(self.Layer2(t))  # no residual around the MLP


PRESETS = {
    "self_tiny": dict(kind="self", size=(6, 10), depth=1, heads=4, dim_head=8, c=8, mlp=32),
    "self_deep": dict(kind="self", size=(5, 7), depth=3, heads=3, dim_head=5, c=12, mlp=20),
    "self_noproj": dict(kind="self", size=(4, 4), depth=2, heads=1, dim_head=8, c=8, mlp=16),
    "cross_tiny": dict(kind="cross", size=(8, 12), size2=(4, 6), heads=4, dim_head=8, c=8, mlp=32),
    "cross_same": dict(kind="cross", size=(6, 6), size2=(6, 6), heads=4, dim_head=8, c=8, mlp=32),
    "cross_up": dict(kind="cross", size=(3, 5), size2=(7, 6), heads=2, dim_head=8, c=8, mlp=24),
    "cross_one": dict(kind="cross", size=(4, 5), size2=(1, 1), heads=2, dim_head=8, c=8, mlp=24),
    "hetero": dict(kind="hetero", size=(8, 8), size2=(8, 8), depth=1, heads=4, dim_head=8, c=8, mlp=64, mlp2=32),
    "seed_self": dict(kind="self", size=(32, 80), depth=1, heads=4, dim_head=8, c=8, mlp=32),
    "seed_cross": dict(kind="cross", size=(32, 80), size2=(16, 40), heads=4, dim_head=8, c=8, mlp=32),
    "seed_hetero": dict(
        kind="hetero", size=(32, 32), size2=(32, 32), depth=1, heads=4, dim_head=8, c=8, mlp=64, mlp2=32
    ),
}


class Hetero(nn.Module):
    """Example 2 of the seed: the cross block fed with the self block's output."""

    def __init__(self, s, c):
        super().__init__()
        self.self_block, self.cross_block = s, c

    def forward(self, x1, x2):
        return self.cross_block(self.self_block(x1), x2)


def build(p):
    mk_self = lambda: SelfAttention_ConvolutionTransfomer(
        p["size"], p["depth"], p["heads"], p["dim_head"], p["c"], p["mlp"]
    )
    mk_cross = lambda mlp: CrossAttention_ConvolutionTransformer(
        p["size"], p["size2"], p["heads"], p["dim_head"], p["c"], mlp
    )
    if p["kind"] == "self":
        return mk_self()
    if p["kind"] == "cross":
        return mk_cross(p["mlp"])
    return Hetero(mk_self(), mk_cross(p["mlp2"]))


def config(p):
    def blk(kind, mlp, prefix):
        d = {
            "type": kind + "_block",
            "in_channels": p["c"],
            "heads": p["heads"],
            "dim_head": p["dim_head"],
            "dim_mlp": mlp,
            "self_feature_size": list(p["size"]),
            "weights_prefix": prefix,
        }
        if kind == "self":
            d["depth"] = p["depth"]
        else:
            d["cross_features_size"] = list(p["size2"])
        return d

    if p["kind"] == "hetero":
        blocks = [
            dict(blk("self", p["mlp"], "self_block."), inputs=["input"], output="hidden"),
            dict(blk("cross", p["mlp2"], "cross_block."), inputs=["hidden", "input2"], output="out"),
        ]
    else:
        ins = ["input"] if p["kind"] == "self" else ["input", "input2"]
        blocks = [dict(blk(p["kind"], p["mlp"], ""), inputs=ins, output="out")]
    return {
        "format": "cvt-config-1",
        "arch": "cvt_blocks",
        "activation": "gelu_erf",
        "layer_norm_eps": 1e-5,
        "batch_norm_eps": 1e-5,
        "batch_norm_mode": "running",
        "attention_scale": "head_dim",
        "cross_interpolation": "bilinear_align_corners",
        "graph": blocks,
        "weights": {"file": "weights.safetensors", "naming": "russellgeum", "layout": "OIHW"},
    }


def main():
    ap = parser(__doc__, PRESETS)
    ap.add_argument("--listing", action="store_true", help="print the torchsummary listing as well")
    a = ap.parse_args()
    p = PRESETS[a.preset]
    torch.manual_seed(a.seed)
    model = build(p)
    randomise(model, a.seed)
    g = torch.Generator().manual_seed(a.seed + 1)
    xs = [torch.randn(2, p["c"], *p["size"], generator=g)]
    if p["kind"] != "self":
        xs.append(torch.randn(2, p["c"], *p["size2"], generator=g))
    cap = Capture()
    for n, m in model.named_modules():
        leaf = n.rpartition(".")[2]
        if isinstance(m, (SepConv2D, _Attn, FeedFoward)) or leaf == "LayerNorm" or (leaf == "norm"):
            multi = leaf == "LayerNorm" and p["kind"] == "cross" or leaf == "norm" and n.endswith("Layer1.norm")
            cap.hook(m, n.replace(".", "_") or "root", multi=multi)
    model.eval()
    with torch.no_grad():
        y = model(*xs)
    cap.close()
    y32, y64 = run_both(model, *xs)
    assert torch.equal(y, y32)
    inter = cap.data
    if a.preset.startswith("seed_"):
        inter = {}
    write_out(
        a.out,
        config(p),
        dict(model.state_dict()),
        xs[0],
        y32,
        y64,
        inter,
        params=count(model),
        xs={"input2": xs[1]} if len(xs) > 1 else None,
    )
    if a.listing:
        from torchsummary import summary

        summary(build(p), [tuple(x.shape[1:]) for x in xs] if len(xs) > 1 else tuple(xs[0].shape[1:]), device="cpu")


if __name__ == "__main__":
    sys.exit(main())
