"""T2T-ViT as in the authors' repository, written anew in torch.  --model small | t2t_vit_7 ... t2t_vit_24 |
t2t_vit_t_14/19/24
--tokens-type performer | transformer (small only);  --qk-scale X overrides head_dim**-0.5 of the trunk (None = default)
--pos-from G: the stored position grid is GxG and is resized (bicubic, no antialias) to the input's grid."""

import math
import common
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def sinusoid(n, d):
    p = np.arange(n)[:, None] / np.power(10000.0, 2 * (np.arange(d) // 2) / d)[None]
    t = np.where(np.arange(d) % 2 == 0, np.sin(p), np.cos(p))
    return torch.tensor(t, dtype=torch.float32)[None]


class TokenPerformer(nn.Module):
    def __init__(s, dim, emb, ratio=0.5):
        super().__init__()
        s.kqv, s.proj = nn.Linear(dim, 3 * emb), nn.Linear(emb, emb)
        s.norm1, s.norm2 = nn.LayerNorm(dim), nn.LayerNorm(emb)
        s.mlp = nn.Sequential(nn.Linear(emb, emb), nn.GELU(), nn.Linear(emb, emb))
        s.m = int(emb * ratio)
        s.w = nn.Parameter(nn.init.orthogonal_(torch.empty(s.m, emb)) * math.sqrt(s.m), requires_grad=False)

    def phi(s, t):
        return torch.exp(t @ s.w.T - (t * t).sum(-1, keepdim=True) / 2) / math.sqrt(s.m)

    def forward(s, x):
        k, q, v = s.kqv(s.norm1(x)).chunk(3, -1)  # order k, q, v
        kp, qp = s.phi(k), s.phi(q)
        den = qp @ kp.sum(1)[:, :, None]  # (B,T,1)
        y = (qp @ (kp.transpose(1, 2) @ v)) / (den + 1e-8)
        y = v + s.proj(y)  # residual is v
        return y + s.mlp(s.norm2(y))


class Mlp(nn.Module):
    def __init__(s, d, hid):
        super().__init__()
        s.fc1, s.fc2 = nn.Linear(d, hid), nn.Linear(hid, d)

    def forward(s, x):
        return s.fc2(F.gelu(s.fc1(x)))


class TokenAtt(nn.Module):
    def __init__(s, dim, inner):
        super().__init__()
        s.qkv, s.proj, s.sc = (
            nn.Linear(dim, 3 * inner, bias=False),
            nn.Linear(inner, inner),
            dim**-0.5,
        )  # scale from INPUT dim

    def forward(s, x):
        q, k, v = s.qkv(x).chunk(3, -1)
        return v + s.proj((q * s.sc @ k.transpose(1, 2)).softmax(-1) @ v)


class TokenTransformer(nn.Module):
    def __init__(s, dim, inner):
        super().__init__()
        s.norm1, s.attn, s.norm2, s.mlp = (
            nn.LayerNorm(dim),
            TokenAtt(dim, inner),
            nn.LayerNorm(inner),
            Mlp(inner, inner),
        )

    def forward(s, x):
        x = s.attn(s.norm1(x))
        return x + s.mlp(s.norm2(x))


class T2T(nn.Module):
    def __init__(s, kind, dim, td, R):
        super().__init__()
        mod = TokenPerformer if kind == 'performer' else TokenTransformer
        s.attention1, s.attention2, s.project, s.R = mod(3 * 49, td), mod(td * 9, td), nn.Linear(td * 9, dim), R

    def forward(s, x):
        for i, (k, st, p) in enumerate(((7, 4, 2), (3, 2, 1), (3, 2, 1))):
            h, w = [(n + 2 * p - k) // st + 1 for n in x.shape[2:]]
            x = F.unfold(x, k, padding=p, stride=st).transpose(1, 2)  # column = c*k*k + ky*k + kx
            if i < 2:
                x = (s.attention1, s.attention2)[i](x)
                s.R[f't2t_{i}'] = x
                x = x.transpose(1, 2).reshape(x.shape[0], -1, h, w)
        return s.project(x)


class Att(nn.Module):
    def __init__(s, d, h, sc):
        super().__init__()
        s.h, s.sc, s.qkv, s.proj = h, sc or (d // h) ** -0.5, nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d)

    def forward(s, x):
        B, N, D = x.shape
        q, k, v = s.qkv(x).view(B, N, 3, s.h, D // s.h).permute(2, 0, 3, 1, 4)
        return s.proj(((q @ k.transpose(2, 3) * s.sc).softmax(-1) @ v).transpose(1, 2).reshape(B, N, D))


class Block(nn.Module):
    def __init__(s, d, h, r, sc):
        super().__init__()
        s.norm1, s.attn, s.norm2, s.mlp = nn.LayerNorm(d), Att(d, h, sc), nn.LayerNorm(d), Mlp(d, int(d * r))

    def forward(s, x):
        x = x + s.attn(s.norm1(x))
        return x + s.mlp(s.norm2(x))


class T2TViT(nn.Module):
    def __init__(
        s,
        img_size=224,
        tokens_type='performer',
        embed_dim=384,
        depth=14,
        num_heads=6,
        mlp_ratio=3.0,
        num_classes=1000,
        token_dim=64,
        qk_scale=None,
    ):
        super().__init__()
        s.R = {}
        s.tokens_to_token = T2T(tokens_type, embed_dim, token_dim, s.R)
        s.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        s.pos_embed = nn.Parameter(sinusoid((img_size // 16) ** 2 + 1, embed_dim), requires_grad=False)
        s.blocks = nn.ModuleList([Block(embed_dim, num_heads, mlp_ratio, qk_scale) for _ in range(depth)])
        s.norm, s.head = nn.LayerNorm(embed_dim), nn.Linear(embed_dim, num_classes)

    def forward(s, x):
        x = s.tokens_to_token(x)
        pos, n = s.pos_embed, x.shape[1]
        if pos.shape[1] != n + 1:
            g, g2 = math.isqrt(pos.shape[1] - 1), math.isqrt(n)
            t = pos[:, 1:].reshape(1, g, g, -1).permute(0, 3, 1, 2)
            t = F.interpolate(t, size=(g2, g2), mode='bicubic').permute(0, 2, 3, 1).reshape(1, n, -1)
            pos = torch.cat([pos[:, :1], t], 1)
        x = torch.cat([s.cls_token.expand(len(x), -1, -1), x], 1) + pos
        s.R['tokens_embed'] = x
        for i, b in enumerate(s.blocks):
            x = b(x)
            s.R[f'tokens_{i:02d}'] = x
        return s.head(s.norm(x)[:, 0])


def _c(d, n, h, r, t='performer'):
    return dict(embed_dim=d, depth=n, num_heads=h, mlp_ratio=r, tokens_type=t)


SIZES = dict(
    t2t_vit_7=_c(256, 7, 4, 2.0),
    t2t_vit_10=_c(256, 10, 4, 2.0),
    t2t_vit_12=_c(256, 12, 4, 2.0),
    t2t_vit_14=_c(384, 14, 6, 3.0),
    t2t_vit_19=_c(448, 19, 7, 3.0),
    t2t_vit_24=_c(512, 24, 8, 3.0),
    t2t_vit_t_14=_c(384, 14, 6, 3.0, 'transformer'),
    t2t_vit_t_19=_c(448, 19, 7, 3.0, 'transformer'),
    t2t_vit_t_24=_c(512, 24, 8, 3.0, 'transformer'),
)
DEF = dict(img_size=224, num_classes=1000, token_dim=64, qk_scale=None)

if __name__ == '__main__':
    a = common.args(
        __doc__,
        model=dict(default='small'),
        tokens_type=dict(default='performer'),
        qk_scale=dict(type=float, default=None),
        pos_from=dict(type=int, default=0),
    )
    kw = dict(DEF, qk_scale=a.qk_scale)
    if a.model == 'small':
        kw.update(
            img_size=48,
            embed_dim=24,
            depth=2,
            num_heads=3,
            mlp_ratio=2.0,
            num_classes=10,
            token_dim=8,
            tokens_type=a.tokens_type,
        )
    else:
        kw.update(SIZES[a.model])
    stored = dict(kw, img_size=16 * a.pos_from) if a.pos_from else kw
    torch.manual_seed(a.seed)
    m = common.randomise(T2TViT(**stored), a.seed)
    if not a.pos_from:  # published weights carry the sinusoid itself
        m.pos_embed.data = sinusoid(m.pos_embed.shape[1], kw['embed_dim'])
    x = common.image(a.seed, a.batch, kw['img_size'])
    with torch.no_grad():
        y = m(x)
    common.save(
        a.out,
        dict(
            arch='t2t_vit',
            dialect='yitu',
            **kw,
            layer_norm_eps=1e-5,
            qkv_bias=False,
            performer_epsilon=1e-8,
            kernel_ratio=0.5,
        ),
        m.state_dict(),
        x,
        y,
        m.R,
        a.model != 'small',
    )
