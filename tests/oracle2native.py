#!/usr/bin/env python3
"""oracle2native.py CASE OUT - turns a directory that an oracle wrote into a model directory of cvt.

CASE holds config.json, weights.safetensors, input.npy, expected.npy, perhaps expected64.npy, and intermediates (in
inter/ or beside the others), as the scripts of the oracle folder write them. OUT (created) gets

  config.json          the native dialect, see cvt-config(5)
  weights.safetensors  a copy: the tensors keep their upstream names
  x.npy                the input, NCHW, f32
  expected.npy         the logits; expected64.npy: of the float64 run, where the case has one
  taps/TAP.npy         every intermediate under cvt's name of it, in cvt's layout: maps [N,C,H,W], tokens [N,T,C]
  taps.json            {TAP: file it comes from}

so that `cvt run -m OUT -i OUT/x.npy -o RESULT --tap all` can be compared with it file by file. Needs numpy and nothing
else. A new family is one function and one row of FAMILIES.

  -q  print nothing      --check  convert nothing, say only whether the case is understood
"""
import argparse
import json
import os
import shutil
import struct
import sys

import numpy as np


class Refused(Exception):
    pass


class Case:
    """An oracle directory: its config, its arrays, the shapes of its tensors."""

    def __init__(self, path):
        self.path = path
        config = os.path.join(path, "config.json")
        if not os.path.isfile(config):
            raise Refused(f"{path}: no config.json")
        with open(config, encoding="utf-8") as f:
            self.config = json.load(f)
        weights = self.config.get("weights")
        self.weights = os.path.join(path, weights["file"] if isinstance(weights, dict) else "weights.safetensors")
        if not os.path.isfile(self.weights):
            raise Refused(f"{self.weights}: no such file")
        self.x = self.array("input.npy").astype(np.float32)
        if self.x.ndim != 4:
            raise Refused(f"{path}: input.npy has shape {self.x.shape}, not [N, C, H, W]")

    def array(self, name):
        path = os.path.join(self.path, name)
        if not os.path.isfile(path):
            raise Refused(f"{path}: no such file")
        return np.load(path, allow_pickle=False)

    def need(self, *keys):
        """The named facts of the config, all of which must be there."""
        missing = [k for k in keys if k not in self.config]
        if missing:
            raise Refused(f"{self.path}: config.json lacks {', '.join(missing)}")
        return {k: self.config[k] for k in keys}

    def expect(self, **facts):
        """Facts that the native family takes for granted."""
        for k, v in facts.items():
            if self.config.get(k, v) != v:
                raise Refused(f"{self.path}: {k} is {self.config[k]!r}; the native family has {v!r}")

    def intermediates(self):
        """{name: file relative to the case} of everything that is no input and no result."""
        inner = os.path.join(self.path, "inter")
        folder = "inter" if os.path.isdir(inner) else ""
        names = sorted(os.listdir(os.path.join(self.path, folder)))
        fixed = ("input.npy", "input2.npy", "expected.npy", "expected64.npy")
        return {n[:-4]: os.path.join(folder, n) for n in names if n.endswith(".npy") and n not in fixed}

    def shapes(self):
        """{tensor: shape}, from the header of the safetensors file."""
        with open(self.weights, "rb") as f:
            size, = struct.unpack("<Q", f.read(8))
            header = json.loads(f.read(size))
        return {k: v["shape"] for k, v in header.items() if k != "__metadata__"}


def as_map(tokens, grid, what):
    """[N,T,C] -> [N,C,h,w]; maps pass."""
    if tokens.ndim == 4:
        return tokens
    n, t, c = tokens.shape
    if t != grid[0] * grid[1]:
        raise Refused(f"{what}: {t} tokens are no map of {grid[0]} x {grid[1]}")
    return tokens.transpose(0, 2, 1).reshape(n, c, *grid)


# ---- one function a family: case -> (native config, {tap: (array, source)}) ------------------------------------------

CVT_LISTS = ("patch_sizes", "patch_stride", "patch_padding", "embed_dim", "num_heads", "depth", "mlp_ratio", "qkv_bias",
             "cls_token", "qkv_projection_method", "kernel_qkv", "padding_kv", "stride_kv", "padding_q", "stride_q")


