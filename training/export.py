"""Writes the model of a run as transformers and cvt read it.

    python export.py WORK NAME FOLDER [--cvt PROGRAM --out FILE.safetensors] [--expected FOLDER LINE.png LINE.png]

FOLDER gets config.json, model.safetensors (the moving average of the weights, float32) and preprocessor_config.json; it
opens as CvtForImageClassification. With --out, `cvt convert` makes the one file of float16 that is committed, with
golden data for `cvt verify`; with --expected, its test gets what PyTorch computes with those weights: x.npy from the
first 128 columns of the lines, logits.npy.
"""

import argparse
import json
import os
import subprocess

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

import model
from classes import CLASSES

RECIPE = {
    "preprocess": {
        "input_size": [1, 32, 256],
        "crop_mode": "windows",
        "interpolation": "bicubic",
        "mean": 0.5,
        "std": 0.5,
    }
}


def expect(cfg, weights, folder, lines):
    """x.npy, lines as the network reads them, and logits.npy, what it computes in float32 from weights of float16."""
    net = model.Cvt(cfg)
    net.load_state_dict({k: v.half().float() if v.is_floating_point() else v for k, v in weights.items()})
    x = [np.asarray(Image.open(p).convert("L"), np.float32)[:, :128] / 127.5 - 1 for p in lines]
    x = np.stack(x)[:, None]
    with torch.no_grad():
        logits = net.eval()(torch.from_numpy(x)).numpy()
    os.makedirs(folder, exist_ok=True)
    np.save(os.path.join(folder, "x.npy"), x)
    np.save(os.path.join(folder, "logits.npy"), logits)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("work")
    p.add_argument("name")
    p.add_argument("folder")
    p.add_argument("--cvt", default="cvt")
    p.add_argument("--out")
    p.add_argument("--expected", nargs="+")
    a = p.parse_args()
    s = torch.load(os.path.join(a.work, a.name, "last.pt"), weights_only=False, map_location="cpu")
    labels = ["upright", "upside down"] if s["cfg"]["num_labels"] == 2 else [f"{code} {name}" for code, name in CLASSES]
    config = {
        **s["cfg"],
        "id2label": {str(i): t for i, t in enumerate(labels)},
        "label2id": {t: i for i, t in enumerate(labels)},
    }
    del config["num_labels"]
    os.makedirs(a.folder, exist_ok=True)
    for name, value in (("config.json", config), ("preprocessor_config.json", RECIPE)):
        with open(os.path.join(a.folder, name), "w") as f:
            json.dump(value, f, indent=1)
    weights = {k: v.contiguous().float() if v.is_floating_point() else v for k, v in s["mean"].items()}
    save_file(weights, os.path.join(a.folder, "model.safetensors"), metadata={"format": "pt"})
    print(f"step {s['step']}, {s['images']} images, {s['seconds'] / 3600:.2f} h")
    if a.expected:
        expect(s["cfg"], weights, a.expected[0], a.expected[1:])
    if a.out:
        options = ["--dtype", "f16", "--golden", "4", "--force"]
        subprocess.run([a.cvt, "convert", a.folder, *options, "-o", a.out], check=True)


if __name__ == "__main__":
    main()
