"""The original classifier (microsoft/CvT), written anew in torch.

Used as the oracle for what Hugging Face cannot run (projection methods 'avg' and
'linear'), for the original weight names and for the QuickGELU activation.
All lists of the specification are called as in configs of Hugging Face.
"""

import torch
from torch import nn


class Act(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        if self.kind == "quick_gelu":
            return x * torch.sigmoid(1.702 * x)
        return nn.functional.gelu(x, approximate="tanh" if self.kind == "gelu_tanh" else "none")


class DwBn(nn.Module):
    def __init__(self, c, k, s, p):
        super().__init__()
        self.conv = nn.Conv2d(c, c, k, s, p, groups=c, bias=False)
        self.bn = nn.BatchNorm2d(c)

    def forward(self, m):
        return self.bn(self.conv(m))


def projection(method, c, k, s, p):
    if method == "dw_bn":
        return DwBn(c, k, s, p)
    if method == "avg":  # divisor counts zero padding, ceil_mode grows the grid
        return nn.AvgPool2d(k, s, p, ceil_mode=True)
    return None  # 'linear': tokens pass unchanged


class Attention(nn.Module):
    def __init__(self, c, heads, bias, method, k, sq, pq, skv, pkv, cls):
        super().__init__()
        self.h, self.scale, self.cls = heads, c**-0.5, cls
        self.conv_proj_q = projection("linear" if method == "avg" else method, c, k, sq, pq)
        self.conv_proj_k = projection(method, c, k, skv, pkv)
        self.conv_proj_v = projection(method, c, k, skv, pkv)
        self.proj_q, self.proj_k, self.proj_v = (nn.Linear(c, c, bias=bias) for _ in range(3))
        self.proj = nn.Linear(c, c)

    def forward(self, t, hw):
        lead = t[:, :1] if self.cls else None
        grid = (t[:, 1:] if self.cls else t).transpose(1, 2).unflatten(2, hw)

        def tokens(proj, lin):
            m = grid if proj is None else proj(grid)
            u = m.flatten(2).transpose(1, 2)
            u = torch.cat([lead, u], 1) if self.cls else u
            return lin(u).unflatten(2, (self.h, -1)).transpose(1, 2)

        q = tokens(self.conv_proj_q, self.proj_q)
        k = tokens(self.conv_proj_k, self.proj_k)
        v = tokens(self.conv_proj_v, self.proj_v)
        a = torch.softmax(q @ k.transpose(-1, -2) * self.scale, -1) @ v
        return self.proj(a.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, c, hidden, act):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(c, hidden), Act(act), nn.Linear(hidden, c)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, c, ratio, act, **kw):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(c), Attention(c, **kw)
        self.norm2, self.mlp = nn.LayerNorm(c), Mlp(c, int(c * ratio), act)

    def forward(self, t, hw):
        t = t + self.attn(self.norm1(t), hw)
        return t + self.mlp(self.norm2(t))


class PatchEmbed(nn.Module):
    def __init__(self, cin, c, k, s, p):
        super().__init__()
        self.proj, self.norm = nn.Conv2d(cin, c, k, s, p), nn.LayerNorm(c)

    def forward(self, m):
        m = self.proj(m)
        return self.norm(m.flatten(2).transpose(1, 2)), tuple(m.shape[2:])


class Stage(nn.Module):
    def __init__(self, s, i, cin, act):
        super().__init__()
        c = s["embed_dim"][i]
        self.patch_embed = PatchEmbed(cin, c, s["patch_sizes"][i], s["patch_stride"][i], s["patch_padding"][i])
        self.has_cls = s["cls_token"][i]
        if self.has_cls:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, c))
        self.blocks = nn.ModuleList(
            Block(
                c,
                s["mlp_ratio"][i],
                act,
                heads=s["num_heads"][i],
                bias=s["qkv_bias"][i],
                method=s["qkv_projection_method"][i],
                k=s["kernel_qkv"][i],
                sq=s["stride_q"][i],
                pq=s["padding_q"][i],
                skv=s["stride_kv"][i],
                pkv=s["padding_kv"][i],
                cls=self.has_cls,
            )
            for _ in range(s["depth"][i])
        )

    def forward(self, m):
        t, hw = self.patch_embed(m)
        if self.has_cls:
            t = torch.cat([self.cls_token.expand(len(t), -1, -1), t], 1)
        for b in self.blocks:
            t = b(t, hw)
        lead = t[:, :1] if self.has_cls else None
        t = t[:, 1:] if self.has_cls else t
        return t.transpose(1, 2).unflatten(2, hw), lead


class MsCvt(nn.Module):
    def __init__(self, spec, act="quick_gelu", num_labels=1000):
        super().__init__()
        self.n, cin = len(spec["depth"]), spec["num_channels"]
        for i in range(self.n):
            setattr(self, f"stage{i}", Stage(spec, i, cin, act))
            cin = spec["embed_dim"][i]
        self.norm, self.head = nn.LayerNorm(cin), nn.Linear(cin, num_labels)
        self.last_cls = spec["cls_token"][-1]

    def forward(self, m):
        lead = None
        for i in range(self.n):
            m, lead = getattr(self, f"stage{i}")(m)
        t = lead if self.last_cls else m.flatten(2).transpose(1, 2)
        return self.head(self.norm(t).mean(1))


# ---- names: original <-> Hugging Face -------------------------------------------------
_RULES = [
    ("patch_embed.proj.", "embedding.convolution_embeddings.projection."),
    ("patch_embed.norm.", "embedding.convolution_embeddings.normalization."),
    ("attn.conv_proj_q.conv.", "attention.attention.convolution_projection_query.convolution_projection.convolution."),
    ("attn.conv_proj_k.conv.", "attention.attention.convolution_projection_key.convolution_projection.convolution."),
    ("attn.conv_proj_v.conv.", "attention.attention.convolution_projection_value.convolution_projection.convolution."),
    ("attn.conv_proj_q.bn.", "attention.attention.convolution_projection_query.convolution_projection.normalization."),
    ("attn.conv_proj_k.bn.", "attention.attention.convolution_projection_key.convolution_projection.normalization."),
    ("attn.conv_proj_v.bn.", "attention.attention.convolution_projection_value.convolution_projection.normalization."),
    ("attn.proj_q.", "attention.attention.projection_query."),
    ("attn.proj_k.", "attention.attention.projection_key."),
    ("attn.proj_v.", "attention.attention.projection_value."),
    ("attn.proj.", "attention.output.dense."),
    ("mlp.fc1.", "intermediate.dense."),
    ("mlp.fc2.", "output.dense."),
    ("norm1.", "layernorm_before."),
    ("norm2.", "layernorm_after."),
]


def ms_to_hf(name):
    if name.startswith("norm."):
        return "layernorm." + name[5:]
    if name.startswith("head."):
        return "classifier." + name[5:]
    stage, rest = name.split(".", 1)
    pre = f"cvt.encoder.stages.{int(stage[5:])}."
    if rest == "cls_token":
        return pre + rest
    if rest.startswith("blocks."):
        _, j, rest = rest.split(".", 2)
        pre += f"layers.{j}."
    for a, b in _RULES:
        if rest.startswith(a):
            return pre + b + rest[len(a) :]
    raise KeyError(name)
