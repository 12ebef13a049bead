"""What the oracle scripts of CvT share.

Every oracle writes into --out DIR:
  config.json           the model's sizes under the original's names
  weights.safetensors   weights under their upstream names, F32 (BatchNorm counters I64)
  input.npy             network input, F32 (NCHW; NHWC for the Flax system)
  expected.npy          output of the float32 run (logits, or the feature map of blocks_oracle.py)
  expected64.npy        output of the same network run in float64 (F64)
  inter/*.npy           intermediates, F32, in the shapes documented in meta.json
  meta.json             list of the intermediates with shapes, parameter count, versions
"""

import argparse
import copy
import json
import math
import os
import zlib

import numpy as np
import torch
from safetensors.torch import save_file

torch.set_num_threads(2)


def parser(doc, presets):
    p = argparse.ArgumentParser(description=doc)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", required=True)
    p.add_argument("--preset", choices=sorted(presets), default=list(presets)[0])
    return p


def gen_for(name, seed):
    g = torch.Generator()
    g.manual_seed((zlib.crc32(name.encode()) ^ (seed * 0x9E3779B1)) & 0x7FFFFFFF)
    return g


def randomise(model, seed):
    """Give every tensor of a torch module a non-trivial, name-seeded value."""
    mods = dict(model.named_modules())
    with torch.no_grad():
        for name, t in list(model.named_parameters()) + list(model.named_buffers()):
            g = gen_for(name, seed)
            owner, _, leaf = name.rpartition(".")
            m = mods.get(owner)
            is_norm = isinstance(m, (torch.nn.LayerNorm, torch.nn.BatchNorm2d)) or leaf in ("g", "b")
            if leaf == "num_batches_tracked":
                t.fill_(7)
            elif leaf == "running_mean":
                t.copy_(torch.randn(t.shape, generator=g) * 0.3)
            elif leaf == "running_var":
                t.copy_(torch.rand(t.shape, generator=g) * 1.2 + 0.3)
            elif is_norm and leaf in ("weight", "g"):
                t.copy_(1.0 + 0.25 * torch.randn(t.shape, generator=g))
            elif is_norm:
                t.copy_(0.2 * torch.randn(t.shape, generator=g))
            elif t.ndim >= 2 and leaf == "weight":
                fan = t[0].numel()
                t.copy_(torch.randn(t.shape, generator=g) * (1.3 / math.sqrt(fan)))
            elif "cls_token" in leaf:
                t.copy_(torch.randn(t.shape, generator=g) * 0.7)
            else:
                t.copy_(torch.randn(t.shape, generator=g) * 0.15)


def save_npy(path, t, dtype=np.float32):
    if isinstance(t, torch.Tensor):
        t = t.detach().cpu().numpy()
    np.save(path, np.ascontiguousarray(t, dtype=dtype))


class Capture:
    """Collect named intermediates from forward hooks (last call wins unless multi)."""

    def __init__(self):
        self.data = {}
        self._h = []

    def hook(self, module, name, fn=None, multi=False):
        cnt = [0]

        def h(_m, _i, o):
            o = o[0] if isinstance(o, tuple) else o
            key = f"{name}_{cnt[0]}" if multi else name
            cnt[0] += 1
            self.data[key] = (fn(o) if fn else o).detach().clone()

        self._h.append(module.register_forward_hook(h))

    def close(self):
        for h in self._h:
            h.remove()


def write_out(out, cfg, tensors, x, y32, y64, inter, extra=None, params=None, xs=None):
    os.makedirs(os.path.join(out, "inter"), exist_ok=True)
    with open(os.path.join(out, "config.json"), "w") as f:
        json.dump(cfg, f, indent=1)
        f.write("\n")
    save_file(
        {k: v.detach().contiguous().clone() for k, v in tensors.items()},
        os.path.join(out, "weights.safetensors"),
        metadata={"format": "pt"},
    )
    save_npy(os.path.join(out, "input.npy"), x)
    for k, v in (xs or {}).items():
        save_npy(os.path.join(out, k + ".npy"), v)
    save_npy(os.path.join(out, "expected.npy"), y32)
    save_npy(os.path.join(out, "expected64.npy"), y64, np.float64)
    meta = {
        "torch": torch.__version__,
        "params": params,
        "max_abs_f32_vs_f64": float((y32.double() - y64).abs().max()),
        "output_shape": list(y32.shape),
        "output_std": float(y32.std()),
        "intermediates": {},
    }
    for k, v in inter.items():
        save_npy(os.path.join(out, "inter", k + ".npy"), v)
        meta["intermediates"][k] = list(v.shape)
    meta.update(extra or {})
    with open(os.path.join(out, "meta.json"), "w") as f:
        json.dump(meta, f, indent=1)
        f.write("\n")
    print(
        f"{out}: params={params} out={tuple(y32.shape)} std={meta['output_std']:.4f} "
        f"f32-f64={meta['max_abs_f32_vs_f64']:.2e} inter={len(inter)}"
    )


def run_both(model, *xs):
    """float32 and float64 forward passes, eval mode."""
    model.eval()
    with torch.no_grad():
        m64 = copy.deepcopy(model).double()
        y64 = m64(*[x.double() for x in xs])
        y32 = model(*xs)
    return y32, y64


def count(model):
    return sum(p.numel() for p in model.parameters())
