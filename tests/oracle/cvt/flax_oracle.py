"""The CvT of Flax (conceptofmind/CvT-flax), written anew in torch.

Weights are written twice: weights.safetensors carries the Flax tree ('/'-joined paths,
HWIO kernels, NHWC) and weights_oihw.safetensors the same values under the names and
layouts of the torch twin below (OIHW).  input.npy is NHWC.
--bn batch   (default) statistics of the batch, as upstream always does, also at inference
--bn running the stored running statistics
--gelu tanh  (default, flax) | erf
--check DIR  compare with the original, run in jax (DIR holds it as cvt_flax_mod.py)
"""

import os
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from safetensors.torch import save_file

from common import Capture, count, gen_for, parser, run_both, write_out


def same_pad(n, k, s):
    total = max((-(-n // s) - 1) * s + k - n, 0)
    return total // 2, total - total // 2


class ConvSame(nn.Conv2d):
    """Conv2d with the SAME padding of TensorFlow/JAX: the odd pixel goes below/right."""

    def __init__(self, cin, cout, k, s=1, groups=1, bias=True):
        super().__init__(cin, cout, k, s, 0, groups=groups, bias=bias)

    def forward(self, m):
        t, b = same_pad(m.shape[2], self.kernel_size[0], self.stride[0])
        l, r = same_pad(m.shape[3], self.kernel_size[1], self.stride[1])
        return super().forward(F.pad(m, (l, r, t, b)))


class ChanNorm(nn.Module):
    """LayerNorm over channels of an NCHW map; bias optional; eps 1e-5, biased variance."""

    def __init__(self, c, bias):
        super().__init__()
        self.g = nn.Parameter(torch.ones(c))
        self.b = nn.Parameter(torch.zeros(c)) if bias else None

    def forward(self, m):
        mu = m.mean(1, keepdim=True)
        var = m.var(1, unbiased=False, keepdim=True)
        y = (m - mu) / torch.sqrt(var + 1e-5) * self.g[:, None, None]
        return y if self.b is None else y + self.b[:, None, None]


class BatchNorm(nn.Module):
    def __init__(self, c, mode):
        super().__init__()
        self.mode = mode
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))
        self.register_buffer("running_mean", torch.zeros(c))
        self.register_buffer("running_var", torch.ones(c))

    def forward(self, m):
        if self.mode == "batch":
            mu, var = m.mean((0, 2, 3)), m.var((0, 2, 3), unbiased=False)
        else:
            mu, var = self.running_mean, self.running_var
        s = self.weight / torch.sqrt(var + 1e-5)
        return (m - mu[:, None, None]) * s[:, None, None] + self.bias[:, None, None]


class DsConv(nn.Module):
    def __init__(self, c, cout, k, s, bn):
        super().__init__()
        self.dw = ConvSame(c, c, k, s, groups=c, bias=False)
        self.bn = BatchNorm(c, bn)
        self.pw = nn.Conv2d(c, cout, 1, bias=False)

    def forward(self, m):
        return self.pw(self.bn(self.dw(m)))


class Attn(nn.Module):
    def __init__(self, c, k, skv, heads, dim_head, bn):
        super().__init__()
        self.h, self.scale = heads, dim_head**-0.5
        self.norm = ChanNorm(c, bias=False)
        self.to_q = DsConv(c, heads * dim_head, k, 1, bn)
        self.to_kv = DsConv(c, heads * dim_head * 2, k, skv, bn)
        self.to_out = nn.Conv2d(heads * dim_head, c, 1, bias=False)

    def forward(self, m):
        y = self.norm(m)
        split = lambda t: t.flatten(2).unflatten(1, (self.h, -1)).transpose(2, 3)  # (B,h,HW,d)
        k, v = self.to_kv(y).chunk(2, dim=1)
        q, k, v = split(self.to_q(y)), split(k), split(v)
        a = torch.softmax(q @ k.transpose(-1, -2) * self.scale, -1) @ v
        return self.to_out(a.transpose(2, 3).flatten(1, 2).unflatten(2, m.shape[2:]))


class Mlp(nn.Module):
    def __init__(self, c, mult, gelu):
        super().__init__()
        self.norm = ChanNorm(c, bias=False)
        self.fc1 = nn.Conv2d(c, c * mult, 1, bias=False)
        self.fc2 = nn.Conv2d(c * mult, c, 1, bias=False)
        self.gelu = "tanh" if gelu == "tanh" else "none"

    def forward(self, m):
        return self.fc2(F.gelu(self.fc1(self.norm(m)), approximate=self.gelu))


class Stage(nn.Module):
    def __init__(self, cin, s, bn, gelu):
        super().__init__()
        c = s["emb_dim"]
        self.embed = ConvSame(cin, c, s["emb_kernel"], s["emb_stride"])
        self.norm = ChanNorm(c, bias=True)
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                [
                    Attn(c, s["proj_kernel"], s["kv_proj_stride"], s["heads"], s["dim_head"], bn),
                    Mlp(c, s["mlp_mult"], gelu),
                ]
            )
            for _ in range(s["depth"])
        )

    def forward(self, m):
        m = self.norm(self.embed(m))
        for attn, mlp in self.blocks:
            m = m + attn(m)
            m = m + mlp(m)
        return m


