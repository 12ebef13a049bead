"""CPVT: DeiT trunk without position embedding + PEG (written anew in torch; the authors published neither the trunk
of CPVT nor its weights).
--model small | cpvt_ti | cpvt_s | cpvt_b;  --gap: no class token, mean over tokens;  --peg N: PEG after blocks 0..N-1
--resize H,W: run a different (non-square) input than img_size."""

import common
import torch
from torch import nn


class Peg(nn.Module):
    """depth-wise 3x3 over the patch grid, zero padded, added to its input; a class token passes unchanged"""

    def __init__(s, dim, k):
        super().__init__()
        s.proj = nn.Sequential(nn.Conv2d(dim, dim, k, 1, k // 2, groups=dim))

    def forward(s, x, grid, ncls):
        c, t = x[:, :ncls], x[:, ncls:]
        m = t.transpose(1, 2).reshape(t.shape[0], t.shape[2], *grid)
        return torch.cat([c, (s.proj(m) + m).flatten(2).transpose(1, 2)], 1)


class Att(nn.Module):
    def __init__(s, d, h):
        super().__init__()
        s.h, s.qkv, s.proj = h, nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(s, x):
        B, N, D = x.shape
        q, k, v = s.qkv(x).view(B, N, 3, s.h, D // s.h).permute(2, 0, 3, 1, 4)
        a = (q @ k.transpose(2, 3) * (D // s.h) ** -0.5).softmax(-1)
        return s.proj((a @ v).transpose(1, 2).reshape(B, N, D))


class Mlp(nn.Module):
    def __init__(s, d, hid):
        super().__init__()
        s.fc1, s.fc2 = nn.Linear(d, hid), nn.Linear(hid, d)

    def forward(s, x):
        return s.fc2(nn.functional.gelu(s.fc1(x)))


class Block(nn.Module):
    def __init__(s, d, h, r):
        super().__init__()
        s.norm1, s.attn = nn.LayerNorm(d, 1e-6), Att(d, h)
        s.norm2, s.mlp = nn.LayerNorm(d, 1e-6), Mlp(d, int(d * r))

    def forward(s, x):
        x = x + s.attn(s.norm1(x))
        return x + s.mlp(s.norm2(x))


class Embed(nn.Module):
    def __init__(s, d, p):
        super().__init__()
        s.proj = nn.Conv2d(3, d, p, p)

    def forward(s, x):
        return s.proj(x)


class Cpvt(nn.Module):
    def __init__(
        s,
        img_size=224,
        patch_size=16,
        embed_dim=192,
        depth=12,
        num_heads=3,
        mlp_ratio=4.0,
        num_classes=1000,
        gap=False,
        num_pegs=1,
        peg_kernel=3,
    ):
        super().__init__()
        s.patch_embed = Embed(embed_dim, patch_size)
        if not gap:
            s.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        s.blocks = nn.ModuleList([Block(embed_dim, num_heads, mlp_ratio) for _ in range(depth)])
        s.pos_block = nn.ModuleList([Peg(embed_dim, peg_kernel) for _ in range(num_pegs)])
        s.norm, s.head, s.gap = nn.LayerNorm(embed_dim, 1e-6), nn.Linear(embed_dim, num_classes), gap

    def forward(s, img, R=None):
        R = {} if R is None else R
        x = s.patch_embed(img)
        grid = x.shape[2:]
        x = x.flatten(2).transpose(1, 2)
        if not s.gap:
            x = torch.cat([s.cls_token.expand(len(x), -1, -1), x], 1)
        R['tokens_embed'] = x
        for i, b in enumerate(s.blocks):
            x = b(x)
            if i < len(s.pos_block):
                x = s.pos_block[i](x, grid, 0 if s.gap else 1)
            R[f'tokens_{i:02d}'] = x
        x = s.norm(x)
        return s.head(x.mean(1) if s.gap else x[:, 0])


SIZES = dict(
    small=dict(img_size=32, patch_size=8, embed_dim=24, depth=3, num_heads=3, mlp_ratio=3.0, num_classes=10),
    cpvt_ti=dict(embed_dim=192, num_heads=3),
    cpvt_s=dict(embed_dim=384, num_heads=6),
    cpvt_b=dict(embed_dim=768, num_heads=12),
)
DEF = dict(img_size=224, patch_size=16, depth=12, mlp_ratio=4.0, num_classes=1000)

if __name__ == '__main__':
    a = common.args(
        __doc__,
        model=dict(default='small'),
        gap=dict(action='store_true'),
        peg=dict(type=int, default=1),
        resize=dict(default=''),
    )
    kw = {**DEF, **SIZES[a.model], 'gap': a.gap, 'num_pegs': a.peg, 'peg_kernel': 3}
    m = common.randomise(Cpvt(**kw), a.seed)
    hw = [int(v) for v in a.resize.split(',')] if a.resize else [kw['img_size']] * 2
    x, R = common.image(a.seed, a.batch, *hw), {}
    with torch.no_grad():
        y = m(x, R)
    common.save(
        a.out,
        dict(arch='cpvt', dialect='cpvt', **kw, qkv_bias=True, layer_norm_eps=1e-6),
        m.state_dict(),
        x,
        y,
        R,
        a.model != 'small',
    )
