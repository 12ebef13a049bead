"""The network: a CvT with the parameter names of transformers' CvtForImageClassification.

It is written anew here because training wants few copies between tokens and maps, and arithmetic that is fast on CPUs.
transformers reads what export.py writes of it. Input: [N, 1, 32, W] float, W a multiple of 16 of at least 32; output:
[N, classes] logits.
"""

import torch
import torch.nn.functional as F
from torch import nn


class ConvEmbeddings(nn.Module):
    """A strided convolution and a layer norm over channels: map [N, C, H, W] in, [N, H, W, C] out."""

    def __init__(self, patch, stride, padding, c_in, c_out):
        super().__init__()
        self.projection = nn.Conv2d(c_in, c_out, patch, stride, padding)
        self.normalization = nn.LayerNorm(c_out)

    def forward(self, x):
        x = self.projection(x)
        return self.normalization(x.permute(0, 2, 3, 1))


class ConvProjection(nn.Module):
    """Depthwise 3x3 convolution and batch norm over the map."""

    def __init__(self, dim, stride):
        super().__init__()
        self.convolution_projection = nn.ModuleDict(
            {
                "convolution": nn.Conv2d(dim, dim, 3, stride, 1, groups=dim, bias=False),
                "normalization": nn.BatchNorm2d(dim),
            }
        )

    def forward(self, x):
        m = self.convolution_projection
        return m["normalization"](m["convolution"](x))


class Attention(nn.Module):
    """Multi-head attention whose query, key and value come from depthwise convolutions of the map."""

    class Inner(nn.Module):
        def __init__(self, dim, heads, stride_kv, cls):
            super().__init__()
            self.heads, self.dim, self.cls = heads, dim, cls
            self.convolution_projection_query = ConvProjection(dim, 1)
            self.convolution_projection_key = ConvProjection(dim, stride_kv)
            self.convolution_projection_value = ConvProjection(dim, stride_kv)
            self.projection_query = nn.Linear(dim, dim)
            self.projection_key = nn.Linear(dim, dim)
            self.projection_value = nn.Linear(dim, dim)

        def forward(self, t, h, w):
            n, _, c = t.shape
            head, grid = (t[:, :1], t[:, 1:]) if self.cls else (None, t)
            # Channels stay last in memory: the depthwise convolutions of this library are fast so, in float32.
            grid = grid.float().reshape(n, h, w, c).permute(0, 3, 1, 2)

            def one(conv, lin):
                with torch.autocast("cpu", enabled=False):
                    u = conv(grid).permute(0, 2, 3, 1).reshape(n, -1, c)
                if self.cls:
                    u = torch.cat((head.to(u.dtype), u), 1)
                return lin(u).view(n, -1, self.heads, c // self.heads).transpose(1, 2)

            q = one(self.convolution_projection_query, self.projection_query)
            k = one(self.convolution_projection_key, self.projection_key)
            v = one(self.convolution_projection_value, self.projection_value)
            # The original divides by the square root of the whole width, not of one head's.
            a = torch.softmax(q @ k.transpose(2, 3) * self.dim**-0.5, -1)
            return (a @ v).transpose(1, 2).reshape(n, -1, c)

    def __init__(self, dim, heads, stride_kv, cls):
        super().__init__()
        self.attention = self.Inner(dim, heads, stride_kv, cls)
        self.output = nn.ModuleDict({"dense": nn.Linear(dim, dim)})

    def forward(self, t, h, w):
        return self.output["dense"](self.attention(t, h, w))


class Layer(nn.Module):
    def __init__(self, dim, heads, ratio, stride_kv, cls, drop_path):
        super().__init__()
        self.attention = Attention(dim, heads, stride_kv, cls)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(dim, int(dim * ratio))})
        self.output = nn.ModuleDict({"dense": nn.Linear(int(dim * ratio), dim)})
        self.layernorm_before = nn.LayerNorm(dim)
        self.layernorm_after = nn.LayerNorm(dim)
        self.drop_path = drop_path

    def drop(self, y):
        """Stochastic depth: a residual branch is left out for a random part of the batch."""
        if not self.training or self.drop_path == 0:
            return y
        keep = 1 - self.drop_path
        return y * (torch.rand(y.shape[0], 1, 1) < keep).to(y.dtype) / keep

    def forward(self, t, h, w):
        t = t + self.drop(self.attention(self.layernorm_before(t), h, w))
        y = F.gelu(self.intermediate["dense"](self.layernorm_after(t)))
        return t + self.drop(self.output["dense"](y))