class FlaxCvt(nn.Module):
    def __init__(self, cfg, channels=3, bn="batch", gelu="tanh"):
        super().__init__()
        self.stages, cin = nn.ModuleList(), channels
        for s in cfg["stages"]:
            self.stages.append(Stage(cin, s, bn, gelu))
            cin = s["emb_dim"]
        self.head = nn.Linear(cin, cfg["num_classes"])

    def forward(self, x):  # x: NHWC
        m = x.permute(0, 3, 1, 2)
        for s in self.stages:
            m = s(m)
        return self.head(m.mean((2, 3)))


def flax_tree(cfg):
    """[(flax path, torch name, transform)] in the order of creation in Flax."""
    hwio = lambda t: t.permute(2, 3, 1, 0)
    vec4 = lambda t: t.reshape(1, 1, 1, -1)
    same = lambda t: t
    out = []
    for i, s in enumerate(cfg["stages"]):
        p = f"stages.{i}."
        out += [
            (f"params/Conv_{i}/kernel", p + "embed.weight", hwio),
            (f"params/Conv_{i}/bias", p + "embed.bias", same),
            (f"params/LayerNorm_{i}/g", p + "norm.g", vec4),
            (f"params/LayerNorm_{i}/b", p + "norm.b", vec4),
        ]
        for j in range(s["depth"]):
            t, b = f"params/Transformer_{i}/", p + f"blocks.{j}."
            out.append((t + f"PreNorm_{2*j}/LayerNorm_0/scale", b + "0.norm.g", same))
            for n, tn in ((0, "to_q"), (1, "to_kv")):
                d = f"Attention_{j}/DepthWiseConv2d_{n}/"
                out += [
                    (t + d + "Conv_0/kernel", b + f"0.{tn}.dw.weight", hwio),
                    (t + d + "BatchNorm_0/scale", b + f"0.{tn}.bn.weight", same),
                    (t + d + "BatchNorm_0/bias", b + f"0.{tn}.bn.bias", same),
                    (t + d + "Conv_1/kernel", b + f"0.{tn}.pw.weight", hwio),
                    (
                        t.replace("params/", "batch_stats/") + d + "BatchNorm_0/mean",
                        b + f"0.{tn}.bn.running_mean",
                        same,
                    ),
                    (t.replace("params/", "batch_stats/") + d + "BatchNorm_0/var", b + f"0.{tn}.bn.running_var", same),
                ]
            out += [
                (t + f"Attention_{j}/Conv_0/kernel", b + "0.to_out.weight", hwio),
                (t + f"PreNorm_{2*j+1}/LayerNorm_0/scale", b + "1.norm.g", same),
                (t + f"FeedForward_{j}/Conv_0/kernel", b + "1.fc1.weight", hwio),
                (t + f"FeedForward_{j}/Conv_1/kernel", b + "1.fc2.weight", hwio),
            ]
    out += [("params/Dense_0/kernel", "head.weight", lambda t: t.t()), ("params/Dense_0/bias", "head.bias", same)]
    return out


def stages(**kw):
    d = dict(
        emb_dim=(64, 192, 384),
        emb_kernel=(7, 3, 3),
        emb_stride=(4, 2, 2),
        proj_kernel=(3, 3, 3),
        kv_proj_stride=(2, 2, 2),
        heads=(1, 3, 6),
        depth=(1, 2, 10),
        mlp_mult=(4, 4, 4),
        dim_head=(64, 64, 64),
    )
    d.update(kw)
    return [{k: v[i] for k, v in d.items()} for i in range(3)]


TINY = dict(emb_dim=(8, 12, 16), heads=(1, 2, 2), depth=(1, 2, 2), mlp_mult=(2, 4, 3))
# name -> (stages, classes, H, W, batch)
PRESETS = {
    "tiny": (stages(**TINY), 10, 32, 32, 1),
    "tiny_b3": (stages(**TINY), 10, 32, 32, 3),
    "tiny_rect": (stages(**TINY), 10, 46, 75, 2),  # odd sizes: SAME padding changes side
    "tiny_k": (
        stages(
            **dict(TINY, emb_kernel=(5, 2, 4), emb_stride=(3, 2, 1), proj_kernel=(5, 3, 1), kv_proj_stride=(3, 1, 2))
        ),
        7,
        37,
        41,
        2,
    ),
    "seed": (stages(heads=(1, 3, 4)), 1000, 256, 256, 1),  # the README's call: s3_heads = 4
    "default": (stages(), 1000, 256, 256, 1),  # the class defaults: s3_heads = 6
}


