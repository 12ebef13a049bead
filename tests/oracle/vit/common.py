"""Shared helpers of the oracle scripts: argument parsing, weight randomisation, file output.

Every script writes into --out DIR:
  config.json          the model's sizes under the original's names
  weights.safetensors  upstream parameter names, float32 (buffers that are derivable are left out)
  input.npy            (B,C,H,W) float32, already normalised
  expected.npy         (B,classes) logits
  <name>.npy           intermediates (attention maps, tokens, embeddings)
"""

import argparse, json, math, os, sys
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)


def args(desc, **extra):
    p = argparse.ArgumentParser(description=desc)
    p.add_argument('--seed', type=int, default=0)
    p.add_argument('--out', required=True)
    p.add_argument('--batch', type=int, default=1)
    for k, kw in extra.items():
        p.add_argument('--' + k.replace('_', '-'), **kw)
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    return a


def quiet_torchvision():
    import warnings

    warnings.simplefilter('ignore')
    try:
        import tvfix  # noqa: F401  (stub ops where torchvision does not match torch)
    except Exception:
        pass


def randomise(model, seed):
    """Give every parameter a non-trivial value; rules by shape and name."""
    import torch

    g = torch.Generator().manual_seed(seed)
    r = lambda t: torch.randn(t.shape, generator=g)
    norms = {}
    for mn, m in model.named_modules():
        cls = type(m).__name__.lower()
        if 'norm' in cls and not list(m.children()):
            for pn, _ in m.named_parameters(recurse=False):
                norms[(mn + '.' if mn else '') + pn] = pn
        if cls == 'layernorm':  # wrappers with an affine-less child (x-transformers)
            for pn, _ in m.named_parameters(recurse=False):
                norms[(mn + '.' if mn else '') + pn] = pn
    with torch.no_grad():
        for n, p in model.named_parameters():
            last = n.split('.')[-1]
            if n in norms:
                if last == 'gamma':  # may be used as gamma+1 (unit offset)
                    p.copy_(0.3 * r(p))
                elif last == 'weight':
                    p.copy_(1 + 0.3 * r(p))
                else:
                    p.copy_(0.2 * r(p))
            elif 'gat' in last:  # gates / gating_param
                p.copy_(1.5 * r(p))
            elif 'postion_proj' in n or 'pos_proj' in n:
                if last == 'weight':
                    t = 0.6 * r(p)
                    t[:, 2] = -0.25 - 0.1 * t[:, 2].abs()
                    p.copy_(t)
                else:
                    p.copy_(0.5 * r(p))
            elif last == 'bias':
                p.copy_(0.2 * r(p))
            elif p.ndim >= 2 and last == 'weight':
                fan = p[0].numel()
                p.copy_(r(p) * (1.2 / math.sqrt(fan)))
            else:  # cls tokens, positional embeddings
                p.copy_(0.7 * r(p))
    model.eval()
    return model


def save_npy(out, name, t):
    if hasattr(t, 'detach'):
        t = t.detach().cpu().numpy()
    np.save(os.path.join(out, name + '.npy'), np.ascontiguousarray(t.astype(np.float32)))


def save_all(out, cfg, sd, x, y, inter=None, drop=()):
    from safetensors.torch import save_file

    keep = {
        k: v.detach().contiguous().clone().float()
        for k, v in sd.items()
        if not any(d in k for d in drop) and v.numel() > 0
    }
    save_file(keep, os.path.join(out, 'weights.safetensors'), metadata={'format': 'pt'})
    cfg = dict(cfg)
    cfg['num_parameters'] = int(sum(v.numel() for v in keep.values()))
    with open(os.path.join(out, 'config.json'), 'w') as f:
        json.dump(cfg, f, indent=1)
        f.write('\n')
    save_npy(out, 'input', x)
    save_npy(out, 'expected', y)
    for k, v in (inter or {}).items():
        save_npy(out, k, v)
    tot = sum(os.path.getsize(os.path.join(out, f)) for f in os.listdir(out))
    print(
        f"{out}: {len(keep)} tensors, {cfg['num_parameters']} parameters, {tot/1024:.0f} kB, "
        f"logits {np.asarray(y.detach()).ravel()[:4]}"
    )


def rnd_image(seed, b, c, h, w):
    import torch

    g = torch.Generator().manual_seed(seed + 1000)
    return torch.randn(b, c, h, w, generator=g)