def cvt(case):
    c = case.config
    case.expect(batch_norm_mode="running", attention_scale="embed_dim", padding="explicit", batch_norm_eps=1e-5)
    config = {"arch": "cvt", "input_size": list(case.x.shape[2:]), **case.need("num_channels", "num_labels")}
    if "activation" in c:
        config["activation"] = c["activation"]
    config.update(case.need(*CVT_LISTS))

    def grid_after(grid, kernel, stride, padding):
        return tuple((n + 2 * padding - kernel) // stride + 1 for n in grid)

    def pooled(grid, kernel, stride, padding):
        """AvgPool2d with ceil_mode: the last window begins inside the map or its leading padding."""
        out = [-(-(n + 2 * padding - kernel) // stride) + 1 for n in grid]
        return tuple(o - 1 if (o - 1) * stride >= n + padding else o for o, n in zip(out, grid))

    grids, grid = [], case.x.shape[2:]
    for k, s, p in zip(c["patch_sizes"], c["patch_stride"], c["patch_padding"]):
        grid = grid_after(grid, k, s, p)
        grids.append(grid)

    def place(name):
        """Name and layout: the map's grid, or None for tokens."""
        if name == "final_norm":
            return "norm", None
        stage, _, rest = name.partition("_")
        i = int(stage[len("stage"):])
        if rest == "out":
            return stage, grids[i]
        if rest == "embed":
            return f"{stage}.embed", grids[i]
        block, _, part = rest.partition("_")
        if part in ("conv_q", "conv_k", "conv_v"):
            s, p = ("stride_q", "padding_q") if part == "conv_q" else ("stride_kv", "padding_kv")
            after = pooled if c["qkv_projection_method"][i] == "avg" else grid_after
            return f"{stage}.{block}.attn.{part}", after(grids[i], c["kernel_qkv"][i], c[s][i], c[p][i])
        if part in ("", "attn", "map"):
            return ".".join([stage, block] + {"": [], "attn": ["attn"], "map": ["attn", "map"]}[part]), None
        raise Refused(f"{case.path}: no tap is known for the intermediate {name}")

    taps = {}
    for name, file in case.intermediates().items():
        tap, grid = place(name)
        data = case.array(file)
        taps[tap] = (as_map(data, grid, file) if grid else data, file)
    return config, taps


def divisible(v):
    """timm's make_divisible by 8."""
    n = max(8, int(v + 4) // 8 * 8)
    return n + 8 if n < 0.9 * v else n


EXPANSIONS = {"timm": "blocks.{s}.{j}.conv_pw.weight", "rangilyu": "blocks.{s}.{j}._expand_conv.weight",
              "lukemelas": "_blocks.{f}._expand_conv.weight"}


def efficientnet_lite(case):
    config = {"arch": "efficientnet_lite", "input_size": list(case.x.shape[2:]), "in_chans": case.x.shape[1],
              **case.need("num_classes", "stem_size", "num_features", "stage_repeats", "pad_type", "bn_eps")}
    if "act_layer" in case.config:
        config["act_layer"] = case.config["act_layer"]
    blocks, repeats = case.need("blocks")["blocks"], config["stage_repeats"]
    if sum(repeats) != len(blocks):
        raise Refused(f"{case.path}: stage_repeats sums to {sum(repeats)}, there are {len(blocks)} blocks")
    places = [(s, j) for s, n in enumerate(repeats) for j in range(n)]
    shapes, pattern, config["blocks"] = case.shapes(), EXPANSIONS.get(case.config.get("dialect")), []
    for f, (s, j) in enumerate(places):
        b = {k: blocks[f][k] for k in ("kernel_size", "stride", "expand_ratio", "out_chs")}
        shape = shapes.get(pattern.format(s=s, j=j, f=f)) if pattern and b["expand_ratio"] != 1 else None
        if shape and divisible(shape[1] * b["expand_ratio"]) != shape[0]:  # the oracle rounds the ratio
            b["expand_ratio"] = shape[0] / shape[1]
        config["blocks"].append(b)
    taps, files = {}, case.intermediates()
    for f, (s, j) in enumerate(places):
        file = files.pop(f"block_{f:02d}", None)
        if file:
            taps[f"stage{s}.block{j}"] = case.array(file), file
            if j == repeats[s] - 1:
                taps[f"stage{s}"] = taps[f"stage{s}.block{j}"]
    for name in ("stem", "head", "pool"):
        if name in files:
            taps[name] = case.array(files[name]), files.pop(name)
    if files:
        raise Refused(f"{case.path}: no tap is known for {', '.join(files)}")
    return config, taps


FAMILIES = {"cvt": cvt, "efficientnet_lite": efficientnet_lite}


# ---- the rest --------------------------------------------------------------------------------------------------------

def read(path):
    case = Case(path)
    arch = case.config.get("arch")
    if arch not in FAMILIES:
        raise Refused(f"{path}: arch is {arch!r}; known are {', '.join(FAMILIES)}")
    return (case, *FAMILIES[arch](case))


def save(path, array, dtype):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    np.save(path, np.ascontiguousarray(array, dtype=dtype))


def write(case, config, taps, out):
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "config.json"), "w", encoding="utf-8") as f:
        lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in config.items())
        f.write("{\n" + lines + "\n}\n")
    shutil.copyfile(case.weights, os.path.join(out, "weights.safetensors"))
    save(os.path.join(out, "x.npy"), case.x, np.float32)
    save(os.path.join(out, "expected.npy"), case.array("expected.npy"), np.float32)
    if os.path.isfile(os.path.join(case.path, "expected64.npy")):
        save(os.path.join(out, "expected64.npy"), case.array("expected64.npy"), np.float64)
    for tap, (data, _) in taps.items():
        save(os.path.join(out, "taps", tap + ".npy"), data, np.float32)
    with open(os.path.join(out, "taps.json"), "w", encoding="utf-8") as f:
        json.dump({tap: file for tap, (_, file) in taps.items()}, f, indent=1)
        f.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("out", metavar="OUT", nargs="?")
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("--check", action="store_true")
    a = parser.parse_args()
    if not a.check and not a.out:
        parser.error("OUT is missing")
    try:
        case, config, taps = read(a.case)
        if not a.check:
            write(case, config, taps, a.out)
    except (Refused, OSError, ValueError, KeyError, IndexError) as e:
        sys.exit(f"oracle2native.py: {a.case}: {e}" if not isinstance(e, Refused) else f"oracle2native.py: {e}")
    if not a.quiet:
        print(f"{a.out or a.case}: {config['arch']}, input {list(case.x.shape)}, {len(taps)} taps")


if __name__ == "__main__":
    main()