def randomise(m, seed):
    with torch.no_grad():
        for name, t in list(m.named_parameters()) + list(m.named_buffers()):
            g, leaf = gen_for(name, seed), name.rpartition(".")[2]
            if leaf == "running_mean":
                t.copy_(torch.randn(t.shape, generator=g) * 0.3)
            elif leaf == "running_var":
                t.copy_(torch.rand(t.shape, generator=g) * 1.2 + 0.3)
            elif leaf == "g" or ".bn.weight" in name:
                t.copy_(1 + 0.25 * torch.randn(t.shape, generator=g))
            elif t.ndim >= 2:
                t.copy_(torch.randn(t.shape, generator=g) * 1.3 / t[0].numel() ** 0.5)
            else:
                t.copy_(0.2 * torch.randn(t.shape, generator=g))


def run_upstream(path, cfg, tree, x):
    import subprocess
    import tempfile

    tmp = tempfile.mkdtemp()
    np.savez(tmp + "/w.npz", **{k.replace("/", "|"): v.numpy() for k, v in tree.items()})
    np.save(tmp + "/x.npy", x.numpy())
    kw = {f"s{i+1}_{k}": v for i, s in enumerate(cfg["stages"]) for k, v in s.items() if k != "dim_head"}
    code = f"""
import sys, numpy as np, jax
sys.path.insert(0, {path!r})
from cvt_flax_mod import CvT
from flax.traverse_util import unflatten_dict
w = np.load({tmp!r} + '/w.npz'); x = np.load({tmp!r} + '/x.npy')
p = unflatten_dict({{tuple(k.split('|')): w[k] for k in w.files}})
m = CvT(num_classes={cfg['num_classes']}, **{kw!r})
with jax.default_matmul_precision('highest'):
    y, st = m.apply(p, x, mutable=['batch_stats'], rngs={{'dropout': jax.random.PRNGKey(0)}})
np.save({tmp!r} + '/y.npy', np.asarray(y))
"""
    subprocess.run([os.environ.get("JAX_PYTHON", "python3"), "-c", code], check=True)
    return torch.from_numpy(np.load(tmp + "/y.npy"))


def main():
    ap = parser(__doc__, PRESETS)
    ap.add_argument("--bn", choices=["batch", "running"], default="batch")
    ap.add_argument("--gelu", choices=["tanh", "erf"], default="tanh")
    ap.add_argument("--check", help="directory with upstream's cvt_flax_mod.py")
    a = ap.parse_args()
    st, ncls, h, w, b = PRESETS[a.preset]
    cfg = {
        "format": "cvt-config-1",
        "arch": "cvt_flax",
        "num_classes": ncls,
        "num_channels": 3,
        "input_size": [h, w],
        "activation": "gelu_tanh" if a.gelu == "tanh" else "gelu_erf",
        "padding": "same",
        "layer_norm_eps": 1e-5,
        "batch_norm_eps": 1e-5,
        "batch_norm_mode": a.bn,
        "attention_scale": "head_dim",
        "pool": "mean",
        "input_layout": "NHWC",
        "stages": st,
        "weights": {"file": "weights.safetensors", "naming": "flax", "layout": "HWIO"},
    }
    m = FlaxCvt(cfg, bn=a.bn, gelu=a.gelu)
    randomise(m, a.seed)
    sd = m.state_dict()
    tree = {fp: f(sd[tn]).contiguous() for fp, tn, f in flax_tree(cfg)}
    assert sorted(tn for _, tn, _ in flax_tree(cfg)) == sorted(sd)
    x = torch.randn(b, h, w, 3, generator=torch.Generator().manual_seed(a.seed + 1))
    cap, big = Capture(), not a.preset.startswith("tiny")
    for i, s in enumerate(m.stages):
        cap.hook(s.norm, f"stage{i}_embed")  # NCHW
        cap.hook(s, f"stage{i}_out")  # NCHW
        if not big:
            for j, (at, ff) in enumerate(s.blocks):
                cap.hook(at.to_q, f"stage{i}_block{j}_q")
                cap.hook(at.to_kv, f"stage{i}_block{j}_kv")
                cap.hook(at, f"stage{i}_block{j}_attn")
                cap.hook(ff, f"stage{i}_block{j}_mlp")
    m.eval()
    with torch.no_grad():
        m(x)
    cap.close()
    y32, y64 = run_both(m, x)
    extra = {
        "params_only": sum(v.numel() for k, v in tree.items() if k.startswith("params/")),
        "params_plus_batch_stats": sum(v.numel() for v in tree.values()),
    }
    if a.check:
        yu = run_upstream(a.check, cfg, tree, x)
        extra["upstream_max_abs_diff"] = float((yu.double() - y64).abs().max())
        print("upstream jax vs own f64:", extra["upstream_max_abs_diff"])
    inter = {k: v for k, v in cap.data.items() if v.numel() * 4 < 290_000 or k.endswith("_out")}
    write_out(a.out, cfg, tree, x, y32, y64, inter, extra=extra, params=count(m))
    save_file({k: v.contiguous().clone() for k, v in sd.items()}, os.path.join(a.out, "weights_oihw.safetensors"))


if __name__ == "__main__":
    sys.exit(main())
