"""case.py - an oracle's directory as the families read it. numpy and the standard library only.

Every other module here is a family: how its oracle's hints become a native config, and its intermediates taps.

  ARCHS     {"arch" of the oracle's config.json: function(case) -> (native config, {tap: (array, file it comes from)})}
  FIXTURES  {name: oracle command line}, kept under tests/data/FAMILY/NAME
  PRESETS   {name: oracle command line}, further small cases of `make oracle`
  FULL      {name: oracle command line}, full-size models
  TIMM_HUBS names of timm's registry: full-size models as its push_to_hf_hub writes them
  hub(out, seed)  makes directories as hubs have them under `out`
  BARE      {file: config} for cases without a config.json: what stands for it where there is such a file

All but ARCHS may be absent. A command line is "FOLDER/SCRIPT.py --option ..." without --out.
"""
import json
import os
import re
import struct

import numpy as np


class Refused(Exception):
    pass


class Case:
    """An oracle directory: its config, its arrays, the shapes of its tensors."""

    def __init__(self, path, bare=None):
        self.path = path
        self.given = {}      # arrays of a family's own making, by the file they stand for
        self.tensors = None  # the same for weights that have no names of a dialect: {name: array}
        config = os.path.join(path, "config.json")
        if os.path.isfile(config):
            with open(config, encoding="utf-8") as f:
                self.config = json.load(f)
        else:
            self.config = next((c for name, c in (bare or {}).items() if os.path.isfile(os.path.join(path, name))), None)
            if self.config is None:
                raise Refused(f"{path}: no config.json")
        weights = self.config.get("weights")
        self.weights = os.path.join(path, weights["file"] if isinstance(weights, dict) else "weights.safetensors")
        if not os.path.isfile(self.weights):
            raise Refused(f"{self.weights}: no such file")
        self.x = self.array(self.config.get("input_file", "input.npy")).astype(np.float32)
        self.more = []  # further inputs
        while os.path.isfile(os.path.join(path, f"input{len(self.more) + 2}.npy")):
            self.more.append(self.array(f"input{len(self.more) + 2}.npy").astype(np.float32))

    def array(self, name):
        if name in self.given:
            return self.given[name]
        path = os.path.join(self.path, name)
        if not os.path.isfile(path):
            raise Refused(f"{path}: no such file")
        return np.load(path, allow_pickle=False)

    def need(self, *keys):
        """The named hints of the config, all of which must be there."""
        missing = [k for k in keys if k not in self.config]
        if missing:
            raise Refused(f"{self.path}: config.json lacks {', '.join(missing)}")
        return {k: self.config[k] for k in keys}

    def expect(self, **hints):
        """Facts that the native family takes for granted."""
        for k, v in hints.items():
            if self.config.get(k, v) != v:
                raise Refused(f"{self.path}: {k} is {self.config[k]!r}; the native family has {v!r}")

    def intermediates(self):
        """{name: file relative to the case} of everything that is no input and no result."""
        inner = os.path.join(self.path, "inter")
        folder = "inter" if os.path.isdir(inner) else ""
        names = sorted(os.listdir(os.path.join(self.path, folder)))
        fixed = re.compile(r"(input\d*|expected|expected64)\.npy")
        return {n[:-4]: os.path.join(folder, n) for n in names if n.endswith(".npy") and not fixed.fullmatch(n)}

    def header(self):
        """The header of the safetensors file, without metadata, and where its data begin."""
        with open(self.weights, "rb") as f:
            size, = struct.unpack("<Q", f.read(8))
            header = json.loads(f.read(size))
        return {k: v for k, v in header.items() if k != "__metadata__"}, 8 + size

    def shapes(self):
        """{tensor: shape}, from the header of the safetensors file."""
        return {k: v["shape"] for k, v in self.header()[0].items()}

    def read_tensors(self):
        """{tensor: array} of a file of float32."""
        header, start = self.header()
        with open(self.weights, "rb") as f:
            data = f.read()[start:]
        return {k: np.frombuffer(data[v["data_offsets"][0]:v["data_offsets"][1]], "<f4").reshape(v["shape"])
                for k, v in header.items()}


def write_tensors(path, tensors):
    """A safetensors file of float32."""
    header, start = {}, 0
    for name, value in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [start, start + 4 * value.size]}
        start += 4 * value.size
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for value in tensors.values():
            f.write(np.ascontiguousarray(value, "<f4").tobytes())


def as_map(tokens, grid, what):
    """[N,T,C] -> [N,C,h,w]; maps pass."""
    if tokens.ndim == 4:
        return tokens
    n, t, c = tokens.shape
    if t != grid[0] * grid[1]:
        raise Refused(f"{what}: {t} tokens are no map of {grid[0]} x {grid[1]}")
    return tokens.transpose(0, 2, 1).reshape(n, c, *grid)


def renamed(case, names):
    """{tap: (array, file)} of every intermediate, by {pattern of its name: tap, or function(match, array, file) -> (tap,
    array)}; the first pattern that fits counts."""
    taps = {}
    for name, file in case.intermediates().items():
        found, tap = next(((m, t) for m, t in ((re.fullmatch(p, name), t) for p, t in names.items()) if m), (None, None))
        if not found:
            raise Refused(f"{case.path}: no tap is known for the intermediate {name}")
        data = case.array(file)
        key, data = tap(found, data, file) if callable(tap) else (found.expand(tap), data)
        taps[key] = data, file
    return taps


def save_timm_hub(folder, seed, architecture, size, **args):
    """A model of timm as its push_to_hf_hub writes it, with an input and the logits in float64."""
    import timm
    import torch
    from timm.models import save_for_hf
    args = dict(img_size=size, **args)
    os.makedirs(folder, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    model = timm.create_model(architecture, num_classes=5, **args).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.3)
    save_for_hf(model, folder, model_config={"label_names": [f"class {i}" for i in range(5)]}, model_args=args)
    x = torch.randn(1, 3, size, size, generator=generator)
    with torch.no_grad():
        y = model.double()(x.double())
    np.save(os.path.join(folder, "x.npy"), x.numpy())
    np.save(os.path.join(folder, "expected64.npy"), y.numpy())
    print(f"{folder}: {', '.join(sorted(os.listdir(folder)))}")