class Stage(nn.Module):
    def __init__(self, cfg, i):
        super().__init__()
        dim = cfg["embed_dim"][i]
        c_in = cfg["num_channels"] if i == 0 else cfg["embed_dim"][i - 1]
        self.embedding = nn.ModuleDict(
            {
                "convolution_embeddings": ConvEmbeddings(
                    cfg["patch_sizes"][i], cfg["patch_stride"][i], cfg["patch_padding"][i], c_in, dim
                )
            }
        )
        self.cls = cfg["cls_token"][i]
        if self.cls:
            self.cls_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        n = cfg["depth"][i]
        self.layers = nn.ModuleList(
            Layer(
                dim,
                cfg["num_heads"][i],
                cfg["mlp_ratio"][i],
                cfg["stride_kv"][i],
                self.cls,
                cfg["drop_path_rate"][i] * (j + 1) / n,
            )
            for j in range(n)
        )

    def forward(self, x):
        x = self.embedding["convolution_embeddings"](x)
        n, h, w, c = x.shape
        t = x.reshape(n, h * w, c)
        if self.cls:
            t = torch.cat((self.cls_token.to(t.dtype).expand(n, -1, -1), t), 1)
        for layer in self.layers:
            t = layer(t, h, w)
        return t, h, w


class Cvt(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        stages = len(cfg["depth"])
        self.cvt = nn.ModuleDict(
            {"encoder": nn.ModuleDict({"stages": nn.ModuleList(Stage(cfg, i) for i in range(stages))})}
        )
        self.layernorm = nn.LayerNorm(cfg["embed_dim"][-1])
        self.classifier = nn.Linear(cfg["embed_dim"][-1], cfg["num_labels"])
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.trunc_normal_(m.weight, std=0.02)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        stages = self.cvt["encoder"]["stages"]
        for i, stage in enumerate(stages):
            t, h, w = stage(x)
            if i + 1 < len(stages):
                x = t.reshape(t.shape[0], h, w, -1).permute(0, 3, 1, 2)
        return self.classifier(self.layernorm(t[:, 0]))


def layout(dims=(32, 64, 128), depth=(1, 2, 4), heads=(1, 2, 4), ratio=3.0, labels=32, drop_path=0.0):
    """The config of transformers for a layout; every field is the original's."""
    return {
        "model_type": "cvt",
        "architectures": ["CvtForImageClassification"],
        "num_channels": 1,
        "patch_sizes": [7, 3, 3],
        "patch_stride": [4, 2, 2],
        "patch_padding": [3, 1, 1],
        "embed_dim": list(dims),
        "num_heads": list(heads),
        "depth": list(depth),
        "mlp_ratio": [ratio] * 3,
        "attention_drop_rate": [0.0] * 3,
        "drop_rate": [0.0] * 3,
        "drop_path_rate": [0.0, 0.0, drop_path],
        "qkv_bias": [True] * 3,
        "cls_token": [False, False, True],
        "qkv_projection_method": ["dw_bn"] * 3,
        "kernel_qkv": [3] * 3,
        "padding_kv": [1] * 3,
        "stride_kv": [2] * 3,
        "padding_q": [1] * 3,
        "stride_q": [1] * 3,
        "layer_norm_eps": 1e-12,
        "num_labels": labels,
    }
